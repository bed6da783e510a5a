//! A viewer's connection to its session: join → offer → answer → pictures and messages; lost → a fresh peer.
//!
//! What is to be done is decided by the [`machine`]; [`Connection`] carries it out.

// What the components see of it.
pub mod view_state;
// What is to be done: one machine, and the policies that are its parts.
mod events;
mod machine;
// ◦ when to try again, by which way
mod backoff;
mod codec_support;
mod fallback;
mod long_poll;
mod reachability;
// ◦ is it still live, and what waits
mod liveness;
pub mod stall_detector;
mod stats_poller;
// ◦ what the person did: in order, and counted
mod input_accounting;
mod outbox;
// One peer's life.
mod peer;
// Where WebRTC finds no way: a web socket.
mod codecs;
mod socket;
// Which frames are on the screen, and when the next ones are best drawn.
mod frame_observer;
pub(crate) mod frames;
mod vsync_phase;

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::pin::Pin;
use std::rc::{Rc, Weak};
use std::time::Duration;

use js_sys::Array;
use leptos::prelude::*;
use leptos::task::spawn_local;
use shared::geometry::Viewport;
use shared::message::{ClientMessage, MOST_MEASUREMENTS, ServerMessage, Stamped};
use shared::session::{SessionId, ViewerId};
use wasm_bindgen::JsValue;
use web_sys::{
    Blob, BlobPropertyBag, Event as DomEvent, HtmlCanvasElement, HtmlVideoElement, MediaStream,
    MediaStreamTrack, VisibilityState,
};

use crate::api;
use crate::dom::{Alarm, Listener, answers, listen, now, said, window};
use crate::sound::Speaker;
use crate::stats::input_trace::InputKind;
use crate::stats::meter::Meter;
use crate::stats::reading::Reading;
use crate::stats::rtc_stats;
use events::{Action, Admission, Delivery, Event, Member, PeerEvent, SocketEvent, Visibility};
use frame_observer::FrameObserver;
use machine::{End, Machine, State, Via};
use peer::{Peer, PeerCallbacks};
use socket::{Socket, SocketCallbacks};
use stats_poller::Purpose;
use view_state::ViewState;

/// Moves that have not left yet, in bytes: more would only be late ones, and the next is never far.
const WAITING_MOVES: u32 = 1024;

pub struct Connection {
    view: ViewState,
    session: SessionId,
    machine: RefCell<Machine>,
    /// What happened while something else is carried out, in order.
    events: RefCell<VecDeque<Event>>,
    is_performing: Cell<bool>,
    /// The one timer, and for when it is set: the machine's next deadline, or an earlier moment.
    alarm: Alarm,
    alarm_at: Cell<Option<f64>>,
    peer: RefCell<Option<Rc<Peer>>>,
    socket: RefCell<Option<Rc<Socket>>>,
    video: HtmlVideoElement,
    canvas: HtmlCanvasElement,
    speaker: Rc<Speaker>,
    /// One for all peers: the last picture stays until the next peer's first.
    stream: MediaStream,
    /// The room for the page.
    viewport: Cell<Option<Viewport>>,
    /// What inputs take to be seen.
    meter: Rc<Meter>,
    frames: Rc<FrameObserver>,
    /// At the last sample of the statistics.
    sampled: RefCell<Option<Reading>>,
    listeners: RefCell<Vec<Listener>>,
}

impl Connection {
    /// Starts at once and keeps trying until [`Connection::close`] or the session's end.
    /// Pictures are shown by `video`, or by `canvas`, which lies over it and is hidden meanwhile.
    pub fn open(
        view: ViewState,
        video: HtmlVideoElement,
        canvas: HtmlCanvasElement,
        viewport: Option<Viewport>,
    ) -> Result<Rc<Connection>, JsValue> {
        let stream = MediaStream::new()?;
        let meter = Meter::new(video.clone());
        let speaker = Speaker::new(view);
        let connection = Rc::new_cyclic(|weak: &Weak<Connection>| {
            let alarmed = weak.clone();
            let alarm = Alarm::new(move || {
                if let Some(connection) = alarmed.upgrade() {
                    connection.alarm_at.set(None);
                    connection.on(Event::Timer);
                }
            });
            let mentioning = weak.clone();
            let vsync_offset = move |micros| {
                if let Some(connection) = mentioning.upgrade() {
                    connection.mention(ClientMessage::VsyncOffset { micros });
                }
            };
            Connection {
                session: view.session(),
                view,
                machine: RefCell::new(Machine::new(visibility(), now())),
                events: RefCell::default(),
                is_performing: Cell::new(false),
                alarm,
                alarm_at: Cell::new(None),
                peer: RefCell::default(),
                socket: RefCell::default(),
                frames: FrameObserver::new(video.clone(), meter.clone(), vsync_offset),
                video,
                canvas,
                speaker,
                stream,
                viewport: Cell::new(viewport),
                meter,
                sampled: RefCell::default(),
                listeners: RefCell::default(),
            }
        });
        *connection.listeners.borrow_mut() = connection.listen();
        connection.expect(async { Event::SocketDecoder(codecs::probe().await) });
        connection.on(Event::Timer);
        Ok(connection)
    }

    /// Says goodbye and lets go of the peer.
    pub fn close(self: &Rc<Self>) {
        self.on(Event::Left);
        self.speaker.close();
    }

    /// The room for the page has another size.
    pub fn set_viewport(self: &Rc<Self>, viewport: Viewport) {
        let before = self.viewport.replace(Some(viewport));
        // Whoever joins later says it then.
        if before != Some(viewport) && self.machine.borrow().member().is_some() {
            self.send(ClientMessage::Viewport(viewport));
        }
    }

    /// Sends now, in the caller's own turn: a DOM handler's message leaves before the handler returns.
    pub fn send(self: &Rc<Self>, message: ClientMessage) {
        self.send_stamped(Stamped {
            input: None,
            sent_micros: self.meter.server_micros(now()),
            message,
        });
    }

    /// Sends what the person did with this event, and measures when that is seen.
    pub fn act(self: &Rc<Self>, kind: InputKind, event: &DomEvent, message: ClientMessage) {
        let happened = event.time_stamp();
        let input = self.meter.name(kind, happened);
        // Before it is sent: afterwards the server may have it already.
        let dispatched = now();
        let direct = self.send_stamped(Stamped {
            input,
            sent_micros: self.meter.server_micros(dispatched),
            message,
        });
        if let (Some(input), true) = (input, direct) {
            self.meter.sent(input, happened, dispatched);
        }
    }

    // Events in, actions out.

    fn on(self: &Rc<Self>, event: Event) {
        self.events.borrow_mut().push_back(event);
        if self.is_performing.replace(true) {
            return;
        }
        loop {
            let next = self.events.borrow_mut().pop_front();
            let Some(event) = next else {
                break;
            };
            let actions = self.machine.borrow_mut().on(event, now());
            for action in actions {
                self.perform(action);
            }
        }
        self.is_performing.set(false);
        self.publish();
        self.set_alarm();
    }

    /// What comes of it is an event; without the connection nobody needs to know.
    fn teller<T: 'static>(
        self: &Rc<Self>,
        event: impl Fn(T) -> Event + 'static,
    ) -> impl Fn(T) + 'static {
        let weak = Rc::downgrade(self);
        move |told| {
            if let Some(connection) = weak.upgrade() {
                connection.on(event(told));
            }
        }
    }

    /// What is awaited ends in an event.
    fn expect(self: &Rc<Self>, event: impl Future<Output = Event> + 'static) {
        self.expect_boxed(Box::pin(event));
    }

    /// Compiled once, and not for each that is awaited.
    fn expect_boxed(self: &Rc<Self>, event: Pin<Box<dyn Future<Output = Event>>>) {
        let this = self.clone();
        spawn_local(async move { this.on(event.await) });
    }

    /// No later than the machine's deadline; when it is earlier, the machine has nothing to do and it is set anew.
    fn set_alarm(&self) {
        let Some(deadline) = self.machine.borrow().deadline() else {
            return self.alarm.clear();
        };
        if self.alarm_at.get().is_none_or(|at| at > deadline) {
            self.alarm.set_at(Some(deadline));
            self.alarm_at.set(Some(deadline));
        }
    }

    /// The one place where what is shown of the connection is written.
    fn publish(&self) {
        let machine = self.machine.borrow();
        match machine.state() {
            // The components are going, too.
            State::Over(End::Left) => return,
            State::Live { via } => {
                // Otherwise the last picture stays.
                let hidden = *via != Via::Socket;
                if self.canvas.hidden() != hidden {
                    self.canvas.set_hidden(hidden);
                }
            }
            _ => {}
        }
        self.view.publish(machine.view());
    }

    fn perform(self: &Rc<Self>, action: Action) {
        match action {
            Action::Join => self.join(),
            Action::Leave(viewer) => self.leave(&viewer),
            Action::CreatePeer { attempt } => self.create_peer(attempt),
            Action::ClosePeer => {
                if let Some(peer) = self.peer.take() {
                    peer.close();
                    drop_later(peer);
                }
            }
            Action::SendOffer { attempt } => self.send_offer(attempt),
            Action::AcceptAnswer { sdp } => self.accept_answer(sdp),
            Action::OpenSocket { number } => self.open_socket(number),
            Action::CloseSocket => drop_later(self.socket.take()),
            Action::AwaitPicture => self.await_picture(),
            Action::ObserveFrames => self.frames.observe(),
            Action::ForgetFrames => self.frames.forget(),
            Action::PollStats(purpose) => self.poll_stats(purpose),
            Action::Send(message) => self.send(message),
            Action::Ping { number } => {
                self.meter.ping(number);
                self.mention(ClientMessage::Ping { number });
            }
            Action::Probe { number } => {
                self.meter.probe(number);
                if let Some(peer) = &*self.peer.borrow() {
                    peer.probe(number);
                }
            }
            Action::Post(batch) => self.post(batch),
            Action::LongPoll { membership, after } => self.long_poll(membership, after),
            Action::AskReachable {
                question,
                within_millis,
            } => self.expect(async move {
                let within = Duration::from_millis(within_millis as u64);
                Event::Reachable {
                    question,
                    reachable: answers("/healthz", within).await,
                }
            }),
            Action::Sample => self.sample(),
            Action::ForgetInputs => self.meter.forget(),
            Action::ForgetClock => self.meter.forget_clock(),
            Action::Show(state) => self.view.show_state(*state),
        }
    }

    fn listen(self: &Rc<Self>) -> Vec<Listener> {
        let changed = || self.teller(|_: DomEvent| Event::SurroundingsChanged(visibility()));
        let window = window();
        let mut listeners = vec![
            listen(&window, "online", changed()),
            listen(&window, "offline", changed()),
        ];
        if let Some(document) = window.document() {
            listeners.push(listen(&document, "resume", changed()));
            listeners.push(listen(&document, "visibilitychange", changed()));
        }
        listeners
    }

    // Membership.

    fn join(self: &Rc<Self>) {
        let (session, viewport) = (self.session.clone(), self.viewport.get());
        self.expect(async move {
            match api::join(session, viewport).await {
                Ok(joined) => Event::Joined {
                    member: Member {
                        viewer: joined.viewer,
                        ice_servers: joined.ice_servers,
                    },
                    state: Box::new(joined.state),
                },
                Err(refused) => Event::JoinRefused(refused),
            }
        });
    }

    fn leave(&self, viewer: &ViewerId) {
        let leave = serde_json::json!({ "session": self.session, "viewer": viewer });
        beacon("/api/leave", &leave.to_string());
    }

    fn member(&self) -> Option<Member> {
        self.machine.borrow().member().cloned()
    }

    fn long_poll(self: &Rc<Self>, membership: u32, after: u64) {
        let Some(member) = self.member() else {
            return;
        };
        let session = self.session.clone();
        self.expect(async move {
            let outcome = api::updates(session, member.viewer, after).await;
            Event::LongPolled {
                membership,
                outcome: outcome.map(Box::new),
            }
        });
    }

    // A peer.

    fn create_peer(self: &Rc<Self>, attempt: u32) {
        let shown = Rc::downgrade(self);
        let message = Rc::downgrade(self);
        let callbacks = PeerCallbacks {
            event: Rc::new(self.teller(move |event| Event::Peer { attempt, event })),
            track: Box::new(move |track| {
                let Some(connection) = shown.upgrade() else {
                    return;
                };
                match track.kind().as_str() {
                    "audio" => connection.speaker.play(&track),
                    _ => connection.show(&track),
                }
            }),
            message: Box::new(move |said| {
                if let Some(connection) = message.upgrade() {
                    connection.take_message(said);
                }
            }),
        };
        match Peer::new(callbacks) {
            Ok(peer) => {
                let peer = Rc::new(peer);
                *self.peer.borrow_mut() = Some(peer.clone());
                self.expect(async move {
                    let event = match peer.prepare().await {
                        Ok(takes_h264) => PeerEvent::OfferReady { takes_h264 },
                        Err(thrown) => not_possible(&thrown),
                    };
                    Event::Peer { attempt, event }
                });
            }
            Err(thrown) => self.on(Event::Peer {
                attempt,
                event: not_possible(&thrown),
            }),
        }
    }

    fn send_offer(self: &Rc<Self>, attempt: u32) {
        let (Some(peer), Some(member)) = (self.peer.borrow().clone(), self.member()) else {
            return;
        };
        let session = self.session.clone();
        self.expect(async move {
            let event = match peer.begin(&member.ice_servers).await {
                Ok(sdp) => {
                    let answer = api::offer(session, member.viewer, sdp).await;
                    PeerEvent::Answered(answer.map(|answer| answer.sdp))
                }
                Err(thrown) => not_possible(&thrown),
            };
            Event::Peer { attempt, event }
        });
    }

    fn accept_answer(self: &Rc<Self>, sdp: String) {
        let Some(peer) = self.peer.borrow().clone() else {
            return;
        };
        spawn_local(async move {
            if let Err(thrown) = peer.accept(&sdp).await {
                peer.tell(not_possible(&thrown));
            }
        });
    }

    fn show(self: &Rc<Self>, track: &MediaStreamTrack) {
        for old in self.stream.get_tracks().iter() {
            self.stream.remove_track(&MediaStreamTrack::from(old));
        }
        self.stream.add_track(track);
        // The element may have shown another session before.
        if self.video.src_object().as_ref() != Some(&self.stream) {
            self.video.set_src_object(Some(&self.stream));
        }
        // Muted video may always play; where it may not, the first click starts it.
        let _ = self.video.play();
        self.await_picture();
    }

    fn await_picture(&self) {
        if let Some(peer) = self.peer.borrow().clone() {
            frames::on_next_picture(&self.video, move || peer.tell(PeerEvent::Shown));
        }
    }

    fn poll_stats(self: &Rc<Self>, purpose: Purpose) {
        let Some(peer) = self.peer.borrow().clone() else {
            return;
        };
        let frames = self.frames.clone();
        spawn_local(async move {
            let event = match peer.report().await {
                Ok(told) => PeerEvent::Reported {
                    reading: Box::new(rtc_stats::read(&told)),
                    frames: match purpose {
                        Purpose::Look => frames.take(),
                        Purpose::Count => Default::default(),
                    },
                },
                Err(_) => PeerEvent::ReportFailed,
            };
            peer.tell(event);
        });
    }

    // A web socket.

    fn open_socket(self: &Rc<Self>, number: u32) {
        let (message, shown) = (Rc::downgrade(self), Rc::downgrade(self));
        let speaker = self.speaker.clone();
        let callbacks = SocketCallbacks {
            event: Box::new(self.teller(move |event| Event::Socket { number, event })),
            message: Box::new(move |said| {
                if let Some(connection) = message.upgrade() {
                    connection.take_message(said);
                }
            }),
            sound: Box::new(move |sound| speaker.take(sound)),
            shown: Box::new(move |frame| {
                if let Some(connection) = shown.upgrade() {
                    connection.meter.shown(frame);
                }
            }),
        };
        let opened = self.member().and_then(|member| {
            let canvas = self.canvas.clone();
            Socket::open(&self.session, &member.viewer, canvas, callbacks).ok()
        });
        match opened {
            Some(socket) => *self.socket.borrow_mut() = Some(socket),
            None => self.on(Event::Socket {
                number,
                event: SocketEvent::Closed,
            }),
        }
    }

    // Messages.

    fn take_message(self: &Rc<Self>, message: ServerMessage) {
        match message {
            ServerMessage::State(state) => self.on(Event::State(state)),
            ServerMessage::InputPresented(presented) => self.meter.presented(presented),
            ServerMessage::Pong {
                number,
                server_micros,
                accepted,
            } => self.on(Event::Pong {
                number,
                accepted,
                round_trip_millis: self.meter.pong(number, server_micros),
            }),
            other => self.view.take_message(other),
        }
    }

    /// `false` if no channel took it: then it waits for a server function, if it may, and is not measured.
    fn send_stamped(self: &Rc<Self>, stamped: Stamped) -> bool {
        let admission = self.machine.borrow_mut().admit(&stamped.message);
        match admission {
            Admission::Refused => {
                self.publish();
                return false;
            }
            Admission::Channel if self.send_directly(&stamped) => return true,
            Admission::Channel | Admission::Queue => {}
        }
        let batch = self.machine.borrow_mut().enqueue(stamped.message);
        if let Some(batch) = batch {
            self.post(batch);
        }
        false
    }

    fn send_directly(&self, stamped: &Stamped) -> bool {
        let (peer, socket) = (self.peer.borrow(), self.socket.borrow());
        peer.as_ref().is_some_and(|peer| peer.send(stamped))
            || socket.as_ref().is_some_and(|socket| socket.send(stamped))
    }

    /// What may as well be lost, for it is about this very moment.
    fn mention(&self, message: ClientMessage) {
        self.send_directly(&Stamped {
            input: None,
            sent_micros: None,
            message,
        });
    }

    fn post(self: &Rc<Self>, batch: Vec<ClientMessage>) {
        let Some(member) = self.member() else {
            return;
        };
        let this = self.clone();
        spawn_local(async move {
            let sent = api::send_input(this.session.clone(), member.viewer, batch);
            let delivery = match sent.await {
                Ok(replies) => {
                    for reply in replies {
                        this.take_message(reply);
                    }
                    Delivery::Arrived
                }
                Err(_) => Delivery::Failed,
            };
            this.on(Event::Posted(delivery));
        });
    }

    // Statistics.

    /// A second is over: shows what it was like, and tells the server what its inputs took to be seen.
    fn sample(&self) {
        let second = self.meter.take_second();
        if !second.inputs.is_empty() {
            let measurements = second.inputs.iter().map(|input| input.measurement);
            let measurements = measurements.take(MOST_MEASUREMENTS).collect();
            self.mention(ClientMessage::LatencyReport { measurements });
        }
        self.view.latency.update(|latency| {
            latency.push(second.inputs, second.offset, second.is_blind);
        });
        let Some(reading) = self.reading() else {
            return;
        };
        let before = self.sampled.replace(Some(reading.clone()));
        let server = self.view.server.try_update_value(Option::take).flatten();
        if let Some(sample) = before.and_then(|before| reading.since(&before, server)) {
            self.view.history.update(|history| history.push(sample));
        }
    }

    /// The counters of what shows pictures, if anything does.
    fn reading(&self) -> Option<Reading> {
        let machine = self.machine.borrow();
        let is_by_socket = *machine.state() == State::Live { via: Via::Socket };
        match &*self.socket.borrow() {
            Some(socket) if is_by_socket => Some(Reading {
                current_round_trip_time: self.meter.round_trip().map(|millis| millis / 1000.0),
                ..socket.reading()
            }),
            _ => machine.reading().cloned(),
        }
    }
}

fn visibility() -> Visibility {
    let document = window().document();
    let is_visible =
        document.is_some_and(|document| document.visibility_state() == VisibilityState::Visible);
    match is_visible {
        true => Visibility::Visible,
        false => Visibility::Hidden,
    }
}

/// It may be one of its own callbacks that is running.
fn drop_later<T: 'static>(owned: T) {
    spawn_local(async move { drop(owned) });
}

fn not_possible(thrown: &JsValue) -> PeerEvent {
    let cause = said(thrown);
    PeerEvent::Impossible {
        sentence: format!(
            "Your browser cannot connect: {}.",
            cause.trim_end_matches('.')
        ),
    }
}

/// A request would be cut off with the page; this is not.
fn beacon(url: &str, json: &str) {
    let kind = BlobPropertyBag::new();
    kind.set_type("application/json");
    let parts = Array::of1(&JsValue::from_str(json));
    if let Ok(body) = Blob::new_with_str_sequence_and_options(&parts, &kind) {
        // Full queues refuse it; the server notices the closed channel all the same.
        let _ = window()
            .navigator()
            .send_beacon_with_opt_blob(url, Some(&body));
    }
}
