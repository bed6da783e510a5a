//! Chrome's pixels → one I420 picture, only where they changed.

// Which part changed.
pub mod damage;
pub mod rect;
// Layers → one picture.
mod blend;
pub mod compose;
pub mod convert;
// The newest picture → the encoder.
pub mod mailbox;
// One picture → a smaller one.
pub mod shrink;
pub mod thumbnail;

use std::ops::Range;

use shared::geometry::VideoSize;

/// Raw pixels as the encoder takes them: BT.709 limited range, 4:2:0, planes without padding.
/// `y` is `width × height` bytes, `u` and `v` are `width/2 × height/2`.
#[derive(Clone, Debug)]
pub struct I420 {
    size: VideoSize,
    y: Vec<u8>,
    u: Vec<u8>,
    v: Vec<u8>,
}

impl I420 {
    /// A black picture.
    pub fn black(size: VideoSize) -> I420 {
        let (width, height) = size.usize();
        I420 {
            size,
            y: vec![16; width * height],
            u: vec![128; width * height / 4],
            v: vec![128; width * height / 4],
        }
    }

    /// In pixels of luma.
    pub fn size(&self) -> VideoSize {
        self.size
    }

    /// Bytes from one row of `y` to the next; of `u` and `v` it is half.
    pub fn stride(&self) -> usize {
        self.size.usize().0
    }

    /// Luma, row by row.
    pub fn y(&self) -> &[u8] {
        &self.y
    }

    /// Blue chroma, row by row.
    pub fn u(&self) -> &[u8] {
        &self.u
    }

    /// Red chroma, row by row.
    pub fn v(&self) -> &[u8] {
        &self.v
    }

    /// The three planes, to write.
    pub fn planes_mut(&mut self) -> (&mut [u8], &mut [u8], &mut [u8]) {
        (&mut self.y, &mut self.u, &mut self.v)
    }

    /// Takes over some rows of a picture of the same size; `rows` are even at both ends.
    pub fn copy_rows(&mut self, from: &I420, rows: Range<usize>) {
        debug_assert_eq!(self.size, from.size);
        debug_assert!(rows.start.is_multiple_of(2) && rows.end.is_multiple_of(2));
        let stride = self.stride();
        let luma = rows.start * stride..rows.end * stride;
        let chroma = luma.start / 4..luma.end / 4;
        self.y[luma.clone()].copy_from_slice(&from.y[luma]);
        self.u[chroma.clone()].copy_from_slice(&from.u[chroma.clone()]);
        self.v[chroma.clone()].copy_from_slice(&from.v[chroma]);
    }
}
