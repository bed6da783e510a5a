//! Pure: when the session's state is asked for by a long poll: while no channel brings it.
//!
//! Times are milliseconds of this page's clock.

use super::backoff::Backoff;

#[derive(Debug, Default)]
pub struct LongPoll {
    step: Step,
    backoff: Backoff,
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
enum Step {
    #[default]
    Idle,
    Asked,
    /// It failed.
    Pausing {
        until: f64,
    },
}

impl LongPoll {
    /// Whether one begins now.
    pub fn is_due(&mut self, wanted: bool, now: f64) -> bool {
        let due = match self.step {
            Step::Asked => return false,
            Step::Idle => wanted,
            Step::Pausing { until } => wanted && now >= until,
        };
        if due {
            self.step = Step::Asked;
        } else if !wanted {
            *self = LongPoll::default();
        }
        due
    }

    pub fn answered(&mut self) {
        *self = LongPoll::default();
    }

    pub fn failed(&mut self, now: f64) {
        self.step = Step::Pausing {
            until: now + self.backoff.next_delay_millis(),
        };
    }

    pub fn deadline(&self) -> Option<f64> {
        match self.step {
            Step::Pausing { until } => Some(until),
            Step::Idle | Step::Asked => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_asked_at_a_time_and_only_while_it_is_wanted() {
        let mut poll = LongPoll::default();
        assert!(!poll.is_due(false, 0.0));
        assert!(poll.is_due(true, 0.0));
        assert!(!poll.is_due(true, 1.0));
        poll.answered();
        assert!(poll.is_due(true, 2.0), "the next one follows at once");
        poll.answered();
        assert!(!poll.is_due(false, 3.0));
    }

    #[test]
    fn a_failure_is_followed_by_a_pause() {
        let mut poll = LongPoll::default();
        assert!(poll.is_due(true, 0.0));
        poll.failed(0.0);
        assert!(!poll.is_due(true, 50.0));
        assert_eq!(poll.deadline(), Some(100.0));
        assert!(poll.is_due(true, 100.0));
        poll.failed(100.0);
        assert_eq!(poll.deadline(), Some(300.0));
        assert!(!poll.is_due(false, 300.0));
        assert_eq!(poll.deadline(), None);
    }
}
