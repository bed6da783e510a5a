//! Surfaces at their places → the picture; a point of the picture → the surface under it.

use shared::geometry::Scale;
use smithay::{
    reexports::wayland_server::{
        Resource,
        backend::ObjectId,
        protocol::{wl_buffer::WlBuffer, wl_surface::WlSurface},
    },
    utils::{Logical, Point, Rectangle},
    wayland::compositor::{
        SUBSURFACE_ROLE, SubsurfaceCachedState, SurfaceAttributes, SurfaceData, TraversalAction,
        with_states, with_surface_tree_upward,
    },
};

use super::{
    pixel_space::{pixel_from_page, subpixel_from_page},
    pixels::ShmPixels,
    stack::exposed,
    surfaces::Surfaces,
};
use crate::picture::{compose::Layer, damage::Damage, rect::Rect};

/// What is seen, and what of it has to be drawn again.
#[derive(Default)]
pub struct Scene {
    /// Bottom first.
    placed: Vec<Placed>,
    /// In pixels of the picture.
    damage: Damage,
}

/// A surface that is seen.
struct Placed {
    surface: WlSurface,
    /// Where its own (0, 0) is in the page.
    origin: Point<i32, Logical>,
    /// Its buffer's pixels in the picture.
    rect: Rect,
    buffer: WlBuffer,
    opaque: bool,
}

impl Scene {
    /// These windows are seen from now on, bottom first, each with the place of its own (0, 0). What that uncovers or covers
    /// is damaged.
    pub fn arrange(
        &mut self,
        windows: &[(WlSurface, Point<i32, Logical>)],
        surfaces: &Surfaces,
        scale: Scale,
    ) {
        let mut after = Vec::new();
        for (surface, origin) in windows {
            place_tree(surface, *origin, surfaces, scale, &mut after);
        }
        let ids = |scene: &[Placed]| -> Vec<(ObjectId, Rect)> {
            let id = |placed: &Placed| (placed.surface.id(), placed.rect);
            scene.iter().map(id).collect()
        };
        for rect in exposed(&ids(&self.placed), &ids(&after)) {
            self.damage.add(rect);
        }
        self.placed = after;
    }

    /// A surface has changed within `damage`, in pixels of its buffer. One that appears only now is damaged as a whole by
    /// [`Scene::arrange`].
    pub fn damage(&mut self, surface: &WlSurface, surfaces: &Surfaces, damage: Rect) {
        let placed = self.placed.iter().find(|placed| placed.surface == *surface);
        let (Some(content), Some(placed)) = (surfaces.content(surface), placed) else {
            return;
        };
        let buffer = Rect::new(0, 0, content.size.width(), content.size.height());
        let damage = damage.intersection(buffer);
        self.damage
            .add(damage.moved(placed.rect.left, placed.rect.top));
    }

    /// A picture of that size is drawn anew.
    pub fn damage_all(&mut self, width: i32, height: i32) {
        self.damage.add(Rect::new(0, 0, width, height));
    }

    /// What to draw, and where; `None` when nothing was damaged since it was asked last.
    pub fn take_damaged(&mut self) -> Option<(Vec<Layer<ShmPixels<'_>>>, Damage)> {
        if self.damage.is_empty() {
            return None;
        }
        let damage = self.damage.take();
        Some((self.placed.iter().map(layer).collect(), damage))
    }

    /// The topmost surface that takes input at this point, and where its own (0, 0) is.
    pub fn surface_at(
        &self,
        point: Point<f64, Logical>,
        scale: Scale,
    ) -> Option<(WlSurface, Point<f64, Logical>)> {
        let (x, y) = subpixel_from_page(scale, point);
        let mut from_top = self.placed.iter().rev();
        let hit =
            from_top.find(|placed| placed.rect.has_point(x, y) && takes_input(placed, point))?;
        Some((hit.surface.clone(), hit.origin.to_f64()))
    }

    /// Where a surface's own (0, 0) is; `None` if it is not seen.
    pub fn origin(&self, surface: &WlSurface) -> Option<Point<i32, Logical>> {
        let mut placed = self.placed.iter();
        let placed = placed.find(|placed| placed.surface == *surface)?;
        Some(placed.origin)
    }
}

/// A window's surface with its subsurfaces, some of which may lie below it.
fn place_tree(
    root: &WlSurface,
    origin: Point<i32, Logical>,
    surfaces: &Surfaces,
    scale: Scale,
    into: &mut Vec<Placed>,
) {
    with_surface_tree_upward(
        root,
        origin,
        |_, states, at| TraversalAction::DoChildren(offset(states, *at)),
        |surface, states, at| {
            let origin = offset(states, *at);
            if let Some(content) = surfaces.content(surface)
                && !is_fullscreen_notice(states)
            {
                let (left, top) = pixel_from_page(scale, origin);
                into.push(Placed {
                    surface: surface.clone(),
                    origin,
                    rect: Rect::new(left, top, content.size.width(), content.size.height()),
                    buffer: content.buffer.clone(),
                    opaque: content.opaque,
                });
            }
        },
        |_, _, _| true,
    );
}

fn offset(states: &SurfaceData, at: Point<i32, Logical>) -> Point<i32, Logical> {
    if states.role != Some(SUBSURFACE_ROLE) {
        return at;
    }
    let mut subsurface = states.cached_state.get::<SubsurfaceCachedState>();
    let location = subsurface.current().location;
    let x = at.x.saturating_add(location.x);
    (x, at.y.saturating_add(location.y)).into()
}

/// Chrome's own sentences on how to leave the full screen, which its window always is here ("Download started. To see it,
/// press Esc"), are the only subsurfaces that take no input. The viewer's browser has its own.
fn is_fullscreen_notice(states: &SurfaceData) -> bool {
    if states.role != Some(SUBSURFACE_ROLE) {
        return false;
    }
    let mut attributes = states.cached_state.get::<SurfaceAttributes>();
    let region = attributes.current().input_region.as_ref();
    region.is_some_and(|region| {
        let is_empty = |(_, rect): &(_, Rectangle<i32, Logical>)| rect.is_empty();
        region.rects.iter().all(is_empty)
    })
}

fn layer(placed: &Placed) -> Layer<ShmPixels<'_>> {
    Layer {
        rect: placed.rect,
        opaque: placed.opaque,
        pixels: ShmPixels(&placed.buffer),
    }
}

fn takes_input(placed: &Placed, point: Point<f64, Logical>) -> bool {
    with_states(&placed.surface, |states| {
        let mut attributes = states.cached_state.get::<SurfaceAttributes>();
        let x = point.x.floor() as i32 - placed.origin.x;
        let y = point.y.floor() as i32 - placed.origin.y;
        // No region means everywhere.
        let region = attributes.current().input_region.as_ref();
        region.is_none_or(|region| region.contains((x, y)))
    })
}
