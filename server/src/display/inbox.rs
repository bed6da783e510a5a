//! Seat events from any thread → the display's loop: bounded, never blocking, moves merged.

use std::{
    collections::VecDeque,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    sync::Mutex,
};

use rustix::event::{EventfdFlags, eventfd};

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
    events: VecDeque<SeatEvent>,
    clock_change: ClockChange,
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

    /// Never blocks. A move replaces one that waits just before it.
    pub fn push(&self, event: SeatEvent) {
        let mut state = lock(&self.state);
        if state.stopped {
            return;
        }
        let waiting = !state.events.is_empty();
        let full = state.events.len() >= MOST_EVENTS;
        match (state.events.back_mut(), &event) {
            (Some(last @ SeatEvent::PointerMove { .. }), SeatEvent::PointerMove { .. }) => {
                *last = event;
            }
            _ if full => {
                state.events.clear();
                state.events.push_back(SeatEvent::ReleaseAll);
            }
            _ => state.events.push_back(event),
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

    /// The loop ends; what waits is dropped, and what is pushed from now on.
    pub fn stop(&self) {
        lock(&self.state).stopped = true;
        self.wake();
    }

    /// Everything that waits, in order; `None` once [`Inbox::stop`] was called.
    pub fn take(&self) -> Option<VecDeque<SeatEvent>> {
        // Emptied before the state is read: what is added in between wakes the loop once more than needed. Only here, so
        // that whoever empties it learns of a stop.
        let _ = rustix::io::read(&self.wake, &mut [0; 8]);
        let mut state = lock(&self.state);
        (!state.stopped).then(|| std::mem::take(&mut state.events))
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

#[cfg(test)]
mod tests {
    use super::*;
    use shared::geometry::PointInPage;

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
            inbox.push(event);
        }
        assert_eq!(inbox.take().unwrap(), [moved(2.0), key(30), moved(4.0)]);
        assert!(inbox.take().unwrap().is_empty());
    }

    #[test]
    fn a_stop_is_told_to_whoever_empties_it() {
        let inbox = Inbox::new().unwrap();
        inbox.push(key(30));
        inbox.stop();
        assert!(inbox.take().is_none());
        assert!(inbox.take().is_none());
    }

    #[test]
    fn a_loop_that_hangs_leaves_no_key_down() {
        let inbox = Inbox::new().unwrap();
        for _ in 0..=MOST_EVENTS {
            inbox.push(key(30));
        }
        assert_eq!(inbox.take().unwrap(), [SeatEvent::ReleaseAll]);
    }
}
