//! A picture → a small JPEG of it. The only door to `jpeg_encoder`.

use jpeg_encoder::{ColorType, Encoder, EncodingError};
use shared::geometry::VideoSize;

use super::I420;
use super::convert::to_rgb;
use super::shrink::Shrink;

/// The longer side, in pixels: twice what the home page shows, for sharp screens.
const LONGEST: u32 = 480;

/// Letters stay legible.
const QUALITY: u8 = 70;

/// JPEG, in the picture's shape.
pub fn jpeg(picture: &I420) -> Result<Vec<u8>, EncodingError> {
    let size = thumbnail_size(picture.size());
    let mut small = Shrink::new(size);
    small.update(picture, 0..picture.size().usize().1);
    let mut bytes = Vec::new();
    let (width, height) = (size.width(), size.height());
    Encoder::new(&mut bytes, QUALITY).encode(
        &to_rgb(small.picture()),
        width,
        height,
        ColorType::Rgb,
    )?;
    Ok(bytes)
}

/// Both sides even, and none of a page's.
fn thumbnail_size(of: VideoSize) -> VideoSize {
    let (width, height) = (u32::from(of.width()), u32::from(of.height()));
    let longest = width.max(height).max(LONGEST);
    let side = |side: u32| {
        let side = side * LONGEST / longest / 2 * 2;
        u16::try_from(side).unwrap_or(u16::MAX)
    };
    // A page that is much wider than high still has a few rows.
    let (width, height) = (side(width), side(height));
    let least = |side: u16| side.max(VideoSize::MIN);
    VideoSize::new(least(width), least(height)).unwrap_or(of)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thumbnail_has_the_shape_of_its_picture() {
        for ((width, height), expected) in [
            ((1280, 720), (480, 270)),
            ((720, 1280), (270, 480)),
            ((480, 240), (480, 240)),
        ] {
            let size = thumbnail_size(VideoSize::new(width, height).unwrap());
            assert_eq!((size.width(), size.height()), expected);
        }
    }

    #[test]
    fn a_picture_becomes_a_jpeg() {
        let bytes = jpeg(&I420::black(VideoSize::HD)).unwrap();
        assert_eq!(bytes[..3], [0xff, 0xd8, 0xff]);
        assert!(bytes.len() < 4000, "{} bytes", bytes.len());
    }
}
