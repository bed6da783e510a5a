//! The page's lock on the pointer is one on the viewer's own: its motion has no edge, and Escape gives it back.

use std::rc::Rc;

use leptos::prelude::{Effect, Get, GetUntracked};
use send_wrapper::SendWrapper;
use shared::message::ClientMessage;
use web_sys::{Event, PointerEvent};

use crate::dom::{Listener, listen, window};
use crate::input::InputTarget;
use crate::stats::input_trace::InputKind;

/// Locks the viewer's pointer while the page holds its own; a lock that ends here ends there.
pub(super) fn follow(target: &Rc<InputTarget>) -> Option<Listener> {
    let document = window().document()?;
    let wanted = SendWrapper::new(target.clone());
    Effect::new(move |_| match wanted.view.pointer_locked.get() {
        true => ask(&wanted),
        false if is_here(&wanted) => {
            if let Some(document) = window().document() {
                document.exit_pointer_lock();
            }
        }
        false => {}
    });
    let target = target.clone();
    let was_here = std::cell::Cell::new(false);
    Some(listen(&document, "pointerlockchange", move |_: Event| {
        let is_here = is_here(&target);
        if was_here.replace(is_here) && !is_here && target.view.pointer_locked.get_untracked() {
            target.send(ClientMessage::LeavePointerLock);
        }
    }))
}

/// If the page wants it. Browsers grant it while a click or a key of the person is fresh; the next click asks again.
pub(super) fn ask(target: &InputTarget) {
    if target.view.pointer_locked.get_untracked() && !is_here(target) {
        target.picture.request_pointer_lock();
    }
}

/// The viewer's pointer is locked.
pub(super) fn is_here(target: &InputTarget) -> bool {
    let element = window()
        .document()
        .and_then(|document| document.pointer_lock_element());
    element.is_some_and(|element| element == ***target.picture)
}

/// As far as the person moved it, in the video's pixels.
pub(super) fn motion(target: &InputTarget, event: &PointerEvent) {
    let Some(pixels) = target.video_pixels() else {
        return;
    };
    let (x, y) = (
        f64::from(event.movement_x()) * pixels,
        f64::from(event.movement_y()) * pixels,
    );
    if (x, y) != (0.0, 0.0) {
        let motion = ClientMessage::PointerMotion {
            x: x as f32,
            y: y as f32,
        };
        target.act(InputKind::Move, event, motion);
    }
}
