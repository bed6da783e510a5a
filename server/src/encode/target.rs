//! Pure: which of the wished bitrates the encoder is told. It loses its balance when it is told too often.

use std::time::{Duration, Instant};

use crate::bitrate::Bitrate;

/// Below this a 720p picture is mush, and the encoder's own arithmetic becomes coarse.
pub const FLOOR: Bitrate = Bitrate::kbps(150);

/// Told every 100 ms whatever the change, openh264 drops to 3 to 5 frames per second.
const WORTHWHILE: f64 = 0.08;
/// A narrow link must be obeyed soon: frames already queue in it.
const BETWEEN_DECREASES: Duration = Duration::from_millis(100);
/// Going up can wait.
const BETWEEN_INCREASES: Duration = Duration::from_millis(500);

#[derive(Clone, Copy, Debug)]
pub struct Targets {
    ceiling: Bitrate,
    told: Bitrate,
    told_at: Option<Instant>,
    wished: Bitrate,
}

impl Targets {
    /// The encoder starts at the ceiling: it never goes above what it was opened with.
    pub fn new(ceiling: Bitrate) -> Targets {
        Targets {
            ceiling,
            told: ceiling,
            told_at: None,
            wished: ceiling,
        }
    }

    pub fn wish(&mut self, bitrate: Bitrate) {
        // The ceiling may lie below the floor: then it is both.
        self.wished = bitrate.max(FLOOR).min(self.ceiling);
    }

    /// What the encoder works towards.
    pub fn told(&self) -> Bitrate {
        self.told
    }

    /// What to tell the encoder now, if anything; call before each frame.
    pub fn next(&mut self, now: Instant) -> Option<Bitrate> {
        let told = f64::from(self.told.as_bps());
        let change = (f64::from(self.wished.as_bps()) - told) / told;
        if change.abs() <= WORTHWHILE {
            return None;
        }
        let pause = if change < 0.0 {
            BETWEEN_DECREASES
        } else {
            BETWEEN_INCREASES
        };
        if self
            .told_at
            .is_some_and(|at| now.saturating_duration_since(at) < pause)
        {
            return None;
        }
        self.told = self.wished;
        self.told_at = Some(now);
        Some(self.told)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_small_change_is_not_worth_it() {
        let mut targets = Targets::new(Bitrate::kbps(4000));
        targets.wish(Bitrate::kbps(3800));
        assert_eq!(targets.next(Instant::now()), None);
    }

    #[test]
    fn down_is_quick_and_up_is_slow() {
        let start = Instant::now();
        let after = |millis| start + Duration::from_millis(millis);
        let mut targets = Targets::new(Bitrate::kbps(4000));
        targets.wish(Bitrate::kbps(2000));
        assert_eq!(targets.next(start), Some(Bitrate::kbps(2000)));
        targets.wish(Bitrate::kbps(1000));
        assert_eq!(targets.next(after(99)), None);
        assert_eq!(targets.next(after(100)), Some(Bitrate::kbps(1000)));
        targets.wish(Bitrate::kbps(3000));
        assert_eq!(targets.next(after(599)), None);
        assert_eq!(targets.next(after(600)), Some(Bitrate::kbps(3000)));
    }

    proptest! {
        #[test]
        fn the_encoder_stays_within_bounds_and_is_told_seldom(
            ceiling in 1u32..50_000_000,
            wishes in proptest::collection::vec((any::<u32>(), 0u64..50), 1..200),
        ) {
            let ceiling = Bitrate::bps(ceiling);
            let mut targets = Targets::new(ceiling);
            let mut now = Instant::now();
            let mut last: Option<(Instant, Bitrate)> = None;
            for (wish, pause) in wishes {
                now += Duration::from_millis(pause);
                targets.wish(Bitrate::bps(wish));
                let Some(told) = targets.next(now) else { continue };
                prop_assert!(told <= ceiling && told >= FLOOR.min(ceiling));
                if let Some((at, before)) = last {
                    let pause = if told < before { BETWEEN_DECREASES } else { BETWEEN_INCREASES };
                    prop_assert!(now - at >= pause);
                }
                last = Some((now, told));
            }
        }
    }
}
