//! Keys and composed text of the hidden text field → keys and texts.

use std::cell::RefCell;
use std::rc::Rc;

use shared::input::Modifiers;
use shared::message::ClientMessage;
use web_sys::{CompositionEvent, Event, InputEvent, KeyboardEvent};

use crate::dom::{Listener, listen};
use crate::input::clipboard::Clipboards;
use crate::input::keys::{Command, HeldKeys, Press, Verdict};
use crate::input::text_field::Typing;
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

    /// What ⌘ does from now on.
    pub fn set_command(&self, command: Command) {
        self.held.borrow_mut().set_command(command);
    }

    /// All keys are released.
    pub fn forget(&self) {
        self.held.borrow_mut().clear();
    }

    fn act(
        &self,
        target: &InputTarget,
        clipboards: &Rc<Clipboards>,
        event: &KeyboardEvent,
        verdict: Verdict,
    ) {
        match verdict {
            Verdict::Paste(keys) => clipboards.wait(keys),
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

pub(super) fn listeners(
    target: &Rc<InputTarget>,
    keyboard: &Rc<Keyboard>,
    typing: &Rc<Typing>,
    clipboards: &Rc<Clipboards>,
) -> Vec<Listener> {
    let on_key = |event, decide: fn(&mut HeldKeys, Press) -> Verdict| {
        let (target, keyboard) = (target.clone(), keyboard.clone());
        let clipboards = clipboards.clone();
        listen(&target.field.clone(), event, move |event: KeyboardEvent| {
            let verdict = decide(&mut keyboard.held.borrow_mut(), press(&event));
            keyboard.act(&target, &clipboards, &event, verdict);
        })
    };
    let (on_input, on_composed, on_composing) = (target.clone(), target.clone(), target.clone());
    let [edited, composed, composing] = [typing.clone(), typing.clone(), typing.clone()];
    vec![
        on_key("keydown", HeldKeys::down),
        on_key("keyup", HeldKeys::up),
        listen(&target.field, "input", move |event: InputEvent| {
            if edited.is_mirror() {
                edited.edited(&event);
            } else if !event.is_composing() {
                send_text(&on_input, &event);
            }
        }),
        // Browsers differ in whether an `input` follows; whoever comes second finds the field empty.
        listen(
            &target.field,
            "compositionend",
            move |event: CompositionEvent| {
                if composed.is_mirror() {
                    composed.edited(&event);
                } else if !send_text(&on_composed, &event) {
                    // Cancelled.
                    on_composed.send(composition(String::new()));
                }
            },
        ),
        listen(
            &target.field,
            "compositionupdate",
            move |event: CompositionEvent| {
                if composing.is_mirror() {
                    // Its letters come one by one.
                    return;
                }
                let text = event.data().unwrap_or_default();
                on_composing.act(InputKind::Text, &event, composition(text));
            },
        ),
    ]
}

fn is_modifier(key: &str) -> bool {
    matches!(key, "Shift" | "Control" | "Alt" | "AltGraph" | "Meta")
}

fn composition(text: String) -> ClientMessage {
    let caret = u32::try_from(text.len()).unwrap_or(u32::MAX);
    ClientMessage::Compose { text, caret }
}

/// Whether there was any.
fn send_text(target: &InputTarget, event: &Event) -> bool {
    let text = target.field.value();
    if text.is_empty() {
        return false;
    }
    target.field.set_value("");
    target.act(InputKind::Text, event, ClientMessage::Text { text });
    true
}

fn press(event: &KeyboardEvent) -> Press {
    Press {
        code: event.code(),
        key: event.key(),
        repeat: event.repeat(),
        composing: event.is_composing(),
        modifiers: modifiers(event),
    }
}

/// What is down and locked at that moment.
pub fn modifiers(event: &KeyboardEvent) -> Modifiers {
    Modifiers {
        shift: event.shift_key(),
        ctrl: event.ctrl_key(),
        alt: event.alt_key(),
        meta: event.meta_key(),
        caps_lock: event.get_modifier_state("CapsLock"),
        alt_graph: event.get_modifier_state("AltGraph"),
        num_lock: event.get_modifier_state("NumLock"),
    }
}
