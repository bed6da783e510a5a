//! Pure: DOM key codes ↔ evdev codes of a us keyboard, and which key types which character there.
//!
//! Sources: UI Events KeyboardEvent code values (W3C), `linux/input-event-codes.h`.

/// The keys whose state changes what others type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs, reason = "named as in the DOM")]
pub enum Modifier {
    Shift,
    Control,
    Alt,
    Meta,
    AltGraph,
}

impl Modifier {
    /// `KeyboardEvent.key`.
    pub fn from_name(name: &str) -> Option<Modifier> {
        Some(match name {
            "Shift" => Modifier::Shift,
            "Control" => Modifier::Control,
            "Alt" => Modifier::Alt,
            "Meta" => Modifier::Meta,
            "AltGraph" => Modifier::AltGraph,
            _ => return None,
        })
    }
}

/// One key of the us layout: its DOM code, its evdev code, and what it types without and with shift (`\0` for nothing).
struct UsKey(&'static str, u32, char, char);

const KEYS: &[UsKey] = &[
    UsKey("Escape", 1, '\0', '\0'),
    UsKey("Digit1", 2, '1', '!'),
    UsKey("Digit2", 3, '2', '@'),
    UsKey("Digit3", 4, '3', '#'),
    UsKey("Digit4", 5, '4', '$'),
    UsKey("Digit5", 6, '5', '%'),
    UsKey("Digit6", 7, '6', '^'),
    UsKey("Digit7", 8, '7', '&'),
    UsKey("Digit8", 9, '8', '*'),
    UsKey("Digit9", 10, '9', '('),
    UsKey("Digit0", 11, '0', ')'),
    UsKey("Minus", 12, '-', '_'),
    UsKey("Equal", 13, '=', '+'),
    UsKey("Backspace", 14, '\0', '\0'),
    UsKey("Tab", 15, '\0', '\0'),
    UsKey("KeyQ", 16, 'q', 'Q'),
    UsKey("KeyW", 17, 'w', 'W'),
    UsKey("KeyE", 18, 'e', 'E'),
    UsKey("KeyR", 19, 'r', 'R'),
    UsKey("KeyT", 20, 't', 'T'),
    UsKey("KeyY", 21, 'y', 'Y'),
    UsKey("KeyU", 22, 'u', 'U'),
    UsKey("KeyI", 23, 'i', 'I'),
    UsKey("KeyO", 24, 'o', 'O'),
    UsKey("KeyP", 25, 'p', 'P'),
    UsKey("BracketLeft", 26, '[', '{'),
    UsKey("BracketRight", 27, ']', '}'),
    UsKey("Enter", 28, '\0', '\0'),
    UsKey("ControlLeft", 29, '\0', '\0'),
    UsKey("KeyA", 30, 'a', 'A'),
    UsKey("KeyS", 31, 's', 'S'),
    UsKey("KeyD", 32, 'd', 'D'),
    UsKey("KeyF", 33, 'f', 'F'),
    UsKey("KeyG", 34, 'g', 'G'),
    UsKey("KeyH", 35, 'h', 'H'),
    UsKey("KeyJ", 36, 'j', 'J'),
    UsKey("KeyK", 37, 'k', 'K'),
    UsKey("KeyL", 38, 'l', 'L'),
    UsKey("Semicolon", 39, ';', ':'),
    UsKey("Quote", 40, '\'', '"'),
    UsKey("Backquote", 41, '`', '~'),
    UsKey("ShiftLeft", 42, '\0', '\0'),
    UsKey("Backslash", 43, '\\', '|'),
    UsKey("KeyZ", 44, 'z', 'Z'),
    UsKey("KeyX", 45, 'x', 'X'),
    UsKey("KeyC", 46, 'c', 'C'),
    UsKey("KeyV", 47, 'v', 'V'),
    UsKey("KeyB", 48, 'b', 'B'),
    UsKey("KeyN", 49, 'n', 'N'),
    UsKey("KeyM", 50, 'm', 'M'),
    UsKey("Comma", 51, ',', '<'),
    UsKey("Period", 52, '.', '>'),
    UsKey("Slash", 53, '/', '?'),
    UsKey("ShiftRight", 54, '\0', '\0'),
    UsKey("AltLeft", 56, '\0', '\0'),
    UsKey("Space", 57, ' ', ' '),
    UsKey("F1", 59, '\0', '\0'),
    UsKey("F2", 60, '\0', '\0'),
    UsKey("F3", 61, '\0', '\0'),
    UsKey("F4", 62, '\0', '\0'),
    UsKey("F5", 63, '\0', '\0'),
    UsKey("F6", 64, '\0', '\0'),
    UsKey("F7", 65, '\0', '\0'),
    UsKey("F8", 66, '\0', '\0'),
    UsKey("F9", 67, '\0', '\0'),
    UsKey("F10", 68, '\0', '\0'),
    UsKey("F11", 87, '\0', '\0'),
    UsKey("F12", 88, '\0', '\0'),
    UsKey("ControlRight", 97, '\0', '\0'),
    UsKey("PrintScreen", 99, '\0', '\0'),
    UsKey("AltRight", 100, '\0', '\0'),
    UsKey("Home", 102, '\0', '\0'),
    UsKey("ArrowUp", 103, '\0', '\0'),
    UsKey("PageUp", 104, '\0', '\0'),
    UsKey("ArrowLeft", 105, '\0', '\0'),
    UsKey("ArrowRight", 106, '\0', '\0'),
    UsKey("End", 107, '\0', '\0'),
    UsKey("ArrowDown", 108, '\0', '\0'),
    UsKey("PageDown", 109, '\0', '\0'),
    UsKey("Insert", 110, '\0', '\0'),
    UsKey("Delete", 111, '\0', '\0'),
    UsKey("Pause", 119, '\0', '\0'),
    UsKey("MetaLeft", 125, '\0', '\0'),
    UsKey("MetaRight", 126, '\0', '\0'),
    UsKey("ContextMenu", 127, '\0', '\0'),
    UsKey("CapsLock", 58, '\0', '\0'),
    UsKey("NumLock", 69, '\0', '\0'),
    UsKey("ScrollLock", 70, '\0', '\0'),
    // Keys that other keyboards have more.
    UsKey("IntlBackslash", 86, '\0', '\0'),
    UsKey("IntlRo", 89, '\0', '\0'),
    UsKey("IntlYen", 124, '\0', '\0'),
    UsKey("Convert", 92, '\0', '\0'),
    UsKey("NonConvert", 94, '\0', '\0'),
    UsKey("KanaMode", 93, '\0', '\0'),
    UsKey("Lang1", 122, '\0', '\0'),
    UsKey("Lang2", 123, '\0', '\0'),
    UsKey("F13", 183, '\0', '\0'),
    UsKey("F14", 184, '\0', '\0'),
    UsKey("F15", 185, '\0', '\0'),
    UsKey("F16", 186, '\0', '\0'),
    UsKey("F17", 187, '\0', '\0'),
    UsKey("F18", 188, '\0', '\0'),
    UsKey("F19", 189, '\0', '\0'),
    UsKey("F20", 190, '\0', '\0'),
    UsKey("F21", 191, '\0', '\0'),
    UsKey("F22", 192, '\0', '\0'),
    UsKey("F23", 193, '\0', '\0'),
    UsKey("F24", 194, '\0', '\0'),
    // What these type depends on Num Lock.
    UsKey("Numpad0", 82, '\0', '\0'),
    UsKey("Numpad1", 79, '\0', '\0'),
    UsKey("Numpad2", 80, '\0', '\0'),
    UsKey("Numpad3", 81, '\0', '\0'),
    UsKey("Numpad4", 75, '\0', '\0'),
    UsKey("Numpad5", 76, '\0', '\0'),
    UsKey("Numpad6", 77, '\0', '\0'),
    UsKey("Numpad7", 71, '\0', '\0'),
    UsKey("Numpad8", 72, '\0', '\0'),
    UsKey("Numpad9", 73, '\0', '\0'),
    UsKey("NumpadDecimal", 83, '\0', '\0'),
    UsKey("NumpadComma", 121, '\0', '\0'),
    UsKey("NumpadEqual", 117, '\0', '\0'),
    UsKey("NumpadEnter", 96, '\0', '\0'),
    // Last, so that the main keyboard is preferred.
    UsKey("NumpadMultiply", 55, '*', '*'),
    UsKey("NumpadSubtract", 74, '-', '-'),
    UsKey("NumpadAdd", 78, '+', '+'),
    UsKey("NumpadDivide", 98, '/', '/'),
];

/// Whether the key in that place belongs to the number pad.
pub fn is_numpad(code: &str) -> bool {
    code.starts_with("Numpad")
}

/// Each key's DOM code, evdev code, and what it types on the us layout without and with shift (`\0` for nothing).
pub fn all_keys() -> impl Iterator<Item = (&'static str, u32, char, char)> {
    KEYS.iter().map(|key| (key.0, key.1, key.2, key.3))
}

/// The evdev code of the key in that place.
pub fn evdev_from_code(code: &str) -> Option<u32> {
    KEYS.iter().find(|key| key.0 == code).map(|key| key.1)
}

/// The evdev code of the key with that name (`KeyboardEvent.key` of keys that type nothing): a phone's Backspace has no
/// code.
pub fn evdev_from_name(key: &str) -> Option<u32> {
    let code = match key {
        "Shift" => "ShiftLeft",
        "Control" => "ControlLeft",
        "Alt" => "AltLeft",
        "Meta" => "MetaLeft",
        "Esc" => "Escape",
        "Del" => "Delete",
        // Names that are also codes of keys which type nothing.
        name => name,
    };
    let key = KEYS.iter().find(|key| key.0 == code && key.2 == '\0');
    key.map(|key| key.1)
}

/// A key and whether shift must be down for it to type that character.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stroke {
    /// The key's evdev code.
    pub evdev: u32,
    /// Shift must be down.
    pub shift: bool,
}

/// Whether the us key in place `code` types `character`, with or without shift.
pub fn is_typed_in_place(character: char, code: &str) -> bool {
    let mut keys = KEYS.iter();
    keys.any(|key| key.0 == code && (key.2 == character || key.3 == character))
}

/// The us key that types `character`; the one in place `code` if that does.
pub fn stroke_from_char(character: char, code: &str) -> Option<Stroke> {
    if character == '\0' {
        return None;
    }
    let types = |key: &&UsKey| key.2 == character || key.3 == character;
    let in_place = KEYS.iter().filter(|key| key.0 == code).find(types);
    let key = in_place.or_else(|| KEYS.iter().find(types))?;
    Some(Stroke {
        evdev: key.1,
        shift: key.2 != character,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn no_code_and_no_key_stands_twice() {
        let codes: HashSet<_> = KEYS.iter().map(|key| key.0).collect();
        let evdev: HashSet<_> = KEYS.iter().map(|key| key.1).collect();
        assert_eq!((codes.len(), evdev.len()), (KEYS.len(), KEYS.len()));
    }

    #[test]
    fn every_printable_ascii_character_has_a_key() {
        for character in ' '..='~' {
            assert!(stroke_from_char(character, "").is_some(), "{character:?}");
        }
        assert_eq!(stroke_from_char('é', "KeyE"), None);
    }

    #[test]
    fn the_key_in_the_same_place_is_preferred() {
        let on_us = stroke_from_char('z', "KeyZ");
        let on_german = stroke_from_char('z', "KeyY");
        assert_eq!(
            on_us,
            Some(Stroke {
                evdev: 44,
                shift: false
            })
        );
        assert_eq!(on_german, on_us, "the character decides");
    }

    #[test]
    fn named_keys_are_found_without_a_code() {
        assert_eq!(evdev_from_name("Backspace"), Some(14));
        assert_eq!(evdev_from_name("Home"), Some(102));
        assert_eq!(evdev_from_name("KeyA"), None);
        assert_eq!(evdev_from_name("Unidentified"), None);
    }
}
