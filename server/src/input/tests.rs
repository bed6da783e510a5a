use super::*;
use proptest::prelude::*;
use shared::geometry::{Geometry, PointInVideo, Scale, VideoSize};
use shared::input::{Modifiers, PointerButton, TouchPhase};
use std::collections::BTreeSet;

const NONE: Modifiers = Modifiers::NONE;

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

fn unscaled() -> GeometryHistory {
    GeometryHistory::new(Geometry::unscaled(VideoSize::HD))
}

fn translated(viewer: &mut ViewerInput, message: ClientMessage) -> Vec<SeatEvent> {
    viewer
        .translate(&message, &unscaled(), true, Instant::now())
        .unwrap()
}

/// Only which keys go down and up.
fn keys(viewer: &mut ViewerInput, message: ClientMessage) -> Vec<SeatEvent> {
    let plain = |event| match event {
        SeatEvent::Press { evdev, .. } => down(evdev),
        other => other,
    };
    translated(viewer, message).into_iter().map(plain).collect()
}

fn typed(evdev: u32, code: &str, character: char, modifiers: Modifiers) -> SeatEvent {
    SeatEvent::Press {
        evdev,
        keysym: Keysym::of_character(character, code),
        modifiers: Some(modifiers),
    }
}

#[test]
fn a_key_goes_down_and_up_in_its_place() {
    let mut viewer = ViewerInput::default();
    assert_eq!(
        translated(&mut viewer, key("KeyA", "a", true, NONE)),
        [typed(30, "KeyA", 'a', NONE)]
    );
    assert_eq!(
        translated(&mut viewer, key("KeyA", "a", false, NONE)),
        [up(30)]
    );
    assert_eq!(translated(&mut viewer, key("KeyA", "a", false, NONE)), []);
}

#[test]
fn a_key_stays_in_its_place_whatever_it_types() {
    let shift = Modifiers {
        shift: true,
        ..NONE
    };
    let caps = Modifiers {
        caps_lock: true,
        ..NONE
    };
    for (code, evdev, character, modifiers) in [
        ("KeyZ", 44, 'y', NONE),
        ("Digit2", 3, 'é', NONE),
        ("Digit7", 8, '/', shift),
        ("KeyA", 30, 'A', caps),
        ("IntlBackslash", 86, '<', NONE),
        ("IntlRo", 89, '\\', NONE),
    ] {
        let mut viewer = ViewerInput::default();
        let pressed = key(code, &character.to_string(), true, modifiers);
        assert_eq!(
            translated(&mut viewer, pressed),
            [typed(evdev, code, character, modifiers)]
        );
        let lifted = key(code, &character.to_string(), false, modifiers);
        assert_eq!(translated(&mut viewer, lifted), [up(evdev)]);
    }
}

#[test]
fn what_has_no_place_arrives_by_its_character_or_as_text() {
    let mut viewer = ViewerInput::default();
    let shift = Modifiers {
        shift: true,
        ..NONE
    };
    assert_eq!(
        translated(&mut viewer, key("", "?", true, NONE)),
        [typed(53, "", '?', shift)]
    );
    for text in ["é", "ß", "你", "😀"] {
        let events = translated(&mut viewer, key("", text, true, NONE));
        assert_eq!(events, [SeatEvent::Text(text.to_owned())]);
    }
}

#[test]
fn text_without_a_field_is_typed_or_refused_as_a_whole() {
    let mut viewer = ViewerInput::default();
    let mut without_field = |text: &str| {
        let text = ClientMessage::Text {
            text: text.to_owned(),
        };
        viewer.translate(&text, &unscaled(), false, Instant::now())
    };
    let shift = Modifiers {
        shift: true,
        ..NONE
    };
    assert_eq!(
        without_field("a?"),
        Ok(vec![
            typed(30, "", 'a', NONE),
            up(30),
            typed(53, "", '?', shift),
            up(53)
        ])
    );
    assert_eq!(without_field("aé"), Err(RefusedInput::NoTextField));
}

#[test]
fn alt_gr_on_windows_types_and_leaves_nothing_held() {
    let mut viewer = ViewerInput::default();
    let ctrl = Modifiers { ctrl: true, ..NONE };
    let both = Modifiers { alt: true, ..ctrl };
    let third = Modifiers {
        alt_graph: true,
        ..NONE
    };
    // As Chrome tells it, and as it tells it when the modifiers are not named.
    for modifiers in [NONE, both] {
        assert_eq!(
            keys(&mut viewer, key("ControlLeft", "Control", true, ctrl)),
            [down(29)]
        );
        assert_eq!(
            keys(&mut viewer, key("AltRight", "AltGraph", true, both)),
            [up(29), down(100)]
        );
        let repeated = key("ControlLeft", "Control", true, both);
        assert_eq!(translated(&mut viewer, repeated), []);
        for (code, evdev, character) in [("KeyQ", 16, '@'), ("Minus", 12, '\\'), ("KeyE", 18, '€')]
        {
            let pressed = key(code, &character.to_string(), true, modifiers);
            assert_eq!(
                translated(&mut viewer, pressed),
                [typed(evdev, code, character, third)]
            );
            let lifted = key(code, &character.to_string(), false, modifiers);
            assert_eq!(translated(&mut viewer, lifted), [up(evdev)]);
        }
        translated(&mut viewer, key("ControlLeft", "Control", false, NONE));
        translated(&mut viewer, key("AltRight", "AltGraph", false, NONE));
        assert_eq!(translated(&mut viewer, ClientMessage::ReleaseAll), []);
    }
    // Without AltGr it is a shortcut again.
    assert_eq!(
        translated(&mut viewer, key("KeyQ", "q", true, ctrl)),
        [typed(16, "KeyQ", 'q', ctrl)]
    );
}

#[test]
fn option_on_a_mac_types() {
    let mut viewer = ViewerInput::default();
    let alt = Modifiers { alt: true, ..NONE };
    let third = Modifiers {
        alt_graph: true,
        ..NONE
    };
    translated(&mut viewer, key("AltLeft", "Alt", true, alt));
    for (code, evdev, character) in [("KeyZ", 44, 'Ω'), ("KeyW", 17, '∑'), ("KeyL", 38, '@')] {
        let pressed = key(code, &character.to_string(), true, alt);
        assert_eq!(
            translated(&mut viewer, pressed),
            [typed(evdev, code, character, third)]
        );
    }
}

#[test]
fn alt_with_the_character_of_its_key_is_a_shortcut() {
    let alt = Modifiers { alt: true, ..NONE };
    for (code, character, evdev) in [
        ("KeyD", 'd', 32),
        ("BracketLeft", '[', 26),
        ("Digit2", '@', 3),
    ] {
        let mut viewer = ViewerInput::default();
        translated(&mut viewer, key("AltLeft", "Alt", true, alt));
        assert_eq!(
            translated(&mut viewer, key(code, &character.to_string(), true, alt)),
            [typed(evdev, code, character, alt)]
        );
    }
}

#[test]
fn a_shortcut_keeps_its_character_and_its_place() {
    let mut viewer = ViewerInput::default();
    let ctrl = Modifiers { ctrl: true, ..NONE };
    for (code, evdev, character) in [("KeyY", 21, 'z'), ("KeyC", 46, 'с'), ("KeyA", 30, 'a')] {
        let pressed = key(code, &character.to_string(), true, ctrl);
        assert_eq!(
            translated(&mut viewer, pressed),
            [typed(evdev, code, character, ctrl)]
        );
    }
}

#[test]
fn the_number_pad_does_what_it_says() {
    let mut viewer = ViewerInput::default();
    let num_lock = Modifiers {
        num_lock: true,
        ..NONE
    };
    assert_eq!(
        translated(&mut viewer, key("Numpad7", "7", true, NONE)),
        [typed(71, "Numpad7", '7', num_lock)]
    );
    translated(&mut viewer, key("Numpad7", "7", false, NONE));
    assert_eq!(
        translated(&mut viewer, key("Numpad7", "Home", true, NONE)),
        [SeatEvent::Press {
            evdev: 71,
            keysym: Keysym::of_name("Home", "Numpad7"),
            modifiers: Some(NONE)
        }]
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
    let told = ViewerInput::default().translate(
        &moved,
        &GeometryHistory::new(geometry),
        true,
        Instant::now(),
    );
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
fn a_locked_pointer_moves_by_the_page_s_pixels() {
    let geometry = Geometry {
        scale: Scale::from_120ths(240).unwrap(),
        ..Geometry::unscaled(VideoSize::HD)
    };
    let history = GeometryHistory::new(geometry);
    let told = |x, y| {
        let motion = ClientMessage::PointerMotion { x, y };
        ViewerInput::default().translate(&motion, &history, true, Instant::now())
    };
    let moved = SeatEvent::PointerMotion { x: -4000.0, y: 1.0 };
    assert_eq!(told(-8000.0, 2.0), Ok(vec![moved]));
    assert_eq!(told(f32::NAN, 0.0), Err(RefusedInput::NotANumber));
}

fn touch(finger: u32, phase: TouchPhase, x: f32) -> ClientMessage {
    ClientMessage::Touch {
        finger,
        phase,
        at: PointInVideo::new(x, 0.0).into(),
    }
}

#[test]
fn only_a_finger_that_is_down_moves_and_is_lifted() {
    let mut viewer = ViewerInput::default();
    assert_eq!(translated(&mut viewer, touch(7, TouchPhase::Move, 1.0)), []);
    assert_eq!(translated(&mut viewer, touch(7, TouchPhase::End, 1.0)), []);
    for (phase, x) in [
        (TouchPhase::Start, 1.0),
        (TouchPhase::Move, 2.0),
        (TouchPhase::End, 0.0),
    ] {
        let at = PointInPage::new(x, 0.0);
        assert_eq!(
            translated(&mut viewer, touch(7, phase, x)),
            [SeatEvent::Touch {
                finger: 7,
                phase,
                at,
            }]
        );
        let again = translated(&mut viewer, touch(7, phase, x)).len();
        assert_eq!(again, usize::from(phase == TouchPhase::Move));
    }
}

#[test]
fn fingers_are_called_off_together_and_only_so_many_are_down() {
    let mut viewer = ViewerInput::default();
    for finger in 0..MAX_FINGERS as u32 {
        let down = translated(&mut viewer, touch(finger, TouchPhase::Start, 0.0));
        assert_eq!(down.len(), 1);
    }
    let one_more = touch(99, TouchPhase::Start, 0.0);
    assert_eq!(
        viewer.translate(&one_more, &unscaled(), true, Instant::now()),
        Err(RefusedInput::ManyFingers)
    );
    let nowhere = touch(0, TouchPhase::Move, f32::INFINITY);
    assert_eq!(
        viewer.translate(&nowhere, &unscaled(), true, Instant::now()),
        Err(RefusedInput::NotANumber)
    );
    let lifted = translated(&mut viewer, ClientMessage::ReleaseAll);
    assert!(
        matches!(
            lifted[..],
            [SeatEvent::Touch {
                phase: TouchPhase::Cancel,
                ..
            }]
        ),
        "{lifted:?}"
    );
    assert_eq!(translated(&mut viewer, touch(3, TouchPhase::End, 0.0)), []);
}

#[test]
fn nonsense_is_refused_and_harms_nothing() {
    let mut viewer = ViewerInput::default();
    let nowhere = ClientMessage::PointerMove {
        sequence: 1,
        at: PointInVideo::new(f32::NAN, 0.0).into(),
    };
    assert_eq!(
        viewer.translate(&nowhere, &unscaled(), true, Instant::now()),
        Err(RefusedInput::NotANumber)
    );
    let unknown = key("Nonsense", "Nonsense", true, NONE);
    assert_eq!(
        viewer.translate(&unknown, &unscaled(), true, Instant::now()),
        Err(RefusedInput::UnknownKey)
    );
    let long = ClientMessage::Text {
        text: "x".repeat(MAX_TEXT + 1),
    };
    assert_eq!(
        viewer.translate(&long, &unscaled(), true, Instant::now()),
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
            for event in keys(&mut viewer, message) {
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
