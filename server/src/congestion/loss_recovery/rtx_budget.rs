//! Pure: how much may be sent again. A link that loses packets because it is full must not be filled with repetitions.

use std::time::{Duration, Instant};

use crate::bitrate::Bitrate;

/// This part of the estimate may go into repetitions: more than a third lost is a keyframe's business.
pub const SHARE: f64 = 0.35;
/// So much of the estimate may be repeated at once: a lost burst, such as the last half of a keyframe.
const BURST: Duration = Duration::from_millis(200);
/// On the slowest link still the last fragments of a frame.
const SMALLEST_BURST: f64 = 12_000.0;

#[derive(Clone, Copy, Debug)]
pub struct RtxBudget {
    credit_bytes: f64,
    counted_at: Option<Instant>,
}

impl RtxBudget {
    pub fn new() -> RtxBudget {
        RtxBudget {
            credit_bytes: f64::MAX,
            counted_at: None,
        }
    }

    /// Whether these bytes may be sent again; if so they are taken from the credit.
    pub fn repeat(&mut self, bytes: usize, estimate: Bitrate, now: Instant) -> bool {
        let per_second = f64::from(estimate.as_bps()) / 8.0;
        let since = self.counted_at.replace(now).unwrap_or(now);
        let elapsed = now.saturating_duration_since(since).as_secs_f64();
        let most = (per_second * BURST.as_secs_f64()).max(SMALLEST_BURST);
        self.credit_bytes = (self.credit_bytes + elapsed * per_second * SHARE).min(most);
        let allowed = bytes as f64 <= self.credit_bytes;
        if allowed {
            self.credit_bytes -= bytes as f64;
        }
        allowed
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn repetitions_stay_a_share_of_the_estimate(
            steps in proptest::collection::vec((0u64..100, 1usize..1500), 1..2000),
            kbps in 100u32..20_000,
        ) {
            let start = Instant::now();
            let (mut budget, mut now, mut repeated) = (RtxBudget::new(), start, 0.0);
            let estimate = Bitrate::kbps(kbps);
            for (later, bytes) in steps {
                now += Duration::from_millis(later);
                if budget.repeat(bytes, estimate, now) {
                    repeated += bytes as f64;
                }
                let share = estimate.bytes_in(now - start) as f64 * SHARE;
                let burst = (estimate.bytes_in(BURST) as f64).max(SMALLEST_BURST);
                prop_assert!(repeated <= share + burst + 10.0);
            }
        }
    }

    #[test]
    fn a_lossy_but_free_link_gets_everything_again() {
        let start = Instant::now();
        let mut budget = RtxBudget::new();
        // 4 Mb/s in packets of 1200 bytes, 25 % lost.
        for packet in 0..10_000u32 {
            let now = start + packet * Duration::from_micros(2400);
            assert!(packet % 4 != 0 || budget.repeat(1200, Bitrate::kbps(4000), now));
        }
    }
}
