//! Fingers on the picture → fingers on the remote page, where what taps, strokes and pinches mean is Chrome's to say; or,
//! on a trackpad, a mouse.

use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};
use std::time::Duration;

use leptos::prelude::{Effect, GetUntracked, Set, SetValue, Track};
use send_wrapper::SendWrapper;
use shared::geometry::{AimedPoint, Geometry, PointInVideo};
use shared::input::TouchPhase;
use shared::message::ClientMessage;
use web_sys::PointerEvent;

use crate::dom::{Alarm, now};
use crate::input::trackpad::{Act, Trackpad};
use crate::input::{InputTarget, pointer_lock};
use crate::stats::input_trace::InputKind;

pub(super) fn is_finger(event: &PointerEvent) -> bool {
    event.pointer_type() == "touch"
}

/// The fingers of the person, and where their pointer is if they move one.
pub(super) struct Hand {
    target: Rc<InputTarget>,
    trackpad: RefCell<Trackpad>,
    /// In the middle of the picture before it has moved.
    pointer: Cell<Option<PointInVideo>>,
    /// A finger that rests takes hold.
    hold: Alarm,
}

impl Hand {
    pub fn new(target: &Rc<InputTarget>) -> Rc<Hand> {
        let hand = Rc::new_cyclic(|weak: &Weak<Hand>| {
            let held = weak.clone();
            Hand {
                target: target.clone(),
                trackpad: RefCell::default(),
                pointer: Cell::new(None),
                hold: Alarm::new(move || {
                    if let Some(hand) = held.upgrade() {
                        let acts = hand.trackpad.borrow_mut().expire(now());
                        hand.perform(acts, None);
                    }
                }),
            }
        });
        let shown = SendWrapper::new(hand.clone());
        Effect::new(move |_| {
            let view = shown.target.view;
            view.trackpad.track();
            view.seen.track();
            view.pointer_locked.track();
            shown.forget();
            shown.show_pointer();
        });
        hand
    }

    /// Each finger is a pointer of its own, and captured by the picture from its first event on.
    pub fn follow(&self, event: &PointerEvent, phase: TouchPhase) {
        let target = &self.target;
        let at = (f64::from(event.client_x()), f64::from(event.client_y()));
        target.view.pointer.set_value(at);
        if phase == TouchPhase::Start {
            target.focus();
            pointer_lock::ask(target);
        }
        if target.view.trackpad.get_untracked() {
            let acts = (self.trackpad.borrow_mut()).on(event.pointer_id(), phase, at, now());
            self.perform(acts, Some(event));
            return;
        }
        let Some(at) = target.point(event) else {
            return;
        };
        let kind = match phase {
            TouchPhase::Move => InputKind::Move,
            TouchPhase::Start | TouchPhase::End | TouchPhase::Cancel => InputKind::Touch,
        };
        let finger = event.pointer_id().cast_unsigned();
        let touch = ClientMessage::Touch { finger, phase, at };
        target.act(kind, event, touch);
    }

    /// No finger is down any more, and the server knows.
    pub fn forget(&self) {
        let acts = self.trackpad.borrow_mut().clear();
        self.perform(acts, None);
    }

    /// `event` is what they come of, unless it is time.
    fn perform(&self, acts: Vec<Act>, event: Option<&PointerEvent>) {
        for act in acts {
            let Some((kind, message)) = self.message(act) else {
                continue;
            };
            match event {
                Some(event) => self.target.act(kind, event, message),
                None => self.target.send(message),
            }
        }
        match self.trackpad.borrow().deadline() {
            Some(deadline) => {
                let wait = (deadline - now()).max(0.0).ceil();
                self.hold.set(Duration::from_millis(wait as u64));
            }
            None => self.hold.clear(),
        }
        self.show_pointer();
    }

    /// `None` before anything is known of the picture.
    fn message(&self, act: Act) -> Option<(InputKind, ClientMessage)> {
        let (geometry, fit) = self.target.fit()?;
        let pixels = 1.0 / fit.scale();
        let at = self.pointer(&geometry);
        let aimed = |point| AimedPoint::new(point, Some(geometry.epoch));
        Some(match act {
            Act::Move { x, y } if self.target.view.pointer_locked.get_untracked() => (
                InputKind::Move,
                ClientMessage::PointerMotion {
                    x: (x * pixels) as f32,
                    y: (y * pixels) as f32,
                },
            ),
            Act::Move { x, y } => {
                let moved =
                    PointInVideo::new(at.x + (x * pixels) as f32, at.y + (y * pixels) as f32);
                let moved = moved.clamped(geometry.video);
                self.pointer.set(Some(moved));
                let (sequence, at) = (self.target.next_sequence(), aimed(moved));
                (InputKind::Move, ClientMessage::PointerMove { sequence, at })
            }
            Act::Button { button, pressed } => (
                InputKind::Button,
                ClientMessage::PointerButton {
                    at: aimed(at),
                    button,
                    pressed,
                },
            ),
            // The page follows the fingers: what is pushed down shows what is above it.
            Act::Push { x, y } => {
                let page_pixels = pixels / geometry.scale.as_f64();
                (
                    InputKind::Wheel,
                    ClientMessage::Wheel {
                        at: aimed(at),
                        delta_x: (-x * page_pixels) as f32,
                        delta_y: (-y * page_pixels) as f32,
                        notched: false,
                    },
                )
            }
        })
    }

    fn pointer(&self, geometry: &Geometry) -> PointInVideo {
        let (width, height) = (geometry.video.width(), geometry.video.height());
        let middle = || PointInVideo::new(f32::from(width) / 2.0, f32::from(height) / 2.0);
        let at = self.pointer.get().unwrap_or_else(middle);
        at.clamped(geometry.video)
    }

    fn show_pointer(&self) {
        let view = self.target.view;
        let shown = view.trackpad.get_untracked() && !view.pointer_locked.get_untracked();
        let place = self.target.fit().filter(|_| shown).map(|(geometry, fit)| {
            let at = fit.element_from_video(self.pointer(&geometry));
            (at.x, at.y)
        });
        if view.trackpad_pointer.get_untracked() != place {
            view.trackpad_pointer.set(place);
        }
    }
}
