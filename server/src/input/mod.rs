//! A viewer's messages → events of the session's seat, with what each viewer holds down.

mod geometry_history;
mod held;
pub mod keymap;
pub mod keysyms;
pub mod layout;

use std::time::Instant;

pub use geometry_history::GeometryHistory;
use shared::geometry::{PointInPage, PointInVideo};
use shared::input::{Key, Modifiers, TouchPhase};
use shared::message::ClientMessage;

use crate::display::SeatEvent;
use held::{Held, MAX_FINGERS};
use keymap::{
    Modifier, evdev_from_code, evdev_from_name, is_numpad, is_typed_in_place, stroke_from_char,
};
use keysyms::Keysym;

/// Longer text is refused rather than cut: a paste that lost its end would look complete.
pub const MAX_TEXT: usize = 32 * 1024;

/// No composition is longer, and it must fit into one Wayland message.
const MAX_COMPOSITION: usize = 2000;

/// Nobody's own page knows more of the text around the caret.
const MAX_REPLACED: u32 = 4000;

/// Wheels turn some hundred pixels an event; a hostile one could jump to the end of every page.
const MAX_WHEEL: f32 = 10_000.0;

/// Pure: one viewer's keys, buttons and pointer. Translates its messages and remembers what it holds, so that it can all be
/// lifted.
#[derive(Debug, Default)]
pub struct ViewerInput {
    held: Held,
    /// The place of the AltGr that this viewer holds.
    alt_graph: Option<String>,
    last_move: Option<u32>,
    /// Where this viewer's pointer was last.
    at: PointInPage,
}

/// Why a message of a viewer is not carried out; a sentence for the person.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs, reason = "its sentence says what each variant is")]
pub enum RefusedInput {
    #[error("The text is longer than {MAX_TEXT} bytes, so none of it was typed.")]
    LongText,
    #[error("The position or distance is not a number.")]
    NotANumber,
    #[error("The page has another size by now, so nothing was done where you pointed.")]
    OtherPicture,
    #[error("That key is not one of a keyboard.")]
    UnknownKey,
    #[error("More than {MAX_FINGERS} fingers touch the page, so one of them was ignored.")]
    ManyFingers,
    #[error(
        "No text field has the focus there, and no key types this text: click into a field first."
    )]
    NoTextField,
}

impl ViewerInput {
    /// What the seat is told; nothing for a message that is late or changes nothing. `in_text_field` says whether a text
    /// field has the focus there.
    pub fn translate(
        &mut self,
        message: &ClientMessage,
        history: &GeometryHistory,
        in_text_field: bool,
        now: Instant,
    ) -> Result<Vec<SeatEvent>, RefusedInput> {
        Ok(match message {
            ClientMessage::PointerMove { sequence, at } => {
                // Unordered channel: an older move must not pull the pointer back. Wraps after four billion.
                let is_late = |last: u32| sequence.wrapping_sub(last).cast_signed() <= 0;
                if self.last_move.is_some_and(is_late) {
                    return Ok(Vec::new());
                }
                let at = match history.point_in_page(*at, now) {
                    // The next one comes by itself.
                    Err(RefusedInput::OtherPicture) => return Ok(Vec::new()),
                    at => at?,
                };
                self.last_move = Some(*sequence);
                self.at = at;
                vec![SeatEvent::PointerMove { at: self.at }]
            }
            ClientMessage::PointerButton {
                at,
                button,
                pressed,
            } => {
                let at = match history.point_in_page(*at, now) {
                    // It must not stay down.
                    Err(RefusedInput::OtherPicture) if !pressed => self.at,
                    at => at?,
                };
                if !self.held.button(*button, *pressed) {
                    return Ok(Vec::new());
                }
                self.at = at;
                vec![SeatEvent::PointerButton {
                    at: self.at,
                    button: *button,
                    pressed: *pressed,
                }]
            }
            ClientMessage::Wheel {
                at,
                delta_x,
                delta_y,
                notched,
            } => {
                finite(&[*delta_x, *delta_y])?;
                vec![SeatEvent::Wheel {
                    at: history.point_in_page(*at, now)?,
                    delta_x: delta_x.clamp(-MAX_WHEEL, MAX_WHEEL),
                    delta_y: delta_y.clamp(-MAX_WHEEL, MAX_WHEEL),
                    notched: *notched,
                }]
            }
            ClientMessage::Key(key) if key.pressed => self.press(key)?,
            ClientMessage::Key(key) => self.lift(key),
            ClientMessage::Text { text } if text.len() > MAX_TEXT => {
                return Err(RefusedInput::LongText);
            }
            ClientMessage::Text { text } if text.is_empty() => Vec::new(),
            ClientMessage::Text { text } if !in_text_field => typed_with_keys(text)?,
            ClientMessage::Text { text } => vec![SeatEvent::Text(text.clone())],
            ClientMessage::Compose { text, .. } if text.len() > MAX_COMPOSITION => {
                return Err(RefusedInput::LongText);
            }
            ClientMessage::Compose { text, caret } => vec![SeatEvent::Compose {
                text: text.clone(),
                caret: text.floor_char_boundary(*caret as usize),
            }],
            ClientMessage::Replace { text, .. } if text.len() > MAX_TEXT => {
                return Err(RefusedInput::LongText);
            }
            ClientMessage::Replace {
                before,
                after,
                text,
            } => vec![SeatEvent::Replace {
                before: (*before).min(MAX_REPLACED),
                after: (*after).min(MAX_REPLACED),
                text: text.clone(),
            }],
            ClientMessage::Touch { finger, phase, at } => {
                let at = || history.point_in_page(*at, now);
                self.touch(*finger, *phase, at)?
            }
            ClientMessage::HeldKeys { codes } => {
                self.alt_graph.take_if(|place| !codes.contains(place));
                self.held.keep_only(codes)
            }
            ClientMessage::PointerMotion { x, y } => {
                finite(&[*x, *y])?;
                let moved = PointInVideo::new(*x, *y);
                let PointInPage { x, y } = history.current().page_from_video(moved);
                vec![SeatEvent::PointerMotion { x, y }]
            }
            ClientMessage::LeavePointerLock => vec![SeatEvent::LeavePointerLock],
            ClientMessage::ReleaseAll => self.release_all(),
            ClientMessage::Ping { .. }
            | ClientMessage::LatencyReport { .. }
            | ClientMessage::VsyncOffset { .. }
            | ClientMessage::SkipToLive
            | ClientMessage::WatchTextFields
            | ClientMessage::Paste(_)
            | ClientMessage::Viewport(_) => Vec::new(),
        })
    }

    /// What lifts everything this viewer holds.
    pub fn release_all(&mut self) -> Vec<SeatEvent> {
        self.alt_graph = None;
        self.held.lift_all(self.at)
    }

    /// Only a finger that comes down or moves needs its place.
    fn touch(
        &mut self,
        finger: u32,
        phase: TouchPhase,
        at: impl Fn() -> Result<PointInPage, RefusedInput>,
    ) -> Result<Vec<SeatEvent>, RefusedInput> {
        let at = match phase {
            TouchPhase::Start if self.held.has_all_fingers(finger) => {
                return Err(RefusedInput::ManyFingers);
            }
            TouchPhase::Start => at()?,
            TouchPhase::Move => match at() {
                // The next one comes by itself.
                Err(RefusedInput::OtherPicture) => return Ok(Vec::new()),
                at => at?,
            },
            TouchPhase::End | TouchPhase::Cancel => PointInPage::default(),
        };
        let changes = self.held.touch(finger, phase);
        let event = SeatEvent::Touch { finger, phase, at };
        Ok(changes.then_some(event).into_iter().collect())
    }

    fn press(&mut self, key: &Key) -> Result<Vec<SeatEvent>, RefusedInput> {
        let mut typed = key.key.chars();
        match (typed.next(), typed.next()) {
            (Some(character), None) if !character.is_control() => {
                self.press_character(key, character)
            }
            _ => self.press_named(key),
        }
    }

    fn press_character(
        &mut self,
        key: &Key,
        character: char,
    ) -> Result<Vec<SeatEvent>, RefusedInput> {
        let mut modifiers = key.modifiers;
        if self.alt_graph.is_some() || is_third_level(character, key) {
            // The modifiers that made this character would make a shortcut over there.
            modifiers = Modifiers {
                ctrl: false,
                alt: false,
                meta: false,
                alt_graph: true,
                ..modifiers
            };
        }
        let is_shortcut = modifiers.ctrl || modifiers.alt || modifiers.meta;
        if is_numpad(&key.code) && !modifiers.shift {
            modifiers.num_lock |= character.is_ascii_digit();
        }
        let in_place = evdev_from_code(&key.code);
        let somewhere = || {
            let stroke = stroke_from_char(character, "")?;
            modifiers.shift = stroke.shift;
            Some(stroke.evdev)
        };
        let Some(evdev) = in_place.or_else(somewhere) else {
            return match is_shortcut {
                true => Err(RefusedInput::UnknownKey),
                false => Ok(vec![SeatEvent::Text(key.key.clone())]),
            };
        };
        let keysym = Keysym::of_character(character, &key.code);
        Ok(self
            .held
            .press_key(place(key), evdev, keysym, Some(modifiers)))
    }

    fn lift(&mut self, key: &Key) -> Vec<SeatEvent> {
        self.alt_graph.take_if(|alt_graph| alt_graph == place(key));
        self.held.lift_key(place(key))
    }

    /// A key that types nothing: arrows, function keys, modifiers.
    fn press_named(&mut self, key: &Key) -> Result<Vec<SeatEvent>, RefusedInput> {
        let mut events = Vec::new();
        match key.key.as_str() {
            "Dead" | "Process" => return Ok(Vec::new()),
            "AltGraph" => {
                self.alt_graph = Some(place(key).to_owned());
                // Windows presses it by itself, before AltGr and again with each repetition.
                events = self.held.lift_key(WITH_ALT_GRAPH);
            }
            _ if key.code == WITH_ALT_GRAPH && self.alt_graph.is_some() => return Ok(Vec::new()),
            _ => {}
        }
        let in_place = evdev_from_code(&key.code);
        let evdev = in_place.or_else(|| evdev_from_name(&key.key));
        let evdev = evdev.ok_or(RefusedInput::UnknownKey)?;
        let keysym = Keysym::of_name(&key.key, &key.code);
        // What a modifier changes shows in the keys that follow.
        let modifiers = Modifier::from_name(&key.key)
            .is_none()
            .then_some(key.modifiers);
        let pressed = self.held.press_key(place(key), evdev, keysym, modifiers);
        Ok(events.into_iter().chain(pressed).collect())
    }
}

/// Text for a page without a focused field, key by key; all of it or nothing.
fn typed_with_keys(text: &str) -> Result<Vec<SeatEvent>, RefusedInput> {
    let mut events = Vec::new();
    for character in text.chars() {
        let (evdev, shift) = match character {
            '\n' => (evdev_from_name("Enter"), false),
            '\t' => (evdev_from_name("Tab"), false),
            character => {
                let stroke = stroke_from_char(character, "");
                (
                    stroke.map(|stroke| stroke.evdev),
                    stroke.is_some_and(|stroke| stroke.shift),
                )
            }
        };
        let evdev = evdev.ok_or(RefusedInput::NoTextField)?;
        events.push(SeatEvent::Press {
            evdev,
            keysym: Keysym::of_character(character, ""),
            modifiers: Some(Modifiers {
                shift,
                ..Modifiers::default()
            }),
        });
        events.push(SeatEvent::Key {
            evdev,
            pressed: false,
        });
    }
    Ok(events)
}

/// `KeyboardEvent.code` of the key that Windows presses together with AltGr.
const WITH_ALT_GRAPH: &str = "ControlLeft";

/// Whether AltGr (Windows, Linux) or Option (macOS) made this character: then the modifiers are no shortcut's.
fn is_third_level(character: char, key: &Key) -> bool {
    let Modifiers {
        ctrl,
        alt,
        meta,
        alt_graph,
        ..
    } = key.modifiers;
    match (ctrl, alt) {
        _ if alt_graph => true,
        // AltGr, on a Windows that does not name it.
        (true, true) => !character.is_ascii(),
        // Option. A shortcut with Alt alone keeps the character of its key, which most layouts share with the us layout.
        (false, true) if !meta => {
            let is_third =
                |character: char| !character.is_ascii() || ONLY_ON_THIRD_LEVEL.contains(character);
            is_third(character) && !is_typed_in_place(character, &key.code)
        }
        _ => false,
    }
}

/// What layouts without a key for it put on the third level, of the characters of ASCII.
const ONLY_ON_THIRD_LEVEL: &str = "@[]{}|\\~#`^";

/// What tells this key from the others that are held: its place, or its name where a phone gives no place.
fn place(key: &Key) -> &str {
    if key.code.is_empty() {
        &key.key
    } else {
        &key.code
    }
}

fn finite(values: &[f32]) -> Result<(), RefusedInput> {
    match values.iter().all(|value| value.is_finite()) {
        true => Ok(()),
        false => Err(RefusedInput::NotANumber),
    }
}

#[cfg(test)]
mod tests;
