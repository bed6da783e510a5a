//! BGRX pixels → a part of an I420 picture (BT.709, limited range).

use yuv::{
    BufferStoreMut, YuvConversionMode, YuvPlanarImageMut, YuvRange, YuvStandardMatrix,
    bgra_to_yuv420,
};

use super::{I420, rect::Rect};

/// Pixels of 4 bytes: blue, green, red and alpha (or nothing), row by row.
#[derive(Clone, Copy)]
pub struct Bgrx<'a> {
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
        Some(Bgrx {
            bytes: self.bytes.get(first..end)?,
            stride: self.stride,
        })
    }

    /// The first `pixels` pixels of row `row`.
    pub fn row(self, row: usize, pixels: usize) -> &'a [u8] {
        let start = (row * self.stride).min(self.bytes.len());
        let end = (start + pixels * 4).min(self.bytes.len());
        &self.bytes[start..end]
    }
}

/// Converts `pixels`, which begin at the top left of `to`, into that part of the canvas.
/// `to` has even edges inside the canvas; pixels that end too early change nothing.
pub fn convert(canvas: &mut I420, pixels: Bgrx, to: Rect) {
    debug_assert_eq!(to, to.even());
    let (width, height) = (to.width(), to.height());
    let (rows, columns) = (to.rows(), to.columns());
    let (right, bottom) = canvas.size().usize();
    let enough = height.saturating_sub(1) * pixels.stride + width * 4 <= pixels.bytes.len();
    if to.is_empty() || columns.end > right || rows.end > bottom || !enough {
        return;
    }
    let stride = canvas.stride();
    let (y, u, v) = canvas.planes_mut();
    let luma = rows.start * stride + columns.start;
    let chroma = rows.start / 2 * (stride / 2) + columns.start / 2;

    // The conversion walks over whole strides and leaves out a row that ends before its stride does, as the last one
    // of a part may. So that one goes, with its neighbour, through rows of their own.
    let body = height - 2;
    if body > 0 {
        let chroma = chroma..chroma + body / 2 * (stride / 2);
        let planes = [
            &mut y[luma..luma + body * stride],
            &mut u[chroma.clone()],
            &mut v[chroma],
        ];
        whole_strides(planes, stride, pixels, width);
    }
    let last_two: Vec<u8> = [body, body + 1]
        .into_iter()
        .flat_map(|row| pixels.row(row, width))
        .copied()
        .collect();
    let pixels = Bgrx {
        bytes: &last_two,
        stride: width * 4,
    };
    let mut bytes = vec![0; width * 3];
    let (last_y, chroma_rows) = bytes.split_at_mut(width * 2);
    let (last_u, last_v) = chroma_rows.split_at_mut(width / 2);
    whole_strides([last_y, last_u, last_v], width, pixels, width);
    let luma = luma + body * stride;
    let chroma = chroma + body / 2 * (stride / 2);
    y[luma..luma + width].copy_from_slice(&last_y[..width]);
    y[luma + stride..luma + stride + width].copy_from_slice(&last_y[width..]);
    u[chroma..chroma + width / 2].copy_from_slice(last_u);
    v[chroma..chroma + width / 2].copy_from_slice(&last_v[..width / 2]);
}

/// Each plane holds whole rows; that of Y says how many.
fn whole_strides(planes: [&mut [u8]; 3], stride: usize, pixels: Bgrx, width: usize) {
    let [y, u, v] = planes;
    let height = y.len() / stride;
    let mut image = YuvPlanarImageMut {
        y_plane: BufferStoreMut::Borrowed(y),
        y_stride: stride as u32,
        u_plane: BufferStoreMut::Borrowed(u),
        u_stride: stride as u32 / 2,
        v_plane: BufferStoreMut::Borrowed(v),
        v_stride: stride as u32 / 2,
        width: width as u32,
        height: height as u32,
    };
    let converted = bgra_to_yuv420(
        &mut image,
        pixels.bytes,
        pixels.stride as u32,
        YuvRange::Limited,
        YuvStandardMatrix::Bt709,
        YuvConversionMode::Balanced,
    );
    debug_assert!(converted.is_ok(), "{converted:?}");
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
            convert(&mut canvas, pixels, whole());
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
        convert(&mut canvas, pixels, whole());
        assert_eq!(canvas.y()[0], 16);
        assert!(pixels.part(whole()).is_none());
        assert!(pixels.part(Rect::new(120, 0, 10, 10)).is_none());
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
            convert(&mut all, pixels, whole());
            convert(&mut part, pixels.part(rect).unwrap(), rect);
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
