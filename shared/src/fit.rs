//! Pure: how a picture sits in the element that shows it.

use crate::geometry::{PointInVideo, VideoSize};

/// A point in CSS pixels of the viewer's video element, `(0, 0)` at the element's top left.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct PointInElement {
    /// CSS pixels from the left.
    pub x: f64,
    /// CSS pixels from the top.
    pub y: f64,
}

/// How a video of one size sits, undistorted and centred, in an element.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Fit {
    scale: f64,
    left: f64,
    top: f64,
    right: f64,
    bottom: f64,
    size: VideoSize,
}

/// Less room than this beyond the video's own size is left empty: sharp is better than a little larger, and a picture that
/// is not stretched takes a browser without a GPU a fifth of the time to draw.
const WORTH_STRETCHING: f64 = 1.25;

impl Fit {
    /// Of a picture that follows the viewer's window: where it has the element's shape it fills it, whatever became of its
    /// sharpness; anywhere else it sits as [`Fit::within`] says.
    pub fn following(
        element_width: f64,
        element_height: f64,
        size: VideoSize,
        pixel_ratio: f64,
    ) -> Option<Fit> {
        let fit = Fit::within(element_width, element_height, size, pixel_ratio)?;
        let across = element_width / f64::from(size.width());
        let down = element_height / f64::from(size.height());
        let missing = (element_width - f64::from(size.width()) * fit.scale)
            .max(element_height - f64::from(size.height()) * fit.scale);
        // Sides are even: what was rounded away is no reason to blur.
        let has_shape = (across / down - 1.0).abs() * element_width.min(element_height) < 3.0;
        match has_shape && missing > 3.0 {
            true => {
                let scale = across.min(down);
                Some(Fit { scale, ..fit }.placed(element_width, element_height, pixel_ratio))
            }
            false => Some(fit),
        }
    }

    /// On a screen of so many pixels per CSS pixel (`devicePixelRatio`). `None` while the element has no area.
    pub fn within(
        element_width: f64,
        element_height: f64,
        size: VideoSize,
        pixel_ratio: f64,
    ) -> Option<Fit> {
        let (width, height) = (f64::from(size.width()), f64::from(size.height()));
        let filling = (element_width / width).min(element_height / height);
        // `min` passes over a NaN, so both sides are asked.
        let has_area = element_width.is_finite() && element_height.is_finite() && filling > 0.0;
        // Pixels of the screen per pixel of the video. A hair less than one is one that was rounded on the way.
        let ratio = sane(pixel_ratio);
        let pixels = filling * ratio;
        let whole = (pixels + 1e-3).floor();
        let scale = match whole >= 1.0 && pixels < whole * WORTH_STRETCHING {
            true => whole / ratio,
            false => filling,
        };
        has_area.then(|| {
            Fit {
                scale,
                left: 0.0,
                top: 0.0,
                right: 0.0,
                bottom: 0.0,
                size,
            }
            .placed(element_width, element_height, pixel_ratio)
        })
    }

    /// In the middle. A picture between two pixels of the screen would be a blurred one.
    fn placed(self, element_width: f64, element_height: f64, pixel_ratio: f64) -> Fit {
        let ratio = sane(pixel_ratio);
        let on_pixel = |at: f64| (at * ratio).floor() / ratio;
        let room = |side: f64, pixels: u16| (side - f64::from(pixels) * self.scale).max(0.0);
        let across = room(element_width, self.size.width());
        let down = room(element_height, self.size.height());
        let (left, top) = (on_pixel(across / 2.0), on_pixel(down / 2.0));
        Fit {
            left,
            top,
            right: across - left,
            bottom: down - top,
            ..self
        }
    }

    /// The element's CSS `padding` that leaves just the picture: top, right, bottom and left, in CSS pixels.
    pub fn padding(self) -> [f64; 4] {
        [self.top, self.right, self.bottom, self.left]
    }

    /// CSS pixels of the element per pixel of the video.
    pub fn scale(self) -> f64 {
        self.scale
    }

    /// Points in the bars beside the picture land on its edge.
    pub fn video_from_element(self, point: PointInElement) -> PointInVideo {
        PointInVideo {
            x: ((point.x - self.left) / self.scale) as f32,
            y: ((point.y - self.top) / self.scale) as f32,
        }
        .clamped(self.size)
    }

    /// Where a point of the video is drawn.
    pub fn element_from_video(self, point: PointInVideo) -> PointInElement {
        PointInElement {
            x: f64::from(point.x) * self.scale + self.left,
            y: f64::from(point.y) * self.scale + self.top,
        }
    }
}

fn sane(pixel_ratio: f64) -> f64 {
    match pixel_ratio.is_finite() && pixel_ratio > 0.0 {
        true => pixel_ratio,
        false => 1.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_element_without_area_has_no_fit() {
        assert_eq!(Fit::within(0.0, 100.0, VideoSize::HD, 1.0), None);
        assert_eq!(Fit::within(f64::NAN, 100.0, VideoSize::HD, 1.0), None);
    }

    #[test]
    fn a_little_more_room_does_not_blur_the_picture() {
        let scale = |width, height| Fit::within(width, height, VideoSize::HD, 1.0).map(Fit::scale);
        assert_eq!(scale(1280.0, 720.0), Some(1.0));
        assert_eq!(scale(1400.0, 859.0), Some(1.0));
        assert_eq!(scale(3000.0, 721.0), Some(1.0));
        assert_eq!(scale(1920.0, 1080.0), Some(1.5));
        assert_eq!(scale(640.0, 900.0), Some(0.5));
        let fit = Fit::within(1401.0, 859.0, VideoSize::HD, 1.0).expect("has area");
        assert_eq!(fit.padding(), [69.0, 61.0, 70.0, 60.0], "on whole pixels");
    }

    #[test]
    fn on_a_sharp_screen_a_pixel_of_the_video_is_one_of_the_screen() {
        let size = VideoSize::new(1602, 900).expect("a size");
        let fit = Fit::within(1283.0, 721.0, size, 1.25).expect("has area");
        assert_eq!(fit.scale(), 0.8);
        for edge in fit.padding() {
            assert!((0.0..2.0).contains(&edge));
        }
        let [top, _, _, left] = fit.padding();
        assert_eq!((top * 1.25).fract() + (left * 1.25).fract(), 0.0);
        let whole = Fit::within(2000.0, 2000.0, VideoSize::HD, 2.0).expect("has area");
        assert_eq!(whole.scale(), 1.5, "three pixels each");
        let odd = Fit::within(1280.0, 720.0, VideoSize::HD, f64::NAN).expect("has area");
        assert_eq!(odd.scale(), 1.0);
    }

    #[test]
    fn a_picture_that_follows_the_window_fills_it() {
        let fit = |width, height, size: (u16, u16)| {
            let size = VideoSize::new(size.0, size.1).expect("a size");
            Fit::following(width, height, size, 2.0).expect("has area")
        };
        let less_sharp = fit(1600.0, 901.0, (3000, 1688));
        assert!(
            less_sharp.padding().iter().all(|edge| *edge < 2.0),
            "{less_sharp:?}"
        );
        assert_eq!(
            fit(1001.0, 601.0, (2000, 1200)).scale(),
            0.5,
            "sharp to the pixel"
        );
        let others = fit(1700.0, 1000.0, (3000, 1688));
        assert_eq!(others.scale(), 0.5, "another's window");
    }

    #[test]
    fn bars_beside_the_picture_land_on_its_edge() {
        let fit = Fit::within(1480.0, 720.0, VideoSize::HD, 1.0).expect("has area");
        let point = fit.video_from_element(PointInElement { x: 10.0, y: 360.0 });
        assert_eq!(point, PointInVideo::new(0.0, 360.0));
    }

    proptest! {
        #[test]
        fn element_from_video_is_the_inverse(
            width in 50.0..4000.0f64, height in 50.0..4000.0f64,
            x in 0.0..1279.0f32, y in 0.0..719.0f32,
        ) {
            let fit = Fit::within(width, height, VideoSize::HD, 1.0).expect("has area");
            let there = PointInVideo::new(x, y);
            let back = fit.video_from_element(fit.element_from_video(there));
            prop_assert!((back.x - x).abs() < 0.01 && (back.y - y).abs() < 0.01);
        }
    }
}
