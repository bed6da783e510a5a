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
        let key = pressed(press);
        self.codes.insert(key.code.clone());
        Verdict::Send(vec![key])
    }

    pub fn up(&mut self, press: Press) -> Verdict {
        let key = Key {
            pressed: false,
            ..pressed(press)
        };
        if !self.codes.remove(&key.code) {
            // Its `keydown` was composed, or happened elsewhere.
            return Verdict::Send(Vec::new());
        }
        let mut keys = vec![key];
        if keys[0].key == "Meta" {
            // macOS keeps the `keyup` of every key that was released while Meta was held.
            let modifiers = keys[0].modifiers;
            keys.extend(std::mem::take(&mut self.codes).into_iter().map(|code| Key {
                key: "Unidentified".to_owned(),
                code,
                pressed: false,
                repeat: false,
                modifiers,
            }));
        }
        Verdict::Send(keys)
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

    #[test]
    fn releasing_meta_releases_all() {
        let mut held = HeldKeys::default();
        held.down(press("MetaLeft", "Meta"));
        held.down(press("KeyC", "c"));
        assert_eq!(
            sent(held.up(press("MetaLeft", "Meta"))),
            [("MetaLeft".to_owned(), false), ("KeyC".to_owned(), false)]
        );
        assert!(held.is_empty());
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
