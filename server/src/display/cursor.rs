//! The shape Chrome gives the pointer → what the viewer's own browser shows.

use shared::{geometry::Scale, session::Cursor};
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
use tokio::sync::watch;

use super::{
    DisplayState,
    compositor::Compositor,
    pixel_space::pixel_from_page,
    pixels::ShmPixels,
    surfaces::{Content, Surfaces},
};
use crate::{
    picture::{compose::Pixels, rect::Rect},
    sync::lock,
};

/// The page's own picture, when that is the cursor.
pub struct CursorSurface {
    _shapes: CursorShapeManagerState,
    surface: Option<WlSurface>,
}

/// Browsers ignore larger cursors, too.
const LARGEST: i32 = 128;

impl CursorSurface {
    pub fn new(handle: &DisplayHandle) -> CursorSurface {
        CursorSurface {
            _shapes: CursorShapeManagerState::new::<Compositor>(handle),
            surface: None,
        }
    }

    /// Chrome gave the pointer another shape.
    pub fn show(
        &mut self,
        image: CursorImageStatus,
        surfaces: &Surfaces,
        scale: Scale,
        state: &watch::Sender<DisplayState>,
    ) {
        self.surface = None;
        match image {
            CursorImageStatus::Hidden => publish(Cursor::Named("none".to_owned()), state),
            CursorImageStatus::Named(icon) => {
                publish(Cursor::Named(icon.name().to_owned()), state);
            }
            CursorImageStatus::Surface(surface) => {
                self.surface = Some(surface.clone());
                self.committed(&surface, surfaces, scale, state);
            }
        }
    }

    /// A cursor's surface may be drawn before or after it becomes the cursor.
    pub fn committed(
        &self,
        surface: &WlSurface,
        surfaces: &Surfaces,
        scale: Scale,
        state: &watch::Sender<DisplayState>,
    ) {
        if self.surface.as_ref() == Some(surface)
            && let Some(content) = surfaces.content(surface)
        {
            publish(image(surface, content, scale), state);
        }
    }

    /// A surface is gone.
    pub fn destroyed(&mut self, surface: &WlSurface) {
        if self.surface.as_ref() == Some(surface) {
            self.surface = None;
        }
    }
}

fn publish(cursor: Cursor, state: &watch::Sender<DisplayState>) {
    state.send_if_modified(|state| {
        let changed = state.cursor != cursor;
        state.cursor = cursor;
        changed
    });
}

fn image(surface: &WlSurface, content: &Content, scale: Scale) -> Cursor {
    let (width, height) = (content.size.width(), content.size.height());
    if width > LARGEST || height > LARGEST {
        return Cursor::default();
    }
    let hotspot: Point<i32, Logical> = with_states(surface, |states| {
        let attributes = states.data_map.get::<CursorImageSurfaceData>();
        attributes.map_or((0, 0).into(), |attributes| lock(attributes).hotspot)
    });
    let (hotspot_x, hotspot_y) = pixel_from_page(scale, hotspot);
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
        hotspot_x: side(hotspot_x.clamp(0, width - 1)),
        hotspot_y: side(hotspot_y.clamp(0, height - 1)),
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
