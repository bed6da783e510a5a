//! Pure: keys pressed together, for those that the person's own browser or system keeps for itself.

use shared::input::{Key, Modifiers};
use shared::message::ClientMessage;

/// Keys that cannot be typed into the picture, as people call them.
pub const UNTYPEABLE: [&str; 11] = [
    "Ctrl+W",
    "Ctrl+T",
    "Ctrl+N",
    "Ctrl+Shift+T",
    "Ctrl+Tab",
    "Alt+Tab",
    "Alt+ArrowLeft",
    "Meta",
    "F11",
    "PrintScreen",
    "Ctrl+Alt+Delete",
];

/// What presses the keys of `Ctrl+Shift+T` and the like, in order, and releases them in the reverse order.
pub fn press(chord: &str) -> Vec<ClientMessage> {
    keys(chord).into_iter().map(ClientMessage::Key).collect()
}

/// The same, as keys.
pub fn keys(chord: &str) -> Vec<Key> {
    let mut modifiers = Modifiers::NONE;
    let mut downs = Vec::new();
    for name in chord.split('+') {
        let (code, key) = key(name);
        match name {
            "Ctrl" => modifiers.ctrl = true,
            "Shift" => modifiers.shift = true,
            "Alt" => modifiers.alt = true,
            "Meta" => modifiers.meta = true,
            _ => {}
        }
        downs.push(Key {
            code,
            key,
            pressed: true,
            repeat: false,
            modifiers,
        });
    }
    let ups = downs.clone().into_iter().rev().map(|key| Key {
        pressed: false,
        ..key
    });
    let ups: Vec<_> = ups.collect();
    downs.into_iter().chain(ups).collect()
}

/// `KeyboardEvent.code` and `key`.
fn key(name: &str) -> (String, String) {
    let (code, key) = match name {
        "Ctrl" => ("ControlLeft", "Control"),
        "Shift" => ("ShiftLeft", "Shift"),
        "Alt" => ("AltLeft", "Alt"),
        "Meta" => ("MetaLeft", "Meta"),
        "Plus" => ("Equal", "+"),
        "Minus" => ("Minus", "-"),
        digit if digit.bytes().all(|byte| byte.is_ascii_digit()) => {
            return (format!("Digit{digit}"), digit.to_owned());
        }
        letter if letter.len() == 1 => {
            return (format!("Key{letter}"), letter.to_ascii_lowercase());
        }
        named => (named, named),
    };
    (code.to_owned(), key.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(chord: &str) -> Vec<String> {
        let keys = press(chord).into_iter().map(|message| match message {
            ClientMessage::Key(key) => {
                let sign = if key.pressed { '↓' } else { '↑' };
                format!("{sign}{} {}", key.code, key.key)
            }
            other => panic!("{other:?} is no key"),
        });
        keys.collect()
    }

    #[test]
    fn keys_go_up_in_the_reverse_order() {
        assert_eq!(
            written("Ctrl+W"),
            [
                "↓ControlLeft Control",
                "↓KeyW w",
                "↑KeyW w",
                "↑ControlLeft Control"
            ]
        );
        assert_eq!(written("F11"), ["↓F11 F11", "↑F11 F11"]);
        assert_eq!(written("Ctrl+0")[1], "↓Digit0 0");
    }

    #[test]
    fn whatever_goes_down_comes_up() {
        for chord in UNTYPEABLE {
            let keys = written(chord);
            let down = keys.iter().filter(|key| key.starts_with('↓'));
            assert_eq!(down.count() * 2, keys.len(), "{chord}");
        }
    }

    #[test]
    fn a_key_knows_which_modifiers_are_down() {
        let ClientMessage::Key(last) = &press("Ctrl+Shift+T")[2] else {
            panic!("it is a key");
        };
        assert!(last.modifiers.ctrl && last.modifiers.shift && !last.modifiers.alt);
    }
}
