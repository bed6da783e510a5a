//! Pure: how long pictures wait for the screen's refresh that shows them → how much later they might as well be drawn.
//!
//! Pictures and refreshes come at the same rate, each at its own moment. A picture that comes just after a refresh is an
//! interval older when it is seen than it need be, and one that sometimes comes before and sometimes after falls together
//! with its neighbour. So they are best just before it, by as much as they come unevenly.

use std::f64::consts::TAU;

/// Between two refreshes at 60 Hz; a screen with 120 can be kept in step with as well. On others pictures come at any
/// moment, and then nothing is asked for.
const INTERVAL_MILLIS: f64 = 1000.0 / 60.0;
/// So many frames tell.
const FRAMES: usize = 8;
/// What the latest of them should have left.
const LEAST_WAIT_MILLIS: f64 = 3.0;
/// Pictures that come this unevenly (1: all alike, 0: at any time) have no common moment.
const IN_STEP: f64 = 0.6;
/// Less is no news.
const NOTICEABLE_MILLIS: f64 = 0.5;

/// The waits of one run of frames.
#[derive(Clone, Debug, Default)]
pub struct VsyncPhase {
    waits: Vec<f64>,
}

impl VsyncPhase {
    /// A frame was ready this long before the refresh that showed it, in milliseconds; less than none if it slipped in
    /// after that had begun.
    pub fn waited(&mut self, millis: f64) {
        if millis.is_finite() {
            self.waits.push(millis);
        }
    }

    /// What is left over, in microseconds, once enough frames have come; begins anew then.
    pub fn offset(&mut self) -> Option<i32> {
        if self.waits.len() < FRAMES {
            return None;
        }
        let waits = std::mem::take(&mut self.waits);
        let angles = waits.iter().map(|wait| wait / INTERVAL_MILLIS * TAU);
        let (sin, cos) = angles.fold((0.0, 0.0), |(sin, cos), angle| {
            (sin + angle.sin(), cos + angle.cos())
        });
        let in_step = sin.hypot(cos) / waits.len() as f64;
        if in_step < IN_STEP {
            return None;
        }
        let mean = sin.atan2(cos) / TAU * INTERVAL_MILLIS;
        let mut later: Vec<f64> = waits.iter().map(|wait| around_none(mean - wait)).collect();
        later.sort_by(f64::total_cmp);
        // But for a few: what was lost and sent again comes when it can.
        let latest = later[later.len() * 3 / 4];
        let offset = around_none(mean - LEAST_WAIT_MILLIS - latest.max(0.0));
        (offset.abs() >= NOTICEABLE_MILLIS).then_some((offset * 1000.0) as i32)
    }
}

/// The same moment of the interval, half of one away at most.
fn around_none(millis: f64) -> f64 {
    millis - (millis / INTERVAL_MILLIS).round() * INTERVAL_MILLIS
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn offset(waits: impl IntoIterator<Item = f64>) -> Option<i32> {
        let mut phase = VsyncPhase::default();
        waits.into_iter().for_each(|wait| phase.waited(wait));
        phase.offset()
    }

    #[test]
    fn what_waits_long_may_come_later() {
        assert_eq!(offset([6.5; 8]), Some(3500));
        assert_eq!(offset([3.2; 8]), None, "it is where it should be");
        let too_late = offset([-1.0; 8]).unwrap();
        assert!((-4100..-3900).contains(&too_late), "{too_late}");
        assert_eq!(offset([6.5; 7]), None, "too few");
    }

    #[test]
    fn the_shorter_way_is_asked_for() {
        let asked = offset([15.0; 8]).unwrap();
        assert!((-4800..-4500).contains(&asked), "{asked}");
    }

    #[test]
    fn uneven_ones_get_more_room() {
        let uneven = offset([4.0, 8.0].repeat(5)).unwrap();
        assert!((900..1100).contains(&uneven), "{uneven}");
    }

    #[test]
    fn what_is_not_in_step_is_left_alone() {
        let at_any_time = (0..20).map(|frame| f64::from(frame) * INTERVAL_MILLIS / 20.0);
        assert_eq!(offset(at_any_time), None);
    }

    proptest! {
        /// Whatever the first moment, a few rounds bring pictures to where they wait little and none is too late.
        #[test]
        fn it_settles(first in 0.0..16.0f64, jitter in 0.0..2.5f64) {
            let mut wait = first;
            for _ in 0..6 {
                let waits = (0..10).map(|frame| wait + jitter * f64::from(frame % 5 - 2) / 2.0);
                let waits: Vec<f64> = waits.map(|wait| wait.rem_euclid(INTERVAL_MILLIS)).collect();
                wait -= f64::from(offset(waits).unwrap_or_default()) / 1000.0;
            }
            let wait = wait.rem_euclid(INTERVAL_MILLIS);
            prop_assert!(wait - jitter > 1.0 && wait < 7.0, "{} ± {}", wait, jitter);
        }

        #[test]
        fn no_numbers_make_it_panic(waits in prop::collection::vec(any::<f64>(), 0..20)) {
            if let Some(offset) = offset(waits) {
                prop_assert!(offset.abs() <= 8_400, "{}", offset);
            }
        }
    }
}
