//! The machine in a world of events that comes faster than real time.

use std::cmp::Ordering;
use std::collections::{BinaryHeap, HashSet};

use proptest::prelude::*;
use shared::geometry::{Geometry, VideoSize};
use shared::input::Key;

use super::*;

const ROUND_TRIP: f64 = 20.0;

/// What the world is like at the moment.
#[derive(Clone, Copy, Debug)]
struct Weather {
    /// HTTP, and the web socket over it.
    http: bool,
    /// WebRTC's packets.
    media: bool,
    /// The page is seen, so that frames are shown.
    visible: bool,
}

impl Default for Weather {
    fn default() -> Self {
        Weather {
            http: true,
            media: true,
            visible: true,
        }
    }
}

/// What the server says of the session.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Session {
    Runs,
    /// It has forgotten this viewer only.
    ForgetsViewer,
    Gone,
}

struct World {
    now: f64,
    machine: Machine,
    weather: Weather,
    session: Session,
    takes_h264: bool,
    /// What the answers to one question take; offers alone.
    answer_millis: f64,
    coming: BinaryHeap<Coming>,
    order: u64,
    /// The peer that exists, and whether it is connected.
    peer: Option<u32>,
    connected: Option<u32>,
    socket: Option<u32>,
    polls: HashSet<u32>,
    packets: f64,
    done: Vec<(f64, Action)>,
}

struct Coming {
    at: f64,
    order: u64,
    event: Event,
}

impl PartialEq for Coming {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}
impl Eq for Coming {}
impl PartialOrd for Coming {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Coming {
    fn cmp(&self, other: &Self) -> Ordering {
        (other.at.total_cmp(&self.at)).then(other.order.cmp(&self.order))
    }
}

fn state(version: u64, phase: Phase) -> Box<SessionState> {
    let size = VideoSize::new(1280, 720).expect("even");
    Box::new(SessionState {
        version,
        phase,
        viewers: 1,
        ..SessionState::starting(Geometry::unscaled(size), true)
    })
}

fn key() -> ClientMessage {
    ClientMessage::Key(Key {
        code: "KeyA".to_owned(),
        key: "a".to_owned(),
        pressed: true,
        repeat: false,
        modifiers: Default::default(),
    })
}

fn not_found() -> ApiError {
    ApiError::NotFound("This session has ended.".to_owned())
}

fn unreachable() -> ApiError {
    ApiError::Unreachable("The server cannot be reached.".to_owned())
}

impl World {
    fn new() -> World {
        World {
            now: 0.0,
            machine: Machine::new(Visibility::Visible, 0.0),
            weather: Weather::default(),
            session: Session::Runs,
            takes_h264: true,
            answer_millis: 10.0,
            coming: BinaryHeap::new(),
            order: 0,
            peer: None,
            connected: None,
            socket: None,
            polls: HashSet::new(),
            packets: 0.0,
            done: Vec::new(),
        }
    }

    /// A viewer that sees pictures by WebRTC.
    fn live() -> World {
        let mut world = World::new();
        world.tell(Event::SocketDecoder(SocketDecoder::Able));
        world.run(1_000.0);
        assert_eq!(world.state(), State::Live { via: Via::WebRtc });
        world
    }

    fn state(&self) -> State {
        self.machine.state().clone()
    }

    fn obstacle(&self) -> Option<&str> {
        self.machine.view().obstacle
    }

    fn soon(&mut self, after: f64, event: Event) {
        self.order += 1;
        self.coming.push(Coming {
            at: self.now + after,
            order: self.order,
            event,
        });
    }

    fn peer_soon(&mut self, after: f64, attempt: u32, event: PeerEvent) {
        self.soon(after, Event::Peer { attempt, event });
    }

    /// What happens now, and what the world answers.
    fn tell(&mut self, event: Event) {
        if let Event::Peer {
            attempt,
            event: PeerEvent::Reported { .. } | PeerEvent::ReportFailed,
        } = &event
        {
            self.polls.remove(attempt);
        }
        let actions = self.machine.on(event, self.now);
        for action in actions {
            self.perform(&action);
            self.done.push((self.now, action));
        }
        match self.machine.deadline() {
            Some(deadline) => assert!(
                deadline > self.now && deadline <= self.now + SAMPLE_MILLIS,
                "at {}, the next deadline is {deadline}",
                self.now
            ),
            None => assert!(matches!(self.state(), State::Over(_))),
        }
    }

    fn perform(&mut self, action: &Action) {
        let Weather {
            http,
            media,
            visible,
        } = self.weather;
        match action {
            Action::Join => {
                let event = match self.session {
                    _ if !http => Event::JoinRefused(unreachable()),
                    Session::Gone => Event::JoinRefused(not_found()),
                    Session::Runs | Session::ForgetsViewer => {
                        self.session = Session::Runs;
                        Event::Joined {
                            member: Member {
                                viewer: "viewer".parse().expect("letters"),
                                ice_servers: Vec::new(),
                            },
                            state: state(1, Phase::Running),
                        }
                    }
                };
                self.soon(ROUND_TRIP, event);
            }
            Action::CreatePeer { attempt } => {
                assert_eq!(self.peer, None, "the former peer is closed first");
                self.peer = Some(*attempt);
                let takes_h264 = self.takes_h264;
                self.peer_soon(5.0, *attempt, PeerEvent::OfferReady { takes_h264 });
            }
            Action::ClosePeer => {
                assert!(self.peer.take().is_some(), "there is a peer to close");
                self.connected = None;
            }
            Action::SendOffer { attempt } => {
                assert_eq!(self.peer, Some(*attempt));
                let answer = match self.session {
                    _ if !http => Err(unreachable()),
                    Session::Runs => Ok("answer".to_owned()),
                    Session::ForgetsViewer | Session::Gone => Err(not_found()),
                };
                self.peer_soon(self.answer_millis, *attempt, PeerEvent::Answered(answer));
            }
            Action::AcceptAnswer { .. } => {
                let attempt = self.peer.expect("it has an answer");
                if media {
                    self.connected = Some(attempt);
                    self.peer_soon(50.0, attempt, PeerEvent::Ice(Ice::Connected));
                    self.peer_soon(60.0, attempt, PeerEvent::ControlOpened);
                    if visible {
                        self.peer_soon(80.0, attempt, PeerEvent::Shown);
                    }
                }
            }
            // A keyframe is on its way.
            Action::AwaitPicture | Action::Send(ClientMessage::SkipToLive) if media && visible => {
                if let Some(attempt) = self.connected {
                    self.peer_soon(30.0, attempt, PeerEvent::Shown);
                }
            }
            Action::OpenSocket { number } => {
                assert_eq!(self.socket, None, "the former socket is closed first");
                self.socket = Some(*number);
                let events: &[_] = match http {
                    true => &[SocketEvent::Opened, SocketEvent::Heard, SocketEvent::Shown],
                    false => &[SocketEvent::Closed],
                };
                for (place, event) in events.iter().enumerate() {
                    let (number, event) = (*number, *event);
                    self.soon(
                        ROUND_TRIP * (place + 1) as f64,
                        Event::Socket { number, event },
                    );
                }
            }
            Action::CloseSocket => {
                assert!(self.socket.take().is_some(), "there is a socket to close");
            }
            Action::PollStats(_) => {
                let attempt = self.peer.expect("there is a peer to ask");
                assert!(self.polls.insert(attempt), "one poll at a time");
                if media && self.connected.is_some() {
                    self.packets += 30.0;
                }
                let reading = Box::new(Reading {
                    at_millis: self.now + 1.0,
                    frames_received: self.packets,
                    frames_decoded: self.packets,
                    transport_packets: self.packets,
                    ..Reading::default()
                });
                let frames = FramesSeen {
                    shown: Some(true),
                    age_millis: None,
                };
                self.peer_soon(3.0, attempt, PeerEvent::Reported { reading, frames });
            }
            Action::Ping { number } | Action::Probe { number } => {
                let number = *number;
                if let (Some(attempt), true) = (self.connected, media) {
                    self.peer_soon(ROUND_TRIP, attempt, PeerEvent::Heard);
                    self.soon(ROUND_TRIP, pong(number));
                } else if let (Some(socket), true) = (self.socket, http) {
                    let event = SocketEvent::Heard;
                    let number_of_socket = socket;
                    self.soon(
                        ROUND_TRIP,
                        Event::Socket {
                            number: number_of_socket,
                            event,
                        },
                    );
                    self.soon(ROUND_TRIP, pong(number));
                }
            }
            Action::AskReachable {
                question,
                within_millis,
            } => {
                let question = *question;
                let (after, reachable) = match http {
                    true => (ROUND_TRIP, true),
                    false => (*within_millis, false),
                };
                self.soon(
                    after,
                    Event::Reachable {
                        question,
                        reachable,
                    },
                );
            }
            Action::LongPoll { membership, .. } => {
                let (after, outcome) = match self.session {
                    _ if !http => (ROUND_TRIP, Err(unreachable())),
                    Session::Runs => (20_000.0, Ok(state(1, Phase::Running))),
                    Session::ForgetsViewer | Session::Gone => (ROUND_TRIP, Err(not_found())),
                };
                let membership = *membership;
                self.soon(
                    after,
                    Event::LongPolled {
                        membership,
                        outcome,
                    },
                );
            }
            Action::Post(_) => {
                let delivery = match http {
                    true => Delivery::Arrived,
                    false => Delivery::Failed,
                };
                self.soon(ROUND_TRIP, Event::Posted(delivery));
            }
            _ => {}
        }
    }

    /// Until then, as the machine's deadlines and the world have it.
    fn run(&mut self, millis: f64) {
        let end = self.now + millis;
        if self.now == 0.0 && self.done.is_empty() {
            self.tell(Event::Timer);
        }
        loop {
            let next = self.coming.peek().map(|coming| coming.at);
            let deadline = self.machine.deadline();
            let first = [next, deadline].into_iter().flatten().reduce(f64::min);
            match first {
                Some(at) if at <= end => {
                    self.now = self.now.max(at);
                    let event = match next {
                        Some(next) if next <= at => self.coming.pop().expect("peeked").event,
                        _ => Event::Timer,
                    };
                    if self.arrives(&event) {
                        self.tell(event);
                    }
                }
                _ => break,
            }
        }
        self.now = end;
    }

    /// What a wire that was cut meanwhile brings, and a page that is not seen.
    fn arrives(&mut self, event: &Event) -> bool {
        match event {
            Event::Peer {
                attempt,
                event: PeerEvent::Shown,
            } => self.weather.media && self.weather.visible && self.connected == Some(*attempt),
            Event::Peer {
                event: PeerEvent::Heard | PeerEvent::ControlOpened | PeerEvent::Ice(_),
                ..
            } => self.weather.media,
            Event::Socket { number, event } => {
                *event == SocketEvent::Closed || self.weather.http && self.socket == Some(*number)
            }
            _ => true,
        }
    }

    fn run_until(&mut self, within: f64, is_so: impl Fn(&World) -> bool) -> f64 {
        let began = self.now;
        while self.now - began < within {
            if is_so(self) {
                return self.now - began;
            }
            self.run(10.0);
        }
        panic!("still {:?} after {within} ms", self.state());
    }

    fn count(&self, is_one: impl Fn(&Action) -> bool) -> usize {
        self.done
            .iter()
            .filter(|(_, action)| is_one(action))
            .count()
    }

    fn peers(&self) -> usize {
        self.count(|action| matches!(action, Action::CreatePeer { .. }))
    }
}

fn pong(number: u32) -> Event {
    Event::Pong {
        number,
        accepted: 0,
        round_trip_millis: Some(ROUND_TRIP),
    }
}

#[test]
fn a_viewer_joins_and_sees_pictures_by_webrtc() {
    let mut world = World::new();
    let live = world.run_until(1_000.0, |world| {
        world.state() == State::Live { via: Via::WebRtc }
    });
    assert!(live <= 130.0, "{live}");
    assert_eq!(world.machine.view().link, Link::Connected);
    world.run(60_000.0);
    assert_eq!((world.peers(), world.socket), (1, None));
    assert_eq!(world.count(|action| *action == Action::Join), 1);
    let samples = world.count(|action| *action == Action::Sample);
    assert!((59..=61).contains(&samples), "{samples}");
    let polls = world.count(|action| matches!(action, Action::PollStats(_)));
    assert!((115..=125).contains(&polls), "{polls}");
}

#[test]
fn without_webrtc_there_is_a_socket_after_three_seconds_and_webrtc_wins_later() {
    let mut world = World::new();
    world.weather.media = false;
    world.tell(Event::SocketDecoder(SocketDecoder::Able));
    world.run(2_990.0);
    assert_eq!((world.state(), world.socket), (State::Negotiating, None));
    world.run_until(500.0, |world| {
        world.state() == State::Live { via: Via::Socket }
    });
    // The attempt gives up; the next one follows in a minute.
    world.run(20_000.0);
    assert_eq!(world.peers(), 1);
    world.weather.media = true;
    world.run_until(60_000.0, |world| {
        world.state() == State::Live { via: Via::WebRtc }
    });
    assert_eq!((world.peers(), world.socket), (2, None));
    assert_eq!(world.machine.view().incidents.interruptions, 0);
}

#[test]
fn a_network_that_changed_brings_the_next_attempt_at_once() {
    let mut world = World::new();
    world.weather.media = false;
    world.tell(Event::SocketDecoder(SocketDecoder::Able));
    world.run(15_000.0);
    world.weather.media = true;
    world.tell(Event::SurroundingsChanged(Visibility::Visible));
    world.run(200.0);
    assert_eq!(world.state(), State::Live { via: Via::WebRtc });
}

#[test]
fn a_socket_that_falls_silent_is_replaced() {
    let mut world = World::new();
    world.weather.media = false;
    world.tell(Event::SocketDecoder(SocketDecoder::Able));
    world.run(15_000.0);
    assert_eq!(world.state(), State::Live { via: Via::Socket });
    world.weather.http = false;
    world.run(8_000.0);
    assert!(matches!(world.state(), State::Stalled { .. }));
    world.weather.http = true;
    world.run_until(6_000.0, |world| {
        world.state() == State::Live { via: Via::Socket }
    });
    assert_eq!(world.machine.view().incidents.interruptions, 1);
}

#[test]
fn nothing_is_told_before_the_second_attempt_has_failed() {
    let mut world = World::new();
    world.weather.media = false;
    world.tell(Event::SocketDecoder(SocketDecoder::Unable));
    world.run(2_900.0);
    assert_eq!(world.obstacle(), None);
    world.run(25_000.0);
    assert_eq!(world.obstacle(), Some(NO_PICTURES));
    assert_eq!(world.socket, None);
}

#[test]
fn silence_is_noticed_within_little_more_than_a_second_and_the_same_peer_is_back() {
    let mut world = World::live();
    world.weather.media = false;
    world.weather.http = false;
    let noticed = world.run_until(2_000.0, |world| {
        matches!(world.state(), State::Stalled { .. })
    });
    assert!((1_000.0..=1_500.0).contains(&noticed), "{noticed}");
    assert_eq!(world.machine.view().link, Link::Reconnecting);
    assert_eq!(world.machine.admit(&key()), Admission::Refused);
    world.run(1_000.0);
    world.weather = Weather::default();
    world.run_until(1_000.0, |world| {
        world.state() == State::Live { via: Via::WebRtc }
    });
    assert_eq!(world.peers(), 1, "the same peer is heard again");
    assert!(world.count(|action| *action == Action::Send(ClientMessage::SkipToLive)) >= 1);
    let incidents = world.machine.view().incidents.clone();
    assert_eq!((incidents.interruptions, incidents.missing_inputs), (1, 1));
}

#[test]
fn a_peer_that_stays_silent_although_the_server_answers_is_replaced() {
    let mut world = World::live();
    world.weather.media = false;
    let replaced = world.run_until(5_000.0, |world| world.peers() == 2);
    assert!((1_400.0..=2_200.0).contains(&replaced), "{replaced}");
    world.weather.media = true;
    world.run_until(20_000.0, |world| {
        world.state() == State::Live { via: Via::WebRtc }
    });
}

#[test]
fn a_hidden_page_that_is_heard_again_counts_as_seen() {
    let mut world = World::live();
    world.weather = Weather {
        http: false,
        media: false,
        visible: false,
    };
    world.run(3_000.0);
    assert!(matches!(world.state(), State::Stalled { .. }));
    (world.weather.media, world.weather.http) = (true, true);
    world.run(300.0);
    assert!(matches!(world.state(), State::Stalled { .. }));
    world.run(2_000.0);
    assert_eq!(world.state(), State::Live { via: Via::WebRtc });
    assert_eq!(world.peers(), 1);
}

#[test]
fn a_page_that_slept_skips_to_live_and_keeps_its_peer() {
    let mut world = World::live();
    let before = world.count(|action| *action == Action::Send(ClientMessage::SkipToLive));
    world.coming.clear();
    world.polls.clear();
    world.now += 60_000.0;
    world.tell(Event::Timer);
    world.run(1_000.0);
    assert_eq!(world.state(), State::Live { via: Via::WebRtc });
    let after = world.count(|action| *action == Action::Send(ClientMessage::SkipToLive));
    assert_eq!((after - before, world.peers()), (1, 1));
    assert_eq!(world.count(|action| *action == Action::ForgetClock), 1);
}

#[test]
fn a_connected_peer_that_shows_nothing_is_asked_for_a_keyframe() {
    let mut world = World::new();
    world.weather.visible = false;
    world.run(6_500.0);
    assert_eq!(world.state(), State::Negotiating);
    let asked = world.count(|action| *action == Action::Send(ClientMessage::SkipToLive));
    assert_eq!((asked, world.peers()), (3, 1));
}

#[test]
fn a_session_that_is_gone_is_over() {
    let mut world = World::new();
    world.session = Session::Gone;
    world.run(1_000.0);
    let reason = not_found().to_string();
    assert_eq!(world.state(), State::Over(End::Refused { reason }));
    assert_eq!((world.peer, world.machine.deadline()), (None, None));
    let before = world.done.len();
    world.run(60_000.0);
    assert_eq!(world.done.len(), before);
}

#[test]
fn a_session_that_ends_is_over_and_nobody_says_goodbye() {
    let mut world = World::live();
    let reason = "nobody watched it.".to_owned();
    let ended = Phase::Ended {
        reason: reason.clone(),
    };
    world.tell(Event::State(state(7, ended)));
    assert_eq!(world.state(), State::Over(End::Refused { reason }));
    assert_eq!(world.peer, None);
    assert_eq!(world.count(|action| matches!(action, Action::Leave(_))), 0);
}

#[test]
fn a_join_that_is_refused_for_now_is_tried_again() {
    let mut world = World::new();
    world.weather.http = false;
    world.run(3_000.0);
    assert_eq!(world.state(), State::Joining);
    assert!(world.obstacle().is_some());
    world.weather.http = true;
    world.run_until(6_000.0, |world| {
        world.state() == State::Live { via: Via::WebRtc }
    });
    assert_eq!(world.obstacle(), None);
}

#[test]
fn a_viewer_that_the_server_forgot_joins_again() {
    let mut world = World::live();
    world.session = Session::ForgetsViewer;
    let attempt = world.peer.expect("live");
    let event = PeerEvent::ControlClosed;
    world.tell(Event::Peer { attempt, event });
    world.run(2_000.0);
    assert_eq!(world.state(), State::Live { via: Via::WebRtc });
    assert_eq!(world.count(|action| *action == Action::Join), 2);
}

#[test]
fn the_late_answer_of_an_older_attempt_changes_nothing() {
    let mut world = World::new();
    world.answer_millis = ANSWER_WITHIN_MILLIS + 300.0;
    world.run(5_150.0);
    assert_eq!(world.peers(), 2);
    world.answer_millis = 10.0;
    let accepted =
        |world: &World| world.count(|action| matches!(action, Action::AcceptAnswer { .. }));
    // The second attempt is at the server, too; the first one's answer comes now.
    world.run(300.0);
    assert_eq!(accepted(&world), 0);
    for event in [
        PeerEvent::Ice(Ice::Failed),
        PeerEvent::ControlClosed,
        PeerEvent::Shown,
    ] {
        let attempt = 1;
        world.tell(Event::Peer { attempt, event });
    }
    assert_eq!((world.state(), world.peer), (State::Negotiating, Some(2)));
}

#[test]
fn ice_alone_is_believed_where_no_channel_is_open() {
    let mut world = World::live();
    let attempt = world.peer.expect("live");
    world.tell(Event::Peer {
        attempt,
        event: PeerEvent::Ice(Ice::Disconnected),
    });
    assert_eq!(
        world.state(),
        State::Live { via: Via::WebRtc },
        "with a channel the server is asked"
    );
    let mut world = World::live();
    let Rtc::Up(up) = &mut world.machine.rtc else {
        panic!("live")
    };
    up.control = Control::Closed;
    let attempt = world.peer.expect("live");
    world.tell(Event::Peer {
        attempt,
        event: PeerEvent::Ice(Ice::Disconnected),
    });
    assert!(matches!(world.state(), State::Stalled { .. }));
}

#[test]
fn frames_that_pile_up_are_dropped_and_then_the_peer_is_replaced() {
    let mut world = World::live();
    let attempt = world.peer.expect("live");
    let mut received = 10_000.0;
    let began = world.now;
    while world.peer == Some(attempt) && world.now - began < 10_000.0 {
        world.now += LOOK_AFTER;
        received += 30.0;
        let asked = world.machine.on(Event::Timer, world.now);
        if asked.contains(&Action::PollStats(Purpose::Look)) {
            let reading = Box::new(Reading {
                at_millis: world.now,
                frames_received: received,
                transport_packets: received,
                bytes_received: received,
                ..Reading::default()
            });
            let frames = FramesSeen::default();
            let event = PeerEvent::Reported { reading, frames };
            for action in world.machine.on(Event::Peer { attempt, event }, world.now) {
                world.perform(&action);
                world.done.push((world.now, action));
            }
        }
    }
    assert_eq!(world.machine.view().incidents.skips, 2);
    assert!(matches!(world.state(), State::Stalled { .. }));
}

const LOOK_AFTER: f64 = super::super::stall_detector::LOOK_MILLIS;

#[test]
fn what_is_sent_before_a_channel_is_open_waits_for_a_server_function() {
    let mut world = World::new();
    world.run(30.0);
    assert_eq!(world.machine.admit(&key()), Admission::Channel);
    let batch = world.machine.enqueue(key()).expect("the server knows us");
    assert_eq!(batch, [key()]);
    assert_eq!(world.machine.admit(&key()), Admission::Queue);
    assert_eq!(world.machine.enqueue(key()), None, "one batch at a time");
    world.tell(Event::Posted(Delivery::Arrived));
    assert_eq!(world.count(|action| matches!(action, Action::Post(_))), 1);
}

#[test]
fn a_browser_without_h264_in_webrtc_takes_the_socket_at_once() {
    let mut world = World::new();
    world.takes_h264 = false;
    world.tell(Event::SocketDecoder(SocketDecoder::Able));
    let live = world.run_until(1_000.0, |world| {
        world.state() == State::Live { via: Via::Socket }
    });
    assert!(live <= 200.0, "{live}");
    assert_eq!(world.obstacle(), None);
    world.run(50_000.0);
    assert_eq!(world.peers(), 1);
    // Firefox has fetched its plugin meanwhile.
    world.takes_h264 = true;
    world.run(15_000.0);
    assert_eq!(world.state(), State::Live { via: Via::WebRtc });
}

#[test]
fn a_browser_that_cannot_decode_h264_at_all_says_so_at_once() {
    let mut world = World::new();
    world.takes_h264 = false;
    world.run(500.0);
    let link = |world: &World| world.machine.view().link;
    assert_eq!(
        link(&world),
        Link::Connecting,
        "WebCodecs have not answered"
    );
    world.tell(Event::SocketDecoder(SocketDecoder::Unable));
    let told = link(&world);
    assert!(matches!(told, Link::Unsupported { .. }), "{told:?}");
    world.run(100_000.0);
    assert_eq!(world.socket, None);
    assert_eq!(link(&world), told);
    assert!(world.machine.admit(&key()) != Admission::Refused);
}

#[test]
fn who_leaves_says_goodbye_once_and_lets_go_of_everything() {
    let mut world = World::live();
    world.tell(Event::Left);
    world.tell(Event::Left);
    assert_eq!(world.count(|action| matches!(action, Action::Leave(_))), 1);
    assert_eq!((world.peer, world.socket), (None, None));
    let mut early = World::new();
    early.tell(Event::Timer);
    early.tell(Event::Left);
    early.run(100.0);
    let left = early.count(|action| matches!(action, Action::Leave(_)));
    assert_eq!(left, 1, "whoever joins too late leaves again");
}

/// What may happen at any time.
#[derive(Clone, Debug)]
enum Mishap {
    Weather(bool, bool, bool),
    Session(bool),
    Changed,
    Codec(bool),
    Peer(u32, u8),
    Socket(u32, u8),
    Key,
    Sleep(f64),
}

fn mishap() -> impl Strategy<Value = Mishap> {
    prop_oneof![
        any::<(bool, bool, bool)>()
            .prop_map(|(http, media, seen)| Mishap::Weather(http, media, seen)),
        any::<bool>().prop_map(Mishap::Session),
        Just(Mishap::Changed),
        any::<bool>().prop_map(Mishap::Codec),
        (0u32..3, 0u8..9).prop_map(|(back, which)| Mishap::Peer(back, which)),
        (0u32..3, 0u8..4).prop_map(|(back, which)| Mishap::Socket(back, which)),
        Just(Mishap::Key),
        (1_000.0..30_000.0f64).prop_map(Mishap::Sleep),
    ]
}

impl World {
    fn suffer(&mut self, mishap: Mishap) {
        match mishap {
            Mishap::Weather(http, media, visible) => {
                self.weather = Weather {
                    http,
                    media,
                    visible,
                };
            }
            Mishap::Session(forgets) => {
                self.session = match forgets {
                    true => Session::ForgetsViewer,
                    false => Session::Runs,
                };
            }
            Mishap::Changed => {
                let visibility = match self.weather.visible {
                    true => Visibility::Visible,
                    false => Visibility::Hidden,
                };
                self.tell(Event::SurroundingsChanged(visibility));
            }
            Mishap::Codec(takes_h264) => self.takes_h264 = takes_h264,
            Mishap::Peer(back, which) => {
                let attempt = self.machine.attempt.saturating_sub(back);
                let event = match which {
                    0 => PeerEvent::Ice(Ice::Disconnected),
                    1 if self.connected == Some(attempt) => PeerEvent::Ice(Ice::Connected),
                    1 => PeerEvent::Ice(Ice::Connecting),
                    2 => PeerEvent::Ice(Ice::Failed),
                    3 => PeerEvent::ControlOpened,
                    4 => PeerEvent::ControlClosed,
                    5 => PeerEvent::Heard,
                    6 => PeerEvent::Shown,
                    7 => PeerEvent::Answered(Err(unreachable())),
                    _ => PeerEvent::Impossible {
                        sentence: "Your browser cannot connect: no.".to_owned(),
                    },
                };
                self.tell(Event::Peer { attempt, event });
            }
            Mishap::Socket(back, which) => {
                let number = self.socket.unwrap_or_default().saturating_sub(back);
                let event = match which {
                    0 => SocketEvent::Opened,
                    1 => SocketEvent::Heard,
                    2 => SocketEvent::Shown,
                    _ => SocketEvent::Closed,
                };
                self.tell(Event::Socket { number, event });
            }
            Mishap::Key => {
                if self.machine.admit(&key()) != Admission::Refused
                    && let Some(batch) = self.machine.enqueue(key())
                {
                    self.perform(&Action::Post(batch));
                }
            }
            Mishap::Sleep(millis) => {
                self.now += millis;
                self.tell(Event::Timer);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Ten minutes of anything: there is always a deadline, one peer, one socket and one poll at a time (`World` sees to
    /// that); and when all is well again, there is a live picture.
    #[test]
    fn after_anything_there_is_a_live_picture(
        mishaps in prop::collection::vec((0.0..10_000.0f64, mishap()), 60),
    ) {
        let mut world = World::new();
        world.tell(Event::SocketDecoder(SocketDecoder::Able));
        for (pause, mishap) in mishaps {
            world.run(pause);
            world.suffer(mishap);
        }
        world.weather = Weather::default();
        world.takes_h264 = true;
        world.session = Session::Runs;
        world.tell(Event::SurroundingsChanged(Visibility::Visible));
        world.run(75_000.0);
        prop_assert_eq!(world.state(), State::Live { via: Via::WebRtc });
        prop_assert_eq!(world.obstacle(), None);
    }
}
