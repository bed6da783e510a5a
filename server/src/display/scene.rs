//! Surfaces at their places → the picture; a point of the picture → the surface under it.

use std::time::Instant;

use smithay::{
    reexports::wayland_server::{
        Resource,
        backend::ObjectId,
        protocol::{wl_buffer::WlBuffer, wl_surface::WlSurface},
    },
    utils::{Logical, Point},
    wayland::compositor::{
        SUBSURFACE_ROLE, SubsurfaceCachedState, SurfaceAttributes, SurfaceData, TraversalAction,
        with_states, with_surface_tree_upward,
    },
};

use super::{compositor::Compositor, pixels::ShmPixels, stack::exposed};
use crate::picture::{
    compose::{Composer, Layer},
    mailbox::{Drawn, Mailbox},
    rect::Rect,
};

/// A surface that is seen, in pixels of the picture.
pub struct Placed {
    pub surface: WlSurface,
    pub rect: Rect,
    buffer: WlBuffer,
    opaque: bool,
}

impl Compositor {
    /// Works out anew what is seen where, and hands focus to it.
    pub fn arrange(&mut self) {
        self.windows.tidy();
        let mut after = Vec::new();
        for (surface, x, y) in self.shown_windows() {
            self.place_tree(&surface, x, y, &mut after);
        }
        let ids = |scene: &[Placed]| -> Vec<(ObjectId, Rect)> {
            let id = |placed: &Placed| (placed.surface.id(), placed.rect);
            scene.iter().map(id).collect()
        };
        for rect in exposed(&ids(&self.scene), &ids(&after)) {
            self.damage.add(rect);
        }
        self.scene = after;
        self.focus_keyboard();
        self.focus_pointer();
    }

    /// Draws what was damaged. Nothing was: nothing happens.
    pub fn publish(&mut self, latest: &Mailbox, composer: &mut Composer, drawn_at: Instant) {
        if self.damage.is_empty() {
            return;
        }
        let damage = self.damage.take();
        let layers: Vec<_> = self.scene.iter().map(layer).collect();
        // A black page is a picture, too, although the canvas was black before.
        let first = !layers.is_empty() && !self.state.borrow().drawn;
        let begun_before = self.beat.since_last_but_one(drawn_at);
        let answers = &mut self.answers;
        latest.publish(drawn_at, |canvas| {
            let changed = composer.compose(canvas, &layers, &damage);
            let rows = if first {
                0..canvas.size().usize().1
            } else {
                changed
            };
            // Damage that changes no pixel shows nothing.
            let marks = match rows.is_empty() {
                true => Vec::new(),
                false => answers.committed(&damage, begun_before, drawn_at),
            };
            Drawn { rows, marks }
        });
        if first {
            self.state.send_modify(|state| state.drawn = true);
        }
    }

    /// The topmost surface that takes input at this point, and where its own (0, 0) is.
    pub fn surface_at(
        &self,
        point: Point<f64, Logical>,
    ) -> Option<(WlSurface, Point<f64, Logical>)> {
        let hit =
            self.scene.iter().rev().find(|placed| {
                placed.rect.has_point(point.x, point.y) && takes_input(placed, point)
            })?;
        let origin = (f64::from(hit.rect.left), f64::from(hit.rect.top));
        Some((hit.surface.clone(), origin.into()))
    }

    /// A window's surface with its subsurfaces, some of which may lie below it.
    fn place_tree(&self, root: &WlSurface, x: i32, y: i32, into: &mut Vec<Placed>) {
        with_surface_tree_upward(
            root,
            (x, y),
            |_, states, at| TraversalAction::DoChildren(offset(states, *at)),
            |surface, states, at| {
                let (x, y) = offset(states, *at);
                if let Some(content) = self.content(surface) {
                    into.push(Placed {
                        surface: surface.clone(),
                        rect: Rect::new(x, y, content.width, content.height),
                        buffer: content.buffer.clone(),
                        opaque: content.opaque,
                    });
                }
            },
            |_, _, _| true,
        );
    }
}

fn offset(states: &SurfaceData, (x, y): (i32, i32)) -> (i32, i32) {
    if states.role != Some(SUBSURFACE_ROLE) {
        return (x, y);
    }
    let mut subsurface = states.cached_state.get::<SubsurfaceCachedState>();
    let location = subsurface.current().location;
    (x.saturating_add(location.x), y.saturating_add(location.y))
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
        let x = point.x.floor() as i32 - placed.rect.left;
        let y = point.y.floor() as i32 - placed.rect.top;
        // No region means everywhere.
        let region = attributes.current().input_region.as_ref();
        region.is_none_or(|region| region.contains((x, y)))
    })
}
