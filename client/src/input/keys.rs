//! Pure: what a key event means: a key for the remote page, a step of composing text, or ours.

use std::collections::BTreeSet;

use shared::input::{Key, Modifiers};

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
    /// The way out of the picture for those who have no pointer.
    Leave,
}

/// The keys that the remote page believes to be down.
#[derive(Debug, Default)]
pub struct HeldKeys {
    codes: BTreeSet<String>,
}

impl HeldKeys {
    pub fn down(&mut self, press: Press) -> Verdict {
        if press.code == "F6" && press.modifiers.ctrl {
            return Verdict::Leave;
        }
        if is_composed(&press) {
            return Verdict::Compose;
        }
        if is_lock(&press.key) {
            // Its state travels with every key; the key itself would lock the remote side once more.
            return Verdict::Send(Vec::new());
        }
        if press.key == "Meta" {
            // It counts for the keys that follow.
            return Verdict::Send(Vec::new());
        }
        if press.modifiers.meta {
            return Verdict::Send(command(pressed(press)));
        }
        let key = pressed(press);
        self.codes.insert(key.code.clone());
        Verdict::Send(vec![key])
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
    press.composing
        || placeless_text
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
        assert_eq!(sent(held.up(press("Quote", "Dead"))), []);
        assert!(held.is_empty());
    }

    #[test]
    fn a_lock_is_never_held() {
        let mut held = HeldKeys::default();
        assert_eq!(sent(held.down(press("CapsLock", "CapsLock"))), []);
        assert!(held.is_empty());
    }

    fn with_command(code: &str, key: &str) -> Press {
        let mut press = press(code, key);
        press.modifiers.meta = true;
        press
    }

    #[test]
    fn a_shortcut_with_command_is_one_with_ctrl_and_is_never_held() {
        let mut held = HeldKeys::default();
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
    fn a_key_that_was_down_before_command_is_released_with_it() {
        let mut held = HeldKeys::default();
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
        let mut held = HeldKeys::default();
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
    fn there_is_a_way_out() {
        let mut out = press("F6", "F6");
        out.modifiers.ctrl = true;
        assert_eq!(HeldKeys::default().down(out), Verdict::Leave);
    }
}
