//! The shared memory of a committed buffer → pixels to read.

use shared::geometry::BufferSize;
use smithay::{
    reexports::wayland_server::protocol::{wl_buffer::WlBuffer, wl_shm},
    wayland::shm::{BufferData, with_buffer_contents},
};

use crate::picture::{compose::Pixels, convert::Bgrx};

/// A buffer that Chrome committed and that has not been released to it.
pub struct ShmPixels<'a>(pub &'a WlBuffer);

impl Pixels for ShmPixels<'_> {
    fn with(&self, read: &mut dyn FnMut(Bgrx)) {
        // An error means that the client lied about its memory; smithay has told it so and disconnects it.
        let _ = with_buffer_contents(self.0, |pool, length, buffer| {
            let Some((start, length)) = extent(&buffer, length) else {
                return;
            };
            // SAFETY: `start..start + length` lies within the mapped pool, which stays mapped during this call, and
            // smithay's SIGBUS guard replaces pages that the client has cut off. The client promised not to write
            // before the buffer is released; if it does, the bytes read are some of its own pixels, old or new.
            let bytes = unsafe { std::slice::from_raw_parts(pool.add(start), length) };
            read(Bgrx {
                bytes,
                stride: buffer.stride as usize,
            });
        });
    }
}

/// Its size, and whether the alpha channel is to be ignored. `None` for what is not one of ours to read.
pub fn describe(buffer: &WlBuffer) -> Option<(BufferSize, bool)> {
    with_buffer_contents(buffer, |_, length, buffer| {
        extent(&buffer, length)?;
        let opaque = match buffer.format {
            wl_shm::Format::Argb8888 => false,
            wl_shm::Format::Xrgb8888 => true,
            _ => return None,
        };
        Some((BufferSize::new(buffer.width, buffer.height)?, opaque))
    })
    .ok()
    .flatten()
}

/// Where the buffer's bytes lie in its pool: start and length.
fn extent(buffer: &BufferData, pool: usize) -> Option<(usize, usize)> {
    let [start, width, height, stride] =
        [buffer.offset, buffer.width, buffer.height, buffer.stride]
            .map(|value| usize::try_from(value).ok());
    let (start, width, height, stride) = (start?, width?, height?, stride?);
    if width == 0 || height == 0 || stride < width.checked_mul(4)? {
        return None;
    }
    let length = stride.checked_mul(height - 1)?.checked_add(width * 4)?;
    (start.checked_add(length)? <= pool).then_some((start, length))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_buffer_that_reaches_beyond_its_pool_is_not_read() {
        let buffer = |offset, width, height, stride| BufferData {
            offset,
            width,
            height,
            stride,
            format: wl_shm::Format::Argb8888,
        };
        assert_eq!(extent(&buffer(16, 2, 2, 16), 48), Some((16, 24)));
        assert_eq!(extent(&buffer(16, 2, 2, 16), 39), None);
        assert_eq!(extent(&buffer(-1, 2, 2, 16), 48), None);
        assert_eq!(extent(&buffer(0, 2, 2, 7), 48), None);
        assert_eq!(
            extent(&buffer(i32::MAX, i32::MAX, i32::MAX, i32::MAX), 48),
            None
        );
    }
}
