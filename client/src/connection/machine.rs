//! Pure: what happens to a viewer's connection, and the time → what is to be done next, and what the person is shown.
//!
//! One state, one deadline. The performer ([`Connection`](super::Connection)) carries the actions out in order and tells
//! what comes of them as events; whatever is awaited has a number, so that a late answer to something older is ignored.
//!
//! A peer that shows pictures is watched ([`Liveness`]): when nothing at all comes over it any more, the picture is
//! dimmed and nothing that the person does is sent, so that nothing is carried out long after. Once the server can be
//! reached ([`Reachability`]) the same peer is heard within a moment, or a fresh one takes its place. What waits
//! somewhere ([`StallDetector`]) is dropped. Where WebRTC finds no way there is a web socket ([`Fallback`]).
//!
//! Times are milliseconds of this page's clock.

use shared::error::ApiError;
use shared::message::ClientMessage;
use shared::session::{Phase, SessionState, ViewerId};

use super::backoff::Backoff;
use super::codec_support::{Support, support};
use super::events::{
    Action, Admission, Delivery, Event, FramesSeen, Ice, Member, PeerEvent, SocketEvent, Visibility,
};
use super::fallback::{self, Fallback, SocketDecoder, Surroundings};
use super::input_accounting::InputAccounting;
use super::liveness::{Liveness, TICK_MILLIS};
use super::long_poll::LongPoll;
use super::outbox::Outbox;
use super::reachability::{self, Reachability};
use super::stall_detector::{Recovery, StallDetector};
use super::stats_poller::{Purpose, StatsPoller};
use super::view_state::Link;
use crate::stats::incidents::Incidents;
use crate::stats::reading::Reading;

/// ICE over TCP takes half a second; what is not there after this will not come.
const CONNECTED_WITHIN_MILLIS: f64 = 10_000.0;
/// What an offer may take; the server needs some milliseconds. A request on a way that broke may never be answered.
const ANSWER_WITHIN_MILLIS: f64 = 5_000.0;
/// A peer that is connected shows its first picture within some milliseconds, unless nobody looks at the page.
const FIRST_SHOWN_WITHIN_MILLIS: f64 = 2_000.0;
/// A peer that is heard again shows a picture at once, unless nobody looks at the page.
const RESUMED_WITHIN_MILLIS: f64 = 1_500.0;
/// ICE often finds its way back by itself; longer, and a fresh peer is faster. Only without a control channel: with one
/// the server is asked.
const BACK_WITHIN_MILLIS: f64 = 2_000.0;
/// The next attempt by WebRTC while the socket shows pictures, or while this browser has no H.264 for it.
const WEB_RTC_AGAIN_MILLIS: f64 = 60_000.0;
/// Each second belongs to one sample of the statistics, as on the server.
const SAMPLE_MILLIS: f64 = 1_000.0;
/// After so many attempts the person is told what may be in the way.
const PATIENT_ATTEMPTS: u32 = 1;

const NO_ANSWER: &str = "The server does not answer.";
/// WebRTC brings no pictures; the web socket may.
const NO_MEDIA: &str = "No pictures arrive: the server's media port may be blocked on the way.";
/// Neither of them brings any.
const NO_PICTURES: &str = "No pictures arrive: the server's media port may be blocked on the way, and over the web alone they need WebCodecs, which this browser lacks or keeps for pages from HTTPS.";

/// What the person has.
#[derive(Clone, Debug, PartialEq)]
pub enum State {
    /// The server does not know this viewer yet.
    Joining,
    /// It does, and no picture has been shown.
    Negotiating,
    Live {
        via: Via,
    },
    /// Pictures were shown, and nothing has come since.
    Stalled {
        since: f64,
    },
    /// Nothing happens any more.
    Over(End),
}

/// What brings the pictures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Via {
    WebRtc,
    Socket,
}

#[derive(Clone, Debug, PartialEq)]
pub enum End {
    /// The page is left: nobody looks any more.
    Left,
    /// For a reason that the person is told.
    Refused { reason: String },
}

/// What the person is shown; all of it follows from the machine.
#[derive(Debug)]
pub struct View<'a> {
    /// In whose name this page acts.
    pub viewer: Option<&'a ViewerId>,
    pub link: Link,
    /// Why the link is not there yet, in a sentence.
    pub obstacle: Option<&'a str>,
    pub incidents: &'a Incidents,
}

/// Becoming a viewer.
#[derive(Debug, PartialEq)]
enum Membership {
    None,
    Asked,
    Member(Member),
}

/// The attempt by WebRTC.
#[derive(Debug, PartialEq)]
enum Rtc {
    /// There is no peer; the next attempt begins then.
    Waiting {
        until: f64,
    },
    /// The peer makes its offer, while the server may be asked to join.
    Preparing(Offer),
    /// The server has the offer.
    Offered {
        until: f64,
    },
    Up(Up),
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Offer {
    Awaited,
    Ready,
}

/// A peer that has its answer.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Up {
    ice: Ice,
    control: Control,
    pictures: Pictures,
    /// Something is to have happened by then.
    until: Option<f64>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Control {
    Closed,
    Open,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Pictures {
    /// Its first.
    Awaited,
    Shown,
    /// Heard again; by then it is as good as seen.
    Resuming {
        until: f64,
    },
}

#[derive(Debug)]
pub struct Machine {
    state: State,
    membership: Membership,
    /// Of the membership: what comes for an older one is ignored.
    memberships: u32,
    rtc: Rtc,
    /// Of the present peer, or the last one.
    attempt: u32,
    attempts: Backoff,
    fallback: Fallback,
    decoder: SocketDecoder,
    offers_h264: bool,
    liveness: Liveness,
    reachability: Reachability,
    stalls: StallDetector,
    stats: StatsPoller,
    long_poll: LongPoll,
    accounting: InputAccounting,
    outbox: Outbox,
    next_ping: u32,
    visibility: Visibility,
    /// Of the session's state, 0 before the first.
    version: u64,
    is_running: bool,
    obstacle: Option<String>,
    incidents: Incidents,
    tick_at: f64,
    sample_at: f64,
    actions: Vec<Action>,
}

impl Machine {
    /// Begins with the first [`Event::Timer`].
    pub fn new(visibility: Visibility, now: f64) -> Machine {
        Machine {
            state: State::Joining,
            membership: Membership::None,
            memberships: 0,
            rtc: Rtc::Waiting { until: now },
            attempt: 0,
            attempts: Backoff::default(),
            fallback: Fallback::default(),
            decoder: SocketDecoder::default(),
            offers_h264: true,
            liveness: Liveness::default(),
            reachability: Reachability::default(),
            stalls: StallDetector::default(),
            stats: StatsPoller::default(),
            long_poll: LongPoll::default(),
            accounting: InputAccounting::default(),
            outbox: Outbox::default(),
            next_ping: 0,
            visibility,
            version: 0,
            is_running: true,
            obstacle: None,
            incidents: Incidents::default(),
            tick_at: now + TICK_MILLIS,
            sample_at: now + SAMPLE_MILLIS,
            actions: Vec::new(),
        }
    }

    pub fn on(&mut self, event: Event, now: f64) -> Vec<Action> {
        if let State::Over(_) = self.state {
            // Nobody is there any more to be that viewer.
            return match event {
                Event::Joined { member, .. } => vec![Action::Leave(member.viewer)],
                _ => Vec::new(),
            };
        }
        match event {
            Event::Joined { member, state } => self.on_joined(member, state, now),
            Event::JoinRefused(refused) => {
                self.membership = Membership::None;
                if let Rtc::Waiting { until } = &mut self.rtc {
                    // The next attempt joins again.
                    *until = until.min(now + self.attempts.next_delay_millis());
                }
                self.on_refused(refused, now);
            }
            Event::Peer { attempt, event } => {
                let is_present = !matches!(self.rtc, Rtc::Waiting { .. });
                if attempt == self.attempt && is_present {
                    self.on_peer(event, now);
                }
            }
            Event::Socket { number, event } => {
                if self.fallback.is_current(number) {
                    self.on_socket(event, now);
                }
            }
            Event::Pong {
                number,
                accepted,
                round_trip_millis,
            } => {
                if let Some(round_trip) = round_trip_millis {
                    self.liveness.answered_within(round_trip);
                }
                self.accounting.answered(number, accepted);
            }
            Event::State(state) => self.on_state(state),
            Event::LongPolled {
                membership,
                outcome,
            } => self.on_long_polled(membership, outcome, now),
            Event::Posted(Delivery::Arrived) => {
                self.outbox.arrived();
                self.post();
            }
            Event::Posted(Delivery::Failed) => self.outbox.failed(),
            Event::Reachable {
                question,
                reachable,
            } => self.reachability.answered(question, reachable, now),
            Event::SocketDecoder(decoder) => {
                self.decoder = decoder;
                if !self.offers_h264 {
                    self.fallback.want_now(now);
                }
            }
            Event::SurroundingsChanged(visibility) => {
                self.visibility = visibility;
                self.liveness.doubt(now);
                self.hurry(now);
                self.tick(now);
            }
            Event::Timer => {}
            Event::Left => self.finish(End::Left),
        }
        self.on_deadlines(now);
        self.incidents.missing_inputs = self.accounting.missing();
        std::mem::take(&mut self.actions)
    }

    /// When the next [`Event::Timer`] is due; `None` once it is over.
    pub fn deadline(&self) -> Option<f64> {
        if let State::Over(_) = self.state {
            return None;
        }
        let (rtc, tick, stats) = match self.rtc {
            Rtc::Waiting { until } => (Some(until), None, None),
            Rtc::Preparing(_) => (None, Some(self.tick_at), None),
            Rtc::Offered { until } => (Some(until), Some(self.tick_at), None),
            Rtc::Up(up) => {
                let stats = self.stats.deadline().filter(|_| up.has_stats());
                (up.deadline(), Some(self.tick_at), stats)
            }
        };
        let parts = [
            rtc,
            tick,
            stats,
            self.reachability.deadline(),
            self.fallback.deadline(),
            self.long_poll.deadline(),
        ];
        let earliest = parts.into_iter().flatten().fold(self.sample_at, f64::min);
        Some(earliest)
    }

    pub fn state(&self) -> &State {
        &self.state
    }

    pub fn member(&self) -> Option<&Member> {
        match &self.membership {
            Membership::Member(member) => Some(member),
            Membership::None | Membership::Asked => None,
        }
    }

    /// The newest report of the present peer.
    pub fn reading(&self) -> Option<&Reading> {
        self.stats.newest()
    }

    pub fn view(&self) -> View<'_> {
        View {
            viewer: self.member().map(|member| &member.viewer),
            link: match &self.state {
                State::Joining | State::Negotiating => {
                    match support(self.offers_h264, self.decoder) {
                        Support::None { sentence } => Link::Unsupported { sentence },
                        _ => Link::Connecting,
                    }
                }
                State::Live { .. } => Link::Connected,
                State::Stalled { .. } => Link::Reconnecting,
                State::Over(End::Left) => Link::Over {
                    reason: String::new(),
                },
                State::Over(End::Refused { reason }) => Link::Over {
                    reason: reason.clone(),
                },
            },
            obstacle: self.obstacle.as_deref(),
            incidents: &self.incidents,
        }
    }

    // What goes out.

    /// What becomes of a message, which is sent, or enqueued, right after.
    pub fn admit(&mut self, message: &ClientMessage) -> Admission {
        let is_counted = message.is_counted();
        if message.expires() && !self.accepts_input() {
            if is_counted {
                self.accounting.refused();
                self.incidents.missing_inputs = self.accounting.missing();
            }
            return Admission::Refused;
        }
        if is_counted && self.member().is_some() {
            self.accounting.sent();
        }
        match self.outbox.is_idle() {
            true => Admission::Channel,
            false => Admission::Queue,
        }
    }

    /// No channel took it: it waits for a server function, if there is somebody to send it. Gives the next batch.
    pub fn enqueue(&mut self, message: ClientMessage) -> Option<Vec<ClientMessage>> {
        let is_over = matches!(self.state, State::Over(_));
        self.member().filter(|_| !is_over)?;
        self.outbox.push(message);
        self.outbox.take()
    }

    /// Whether what the person does now may be sent: it is meant for the picture that is shown, and that is a live one.
    fn accepts_input(&self) -> bool {
        !matches!(self.state, State::Stalled { .. } | State::Over(_)) && self.is_running
    }

    fn post(&mut self) {
        if self.member().is_some()
            && let Some(batch) = self.outbox.take()
        {
            self.actions.push(Action::Post(batch));
        }
    }

    fn ping(&mut self) {
        let number = self.next_ping();
        self.accounting.asked(number);
        self.actions.push(Action::Ping { number });
    }

    fn next_ping(&mut self) -> u32 {
        let number = self.next_ping;
        self.next_ping = number.wrapping_add(1);
        number
    }

    // Membership and the session's state.

    fn on_joined(&mut self, member: Member, state: Box<SessionState>, now: f64) {
        self.membership = Membership::Member(member);
        self.memberships = self.memberships.wrapping_add(1);
        self.accounting.new_membership();
        if self.state == State::Joining {
            self.state = State::Negotiating;
        }
        self.on_state(state);
        if !self.offers_h264 {
            self.fallback.want_now(now);
        }
        self.send_offer(now);
    }

    /// The server has forgotten this viewer, or the session: a fresh start, which joins again, tells which.
    fn forget_membership(&mut self, now: f64) {
        self.membership = Membership::None;
        if self.state == State::Negotiating {
            self.state = State::Joining;
        }
        self.end_attempt(now);
    }

    fn on_state(&mut self, state: Box<SessionState>) {
        // States come on two ways (channel, long poll): an older one is dropped.
        if state.version <= self.version && self.version != 0 {
            return;
        }
        self.version = state.version;
        self.is_running = state.phase == Phase::Running;
        let end = match &state.phase {
            Phase::Ended { reason } => Some(reason.clone()),
            _ => None,
        };
        self.actions.push(Action::Show(state));
        if let Some(reason) = end {
            // There is nobody left to say goodbye to.
            self.membership = Membership::None;
            self.finish(End::Refused { reason });
        }
    }

    fn on_long_polled(
        &mut self,
        membership: u32,
        outcome: Result<Box<SessionState>, ApiError>,
        now: f64,
    ) {
        let is_current = membership == self.memberships && self.member().is_some();
        match outcome {
            _ if !is_current => self.long_poll.answered(),
            Ok(state) => {
                self.long_poll.answered();
                self.on_state(state);
            }
            Err(ApiError::NotFound(_)) => {
                self.long_poll.answered();
                self.forget_membership(now);
            }
            Err(_) => self.long_poll.failed(now),
        }
    }

    fn finish(&mut self, end: End) {
        if !matches!(self.rtc, Rtc::Waiting { .. }) {
            self.actions.push(Action::ClosePeer);
        }
        if self.fallback.end() {
            self.actions.push(Action::CloseSocket);
        }
        if let Membership::Member(member) =
            std::mem::replace(&mut self.membership, Membership::None)
        {
            self.actions.push(Action::Leave(member.viewer));
        }
        self.state = State::Over(end);
    }

    // Attempts by WebRTC.

    fn begin_attempt(&mut self) {
        self.attempt = self.attempt.wrapping_add(1);
        self.rtc = Rtc::Preparing(Offer::Awaited);
        if !self.fallback.shows() {
            self.actions.push(Action::ForgetInputs);
        }
        // Nothing is known of this peer.
        self.liveness = Liveness::default();
        self.accounting.forget_pings();
        self.stalls.fresh_peer();
        self.stats = StatsPoller::default();
        self.actions.push(Action::ForgetFrames);
        let attempt = self.attempt;
        self.actions.push(Action::CreatePeer { attempt });
        if self.membership == Membership::None {
            self.membership = Membership::Asked;
            self.actions.push(Action::Join);
        }
    }

    /// Something is in the way; the person is told when it stays there.
    fn fail_attempt(&mut self, sentence: &str, now: f64) {
        self.lose_peer(now);
        let is_told = self.attempts.attempts() >= PATIENT_ATTEMPTS;
        if is_told && !self.fallback.shows() {
            self.obstacle = Some(sentence.to_owned());
        }
        self.end_attempt(now);
    }

    fn end_attempt(&mut self, now: f64) {
        if let Rtc::Waiting { .. } = self.rtc {
            return;
        }
        self.actions.push(Action::ClosePeer);
        self.reachability.stop();
        let pause = self.attempts.next_delay_millis();
        let is_rare = self.fallback.shows() || !self.offers_h264;
        self.rtc = Rtc::Waiting {
            until: now + if is_rare { WEB_RTC_AGAIN_MILLIS } else { pause },
        };
    }

    fn on_refused(&mut self, refused: ApiError, now: f64) {
        match refused {
            // From joining only: there is no such session.
            ApiError::NotFound(reason) | ApiError::Unauthorized(reason) => {
                self.finish(End::Refused { reason });
            }
            refused => self.fail_attempt(&refused.to_string(), now),
        }
    }

    fn send_offer(&mut self, now: f64) {
        if self.rtc == Rtc::Preparing(Offer::Ready) && self.member().is_some() {
            let attempt = self.attempt;
            self.actions.push(Action::SendOffer { attempt });
            self.rtc = Rtc::Offered {
                until: now + ANSWER_WITHIN_MILLIS,
            };
        }
    }

    fn on_peer(&mut self, event: PeerEvent, now: f64) {
        match event {
            PeerEvent::Impossible { sentence } => self.fail_attempt(&sentence, now),
            PeerEvent::OfferReady { takes_h264: true } => {
                self.offers_h264 = true;
                self.rtc = Rtc::Preparing(Offer::Ready);
                self.send_offer(now);
            }
            PeerEvent::OfferReady { takes_h264: false } => {
                self.offers_h264 = false;
                self.fallback.want_now(now);
                self.end_attempt(now);
            }
            PeerEvent::Answered(Ok(sdp)) => {
                if let Rtc::Offered { .. } = self.rtc {
                    self.actions.push(Action::AcceptAnswer { sdp });
                    self.rtc = Rtc::Up(Up {
                        ice: Ice::Connecting,
                        control: Control::Closed,
                        pictures: Pictures::Awaited,
                        until: Some(now + CONNECTED_WITHIN_MILLIS),
                    });
                }
            }
            PeerEvent::Answered(Err(ApiError::NotFound(_))) => self.forget_membership(now),
            PeerEvent::Answered(Err(refused)) => self.on_refused(refused, now),
            PeerEvent::Heard => self.on_heard(now),
            PeerEvent::Reported { reading, frames } => self.on_report(*reading, frames, now),
            PeerEvent::ReportFailed => self.stats.failed(),
            PeerEvent::Ice(ice) => self.on_ice(ice, now),
            PeerEvent::ControlOpened => {
                if let Rtc::Up(up) = &mut self.rtc {
                    up.control = Control::Open;
                    self.on_heard(now);
                    self.ping();
                }
            }
            PeerEvent::ControlClosed => self.replace_peer(now),
            PeerEvent::Shown => self.on_peer_shown(now),
        }
    }

    fn on_ice(&mut self, ice: Ice, now: f64) {
        let Rtc::Up(up) = &mut self.rtc else {
            return;
        };
        up.ice = ice;
        match ice {
            Ice::Connecting => {}
            Ice::Connected => {
                let is_first = up.pictures == Pictures::Awaited;
                up.until = is_first.then_some(now + FIRST_SHOWN_WITHIN_MILLIS);
                if !is_first {
                    self.resume(now);
                }
            }
            Ice::Disconnected => {
                self.liveness.doubt(now);
                if up.control == Control::Closed {
                    // Nobody can be asked: ICE alone knows.
                    up.until = Some(now + BACK_WITHIN_MILLIS);
                    self.lose_peer(now);
                }
            }
            Ice::Failed => self.replace_peer(now),
        }
    }

    fn on_peer_shown(&mut self, now: f64) {
        let Rtc::Up(up) = &mut self.rtc else {
            return;
        };
        if self.liveness.is_silent() {
            return;
        }
        up.pictures = Pictures::Shown;
        if up.ice == Ice::Connected {
            up.until = None;
        }
        self.attempts.reset();
        if self.fallback.end() {
            self.actions.push(Action::CloseSocket);
        }
        self.go_live(Via::WebRtc, now);
    }

    /// It is of no use any more.
    fn replace_peer(&mut self, now: f64) {
        self.lose_peer(now);
        self.end_attempt(now);
    }

    /// The same peer is heard again: what it shows now must be of now.
    fn resume(&mut self, now: f64) {
        let Rtc::Up(up) = &mut self.rtc else {
            return;
        };
        up.pictures = Pictures::Resuming {
            until: now + RESUMED_WITHIN_MILLIS,
        };
        self.actions.push(Action::Send(ClientMessage::SkipToLive));
        self.actions.push(Action::AwaitPicture);
    }

    // Liveness.

    fn tick(&mut self, now: f64) {
        self.tick_at = now + TICK_MILLIS;
        if let Rtc::Waiting { .. } = self.rtc {
            return;
        }
        let beat = self.liveness.tick(now);
        if beat.slept {
            // What came meanwhile is old.
            self.actions.push(Action::ForgetClock);
            self.hurry(now);
            self.actions.push(Action::Send(ClientMessage::SkipToLive));
        }
        let is_open = matches!(self.rtc, Rtc::Up(up) if up.control == Control::Open);
        if beat.ask && is_open {
            self.ping();
            if beat.count {
                let number = self.next_ping();
                self.actions.push(Action::Probe { number });
            }
        }
        if beat.count {
            self.poll_stats(true, now);
        }
        if beat.fell_silent {
            self.lose_peer(now);
            let verdict = self.reachability.start();
            self.on_reachability(verdict, now);
        }
    }

    fn on_heard(&mut self, now: f64) {
        if self.liveness.heard(now) {
            self.reachability.stop();
            self.resume(now);
        }
    }

    fn on_reachability(&mut self, verdict: reachability::Verdict, now: f64) {
        match verdict {
            reachability::Verdict::Ask {
                question,
                within_millis,
            } => self.actions.push(Action::AskReachable {
                question,
                within_millis,
            }),
            reachability::Verdict::ReplacePeer => self.replace_peer(now),
        }
    }

    /// Something happened that makes an attempt likely to succeed.
    fn hurry(&mut self, now: f64) {
        if let Rtc::Waiting { until } = &mut self.rtc {
            *until = now;
        }
        self.reachability.hurry(now);
    }

    // Statistics, and backlogs.

    /// `counts`: the peer is doubted, so that its packets matter now.
    fn poll_stats(&mut self, counts: bool, now: f64) {
        if matches!(self.rtc, Rtc::Up(up) if up.has_stats())
            && let Some(purpose) = self.stats.due(counts, now)
        {
            self.actions.push(Action::PollStats(purpose));
        }
    }

    fn on_report(&mut self, reading: Reading, frames: FramesSeen, now: f64) {
        let packets = reading.transport_packets;
        let purpose = self.stats.reported(reading);
        if self.liveness.counted(packets, now) {
            self.reachability.stop();
            self.resume(now);
        }
        if purpose == Some(Purpose::Look) {
            self.look(frames, now);
        }
    }

    fn look(&mut self, frames: FramesSeen, now: f64) {
        let is_live = self.state == State::Live { via: Via::WebRtc };
        if !is_live || self.visibility == Visibility::Hidden {
            self.stats.skip_look();
            self.actions.push(Action::ForgetFrames);
            return;
        }
        self.actions.push(Action::ObserveFrames);
        let Some(mut look) = self.stats.look() else {
            return;
        };
        look.at = now;
        look.age_millis = frames.age_millis;
        look.shown = frames.shown;
        let Some((backlog, recovery)) = self.stalls.look(look) else {
            return;
        };
        (self.incidents).skipped_to_live(backlog, recovery == Recovery::FreshPeer, now);
        match recovery {
            Recovery::SkipToLive => self.actions.push(Action::Send(ClientMessage::SkipToLive)),
            Recovery::FreshPeer => self.replace_peer(now),
        }
    }

    // The web socket.

    fn on_socket(&mut self, event: SocketEvent, now: f64) {
        match event {
            SocketEvent::Opened => {
                if self.fallback.opened() {
                    self.ping();
                }
            }
            SocketEvent::Heard => self.fallback.heard(now),
            SocketEvent::Shown => {
                if self.fallback.shown() {
                    self.go_live(Via::Socket, now);
                }
            }
            SocketEvent::Closed => self.lose_socket(now),
        }
    }

    fn lose_socket(&mut self, now: f64) {
        self.actions.push(Action::CloseSocket);
        if let Some(since) = self.fallback.lost(now) {
            self.state = State::Stalled { since };
            self.hurry(now);
        }
    }

    fn on_fallback(&mut self, verdict: fallback::Verdict, now: f64) {
        match verdict {
            fallback::Verdict::Open { number } => {
                self.actions.push(Action::OpenSocket { number });
            }
            fallback::Verdict::Ping => self.ping(),
            fallback::Verdict::GiveUp => self.lose_socket(now),
            fallback::Verdict::Impossible => self.obstacle = Some(NO_PICTURES.to_owned()),
        }
    }

    // Live, and not.

    fn go_live(&mut self, via: Via, now: f64) {
        if let State::Stalled { since } = self.state {
            self.incidents.interruption(since, now);
        }
        self.obstacle = None;
        self.state = State::Live { via };
    }

    /// Before the first picture it is still connecting, and the socket's pictures need no peer.
    fn lose_peer(&mut self, now: f64) {
        if self.state == (State::Live { via: Via::WebRtc }) {
            let since = self.liveness.last_heard().unwrap_or(now);
            self.state = State::Stalled { since };
        }
    }

    // Time.

    fn on_deadlines(&mut self, now: f64) {
        if let State::Over(_) = self.state {
            return;
        }
        if now >= self.tick_at {
            self.tick(now);
        }
        if let Some(verdict) = self.reachability.on_timer(now) {
            self.on_reachability(verdict, now);
        }
        let around = Surroundings {
            is_member: self.member().is_some(),
            is_peer_connected: matches!(self.rtc, Rtc::Up(up) if up.ice == Ice::Connected),
            decoder: self.decoder,
        };
        if let Some(verdict) = self.fallback.on_timer(around, now) {
            self.on_fallback(verdict, now);
        }
        self.on_rtc_deadline(now);
        self.poll_stats(false, now);
        if now >= self.sample_at {
            self.sample_at = now + SAMPLE_MILLIS;
            self.actions.push(Action::Sample);
        }
        let has_channel = self.fallback.is_open()
            || matches!(self.rtc, Rtc::Up(up) if up.control == Control::Open);
        let wants_state = self.member().is_some() && !has_channel;
        if self.long_poll.is_due(wants_state, now) {
            let (membership, after) = (self.memberships, self.version);
            self.actions.push(Action::LongPoll { membership, after });
        }
    }

    fn on_rtc_deadline(&mut self, now: f64) {
        match &mut self.rtc {
            Rtc::Waiting { until } if now >= *until => {
                self.begin_attempt();
                self.fallback.want(now);
            }
            Rtc::Offered { until } if now >= *until => self.fail_attempt(NO_ANSWER, now),
            Rtc::Up(up) => {
                let is_resumed =
                    matches!(up.pictures, Pictures::Resuming { until } if now >= until);
                if is_resumed {
                    up.pictures = Pictures::Shown;
                }
                if up.until.is_some_and(|until| now >= until) {
                    self.on_overdue(now);
                }
                if is_resumed {
                    self.on_peer_shown(now);
                }
            }
            Rtc::Waiting { .. } | Rtc::Preparing(_) | Rtc::Offered { .. } => {}
        }
    }

    fn on_overdue(&mut self, now: f64) {
        let Rtc::Up(up) = &mut self.rtc else {
            return;
        };
        if up.ice == Ice::Connected && up.pictures == Pictures::Awaited {
            // Whatever became of the first keyframe, one is needed here.
            up.until = Some(now + FIRST_SHOWN_WITHIN_MILLIS);
            if self.visibility == Visibility::Visible {
                self.actions.push(Action::Send(ClientMessage::SkipToLive));
            }
            return;
        }
        let sentence = match self.decoder {
            SocketDecoder::Unable => NO_PICTURES,
            SocketDecoder::Able | SocketDecoder::Unknown => NO_MEDIA,
        };
        self.fail_attempt(sentence, now);
    }
}

impl Up {
    fn deadline(&self) -> Option<f64> {
        let resumed = match self.pictures {
            Pictures::Resuming { until } => Some(until),
            Pictures::Awaited | Pictures::Shown => None,
        };
        [self.until, resumed].into_iter().flatten().reduce(f64::min)
    }

    /// Before ICE has a pair a report says nothing.
    fn has_stats(&self) -> bool {
        self.ice != Ice::Connecting
    }
}

#[cfg(test)]
mod tests;
