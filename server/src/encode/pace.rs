//! Pure: how soon the next frame may be encoded, so that Chrome may draw more often than frames are made.

use std::time::{Duration, Instant};

/// Holds the mean rate, not the distance: a picture right after another one (an answer to input) is encoded at once, and
/// pictures that come a little early or late are not dropped for it.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    interval: Duration,
    /// When the next frame would come if they came evenly.
    even_at: Option<Instant>,
}

impl Pace {
    pub fn new(frame_rate: u32) -> Pace {
        Pace {
            interval: Duration::from_secs(1) / frame_rate.max(1),
            even_at: None,
        }
    }

    /// How long to wait before the next frame; the picture may become newer meanwhile.
    pub fn wait(&self, now: Instant) -> Duration {
        self.even_at.map_or(Duration::ZERO, |even_at| {
            even_at.saturating_duration_since(now + self.interval)
        })
    }

    pub fn encoded(&mut self, now: Instant) {
        let even_at = self.even_at.map_or(now, |even_at| even_at.max(now));
        self.even_at = Some(even_at + self.interval);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_answer_right_after_a_frame_does_not_wait() {
        let now = Instant::now();
        let mut pace = Pace::new(60);
        pace.encoded(now);
        assert_eq!(pace.wait(now + Duration::from_millis(2)), Duration::ZERO);
    }

    proptest! {
        /// Pictures arrive at any distances; each is encoded as soon as the pace allows.
        #[test]
        fn a_second_never_holds_more_frames_than_the_rate_and_the_early_one(
            gaps in proptest::collection::vec(0u64..30_000, 1..400),
        ) {
            let mut pace = Pace::new(60);
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
