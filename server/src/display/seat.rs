//! Seat events → Chrome: pointer, fingers, keyboard and text, each to the surface it is meant for.

use std::{collections::HashSet, time::Instant};

use shared::{
    geometry::PointInPage,
    input::{Modifiers, PointerButton},
};
use smithay::{
    backend::input::{Axis, AxisSource, ButtonState, KeyState, Keycode},
    delegate_seat,
    input::{
        Seat, SeatHandler, SeatState,
        keyboard::{FilterResult, KeyboardHandle, ModifiersState, XkbConfig},
        pointer::{AxisFrame, ButtonEvent, CursorImageStatus, MotionEvent, PointerHandle},
    },
    reexports::wayland_server::{
        DisplayHandle, Resource,
        protocol::{wl_keyboard, wl_surface::WlSurface},
    },
    utils::{Logical, Point, SERIAL_COUNTER},
};

use super::{
    DisplayError, SeatEvent, clipboard,
    compositor::Compositor,
    floating::Grip,
    pixel_space::logical,
    pointer_lock::{self, PointerLock},
    touch::{self, TouchScreen},
};
use crate::input::{keysyms::Keysym, layout::Layout};

/// The seat with its keyboard, its pointer and its touch screen.
pub struct DisplaySeat {
    state: SeatState<Compositor>,
    seat: Seat<Compositor>,
    keyboard: KeyboardHandle<Compositor>,
    /// What Chrome knows of the viewers' keyboards.
    layout: Layout,
    /// Chrome has the layout's keymap, and no longer the one that the keyboard began with.
    has_keymap: bool,
    pointer: PointerHandle<Compositor>,
    /// Where the pointer is in the page; `None` until it has moved for the first time.
    pointer_at: Option<Point<f64, Logical>>,
    held_buttons: HashSet<u32>,
    /// Where the first of them went down.
    pressed_at: Option<Point<f64, Logical>>,
    pub(super) touch: TouchScreen,
    pub(super) pointer_lock: PointerLock,
}

/// X keycodes, which xkb uses, are evdev's plus this.
const XKB_OFFSET: u32 = 8;
/// The us keymap has no keys beyond.
const LAST_KEYCODE: u32 = 255;

impl DisplaySeat {
    pub fn new(handle: &DisplayHandle) -> Result<DisplaySeat, DisplayError> {
        let mut state = SeatState::new();
        let mut seat = state.new_wl_seat(handle, "farpane");
        let us = XkbConfig {
            rules: "evdev",
            model: "pc105",
            layout: "us",
            ..XkbConfig::default()
        };
        // A rate of 0 turns off Chrome's own repetition: the viewer's keyboard repeats.
        let keyboard = seat
            .add_keyboard(us, 0, 0)
            .map_err(|_| DisplayError::Keymap)?;
        let pointer = seat.add_pointer();
        let touch = TouchScreen::new(&mut seat);
        Ok(DisplaySeat {
            state,
            seat,
            keyboard,
            layout: Layout::default(),
            has_keymap: false,
            pointer,
            pointer_at: None,
            held_buttons: HashSet::new(),
            pressed_at: None,
            touch,
            pointer_lock: PointerLock::new(handle),
        })
    }

    /// smithay's.
    pub(super) fn seat(&self) -> &Seat<Compositor> {
        &self.seat
    }

    pub(super) fn is_pointer_locked(&self) -> bool {
        self.pointer_lock.holds(&self.pointer)
    }

    /// Ends what a person was doing. A drag that is under way owns the seat, and the seat's pointer or touch screen owns
    /// the drag.
    pub fn remove_hands(&mut self) {
        self.seat.remove_pointer();
        self.seat.remove_touch();
    }
}

// smithay's devices tell the whole compositor what becomes of an event, so these are functions of it.

/// Tells Chrome.
pub fn apply(compositor: &mut Compositor, event: SeatEvent) {
    match event {
        SeatEvent::PointerMove { at } => {
            point(compositor, at);
            pointer_frame(compositor);
        }
        SeatEvent::PointerMotion { x, y } => {
            move_by(compositor, (f64::from(x), f64::from(y)).into());
        }
        SeatEvent::LeavePointerLock => pointer_lock::leave(compositor),
        SeatEvent::PointerButton {
            at,
            button,
            pressed,
        } => {
            point_unless_locked(compositor, at);
            press(compositor, button_code(button), pressed);
            pointer_frame(compositor);
        }
        SeatEvent::Wheel {
            at,
            delta_x,
            delta_y,
            notched,
        } => {
            point_unless_locked(compositor, at);
            pointer_frame(compositor);
            scroll(compositor, delta_x.into(), delta_y.into(), notched);
        }
        SeatEvent::Touch { finger, phase, at } => touch::apply(compositor, finger, phase, at),
        SeatEvent::Key { evdev, pressed } => key(compositor, evdev, pressed),
        SeatEvent::Press {
            evdev,
            keysym,
            modifiers,
        } => press_key(compositor, evdev, keysym, modifiers),
        SeatEvent::Text(text) => compositor.text_inputs.commit(&text),
        SeatEvent::Compose { text, caret } => compositor.text_inputs.compose(&text, caret),
        SeatEvent::Replace {
            before,
            after,
            text,
        } => compositor.text_inputs.replace(before, after, &text),
        SeatEvent::Offer(content) => clipboard::offer(compositor, content),
        SeatEvent::ReleaseAll => release_all(compositor),
        SeatEvent::Trace(trace) => compositor.attribution.expect(trace, Instant::now()),
    }
}

/// The window that was pressed has the keyboard before it hears of it.
pub(super) fn bring_to_front(compositor: &mut Compositor, surface: &WlSurface) {
    compositor.windows.raise_owner(surface);
    focus_keyboard(compositor);
}

/// The pointer or the finger that presses a window's frame moves or resizes it from now on. Chrome does not hear how a
/// button comes up again.
pub(super) fn drag_window(compositor: &mut Compositor, window: &WlSurface, grip: Grip) {
    let finger = touch::only_finger(compositor);
    let pressed = match compositor.seat.held_buttons.is_empty() {
        true => finger,
        false => compositor.seat.pressed_at,
    };
    let Some(at) = pressed else {
        return;
    };
    if !compositor.windows.take_hold(window, grip, at) {
        return;
    }
    let pointer = compositor.seat.pointer.clone();
    pointer.unset_grab(
        compositor,
        SERIAL_COUNTER.next_serial(),
        compositor.now_millis(),
    );
    let nowhere = MotionEvent {
        location: at,
        serial: SERIAL_COUNTER.next_serial(),
        time: compositor.now_millis(),
    };
    pointer.motion(compositor, None, &nowhere);
    pointer_frame(compositor);
}

/// Gives the keyboard to what [`activate`](super::windows::Windows::activate) says.
pub fn focus_keyboard(compositor: &mut Compositor) {
    let wanted = compositor.windows.activate(&compositor.surfaces);
    let keyboard = compositor.seat.keyboard.clone();
    if keyboard.current_focus() != wanted {
        keyboard.set_focus(compositor, wanted, SERIAL_COUNTER.next_serial());
        compositor.state.send_modify(|state| state.windows += 1);
    }
}

/// The surface under a resting pointer may have changed.
pub fn focus_pointer(compositor: &mut Compositor) {
    let Some(at) = compositor.seat.pointer_at else {
        return;
    };
    if compositor.seat.is_pointer_locked() {
        // It stays with the page that holds it.
        return;
    }
    if compositor.windows.is_dragged() {
        return;
    }
    let pointer = compositor.seat.pointer.clone();
    let scale = compositor.geometry().scale;
    let below = compositor.scene.surface_at(at, scale);
    let below = below.map(|(surface, _)| surface);
    if !pointer.is_grabbed() && pointer.current_focus() != below {
        point_at(compositor, at);
        pointer_frame(compositor);
    }
}

/// Also a viewer whose own browser does not lock its pointer turns what the page shows: by how far it went since the last
/// time.
fn point(compositor: &mut Compositor, at: PointInPage) {
    let at = logical(at);
    if !compositor.seat.is_pointer_locked() {
        return point_at(compositor, at);
    }
    if let Some(before) = compositor.seat.pointer_at.replace(at) {
        let pointer = compositor.seat.pointer.clone();
        pointer_lock::motion(compositor, &pointer, at - before);
    }
}

/// A button or a wheel of a pointer that is locked is where the pointer is.
fn point_unless_locked(compositor: &mut Compositor, at: PointInPage) {
    if !compositor.seat.is_pointer_locked() {
        point_at(compositor, logical(at));
    }
}

fn move_by(compositor: &mut Compositor, delta: Point<f64, Logical>) {
    // One that the page has let go meanwhile waits for the next move, which says where it is.
    if compositor.seat.is_pointer_locked() {
        let pointer = compositor.seat.pointer.clone();
        pointer_lock::motion(compositor, &pointer, delta);
    }
}

fn point_at(compositor: &mut Compositor, location: Point<f64, Logical>) {
    compositor.seat.pointer_at = Some(location);
    if compositor.windows.is_dragged() {
        let page = compositor.geometry().page;
        return compositor.windows.drag(location, page);
    }
    let focus = compositor
        .scene
        .surface_at(location, compositor.geometry().scale);
    let event = MotionEvent {
        location,
        serial: SERIAL_COUNTER.next_serial(),
        time: compositor.now_millis(),
    };
    let pointer = compositor.seat.pointer.clone();
    pointer.motion(compositor, focus, &event);
}

fn press(compositor: &mut Compositor, button: u32, pressed: bool) {
    let changed = if pressed {
        compositor.seat.held_buttons.insert(button)
    } else {
        compositor.seat.held_buttons.remove(&button)
    };
    if !changed {
        return;
    }
    let pointer = compositor.seat.pointer.clone();
    match pressed {
        true => {
            let seat = &mut compositor.seat;
            if seat.held_buttons.len() == 1 {
                seat.pressed_at = seat.pointer_at;
            }
            if let Some(below) = pointer.current_focus() {
                bring_to_front(compositor, &below);
            }
        }
        false => compositor.windows.let_go(),
    }
    let state = match pressed {
        true => ButtonState::Pressed,
        false => ButtonState::Released,
    };
    let event = ButtonEvent {
        serial: SERIAL_COUNTER.next_serial(),
        time: compositor.now_millis(),
        button,
        state,
    };
    pointer.button(compositor, &event);
}

fn scroll(compositor: &mut Compositor, delta_x: f64, delta_y: f64, notched: bool) {
    let source = match notched {
        true => AxisSource::Wheel,
        false => AxisSource::Continuous,
    };
    let mut frame = AxisFrame::new(compositor.now_millis()).source(source);
    for (axis, delta) in [(Axis::Horizontal, delta_x), (Axis::Vertical, delta_y)] {
        if delta == 0.0 {
            continue;
        }
        frame = if notched {
            // Chrome scrolls 120 CSS pixels for a notch, which is 120 on this axis and 15 on the old one.
            frame
                .v120(axis, delta.round() as i32)
                .value(axis, delta / 8.0)
        } else {
            // Chrome takes a continuous unit for 12 CSS pixels.
            frame.value(axis, delta / 12.0)
        };
    }
    let pointer = compositor.seat.pointer.clone();
    pointer.axis(compositor, frame);
    pointer_frame(compositor);
}

/// Chrome reads the key with a keymap on which it makes the same as on the person's keyboard.
pub(super) fn press_key(
    compositor: &mut Compositor,
    evdev: u32,
    keysym: Option<Keysym>,
    modifiers: Option<Modifiers>,
) {
    let seat = &mut compositor.seat;
    let taught = keysym.is_some_and(|keysym| {
        seat.layout
            .learn(evdev, modifiers.unwrap_or_default(), keysym)
    });
    if taught || !seat.has_keymap {
        seat.has_keymap = true;
        let text = seat.layout.text();
        let keyboard = seat.keyboard.clone();
        if let Err(error) = keyboard.set_keymap_from_string(compositor, text) {
            tracing::error!(%error, "a keymap cannot be read");
        }
    }
    let Some(wanted) = modifiers else {
        return key(compositor, evdev, true);
    };
    // What was down before the picture had the focus, and what a third level must not be mistaken for.
    let held = ModifiersState {
        caps_lock: wanted.caps_lock,
        num_lock: wanted.num_lock,
        ..compositor.seat.keyboard.modifier_state()
    };
    let while_pressed = ModifiersState {
        shift: wanted.shift,
        ctrl: wanted.ctrl,
        alt: wanted.alt,
        logo: wanted.meta,
        iso_level3_shift: wanted.alt_graph,
        ..held
    };
    set_modifiers(compositor, while_pressed);
    key(compositor, evdev, true);
    set_modifiers(compositor, held);
}

/// smithay tells Chrome of modifiers only when a key has changed them.
fn set_modifiers(compositor: &Compositor, wanted: ModifiersState) {
    let keyboard = &compositor.seat.keyboard;
    if keyboard.set_modifier_state(wanted) == 0 {
        return;
    }
    let mods = keyboard.modifier_state().serialized;
    for_keyboards(compositor, |keyboard, serial| {
        keyboard.modifiers(
            serial,
            mods.depressed,
            mods.latched,
            mods.locked,
            mods.layout_effective,
        );
    });
}

fn for_keyboards(compositor: &Compositor, tell: impl Fn(&wl_keyboard::WlKeyboard, u32)) {
    let keyboard = &compositor.seat.keyboard;
    let focus = keyboard.current_focus();
    let client = focus.and_then(|surface| compositor.handle.get_client(surface.id()).ok());
    let Some(client) = client else {
        return;
    };
    let serial = SERIAL_COUNTER.next_serial().into();
    for keyboard in keyboard.client_keyboards(&client) {
        tell(&keyboard, serial);
    }
}

pub(super) fn key(compositor: &mut Compositor, evdev: u32, pressed: bool) {
    let code = evdev.saturating_add(XKB_OFFSET);
    if code > LAST_KEYCODE {
        return;
    }
    let code = Keycode::from(code);
    let keyboard = compositor.seat.keyboard.clone();
    let serial = SERIAL_COUNTER.next_serial();
    let time = compositor.now_millis();
    match (pressed, keyboard.pressed_keys().contains(&code)) {
        (true, true) => repeat_key(compositor, evdev),
        (false, false) => {}
        _ => {
            let state = match pressed {
                true => KeyState::Pressed,
                false => KeyState::Released,
            };
            keyboard.input::<(), _>(compositor, code, state, serial, time, |_, _, _| {
                FilterResult::Forward
            });
        }
    }
}

/// smithay knows no repeated keys, and xkb counts presses, so Chrome is told without them. It understands the state of
/// version 10 although it bound version 9.
fn repeat_key(compositor: &Compositor, evdev: u32) {
    let now = compositor.now_millis();
    for_keyboards(compositor, |keyboard, serial| {
        keyboard.key(serial, now, evdev, wl_keyboard::KeyState::Repeated);
    });
}

fn release_all(compositor: &mut Compositor) {
    for code in compositor.seat.keyboard.pressed_keys() {
        key(compositor, code.raw().saturating_sub(XKB_OFFSET), false);
    }
    for button in std::mem::take(&mut compositor.seat.held_buttons) {
        // Put back for `press`, which only lifts what is down.
        compositor.seat.held_buttons.insert(button);
        press(compositor, button, false);
    }
    compositor.windows.let_go();
    pointer_frame(compositor);
    touch::cancel(compositor);
}

fn pointer_frame(compositor: &mut Compositor) {
    let pointer = compositor.seat.pointer.clone();
    pointer.frame(compositor);
}

/// `BTN_…` of `linux/input-event-codes.h`.
fn button_code(button: PointerButton) -> u32 {
    match button {
        PointerButton::Left => 0x110,
        PointerButton::Right => 0x111,
        PointerButton::Middle => 0x112,
        PointerButton::Back => 0x113,
        PointerButton::Forward => 0x114,
    }
}

impl SeatHandler for Compositor {
    type KeyboardFocus = WlSurface;
    type PointerFocus = WlSurface;
    type TouchFocus = WlSurface;

    fn seat_state(&mut self) -> &mut SeatState<Compositor> {
        &mut self.seat.state
    }

    fn focus_changed(&mut self, seat: &Seat<Compositor>, focused: Option<&WlSurface>) {
        self.text_inputs.focus(focused.cloned());
        self.text_inputs
            .publish(&self.scene, self.geometry().scale, &self.state);
        self.clipboard.focus(&self.handle, seat, focused);
    }

    fn cursor_image(&mut self, _seat: &Seat<Compositor>, image: CursorImageStatus) {
        self.cursor
            .show(image, &self.surfaces, self.geometry().scale, &self.state);
    }
}

delegate_seat!(Compositor);
