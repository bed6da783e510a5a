//! BGRX pixels → a part of an I420 picture (BT.709, limited range), and an I420 picture → RGB.

use std::ops::Range;

use yuv::{
    BufferStoreMut, YuvConversionMode, YuvPlanarImage, YuvPlanarImageMut, YuvRange,
    YuvStandardMatrix, bgra_to_yuv420, yuv420_to_rgb,
};

use super::{I420, rect::Rect};

/// Pixels of 4 bytes: blue, green, red and alpha (or nothing), row by row.
#[derive(Clone, Copy)]
pub struct Bgrx<'a> {
    /// The first is that of the top left pixel; the last row may end before its stride does.
    pub bytes: &'a [u8],
    /// Bytes from one row to the next.
    pub stride: usize,
}

impl<'a> Bgrx<'a> {
    /// From the first pixel of `rect` to its last; `None` when it reaches beyond the bytes.
    pub fn part(self, rect: Rect) -> Option<Bgrx<'a>> {
        let (rows, columns) = (rect.rows(), rect.columns());
        if rect.is_empty() || rect.left < 0 || rect.top < 0 || columns.end * 4 > self.stride {
            return None;
        }
        let first = rows.start * self.stride + columns.start * 4;
        let end = (rows.end - 1) * self.stride + columns.end * 4;
        let stride = self.stride;
        let bytes = self.bytes.get(first..end)?;
        Some(Bgrx { bytes, stride })
    }

    /// The first `pixels` pixels of row `row`.
    pub fn row(self, row: usize, pixels: usize) -> &'a [u8] {
        let start = (row * self.stride).min(self.bytes.len());
        let end = (start + pixels * 4).min(self.bytes.len());
        &self.bytes[start..end]
    }
}

/// Red, green and blue of each pixel, row by row.
pub fn to_rgb(picture: &I420) -> Vec<u8> {
    let (width, height) = picture.size().usize();
    let stride = u32::from(picture.size().width());
    let planes = YuvPlanarImage {
        y_plane: picture.y(),
        y_stride: stride,
        u_plane: picture.u(),
        u_stride: stride / 2,
        v_plane: picture.v(),
        v_stride: stride / 2,
        width: stride,
        height: u32::from(picture.size().height()),
    };
    let mut rgb = vec![0; width * height * 3];
    yuv420_to_rgb(
        &planes,
        &mut rgb,
        stride * 3,
        YuvRange::Limited,
        YuvStandardMatrix::Bt709,
    )
    .expect("an I420's planes have its size");
    rgb
}

/// Rows converted at once: few enough to stay in the cache until they have been compared.
const BAND: usize = 16;

/// Keeps its memory from picture to picture.
#[derive(Default)]
pub struct Converter {
    /// A band in the canvas's format, its rows without gaps.
    y: Vec<u8>,
    u: Vec<u8>,
    v: Vec<u8>,
    /// Pixels whose last row had to be completed.
    pixels: Vec<u8>,
}

impl Converter {
    /// Converts `pixels`, which begin at the top left of `to`, into that part of the canvas, and gives the rows in which
    /// something changed. Chrome sometimes commits the same picture twice, and its damage is one rectangle around
    /// everything, so that most of it may be as it was.
    ///
    /// `to` has even edges inside the canvas; pixels that end too early change nothing.
    pub fn convert(&mut self, canvas: &mut I420, pixels: Bgrx, to: Rect) -> Range<usize> {
        debug_assert_eq!(to, to.even());
        let (width, height) = (to.width(), to.height());
        let (right, bottom) = canvas.size().usize();
        let enough = height.saturating_sub(1) * pixels.stride + width * 4 <= pixels.bytes.len();
        if to.is_empty() || to.columns().end > right || to.rows().end > bottom || !enough {
            return 0..0;
        }
        let mut changed = 0..0;
        for row in (0..height).step_by(BAND) {
            let rows = BAND.min(height - row);
            let rest = Bgrx {
                bytes: &pixels.bytes[row * pixels.stride..],
                ..pixels
            };
            self.convert_band(rest, width, rows);
            for pair in (0..rows).step_by(2) {
                let at = to.rows().start + row + pair;
                if self.take_over(canvas, to.columns(), at, pair) {
                    let start = if changed.is_empty() {
                        at
                    } else {
                        changed.start
                    };
                    changed = start..at + 2;
                }
            }
        }
        changed
    }

    fn convert_band(&mut self, pixels: Bgrx, width: usize, rows: usize) {
        self.y.resize(width * rows, 0);
        self.u.resize(width * rows / 4, 0);
        self.v.resize(width * rows / 4, 0);
        // The conversion walks over whole strides and would leave out a last row that ends before its stride does.
        let whole = pixels.stride * rows;
        let pixels = if pixels.bytes.len() >= whole {
            pixels
        } else {
            self.pixels.clear();
            for row in 0..rows {
                self.pixels.extend_from_slice(pixels.row(row, width));
            }
            Bgrx {
                bytes: &self.pixels,
                stride: width * 4,
            }
        };
        let mut band = YuvPlanarImageMut {
            y_plane: BufferStoreMut::Borrowed(&mut self.y),
            y_stride: width as u32,
            u_plane: BufferStoreMut::Borrowed(&mut self.u),
            u_stride: width as u32 / 2,
            v_plane: BufferStoreMut::Borrowed(&mut self.v),
            v_stride: width as u32 / 2,
            width: width as u32,
            height: rows as u32,
        };
        let converted = bgra_to_yuv420(
            &mut band,
            pixels.bytes,
            pixels.stride as u32,
            YuvRange::Limited,
            YuvStandardMatrix::Bt709,
            YuvConversionMode::Balanced,
        );
        debug_assert!(converted.is_ok(), "{converted:?}");
    }

    /// Copies two rows of the band, the first of which is `pair`, to row `at` of the canvas. Says whether they differed.
    fn take_over(&self, canvas: &mut I420, columns: Range<usize>, at: usize, pair: usize) -> bool {
        let stride = canvas.stride();
        let width = columns.len();
        let (y, u, v) = canvas.planes_mut();
        let luma = at * stride + columns.start;
        let chroma = at / 2 * (stride / 2) + columns.start / 2;
        let from = pair * width;
        let rows = [
            (&mut y[luma..][..width], &self.y[from..][..width]),
            (
                &mut u[chroma..][..width / 2],
                &self.u[from / 4..][..width / 2],
            ),
            (
                &mut v[chroma..][..width / 2],
                &self.v[from / 4..][..width / 2],
            ),
        ];
        let mut differ = copy_rows_if_new(rows);
        differ |= copy_rows_if_new([(
            &mut y[luma + stride..][..width],
            &self.y[from + width..][..width],
        )]);
        differ
    }
}

fn copy_rows_if_new<const N: usize>(rows: [(&mut [u8], &[u8]); N]) -> bool {
    let mut differ = false;
    for (to, from) in rows {
        if to != from {
            to.copy_from_slice(from);
            differ = true;
        }
    }
    differ
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use shared::geometry::VideoSize;

    const SIZE: (usize, usize) = (128, 128);

    fn whole() -> Rect {
        Rect::new(0, 0, SIZE.0 as i32, SIZE.1 as i32)
    }

    fn canvas() -> I420 {
        I420::black(VideoSize::new(SIZE.0 as u16, SIZE.1 as u16).unwrap())
    }

    fn filled(pixel: [u8; 4]) -> Vec<u8> {
        pixel.repeat(SIZE.0 * SIZE.1)
    }

    #[test]
    fn the_primaries_have_their_values_of_bt_709() {
        // BGRX → Y, Cb, Cr as the standard's matrix gives them in limited range.
        for (bgrx, expected) in [
            ([0, 0, 255, 255], (63, 102, 240)),
            ([0, 255, 0, 255], (173, 42, 26)),
            ([255, 0, 0, 255], (32, 240, 118)),
            ([255, 255, 255, 255], (235, 128, 128)),
            ([0, 0, 0, 0], (16, 128, 128)),
        ] {
            let mut canvas = canvas();
            let bytes = filled(bgrx);
            let pixels = Bgrx {
                bytes: &bytes,
                stride: SIZE.0 * 4,
            };
            Converter::default().convert(&mut canvas, pixels, whole());
            let got = (canvas.y()[0], canvas.u()[0], canvas.v()[0]);
            let near = |a: u8, b: u8| a.abs_diff(b) <= 1;
            assert!(
                near(got.0, expected.0) && near(got.1, expected.1) && near(got.2, expected.2),
                "{bgrx:?} became {got:?}, not {expected:?}"
            );
        }
    }

    #[test]
    fn too_few_bytes_change_nothing() {
        let mut canvas = canvas();
        let bytes = filled([255; 4]);
        let pixels = Bgrx {
            bytes: &bytes[4..],
            stride: SIZE.0 * 4,
        };
        let changed = Converter::default().convert(&mut canvas, pixels, whole());
        assert!(changed.is_empty() && canvas.y()[0] == 16);
        assert!(pixels.part(whole()).is_none());
        assert!(pixels.part(Rect::new(120, 0, 10, 10)).is_none());
    }

    #[test]
    fn only_rows_that_differ_count_as_changed() {
        let (mut canvas, mut converter) = (canvas(), Converter::default());
        let mut bytes = filled([0, 0, 0, 255]);
        let mut convert = |bytes: &[u8]| {
            let stride = SIZE.0 * 4;
            converter.convert(&mut canvas, Bgrx { bytes, stride }, whole())
        };
        assert!(convert(&bytes).is_empty());
        for row in [21, 64] {
            bytes[row * SIZE.0 * 4..][..4].fill(255);
        }
        assert_eq!(convert(&bytes), 20..66);
        assert!(convert(&bytes).is_empty());
    }

    proptest! {
        #[test]
        fn a_part_is_converted_as_it_is_within_the_whole(
            x in 0..64i32, y in 0..64i32, width in 1..64i32, height in 1..64i32, seed in any::<u64>(),
        ) {
            let mut noise = seed | 1;
            let bytes: Vec<u8> = (0..SIZE.0 * SIZE.1 * 4).map(|_| {
                noise = noise.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
                (noise >> 56) as u8
            }).collect();
            let pixels = Bgrx { bytes: &bytes, stride: SIZE.0 * 4 };
            let rect = Rect::new(x, y, width, height).even();
            let (mut all, mut part) = (canvas(), canvas());
            let mut converter = Converter::default();
            converter.convert(&mut all, pixels, whole());
            let changed = converter.convert(&mut part, pixels.part(rect).unwrap(), rect);
            prop_assert_eq!(changed, rect.rows());
            for row in rect.rows() {
                for column in rect.columns() {
                    let (luma, chroma) = (row * SIZE.0 + column, row / 2 * (SIZE.0 / 2) + column / 2);
                    prop_assert!(all.y()[luma].abs_diff(part.y()[luma]) <= 1);
                    prop_assert!(all.u()[chroma].abs_diff(part.u()[chroma]) <= 1);
                    prop_assert!(all.v()[chroma].abs_diff(part.v()[chroma]) <= 1);
                }
            }
        }
    }
}
