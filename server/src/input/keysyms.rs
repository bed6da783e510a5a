//! Pure: what a key types or is called → its keysym.
//!
//! Sources: UI Events KeyboardEvent key values (W3C), `X11/keysymdef.h`.

use super::keymap::{Modifier, is_numpad};

/// What xkb calls what a key makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Keysym(pub u32);

/// Keysyms from here on are code points.
const UNICODE: u32 = 0x0100_0000;

/// The number pad's keysyms are ASCII's, moved; its digits are keys of their own to a page.
const PAD_FROM_ASCII: u32 = 0xff80;

impl Keysym {
    /// Of the character; `None` for one that no key types.
    pub fn of_character(character: char, code: &str) -> Option<Keysym> {
        let point = u32::from(character);
        if character.is_control() {
            return None;
        }
        Some(Keysym(match character {
            '0'..='9' | '*' | '+' | ',' | '-' | '.' | '/' | '=' if is_numpad(code) => {
                PAD_FROM_ASCII + point
            }
            ' '..='~' | '\u{a0}'..='\u{ff}' => point,
            _ => UNICODE + point,
        }))
    }

    /// Of the named key in place `code`.
    pub fn of_name(name: &str, code: &str) -> Option<Keysym> {
        if let Some(modifier) = Modifier::from_name(name) {
            return Some(Keysym::of_modifier(modifier, code));
        }
        let pad = is_numpad(code);
        let named = NAMED.iter().find(|(known, ..)| *known == name)?;
        Some(Keysym(match named.2 {
            Some(on_pad) if pad => on_pad,
            _ => named.1,
        }))
    }

    fn of_modifier(modifier: Modifier, code: &str) -> Keysym {
        let right = u32::from(code.ends_with("Right"));
        Keysym(match modifier {
            Modifier::Shift => 0xffe1 + right,
            Modifier::Control => 0xffe3 + right,
            Modifier::Alt => 0xffe9 + right,
            Modifier::Meta => 0xffeb + right,
            Modifier::AltGraph => 0xfe03,
        })
    }

    /// Which modifier a key with this keysym is.
    pub fn modifier(self) -> Option<Modifier> {
        Some(match self.0 {
            0xffe1 | 0xffe2 => Modifier::Shift,
            0xffe3 | 0xffe4 => Modifier::Control,
            0xffe9 | 0xffea => Modifier::Alt,
            0xffeb | 0xffec => Modifier::Meta,
            0xfe03 => Modifier::AltGraph,
            _ => return None,
        })
    }

    /// The character that it is, unless it is a named key's or the number pad's.
    pub fn character(self) -> Option<char> {
        match self.0 {
            point @ (0x20..=0x7e | 0xa0..=0xff) => char::from_u32(point),
            other => char::from_u32(other.checked_sub(UNICODE)?),
        }
    }
}

/// `KeyboardEvent.key`, its keysym, and that of the number pad's key of the same name.
const NAMED: &[(&str, u32, Option<u32>)] = &[
    ("Backspace", 0xff08, None),
    ("Tab", 0xff09, None),
    ("Clear", 0xff0b, None),
    ("Enter", 0xff0d, Some(0xff8d)),
    ("Pause", 0xff13, None),
    ("ScrollLock", 0xff14, None),
    ("Escape", 0xff1b, None),
    ("KanjiMode", 0xff21, None),
    ("NonConvert", 0xff22, None),
    ("Convert", 0xff23, None),
    ("Romaji", 0xff24, None),
    ("Hiragana", 0xff25, None),
    ("Katakana", 0xff26, None),
    ("HiraganaKatakana", 0xff27, None),
    ("Zenkaku", 0xff28, None),
    ("Hankaku", 0xff29, None),
    ("ZenkakuHankaku", 0xff2a, None),
    ("KanaMode", 0xff2d, None),
    ("Alphanumeric", 0xff30, None),
    ("HangulMode", 0xff31, None),
    ("HanjaMode", 0xff34, None),
    ("Home", 0xff50, Some(0xff95)),
    ("ArrowLeft", 0xff51, Some(0xff96)),
    ("ArrowUp", 0xff52, Some(0xff97)),
    ("ArrowRight", 0xff53, Some(0xff98)),
    ("ArrowDown", 0xff54, Some(0xff99)),
    ("PageUp", 0xff55, Some(0xff9a)),
    ("PageDown", 0xff56, Some(0xff9b)),
    ("End", 0xff57, Some(0xff9c)),
    ("PrintScreen", 0xff61, None),
    ("Insert", 0xff63, Some(0xff9e)),
    ("ContextMenu", 0xff67, None),
    ("Help", 0xff6a, None),
    ("NumLock", 0xff7f, None),
    ("F1", 0xffbe, None),
    ("F2", 0xffbf, None),
    ("F3", 0xffc0, None),
    ("F4", 0xffc1, None),
    ("F5", 0xffc2, None),
    ("F6", 0xffc3, None),
    ("F7", 0xffc4, None),
    ("F8", 0xffc5, None),
    ("F9", 0xffc6, None),
    ("F10", 0xffc7, None),
    ("F11", 0xffc8, None),
    ("F12", 0xffc9, None),
    ("F13", 0xffca, None),
    ("F14", 0xffcb, None),
    ("F15", 0xffcc, None),
    ("F16", 0xffcd, None),
    ("F17", 0xffce, None),
    ("F18", 0xffcf, None),
    ("F19", 0xffd0, None),
    ("F20", 0xffd1, None),
    ("F21", 0xffd2, None),
    ("F22", 0xffd3, None),
    ("F23", 0xffd4, None),
    ("F24", 0xffd5, None),
    ("CapsLock", 0xffe5, None),
    ("Delete", 0xffff, Some(0xff9f)),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_character_is_the_same_after_there_and_back() {
        for character in ['a', ' ', '~', 'é', 'ß', '€', 'ñ', 'с', '¥', '你', '😀'] {
            let keysym = Keysym::of_character(character, "KeyA").unwrap();
            assert_eq!(keysym.character(), Some(character));
        }
        assert_eq!(Keysym::of_character('\n', "Enter"), None);
    }

    #[test]
    fn the_number_pad_has_keysyms_of_its_own() {
        let seven = |code| Keysym::of_character('7', code).unwrap().0;
        assert_eq!((seven("Digit7"), seven("Numpad7")), (0x37, 0xffb7));
        let home = |code| Keysym::of_name("Home", code).unwrap().0;
        assert_eq!((home("Home"), home("Numpad7")), (0xff50, 0xff95));
    }

    #[test]
    fn sides_of_modifiers_differ() {
        let left = Keysym::of_name("Shift", "ShiftLeft").unwrap();
        let right = Keysym::of_name("Shift", "ShiftRight").unwrap();
        assert_ne!(left, right);
        assert_eq!(left.modifier(), Some(Modifier::Shift));
        assert_eq!(right.modifier(), Some(Modifier::Shift));
    }
}
