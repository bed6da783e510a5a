//! Fingers → Chrome's `wl_touch`. Pages read `maxTouchPoints` when they load, so that there is always a touch screen.

use shared::{geometry::PointInPage, input::TouchPhase};
use smithay::{
    backend::input::TouchSlot,
    input::{
        Seat,
        touch::{DownEvent, MotionEvent, TouchHandle, UpEvent},
    },
    utils::{Logical, Point, SERIAL_COUNTER},
};

use super::{compositor::Compositor, pixel_space::logical, seat};

/// The touch screen, and what is on it.
pub struct TouchScreen {
    touch: TouchHandle<Compositor>,
    /// A finger's place here is its Wayland id, which Chrome wants to be small. Two viewers' fingers of the same name are
    /// one finger, as their mice are one mouse.
    fingers: [Option<Finger>; MOST_FINGERS],
}

#[derive(Clone, Copy)]
struct Finger {
    /// What the viewer calls it.
    name: u32,
    at: Point<f64, Logical>,
}

/// As many as Chrome tells pages; more are ignored.
const MOST_FINGERS: usize = 10;

impl TouchScreen {
    pub fn new(seat: &mut Seat<Compositor>) -> TouchScreen {
        TouchScreen {
            touch: seat.add_touch(),
            fingers: [None; MOST_FINGERS],
        }
    }

    fn only(&self) -> Option<Finger> {
        let mut down = self.fingers.iter().flatten();
        down.next().filter(|_| down.next().is_none()).copied()
    }

    fn slot(&self, name: u32) -> Option<usize> {
        let is_it = |finger: &Option<Finger>| finger.is_some_and(|finger| finger.name == name);
        self.fingers.iter().position(is_it)
    }

    fn free_slot(&self) -> Option<usize> {
        self.fingers.iter().position(Option::is_none)
    }
}

/// Tells Chrome. How quick a stroke is, Chrome on Linux tells by when it hears of it: the times that it is told here it
/// does not use.
pub fn apply(compositor: &mut Compositor, name: u32, phase: TouchPhase, at: PointInPage) {
    let at = logical(at);
    let time = compositor.now_millis();
    let screen = &mut compositor.seat.touch;
    match (phase, screen.slot(name)) {
        (TouchPhase::Start, None) => {
            if let Some(slot) = screen.free_slot() {
                screen.fingers[slot] = Some(Finger { name, at });
                down(compositor, slot, at, time);
            }
        }
        (TouchPhase::Move, Some(slot)) => {
            screen.fingers[slot] = Some(Finger { name, at });
            if compositor.windows.is_dragged() {
                let page = compositor.geometry().page;
                return compositor.windows.drag(at, page);
            }
            motion(compositor, slot, at, time);
            frame(compositor);
        }
        (TouchPhase::End, Some(slot)) => {
            screen.fingers[slot] = None;
            compositor.windows.let_go();
            up(compositor, slot, time);
        }
        (TouchPhase::Cancel, _) => cancel(compositor),
        _ => {}
    }
}

/// Where the finger is that is down alone.
pub fn only_finger(compositor: &Compositor) -> Option<Point<f64, Logical>> {
    compositor.seat.touch.only().map(|finger| finger.at)
}

/// No finger is down any more, and nothing comes of what they did.
pub fn cancel(compositor: &mut Compositor) {
    let fingers = std::mem::take(&mut compositor.seat.touch.fingers);
    if fingers.iter().all(Option::is_none) {
        return;
    }
    for (slot, finger) in fingers.into_iter().enumerate() {
        if let Some(Finger { at, .. }) = finger {
            // smithay cancels only what Chrome has been told of since the last frame.
            let now = compositor.now_millis();
            motion(compositor, slot, at, now);
        }
    }
    let touch = compositor.seat.touch.touch.clone();
    touch.cancel(compositor);
}

fn down(compositor: &mut Compositor, slot: usize, location: Point<f64, Logical>, time: u32) {
    let focus = compositor
        .scene
        .surface_at(location, compositor.geometry().scale);
    if let Some((surface, _)) = &focus {
        seat::bring_to_front(compositor, surface);
    }
    let event = DownEvent {
        slot: touch_slot(slot),
        location,
        serial: SERIAL_COUNTER.next_serial(),
        time,
    };
    let touch = compositor.seat.touch.touch.clone();
    touch.down(compositor, focus, &event);
    frame(compositor);
}

fn motion(compositor: &mut Compositor, slot: usize, location: Point<f64, Logical>, time: u32) {
    let focus = compositor
        .scene
        .surface_at(location, compositor.geometry().scale);
    let event = MotionEvent {
        slot: touch_slot(slot),
        location,
        time,
    };
    let touch = compositor.seat.touch.touch.clone();
    touch.motion(compositor, focus, &event);
}

fn up(compositor: &mut Compositor, slot: usize, time: u32) {
    let event = UpEvent {
        slot: touch_slot(slot),
        serial: SERIAL_COUNTER.next_serial(),
        time,
    };
    let touch = compositor.seat.touch.touch.clone();
    touch.up(compositor, &event);
    frame(compositor);
}

fn frame(compositor: &mut Compositor) {
    let touch = compositor.seat.touch.touch.clone();
    touch.frame(compositor);
}

fn touch_slot(slot: usize) -> TouchSlot {
    // There are ten.
    u32::try_from(slot).ok().into()
}
