//! Pointer events on the picture → moves and buttons.

use std::rc::Rc;

use shared::geometry::AimedPoint;
use shared::message::ClientMessage;
use web_sys::{Event, PointerEvent};

use crate::dom::{Listener, listen};
use crate::input::{InputTarget, buttons};
use crate::stats::way::Act;

/// What the viewer's own browser would do with a click: focus, drag, scroll, menu, history.
const OWN_ACTIONS: [&str; 6] = [
    "mousedown",
    "mouseup",
    "auxclick",
    "contextmenu",
    "dragstart",
    "touchstart",
];

pub(super) fn listeners(desk: &Rc<InputTarget>) -> Vec<Listener> {
    let on = |event, handler: fn(&InputTarget, &PointerEvent)| {
        let desk = desk.clone();
        listen(&desk.picture.clone(), event, move |event: PointerEvent| {
            // A second finger is not a second pointer.
            if event.is_primary() {
                handler(&desk, &event);
            }
        })
    };
    let mut listeners = vec![
        on("pointerdown", |desk, event| {
            desk.focus();
            // A drag goes on outside the picture. Fails only if the pointer has just gone.
            let _ = desk.picture.set_pointer_capture(event.pointer_id());
            follow(desk, event);
        }),
        on("pointerup", follow),
        on("pointermove", follow),
        on("pointercancel", |desk, event| {
            if let Some(at) = desk.point(event) {
                press(desk, event, at, 0);
            }
        }),
    ];
    listeners.extend(
        OWN_ACTIONS
            .map(|event| listen(&desk.picture, event, |event: Event| event.prevent_default())),
    );
    listeners
}

fn follow(desk: &InputTarget, event: &PointerEvent) {
    let Some(at) = desk.point(event) else {
        return;
    };
    if event.buttons() == desk.buttons.get() {
        let sequence = desk.next_sequence();
        desk.act(
            Act::Move,
            event,
            ClientMessage::PointerMove { sequence, at },
        );
    } else {
        press(desk, event, at, event.buttons());
    }
}

fn press(desk: &InputTarget, event: &PointerEvent, at: AimedPoint, now: u16) {
    for (button, pressed) in buttons::changes(desk.buttons.replace(now), now) {
        let message = ClientMessage::PointerButton {
            at,
            button,
            pressed,
        };
        desk.act(Act::Button, event, message);
    }
}
