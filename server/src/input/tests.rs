use super::*;
use proptest::prelude::*;
use shared::geometry::{PointInVideo, Scale, VideoSize};
use shared::input::{Modifiers, PointerButton};
use std::collections::BTreeSet;

const NONE: Modifiers = Modifiers {
    shift: false,
    ctrl: false,
    alt: false,
    meta: false,
    caps_lock: false,
    alt_graph: false,
};

fn key(code: &str, key: &str, pressed: bool, modifiers: Modifiers) -> ClientMessage {
    ClientMessage::Key(Key {
        code: code.to_owned(),
        key: key.to_owned(),
        pressed,
        repeat: false,
        modifiers,
    })
}

fn down(evdev: u32) -> SeatEvent {
    SeatEvent::Key {
        evdev,
        pressed: true,
    }
}

fn up(evdev: u32) -> SeatEvent {
    SeatEvent::Key {
        evdev,
        pressed: false,
    }
}

fn translated(viewer: &mut ViewerInput, message: ClientMessage) -> Vec<SeatEvent> {
    viewer
        .translate(&message, &Geometry::unscaled(VideoSize::HD))
        .unwrap()
}

#[test]
fn a_key_goes_down_and_up_in_its_place() {
    let mut viewer = ViewerInput::default();
    assert_eq!(
        translated(&mut viewer, key("KeyA", "a", true, NONE)),
        [down(30)]
    );
    assert_eq!(
        translated(&mut viewer, key("KeyA", "a", false, NONE)),
        [up(30)]
    );
    assert_eq!(translated(&mut viewer, key("KeyA", "a", false, NONE)), []);
}

#[test]
fn a_german_y_types_y() {
    let mut viewer = ViewerInput::default();
    assert_eq!(
        translated(&mut viewer, key("KeyZ", "y", true, NONE)),
        [down(21)]
    );
    assert_eq!(
        translated(&mut viewer, key("KeyZ", "y", false, NONE)),
        [up(21)]
    );
}

#[test]
fn a_character_on_another_level_borrows_shift_for_itself() {
    let mut viewer = ViewerInput::default();
    let shift = Modifiers {
        shift: true,
        ..NONE
    };
    // Shift+7 is a slash on a German keyboard.
    translated(&mut viewer, key("ShiftLeft", "Shift", true, shift));
    assert_eq!(
        translated(&mut viewer, key("Digit7", "/", true, shift)),
        [up(42), down(53), down(42)]
    );
    // Caps Lock here is none of Chrome's business there.
    let mut viewer = ViewerInput::default();
    let caps = Modifiers {
        caps_lock: true,
        ..NONE
    };
    assert_eq!(
        translated(&mut viewer, key("KeyA", "A", true, caps)),
        [down(42), down(30), up(42)]
    );
}

#[test]
fn what_no_key_types_arrives_as_text() {
    let mut viewer = ViewerInput::default();
    for text in ["é", "ß", "你", "😀"] {
        let events = translated(&mut viewer, key("KeyE", text, true, NONE));
        assert_eq!(events, [SeatEvent::Text(text.to_owned())]);
    }
}

#[test]
fn alt_gr_on_windows_types_and_leaves_nothing_held() {
    let mut viewer = ViewerInput::default();
    let ctrl = Modifiers { ctrl: true, ..NONE };
    let both = Modifiers { alt: true, ..ctrl };
    // As Chrome tells it, and as it tells it when the modifiers are not named.
    for modifiers in [NONE, both] {
        assert_eq!(
            translated(&mut viewer, key("ControlLeft", "Control", true, ctrl)),
            [down(29)]
        );
        assert_eq!(
            translated(&mut viewer, key("AltRight", "AltGraph", true, both)),
            [up(29)]
        );
        let repeated = key("ControlLeft", "Control", true, both);
        assert_eq!(translated(&mut viewer, repeated), []);
        assert_eq!(
            translated(&mut viewer, key("KeyQ", "@", true, modifiers)),
            [down(42), down(3), up(42)]
        );
        assert_eq!(
            translated(&mut viewer, key("KeyQ", "@", false, modifiers)),
            [up(3)]
        );
        assert_eq!(
            translated(&mut viewer, key("Minus", "\\", true, modifiers)),
            [down(43)]
        );
        assert_eq!(
            translated(&mut viewer, key("Minus", "\\", false, modifiers)),
            [up(43)]
        );
        assert_eq!(
            translated(&mut viewer, key("KeyE", "€", true, modifiers)),
            [SeatEvent::Text("€".to_owned())]
        );
        translated(&mut viewer, key("ControlLeft", "Control", false, NONE));
        translated(&mut viewer, key("AltRight", "AltGraph", false, NONE));
        assert_eq!(translated(&mut viewer, ClientMessage::ReleaseAll), []);
    }
    // Without AltGr it is a shortcut again.
    assert_eq!(
        translated(&mut viewer, key("KeyQ", "q", true, ctrl)),
        [down(29), down(16), up(29)]
    );
}

#[test]
fn option_on_a_mac_types() {
    let mut viewer = ViewerInput::default();
    let alt = Modifiers { alt: true, ..NONE };
    translated(&mut viewer, key("AltLeft", "Alt", true, alt));
    for text in ["Ω", "∑"] {
        assert_eq!(
            translated(&mut viewer, key("KeyZ", text, true, alt)),
            [SeatEvent::Text(text.to_owned())]
        );
    }
    // Option is lifted for a character that has a key, or it would be another shortcut there.
    assert_eq!(
        translated(&mut viewer, key("KeyL", "@", true, alt)),
        [up(56), down(42), down(3), up(42), down(56)]
    );
}

#[test]
fn alt_with_the_character_of_its_key_is_a_shortcut() {
    let alt = Modifiers { alt: true, ..NONE };
    for (code, character, evdev) in [
        ("KeyD", "d", 32),
        ("BracketLeft", "[", 26),
        ("Digit2", "@", 3),
    ] {
        let mut viewer = ViewerInput::default();
        translated(&mut viewer, key("AltLeft", "Alt", true, alt));
        assert_eq!(
            translated(&mut viewer, key(code, character, true, alt)),
            [down(evdev)]
        );
    }
}

#[test]
fn a_shortcut_goes_by_its_character_or_its_place() {
    let mut viewer = ViewerInput::default();
    let ctrl = Modifiers { ctrl: true, ..NONE };
    translated(&mut viewer, key("ControlLeft", "Control", true, ctrl));
    assert_eq!(
        translated(&mut viewer, key("KeyY", "z", true, ctrl)),
        [down(44)],
        "German Ctrl+Z"
    );
    assert_eq!(
        translated(&mut viewer, key("KeyC", "с", true, ctrl)),
        [down(46)],
        "Cyrillic Ctrl+C"
    );
}

#[test]
fn a_modifier_that_was_down_before_the_focus_counts() {
    let mut viewer = ViewerInput::default();
    let ctrl = Modifiers { ctrl: true, ..NONE };
    assert_eq!(
        translated(&mut viewer, key("KeyA", "a", true, ctrl)),
        [down(29), down(30), up(29)]
    );
}

#[test]
fn the_number_pad_does_what_it_says() {
    let mut viewer = ViewerInput::default();
    assert_eq!(
        translated(&mut viewer, key("Numpad7", "7", true, NONE)),
        [down(8)]
    );
    translated(&mut viewer, key("Numpad7", "7", false, NONE));
    assert_eq!(
        translated(&mut viewer, key("Numpad7", "Home", true, NONE)),
        [down(102)]
    );
}

#[test]
fn a_late_move_does_not_pull_the_pointer_back() {
    let mut viewer = ViewerInput::default();
    let at = |sequence| ClientMessage::PointerMove {
        sequence,
        at: PointInVideo::new(sequence as f32, 0.0).into(),
    };
    assert_eq!(translated(&mut viewer, at(5)).len(), 1);
    assert_eq!(translated(&mut viewer, at(4)), []);
    assert_eq!(translated(&mut viewer, at(6)).len(), 1);
}

#[test]
fn a_point_of_a_scaled_picture_is_one_of_the_page() {
    let geometry = Geometry {
        scale: Scale::from_120ths(240).unwrap(),
        ..Geometry::unscaled(VideoSize::HD)
    };
    let moved = ClientMessage::PointerMove {
        sequence: 1,
        at: PointInVideo::new(640.0, 9999.0).into(),
    };
    let told = ViewerInput::default().translate(&moved, &geometry);
    let at = PointInPage::new(320.0, 359.75);
    assert_eq!(told, Ok(vec![SeatEvent::PointerMove { at }]));
}

#[test]
fn losing_focus_lifts_keys_and_buttons() {
    let mut viewer = ViewerInput::default();
    let at = PointInPage::new(7.0, 8.0);
    translated(&mut viewer, key("KeyA", "a", true, NONE));
    let press = ClientMessage::PointerButton {
        at: PointInVideo::new(7.0, 8.0).into(),
        button: PointerButton::Left,
        pressed: true,
    };
    translated(&mut viewer, press);
    let lifted = translated(&mut viewer, ClientMessage::ReleaseAll);
    let button_up = SeatEvent::PointerButton {
        at,
        button: PointerButton::Left,
        pressed: false,
    };
    assert_eq!(lifted, [up(30), button_up]);
    assert_eq!(translated(&mut viewer, ClientMessage::ReleaseAll), []);
}

#[test]
fn a_key_missing_from_the_heartbeat_is_lifted() {
    let mut viewer = ViewerInput::default();
    translated(&mut viewer, key("KeyA", "a", true, NONE));
    translated(&mut viewer, key("KeyB", "b", true, NONE));
    let heartbeat = ClientMessage::HeldKeys {
        codes: vec!["KeyB".to_owned()],
    };
    assert_eq!(translated(&mut viewer, heartbeat), [up(30)]);
}

#[test]
fn nonsense_is_refused_and_harms_nothing() {
    let geometry = Geometry::unscaled(VideoSize::HD);
    let mut viewer = ViewerInput::default();
    let nowhere = ClientMessage::PointerMove {
        sequence: 1,
        at: PointInVideo::new(f32::NAN, 0.0).into(),
    };
    assert_eq!(
        viewer.translate(&nowhere, &geometry),
        Err(RefusedInput::NotANumber)
    );
    let unknown = key("Nonsense", "Nonsense", true, NONE);
    assert_eq!(
        viewer.translate(&unknown, &geometry),
        Err(RefusedInput::UnknownKey)
    );
    let long = ClientMessage::Text {
        text: "x".repeat(MAX_TEXT + 1),
    };
    assert_eq!(
        viewer.translate(&long, &geometry),
        Err(RefusedInput::LongText)
    );
}

fn any_key() -> impl Strategy<Value = ClientMessage> {
    let codes = prop_oneof![
        Just(("KeyA", "a")),
        Just(("KeyA", "A")),
        Just(("KeyZ", "y")),
        Just(("Digit7", "/")),
        Just(("ShiftLeft", "Shift")),
        Just(("ShiftRight", "Shift")),
        Just(("ControlLeft", "Control")),
        Just(("AltRight", "AltGraph")),
        Just(("KeyL", "@")),
        Just(("Numpad7", "Home")),
        Just(("", "Backspace")),
    ];
    (codes, any::<bool>(), any::<bool>(), any::<bool>()).prop_map(
        |((code, name), pressed, shift, ctrl)| {
            key(
                code,
                name,
                pressed,
                Modifiers {
                    shift,
                    ctrl,
                    ..NONE
                },
            )
        },
    )
}

proptest! {
    #[test]
    fn after_any_keys_and_release_all_nothing_is_down(messages in proptest::collection::vec(any_key(), 0..40)) {
        let mut viewer = ViewerInput::default();
        let mut is_down = BTreeSet::new();
        for message in messages.into_iter().chain([ClientMessage::ReleaseAll]) {
            for event in translated(&mut viewer, message) {
                match event {
                    SeatEvent::Key { evdev, pressed: true } => { is_down.insert(evdev); }
                    SeatEvent::Key { evdev, pressed: false } => { is_down.remove(&evdev); }
                    _ => {}
                }
            }
        }
        prop_assert!(is_down.is_empty(), "{is_down:?}");
    }
}
