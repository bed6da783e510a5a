//! Pure: when a track's encoder is asked for a keyframe. Many requests close together become one; none is forgotten.

use std::time::{Duration, Instant};

use crate::stream::downlink::KeyframeReason;

/// A keyframe is a dozen times the size of other frames: several viewers who lost the same packet must not cause several.
pub const QUIET: Duration = Duration::from_millis(500);

/// One per track. It knows of the keyframes that the encoder makes by itself, too.
#[derive(Clone, Copy, Debug, Default)]
pub struct KeyframeThrottle {
    state: State,
    /// When the encoder was asked last, or began a keyframe.
    last: Option<Instant>,
}

#[derive(Clone, Copy, Debug, Default)]
enum State {
    /// Everybody has what they need.
    #[default]
    Idle,
    /// Somebody cannot go on; the encoder has not been asked yet.
    Wanted(KeyframeReason),
    /// It has been asked, and makes one as soon as it can.
    Asked(KeyframeReason),
}

impl KeyframeThrottle {
    /// Somebody cannot go on without one.
    pub fn request(&mut self, reason: KeyframeReason) {
        if matches!(self.state, State::Idle) {
            self.state = State::Wanted(reason);
        }
    }

    /// When the encoder is to be asked, if at all; may lie in the past.
    pub fn due_at(&self, now: Instant) -> Option<Instant> {
        match self.state {
            State::Wanted(_) => Some(self.last.map_or(now, |last| last + QUIET)),
            State::Idle | State::Asked(_) => None,
        }
    }

    /// Why the encoder is asked now, if it is.
    pub fn poll(&mut self, now: Instant) -> Option<KeyframeReason> {
        match self.state {
            State::Wanted(reason) if self.due_at(now)? <= now => {
                (self.state, self.last) = (State::Asked(reason), Some(now));
                Some(reason)
            }
            _ => None,
        }
    }

    /// A keyframe came, whoever wanted it: everybody who asked is served. `true` if the encoder may still be about to
    /// make another for them.
    pub fn on_keyframe(&mut self, encode_began: Instant) -> bool {
        self.last = self.last.max(Some(encode_began));
        matches!(std::mem::take(&mut self.state), State::Asked(_))
    }

    /// What the encoder made got lost, or there is another encoder: it has to be asked again.
    pub fn on_lost(&mut self) {
        if let State::Asked(reason) = self.state {
            self.state = State::Wanted(reason);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stream::downlink::KeyframeReason::Requested;
    use proptest::prelude::*;

    #[test]
    fn the_first_request_is_answered_at_once() {
        let now = Instant::now();
        let mut keyframes = KeyframeThrottle::default();
        assert_eq!(keyframes.due_at(now), None);
        keyframes.request(Requested);
        assert_eq!(keyframes.poll(now), Some(Requested));
    }

    #[test]
    fn a_request_inside_the_quiet_time_is_answered_at_its_end() {
        let start = Instant::now();
        let mut keyframes = KeyframeThrottle::default();
        assert!(!keyframes.on_keyframe(start), "the encoder's own");
        assert_eq!(keyframes.due_at(start), None);
        keyframes.request(Requested);
        keyframes.request(Requested);
        assert_eq!(keyframes.due_at(start), Some(start + QUIET));
        let early = start + QUIET - Duration::from_millis(1);
        assert_eq!(keyframes.poll(early), None);
        assert_eq!(keyframes.poll(start + QUIET), Some(Requested));
        assert_eq!(keyframes.poll(start + 2 * QUIET), None, "it is on its way");
        assert!(keyframes.on_keyframe(start + 2 * QUIET));
    }

    #[test]
    fn a_keyframe_that_got_lost_is_asked_for_again() {
        let start = Instant::now();
        let mut keyframes = KeyframeThrottle::default();
        keyframes.request(Requested);
        assert_eq!(keyframes.poll(start), Some(Requested));
        keyframes.on_lost();
        assert_eq!(keyframes.poll(start), None);
        assert_eq!(keyframes.poll(start + QUIET), Some(Requested));
    }

    proptest! {
        /// Requests and keyframes of the encoder's own at any times, asked every millisecond; what is asked for is made
        /// some milliseconds later.
        #[test]
        fn every_request_is_followed_by_a_keyframe_and_none_is_asked_for_too_soon(
            requests in proptest::collection::btree_set(0u64..4000, 0..40),
            own in proptest::collection::btree_set(0u64..4000, 0..10),
            takes in 0u64..30,
        ) {
            let start = Instant::now();
            let at = |millis| start + Duration::from_millis(millis);
            let mut keyframes = KeyframeThrottle::default();
            let (mut asked, mut made) = (Vec::new(), Vec::new());
            for millis in 0..5000u64 {
                if requests.contains(&millis) {
                    keyframes.request(Requested);
                }
                if keyframes.poll(at(millis)).is_some() {
                    asked.push(millis);
                }
                if own.contains(&millis) || asked.last().is_some_and(|asked| asked + takes == millis) {
                    keyframes.on_keyframe(at(millis));
                    made.push(millis);
                }
            }
            for pair in asked.windows(2) {
                prop_assert!(pair[1] - pair[0] >= 500);
            }
            for at in asked {
                let before = made.iter().rfind(|made| **made < at);
                prop_assert!(before.is_none_or(|made| at - made >= 500));
            }
            for request in requests {
                prop_assert!(made.iter().any(|&at| at >= request && at <= request + 500 + takes));
            }
        }
    }
}
