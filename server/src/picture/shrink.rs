//! Rows of an I420 picture → the same part of a smaller one. The only door to `fast_image_resize`.

use std::ops::Range;

use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer};
use shared::geometry::VideoSize;

use super::I420;

/// How far the filter below reaches beyond a row of the smaller picture, in its rows.
const REACH: f64 = 1.0;

/// A smaller copy of a picture, brought up to date row by row.
pub struct Shrink {
    picture: I420,
    resizer: Resizer,
}

/// One plane: its pixels, columns and rows.
struct Plane<P> {
    pixels: P,
    size: (usize, usize),
}

impl Shrink {
    /// Black, in this size.
    pub fn new(size: VideoSize) -> Shrink {
        Shrink {
            picture: I420::black(size),
            resizer: Resizer::new(),
        }
    }

    /// The copy, as of the last [`Shrink::update`].
    pub fn picture(&self) -> &I420 {
        &self.picture
    }

    /// These rows of `from` have changed.
    pub fn update(&mut self, from: &I420, rows: Range<usize>) {
        let ((width, height), (columns, lines)) =
            (from.size().usize(), self.picture.size().usize());
        // Chroma has half the rows, so that what it reaches is twice as far.
        let lines_per_row = lines as f64 / height as f64;
        let reach = 2.0 * REACH;
        let first = (rows.start as f64 * lines_per_row - reach).max(0.0) as usize / 2 * 2;
        let end = (rows.end as f64 * lines_per_row + reach).ceil() as usize;
        let changed = first..end.next_multiple_of(2).min(lines);
        if rows.is_empty() || changed.is_empty() {
            return;
        }
        let chroma = changed.start / 2..changed.end / 2;
        let (y, u, v) = self.picture.planes_mut();
        let (whole, half) = ((width, height), (width / 2, height / 2));
        let (small, small_half) = ((columns, lines), (columns / 2, lines / 2));
        for (from, size, to, into, changed) in [
            (from.y(), whole, y, small, changed),
            (from.u(), half, u, small_half, chroma.clone()),
            (from.v(), half, v, small_half, chroma),
        ] {
            let from = Plane { pixels: from, size };
            let to = Plane {
                pixels: to,
                size: into,
            };
            shrink(&mut self.resizer, from, to, changed);
        }
    }
}

/// `lines`: the rows of `to` that are made anew.
fn shrink(resizer: &mut Resizer, from: Plane<&[u8]>, to: Plane<&mut [u8]>, lines: Range<usize>) {
    let (width, height) = from.size;
    let (columns, all_lines) = to.size;
    let rows_per_line = height as f64 / all_lines as f64;
    // As sharp as a bicubic filter at the cost of a bilinear one: text stays legible. What it needs of the rows beside the
    // crop it reads there.
    let options = ResizeOptions::new()
        .resize_alg(ResizeAlg::Convolution(FilterType::Hamming))
        .crop(
            0.0,
            lines.start as f64 * rows_per_line,
            width as f64,
            lines.len() as f64 * rows_per_line,
        );
    let kind = PixelType::U8;
    let source = ImageRef::new(width as u32, height as u32, from.pixels, kind);
    let part = &mut to.pixels[lines.start * columns..lines.end * columns];
    let target = Image::from_slice_u8(columns as u32, lines.len() as u32, part, kind);
    let (Ok(source), Ok(mut target)) = (source, target) else {
        debug_assert!(false, "planes are as large as their size says");
        return;
    };
    let resized = resizer.resize(&source, &mut target, &options);
    debug_assert!(resized.is_ok(), "{resized:?}");
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn size(width: u16, height: u16) -> VideoSize {
        VideoSize::new(width, height).unwrap()
    }

    fn checkered(size: VideoSize, phase: usize) -> I420 {
        let mut picture = I420::black(size);
        let stride = picture.stride();
        let (y, u, v) = picture.planes_mut();
        for (at, luma) in y.iter_mut().enumerate() {
            let cell = (at / stride + phase) / 7 * 31 + at % stride / 9 * 17;
            *luma = 16 + (cell * 37 % 220) as u8;
        }
        for (at, (u, v)) in u.iter_mut().zip(v).enumerate() {
            (*u, *v) = ((at / 50 % 200) as u8, ((at + phase) / 31 % 200) as u8);
        }
        picture
    }

    #[test]
    fn a_colour_stays_and_an_edge_stays_where_it_was() {
        let mut picture = I420::black(size(512, 256));
        let (y, u, v) = picture.planes_mut();
        y[..512 * 128].fill(235);
        u.fill(90);
        v.fill(200);
        let mut small = Shrink::new(size(256, 128));
        small.update(&picture, 0..256);
        let small = small.picture();
        assert!(small.y()[..256 * 63].iter().all(|luma| *luma == 235));
        assert!(small.y()[256 * 65..].iter().all(|luma| *luma == 16));
        assert!(small.u().iter().all(|u| *u == 90) && small.v().iter().all(|v| *v == 200));
    }

    proptest! {
        #[test]
        fn changed_rows_make_the_picture_that_all_rows_make(
            first in 0usize..250, rows in 0usize..200, three_quarters in any::<bool>(),
        ) {
            let (first, end) = (first / 2 * 2, ((first + rows) / 2 * 2).min(256));
            let into = if three_quarters { size(384, 192) } else { size(256, 128) };
            let before = checkered(size(512, 256), 0);
            let mut after = before.clone();
            if first < end {
                after.copy_rows(&checkered(size(512, 256), 3), first..end);
            }
            let (mut partly, mut whole) = (Shrink::new(into), Shrink::new(into));
            partly.update(&before, 0..256);
            partly.update(&after, first..end.max(first));
            whole.update(&after, 0..256);
            let planes = |small: &I420| [small.y(), small.u(), small.v()].concat();
            let (partly, whole) = (planes(partly.picture()), planes(whole.picture()));
            for (at, (a, b)) in partly.iter().zip(&whole).enumerate() {
                prop_assert!(a.abs_diff(*b) <= 1, "{at}: {a} {b}");
            }
        }
    }
}
