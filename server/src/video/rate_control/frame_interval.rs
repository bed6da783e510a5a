//! Pure: how many frames a second share the bitrate: as many as the page draws, whether the link carries them or not. So
//! frames get coarser first, and fewer after that.

use std::time::{Duration, Instant};

/// After a longer pause the page has rested, which says nothing of its pace.
const REST: Duration = Duration::from_millis(300);
/// Each distance counts this much.
const NEWEST: f64 = 0.1;
/// A smaller change is not worth telling.
const WORTHWHILE: f64 = 0.2;
/// Fewer would let one frame occupy the link for longer than this part of a second.
const LEAST: f64 = 15.0;

#[derive(Clone, Copy, Debug)]
pub struct FrameInterval {
    highest: f64,
    /// Seconds from one frame to the next.
    distance: f64,
    last: Option<Instant>,
    told: f64,
}

impl FrameInterval {
    pub fn new(highest: u32) -> FrameInterval {
        let highest = f64::from(highest.max(1));
        FrameInterval {
            highest,
            distance: 1.0 / highest,
            last: None,
            told: highest,
        }
    }

    /// A frame is about to be encoded; gives the frames per second to tell rate control, if that is news. `held`: it
    /// waited for the link, so that its distance says nothing of the page.
    pub fn next(&mut self, held: bool, now: Instant) -> Option<f32> {
        if let Some(last) = self.last.replace(now) {
            let distance = now.saturating_duration_since(last);
            if held {
                self.count(1.0 / self.highest);
            } else if distance < REST {
                self.count(distance.as_secs_f64());
            }
        }
        let rate = 1.0 / self.distance().as_secs_f64();
        if (rate - self.told).abs() <= WORTHWHILE * self.told {
            return None;
        }
        self.told = rate;
        Some(rate as f32)
    }

    /// From one frame to the next: a frame's share of the bitrate.
    pub fn distance(&self) -> Duration {
        let least = 1.0 / self.highest.max(LEAST);
        Duration::from_secs_f64(self.distance.clamp(least, 1.0 / LEAST))
    }

    fn count(&mut self, distance: f64) {
        self.distance += (distance - self.distance) * NEWEST;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(rate: &mut FrameInterval, start: Instant, every: u64, frames: u64) -> Option<f32> {
        (0..frames)
            .filter_map(|frame| rate.next(false, start + Duration::from_millis(every * frame)))
            .last()
    }

    #[test]
    fn a_steady_page_is_told_once_and_a_rest_not_at_all() {
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
        let told = frames.filter_map(|now| rate.next(true, now));
        assert!(told.last().unwrap() > 45.0);
    }
}
