//! Pure: when `getStats` is asked for, one report at a time → the newest reading, and what half a second was like.
//!
//! There is no other poller: liveness, the stall detector and the Statistics panel read the same reports.
//!
//! Times are milliseconds of this page's clock.

use super::stall_detector::{LOOK_MILLIS, Look};
use crate::stats::reading::Reading;

#[derive(Debug, Default)]
pub struct StatsPoller {
    step: Step,
    next_look_at: f64,
    newest: Option<Reading>,
    /// At the last look.
    before: Option<Reading>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Step {
    #[default]
    Idle,
    Asked(Purpose),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Twice a second.
    Look,
    /// The peer is doubted, and all its packets are counted.
    Count,
}

impl StatsPoller {
    /// When the next look is due; `None` while a report is awaited.
    pub fn deadline(&self) -> Option<f64> {
        (self.step == Step::Idle).then_some(self.next_look_at)
    }

    /// What a report is to be asked for now, if one is. `counts`: the packets matter now.
    pub fn due(&mut self, counts: bool, now: f64) -> Option<Purpose> {
        // A report that is on its way will do.
        let next_look_at = self.deadline()?;
        let purpose = match now >= next_look_at {
            true => Purpose::Look,
            false if counts => Purpose::Count,
            false => return None,
        };
        if purpose == Purpose::Look {
            self.next_look_at = now + LOOK_MILLIS;
        }
        self.step = Step::Asked(purpose);
        Some(purpose)
    }

    /// Says what it was asked for.
    pub fn reported(&mut self, reading: Reading) -> Option<Purpose> {
        let Step::Asked(purpose) = std::mem::take(&mut self.step) else {
            return None;
        };
        self.newest = Some(reading);
        Some(purpose)
    }

    pub fn failed(&mut self) {
        self.step = Step::Idle;
    }

    pub fn newest(&self) -> Option<&Reading> {
        self.newest.as_ref()
    }

    /// What happened since the last look, if that can be compared.
    pub fn look(&mut self) -> Option<Look> {
        let before = std::mem::replace(&mut self.before, self.newest.clone());
        self.newest.as_ref()?.look_since(&before?)
    }

    /// What comes next is not to be compared with what was.
    pub fn skip_look(&mut self) {
        self.before = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(at_millis: f64, frames: f64) -> Reading {
        Reading {
            at_millis,
            frames_decoded: frames,
            ..Reading::default()
        }
    }

    #[test]
    fn one_report_is_awaited_at_a_time() {
        let mut poller = StatsPoller::default();
        assert_eq!(poller.due(false, 0.0), Some(Purpose::Look));
        assert_eq!(poller.due(true, 1_000.0), None);
        assert_eq!(poller.reported(reading(0.0, 0.0)), Some(Purpose::Look));
        assert_eq!(poller.due(true, 100.0), Some(Purpose::Count));
        assert_eq!(poller.due(true, 1_000.0), None);
        poller.failed();
        assert_eq!(poller.due(true, 1_000.0), Some(Purpose::Look));
        assert_eq!(poller.deadline(), None);
    }

    #[test]
    fn looks_are_half_a_second_apart_whatever_is_counted_between() {
        let mut poller = StatsPoller::default();
        poller.due(false, 0.0);
        poller.reported(reading(0.0, 10.0));
        assert_eq!(poller.look(), None, "nothing to compare with");
        assert_eq!(poller.due(false, 200.0), None);
        assert_eq!(poller.due(true, 200.0), Some(Purpose::Count));
        assert_eq!(poller.reported(reading(200.0, 20.0)), Some(Purpose::Count));
        assert_eq!(poller.deadline(), Some(LOOK_MILLIS));
        assert_eq!(poller.due(true, LOOK_MILLIS), Some(Purpose::Look));
        poller.reported(reading(500.0, 40.0));
        assert_eq!(poller.look().map(|look| look.decoded), Some(30.0));
        poller.skip_look();
        assert_eq!(poller.look(), None);
        let newest = poller.newest().map(|reading| reading.frames_decoded);
        assert_eq!(newest, Some(40.0));
    }
}
