//! The pointer's place, and the shape Chrome gives it → what the viewer's own browser shows.

use std::sync::PoisonError;

use shared::session::Cursor;
use smithay::{
    delegate_cursor_shape,
    input::pointer::{CursorImageStatus, CursorImageSurfaceData},
    reexports::wayland_server::{DisplayHandle, protocol::wl_surface::WlSurface},
    utils::{Logical, Point},
    wayland::{
        compositor::with_states, cursor_shape::CursorShapeManagerState,
        tablet_manager::TabletSeatHandler,
    },
};

use super::{
    compositor::{Compositor, Content},
    pixels::ShmPixels,
};
use crate::picture::{compose::Pixels, rect::Rect};

pub struct Pointer {
    _shapes: CursorShapeManagerState,
    /// `None` until it has moved for the first time.
    pub at: Option<Point<f64, Logical>>,
    /// The page's own picture, when that is the cursor.
    surface: Option<WlSurface>,
}

impl Pointer {
    pub fn new(handle: &DisplayHandle) -> Pointer {
        Pointer {
            _shapes: CursorShapeManagerState::new::<Compositor>(handle),
            at: None,
            surface: None,
        }
    }
}

/// Browsers ignore larger cursors, too.
const LARGEST: i32 = 128;

impl Compositor {
    pub(super) fn show_cursor(&mut self, image: CursorImageStatus) {
        self.pointer.surface = None;
        match image {
            CursorImageStatus::Hidden => self.publish_cursor(Cursor::Named("none".to_owned())),
            CursorImageStatus::Named(icon) => {
                self.publish_cursor(Cursor::Named(icon.name().to_owned()));
            }
            CursorImageStatus::Surface(surface) => {
                self.pointer.surface = Some(surface.clone());
                self.cursor_committed(&surface);
            }
        }
    }

    /// A cursor's surface may be drawn before or after it becomes the cursor.
    pub(super) fn cursor_committed(&mut self, surface: &WlSurface) {
        if self.pointer.surface.as_ref() != Some(surface) {
            return;
        }
        if let Some(cursor) = self.content(surface).map(|content| image(surface, content)) {
            self.publish_cursor(cursor);
        }
    }

    pub(super) fn cursor_destroyed(&mut self, surface: &WlSurface) {
        if self.pointer.surface.as_ref() == Some(surface) {
            self.pointer.surface = None;
        }
    }

    fn publish_cursor(&self, cursor: Cursor) {
        self.state.send_if_modified(|state| {
            let changed = state.cursor != cursor;
            state.cursor = cursor;
            changed
        });
    }
}

fn image(surface: &WlSurface, content: &Content) -> Cursor {
    let (width, height) = (content.width, content.height);
    if width > LARGEST || height > LARGEST {
        return Cursor::default();
    }
    let hotspot = with_states(surface, |states| {
        let attributes = states.data_map.get::<CursorImageSurfaceData>();
        attributes.map_or((0, 0).into(), |attributes| {
            attributes
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .hotspot
        })
    });
    let mut rgba = Vec::new();
    ShmPixels(&content.buffer).with(&mut |pixels| {
        let Some(pixels) = pixels.part(Rect::new(0, 0, width, height)) else {
            return;
        };
        let rect = Rect::new(0, 0, width, height);
        for row in rect.rows() {
            straight_rgba(pixels.row(row, rect.width()), content.opaque, &mut rgba);
        }
    });
    let side = |side: i32| u16::try_from(side).unwrap_or(0);
    if rgba.len() != width as usize * height as usize * 4 {
        return Cursor::default();
    }
    Cursor::Image {
        width: side(width),
        height: side(height),
        hotspot_x: side(hotspot.x.clamp(0, width - 1)),
        hotspot_y: side(hotspot.y.clamp(0, height - 1)),
        rgba,
    }
}

/// Premultiplied BGRA → straight RGBA.
fn straight_rgba(bgra: &[u8], opaque: bool, rgba: &mut Vec<u8>) {
    for &[blue, green, red, alpha] in bgra.as_chunks::<4>().0 {
        let alpha = if opaque { 255 } else { alpha };
        let straight = |value: u8| match alpha {
            0 => 0,
            _ => (u32::from(value) * 255 / u32::from(alpha)).min(255) as u8,
        };
        rgba.extend([straight(red), straight(green), straight(blue), alpha]);
    }
}

impl TabletSeatHandler for Compositor {}

delegate_cursor_shape!(Compositor);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_transparent_red_keeps_its_full_colour() {
        let mut rgba = Vec::new();
        straight_rgba(&[0, 0, 128, 128, 9, 9, 9, 0], false, &mut rgba);
        assert_eq!(rgba, [255, 0, 0, 128, 0, 0, 0, 0]);
    }
}
