//! Pure: what a key event means: a key for the remote page, a step of composing text, or ours.

use std::collections::BTreeSet;

use shared::input::{Key, Modifiers};

use crate::viewer::tab_strip;

/// `KeyboardEvent`, as far as it matters here.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Press {
    pub code: String,
    pub key: String,
    pub repeat: bool,
    pub composing: bool,
    pub modifiers: Modifiers,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// Prevent the browser's own action and send these, in order.
    Send(Vec<Key>),
    /// Leave it to the browser: text will come of it.
    Compose,
    /// Leave it to the browser, which says what is pasted; then send these.
    Paste(Vec<Key>),
    /// The way out of the picture for those who have no pointer.
    Leave,
}

/// What ⌘ does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Command {
    /// What Ctrl does in the remote Chrome, which runs on Linux.
    Ctrl,
    /// It is the page's Meta key.
    #[default]
    Meta,
}

/// The keys that the remote page believes to be down.
#[derive(Debug, Default)]
pub struct HeldKeys {
    codes: BTreeSet<String>,
    command: Command,
}

impl HeldKeys {
    pub fn down(&mut self, press: Press) -> Verdict {
        if press.code == "F6" && press.modifiers.ctrl {
            return Verdict::Leave;
        }
        if tab_strip::anywhere(&press.key, press.modifiers).is_some() {
            // The page around the picture hears it too.
            return Verdict::Send(Vec::new());
        }
        if is_composed(&press) {
            return Verdict::Compose;
        }
        if is_lock(&press.key) {
            // macOS tells of Caps Lock's going on by a `keydown` alone.
            return Verdict::Send(tapped(pressed(press)));
        }
        if self.pastes(&press) {
            return Verdict::Paste(match press.modifiers.meta {
                true => command(pressed(press)),
                // The browser may tell what is pasted when the key is up again.
                false => tapped(pressed(press)),
            });
        }
        if self.command == Command::Ctrl && press.key == "Meta" {
            // It counts for the keys that follow.
            return Verdict::Send(Vec::new());
        }
        if press.modifiers.meta && press.key != "Meta" {
            return Verdict::Send(match self.command {
                Command::Ctrl => command(pressed(press)),
                // macOS keeps the `keyup` of what is released while ⌘ is held.
                Command::Meta => tapped(pressed(press)),
            });
        }
        let key = pressed(press);
        self.codes.insert(key.code.clone());
        Verdict::Send(vec![key])
    }

    /// Where the person's own browser pastes, too.
    fn pastes(&self, press: &Press) -> bool {
        let Modifiers {
            ctrl,
            shift,
            alt,
            meta,
            ..
        } = press.modifiers;
        let is_v =
            press.key.eq_ignore_ascii_case("v") || (!press.key.is_ascii() && press.code == "KeyV");
        let is_command = match self.command {
            Command::Ctrl => meta && !ctrl,
            Command::Meta => false,
        };
        let by_letter = is_v && !alt && ((ctrl && !meta) || is_command);
        let by_insert = press.key == "Insert" && shift && !ctrl && !alt && !meta;
        by_letter || by_insert
    }

    pub fn up(&mut self, press: Press) -> Verdict {
        if press.key == "Meta" {
            // macOS keeps the `keyup` of every key that was released while Meta was held.
            let released = std::mem::take(&mut self.codes).into_iter();
            let released = released.map(|code| Key {
                key: "Unidentified".to_owned(),
                code,
                pressed: false,
                repeat: false,
                modifiers: press.modifiers,
            });
            return Verdict::Send(released.collect());
        }
        let key = Key {
            pressed: false,
            ..pressed(press)
        };
        if !self.codes.remove(&key.code) {
            // Its `keydown` was composed, or happened elsewhere.
            return Verdict::Send(Vec::new());
        }
        Verdict::Send(vec![key])
    }

    /// From now on ⌘ does this.
    pub fn set_command(&mut self, command: Command) {
        self.command = command;
    }

    /// Everything was released.
    pub fn clear(&mut self) {
        self.codes.clear();
    }

    /// `KeyboardEvent.code` of each.
    pub fn codes(&self) -> Vec<String> {
        self.codes.iter().cloned().collect()
    }

    pub fn is_empty(&self) -> bool {
        self.codes.is_empty()
    }
}

/// A shortcut with ⌘, as the remote Chrome, which runs on Linux, has it: with Ctrl. It is released at once, since macOS keeps
/// the `keyup` of what is released while ⌘ is held.
fn command(key: Key) -> Vec<Key> {
    let (code, name, ctrl) = match key.key.as_str() {
        // Where a line or a text begins and ends.
        "ArrowLeft" => ("Home", "Home", false),
        "ArrowRight" => ("End", "End", false),
        "ArrowUp" => ("Home", "Home", true),
        "ArrowDown" => ("End", "End", true),
        name => (key.code.as_str(), name, true),
    };
    let down = Key {
        code: code.to_owned(),
        key: name.to_owned(),
        modifiers: Modifiers {
            meta: false,
            ctrl,
            ..key.modifiers
        },
        ..key
    };
    tapped(down)
}

/// Down and up at once.
fn tapped(down: Key) -> Vec<Key> {
    let up = Key {
        pressed: false,
        ..down.clone()
    };
    vec![down, up]
}

fn pressed(press: Press) -> Key {
    // On-screen keyboards know no places; their named keys (`Enter`) are called like the place.
    let code = if press.code.is_empty() {
        press.key.clone()
    } else {
        press.code
    };
    Key {
        code,
        key: press.key,
        pressed: true,
        repeat: press.repeat,
        modifiers: press.modifiers,
    }
}

fn is_composed(press: &Press) -> bool {
    let placeless_text = press.code.is_empty() && press.key.chars().count() == 1;
    // Two dead keys that do not combine: Windows gives both characters at once.
    let several = press.key.chars().count() > 1 && !press.key.is_ascii();
    press.composing
        || placeless_text
        || several
        || matches!(press.key.as_str(), "Dead" | "Process" | "Unidentified")
}

fn is_lock(key: &str) -> bool {
    matches!(key, "CapsLock" | "NumLock" | "ScrollLock")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn press(code: &str, key: &str) -> Press {
        Press {
            code: code.to_owned(),
            key: key.to_owned(),
            ..Press::default()
        }
    }

    fn sent(verdict: Verdict) -> Vec<(String, bool)> {
        match verdict {
            Verdict::Send(keys) => keys
                .into_iter()
                .map(|key| (key.code, key.pressed))
                .collect(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_key_is_held_from_its_down_to_its_up() {
        let mut held = HeldKeys::default();
        assert_eq!(
            sent(held.down(press("KeyA", "a"))),
            [("KeyA".to_owned(), true)]
        );
        assert_eq!(held.codes(), ["KeyA"]);
        // With Shift let go in between, the same place has another letter.
        assert_eq!(
            sent(held.up(press("KeyA", "A"))),
            [("KeyA".to_owned(), false)]
        );
        assert!(held.is_empty());
    }

    #[test]
    fn composing_is_left_to_the_browser() {
        let mut held = HeldKeys::default();
        assert_eq!(held.down(press("Quote", "Dead")), Verdict::Compose);
        assert_eq!(held.down(press("KeyA", "Process")), Verdict::Compose);
        assert_eq!(held.down(press("", "é")), Verdict::Compose);
        let composing = Press {
            composing: true,
            ..press("KeyE", "é")
        };
        assert_eq!(held.down(composing), Verdict::Compose);
        assert_eq!(held.down(press("Equal", "´´")), Verdict::Compose);
        assert_eq!(sent(held.up(press("Quote", "Dead"))), []);
        assert!(held.is_empty());
    }

    #[test]
    fn a_lock_is_never_held() {
        let mut held = HeldKeys::default();
        let caps_lock = "CapsLock".to_owned();
        assert_eq!(
            sent(held.down(press("CapsLock", "CapsLock"))),
            [(caps_lock.clone(), true), (caps_lock, false)]
        );
        assert_eq!(sent(held.up(press("CapsLock", "CapsLock"))), []);
        assert!(held.is_empty());
    }

    fn with_ctrl() -> HeldKeys {
        let mut held = HeldKeys::default();
        held.set_command(Command::Ctrl);
        held
    }

    fn with_command(code: &str, key: &str) -> Press {
        let mut press = press(code, key);
        press.modifiers.meta = true;
        press
    }

    #[test]
    fn what_pastes_waits_for_what_is_pasted_and_is_never_held() {
        let pastes = |held: &mut HeldKeys, press: Press| {
            let is_paste = matches!(held.down(press), Verdict::Paste(keys) if keys.len() == 2);
            is_paste && held.is_empty()
        };
        let with = |code: &str, key: &str, modifiers: Modifiers| Press {
            modifiers,
            ..press(code, key)
        };
        let ctrl = Modifiers {
            ctrl: true,
            ..Modifiers::NONE
        };
        let shift = Modifiers {
            shift: true,
            ..Modifiers::NONE
        };
        let mut held = with_ctrl();
        assert!(pastes(&mut held, with("KeyV", "v", ctrl)));
        assert!(pastes(&mut held, with("KeyV", "м", ctrl)), "Cyrillic");
        assert!(pastes(&mut held, with("Period", "v", ctrl)), "Dvorak");
        assert!(pastes(&mut held, with("Insert", "Insert", shift)));
        assert!(pastes(&mut held, with_command("KeyV", "v")));
        let mut held = HeldKeys::default();
        assert!(!pastes(&mut held, with_command("KeyV", "v")), "it is Meta");
        for press in [
            press("KeyV", "v"),
            with("KeyV", "k", ctrl),
            with("KeyV", "v", Modifiers { alt: true, ..ctrl }),
        ] {
            assert!(!pastes(&mut HeldKeys::default(), press));
        }
    }

    #[test]
    fn a_shortcut_with_command_is_one_with_ctrl_and_is_never_held() {
        let mut held = with_ctrl();
        assert_eq!(sent(held.down(with_command("MetaLeft", "Meta"))), []);
        let Verdict::Send(keys) = held.down(with_command("KeyC", "c")) else {
            panic!("it is sent");
        };
        let ctrl = Modifiers {
            ctrl: true,
            ..Modifiers::default()
        };
        let told = keys.iter().map(|key| (key.pressed, key.modifiers));
        assert!(told.eq([(true, ctrl), (false, ctrl)]), "{keys:?}");
        assert!(held.is_empty());
        assert_eq!(sent(held.up(press("MetaLeft", "Meta"))), []);
    }

    #[test]
    fn command_can_be_the_meta_key_of_the_page() {
        let mut held = HeldKeys::default();
        let meta = "MetaLeft".to_owned();
        let down = sent(held.down(with_command("MetaLeft", "Meta")));
        assert_eq!(down, [(meta.clone(), true)]);
        let Verdict::Send(keys) = held.down(with_command("KeyC", "c")) else {
            panic!("it is sent");
        };
        assert!(keys.iter().all(|key| key.modifiers.meta), "{keys:?}");
        assert_eq!(sent(held.up(press("MetaLeft", "Meta"))), [(meta, false)]);
        assert!(held.is_empty());
    }

    #[test]
    fn a_key_that_was_down_before_command_is_released_with_it() {
        let mut held = with_ctrl();
        held.down(press("KeyA", "a"));
        held.down(with_command("MetaLeft", "Meta"));
        assert_eq!(
            sent(held.up(press("MetaLeft", "Meta"))),
            [("KeyA".to_owned(), false)]
        );
        assert!(held.is_empty());
    }

    #[test]
    fn command_with_an_arrow_goes_to_where_a_line_or_a_text_ends() {
        let mut held = with_ctrl();
        for (arrow, code, ctrl) in [("ArrowLeft", "Home", false), ("ArrowDown", "End", true)] {
            let Verdict::Send(keys) = held.down(with_command(arrow, arrow)) else {
                panic!("it is sent");
            };
            let told = (keys[0].code.as_str(), keys[0].modifiers.ctrl);
            assert_eq!(told, (code, ctrl));
        }
    }

    #[test]
    fn an_on_screen_enter_has_a_place() {
        let mut held = HeldKeys::default();
        assert_eq!(
            sent(held.down(press("", "Enter"))),
            [("Enter".to_owned(), true)]
        );
    }

    #[test]
    fn keys_for_the_strip_are_not_sent() {
        let mut held = HeldKeys::default();
        let mut next = press("Tab", "Tab");
        next.modifiers.ctrl = true;
        assert_eq!(sent(held.down(next.clone())), []);
        assert_eq!(sent(held.up(next)), []);
    }

    #[test]
    fn there_is_a_way_out() {
        let mut out = press("F6", "F6");
        out.modifiers.ctrl = true;
        assert_eq!(HeldKeys::default().down(out), Verdict::Leave);
    }
}
