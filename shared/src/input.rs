//! Input events in the DOM's terms: buttons, keys and their modifiers.

use serde::{Deserialize, Serialize};

/// `MouseEvent.button`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum PointerButton {
    /// 0, the main button.
    Left,
    /// 1, the wheel.
    Middle,
    /// 2, the secondary button.
    Right,
    /// 3
    Back,
    /// 4
    Forward,
}

impl PointerButton {
    /// `MouseEvent.button`; `None` for a button that the DOM does not name.
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

/// What becomes of a finger: `touchstart`, `touchmove`, `touchend` or `touchcancel`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum TouchPhase {
    /// It comes down.
    Start,
    /// It is down and moves.
    Move,
    /// It is lifted.
    End,
    /// Whatever it did, together with the other fingers, is called off: no tap comes of it.
    Cancel,
}

/// The state of the modifiers at an event: `getModifierState` and the like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Modifiers {
    /// `shiftKey`
    pub shift: bool,
    /// `ctrlKey`
    pub ctrl: bool,
    /// `altKey`
    pub alt: bool,
    /// `metaKey`: Windows or ⌘.
    pub meta: bool,
    /// `getModifierState("CapsLock")`
    pub caps_lock: bool,
    /// `getModifierState("AltGraph")`: the third level of many layouts, not a shortcut.
    pub alt_graph: bool,
    /// `getModifierState("NumLock")`
    pub num_lock: bool,
}

impl Modifiers {
    /// Nothing is down or locked.
    pub const NONE: Modifiers = Modifiers {
        shift: false,
        ctrl: false,
        alt: false,
        meta: false,
        caps_lock: false,
        alt_graph: false,
        num_lock: false,
    };
}

/// One `keydown` or `keyup`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Key {
    /// `KeyboardEvent.code`: the key's position, such as `KeyZ`.
    pub code: String,
    /// `KeyboardEvent.key`: its value in the viewer's layout, such as `y` or `Enter`.
    pub key: String,
    /// `keydown` rather than `keyup`.
    pub pressed: bool,
    /// `KeyboardEvent.repeat`: the key is held.
    pub repeat: bool,
    /// At that moment.
    pub modifiers: Modifiers,
}
