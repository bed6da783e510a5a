//! Pure: is a Chrome that crashed started again by itself?

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// A page that crashes Chrome whenever it is shown must not do so for ever.
const MOST: usize = 3;
const WITHIN: Duration = Duration::from_secs(60);

/// Those of the last minute, oldest first.
#[derive(Debug, Default)]
pub struct Restarts(VecDeque<Instant>);

impl Restarts {
    /// Chrome crashed: which restart of the last minute this would be, from 1; `None` when there were too many.
    pub fn allow(&mut self, now: Instant) -> Option<usize> {
        while let Some(oldest) = self.0.front()
            && now.saturating_duration_since(*oldest) >= WITHIN
        {
            self.0.pop_front();
        }
        if self.0.len() >= MOST {
            return None;
        }
        self.0.push_back(now);
        Some(self.0.len())
    }

    /// Chrome has lately been started again by itself.
    pub fn is_recent(&self, now: Instant) -> bool {
        let newest = self.0.back();
        newest.is_some_and(|at| now.saturating_duration_since(*at) < WITHIN)
    }

    /// A person restarts Chrome: what came before counts no more.
    pub fn reset(&mut self) {
        self.0.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn the_fourth_crash_within_a_minute_waits_for_a_person() {
        let start = Instant::now();
        let mut restarts = Restarts::default();
        let at = |seconds: u32| start + seconds * SECOND;
        assert_eq!(restarts.allow(at(0)), Some(1));
        assert_eq!(restarts.allow(at(10)), Some(2));
        assert_eq!(restarts.allow(at(20)), Some(3));
        assert_eq!(restarts.allow(at(30)), None);
        assert_eq!(
            restarts.allow(at(59)),
            None,
            "asking does not make it longer"
        );
        assert_eq!(
            restarts.allow(at(60)),
            Some(3),
            "the first one is a minute ago"
        );
        assert_eq!(restarts.allow(at(61)), None);
        assert!(restarts.is_recent(at(61)) && !restarts.is_recent(at(121)));
        restarts.reset();
        assert!(!restarts.is_recent(at(61)));
        assert_eq!(restarts.allow(at(61)), Some(1));
    }

    #[test]
    fn a_crash_now_and_then_is_always_followed_by_a_restart() {
        let start = Instant::now();
        let mut restarts = Restarts::default();
        for crash in 0..100 {
            assert!(restarts.allow(start + crash * 25 * SECOND).is_some());
        }
    }
}
