//! Pure: when a requested keyframe is made. Many requests close together become one; none is forgotten.

use std::time::{Duration, Instant};

/// A keyframe is a dozen times the size of other frames: several viewers who lost the same packet must not cause several.
pub const QUIET: Duration = Duration::from_millis(500);

#[derive(Clone, Copy, Debug, Default)]
pub struct KeyframeThrottle {
    made_at: Option<Instant>,
    wanted: bool,
}

impl KeyframeThrottle {
    /// Somebody cannot go on without one.
    pub fn request(&mut self) {
        self.wanted = true;
    }

    /// When the next one is due, if anybody waits for one; may lie in the past.
    pub fn due_at(&self, now: Instant) -> Option<Instant> {
        self.wanted
            .then(|| self.made_at.map_or(now, |made_at| made_at + QUIET))
    }

    pub fn is_due(&self, now: Instant) -> bool {
        self.due_at(now).is_some_and(|due_at| due_at <= now)
    }

    /// The frame just encoded was one, whoever wanted it: everybody who had asked is served.
    pub fn made(&mut self, now: Instant) {
        self.made_at = Some(now);
        self.wanted = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_first_request_is_answered_at_once() {
        let now = Instant::now();
        let mut keyframes = KeyframeThrottle::default();
        assert_eq!(keyframes.due_at(now), None);
        keyframes.request();
        assert!(keyframes.is_due(now));
    }

    #[test]
    fn a_request_inside_the_quiet_time_is_answered_at_its_end() {
        let start = Instant::now();
        let mut keyframes = KeyframeThrottle::default();
        keyframes.request();
        keyframes.made(start);
        assert_eq!(keyframes.due_at(start), None);
        keyframes.request();
        assert!(!keyframes.is_due(start + QUIET - Duration::from_millis(1)));
        assert!(keyframes.is_due(start + QUIET));
    }

    proptest! {
        /// Requests at any times, the encoder looking every millisecond.
        #[test]
        fn every_request_is_followed_by_a_keyframe_and_none_comes_too_soon(
            requests in proptest::collection::btree_set(0u64..4000, 0..40),
        ) {
            let start = Instant::now();
            let mut keyframes = KeyframeThrottle::default();
            let mut made = Vec::new();
            for millis in 0..5000u64 {
                let now = start + Duration::from_millis(millis);
                if requests.contains(&millis) {
                    keyframes.request();
                }
                if keyframes.is_due(now) {
                    keyframes.made(now);
                    made.push(millis);
                }
            }
            for pair in made.windows(2) {
                prop_assert!(pair[1] - pair[0] >= 500);
            }
            for request in requests {
                prop_assert!(made.iter().any(|&at| at >= request && at <= request + 500));
            }
        }
    }
}
