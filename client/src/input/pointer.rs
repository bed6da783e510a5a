//! Pointer events on the picture → moves and buttons, and what fingers do.

use std::rc::Rc;

use leptos::prelude::SetValue;
use shared::geometry::AimedPoint;
use shared::input::TouchPhase;
use shared::message::ClientMessage;
use wasm_bindgen::JsCast;
use web_sys::{Event, HtmlInputElement, MouseEvent, PointerEvent};

use crate::dom::{Listener, listen, window};
use crate::input::touch::{self, Hand};
use crate::input::{InputTarget, buttons, pointer_lock};
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

pub(super) fn listeners(target: &Rc<InputTarget>, hand: &Rc<Hand>) -> Vec<Listener> {
    let on = |event, phase, handler: fn(&InputTarget, &PointerEvent)| {
        let (target, hand) = (target.clone(), hand.clone());
        listen(
            &target.picture.clone(),
            event,
            move |event: PointerEvent| {
                if touch::is_finger(&event) {
                    hand.follow(&event, phase);
                } else if event.is_primary() {
                    handler(&target, &event);
                }
            },
        )
    };
    let mut listeners = vec![
        on("pointerdown", TouchPhase::Start, |target, event| {
            target.focus();
            pointer_lock::ask(target);
            // A drag goes on outside the picture. Fails only if the pointer has just gone.
            let _ = target.picture.set_pointer_capture(event.pointer_id());
            follow(target, event);
        }),
        on("pointerup", TouchPhase::End, follow),
        on("pointermove", TouchPhase::Move, follow),
        on("pointercancel", TouchPhase::Cancel, |target, event| {
            if let Some(at) = target.point(event) {
                press(target, event, at, 0);
            }
        }),
    ];
    // On Linux the middle button pastes what was selected last, wherever the caret is: into the remote page.
    listeners.push(listen(&window(), "mouseup", |event: MouseEvent| {
        let target = event.target();
        let is_own_field = target.is_some_and(|target| target.has_type::<HtmlInputElement>());
        if event.button() == 1 && !is_own_field {
            event.prevent_default();
        }
    }));
    listeners.extend(OWN_ACTIONS.map(|event| {
        listen(&target.picture, event, |event: Event| {
            event.prevent_default()
        })
    }));
    listeners
}

fn follow(target: &InputTarget, event: &PointerEvent) {
    let place = (f64::from(event.client_x()), f64::from(event.client_y()));
    target.view.pointer.set_value(place);
    let Some(at) = target.point(event) else {
        return;
    };
    let is_locked = pointer_lock::is_here(target);
    if is_locked {
        pointer_lock::motion(target, event);
    }
    if event.buttons() == target.buttons.get() && is_locked {
        // That was all.
    } else if event.buttons() == target.buttons.get() {
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
