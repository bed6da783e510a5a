//! The hidden text field lies where the caret of the remote page is: the system puts its candidate window there. Where people
//! type on the screen it holds what the remote field holds, and its keyboard covers no caret.

use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};
use std::time::Duration;

use leptos::prelude::{
    Effect, Get, GetUntracked, RwSignal, Set, Track, Update, WithUntracked, WithValue,
};
use send_wrapper::SendWrapper;
use shared::fit::PointInElement;
use shared::geometry::PointInVideo;
use shared::input::{Key, Modifiers};
use shared::message::ClientMessage;
use shared::session::TextField;
use web_sys::{Event, HtmlElement, Touch, TouchEvent};

use super::InputTarget;
use super::keyboard_avoidance::{Span, shift};
use super::text_mirror::{Edit, Held, Mirror};
use crate::connection::view_state::Link;
use crate::dom::{Alarm, Listener, has_fingers_alone, listen, now, window};
use crate::stats::input_trace::InputKind;

/// A remote field that was tapped has the focus by then.
const TAP_TO_FOCUS: Duration = Duration::from_millis(1500);
/// A finger that goes farther, in CSS pixels, or rests longer, in milliseconds, does not tap.
const TAP_REACH: f64 = 12.0;
const LONGEST_TAP: f64 = 500.0;

/// What an on-screen keyboard does to the hidden field.
pub(super) struct Typing {
    target: Rc<InputTarget>,
    /// The keyboard is on the screen.
    on_screen: bool,
    mirror: RefCell<Mirror>,
    /// The hidden field holds what a remote one held.
    was_mirror: Cell<bool>,
    /// Part of the remote text is selected.
    selected: Cell<bool>,
    /// The remote field has made something else of an edit.
    expiry: Alarm,
    /// Where and when a finger that is alone went down.
    finger: Cell<Option<((f64, f64), f64)>>,
    /// A finger was lifted over a remote field, which will have the focus in a moment.
    tapped: RwSignal<bool>,
    tap_expiry: Alarm,
}

impl Typing {
    pub fn new(target: &Rc<InputTarget>) -> Rc<Typing> {
        Rc::new_cyclic(|weak: &Weak<Typing>| {
            let expired = weak.clone();
            let tapped = RwSignal::new(false);
            Typing {
                target: target.clone(),
                on_screen: has_fingers_alone(),
                mirror: RefCell::default(),
                was_mirror: Cell::new(false),
                selected: Cell::new(false),
                expiry: Alarm::new(move || {
                    if let Some(typing) = expired.upgrade() {
                        let held = typing.mirror.borrow_mut().expire(now());
                        typing.hold(held);
                    }
                }),
                finger: Cell::new(None),
                tapped,
                tap_expiry: Alarm::new(move || tapped.set(false)),
            }
        })
    }

    /// Whether the hidden field holds the text of the remote one, so that what is done to it is an edit of that.
    pub fn is_mirror(&self) -> bool {
        let mirrored = |field: &TextField| field.surrounding.is_some();
        self.on_screen
            && self
                .target
                .view
                .text_field
                .with_untracked(|field| field.as_ref().is_some_and(mirrored))
    }

    /// The hidden field has been changed.
    pub fn edited(&self, event: &Event) {
        let field = &self.target.field;
        let caret = field.selection_end().ok().flatten().unwrap_or(u32::MAX);
        let held = Held::from_dom(field.value(), caret as usize);
        let edit = self.mirror.borrow_mut().edited(held, now());
        let Some(edit) = edit else {
            return;
        };
        let selected = self.selected.replace(false);
        let Edit {
            before,
            after,
            text,
        } = edit;
        match text.as_str() {
            "" if selected => self.tap("Backspace", event),
            "\n" => self.tap("Enter", event),
            _ => {
                // What is selected gives way by itself.
                let bytes = |count: usize| match selected {
                    true => 0,
                    false => u32::try_from(count).unwrap_or(u32::MAX),
                };
                let (before, after) = (bytes(before), bytes(after));
                let edit = ClientMessage::Replace {
                    before,
                    after,
                    text,
                };
                self.target.act(InputKind::Text, event, edit);
            }
        }
        self.set_expiry();
    }

    fn tap(&self, name: &str, event: &Event) {
        for pressed in [true, false] {
            let key = ClientMessage::Key(Key {
                code: name.to_owned(),
                key: name.to_owned(),
                pressed,
                repeat: false,
                modifiers: Modifiers::NONE,
            });
            self.target.act(InputKind::Key, event, key);
        }
    }

    /// The remote field says what it holds.
    fn told(&self, field: Option<&TextField>) {
        if !self.on_screen {
            return;
        }
        let Some(surrounding) = field.and_then(|field| field.surrounding.as_ref()) else {
            let was_mirror = self.was_mirror.replace(false);
            self.mirror.borrow_mut().forget();
            return self.hold(was_mirror.then(Held::default));
        };
        self.was_mirror.set(true);
        self.selected.set(surrounding.anchor != surrounding.caret);
        let held = self.mirror.borrow_mut().told(Held::of(surrounding), now());
        self.hold(held);
    }

    fn hold(&self, held: Option<Held>) {
        if let Some(held) = held {
            let field = &self.target.field;
            if field.value() != held.text {
                field.set_value(&held.text);
            }
            let caret = u32::try_from(held.caret_in_dom()).unwrap_or(u32::MAX);
            // Fails for no field of text.
            let _ = field.set_selection_range(caret, caret);
        }
        self.set_expiry();
    }

    fn set_expiry(&self) {
        match self.mirror.borrow().deadline() {
            Some(deadline) => {
                let wait = (deadline - now()).max(0.0).ceil();
                self.expiry.set(Duration::from_millis(wait as u64));
            }
            None => self.expiry.clear(),
        }
    }

    fn finger_down(&self, event: &TouchEvent) {
        let touches = event.touches();
        let alone = touches.item(0).filter(|_| touches.length() == 1);
        let down = alone.map(|finger| (place_of(&finger), event.time_stamp()));
        self.finger.set(down);
    }

    /// iOS opens its keyboard for a field that gets the focus while a finger is lifted, and at no other time; what the tap
    /// does on the remote page is known too late.
    fn finger_up(&self, event: &TouchEvent) {
        let down = self.finger.take();
        let up = event.changed_touches().item(0);
        let (Some((began_at, began)), Some(up)) = (down, up) else {
            return;
        };
        let at = place_of(&up);
        let is_tap = (at.0 - began_at.0).hypot(at.1 - began_at.1) < TAP_REACH
            && event.time_stamp() - began < LONGEST_TAP;
        let view = self.target.view;
        if is_tap && !view.trackpad.get_untracked() && self.is_over_field(at) {
            self.tapped.set(true);
            self.tap_expiry.set(TAP_TO_FOCUS);
            let field = view.text_field.get_untracked();
            self.show_keyboard(field.as_ref(), true);
        }
    }

    /// In CSS pixels of the window.
    fn is_over_field(&self, (x, y): (f64, f64)) -> bool {
        let Some((_, fit)) = self.target.fit() else {
            return false;
        };
        let place = self.target.picture.get_bounding_client_rect();
        let at = fit.video_from_element(PointInElement {
            x: x - place.left(),
            y: y - place.top(),
        });
        let fields = self.target.view.text_fields;
        fields.with_value(|fields| fields.iter().any(|field| has(*field, at)))
    }

    /// The on-screen keyboard is there while a remote field has the focus, or when the person wants it.
    fn show_keyboard(&self, field: Option<&TextField>, wanted: bool) {
        let mode = match field {
            Some(field) => field.input_mode.as_str(),
            None if self.on_screen && !wanted => "none",
            None => "text",
        };
        let element = &self.target.field;
        let hint = field.map_or("", |field| field.enter_key_hint.as_str());
        if element.get_attribute("enterkeyhint").as_deref() != Some(hint) {
            // Fails for no attribute of this name.
            let _ = element.set_attribute("enterkeyhint", hint);
        }
        let before = element.get_attribute("inputmode");
        if before.as_deref() == Some(mode) {
            return;
        }
        // Fails for no attribute of these names.
        let _ = element.set_attribute("inputmode", mode);
        let sentences = field.is_some_and(|field| !field.secret && mode == "text");
        let capitals = if sentences && self.on_screen {
            "sentences"
        } else {
            "off"
        };
        let _ = element.set_attribute("autocapitalize", capitals);
        let document = window().document();
        let focused = document.and_then(|document| document.active_element());
        let has_focus = focused.is_some_and(|focused| focused == ***element);
        let comes_or_goes = mode == "none" || before.as_deref() == Some("none");
        if self.on_screen && has_focus && comes_or_goes {
            // A field that keeps the focus keeps its keyboard, too, or has none.
            self.target.refocusing.set(true);
            let _ = element.blur();
            self.target.focus();
            self.target.refocusing.set(false);
        }
    }
}

fn place_of(finger: &Touch) -> (f64, f64) {
    (finger.client_x().into(), finger.client_y().into())
}

fn has([left, top, width, height]: [i32; 4], at: PointInVideo) -> bool {
    let within = |at: f32, from: i32, length: i32| {
        let from = from as f32;
        (from..from + length as f32).contains(&at)
    };
    within(at.x, left, width) && within(at.y, top, height)
}

/// Follows the caret as long as the picture is there.
pub(super) fn follow(typing: &Rc<Typing>) -> Vec<Listener> {
    let visible = RwSignal::new(0u32);
    let target = SendWrapper::new(typing.target.clone());
    let moved_up = Cell::new(0.0);
    let told = SendWrapper::new(typing.clone());
    Effect::new(move |_| {
        let view = told.target.view;
        let (field, wanted) = (view.text_field.get(), view.keyboard.get());
        let tapped = told.tapped.get();
        told.told(field.as_ref());
        told.show_keyboard(field.as_ref(), wanted || tapped);
    });
    let watches = SendWrapper::new(typing.target.clone());
    if typing.on_screen {
        Effect::new(move |_| {
            if watches.view.link.get() == Link::Connected {
                watches.send(ClientMessage::WatchTextFields);
            }
        });
    }
    Effect::new(move |_| {
        visible.track();
        let caret = target.view.text_field.get().and_then(|field| field.caret);
        let size = target.view.seen.get().map(|geometry| geometry.video);
        let place = target.picture.get_bounding_client_rect();
        let fit = size.and_then(|size| target.view.fit(size, (place.width(), place.height())));
        let at = caret.zip(fit).map(|([left, top, _, height], fit)| {
            let at = fit.element_from_video(PointInVideo::new(left as f32, top as f32));
            (at, (f64::from(height) * fit.scale()).max(1.0))
        });
        let top = place.top() + moved_up.get();
        let caret = at.map(|(at, height)| Span {
            top: top + at.y,
            bottom: top + at.y + height,
        });
        let stage = Span {
            top,
            bottom: top + place.height(),
        };
        let shift = shift(stage, caret, visible_part());
        if shift != moved_up.replace(shift)
            && let Some(stage) = target.picture.parent_element()
        {
            let transform = match shift {
                0.0 => String::new(),
                shift => format!("transform: translateY(-{shift:.0}px)"),
            };
            // Fails for no attribute of this name.
            let _ = stage.set_attribute("style", &transform);
        }
        let around = target.field.offset_parent();
        let around = around.map(|element| element.get_bounding_client_rect());
        let (Some((at, height)), Some(around)) = (at, around) else {
            return;
        };
        let place = target.picture.get_bounding_client_rect();
        let (x, y) = (
            place.left() - around.left() + at.x,
            place.top() - around.top() + at.y,
        );
        let style = HtmlElement::style(&target.field);
        for (property, pixels) in [("left", x), ("top", y), ("height", height)] {
            // Refused is the place of before.
            let _ = style.set_property(property, &format!("{pixels:.0}px"));
        }
        let _ = style.set_property("bottom", "auto");
    });
    let changed = move |_: Event| visible.update(|changes| *changes = changes.wrapping_add(1));
    let viewport = window().visual_viewport().into_iter();
    let resized = viewport
        .flat_map(|viewport| ["resize", "scroll"].map(|event| listen(&viewport, event, changed)));
    let [down, up] = [typing.clone(), typing.clone()];
    let picture = &typing.target.picture;
    let fingers = [
        listen(picture, "touchstart", move |event: TouchEvent| {
            down.finger_down(&event);
        }),
        listen(picture, "touchend", move |event: TouchEvent| {
            up.finger_up(&event);
        }),
    ];
    resized.chain(fingers).collect()
}

/// What neither an on-screen keyboard nor the edge of the screen hides.
fn visible_part() -> Span {
    match window().visual_viewport() {
        Some(viewport) => Span {
            top: viewport.offset_top(),
            bottom: viewport.offset_top() + viewport.height(),
        },
        None => Span {
            top: 0.0,
            bottom: f64::INFINITY,
        },
    }
}
