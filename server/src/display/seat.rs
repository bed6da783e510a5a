//! Seat events → Chrome: pointer, keyboard and text, each to the surface it is meant for.

use std::{collections::HashSet, time::Instant};

use shared::{geometry::PointInVideo, input::PointerButton};
use smithay::{
    backend::input::{Axis, AxisSource, ButtonState, KeyState, Keycode},
    delegate_seat,
    input::{
        Seat, SeatHandler, SeatState,
        keyboard::{FilterResult, KeyboardHandle, XkbConfig},
        pointer::{AxisFrame, ButtonEvent, CursorImageStatus, MotionEvent},
    },
    reexports::wayland_server::{
        DisplayHandle, Resource,
        protocol::{wl_keyboard, wl_surface::WlSurface},
    },
    utils::SERIAL_COUNTER,
};

use super::{DisplayError, SeatEvent, compositor::Compositor};

/// The seat and its keyboard.
pub struct Keys {
    pub seats: SeatState<Compositor>,
    pub seat: Seat<Compositor>,
    pub keyboard: KeyboardHandle<Compositor>,
    held_buttons: HashSet<u32>,
}

/// X keycodes, which xkb uses, are evdev's plus this.
const XKB_OFFSET: u32 = 8;
/// The us keymap has no keys beyond.
const LAST_KEYCODE: u32 = 255;

impl Keys {
    pub fn new(handle: &DisplayHandle) -> Result<Keys, DisplayError> {
        let mut seats = SeatState::new();
        let mut seat = seats.new_wl_seat(handle, "farpane");
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
        seat.add_pointer();
        Ok(Keys {
            seats,
            seat,
            keyboard,
            held_buttons: HashSet::new(),
        })
    }
}

impl Compositor {
    pub fn apply(&mut self, event: SeatEvent) {
        match event {
            SeatEvent::PointerMove { at } => {
                self.point(at);
                self.pointer_frame();
            }
            SeatEvent::PointerButton {
                at,
                button,
                pressed,
            } => {
                self.point(at);
                self.press(button_code(button), pressed);
                self.pointer_frame();
            }
            SeatEvent::Wheel {
                at,
                delta_x,
                delta_y,
                notched,
            } => {
                self.point(at);
                self.pointer_frame();
                self.scroll(delta_x.into(), delta_y.into(), notched);
            }
            SeatEvent::Key { evdev, pressed } => self.key(evdev, pressed),
            SeatEvent::Text(text) => self.text_inputs.commit(&text),
            SeatEvent::ReleaseAll => self.release_all(),
            SeatEvent::Trace(mark) => self.answers.expect(mark, Instant::now()),
        }
    }

    /// The surface under a resting pointer may have changed.
    pub(super) fn focus_pointer(&mut self) {
        let Some(at) = self.pointer.at else {
            return;
        };
        let pointer = self.pointer_handle();
        let below = self.surface_at(at).map(|(surface, _)| surface);
        if !pointer.is_grabbed() && pointer.current_focus() != below {
            self.point(PointInVideo::new(at.x as f32, at.y as f32));
            self.pointer_frame();
        }
    }

    fn point(&mut self, at: PointInVideo) {
        let location = (f64::from(at.x), f64::from(at.y)).into();
        self.pointer.at = Some(location);
        let focus = self.surface_at(location);
        let event = MotionEvent {
            location,
            serial: SERIAL_COUNTER.next_serial(),
            time: self.now_millis(),
        };
        self.pointer_handle().motion(self, focus, &event);
    }

    fn press(&mut self, button: u32, pressed: bool) {
        let changed = if pressed {
            self.keys.held_buttons.insert(button)
        } else {
            self.keys.held_buttons.remove(&button)
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
            time: self.now_millis(),
            button,
            state,
        };
        self.pointer_handle().button(self, &event);
    }

    fn scroll(&mut self, delta_x: f64, delta_y: f64, notched: bool) {
        let source = match notched {
            true => AxisSource::Wheel,
            false => AxisSource::Continuous,
        };
        let mut frame = AxisFrame::new(self.now_millis()).source(source);
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
        self.pointer_handle().axis(self, frame);
        self.pointer_frame();
    }

    fn key(&mut self, evdev: u32, pressed: bool) {
        let code = evdev.saturating_add(XKB_OFFSET);
        if code > LAST_KEYCODE {
            return;
        }
        let code = Keycode::from(code);
        let keyboard = self.keys.keyboard.clone();
        let serial = SERIAL_COUNTER.next_serial();
        let time = self.now_millis();
        match (pressed, keyboard.pressed_keys().contains(&code)) {
            (true, true) => self.repeat_key(evdev),
            (false, false) => {}
            _ => {
                let state = match pressed {
                    true => KeyState::Pressed,
                    false => KeyState::Released,
                };
                keyboard.input::<(), _>(self, code, state, serial, time, |_, _, _| {
                    FilterResult::Forward
                });
            }
        }
    }

    /// smithay knows no repeated keys, and xkb counts presses, so Chrome is told without them. It understands the
    /// state of version 10 although it bound version 9.
    fn repeat_key(&self, evdev: u32) {
        let focus = self.keys.keyboard.current_focus();
        let client = focus.and_then(|surface| self.handle.get_client(surface.id()).ok());
        let Some(client) = client else {
            return;
        };
        let serial = SERIAL_COUNTER.next_serial().into();
        for keyboard in self.keys.keyboard.client_keyboards(&client) {
            keyboard.key(
                serial,
                self.now_millis(),
                evdev,
                wl_keyboard::KeyState::Repeated,
            );
        }
    }

    fn release_all(&mut self) {
        for code in self.keys.keyboard.pressed_keys() {
            self.key(code.raw().saturating_sub(XKB_OFFSET), false);
        }
        for button in std::mem::take(&mut self.keys.held_buttons) {
            // Put back for `press`, which only lifts what is down.
            self.keys.held_buttons.insert(button);
            self.press(button, false);
        }
        self.pointer_frame();
    }

    fn pointer_frame(&mut self) {
        self.pointer_handle().frame(self);
    }

    fn pointer_handle(&self) -> smithay::input::pointer::PointerHandle<Compositor> {
        let pointer = self.keys.seat.get_pointer();
        pointer.expect("the seat was made with a pointer, which is never removed")
    }
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
        &mut self.keys.seats
    }

    fn focus_changed(&mut self, seat: &Seat<Compositor>, focused: Option<&WlSurface>) {
        self.text_inputs.focus(focused.cloned());
        self.publish_text_field();
        self.clipboard.focus(&self.handle, seat, focused);
    }

    fn cursor_image(&mut self, _seat: &Seat<Compositor>, image: CursorImageStatus) {
        self.show_cursor(image);
    }
}

delegate_seat!(Compositor);
