//! Seat events from any thread → the display's loop: bounded, never blocking, moves merged.

use std::{
    collections::VecDeque,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    sync::Mutex,
};

use rustix::event::{EventfdFlags, eventfd};
use shared::{
    geometry::{Geometry, LogicalSize},
    input::TouchPhase,
};

use super::SeatEvent;
use crate::sync::lock;

/// What the display's thread is to do; any thread may add to it.
pub struct Inbox {
    state: Mutex<State>,
    /// Readable while something waits.
    wake: OwnedFd,
}

/// What the [`FrameClock`](super::frame_clock::FrameClock) is to take over.
#[derive(Default)]
pub struct ClockChange {
    /// How much later Chrome is to draw, in microseconds; replaces what was asked before.
    pub delay: Option<i32>,
    /// Chrome keeps its pages to half of the ticks: there are to be twice as many.
    pub quicken: bool,
}

#[derive(Default)]
struct State {
    /// Each with the page that its point is in.
    events: VecDeque<(SeatEvent, LogicalSize)>,
    clock_change: ClockChange,
    resize: Option<Geometry>,
    stopped: bool,
}

/// A loop this far behind hangs: then the one thing that matters is that no key stays down.
const MOST_EVENTS: usize = 1024;

impl Inbox {
    pub fn new() -> std::io::Result<Inbox> {
        Ok(Inbox {
            state: Mutex::default(),
            wake: eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?,
        })
    }

    /// Never blocks. A move, also of a finger, replaces one that waits just before it; motions add up. `page` is what a point is in.
    pub fn push(&self, event: SeatEvent, page: LogicalSize) {
        let mut state = lock(&self.state);
        if state.stopped {
            return;
        }
        let waiting = !state.events.is_empty();
        let full = state.events.len() >= MOST_EVENTS;
        match (state.events.back_mut(), &event) {
            (
                Some((SeatEvent::PointerMotion { x, y }, _)),
                SeatEvent::PointerMotion {
                    x: more_x,
                    y: more_y,
                },
            ) => (*x, *y) = (*x + more_x, *y + more_y),
            (Some(last), _) if replaces(&last.0, &event) => *last = (event, page),
            _ if full => {
                state.events.clear();
                state.events.push_back((SeatEvent::ReleaseAll, page));
            }
            _ => state.events.push_back((event, page)),
        }
        drop(state);
        if !waiting {
            self.wake();
        }
    }

    /// Nobody is woken: it counts from Chrome's next frame on.
    pub fn change_clock(&self, change: impl FnOnce(&mut ClockChange)) {
        change(&mut lock(&self.state).clock_change);
    }

    /// What was asked since the last time.
    pub fn take_clock_change(&self) -> ClockChange {
        std::mem::take(&mut lock(&self.state).clock_change)
    }

    /// The page is to have this geometry; replaces one that waits.
    pub fn resize(&self, geometry: Geometry) {
        lock(&self.state).resize = Some(geometry);
        self.wake();
    }

    /// The geometry that was asked for last, if any was since the last time.
    pub fn take_resize(&self) -> Option<Geometry> {
        lock(&self.state).resize.take()
    }

    /// The loop ends; what waits is dropped, and what is pushed from now on.
    pub fn stop(&self) {
        lock(&self.state).stopped = true;
        self.wake();
    }

    /// Everything that waits, in order, or nothing yet if it is held; `None` once [`Inbox::stop`] was called.
    pub fn take(&self, is_held: bool) -> Option<VecDeque<(SeatEvent, LogicalSize)>> {
        // Emptied before the state is read: what is added in between wakes the loop once more than needed. Only here, so
        // that whoever empties it learns of a stop.
        let _ = rustix::io::read(&self.wake, &mut [0; 8]);
        let mut state = lock(&self.state);
        (!state.stopped).then(|| match is_held {
            true => VecDeque::new(),
            false => std::mem::take(&mut state.events),
        })
    }

    /// To wait for, together with other descriptors.
    pub fn fd(&self) -> BorrowedFd<'_> {
        self.wake.as_fd()
    }

    fn wake(&self) {
        // It can only fail when 2⁶⁴ wakes wait, and then it is readable anyway.
        let _ = rustix::io::write(&self.wake, &1u64.to_ne_bytes());
    }
}

/// Whether both are moves of the same thing, so that only the later one counts.
fn replaces(waiting: &SeatEvent, event: &SeatEvent) -> bool {
    match (waiting, event) {
        (SeatEvent::PointerMove { .. }, SeatEvent::PointerMove { .. }) => true,
        (
            SeatEvent::Touch {
                finger: waiting,
                phase: TouchPhase::Move,
                ..
            },
            SeatEvent::Touch {
                finger,
                phase: TouchPhase::Move,
                ..
            },
        ) => waiting == finger,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::geometry::{PointInPage, VideoSize};

    fn page() -> LogicalSize {
        Geometry::unscaled(VideoSize::HD).page
    }

    fn push(inbox: &Inbox, event: SeatEvent) {
        inbox.push(event, page());
    }

    fn taken(inbox: &Inbox) -> Option<Vec<SeatEvent>> {
        let events = inbox.take(false)?.into_iter();
        Some(events.map(|(event, _)| event).collect())
    }

    fn moved(x: f32) -> SeatEvent {
        SeatEvent::PointerMove {
            at: PointInPage::new(x, 0.0),
        }
    }

    fn key(evdev: u32) -> SeatEvent {
        SeatEvent::Key {
            evdev,
            pressed: true,
        }
    }

    #[test]
    fn moves_merge_but_never_across_another_event() {
        let inbox = Inbox::new().unwrap();
        for event in [moved(1.0), moved(2.0), key(30), moved(3.0), moved(4.0)] {
            push(&inbox, event);
        }
        assert_eq!(taken(&inbox).unwrap(), [moved(2.0), key(30), moved(4.0)]);
        assert!(taken(&inbox).unwrap().is_empty());
    }

    #[test]
    fn motions_of_a_locked_pointer_add_up() {
        let inbox = Inbox::new().unwrap();
        let motion = |x, y| SeatEvent::PointerMotion { x, y };
        for event in [
            motion(1.0, -2.0),
            motion(3.0, 1.0),
            key(30),
            motion(5.0, 0.0),
        ] {
            push(&inbox, event);
        }
        let kept = [motion(4.0, -1.0), key(30), motion(5.0, 0.0)];
        assert_eq!(taken(&inbox).unwrap(), kept);
    }

    #[test]
    fn a_finger_s_moves_merge_but_not_with_another_s() {
        let touched = |finger, phase, x| SeatEvent::Touch {
            finger,
            phase,
            at: PointInPage::new(x, 0.0),
        };
        let inbox = Inbox::new().unwrap();
        for (finger, phase, x) in [
            (1, TouchPhase::Start, 0.0),
            (1, TouchPhase::Move, 1.0),
            (1, TouchPhase::Move, 2.0),
            (2, TouchPhase::Move, 3.0),
            (2, TouchPhase::End, 3.0),
        ] {
            push(&inbox, touched(finger, phase, x));
        }
        let kept = [
            touched(1, TouchPhase::Start, 0.0),
            touched(1, TouchPhase::Move, 2.0),
            touched(2, TouchPhase::Move, 3.0),
            touched(2, TouchPhase::End, 3.0),
        ];
        assert_eq!(taken(&inbox).unwrap(), kept);
    }

    #[test]
    fn what_is_held_stays_in_order_and_its_moves_merge() {
        let inbox = Inbox::new().unwrap();
        push(&inbox, moved(1.0));
        assert!(inbox.take(true).unwrap().is_empty());
        push(&inbox, moved(2.0));
        push(&inbox, key(30));
        assert!(inbox.take(true).unwrap().is_empty());
        assert_eq!(taken(&inbox).unwrap(), [moved(2.0), key(30)]);
        inbox.stop();
        assert!(inbox.take(true).is_none(), "also while it is held");
    }

    #[test]
    fn a_stop_is_told_to_whoever_empties_it() {
        let inbox = Inbox::new().unwrap();
        push(&inbox, key(30));
        inbox.stop();
        assert!(taken(&inbox).is_none());
        assert!(taken(&inbox).is_none());
    }

    #[test]
    fn a_loop_that_hangs_leaves_no_key_down() {
        let inbox = Inbox::new().unwrap();
        for _ in 0..=MOST_EVENTS {
            push(&inbox, key(30));
        }
        assert_eq!(taken(&inbox).unwrap(), [SeatEvent::ReleaseAll]);
    }
}
