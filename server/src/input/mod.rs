//! A viewer's messages → events of the session's seat, with what each viewer holds down.

mod held;
pub mod keymap;

use shared::geometry::{AimedPoint, Geometry, PointInPage};
use shared::input::{Key, Modifiers};
use shared::message::ClientMessage;

use crate::display::SeatEvent;
use held::Held;
use keymap::{
    ALT, CONTROL, META, NUMPAD_ENTER, SHIFT, Stroke, evdev_from_code, evdev_from_name, is_modifier,
    is_typed_in_place, stroke_from_char,
};

/// Longer text is refused rather than cut: a paste that lost its end would look complete.
pub const MAX_TEXT: usize = 32 * 1024;

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
    #[error("That key is not one of a keyboard.")]
    UnknownKey,
}

impl ViewerInput {
    /// What the seat is told; nothing for a message that is late or changes nothing. `geometry` is that of the picture the
    /// viewer sees.
    pub fn translate(
        &mut self,
        message: &ClientMessage,
        geometry: &Geometry,
    ) -> Result<Vec<SeatEvent>, RefusedInput> {
        Ok(match message {
            ClientMessage::PointerMove { sequence, at } => {
                // Unordered channel: an older move must not pull the pointer back. Wraps after four billion.
                let is_late = |last: u32| sequence.wrapping_sub(last).cast_signed() <= 0;
                if self.last_move.is_some_and(is_late) {
                    return Ok(Vec::new());
                }
                let at = point_in_page(*at, geometry)?;
                self.last_move = Some(*sequence);
                self.at = at;
                vec![SeatEvent::PointerMove { at: self.at }]
            }
            ClientMessage::PointerButton {
                at,
                button,
                pressed,
            } => {
                let at = point_in_page(*at, geometry)?;
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
                    at: point_in_page(*at, geometry)?,
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
            ClientMessage::Text { text } => vec![SeatEvent::Text(text.clone())],
            ClientMessage::HeldKeys { codes } => {
                self.alt_graph.take_if(|place| !codes.contains(place));
                self.held.keep_only(codes)
            }
            ClientMessage::ReleaseAll => self.release_all(),
            ClientMessage::Ping { .. }
            | ClientMessage::LatencyReport { .. }
            | ClientMessage::VsyncOffset { .. }
            | ClientMessage::SkipToLive => Vec::new(),
        })
    }

    /// What lifts everything this viewer holds.
    pub fn release_all(&mut self) -> Vec<SeatEvent> {
        self.alt_graph = None;
        self.held.lift_all(self.at)
    }

    fn press(&mut self, key: &Key) -> Result<Vec<SeatEvent>, RefusedInput> {
        let mut typed = key.key.chars();
        let character = match (typed.next(), typed.next()) {
            (Some(character), None) if !character.is_control() => Some(character),
            _ => None,
        };
        let Some(character) = character else {
            return self.press_named(key);
        };
        let modifiers = key.modifiers;
        let stroke = stroke_from_char(character, &key.code);
        if self.alt_graph.is_some() || is_third_level(character, key) {
            return Ok(match stroke {
                Some(stroke) => self.press_alone(key, stroke),
                None => vec![SeatEvent::Text(key.key.clone())],
            });
        }
        if modifiers.ctrl || modifiers.alt || modifiers.meta {
            // Ctrl+С on a Cyrillic layout is Ctrl+C by its place.
            let evdev = stroke
                .map(|stroke| stroke.evdev)
                .or_else(|| evdev_from_code(&key.code))
                .ok_or(RefusedInput::UnknownKey)?;
            return Ok(self.press_shortcut(key, evdev));
        }
        Ok(match stroke {
            Some(stroke) => self.press_stroke(key, stroke),
            None => vec![SeatEvent::Text(key.key.clone())],
        })
    }

    fn lift(&mut self, key: &Key) -> Vec<SeatEvent> {
        self.alt_graph.take_if(|alt_graph| alt_graph == place(key));
        self.held.lift_key(place(key))
    }

    /// The modifiers that made a character of the third level would make another one, or a shortcut, over there: they are
    /// lifted for this one key.
    fn press_alone(&mut self, key: &Key, stroke: Stroke) -> Vec<SeatEvent> {
        let held = [CONTROL, ALT, META];
        let held = held
            .into_iter()
            .flat_map(|either| self.held.down_of(either));
        let held: Vec<u32> = held.collect();
        let pressed = self.press_stroke(key, stroke);
        turned(&held, false)
            .chain(pressed)
            .chain(turned(&held, true))
            .collect()
    }

    /// Brings shift into the state that this character needs, for this one key: Caps Lock is on here, or the viewer's
    /// layout has the character on another level.
    fn press_stroke(&mut self, key: &Key, stroke: Stroke) -> Vec<SeatEvent> {
        let held = self.held.down_of(SHIFT);
        match (stroke.shift, held.is_empty()) {
            (true, true) => self.press_between(key, stroke.evdev, &[SHIFT[0]], true),
            (false, false) => self.press_between(key, stroke.evdev, &held, false),
            _ => self.held.press_key(place(key), stroke.evdev),
        }
    }

    /// A modifier that went down before the picture had the focus is pressed for this one key.
    fn press_shortcut(&mut self, key: &Key, evdev: u32) -> Vec<SeatEvent> {
        let wanted = [
            (key.modifiers.ctrl, CONTROL),
            (key.modifiers.alt, ALT),
            (key.modifiers.meta, META),
            (key.modifiers.shift, SHIFT),
        ];
        let is_missing =
            |(on, either): &(bool, [u32; 2])| *on && self.held.down_of(*either).is_empty();
        let missing: Vec<u32> = wanted
            .into_iter()
            .filter(is_missing)
            .map(|(_, either)| either[0])
            .collect();
        self.press_between(key, evdev, &missing, true)
    }

    /// Brings some modifiers into the state `down`, presses, and brings them back.
    fn press_between(
        &mut self,
        key: &Key,
        evdev: u32,
        modifiers: &[u32],
        down: bool,
    ) -> Vec<SeatEvent> {
        let pressed = self.held.press_key(place(key), evdev);
        turned(modifiers, down)
            .chain(pressed)
            .chain(turned(modifiers, !down))
            .collect()
    }

    /// A key that types nothing: arrows, function keys, modifiers.
    fn press_named(&mut self, key: &Key) -> Result<Vec<SeatEvent>, RefusedInput> {
        match key.key.as_str() {
            // Their effect shows in the characters that follow.
            "CapsLock" | "NumLock" | "ScrollLock" | "Dead" | "Process" => return Ok(Vec::new()),
            "AltGraph" => {
                self.alt_graph = Some(place(key).to_owned());
                // Windows presses it by itself, before AltGr and again with each repetition.
                return Ok(self.held.lift_key(WITH_ALT_GRAPH));
            }
            _ if key.code == WITH_ALT_GRAPH && self.alt_graph.is_some() => return Ok(Vec::new()),
            _ => {}
        }
        // The number pad's keys by their name: without Num Lock its 7 is Home.
        let by_name = || evdev_from_name(&key.key);
        let by_code = || evdev_from_code(&key.code);
        let evdev = if is_modifier(&key.code) || key.code == NUMPAD_ENTER {
            by_code().or_else(by_name)
        } else {
            by_name().or_else(by_code)
        };
        let evdev = evdev.ok_or(RefusedInput::UnknownKey)?;
        Ok(self.held.press_key(place(key), evdev))
    }
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

fn turned(evdevs: &[u32], pressed: bool) -> impl Iterator<Item = SeatEvent> {
    let turn = move |evdev: &u32| SeatEvent::Key {
        evdev: *evdev,
        pressed,
    };
    evdevs.iter().map(turn)
}

/// What tells this key from the others that are held: its place, or its name where a phone gives no place.
fn place(key: &Key) -> &str {
    if key.code.is_empty() {
        &key.key
    } else {
        &key.code
    }
}

/// Outside the picture it is moved to its edge.
fn point_in_page(aimed: AimedPoint, geometry: &Geometry) -> Result<PointInPage, RefusedInput> {
    let point_in_video = aimed.point();
    finite(&[point_in_video.x, point_in_video.y])?;
    Ok(geometry.page_from_video(point_in_video.clamped(geometry.video)))
}

fn finite(values: &[f32]) -> Result<(), RefusedInput> {
    match values.iter().all(|value| value.is_finite()) {
        true => Ok(()),
        false => Err(RefusedInput::NotANumber),
    }
}

#[cfg(test)]
mod tests;
