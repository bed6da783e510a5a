//! Pure: what the server tells of the picture, and the frames that arrive → the geometry of the picture that is seen.
//!
//! A new size is told before its first frame is there, or after it. What a person points at is what they see.

use shared::geometry::{Geometry, VideoSize};

/// A frame of another size may be on its way so long, in milliseconds; after that whatever comes has the new one.
const LONGEST: f64 = 500.0;

#[derive(Debug, Default)]
pub struct SeenGeometry {
    seen: Option<Geometry>,
    /// Told, and when; its frames are not there yet.
    told: Option<(Geometry, f64)>,
    /// Of the frames that arrive, in pixels.
    frame: Option<(u32, u32)>,
}

impl SeenGeometry {
    /// Of the picture that is on the screen.
    pub fn seen(&self) -> Option<Geometry> {
        self.seen
    }

    /// The server says that pictures have this geometry from now on.
    pub fn tell(&mut self, geometry: Geometry, now: f64) {
        let changes = self.seen.is_some_and(|seen| seen.video != geometry.video);
        let has_come = self.frame.is_some_and(|frame| is_of(frame, geometry.video));
        if changes && !has_come {
            self.told = Some((geometry, now));
        } else {
            self.seen = Some(geometry);
            self.told = None;
        }
    }

    /// Frames of this size are on the screen.
    pub fn show(&mut self, width: u32, height: u32) {
        self.frame = Some((width, height));
        if let Some((told, _)) = self.told
            && is_of((width, height), told.video)
        {
            self.seen = Some(told);
            self.told = None;
        }
    }

    /// When to call [`SeenGeometry::expire`].
    pub fn deadline(&self) -> Option<f64> {
        self.told.map(|(_, at)| at + LONGEST)
    }

    /// The deadline may have passed.
    pub fn expire(&mut self, now: f64) {
        if let Some((told, at)) = self.told
            && now >= at + LONGEST
        {
            self.seen = Some(told);
            self.told = None;
        }
    }
}

/// The frame has that size, or is one of fewer pixels but the same shape, for a narrow link.
fn is_of((width, height): (u32, u32), video: VideoSize) -> bool {
    let (whole_width, whole_height) = (u32::from(video.width()), u32::from(video.height()));
    if (width, height) == (whole_width, whole_height) {
        return true;
    }
    let (across, down) = (width * whole_height, height * whole_width);
    // Sides are even: two pixels of a shrunken side are as near as they come.
    let near = across.abs_diff(down) <= 2 * whole_width.max(whole_height);
    near && width < whole_width && height < whole_height
}

#[cfg(test)]
mod tests {
    use super::*;

    fn geometry(width: u16, height: u16, epoch: u16) -> Geometry {
        let video = VideoSize::new(width, height).expect("a size");
        Geometry {
            epoch,
            ..Geometry::unscaled(video)
        }
    }

    fn epoch(seen: &SeenGeometry) -> Option<u16> {
        seen.seen().map(|geometry| geometry.epoch)
    }

    #[test]
    fn a_new_size_is_seen_with_its_first_frame() {
        let mut seen = SeenGeometry::default();
        seen.tell(geometry(1280, 720, 0), 0.0);
        seen.show(1280, 720);
        seen.tell(geometry(1000, 600, 1), 100.0);
        assert_eq!(epoch(&seen), Some(0), "the old picture is still there");
        seen.show(1000, 600);
        assert_eq!((epoch(&seen), seen.deadline()), (Some(1), None));
    }

    #[test]
    fn a_frame_may_come_before_the_word() {
        let mut seen = SeenGeometry::default();
        seen.tell(geometry(1280, 720, 0), 0.0);
        seen.show(1000, 600);
        assert_eq!(epoch(&seen), Some(0));
        seen.tell(geometry(1000, 600, 1), 100.0);
        assert_eq!(epoch(&seen), Some(1));
    }

    #[test]
    fn a_narrow_link_shows_fewer_pixels_of_the_same_shape() {
        let mut seen = SeenGeometry::default();
        seen.tell(geometry(1280, 720, 0), 0.0);
        seen.show(1280, 720);
        seen.tell(geometry(1002, 652, 1), 0.0);
        seen.show(960, 540);
        assert_eq!(epoch(&seen), Some(0), "of the shape before");
        seen.show(750, 488);
        assert_eq!(epoch(&seen), Some(1));
    }

    #[test]
    fn another_scale_of_the_same_pixels_is_seen_at_once() {
        let mut seen = SeenGeometry::default();
        seen.tell(geometry(1280, 720, 0), 0.0);
        seen.tell(geometry(1280, 720, 1), 0.0);
        assert_eq!(epoch(&seen), Some(1));
    }

    #[test]
    fn a_picture_that_does_not_come_is_not_waited_for_long() {
        let mut seen = SeenGeometry::default();
        seen.tell(geometry(1280, 720, 0), 0.0);
        seen.tell(geometry(1000, 600, 1), 100.0);
        seen.expire(599.0);
        assert_eq!((epoch(&seen), seen.deadline()), (Some(0), Some(600.0)));
        seen.expire(600.0);
        assert_eq!(epoch(&seen), Some(1));
    }
}
