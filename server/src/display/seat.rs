//! Seat events → Chrome: pointer, keyboard and text, each to the surface it is meant for.

use std::{collections::HashSet, time::Instant};

use shared::{geometry::PointInPage, input::PointerButton};
use smithay::{
    backend::input::{Axis, AxisSource, ButtonState, KeyState, Keycode},
    delegate_seat,
    input::{
        Seat, SeatHandler, SeatState,
        keyboard::{FilterResult, KeyboardHandle, XkbConfig},
        pointer::{AxisFrame, ButtonEvent, CursorImageStatus, MotionEvent, PointerHandle},
    },
    reexports::wayland_server::{
        DisplayHandle, Resource,
        protocol::{wl_keyboard, wl_surface::WlSurface},
    },
    utils::{Logical, Point, SERIAL_COUNTER},
};

use super::{DisplayError, SeatEvent, compositor::Compositor, pixel_space::logical};

/// The seat with its keyboard and its pointer.
pub struct DisplaySeat {
    state: SeatState<Compositor>,
    keyboard: KeyboardHandle<Compositor>,
    pointer: PointerHandle<Compositor>,
    /// Where the pointer is in the page; `None` until it has moved for the first time.
    pointer_at: Option<Point<f64, Logical>>,
    held_buttons: HashSet<u32>,
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
        Ok(DisplaySeat {
            state,
            keyboard,
            pointer,
            pointer_at: None,
            held_buttons: HashSet::new(),
        })
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
        SeatEvent::PointerButton {
            at,
            button,
            pressed,
        } => {
            point(compositor, at);
            press(compositor, button_code(button), pressed);
            pointer_frame(compositor);
        }
        SeatEvent::Wheel {
            at,
            delta_x,
            delta_y,
            notched,
        } => {
            point(compositor, at);
            pointer_frame(compositor);
            scroll(compositor, delta_x.into(), delta_y.into(), notched);
        }
        SeatEvent::Key { evdev, pressed } => key(compositor, evdev, pressed),
        SeatEvent::Text(text) => compositor.text_inputs.commit(&text),
        SeatEvent::ReleaseAll => release_all(compositor),
        SeatEvent::Trace(trace) => compositor.attribution.expect(trace, Instant::now()),
    }
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
    let pointer = compositor.seat.pointer.clone();
    let scale = compositor.geometry.scale;
    let below = compositor.scene.surface_at(at, scale);
    let below = below.map(|(surface, _)| surface);
    if !pointer.is_grabbed() && pointer.current_focus() != below {
        point_at(compositor, at);
        pointer_frame(compositor);
    }
}

fn point(compositor: &mut Compositor, at: PointInPage) {
    point_at(compositor, logical(at));
}

fn point_at(compositor: &mut Compositor, location: Point<f64, Logical>) {
    compositor.seat.pointer_at = Some(location);
    let focus = compositor
        .scene
        .surface_at(location, compositor.geometry.scale);
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
    let pointer = compositor.seat.pointer.clone();
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

fn key(compositor: &mut Compositor, evdev: u32, pressed: bool) {
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
    let keyboard = &compositor.seat.keyboard;
    let focus = keyboard.current_focus();
    let client = focus.and_then(|surface| compositor.handle.get_client(surface.id()).ok());
    let Some(client) = client else {
        return;
    };
    let serial = SERIAL_COUNTER.next_serial().into();
    for keyboard in keyboard.client_keyboards(&client) {
        keyboard.key(
            serial,
            compositor.now_millis(),
            evdev,
            wl_keyboard::KeyState::Repeated,
        );
    }
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
    pointer_frame(compositor);
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
            .publish(&self.scene, self.geometry.scale, &self.state);
        self.clipboard.focus(&self.handle, seat, focused);
    }

    fn cursor_image(&mut self, _seat: &Seat<Compositor>, image: CursorImageStatus) {
        self.cursor
            .show(image, &self.surfaces, self.geometry.scale, &self.state);
    }
}

delegate_seat!(Compositor);
