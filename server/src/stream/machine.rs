//! Pure: one session's stream: which sample goes to which subscriber, whose link sets the pace, what the encoder is asked.
//!
//! Facts come in by [`Stream::on`], what is to be done comes out of [`Stream::poll_action`]. Several subscribers, one
//! encoder: it follows the link of the pacesetter, who acted last. Another subscriber whose samples would wait too long
//! skips to the next keyframe, and such keyframes are seldom; so a slow watcher never slows the others.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use shared::session::ViewerId;

use crate::stream::downlink::{KeyframeReason, Pacesetter};
use crate::stream::estimate::Feedback;
use crate::stream::event::{Action, Backlog, Change, Delivery, Event, Link, Reason, SubscriberId};
use crate::stream::keyframe_throttle::KeyframeThrottle;
use crate::stream::rtp_clock::RtpClock;
use crate::stream::sample::Track;
use crate::stream::subscription::{State, Subscription};

/// A subscriber whose samples would wait longer skips to the next keyframe.
const BEHIND: Duration = Duration::from_millis(300);
/// The pacesetter's samples are held back before they are made. This happens when nobody minds it.
const PACESETTER_BEHIND: Duration = Duration::from_secs(1);
/// Until an encoder says what its frame rate is.
const FRAME_INTERVAL: Duration = Duration::from_nanos(1_000_000_000 / 60);

/// How far a subscriber's connection is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Nothing flows yet.
    Connecting,
    /// Samples flow.
    Connected,
    /// Messages do, too.
    Reachable,
    /// They did.
    Interrupted,
}

#[derive(Debug)]
struct Subscriber {
    id: SubscriberId,
    viewer: Option<ViewerId>,
    link: Link,
    phase: Phase,
    backlog: Backlog,
    /// When what waits will have left, as far as was told.
    clear_at: Instant,
    feedback: Feedback,
    tracks: &'static [Track],
    /// To those of the tracks that have keyframes.
    subscriptions: Vec<(Track, Subscription)>,
}

#[derive(Debug)]
struct TrackState {
    track: Track,
    keyframes: KeyframeThrottle,
    clock: RtpClock,
}

/// See the head of this file.
#[derive(Debug)]
pub struct Stream {
    /// In the order in which they joined; a session has few.
    subscribers: Vec<Subscriber>,
    tracks: Vec<TrackState>,
    frame_interval: Duration,
    /// Who acted last.
    named: Option<ViewerId>,
    pacesetter: Option<SubscriberId>,
    /// What was said last, so that it is not said again.
    ready_at: Option<Instant>,
    actions: VecDeque<Action>,
}

impl Stream {
    /// Without subscribers. Timestamps count from `epoch`.
    pub fn new(epoch: Instant) -> Stream {
        let state = |track: Track| TrackState {
            track,
            keyframes: KeyframeThrottle::default(),
            clock: RtpClock::new(track.clock_rate(), epoch),
        };
        Stream {
            subscribers: Vec::new(),
            tracks: Track::ALL.iter().copied().map(state).collect(),
            frame_interval: FRAME_INTERVAL,
            named: None,
            pacesetter: None,
            ready_at: None,
            actions: VecDeque::new(),
        }
    }

    /// Nobody is subscribed.
    pub fn is_empty(&self) -> bool {
        self.subscribers.is_empty()
    }

    /// By which of its links a viewer is reached now: the best that messages flow on, else the best there is.
    pub fn best(&self, viewer: &ViewerId) -> Option<SubscriberId> {
        let own = self
            .subscribers
            .iter()
            .filter(|subscriber| subscriber.is(viewer));
        // The newest of equals.
        let best = own.max_by_key(|subscriber| {
            let is_packets = subscriber.link == Link::Packets;
            (subscriber.phase == Phase::Reachable, is_packets)
        });
        best.map(|subscriber| subscriber.id)
    }

    /// Whether messages reach this viewer, or will once its connection is restored.
    pub fn is_reachable(&self, viewer: &ViewerId) -> bool {
        self.subscribers.iter().any(|subscriber| {
            let is_open = matches!(subscriber.phase, Phase::Reachable | Phase::Interrupted);
            is_open && subscriber.is(viewer)
        })
    }

    /// To whom a sample may go; their backlogs decide.
    pub fn recipients(&self, track: Track, keyframe: bool) -> impl Iterator<Item = SubscriberId> {
        let wants = move |subscriber: &&Subscriber| {
            let mut subscriptions = subscriber.subscriptions.iter();
            subscriber.is_connected()
                && match track.has_keyframes() {
                    true => subscriptions
                        .any(|(of, subscription)| *of == track && subscription.wants(keyframe)),
                    false => subscriber.tracks.contains(&track),
                }
        };
        self.subscribers
            .iter()
            .filter(wants)
            .map(|subscriber| subscriber.id)
    }

    /// Whose turn to get a keyframe has come, but whose link has no room: their backlogs are to be told when they change.
    pub fn waiting_for_room(&self) -> impl Iterator<Item = SubscriberId> {
        let waits = |subscriber: &&Subscriber| {
            let mut subscriptions = subscriber.subscriptions.iter();
            subscriber.is_connected()
                && !self.has_room(subscriber)
                && subscriptions.any(|(_, subscription)| {
                    matches!(
                        subscription.state(),
                        State::Requesting { .. } | State::Behind { .. }
                    )
                })
        };
        self.subscribers
            .iter()
            .filter(waits)
            .map(|subscriber| subscriber.id)
    }

    /// Takes a fact in. What is to be done about it comes out of [`Stream::poll_action`].
    pub fn on(&mut self, event: Event, now: Instant) {
        match event {
            Event::Opened { frame_interval } => self.on_opened(frame_interval, now),
            Event::Joined {
                subscriber,
                viewer,
                link,
                tracks,
            } => self.on_joined(subscriber, viewer, link, tracks, now),
            Event::Connected(id) => self.on_connected(id, now),
            Event::ChannelOpen(id) => self.with(id, |subscriber| {
                subscriber.phase = match subscriber.phase {
                    Phase::Connected | Phase::Reachable => Phase::Reachable,
                    Phase::Connecting | Phase::Interrupted => Phase::Interrupted,
                };
            }),
            Event::Interrupted(id) => self.with(id, |subscriber| {
                subscriber.phase = match subscriber.phase {
                    Phase::Connected | Phase::Connecting => Phase::Connecting,
                    Phase::Reachable | Phase::Interrupted => Phase::Interrupted,
                };
            }),
            Event::Left(id) => self.on_left(id),
            Event::KeyframeRequested(id, track) => {
                self.with_track(id, track, |subscription| {
                    subscription.on_keyframe_requested(now);
                });
            }
            Event::Unrepairable(id, track) => self.with_track(id, track, |subscription| {
                subscription.on_gap(KeyframeReason::Unrepairable, now);
            }),
            Event::SkipToLive(viewer) => self.on_skip_to_live(&viewer, now),
            Event::Backlog(id, backlog) => self.with(id, |subscriber| {
                (subscriber.backlog, subscriber.clear_at) = (backlog, now + backlog.wait);
            }),
            Event::Feedback(id, feedback) => self.on_feedback(id, feedback),
            Event::PacesetterNamed(viewer) => self.on_pacesetter_named(viewer),
            Event::Sample {
                track,
                keyframe,
                at,
                encode_began,
            } => self.on_sample(track, keyframe, at, encode_began, now),
            Event::SamplesLost => self.begin_again(KeyframeReason::SamplesLost, now),
            Event::Time => {}
        }
        self.settle(now);
    }

    /// The next thing to do, in order.
    pub fn poll_action(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }

    /// When [`Event::Time`] is to be told, and why.
    pub fn deadline(&self, now: Instant) -> Option<(Instant, Reason)> {
        let throttles = self.tracks.iter().filter_map(|state| {
            let due_at = state.keyframes.due_at(now)?;
            Some((due_at, Reason::KeyframeThrottle))
        });
        let with_room = self
            .subscribers
            .iter()
            .filter(|subscriber| self.has_room(subscriber));
        let turns = with_room.flat_map(|subscriber| {
            let is_pacesetter = self.pacesetter == Some(subscriber.id);
            subscriber
                .subscriptions
                .iter()
                .filter_map(move |(_, subscription)| {
                    let turn_at = subscription.turn_at(is_pacesetter, now)?;
                    Some((turn_at, Reason::SubscriberTurn))
                })
        });
        throttles.chain(turns).min_by_key(|(at, _)| *at)
    }

    /// Whether it has something to do at `now`, or whoever waits for room may have some.
    pub fn is_due(&self, now: Instant) -> bool {
        let has_passed = |(at, _): (Instant, Reason)| at <= now;
        !self.actions.is_empty()
            || self.deadline(now).is_some_and(has_passed)
            || self.waiting_for_room().next().is_some()
    }

    fn on_opened(&mut self, frame_interval: Duration, now: Instant) {
        self.frame_interval = frame_interval;
        // The new encoder's downlink knows nothing.
        (self.pacesetter, self.ready_at) = (None, None);
        self.begin_again(KeyframeReason::Joined, now);
    }

    fn on_joined(
        &mut self,
        id: SubscriberId,
        viewer: Option<ViewerId>,
        link: Link,
        tracks: &'static [Track],
        now: Instant,
    ) {
        let with_keyframes = tracks.iter().filter(|track| track.has_keyframes());
        let subscriptions = with_keyframes.map(|track| (*track, Subscription::new(now)));
        self.subscribers.push(Subscriber {
            id,
            viewer,
            link,
            phase: Phase::Connecting,
            backlog: Backlog::default(),
            clear_at: now,
            feedback: Feedback::default(),
            tracks,
            subscriptions: subscriptions.collect(),
        });
    }

    fn on_left(&mut self, id: SubscriberId) {
        self.subscribers.retain(|subscriber| subscriber.id != id);
        let named = self.named.as_ref();
        if named.is_some_and(|viewer| self.best(viewer).is_none()) {
            self.named = None;
        }
    }

    fn on_connected(&mut self, id: SubscriberId, now: Instant) {
        let Some(subscriber) = self.subscribers.iter_mut().find(|known| known.id == id) else {
            return;
        };
        subscriber.phase = match subscriber.phase {
            Phase::Connecting | Phase::Connected => Phase::Connected,
            Phase::Interrupted | Phase::Reachable => Phase::Reachable,
        };
        for (track, subscription) in &mut subscriber.subscriptions {
            subscription.on_connected(now);
            for state in self.tracks.iter_mut().filter(|state| state.track == *track) {
                state.keyframes.request(KeyframeReason::Joined);
            }
        }
    }

    /// Nobody has what the next sample needs.
    fn begin_again(&mut self, reason: KeyframeReason, now: Instant) {
        for state in self
            .tracks
            .iter_mut()
            .filter(|state| state.track.has_keyframes())
        {
            state.keyframes.on_lost();
        }
        for subscriber in self
            .subscribers
            .iter_mut()
            .filter(|known| known.is_connected())
        {
            for (track, subscription) in &mut subscriber.subscriptions {
                subscription.on_connected(now);
                for state in self.tracks.iter_mut().filter(|state| state.track == *track) {
                    state.keyframes.request(reason);
                }
            }
        }
    }

    fn on_skip_to_live(&mut self, viewer: &ViewerId, now: Instant) {
        let Some(id) = self.best(viewer) else { return };
        self.with(id, |subscriber| {
            if subscriber.is_connected() {
                for (_, subscription) in &mut subscriber.subscriptions {
                    subscription.on_gap(KeyframeReason::SkipToLive, now);
                }
            }
        });
        if self.find(id).is_some_and(Subscriber::is_connected) {
            self.deliver(id, Delivery::SkipToLive);
        }
    }

    fn on_feedback(&mut self, id: SubscriberId, feedback: Feedback) {
        self.with(id, |subscriber| subscriber.feedback.update(feedback));
        if self.pacesetter == Some(id) {
            self.tell(Change::Feedback(feedback));
            self.set_rate(feedback);
        }
    }

    fn on_pacesetter_named(&mut self, viewer: ViewerId) {
        // Who acts by calls before being connected is named again by the next.
        if self.named.as_ref() != Some(&viewer) && self.best(&viewer).is_some() {
            self.named = Some(viewer);
            // Even if its link set the pace already: now it is because it acted.
            self.pacesetter = None;
        }
    }

    fn on_sample(
        &mut self,
        track: Track,
        keyframe: bool,
        at: Instant,
        encode_began: Instant,
        now: Instant,
    ) {
        let Some(state) = self.tracks.iter_mut().find(|state| state.track == track) else {
            return;
        };
        let timestamp = state.clock.timestamp(at);
        if !track.has_keyframes() {
            return self.send_to_all(track, timestamp);
        }
        if keyframe && state.keyframes.on_keyframe(encode_began) {
            self.actions
                .push_back(Action::Tell(Change::WithdrawKeyframe(track)));
        }
        for subscriber in self
            .subscribers
            .iter_mut()
            .filter(|known| known.is_connected())
        {
            let id = subscriber.id;
            let is_behind = subscriber.is_behind(self.pacesetter == Some(id));
            let is_full = subscriber.backlog.is_full;
            let mut subscriptions = subscriber.subscriptions.iter_mut();
            let subscription = subscriptions
                .find(|(of, subscription)| *of == track && subscription.wants(keyframe));
            let Some((_, subscription)) = subscription else {
                continue;
            };
            if is_behind {
                self.actions.push_back(Action::Deliver(id, Delivery::Skip));
            }
            if is_full || is_behind && !keyframe {
                subscription.on_gap(KeyframeReason::Behind, now);
            } else {
                subscription.on_sent(keyframe);
                let delivery = Delivery::Send { timestamp };
                self.actions.push_back(Action::Deliver(id, delivery));
            }
        }
    }

    /// What comes too late is left out, and what comes after it does not need it.
    fn send_to_all(&mut self, track: Track, timestamp: u32) {
        for subscriber in &self.subscribers {
            let backlog = subscriber.backlog;
            let is_late = backlog.is_full
                || match subscriber.link {
                    // It waits for no frame.
                    Link::Packets => false,
                    Link::Socket => backlog.wait > BEHIND,
                };
            if subscriber.is_connected() && subscriber.tracks.contains(&track) && !is_late {
                let delivery = Delivery::Send { timestamp };
                self.actions
                    .push_back(Action::Deliver(subscriber.id, delivery));
            }
        }
    }

    /// Draws the conclusions, whatever happened.
    fn settle(&mut self, now: Instant) {
        self.choose_pacesetter();
        self.say_ready_at(now);
        self.give_turns(now);
        for state in &mut self.tracks {
            if let Some(reason) = state.keyframes.poll(now) {
                let change = Change::RequestKeyframe(state.track, reason);
                self.actions.push_back(Action::Tell(change));
            }
        }
    }

    /// The one who acted last; before anybody did, or while that one is away, the first who is connected.
    fn choose_pacesetter(&mut self) {
        let connected = |id: &SubscriberId| self.find(*id).is_some_and(Subscriber::is_connected);
        let best = |viewer: &ViewerId| self.best(viewer).filter(connected);
        let first = || {
            let mut subscribers = self.subscribers.iter();
            let first = subscribers.find(|known| known.is_connected() && known.viewer.is_some())?;
            first.viewer.as_ref().and_then(best).or(Some(first.id))
        };
        let chosen = self.named.as_ref().and_then(best).or_else(first);
        if chosen == self.pacesetter && chosen.is_some() {
            return;
        }
        let before = std::mem::replace(&mut self.pacesetter, chosen);
        let chosen = chosen.and_then(|id| self.find(id));
        let feedback = chosen.map(|subscriber| subscriber.feedback);
        let pacesetter = chosen.and_then(|subscriber| {
            let viewer = subscriber.viewer.clone()?;
            Some(Pacesetter {
                is_named: self.named.as_ref() == Some(&viewer),
                feedback: subscriber.feedback,
                viewer,
            })
        });
        if before.is_some() || pacesetter.is_some() {
            self.tell(Change::Pacesetter(pacesetter));
        }
        self.set_rate(feedback.unwrap_or_default());
    }

    fn set_rate(&mut self, feedback: Feedback) {
        if let Some(estimate) = feedback.estimate {
            self.tell(Change::Rate(estimate.for_video()));
        }
    }

    /// So much may wait when the next frame comes: it is one interval away.
    fn say_ready_at(&mut self, now: Instant) {
        let clear_at = self
            .pacesetter
            .and_then(|id| self.find(id))
            .map(|known| known.clear_at);
        let ready_at = clear_at.and_then(|at| at.checked_sub(self.frame_interval));
        let ready_at = ready_at.filter(|at| *at > now);
        let is_ready = |at: Option<Instant>| at.is_none_or(|at| at <= now);
        if ready_at != self.ready_at && !(is_ready(ready_at) && is_ready(self.ready_at)) {
            self.tell(Change::ReadyAt(ready_at.unwrap_or(now)));
        }
        self.ready_at = ready_at;
    }

    /// Who fell behind, or asked, has its turn when nothing waits any more and the last turn is long enough ago.
    fn give_turns(&mut self, now: Instant) {
        for subscriber in self
            .subscribers
            .iter_mut()
            .filter(|known| known.is_connected())
        {
            let is_pacesetter = self.pacesetter == Some(subscriber.id);
            if !is_pacesetter && subscriber.backlog.wait > self.frame_interval {
                continue;
            }
            for (track, subscription) in &mut subscriber.subscriptions {
                let turn_at = subscription.turn_at(is_pacesetter, now);
                if turn_at.is_some_and(|at| at <= now)
                    && let Some(reason) = subscription.take_turn(now)
                    && let Some(state) = self.tracks.iter_mut().find(|state| state.track == *track)
                {
                    state.keyframes.request(reason);
                }
            }
        }
    }

    /// A keyframe can be asked for on behalf of this one. The pacesetter is not waited for: the encoder waits.
    fn has_room(&self, subscriber: &Subscriber) -> bool {
        let is_pacesetter = self.pacesetter == Some(subscriber.id);
        subscriber.is_connected()
            && (is_pacesetter || subscriber.backlog.wait <= self.frame_interval)
    }

    fn deliver(&mut self, id: SubscriberId, delivery: Delivery) {
        self.actions.push_back(Action::Deliver(id, delivery));
    }

    fn tell(&mut self, change: Change) {
        self.actions.push_back(Action::Tell(change));
    }

    fn find(&self, id: SubscriberId) -> Option<&Subscriber> {
        self.subscribers
            .iter()
            .find(|subscriber| subscriber.id == id)
    }

    fn with(&mut self, id: SubscriberId, change: impl FnOnce(&mut Subscriber)) {
        if let Some(subscriber) = self.subscribers.iter_mut().find(|known| known.id == id) {
            change(subscriber);
        }
    }

    fn with_track(
        &mut self,
        id: SubscriberId,
        track: Track,
        change: impl FnOnce(&mut Subscription),
    ) {
        self.with(id, |subscriber| {
            let mut subscriptions = subscriber.subscriptions.iter_mut();
            if let Some((_, subscription)) = subscriptions.find(|(of, _)| *of == track) {
                change(subscription);
            }
        });
    }
}

impl Subscriber {
    fn is(&self, viewer: &ViewerId) -> bool {
        self.viewer.as_ref() == Some(viewer)
    }

    fn is_connected(&self) -> bool {
        matches!(self.phase, Phase::Connected | Phase::Reachable)
    }

    /// A sample would come too late. The pacesetter is waited for instead, as far as that goes.
    fn is_behind(&self, is_pacesetter: bool) -> bool {
        match self.link {
            Link::Packets if is_pacesetter => self.backlog.queued > PACESETTER_BEHIND,
            Link::Packets | Link::Socket => self.backlog.wait > BEHIND,
        }
    }
}

#[cfg(test)]
mod tests;
