//! Pure: the session's keyboard: what each place types at each level, learned from what viewers' own keyboards made of it.
//!
//! A page sees the key that the person pressed, in its place and under its name. That needs a keymap which says what the
//! person's own layout says, and no browser tells its layout: but each key event tells a little of it.

use std::collections::BTreeMap;
use std::fmt::Write;

use shared::input::Modifiers;

use super::keymap::{Modifier, all_keys, is_numpad};
use super::keysyms::Keysym;

/// Shift, the third level and Caps Lock, each on or off.
const LEVELS: usize = 8;
const SHIFT: usize = 1;
const THIRD: usize = 2;
/// On the number pad, where neither the third level nor Caps Lock count, this is Num Lock.
const LOCK: usize = 4;
const PAD_LEVELS: [usize; 4] = [0, SHIFT, LOCK, SHIFT | LOCK];

type Levels = [Option<Keysym>; LEVELS];

/// A keymap that grows. The us layout where nothing else was learned.
#[derive(Debug, Default)]
pub struct Layout {
    learned: BTreeMap<u32, Levels>,
}

/// One key of the us layout.
struct Key {
    code: &'static str,
    evdev: u32,
    us: [Option<Keysym>; 2],
}

impl Layout {
    /// The key makes this with those modifiers. Says whether that is news.
    pub fn learn(&mut self, evdev: u32, modifiers: Modifiers, keysym: Keysym) -> bool {
        let Some(key) = keys().find(|key| key.evdev == evdev) else {
            return false;
        };
        let level = level(&key, modifiers);
        if self.at(&key, level) == Some(keysym) {
            return false;
        }
        self.learned.entry(evdev).or_default()[level] = Some(keysym);
        true
    }

    fn at(&self, key: &Key, level: usize) -> Option<Keysym> {
        let learned = self.learned.get(&key.evdev).copied().unwrap_or_default();
        if learned[level].is_some() {
            return learned[level];
        }
        // A named key has that name on every level.
        if let Some(named) = learned.iter().flatten().find(|sym| is_named(**sym)) {
            return Some(*named);
        }
        if is_numpad(key.code) {
            return match level & LOCK {
                0 => pad_without_num_lock(key),
                _ => pad_with_num_lock(key),
            };
        }
        if level & LOCK != 0 {
            // Caps Lock turns the case of letters.
            let plain = self.at(key, level & !LOCK)?;
            let turned = self.at(key, (level & !LOCK) ^ SHIFT);
            return Some(match turned {
                Some(turned) if other_case(plain) == Some(turned) => turned,
                _ => plain,
            });
        }
        if let Some(other) = learned[level ^ SHIFT].and_then(other_case) {
            return Some(other);
        }
        if level & THIRD != 0 {
            return self.at(key, level & !THIRD);
        }
        key.us[level & SHIFT].or(key.us[0])
    }

    /// In the text format of xkb keymaps.
    pub fn text(&self) -> String {
        let mut text = String::with_capacity(16 * 1024);
        let (mut symbols, mut modifiers) = (String::new(), String::new());
        text.push_str("xkb_keymap {\nxkb_keycodes \"farpane\" { minimum = 8; maximum = 255;\n");
        for key in keys() {
            // X keycodes are evdev's plus this.
            let _ = writeln!(text, "<K{}> = {};", key.evdev, key.evdev + 8);
            let pad = is_numpad(key.code);
            let levels = match pad {
                true => PAD_LEVELS.map(|level| self.at(&key, level)).to_vec(),
                false => (0..LEVELS).map(|level| self.at(&key, level)).collect(),
            };
            let name = |sym: &Option<Keysym>| match sym {
                Some(Keysym(sym)) => format!("{sym:#x}"),
                None => "NoSymbol".to_owned(),
            };
            let levels_text: Vec<String> = levels.iter().map(name).collect();
            let _ = writeln!(
                symbols,
                "key <K{}> {{ type = \"{}\", [ {} ] }};",
                key.evdev,
                if pad { "PAD" } else { "TYPED" },
                levels_text.join(", ")
            );
            if let Some(modifier) = levels[0].and_then(Keysym::modifier) {
                let _ = writeln!(
                    modifiers,
                    "modifier_map {} {{ <K{}> }};",
                    real(modifier),
                    key.evdev
                );
            }
        }
        text.push_str(TYPES_AND_COMPAT);
        text.push_str("xkb_symbols \"farpane\" {\n");
        text.push_str(&symbols);
        text.push_str(&modifiers);
        text.push_str("};\n};\n");
        text
    }
}

fn keys() -> impl Iterator<Item = Key> {
    all_keys().map(|(code, evdev, plain, shifted)| {
        let typed = |character: char| Keysym::of_character(character, code);
        let us = match typed(plain) {
            Some(keysym) => [Some(keysym), typed(shifted)],
            None => [named(code), None],
        };
        Key { code, evdev, us }
    })
}

/// The key of a code that types nothing.
fn named(code: &str) -> Option<Keysym> {
    let name = match code {
        "ShiftLeft" | "ShiftRight" => "Shift",
        "ControlLeft" | "ControlRight" => "Control",
        "AltLeft" | "AltRight" => "Alt",
        "MetaLeft" | "MetaRight" => "Meta",
        "NumpadEnter" => "Enter",
        "KanaMode" => "HiraganaKatakana",
        "Lang1" => "HangulMode",
        "Lang2" => "HanjaMode",
        name => name,
    };
    Keysym::of_name(name, code)
}

fn pad_with_num_lock(key: &Key) -> Option<Keysym> {
    let character = match key.code {
        "NumpadDecimal" => '.',
        "NumpadComma" => ',',
        "NumpadEqual" => '=',
        code => match code.strip_prefix("Numpad")?.chars().next()? {
            digit @ '0'..='9' => digit,
            _ => return key.us[0],
        },
    };
    Keysym::of_character(character, key.code)
}

fn pad_without_num_lock(key: &Key) -> Option<Keysym> {
    let name = match key.code {
        "Numpad0" => "Insert",
        "Numpad1" => "End",
        "Numpad2" => "ArrowDown",
        "Numpad3" => "PageDown",
        "Numpad4" => "ArrowLeft",
        "Numpad5" => "Clear",
        "Numpad6" => "ArrowRight",
        "Numpad7" => "Home",
        "Numpad8" => "ArrowUp",
        "Numpad9" => "PageUp",
        "NumpadDecimal" => "Delete",
        _ => return pad_with_num_lock(key),
    };
    Keysym::of_name(name, key.code)
}

fn level(key: &Key, modifiers: Modifiers) -> usize {
    let bit = |on: bool, bit: usize| if on { bit } else { 0 };
    let shift = bit(modifiers.shift, SHIFT);
    match is_numpad(key.code) {
        true => shift | bit(modifiers.num_lock, LOCK),
        false => shift | bit(modifiers.alt_graph, THIRD) | bit(modifiers.caps_lock, LOCK),
    }
}

fn is_named(keysym: Keysym) -> bool {
    keysym.character().is_none() && !matches!(keysym.0, 0xff80..=0xffbd)
}

/// The same letter, small or capital; `None` for what is no letter, or has no single other.
fn other_case(keysym: Keysym) -> Option<Keysym> {
    let character = keysym.character()?;
    let (mut upper, mut lower) = (character.to_uppercase(), character.to_lowercase());
    let other = match (upper.next()?, lower.next()?) {
        (upper, lower) if upper == lower => return None,
        (upper, lower) if character == lower => upper,
        (_, lower) => lower,
    };
    let single = upper.next().is_none() && lower.next().is_none();
    Keysym::of_character(other, "").filter(|_| single)
}

fn real(modifier: Modifier) -> &'static str {
    match modifier {
        Modifier::Shift => "Shift",
        Modifier::Control => "Control",
        Modifier::Alt => "Mod1",
        Modifier::Meta => "Mod4",
        Modifier::AltGraph => "Mod5",
    }
}

/// No key of this keymap locks anything: the viewer's locks travel with each key.
const TYPES_AND_COMPAT: &str = r#"};
xkb_types "farpane" {
type "TYPED" { modifiers = Shift+Lock+Mod5;
map[Shift] = Level2; map[Mod5] = Level3; map[Shift+Mod5] = Level4;
map[Lock] = Level5; map[Shift+Lock] = Level6; map[Lock+Mod5] = Level7; map[Shift+Lock+Mod5] = Level8;
level_name[Level1] = "Base"; level_name[Level2] = "Shift"; level_name[Level3] = "Third"; level_name[Level4] = "Shifted third";
level_name[Level5] = "Caps"; level_name[Level6] = "Shift caps"; level_name[Level7] = "Third caps"; level_name[Level8] = "All"; };
type "PAD" { modifiers = Shift+Mod2;
map[Shift] = Level2; map[Mod2] = Level3; map[Shift+Mod2] = Level4;
level_name[Level1] = "Base"; level_name[Level2] = "Shift"; level_name[Level3] = "Number"; level_name[Level4] = "Shifted number"; };
};
xkb_compat "farpane" {
interpret Any+AnyOf(all) { action = SetMods(modifiers = modMapMods); };
};
"#;

#[cfg(test)]
mod tests {
    use super::*;

    const NONE: Modifiers = Modifiers::NONE;

    fn character(layout: &Layout, code: &str, level: usize) -> Option<char> {
        let key = keys().find(|key| key.code == code).unwrap();
        layout.at(&key, level).and_then(Keysym::character)
    }

    fn typed(character: char) -> Keysym {
        Keysym::of_character(character, "KeyA").unwrap()
    }

    #[test]
    fn what_the_us_layout_says_is_no_news() {
        let mut layout = Layout::default();
        assert!(!layout.learn(30, NONE, typed('a')));
        let shift = Modifiers {
            shift: true,
            ..NONE
        };
        assert!(!layout.learn(30, shift, typed('A')));
        let caps = Modifiers {
            caps_lock: true,
            ..NONE
        };
        assert!(!layout.learn(30, caps, typed('A')));
        assert!(!layout.learn(2, caps, typed('1')));
        assert!(!layout.learn(9999, NONE, typed('a')), "no such key");
    }

    #[test]
    fn a_letter_teaches_its_capital() {
        let mut layout = Layout::default();
        assert!(layout.learn(21, NONE, typed('z')));
        assert!(!layout.learn(21, NONE, typed('z')));
        assert_eq!(character(&layout, "KeyY", SHIFT), Some('Z'));
        assert_eq!(character(&layout, "KeyY", LOCK), Some('Z'));
        assert_eq!(character(&layout, "KeyY", LOCK | SHIFT), Some('z'));
        // ß has no capital of one letter: the us layout's sign stays.
        assert!(layout.learn(12, NONE, typed('ß')));
        assert_eq!(character(&layout, "Minus", SHIFT), Some('_'));
    }

    #[test]
    fn each_level_is_learned_alone() {
        let mut layout = Layout::default();
        let third = Modifiers {
            alt_graph: true,
            ..NONE
        };
        assert!(layout.learn(3, NONE, typed('é')));
        assert!(layout.learn(3, third, typed('~')));
        let caps = Modifiers {
            caps_lock: true,
            ..NONE
        };
        assert!(
            layout.learn(3, caps, typed('2')),
            "as Caps Lock does in France"
        );
        let at = |level| character(&layout, "Digit2", level);
        assert_eq!(
            (at(0), at(THIRD), at(LOCK)),
            (Some('é'), Some('~'), Some('2'))
        );
    }

    #[test]
    fn a_key_with_another_name_has_it_on_every_level() {
        let mut layout = Layout::default();
        let alt_graph = Keysym::of_name("AltGraph", "AltRight").unwrap();
        assert!(layout.learn(100, NONE, alt_graph));
        let shift = Modifiers {
            shift: true,
            ..NONE
        };
        assert!(!layout.learn(100, shift, alt_graph));
        assert!(layout.text().contains("modifier_map Mod5 { <K100> }"));
    }

    #[test]
    fn num_lock_decides_on_the_number_pad() {
        let mut layout = Layout::default();
        let num_lock = Modifiers {
            num_lock: true,
            ..NONE
        };
        let seven = Keysym::of_character('7', "Numpad7").unwrap();
        let home = Keysym::of_name("Home", "Numpad7").unwrap();
        assert!(!layout.learn(71, num_lock, seven));
        assert!(!layout.learn(71, NONE, home));
    }
}
