//! Pure: how soon the next frame may be encoded, so that Chrome may draw more often than frames are made, and less evenly
//! than they are shown.

use std::time::{Duration, Instant};

/// Pictures come at the frame rate, but not by the same clock; without this they would be held to the latest one ever.
const MARGIN: f64 = 1.01;
/// Two frames within one refresh of the viewer's screen are one too many: only the second is seen.
const CLOSEST: f64 = 0.5;

/// Holds the mean rate rather than the distance: pictures that come a little early or late are not dropped for it. Who
/// waits may cut it short for an answer to an input.
#[derive(Clone, Copy, Debug)]
pub struct FrameRateLimiter {
    interval: Duration,
    last: Option<Instant>,
    /// When the next frame would come if they came evenly.
    even_at: Option<Instant>,
}

impl FrameRateLimiter {
    /// `frame_rate`: frames per second.
    pub fn new(frame_rate: u32) -> FrameRateLimiter {
        FrameRateLimiter {
            interval: Duration::from_secs(1) / frame_rate.max(1),
            last: None,
            even_at: None,
        }
    }

    /// How long to wait before the next frame; the picture may become newer meanwhile.
    pub fn wait(&self, now: Instant) -> Duration {
        let even = self.even_at.map_or(Duration::ZERO, |even_at| {
            even_at.saturating_duration_since(now + self.interval)
        });
        let apart = self.last.map_or(Duration::ZERO, |last| {
            (last + self.interval.mul_f64(CLOSEST)).saturating_duration_since(now)
        });
        even.max(apart)
    }

    /// A frame is being made.
    pub fn encoded(&mut self, now: Instant) {
        let even_at = self.even_at.map_or(now, |even_at| even_at.max(now));
        self.even_at = Some(even_at + self.interval.div_f64(MARGIN));
        self.last = Some(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn frames_keep_their_distance_and_a_late_one_is_made_up_for() {
        let now = Instant::now();
        let mut pace = FrameRateLimiter::new(50);
        pace.encoded(now);
        assert_eq!(
            pace.wait(now + Duration::from_millis(5)),
            Duration::from_millis(5)
        );
        pace.encoded(now + Duration::from_millis(29));
        assert_eq!(pace.wait(now + Duration::from_millis(39)), Duration::ZERO);
    }

    proptest! {
        /// Pictures arrive at any distances; each is encoded as soon as the pace allows.
        #[test]
        fn a_second_never_holds_more_frames_than_the_rate_and_the_early_one(
            gaps in proptest::collection::vec(0u64..30_000, 1..400),
        ) {
            let mut pace = FrameRateLimiter::new(60);
            let start = Instant::now();
            let mut now = start;
            let mut frames = Vec::new();
            for gap in gaps {
                now += Duration::from_micros(gap);
                now += pace.wait(now);
                pace.encoded(now);
                frames.push(now);
            }
            for (index, &first) in frames.iter().enumerate() {
                let within = frames[index..].iter().filter(|&&at| at < first + Duration::from_secs(1)).count();
                prop_assert!(within <= 62, "{within}");
            }
        }
    }
}
