//! Pure: one subscriber and one track: what may be sent, and when a keyframe is asked for.

use std::time::{Duration, Instant};

use crate::stream::downlink::KeyframeReason;

/// A keyframe for one viewer costs the others: those who do not set the pace get one at most so often.
pub const PAUSE: Duration = Duration::from_secs(2);
/// As above, for the pacesetter.
pub const PACESETTER_PAUSE: Duration = Duration::from_millis(500);

/// Where a subscriber is in a track.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Nothing but a keyframe is of use to it, and one has been asked for.
    AwaitingKeyframe {
        /// From when on.
        since: Instant,
    },
    /// It gets every sample.
    Live,
    /// It gets every sample, but says that it cannot show them; its turn to get a keyframe comes.
    Requesting {
        /// When it said so.
        since: Instant,
    },
    /// It lacks samples. Nothing but a keyframe is of use to it, and one is asked for when its link has room and its turn
    /// comes.
    Behind {
        /// From when on.
        since: Instant,
        /// How that came.
        reason: KeyframeReason,
    },
}

/// A subscriber's state in one track, and when it last had its turn.
#[derive(Clone, Copy, Debug)]
pub struct Subscription {
    state: State,
    asked_at: Option<Instant>,
}

impl Subscription {
    /// Of somebody who has seen nothing yet.
    pub fn new(now: Instant) -> Subscription {
        Subscription {
            state: State::AwaitingKeyframe { since: now },
            asked_at: None,
        }
    }

    /// Where it is.
    pub fn state(&self) -> State {
        self.state
    }

    /// Whether this sample is of use to it.
    pub fn wants(&self, keyframe: bool) -> bool {
        match self.state {
            State::Live | State::Requesting { .. } => true,
            State::AwaitingKeyframe { .. } | State::Behind { .. } => keyframe,
        }
    }

    /// It begins, or all that it was sent is lost: it need not wait for its turn.
    pub fn on_connected(&mut self, now: Instant) {
        self.state = State::AwaitingKeyframe { since: now };
        self.asked_at = Some(now);
    }

    /// It says that it cannot go on.
    pub fn on_keyframe_requested(&mut self, now: Instant) {
        if self.state == State::Live {
            self.state = State::Requesting { since: now };
        }
    }

    /// It lacks a sample.
    pub fn on_gap(&mut self, reason: KeyframeReason, now: Instant) {
        if !matches!(self.state, State::Behind { .. }) {
            self.state = State::Behind { since: now, reason };
        }
    }

    /// It was sent one that it wants.
    pub fn on_sent(&mut self, keyframe: bool) {
        if keyframe {
            self.state = State::Live;
        }
    }

    /// When its turn comes, if it waits for it; may lie in the past.
    pub fn turn_at(&self, is_pacesetter: bool, now: Instant) -> Option<Instant> {
        let pause = match is_pacesetter {
            true => PACESETTER_PAUSE,
            false => PAUSE,
        };
        match self.state {
            State::Requesting { .. } | State::Behind { .. } => {
                Some(self.asked_at.map_or(now, |at| at + pause))
            }
            State::Live | State::AwaitingKeyframe { .. } => None,
        }
    }

    /// Its turn has come: why a keyframe is to be asked for.
    pub fn take_turn(&mut self, now: Instant) -> Option<KeyframeReason> {
        let (state, reason) = match self.state {
            State::Requesting { .. } => (State::Live, KeyframeReason::Requested),
            State::Behind { reason, .. } => (State::AwaitingKeyframe { since: now }, reason),
            State::Live | State::AwaitingKeyframe { .. } => return None,
        };
        (self.state, self.asked_at) = (state, Some(now));
        Some(reason)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_keeps_samples_coming_and_a_gap_does_not() {
        let now = Instant::now();
        let mut subscription = Subscription::new(now);
        assert!(!subscription.wants(false) && subscription.wants(true));
        subscription.on_sent(true);
        subscription.on_keyframe_requested(now);
        assert!(subscription.wants(false));
        subscription.on_gap(KeyframeReason::Behind, now);
        assert!(!subscription.wants(false) && subscription.wants(true));
        subscription.on_keyframe_requested(now);
        let reason = KeyframeReason::Behind;
        assert_eq!(subscription.state(), State::Behind { since: now, reason });
    }

    #[test]
    fn turns_keep_their_distance_but_for_who_has_just_connected() {
        let now = Instant::now();
        let mut subscription = Subscription::new(now);
        subscription.on_connected(now);
        assert_eq!(subscription.turn_at(false, now), None, "asked for already");
        subscription.on_sent(true);
        subscription.on_keyframe_requested(now);
        assert_eq!(subscription.turn_at(false, now), Some(now + PAUSE));
        assert_eq!(
            subscription.turn_at(true, now),
            Some(now + PACESETTER_PAUSE)
        );
        let later = now + PAUSE;
        assert_eq!(
            subscription.take_turn(later),
            Some(KeyframeReason::Requested)
        );
        assert_eq!(subscription.state(), State::Live);
        subscription.on_gap(KeyframeReason::SkipToLive, later);
        assert_eq!(subscription.turn_at(false, later), Some(later + PAUSE));
    }
}
