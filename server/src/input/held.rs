//! Pure: which keys, buttons and fingers one viewer holds down, and what lifts them.

use std::collections::{BTreeMap, BTreeSet};

use shared::geometry::PointInPage;
use shared::input::{Modifiers, PointerButton, TouchPhase};

use super::keysyms::Keysym;
use crate::display::SeatEvent;

/// Nobody has more fingers, and a hostile viewer would fill the memory.
const MAX_KEYS: usize = 32;

/// As many fingers as `maxTouchPoints` tells pages.
pub const MAX_FINGERS: usize = 10;

/// Keys, buttons and fingers that are down.
#[derive(Debug, Default)]
pub struct Held {
    /// What the viewer calls the key → what was pressed for it: a layout may map two to one, or change in between.
    keys: BTreeMap<String, u32>,
    buttons: BTreeSet<PointerButton>,
    /// By the viewer's own names for them.
    fingers: BTreeSet<u32>,
}

impl Held {
    /// Pressing a key that is down is a repeat, and passed on.
    pub fn press_key(
        &mut self,
        code: &str,
        evdev: u32,
        keysym: Option<Keysym>,
        modifiers: Option<Modifiers>,
    ) -> Vec<SeatEvent> {
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
        events.push(SeatEvent::Press {
            evdev,
            keysym,
            modifiers,
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

    /// Whether one more finger would be too many.
    pub fn has_all_fingers(&self, finger: u32) -> bool {
        self.fingers.len() >= MAX_FINGERS && !self.fingers.contains(&finger)
    }

    /// Says whether this changes anything: a finger is put down once, and only one that is down moves or is lifted.
    pub fn touch(&mut self, finger: u32, phase: TouchPhase) -> bool {
        match phase {
            TouchPhase::Start => self.fingers.insert(finger),
            TouchPhase::Move => self.fingers.contains(&finger),
            TouchPhase::End => self.fingers.remove(&finger),
            TouchPhase::Cancel => !std::mem::take(&mut self.fingers).is_empty(),
        }
    }

    /// `at` is where the pointer is: a button is lifted there. Fingers are called off: lifted, they would tap.
    pub fn lift_all(&mut self, at: PointInPage) -> Vec<SeatEvent> {
        let keys = std::mem::take(&mut self.keys).into_values().collect();
        let mut events = self.up(keys);
        let buttons = std::mem::take(&mut self.buttons);
        events.extend(buttons.into_iter().map(|button| SeatEvent::PointerButton {
            at,
            button,
            pressed: false,
        }));
        if let Some(finger) = self.fingers.first().copied() {
            self.fingers.clear();
            events.push(SeatEvent::Touch {
                finger,
                phase: TouchPhase::Cancel,
                at,
            });
        }
        events
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
