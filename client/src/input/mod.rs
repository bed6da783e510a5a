//! What a person does → messages, sent from the DOM handlers themselves.
//!
//! A timer or a future would cost a frame: browsers put both off while they handle a click or a key.

// Pointer and wheel on the picture.
mod buttons;
mod drag_relay;
mod drops;
mod pointer;
mod pointer_lock;
mod touch;
mod trackpad;
mod wheel;
mod wheel_delta;
// Keys, text and clipboard of the hidden text field.
pub mod chords;
pub mod clipboard;
mod clipboard_sync;
mod keyboard;
mod keyboard_avoidance;
pub mod keys;
mod paste_queue;
mod promised_copy;
mod text_field;
mod text_mirror;

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use leptos::prelude::{Effect, Get, GetUntracked};
use send_wrapper::SendWrapper;
use shared::fit::{Fit, PointInElement};
use shared::geometry::{AimedPoint, Geometry};
use shared::message::ClientMessage;
use web_sys::{Event, HtmlElement, HtmlTextAreaElement, HtmlVideoElement, MouseEvent};

use crate::connection::Connection;
use crate::connection::view_state::ViewState;
use crate::dom::{Interval, Listener, every, listen, window};
use crate::stats::input_trace::InputKind;
use keyboard::Keyboard;
pub use keyboard::modifiers;
use paste_queue::PasteQueue;

/// The server lifts a key that no heartbeat mentions any more.
const HEARTBEAT: Duration = Duration::from_secs(1);

/// Where input comes from and goes to.
struct InputTarget {
    connection: Rc<Connection>,
    view: ViewState,
    picture: HtmlVideoElement,
    /// Has the focus while the person works in the remote page.
    field: HtmlTextAreaElement,
    /// Where the focus goes when the person leaves the picture by key.
    address: Option<HtmlElement>,
    /// `PointerEvent.buttons` that the server knows.
    buttons: Cell<u16>,
    sequence: Cell<u32>,
    /// The hidden field loses the focus for no longer than it takes to get it again.
    refocusing: Cell<bool>,
    /// What waits for what was pasted.
    pastes: RefCell<PasteQueue<clipboard::LargePaste>>,
}

/// Everything that listens; dropped with the picture.
pub struct Input {
    _listeners: Vec<Listener>,
    _heartbeat: Interval,
}

pub fn attach(
    connection: Rc<Connection>,
    view: ViewState,
    picture: HtmlVideoElement,
    field: HtmlTextAreaElement,
    address: Option<HtmlElement>,
) -> Input {
    let target = Rc::new(InputTarget {
        connection,
        view,
        picture,
        field,
        address,
        buttons: Cell::new(0),
        sequence: Cell::new(0),
        refocusing: Cell::new(false),
        pastes: RefCell::default(),
    });
    let keyboard = Rc::new(Keyboard::default());
    let typing = text_field::Typing::new(&target);
    let hand = touch::Hand::new(&target);
    let mut listeners = pointer::listeners(&target, &hand);
    listeners.push(wheel::listener(&target));
    let clipboards = clipboard::Clipboards::new(&target);
    listeners.extend(keyboard::listeners(
        &target,
        &keyboard,
        &typing,
        &clipboards,
    ));
    listeners.extend(clipboard::listeners(&clipboards));
    listeners.extend(drops::listeners(&target));
    listeners.extend(pointer_lock::follow(&target));
    listeners.extend(releases(&target, &keyboard, &hand));
    listeners.extend(text_field::follow(&typing));
    let (command, typing) = (target.view.command, SendWrapper::new(keyboard.clone()));
    Effect::new(move |_| typing.set_command(command.get()));
    let heartbeat = every(HEARTBEAT, move || keyboard.beat(&target));
    Input {
        _listeners: listeners,
        _heartbeat: heartbeat,
    }
}

/// When the person looks elsewhere, the `keyup` will be seen elsewhere.
fn releases(
    target: &Rc<InputTarget>,
    keyboard: &Rc<Keyboard>,
    hand: &Rc<touch::Hand>,
) -> Vec<Listener> {
    let release = || {
        let (target, keyboard, hand) = (target.clone(), keyboard.clone(), hand.clone());
        move |_: Event| {
            if target.refocusing.get() {
                return;
            }
            keyboard.forget();
            hand.forget();
            target.buttons.set(0);
            target.send(ClientMessage::ReleaseAll);
        }
    };
    let window = window();
    let mut listeners = vec![
        listen(&target.field, "blur", release()),
        listen(&window, "blur", release()),
        listen(&window, "pagehide", release()),
    ];
    if let Some(document) = window.document() {
        // Both ways: nothing is held either when the page comes back.
        listeners.push(listen(&document, "visibilitychange", release()));
    }
    listeners
}

impl InputTarget {
    fn send(&self, message: ClientMessage) {
        if let Some(message) = self.passed(message) {
            self.connection.send(message);
        }
    }

    /// The queue is free again when the message is sent, which may make the browser tell of something else at once.
    fn passed(&self, message: ClientMessage) -> Option<ClientMessage> {
        self.pastes.borrow_mut().pass(message)
    }

    /// What was done with this event; how long it takes to be seen is measured, unless it waits for something else.
    fn act(&self, kind: InputKind, event: &Event, message: ClientMessage) {
        if let Some(message) = self.passed(message) {
            self.connection.act(kind, event, message);
        }
    }

    /// `None` before anything is known of the picture, or while it has no area.
    fn point(&self, event: &MouseEvent) -> Option<AimedPoint> {
        let (geometry, fit) = self.fit()?;
        let place = self.picture.get_bounding_client_rect();
        let point_in_video = fit.video_from_element(PointInElement {
            x: f64::from(event.client_x()) - place.left(),
            y: f64::from(event.client_y()) - place.top(),
        });
        Some(AimedPoint::new(point_in_video, Some(geometry.epoch)))
    }

    /// How the picture that is seen sits in its element; `None` before anything is known of it.
    fn fit(&self) -> Option<(Geometry, Fit)> {
        let geometry = self.view.seen.get_untracked()?;
        let place = self.picture.get_bounding_client_rect();
        let fit = self
            .view
            .fit(geometry.video, (place.width(), place.height()))?;
        Some((geometry, fit))
    }

    /// Pixels of the video per CSS pixel of the picture's element; `None` before anything is known of the picture.
    fn video_pixels(&self) -> Option<f64> {
        self.fit().map(|(_, fit)| 1.0 / fit.scale())
    }

    fn next_sequence(&self) -> u32 {
        let next = self.sequence.get().wrapping_add(1);
        self.sequence.set(next);
        next
    }

    fn focus(&self) {
        focus(&self.field);
    }
}

/// Without scrolling the field, which lies outside the visible part, into view.
pub fn focus(element: &HtmlElement) {
    let options = web_sys::FocusOptions::new();
    options.set_prevent_scroll(true);
    // Throws for no element that is in the page.
    let _ = element.focus_with_options(&options);
}
