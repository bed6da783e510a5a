//! Pure: fingers on a picture that is a trackpad → what a mouse does.
//!
//! One finger moves the pointer, two scroll. A tap is a click, one of two fingers a right click. A finger that is held, or
//! that comes down again right after a tap and moves, drags.

use shared::input::{PointerButton, TouchPhase};

/// A mouse's doing; distances in CSS pixels of the picture's element.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Act {
    /// The pointer moves by so much.
    Move { x: f64, y: f64 },
    /// A button goes down, or else up.
    Button {
        button: PointerButton,
        pressed: bool,
    },
    /// What is under the pointer is pushed by so much: to the right and down, as the fingers go.
    Push { x: f64, y: f64 },
}

/// Longer is no tap, in milliseconds.
const TAP: f64 = 250.0;
/// A finger that rests so long takes hold, in milliseconds.
const HOLD: f64 = 400.0;
/// After a tap a finger that comes down so soon drags, in milliseconds.
const AGAIN: f64 = 250.0;
/// Less is trembling, in CSS pixels.
const SLOP: f64 = 8.0;
/// A slow finger is exact, a quick one crosses the picture: how many times as far the pointer goes.
const SLOWEST: f64 = 1.0;
const QUICKEST: f64 = 3.0;
/// At this speed it goes as far as it ever does, in CSS pixels a millisecond.
const QUICK: f64 = 1.5;

#[derive(Clone, Copy, Debug)]
struct Finger {
    id: i32,
    at: (f64, f64),
    /// When it was there, in milliseconds.
    when: f64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
enum Doing {
    /// No finger is down, or what they did is over.
    #[default]
    Nothing,
    /// It may become a tap of so many fingers. `travelled` is how far the farthest of them has gone.
    Resting {
        fingers: usize,
        travelled: f64,
    },
    Moving,
    Scrolling,
    /// The left button is down.
    Dragging,
}

/// The fingers of one person.
#[derive(Debug, Default)]
pub struct Trackpad {
    fingers: Vec<Finger>,
    doing: Doing,
    /// The first finger came down.
    since: f64,
    /// The last tap of one finger.
    tapped: Option<f64>,
    /// The first finger came down right after a tap.
    again: bool,
}

impl Trackpad {
    /// A finger at a point of the element, in CSS pixels; `now` in milliseconds.
    pub fn on(&mut self, id: i32, phase: TouchPhase, at: (f64, f64), now: f64) -> Vec<Act> {
        match phase {
            TouchPhase::Start => self.start(id, at, now),
            TouchPhase::Move => self.moved(id, at, now),
            TouchPhase::End => self.end(id, now),
            TouchPhase::Cancel => self.clear(),
        }
    }

    /// When to call [`Trackpad::expire`], in milliseconds.
    pub fn deadline(&self) -> Option<f64> {
        match self.doing {
            Doing::Resting { fingers: 1, .. } => Some(self.since + HOLD),
            _ => None,
        }
    }

    /// The deadline may have passed: a finger that rests takes hold.
    pub fn expire(&mut self, now: f64) -> Vec<Act> {
        if self.deadline().is_none_or(|deadline| now < deadline) {
            return Vec::new();
        }
        self.doing = Doing::Dragging;
        vec![left(true)]
    }

    /// Whatever was going on is over.
    pub fn clear(&mut self) -> Vec<Act> {
        let was_dragging = self.doing == Doing::Dragging;
        *self = Trackpad::default();
        was_dragging.then(|| left(false)).into_iter().collect()
    }

    fn start(&mut self, id: i32, at: (f64, f64), now: f64) -> Vec<Act> {
        let is_down = self.fingers.iter().any(|finger| finger.id == id);
        // Its end was not seen.
        let acts = if is_down { self.clear() } else { Vec::new() };
        self.fingers.push(Finger { id, at, when: now });
        match (self.fingers.len(), self.doing) {
            (1, _) => {
                let tapped = self.tapped.take();
                self.again = tapped.is_some_and(|tapped| now - tapped <= AGAIN);
                self.since = now;
                self.doing = Doing::Resting {
                    fingers: 1,
                    travelled: 0.0,
                };
            }
            (fingers, Doing::Resting { travelled, .. }) => {
                self.doing = Doing::Resting { fingers, travelled };
            }
            (2, Doing::Moving) => self.doing = Doing::Scrolling,
            _ => {}
        }
        acts
    }

    fn moved(&mut self, id: i32, at: (f64, f64), now: f64) -> Vec<Act> {
        let count = self.fingers.len();
        let Some(finger) = self.fingers.iter_mut().find(|finger| finger.id == id) else {
            return Vec::new();
        };
        let (x, y) = (at.0 - finger.at.0, at.1 - finger.at.1);
        let took = (now - finger.when).max(1.0);
        let mut acts = Vec::new();
        if let Doing::Resting { fingers, travelled } = &mut self.doing {
            // From where it came down, so that slow movement is noticed too.
            *travelled = travelled.max(x.hypot(y));
            if *travelled < SLOP {
                return acts;
            }
            self.doing = match *fingers {
                1 if self.again => {
                    acts.push(left(true));
                    Doing::Dragging
                }
                1 => Doing::Moving,
                2 => Doing::Scrolling,
                _ => Doing::Nothing,
            };
        }
        *finger = Finger { id, at, when: now };
        match self.doing {
            Doing::Moving | Doing::Dragging => {
                let speed = (x.hypot(y) / took / QUICK).min(1.0);
                let times = SLOWEST + (QUICKEST - SLOWEST) * speed;
                acts.push(Act::Move {
                    x: x * times,
                    y: y * times,
                });
            }
            // As far as the middle between the fingers.
            Doing::Scrolling if count > 0 => acts.push(Act::Push {
                x: x / count as f64,
                y: y / count as f64,
            }),
            _ => {}
        }
        acts
    }

    fn end(&mut self, id: i32, now: f64) -> Vec<Act> {
        let before = self.fingers.len();
        self.fingers.retain(|finger| finger.id != id);
        if self.fingers.len() == before {
            return Vec::new();
        }
        if !self.fingers.is_empty() {
            // The rest of a tap, or of a stroke: the finger that is left does not begin anything.
            if matches!(self.doing, Doing::Moving | Doing::Scrolling) {
                self.doing = Doing::Nothing;
            }
            return Vec::new();
        }
        let in_time = now - self.since <= TAP;
        match std::mem::take(&mut self.doing) {
            Doing::Resting { fingers: 1, .. } if in_time => {
                self.tapped = Some(now);
                vec![left(true), left(false)]
            }
            Doing::Resting { fingers: 2, .. } if in_time => vec![right(true), right(false)],
            Doing::Dragging => vec![left(false)],
            _ => Vec::new(),
        }
    }
}

fn left(pressed: bool) -> Act {
    let button = PointerButton::Left;
    Act::Button { button, pressed }
}

fn right(pressed: bool) -> Act {
    let button = PointerButton::Right;
    Act::Button { button, pressed }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const START: TouchPhase = TouchPhase::Start;
    const MOVE: TouchPhase = TouchPhase::Move;
    const END: TouchPhase = TouchPhase::End;

    /// All that comes of these, each with its finger, its place across and its time.
    fn after(pad: &mut Trackpad, events: &[(i32, TouchPhase, f64, f64)]) -> Vec<Act> {
        let mut acts = Vec::new();
        for (finger, phase, x, now) in events.iter().copied() {
            acts.extend(pad.expire(now));
            acts.extend(pad.on(finger, phase, (x, 0.0), now));
        }
        acts
    }

    #[test]
    fn a_tap_is_a_click_and_one_of_two_fingers_a_right_click() {
        let mut pad = Trackpad::default();
        let one = [
            (1, START, 0.0, 0.0),
            (1, MOVE, 3.0, 50.0),
            (1, END, 3.0, 240.0),
        ];
        assert_eq!(after(&mut pad, &one), [left(true), left(false)]);
        let two = [
            (1, START, 0.0, 1000.0),
            (2, START, 90.0, 1020.0),
            (1, END, 0.0, 1100.0),
            (2, END, 90.0, 1130.0),
        ];
        assert_eq!(after(&mut pad, &two), [right(true), right(false)]);
    }

    #[test]
    fn a_slow_finger_moves_the_pointer_as_far_and_a_quick_one_farther() {
        let moved = |by: f64, took: f64| {
            let mut pad = Trackpad::default();
            let start = [(1, START, 0.0, 0.0), (1, MOVE, 20.0, 20.0)];
            after(&mut pad, &start);
            match after(&mut pad, &[(1, MOVE, 20.0 + by, 20.0 + took)])[..] {
                [Act::Move { x, y: 0.0 }] => x / by,
                ref other => panic!("{other:?}"),
            }
        };
        assert!((1.0..1.01).contains(&moved(1.0, 200.0)));
        assert_eq!(moved(100.0, 10.0), 3.0);
    }

    #[test]
    fn a_finger_that_moved_does_not_click() {
        let mut pad = Trackpad::default();
        let events = [
            (1, START, 0.0, 0.0),
            (1, MOVE, 9.0, 50.0),
            (1, END, 9.0, 60.0),
        ];
        assert!(matches!(after(&mut pad, &events)[..], [Act::Move { .. }]));
        let late = [(1, START, 0.0, 1000.0), (1, END, 0.0, 1260.0)];
        assert_eq!(after(&mut pad, &late), []);
    }

    #[test]
    fn a_finger_that_is_held_drags() {
        let mut pad = Trackpad::default();
        assert_eq!(after(&mut pad, &[(1, START, 0.0, 0.0)]), []);
        assert_eq!(pad.deadline(), Some(400.0));
        assert_eq!(pad.expire(399.0), []);
        assert_eq!(pad.expire(400.0), [left(true)]);
        assert_eq!(pad.deadline(), None);
        let rest = [(1, MOVE, 30.0, 600.0), (1, END, 30.0, 700.0)];
        let acts = after(&mut pad, &rest);
        assert!(
            matches!(acts[..], [Act::Move { .. }, up] if up == left(false)),
            "{acts:?}"
        );
    }

    #[test]
    fn a_tap_and_a_finger_that_moves_right_after_it_drag() {
        let mut pad = Trackpad::default();
        let tap = [(1, START, 0.0, 0.0), (1, END, 0.0, 100.0)];
        after(&mut pad, &tap);
        let stroke = [
            (2, START, 0.0, 300.0),
            (2, MOVE, 20.0, 350.0),
            (2, END, 20.0, 400.0),
        ];
        let acts = after(&mut pad, &stroke);
        let is_drag = matches!(acts[..], [down, Act::Move { .. }, up] if down == left(true) && up == left(false));
        assert!(is_drag, "{acts:?}");
        // Later it is a movement like any other.
        after(
            &mut pad,
            &tap.map(|(finger, phase, x, now)| (finger, phase, x, now + 1000.0)),
        );
        let late = stroke.map(|(finger, phase, x, now)| (finger, phase, x, now + 1060.0));
        assert!(matches!(after(&mut pad, &late)[..], [Act::Move { .. }]));
    }

    #[test]
    fn two_fingers_push_what_is_under_the_pointer_and_the_last_one_does_nothing() {
        let mut pad = Trackpad::default();
        let acts = after(
            &mut pad,
            &[
                (1, START, 0.0, 0.0),
                (2, START, 90.0, 10.0),
                (1, MOVE, 20.0, 30.0),
                (2, MOVE, 110.0, 30.0),
                (1, END, 20.0, 40.0),
                (2, MOVE, 200.0, 50.0),
                (2, END, 200.0, 60.0),
            ],
        );
        let push = Act::Push { x: 10.0, y: 0.0 };
        assert_eq!(acts, [push, push]);
    }

    proptest! {
        #[test]
        fn no_button_stays_down(
            events in proptest::collection::vec((0i32..4, 0usize..4, -50.0..50.0f64, 0.0..500.0f64), 0..60),
        ) {
            let mut pad = Trackpad::default();
            let (mut now, mut down) = (0.0, [false; 2]);
            let phases = [START, MOVE, END, TouchPhase::Cancel];
            let mut acts = Vec::new();
            for (finger, phase, x, later) in events {
                now += later;
                acts.extend(after(&mut pad, &[(finger, phases[phase], x, now)]));
            }
            acts.extend(pad.clear());
            for act in acts {
                if let Act::Button { button, pressed } = act {
                    let is_down = &mut down[usize::from(button == PointerButton::Right)];
                    prop_assert_ne!(*is_down, pressed, "each press has one release");
                    *is_down = pressed;
                }
            }
            prop_assert_eq!(down, [false; 2]);
        }
    }
}
