//! Keys and composed text of the hidden text field → keys and texts.

use std::cell::RefCell;
use std::rc::Rc;

use shared::input::Modifiers;
use shared::message::ClientMessage;
use web_sys::{CompositionEvent, Event, InputEvent, KeyboardEvent};

use crate::dom::{Listener, listen};
use crate::input::keys::{HeldKeys, Press, Verdict};
use crate::input::{InputTarget, focus};
use crate::stats::input_trace::InputKind;

#[derive(Default)]
pub(super) struct Keyboard {
    held: RefCell<HeldKeys>,
}

impl Keyboard {
    /// The heartbeat: which keys are really down.
    pub fn beat(&self, target: &InputTarget) {
        let held = self.held.borrow();
        if !held.is_empty() {
            target.send(ClientMessage::HeldKeys {
                codes: held.codes(),
            });
        }
    }

    /// All keys are released.
    pub fn forget(&self) {
        self.held.borrow_mut().clear();
    }

    fn act(&self, target: &InputTarget, event: &KeyboardEvent, verdict: Verdict) {
        match verdict {
            Verdict::Send(keys) => {
                event.prevent_default();
                for key in keys {
                    // What changes the picture is a key that goes down, and no modifier alone.
                    let is_seen = key.pressed && !is_modifier(&key.key);
                    let message = ClientMessage::Key(key);
                    match is_seen {
                        true => target.act(InputKind::Key, event, message),
                        false => target.send(message),
                    }
                }
            }
            Verdict::Compose => {}
            Verdict::Leave => {
                event.prevent_default();
                if let Some(address) = &target.address {
                    focus(address);
                }
            }
        }
    }
}

pub(super) fn listeners(target: &Rc<InputTarget>, keyboard: &Rc<Keyboard>) -> Vec<Listener> {
    let on_key = |event, decide: fn(&mut HeldKeys, Press) -> Verdict| {
        let (target, keyboard) = (target.clone(), keyboard.clone());
        listen(&target.field.clone(), event, move |event: KeyboardEvent| {
            let verdict = decide(&mut keyboard.held.borrow_mut(), press(&event));
            keyboard.act(&target, &event, verdict);
        })
    };
    let (on_input, on_composed) = (target.clone(), target.clone());
    vec![
        on_key("keydown", HeldKeys::down),
        on_key("keyup", HeldKeys::up),
        listen(&target.field, "input", move |event: InputEvent| {
            if !event.is_composing() {
                send_text(&on_input, &event);
            }
        }),
        // Browsers differ in whether an `input` follows; whoever comes second finds the field empty.
        listen(
            &target.field,
            "compositionend",
            move |event: CompositionEvent| {
                send_text(&on_composed, &event);
            },
        ),
    ]
}

fn is_modifier(key: &str) -> bool {
    matches!(key, "Shift" | "Control" | "Alt" | "AltGraph" | "Meta")
}

fn send_text(target: &InputTarget, event: &Event) {
    let text = target.field.value();
    if !text.is_empty() {
        target.field.set_value("");
        target.act(InputKind::Text, event, ClientMessage::Text { text });
    }
}

fn press(event: &KeyboardEvent) -> Press {
    Press {
        code: event.code(),
        key: event.key(),
        repeat: event.repeat(),
        composing: event.is_composing(),
        modifiers: Modifiers {
            shift: event.shift_key(),
            ctrl: event.ctrl_key(),
            alt: event.alt_key(),
            meta: event.meta_key(),
            caps_lock: event.get_modifier_state("CapsLock"),
            alt_graph: event.get_modifier_state("AltGraph"),
        },
    }
}
