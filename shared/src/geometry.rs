//! Pure: sizes and points; where a point of the viewer's element lies in the video.

use serde::{Deserialize, Serialize};

/// Width and height of a picture in pixels: both even (4:2:0 chroma) and within [`VideoSize::MIN`]..=[`VideoSize::MAX`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "RawSize", into = "RawSize")]
pub struct VideoSize {
    width: u16,
    height: u16,
}

/// What was written before it was checked.
#[derive(Clone, Copy, Serialize, Deserialize)]
struct RawSize {
    width: u16,
    height: u16,
}

/// Why a size cannot be a picture's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a picture of {width}×{height} is not possible: both sides must be even and between 128 and 4096"
)]
pub struct BadSize {
    width: u16,
    height: u16,
}

impl VideoSize {
    /// Smaller than this Chrome's own windows no longer fit.
    pub const MIN: u16 = 128;
    /// H.264 level 5.2 ends near here.
    pub const MAX: u16 = 4096;
    pub const HD: VideoSize = VideoSize {
        width: 1280,
        height: 720,
    };
    pub const FULL_HD: VideoSize = VideoSize {
        width: 1920,
        height: 1080,
    };

    pub fn new(width: u16, height: u16) -> Result<VideoSize, BadSize> {
        let fits =
            |side: u16| (VideoSize::MIN..=VideoSize::MAX).contains(&side) && side.is_multiple_of(2);
        if fits(width) && fits(height) {
            Ok(VideoSize { width, height })
        } else {
            Err(BadSize { width, height })
        }
    }

    pub fn width(self) -> u16 {
        self.width
    }

    pub fn height(self) -> u16 {
        self.height
    }

    /// `(width, height)` for arithmetic on offsets.
    pub fn usize(self) -> (usize, usize) {
        (usize::from(self.width), usize::from(self.height))
    }
}

impl Default for VideoSize {
    fn default() -> Self {
        VideoSize::HD
    }
}

impl TryFrom<RawSize> for VideoSize {
    type Error = BadSize;
    fn try_from(raw: RawSize) -> Result<Self, BadSize> {
        VideoSize::new(raw.width, raw.height)
    }
}

impl From<VideoSize> for RawSize {
    fn from(size: VideoSize) -> Self {
        RawSize {
            width: size.width,
            height: size.height,
        }
    }
}

impl std::str::FromStr for VideoSize {
    type Err = String;
    /// `1280x720`
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} is not a size; write it like 1280x720");
        let (width, height) = text.split_once(['x', '×']).ok_or_else(wrong)?;
        let (width, height) = (
            width.trim().parse().map_err(|_| wrong())?,
            height.trim().parse().map_err(|_| wrong())?,
        );
        VideoSize::new(width, height).map_err(|bad| bad.to_string())
    }
}

impl std::fmt::Display for VideoSize {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}×{}", self.width, self.height)
    }
}

/// A point in the video's own pixels, `(0, 0)` at the top left, sub-pixel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PointInVideo {
    pub x: f32,
    pub y: f32,
}

impl PointInVideo {
    pub fn new(x: f32, y: f32) -> Self {
        PointInVideo { x, y }
    }

    /// The nearest point inside the picture; `NaN` becomes 0.
    pub fn clamped(self, size: VideoSize) -> Self {
        let inside = |value: f32, side: u16| {
            // The last pixel's centre: a point on the far edge would already be outside the surface.
            let last = f32::from(side) - 0.5;
            if value.is_nan() {
                0.0
            } else {
                value.clamp(0.0, last)
            }
        };
        PointInVideo {
            x: inside(self.x, size.width),
            y: inside(self.y, size.height),
        }
    }
}

/// A point in CSS pixels of the viewer's video element, `(0, 0)` at the element's top left.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct PointInElement {
    pub x: f64,
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
    /// `None` while the element has no area.
    pub fn within(element_width: f64, element_height: f64, size: VideoSize) -> Option<Fit> {
        let (width, height) = (f64::from(size.width), f64::from(size.height));
        let filling = (element_width / width).min(element_height / height);
        // `min` passes over a NaN, so both sides are asked.
        let has_area = element_width.is_finite() && element_height.is_finite() && filling > 0.0;
        let scale = match (1.0..WORTH_STRETCHING).contains(&filling) {
            true => 1.0,
            false => filling,
        };
        has_area.then(|| {
            let (across, down) = (
                element_width - width * scale,
                element_height - height * scale,
            );
            // A picture between two pixels would be a blurred one.
            let (left, top) = ((across / 2.0).floor(), (down / 2.0).floor());
            Fit {
                scale,
                left,
                top,
                right: across - left,
                bottom: down - top,
                size,
            }
        })
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

    pub fn element_from_video(self, point: PointInVideo) -> PointInElement {
        PointInElement {
            x: f64::from(point.x) * self.scale + self.left,
            y: f64::from(point.y) * self.scale + self.top,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn odd_tiny_and_huge_sizes_are_refused() {
        for (width, height) in [(1281, 720), (0, 0), (64, 720), (1280, 4098)] {
            assert!(VideoSize::new(width, height).is_err());
        }
        assert!(serde_json::from_str::<VideoSize>(r#"{"width":1281,"height":720}"#).is_err());
    }

    #[test]
    fn a_size_is_written_as_people_write_it() {
        assert_eq!("1280x720".parse(), Ok(VideoSize::HD));
        assert!("1280".parse::<VideoSize>().is_err());
    }

    #[test]
    fn an_element_without_area_has_no_fit() {
        assert_eq!(Fit::within(0.0, 100.0, VideoSize::HD), None);
        assert_eq!(Fit::within(f64::NAN, 100.0, VideoSize::HD), None);
    }

    #[test]
    fn a_little_more_room_does_not_blur_the_picture() {
        let scale = |width, height| Fit::within(width, height, VideoSize::HD).map(Fit::scale);
        assert_eq!(scale(1280.0, 720.0), Some(1.0));
        assert_eq!(scale(1400.0, 859.0), Some(1.0));
        assert_eq!(scale(3000.0, 721.0), Some(1.0));
        assert_eq!(scale(1920.0, 1080.0), Some(1.5));
        assert_eq!(scale(640.0, 900.0), Some(0.5));
        let fit = Fit::within(1401.0, 859.0, VideoSize::HD).expect("has area");
        assert_eq!(fit.padding(), [69.0, 61.0, 70.0, 60.0], "on whole pixels");
    }

    #[test]
    fn bars_beside_the_picture_land_on_its_edge() {
        let fit = Fit::within(1480.0, 720.0, VideoSize::HD).expect("has area");
        let point = fit.video_from_element(PointInElement { x: 10.0, y: 360.0 });
        assert_eq!(point, PointInVideo::new(0.0, 360.0));
    }

    proptest! {
        #[test]
        fn element_from_video_is_the_inverse(
            width in 50.0..4000.0f64, height in 50.0..4000.0f64,
            x in 0.0..1279.0f32, y in 0.0..719.0f32,
        ) {
            let fit = Fit::within(width, height, VideoSize::HD).expect("has area");
            let there = PointInVideo::new(x, y);
            let back = fit.video_from_element(fit.element_from_video(there));
            prop_assert!((back.x - x).abs() < 0.01 && (back.y - y).abs() < 0.01);
        }

        #[test]
        fn any_point_is_clamped_into_the_picture(x in any::<f32>(), y in any::<f32>()) {
            let point = PointInVideo::new(x, y).clamped(VideoSize::HD);
            prop_assert!((0.0..1280.0).contains(&point.x) && (0.0..720.0).contains(&point.y));
        }
    }
}
