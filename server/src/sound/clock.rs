//! Pure: when the next 10 ms are played: at an even pace while anything plays, and not at all otherwise.

use std::time::{Duration, Instant};

use super::PERIOD_TIME;

/// Whoever is later than this does not catch up: the machine slept, and what was to be heard then is past.
const LATEST: Duration = Duration::from_millis(100);

/// Of one sink.
#[derive(Debug, Default)]
pub struct Clock {
    /// While something plays.
    next: Option<Instant>,
}

impl Clock {
    /// When [`Clock::take`] has something.
    pub fn due_at(&mut self, is_playing: bool, now: Instant) -> Option<Instant> {
        match is_playing {
            true => Some(*self.next.get_or_insert(now)),
            false => {
                self.next = None;
                None
            }
        }
    }

    /// The time of the next period, if that has come.
    pub fn take(&mut self, now: Instant) -> Option<Instant> {
        let next = self.next.as_mut()?;
        if *next > now {
            return None;
        }
        if now.duration_since(*next) > LATEST {
            // By whole periods, so that the pace stays even.
            let missed = now.duration_since(*next).as_micros() / PERIOD_TIME.as_micros();
            *next += PERIOD_TIME * u32::try_from(missed).unwrap_or(u32::MAX);
        }
        let at = *next;
        *next += PERIOD_TIME;
        Some(at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn millis(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn it_is_even_whenever_it_is_looked_at_and_still_while_nothing_plays() {
        let start = Instant::now();
        let mut clock = Clock::default();
        assert_eq!(
            (clock.due_at(false, start), clock.take(start)),
            (None, None)
        );
        assert_eq!(clock.due_at(true, start), Some(start));
        assert_eq!(clock.take(start), Some(start));
        assert_eq!(clock.take(start), None);
        // Late by three periods: all are played, at their times.
        let late = start + millis(31);
        let played: Vec<_> = std::iter::from_fn(|| clock.take(late)).collect();
        assert_eq!(played, [10, 20, 30].map(|at| start + millis(at)));
        assert_eq!(clock.due_at(true, late), Some(start + millis(40)));
        assert_eq!(clock.due_at(false, late), None);
        assert_eq!(clock.take(late + millis(100)), None);
    }

    #[test]
    fn what_was_slept_through_is_not_made_up_for() {
        let start = Instant::now();
        let mut clock = Clock::default();
        clock.due_at(true, start);
        let awake = start + Duration::from_secs(3600) + millis(3);
        let played: Vec<_> = std::iter::from_fn(|| clock.take(awake)).collect();
        assert_eq!(played, [start + Duration::from_secs(3600)]);
    }
}
