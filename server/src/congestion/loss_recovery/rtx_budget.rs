//! Pure: how much may be retransmitted. A path that loses packets because it is full must not be filled further.

use std::time::{Duration, Instant};

use crate::bitrate::Bitrate;

/// The part of the estimate that retransmissions may take: when more than a third is lost, a keyframe is cheaper.
pub const SHARE: f64 = 0.35;
/// What the estimate carries in this time may be retransmitted at once: a lost burst, such as half of a keyframe.
const BURST: Duration = Duration::from_millis(200);
/// Bytes that may be retransmitted at once on the slowest path: the last fragments of a frame.
const MIN_BURST: f64 = 12_000.0;

/// Token bucket of retransmissions.
#[derive(Clone, Copy, Debug)]
pub struct RtxBudget {
    /// Bytes.
    tokens: f64,
    refilled_at: Option<Instant>,
}

impl RtxBudget {
    /// A full bucket.
    pub fn new() -> RtxBudget {
        RtxBudget {
            tokens: f64::MAX,
            refilled_at: None,
        }
    }

    /// Whether these bytes may be retransmitted now; if so, they are taken from the budget.
    pub fn try_spend(&mut self, bytes: usize, estimate: Bitrate, now: Instant) -> bool {
        let bytes_per_second = f64::from(estimate.as_bps()) / 8.0;
        let since = self.refilled_at.replace(now).unwrap_or(now);
        let elapsed = now.saturating_duration_since(since).as_secs_f64();
        let depth = (bytes_per_second * BURST.as_secs_f64()).max(MIN_BURST);
        self.tokens = (self.tokens + elapsed * bytes_per_second * SHARE).min(depth);
        let is_allowed = bytes as f64 <= self.tokens;
        if is_allowed {
            self.tokens -= bytes as f64;
        }
        is_allowed
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn retransmissions_stay_a_share_of_the_estimate(
            steps in proptest::collection::vec((0u64..100, 1usize..1500), 1..2000),
            kbps in 100u32..20_000,
        ) {
            let start = Instant::now();
            let (mut budget, mut now, mut spent) = (RtxBudget::new(), start, 0.0);
            let estimate = Bitrate::kbps(kbps);
            for (later, bytes) in steps {
                now += Duration::from_millis(later);
                if budget.try_spend(bytes, estimate, now) {
                    spent += bytes as f64;
                }
                let share = estimate.bytes_in(now - start) as f64 * SHARE;
                let burst = (estimate.bytes_in(BURST) as f64).max(MIN_BURST);
                prop_assert!(spent <= share + burst + 10.0);
            }
        }
    }

    #[test]
    fn a_lossy_but_uncongested_path_gets_everything_again() {
        let start = Instant::now();
        let mut budget = RtxBudget::new();
        // 4 Mb/s in packets of 1200 bytes, 25 % lost.
        for packet in 0..10_000u32 {
            let now = start + packet * Duration::from_micros(2400);
            assert!(packet % 4 != 0 || budget.try_spend(1200, Bitrate::kbps(4000), now));
        }
    }
}
