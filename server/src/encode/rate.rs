//! Pure: how often pictures really come, for rate control: on a narrow link each one has a larger share.

use std::time::{Duration, Instant};

/// After a longer pause the page has rested, which says nothing of its pace.
const REST: Duration = Duration::from_millis(300);
/// Each distance counts this much.
const NEWEST: f64 = 0.1;
/// A smaller change is not worth telling.
const WORTHWHILE: f64 = 0.2;

#[derive(Clone, Copy, Debug)]
pub struct FrameRate {
    highest: f64,
    /// Seconds from one frame to the next.
    distance: f64,
    last: Option<Instant>,
    told: f64,
}

impl FrameRate {
    pub fn new(highest: u32) -> FrameRate {
        let highest = f64::from(highest.max(1));
        FrameRate {
            highest,
            distance: 1.0 / highest,
            last: None,
            told: highest,
        }
    }

    /// A frame is about to be encoded; gives the frames per second to tell, if that is news.
    pub fn next(&mut self, now: Instant) -> Option<f32> {
        if let Some(last) = self.last.replace(now) {
            let distance = now.saturating_duration_since(last);
            if distance < REST {
                self.distance += (distance.as_secs_f64() - self.distance) * NEWEST;
            }
        }
        let rate = (1.0 / self.distance.max(1e-3)).min(self.highest);
        if (rate - self.told).abs() <= WORTHWHILE * self.told {
            return None;
        }
        self.told = rate;
        Some(rate as f32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(rate: &mut FrameRate, start: Instant, every: u64, frames: u64) -> Option<f32> {
        (0..frames)
            .filter_map(|frame| rate.next(start + Duration::from_millis(every * frame)))
            .last()
    }

    #[test]
    fn a_steady_page_is_told_once_and_a_rest_not_at_all() {
        let start = Instant::now();
        let mut rate = FrameRate::new(60);
        assert_eq!(run(&mut rate, start, 17, 100), None);
        let slow = run(&mut rate, start + 2 * Duration::from_secs(1), 66, 100).unwrap();
        assert!((12.0..22.0).contains(&slow), "{slow}");
        assert_eq!(
            run(&mut rate, start + 60 * Duration::from_secs(1), 900, 5),
            None
        );
    }
}
