//! Pure: sizes and points, each in a named space, and the ways from one space to the next.
//!
//! ```text
//! element ──Fit──▶ video ──Geometry──▶ page
//! CSS pixels of    encoded pixels      logical pixels of Wayland: CSS pixels of the remote page
//! the viewer
//! ```
//!
//! A buffer (`wl_buffer`) holds [`Scale`] times as many pixels along each side as its surface has logical ones. The video shows
//! buffers pixel by pixel, so that its pixels are theirs.

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
    /// 720p.
    pub const HD: VideoSize = VideoSize {
        width: 1280,
        height: 720,
    };
    /// 1080p.
    pub const FULL_HD: VideoSize = VideoSize {
        width: 1920,
        height: 1080,
    };

    /// Refuses odd sides and those outside [`VideoSize::MIN`]..=[`VideoSize::MAX`].
    pub fn new(width: u16, height: u16) -> Result<VideoSize, BadSize> {
        let fits =
            |side: u16| (VideoSize::MIN..=VideoSize::MAX).contains(&side) && side.is_multiple_of(2);
        if fits(width) && fits(height) {
            Ok(VideoSize { width, height })
        } else {
            Err(BadSize { width, height })
        }
    }

    /// Encoded pixels, even.
    pub fn width(self) -> u16 {
        self.width
    }

    /// Encoded pixels, even.
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

/// Width and height in logical pixels of Wayland, which are CSS pixels of a page that is not zoomed: both 1 to
/// [`LogicalSize::MAX`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "RawSize", into = "RawSize")]
pub struct LogicalSize {
    width: u16,
    height: u16,
}

impl LogicalSize {
    /// A page of the largest video at the smallest [`Scale`].
    pub const MAX: u16 = VideoSize::MAX * 4;

    /// Refuses a side that is 0 or above [`LogicalSize::MAX`].
    pub fn new(width: u16, height: u16) -> Result<LogicalSize, BadGeometry> {
        let fits = |side: u16| (1..=LogicalSize::MAX).contains(&side);
        match fits(width) && fits(height) {
            true => Ok(LogicalSize { width, height }),
            false => Err(BadGeometry::Page { width, height }),
        }
    }

    /// Logical pixels.
    pub fn width(self) -> u16 {
        self.width
    }

    /// Logical pixels.
    pub fn height(self) -> u16 {
        self.height
    }
}

impl TryFrom<RawSize> for LogicalSize {
    type Error = BadGeometry;
    fn try_from(raw: RawSize) -> Result<Self, BadGeometry> {
        LogicalSize::new(raw.width, raw.height)
    }
}

impl From<LogicalSize> for RawSize {
    fn from(size: LogicalSize) -> Self {
        RawSize {
            width: size.width,
            height: size.height,
        }
    }
}

/// Width and height of a `wl_buffer` in its own pixels, both above 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct BufferSize {
    width: i32,
    height: i32,
}

impl BufferSize {
    /// `None` without an area.
    pub fn new(width: i32, height: i32) -> Option<BufferSize> {
        (width > 0 && height > 0).then_some(BufferSize { width, height })
    }

    /// Pixels, counted as Wayland does; above 0.
    pub fn width(self) -> i32 {
        self.width
    }

    /// Pixels, counted as Wayland does; above 0.
    pub fn height(self) -> i32 {
        self.height
    }
}

/// Pixels of a buffer per logical pixel, in 120ths as `wp_fractional_scale_v1` counts them: [`Scale::MIN`] to [`Scale::MAX`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "u16", into = "u16")]
pub struct Scale(u16);

impl Scale {
    /// A logical pixel is a pixel.
    pub const ONE: Scale = Scale(120);
    /// A quarter.
    pub const MIN: Scale = Scale(30);
    /// Four times.
    pub const MAX: Scale = Scale(480);

    /// Refuses what lies outside [`Scale::MIN`] to [`Scale::MAX`].
    pub fn from_120ths(parts: u16) -> Result<Scale, BadGeometry> {
        match (Scale::MIN.0..=Scale::MAX.0).contains(&parts) {
            true => Ok(Scale(parts)),
            false => Err(BadGeometry::Scale { parts }),
        }
    }

    /// 120 at scale 1.
    pub fn as_120ths(self) -> u16 {
        self.0
    }

    /// 1.0 at scale 1.
    pub fn as_f64(self) -> f64 {
        f64::from(self.0) / f64::from(Scale::ONE.0)
    }

    fn as_f32(self) -> f32 {
        f32::from(self.0) / f32::from(Scale::ONE.0)
    }
}

impl TryFrom<u16> for Scale {
    type Error = BadGeometry;
    fn try_from(parts: u16) -> Result<Self, BadGeometry> {
        Scale::from_120ths(parts)
    }
}

impl From<Scale> for u16 {
    fn from(scale: Scale) -> u16 {
        scale.0
    }
}

/// Why a number cannot be part of a [`Geometry`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadGeometry {
    /// Not a page's size.
    #[error("a page of {width}×{height} is not possible: both sides must be between 1 and 16384")]
    Page {
        /// Logical pixels.
        width: u16,
        /// Logical pixels.
        height: u16,
    },
    /// Not a scale.
    #[error("a scale of {parts}/120 is not possible: it must be between 30/120 and 480/120")]
    Scale {
        /// 120ths.
        parts: u16,
    },
}

/// The room that a viewer has for the page, and how sharp its screen is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Viewport {
    /// In CSS pixels of the viewer's page.
    pub page: LogicalSize,
    /// Its `devicePixelRatio`.
    pub scale: Scale,
}

/// How a picture and the page on it belong together; travels with each picture from the display to the viewers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Geometry {
    /// What Chrome's window fills.
    pub page: LogicalSize,
    /// Pixels of Chrome's buffers per logical pixel.
    pub scale: Scale,
    /// Of a picture that is encoded whole. A narrow link may get fewer pixels of it for a while: viewers stretch them to this.
    pub video: VideoSize,
    /// Grows with each change of the others, and wraps: a viewer names by it which picture an input was aimed at.
    pub epoch: u16,
}

impl Geometry {
    /// A page whose logical pixels are the video's, from the first picture on.
    pub fn unscaled(video: VideoSize) -> Geometry {
        Geometry {
            page: LogicalSize {
                width: video.width,
                height: video.height,
            },
            scale: Scale::ONE,
            video,
            epoch: 0,
        }
    }

    /// Which point of the page is seen there.
    pub fn page_from_video(&self, point: PointInVideo) -> PointInPage {
        let scale = self.scale.as_f32();
        PointInPage {
            x: point.x / scale,
            y: point.y / scale,
        }
    }

    /// Where a point of the page is seen.
    pub fn video_from_page(&self, point: PointInPage) -> PointInVideo {
        let scale = self.scale.as_f32();
        PointInVideo {
            x: point.x * scale,
            y: point.y * scale,
        }
    }
}

/// Where a viewer aimed: a point in the video's own pixels, `(0, 0)` at the top left, and in which picture.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct AimedPoint {
    /// Encoded pixels from the left.
    pub x: f32,
    /// Encoded pixels from the top.
    pub y: f32,
    /// [`Geometry::epoch`] of the picture that was seen there; `None`: of whatever is shown when it arrives.
    #[serde(default)]
    pub epoch: Option<u16>,
}

impl AimedPoint {
    /// A point of a picture of that epoch.
    pub fn new(point: PointInVideo, epoch: Option<u16>) -> AimedPoint {
        let PointInVideo { x, y } = point;
        AimedPoint { x, y, epoch }
    }

    /// Whichever picture it was aimed at.
    pub fn point(self) -> PointInVideo {
        PointInVideo::new(self.x, self.y)
    }
}

impl From<PointInVideo> for AimedPoint {
    /// In whatever picture is shown.
    fn from(point: PointInVideo) -> AimedPoint {
        AimedPoint::new(point, None)
    }
}

/// A point of the page in logical pixels, `(0, 0)` at the top left, sub-pixel.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct PointInPage {
    /// Logical pixels from the left.
    pub x: f32,
    /// Logical pixels from the top.
    pub y: f32,
}

impl PointInPage {
    /// Logical pixels.
    pub fn new(x: f32, y: f32) -> Self {
        PointInPage { x, y }
    }

    /// At the same part of the width and height of a page that had one size and has another.
    pub fn resized(self, from: LogicalSize, to: LogicalSize) -> Self {
        let part = |old: u16, new: u16| f32::from(new) / f32::from(old);
        PointInPage {
            x: self.x * part(from.width, to.width),
            y: self.y * part(from.height, to.height),
        }
    }

    /// The nearest point inside a page of that size; `NaN` becomes 0.
    pub fn clamped(self, page: LogicalSize) -> Self {
        PointInPage {
            x: inside(self.x, page.width),
            y: inside(self.y, page.height),
        }
    }
}

/// A point in the video's own pixels, `(0, 0)` at the top left, sub-pixel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PointInVideo {
    /// Encoded pixels from the left.
    pub x: f32,
    /// Encoded pixels from the top.
    pub y: f32,
}

impl PointInVideo {
    /// Encoded pixels.
    pub fn new(x: f32, y: f32) -> Self {
        PointInVideo { x, y }
    }

    /// The nearest point inside the picture; `NaN` becomes 0.
    pub fn clamped(self, size: VideoSize) -> Self {
        PointInVideo {
            x: inside(self.x, size.width),
            y: inside(self.y, size.height),
        }
    }
}

/// The nearest place within a side of so many pixels.
fn inside(value: f32, side: u16) -> f32 {
    // The last pixel's centre: a point on the far edge would already be outside the surface.
    let last = f32::from(side) - 0.5;
    match value.is_nan() {
        true => 0.0,
        false => value.clamp(0.0, last),
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
    fn what_has_no_area_or_no_sensible_scale_is_refused() {
        assert!(LogicalSize::new(0, 720).is_err());
        assert!(LogicalSize::new(1280, LogicalSize::MAX + 1).is_err());
        assert_eq!(BufferSize::new(1280, 0), None);
        assert!(Scale::from_120ths(0).is_err() && Scale::from_120ths(481).is_err());
        let told = r#"{"page":{"width":853,"height":0},"scale":180,"video":{"width":1280,"height":720},"epoch":3}"#;
        assert!(serde_json::from_str::<Geometry>(told).is_err());
    }

    #[test]
    fn at_scale_1_a_pixel_of_the_video_is_one_of_the_page() {
        let geometry = Geometry::unscaled(VideoSize::HD);
        let point = geometry.page_from_video(PointInVideo::new(17.25, 719.5));
        assert_eq!(point, PointInPage::new(17.25, 719.5));
        assert_eq!((geometry.page.width(), geometry.page.height()), (1280, 720));
    }

    #[test]
    fn a_script_may_leave_out_which_picture_it_aims_at() {
        let aimed: AimedPoint = serde_json::from_str(r#"{"x":640.0,"y":360.0}"#).expect("a point");
        assert_eq!(aimed, PointInVideo::new(640.0, 360.0).into());
    }

    proptest! {
        #[test]
        fn page_from_video_is_the_inverse_of_video_from_page(
            parts in 30u16..=480, x in 0.0..4096.0f32, y in 0.0..4096.0f32,
        ) {
            let scale = Scale::from_120ths(parts).expect("within bounds");
            let geometry = Geometry { scale, ..Geometry::unscaled(VideoSize::HD) };
            let there = PointInVideo::new(x, y);
            let back = geometry.video_from_page(geometry.page_from_video(there));
            prop_assert!((back.x - x).abs() < 0.01 && (back.y - y).abs() < 0.01);
        }

        #[test]
        fn any_point_is_clamped_into_the_page(
            width in 1u16..=LogicalSize::MAX, height in 1u16..=LogicalSize::MAX,
            x in any::<f32>(), y in any::<f32>(),
        ) {
            let page = LogicalSize::new(width, height).expect("within bounds");
            let point = PointInPage::new(x, y).clamped(page);
            prop_assert!((0.0..f32::from(width)).contains(&point.x));
            prop_assert!((0.0..f32::from(height)).contains(&point.y));
        }

        #[test]
        fn any_point_is_clamped_into_the_picture(x in any::<f32>(), y in any::<f32>()) {
            let point = PointInVideo::new(x, y).clamped(VideoSize::HD);
            prop_assert!((0.0..1280.0).contains(&point.x) && (0.0..720.0).contains(&point.y));
        }
    }
}
