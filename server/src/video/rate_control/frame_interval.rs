//! Pure: how many frames a second share the bitrate: as many as the page draws, whether the link carries them or not. So
//! frames get coarser first, and fewer after that.

use std::time::{Duration, Instant};

/// After a longer pause the page has rested, which says nothing of its pace.
const REST: Duration = Duration::from_millis(300);
/// Each interval counts this much.
const NEWEST: f64 = 0.1;
/// A smaller change of the rate is not worth reporting.
const WORTHWHILE: f64 = 0.2;
/// One frame's share of the link is never longer.
const LONGEST: Duration = Duration::from_nanos(1_000_000_000 / 15);

/// The page's own pace.
#[derive(Clone, Copy, Debug)]
pub struct FrameInterval {
    /// At the highest frame rate.
    shortest: Duration,
    /// From one frame to the next, as the page draws.
    mean: Duration,
    last: Option<Instant>,
    /// Frames per second that rate control was last told.
    reported: f64,
}

impl FrameInterval {
    /// `frame_rate`: the highest, per second.
    pub fn new(frame_rate: u32) -> FrameInterval {
        let frame_rate = frame_rate.max(1);
        let shortest = Duration::from_secs(1) / frame_rate;
        FrameInterval {
            shortest,
            mean: shortest,
            last: None,
            reported: f64::from(frame_rate),
        }
    }

    /// A frame is about to be encoded; gives the frames per second to report to rate control, if that is news.
    /// `waited_for_link`: its interval says nothing of the page.
    pub fn on_frame(&mut self, waited_for_link: bool, now: Instant) -> Option<f32> {
        if let Some(last) = self.last.replace(now) {
            let interval = now.saturating_duration_since(last);
            if waited_for_link {
                self.count(self.shortest);
            } else if interval < REST {
                self.count(interval);
            }
        }
        let rate = 1.0 / self.share().as_secs_f64();
        if (rate - self.reported).abs() <= WORTHWHILE * self.reported {
            return None;
        }
        self.reported = rate;
        Some(rate as f32)
    }

    /// How long one frame may occupy the link.
    pub fn share(&self) -> Duration {
        self.mean.clamp(self.shortest.min(LONGEST), LONGEST)
    }

    fn count(&mut self, interval: Duration) {
        self.mean = self.mean.mul_f64(1.0 - NEWEST) + interval.mul_f64(NEWEST);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(rate: &mut FrameInterval, start: Instant, every: u64, frames: u64) -> Option<f32> {
        (0..frames)
            .filter_map(|frame| rate.on_frame(false, start + Duration::from_millis(every * frame)))
            .last()
    }

    #[test]
    fn a_steady_page_is_reported_once_and_a_rest_not_at_all() {
        let start = Instant::now();
        let mut rate = FrameInterval::new(60);
        assert_eq!(run(&mut rate, start, 17, 100), None);
        let slow = run(&mut rate, start + 2 * Duration::from_secs(1), 66, 100).unwrap();
        assert!((12.0..22.0).contains(&slow), "{slow}");
        assert_eq!(
            run(&mut rate, start + 60 * Duration::from_secs(1), 900, 5),
            None
        );
    }

    #[test]
    fn a_page_that_moves_faster_again_is_noticed_on_a_link_that_is_full() {
        let (start, mut rate) = (Instant::now(), FrameInterval::new(60));
        let slow = run(&mut rate, start, 66, 50).unwrap();
        assert!(slow < 22.0, "{slow}");
        let later = start + Duration::from_secs(6);
        let frames = (0..50).map(|frame| later + Duration::from_millis(frame * 90));
        let reported = frames.filter_map(|now| rate.on_frame(true, now));
        assert!(reported.last().unwrap() > 45.0);
    }
}
