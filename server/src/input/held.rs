//! Pure: which keys and buttons one viewer holds, and what lifts them.

use std::collections::{BTreeMap, BTreeSet};

use shared::geometry::PointInPage;
use shared::input::PointerButton;

use crate::display::SeatEvent;

/// Nobody has more fingers, and a hostile viewer would fill the memory.
const MAX_KEYS: usize = 32;

/// Keys and buttons that are down.
#[derive(Debug, Default)]
pub struct Held {
    /// What the viewer calls the key → what was pressed for it: a layout may map two to one, or change in between.
    keys: BTreeMap<String, u32>,
    buttons: BTreeSet<PointerButton>,
}

impl Held {
    /// Pressing a key that is down is a repeat, and passed on.
    pub fn press_key(&mut self, code: &str, evdev: u32) -> Vec<SeatEvent> {
        let mut events = Vec::new();
        let former = self.keys.get(code).copied();
        if former.is_none() && self.keys.len() >= MAX_KEYS {
            return events;
        }
        if let Some(former) = former.filter(|former| *former != evdev) {
            // The same place types something else now, for example after shift was lifted: the first one goes up.
            events.push(SeatEvent::Key {
                evdev: former,
                pressed: false,
            });
        }
        self.keys.insert(code.to_owned(), evdev);
        events.push(SeatEvent::Key {
            evdev,
            pressed: true,
        });
        events
    }

    /// Lifting a key that is not held is nothing.
    pub fn lift_key(&mut self, code: &str) -> Vec<SeatEvent> {
        let lifted = self.keys.remove(code).into_iter();
        self.up(lifted.collect())
    }

    /// Lifts what the viewer no longer holds by its own account.
    pub fn keep_only(&mut self, codes: &[String]) -> Vec<SeatEvent> {
        let (kept, gone) = std::mem::take(&mut self.keys)
            .into_iter()
            .partition(|(code, _)| codes.contains(code));
        self.keys = kept;
        self.up(BTreeMap::into_values(gone).collect())
    }

    /// Says whether this changes anything.
    pub fn button(&mut self, button: PointerButton, pressed: bool) -> bool {
        match pressed {
            true => self.buttons.insert(button),
            false => self.buttons.remove(&button),
        }
    }

    /// `at` is where the pointer is: a button is lifted there.
    pub fn lift_all(&mut self, at: PointInPage) -> Vec<SeatEvent> {
        let keys = std::mem::take(&mut self.keys).into_values().collect();
        let mut events = self.up(keys);
        let buttons = std::mem::take(&mut self.buttons);
        events.extend(buttons.into_iter().map(|button| SeatEvent::PointerButton {
            at,
            button,
            pressed: false,
        }));
        events
    }

    /// Which of these keys are down.
    pub fn down_of(&self, either: [u32; 2]) -> Vec<u32> {
        let is_one = |evdev: &&u32| either.contains(evdev);
        self.keys.values().filter(is_one).copied().collect()
    }

    /// A key goes up unless another place still holds the same one.
    fn up(&self, lifted: Vec<u32>) -> Vec<SeatEvent> {
        let still_held = |evdev: &u32| self.keys.values().any(|held| held == evdev);
        let up = |evdev| SeatEvent::Key {
            evdev,
            pressed: false,
        };
        lifted
            .into_iter()
            .filter(|evdev| !still_held(evdev))
            .map(up)
            .collect()
    }
}
