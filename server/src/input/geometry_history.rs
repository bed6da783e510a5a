//! Pure: a point that a viewer aimed at, in some picture → the point of the page that Chrome draws now.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use shared::geometry::{AimedPoint, Geometry, PointInPage, PointInVideo};

use super::RefusedInput;

/// A picture of another size is on its way so long at most. What is aimed at an older one was aimed at a page that
/// nobody sees any more.
const REMEMBERED: Duration = Duration::from_secs(1);
/// More do not fit into that time: sizes change four times a second.
const MOST_REMEMBERED: usize = 8;

/// The geometry of the picture that is shown, and of those that viewers may still see.
#[derive(Debug)]
pub struct GeometryHistory {
    current: Geometry,
    /// Oldest first, each with when it was replaced.
    replaced: VecDeque<(Geometry, Instant)>,
}

impl GeometryHistory {
    /// There was none before.
    pub fn new(geometry: Geometry) -> GeometryHistory {
        GeometryHistory {
            current: geometry,
            replaced: VecDeque::new(),
        }
    }

    /// Of the newest picture.
    pub fn current(&self) -> Geometry {
        self.current
    }

    /// GeometryHistory have this geometry from now on.
    pub fn show(&mut self, geometry: Geometry, now: Instant) {
        if geometry == self.current {
            return;
        }
        if self.replaced.len() >= MOST_REMEMBERED {
            self.replaced.pop_front();
        }
        self.replaced.push_back((self.current, now));
        self.current = geometry;
    }

    /// Where that is in the page now. A point of an older picture is at the same part of the page's width and height.
    pub fn point_in_page(
        &self,
        aimed: AimedPoint,
        now: Instant,
    ) -> Result<PointInPage, RefusedInput> {
        let seen = match aimed.epoch {
            None => self.current,
            Some(epoch) => self.seen(epoch, now).ok_or(RefusedInput::OtherPicture)?,
        };
        let PointInVideo { x, y } = aimed.point();
        if !x.is_finite() || !y.is_finite() {
            return Err(RefusedInput::NotANumber);
        }
        let point = seen.page_from_video(aimed.point().clamped(seen.video));
        Ok(point.resized(seen.page, self.current.page))
    }

    fn seen(&self, epoch: u16, now: Instant) -> Option<Geometry> {
        if epoch == self.current.epoch {
            return Some(self.current);
        }
        let replaced = self.replaced.iter().rev();
        let mut recent = replaced
            .take_while(|(_, at)| now.saturating_duration_since(*at) <= REMEMBERED)
            .map(|(geometry, _)| *geometry);
        recent.find(|geometry| geometry.epoch == epoch)
    }
}

#[cfg(test)]
mod tests {
    use shared::geometry::{Scale, VideoSize};

    use super::*;

    fn geometry(width: u16, height: u16, epoch: u16) -> Geometry {
        let video = VideoSize::new(width, height).expect("a size");
        Geometry {
            epoch,
            ..Geometry::unscaled(video)
        }
    }

    fn aimed(x: f32, y: f32, epoch: u16) -> AimedPoint {
        AimedPoint::new(PointInVideo::new(x, y), Some(epoch))
    }

    #[test]
    fn a_click_at_the_old_picture_lands_at_the_same_part_of_the_page_for_a_second() {
        let now = Instant::now();
        let mut history = GeometryHistory::new(geometry(1000, 500, 7));
        history.show(geometry(500, 500, 8), now);
        history.show(geometry(800, 600, 9), now);
        let at = |epoch, later| {
            let now = now + Duration::from_millis(later);
            history.point_in_page(aimed(250.0, 250.0, epoch), now)
        };
        assert_eq!(at(7, 1000), Ok(PointInPage::new(200.0, 300.0)));
        assert_eq!(at(8, 1000), Ok(PointInPage::new(400.0, 300.0)));
        assert_eq!(at(9, 9000), Ok(PointInPage::new(250.0, 250.0)));
        assert_eq!(at(7, 1001), Err(RefusedInput::OtherPicture));
        assert_eq!(
            at(10, 0),
            Err(RefusedInput::OtherPicture),
            "no such picture"
        );
    }

    #[test]
    fn who_does_not_say_which_picture_means_the_newest() {
        let mut history = GeometryHistory::new(geometry(1000, 500, 0));
        history.show(geometry(500, 500, 1), Instant::now());
        let point = PointInVideo::new(400.0, 10.0).into();
        let there = history.point_in_page(point, Instant::now());
        assert_eq!(there, Ok(PointInPage::new(400.0, 10.0)));
    }

    #[test]
    fn another_scale_alone_moves_nothing() {
        let now = Instant::now();
        let before = geometry(1280, 720, 0);
        let scale = Scale::from_120ths(240).expect("a scale");
        let video = VideoSize::new(2560, 1440).expect("a size");
        let mut history = GeometryHistory::new(before);
        history.show(
            Geometry {
                scale,
                video,
                epoch: 1,
                ..before
            },
            now,
        );
        let old = history.point_in_page(aimed(100.0, 50.0, 0), now);
        let new = history.point_in_page(aimed(200.0, 100.0, 1), now);
        assert_eq!(old, Ok(PointInPage::new(100.0, 50.0)));
        assert_eq!(old, new);
    }

    #[test]
    fn more_sizes_than_anybody_sees_are_forgotten() {
        let now = Instant::now();
        let mut history = GeometryHistory::new(geometry(1000, 500, 0));
        for epoch in 1..100 {
            history.show(geometry(1000, 502, epoch), now);
        }
        assert!(history.replaced.len() <= MOST_REMEMBERED);
    }
}
