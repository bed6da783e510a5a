//! Pointer events on the picture → moves and buttons.

use std::rc::Rc;

use shared::geometry::AimedPoint;
use shared::message::ClientMessage;
use web_sys::{Event, PointerEvent};

use crate::dom::{Listener, listen};
use crate::input::{InputTarget, buttons};
use crate::stats::input_trace::InputKind;

/// What the viewer's own browser would do with a click: focus, drag, scroll, menu, history.
const OWN_ACTIONS: [&str; 6] = [
    "mousedown",
    "mouseup",
    "auxclick",
    "contextmenu",
    "dragstart",
    "touchstart",
];

pub(super) fn listeners(target: &Rc<InputTarget>) -> Vec<Listener> {
    let on = |event, handler: fn(&InputTarget, &PointerEvent)| {
        let target = target.clone();
        listen(
            &target.picture.clone(),
            event,
            move |event: PointerEvent| {
                // A second finger is not a second pointer.
                if event.is_primary() {
                    handler(&target, &event);
                }
            },
        )
    };
    let mut listeners = vec![
        on("pointerdown", |target, event| {
            target.focus();
            // A drag goes on outside the picture. Fails only if the pointer has just gone.
            let _ = target.picture.set_pointer_capture(event.pointer_id());
            follow(target, event);
        }),
        on("pointerup", follow),
        on("pointermove", follow),
        on("pointercancel", |target, event| {
            if let Some(at) = target.point(event) {
                press(target, event, at, 0);
            }
        }),
    ];
    listeners.extend(OWN_ACTIONS.map(|event| {
        listen(&target.picture, event, |event: Event| {
            event.prevent_default()
        })
    }));
    listeners
}

fn follow(target: &InputTarget, event: &PointerEvent) {
    let Some(at) = target.point(event) else {
        return;
    };
    if event.buttons() == target.buttons.get() {
        let sequence = target.next_sequence();
        target.act(
            InputKind::Move,
            event,
            ClientMessage::PointerMove { sequence, at },
        );
    } else {
        press(target, event, at, event.buttons());
    }
}

fn press(target: &InputTarget, event: &PointerEvent, at: AimedPoint, now: u16) {
    for (button, pressed) in buttons::changes(target.buttons.replace(now), now) {
        let message = ClientMessage::PointerButton {
            at,
            button,
            pressed,
        };
        target.act(InputKind::Button, event, message);
    }
}
