//! What tests draw, and how alike two pictures are.

use shared::geometry::VideoSize;

use crate::picture::I420;

/// Anti-aliased strokes in paragraphs with margins, moved up by `scrolled` rows.
pub fn text(scrolled: usize) -> I420 {
    let mut picture = I420::black(VideoSize::HD);
    let stride = picture.stride();
    let (y, _, _) = picture.planes_mut();
    for (at, pixel) in y.iter_mut().enumerate() {
        let (row, column) = (at / stride + scrolled, at % stride);
        let glyph = (column / 9).wrapping_mul(2_654_435_761) ^ (row / 24).wrapping_mul(40_503);
        let (x, z) = (column % 9, row % 24);
        let is_line = (120..1160).contains(&column) && !(row / 24).is_multiple_of(6);
        let ink = is_line && (6..18).contains(&z) && x < 8;
        let stroke = ink && (glyph >> (x + z / 3)) & 3 == 0;
        let edge = ink && (glyph >> (x + z / 3)) & 3 == 1;
        *pixel = if stroke {
            25
        } else if edge {
            130
        } else {
            235
        };
    }
    picture
}

/// Luma, in dB.
pub fn psnr(shown: &[u8], stride: usize, original: &I420) -> f64 {
    let width = original.stride();
    let rows = original.y().chunks(width).zip(shown.chunks(stride));
    let squares: u64 = rows
        .flat_map(|(a, b)| a.iter().zip(b))
        .map(|(a, b)| u64::from(a.abs_diff(*b)).pow(2))
        .sum();
    let mean = squares as f64 / original.y().len() as f64;
    10.0 * (255.0 * 255.0 / mean.max(1e-9)).log10()
}
