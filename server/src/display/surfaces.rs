//! What each surface shows: its committed buffer, kept until another replaces it.

use std::collections::HashMap;

use shared::geometry::BufferSize;
use smithay::reexports::wayland_server::{
    Resource,
    backend::ObjectId,
    protocol::{wl_buffer::WlBuffer, wl_surface::WlSurface},
};

use super::pixels;

/// A surface's committed buffer. Chrome may not write into it before it is replaced, so what lies below a menu can be
/// drawn again at any time.
pub struct Content {
    /// Its memory.
    pub buffer: WlBuffer,
    /// In its own pixels.
    pub size: BufferSize,
    /// Its alpha channel is to be ignored.
    pub opaque: bool,
}

/// All surfaces that have a buffer.
#[derive(Default)]
pub struct Surfaces {
    contents: HashMap<ObjectId, Content>,
}

impl Surfaces {
    /// `None` for a surface that shows nothing.
    pub fn content(&self, surface: &WlSurface) -> Option<&Content> {
        self.contents.get(&surface.id())
    }

    /// `surface` shows `buffer` from now on, and nothing when that cannot be read; what it showed is Chrome's again.
    pub fn attach(&mut self, surface: &WlSurface, buffer: WlBuffer) {
        let Some((size, opaque)) = pixels::describe(&buffer) else {
            buffer.release();
            return self.detach(surface);
        };
        let content = Content {
            buffer,
            size,
            opaque,
        };
        let id = content.buffer.id();
        if let Some(before) = self.contents.insert(surface.id(), content)
            && before.buffer.id() != id
        {
            before.buffer.release();
        }
    }

    /// `surface` shows nothing any more.
    pub fn detach(&mut self, surface: &WlSurface) {
        if let Some(before) = self.contents.remove(&surface.id()) {
            before.buffer.release();
        }
    }
}
