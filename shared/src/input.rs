//! What a person does: buttons, keys and their modifiers, in the DOM's words.

use serde::{Deserialize, Serialize};

/// `MouseEvent.button`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum PointerButton {
    Left,
    Middle,
    Right,
    Back,
    Forward,
}

impl PointerButton {
    pub fn from_dom(button: i16) -> Option<Self> {
        Some(match button {
            0 => PointerButton::Left,
            1 => PointerButton::Middle,
            2 => PointerButton::Right,
            3 => PointerButton::Back,
            4 => PointerButton::Forward,
            _ => return None,
        })
    }
}

/// The modifiers that were down, as the viewer's own browser says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Modifiers {
    pub shift: bool,
    pub ctrl: bool,
    pub alt: bool,
    pub meta: bool,
    pub caps_lock: bool,
    /// `getModifierState("AltGraph")`: the third level of many layouts, not a shortcut.
    pub alt_graph: bool,
}

/// One `keydown` or `keyup`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Key {
    /// `KeyboardEvent.code`: the key's place, such as `KeyZ`.
    pub code: String,
    /// `KeyboardEvent.key`: what the viewer's layout makes of it, such as `y` or `Enter`.
    pub key: String,
    pub pressed: bool,
    pub repeat: bool,
    pub modifiers: Modifiers,
}
