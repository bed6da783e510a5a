//! The page's lock on the pointer: while it holds, the pointer rests, and Chrome is told of its motion alone.

use shared::input::Modifiers;
use smithay::{
    delegate_pointer_constraints, delegate_relative_pointer,
    input::pointer::{PointerHandle, RelativeMotionEvent},
    reexports::wayland_server::{DisplayHandle, Resource, protocol::wl_surface::WlSurface},
    utils::{Logical, Point},
    wayland::{
        pointer_constraints::{
            PointerConstraint, PointerConstraintsHandler, PointerConstraintsState,
            with_pointer_constraint,
        },
        relative_pointer::RelativePointerManagerState,
    },
};

use super::{compositor::Compositor, seat};

/// What Chrome may lock, and has locked.
pub struct PointerLock {
    _constraints: PointerConstraintsState,
    _relative_pointers: RelativePointerManagerState,
    /// The surface that asked last.
    asked: Option<WlSurface>,
}

/// `KEY_ESC`
const ESCAPE: u32 = 1;

impl PointerLock {
    pub fn new(handle: &DisplayHandle) -> PointerLock {
        PointerLock {
            _constraints: PointerConstraintsState::new::<Compositor>(handle),
            _relative_pointers: RelativePointerManagerState::new::<Compositor>(handle),
            asked: None,
        }
    }

    /// Whether a page holds the pointer.
    pub fn holds(&self, pointer: &PointerHandle<Compositor>) -> bool {
        let Some(surface) = self.asked.as_ref().filter(|surface| surface.is_alive()) else {
            return false;
        };
        with_pointer_constraint(surface, pointer, |constraint| {
            constraint.is_some_and(|constraint| {
                constraint.is_active() && matches!(*constraint, PointerConstraint::Locked(_))
            })
        })
    }
}

/// Tells the viewers, if that is news.
pub fn publish(compositor: &Compositor) {
    let holds = compositor.seat.is_pointer_locked();
    compositor.state.send_if_modified(|state| {
        let changed = state.pointer_locked != holds;
        state.pointer_locked = holds;
        changed
    });
}

/// The pointer moves by so much, and stays where it is.
pub fn motion(
    compositor: &mut Compositor,
    pointer: &PointerHandle<Compositor>,
    delta: Point<f64, Logical>,
) {
    let focus = pointer.current_focus().map(|surface| {
        let origin = compositor.scene.origin(&surface).unwrap_or_default();
        (surface, origin.to_f64())
    });
    let event = RelativeMotionEvent {
        delta,
        delta_unaccel: delta,
        utime: u64::from(compositor.now_millis()) * 1000,
    };
    pointer.relative_motion(compositor, focus, &event);
    pointer.frame(compositor);
}

/// The person wants the pointer back: Escape is what Chrome gives it back for.
pub fn leave(compositor: &mut Compositor) {
    if compositor.seat.is_pointer_locked() {
        seat::press_key(compositor, ESCAPE, None, Some(Modifiers::NONE));
        seat::key(compositor, ESCAPE, false);
    }
}

impl PointerConstraintsHandler for Compositor {
    fn new_constraint(&mut self, surface: &WlSurface, pointer: &PointerHandle<Compositor>) {
        with_pointer_constraint(surface, pointer, |constraint| {
            if let Some(constraint) = constraint {
                constraint.activate();
            }
        });
        self.seat.pointer_lock.asked = Some(surface.clone());
    }

    fn cursor_position_hint(
        &mut self,
        _surface: &WlSurface,
        _pointer: &PointerHandle<Compositor>,
        _location: Point<f64, Logical>,
    ) {
        // The viewer's own browser says where the pointer is when it is free again.
    }
}

delegate_pointer_constraints!(Compositor);
delegate_relative_pointer!(Compositor);
