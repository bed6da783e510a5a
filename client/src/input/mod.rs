//! What a person does → messages, sent from the DOM handlers themselves.
//!
//! A timer or a future would cost a frame: browsers put both off while they handle a click or a key.

// Pointer and wheel on the picture.
mod buttons;
mod pointer;
mod wheel;
mod wheel_delta;
// Keys and text of the hidden text field.
mod keyboard;
mod keys;

use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use leptos::prelude::WithUntracked;
use shared::geometry::{AimedPoint, Fit, PointInElement};
use shared::message::ClientMessage;
use web_sys::{Event, HtmlElement, HtmlTextAreaElement, HtmlVideoElement, MouseEvent};

use crate::connection::Connection;
use crate::connection::view_state::ViewState;
use crate::dom::{Interval, Listener, every, listen, window};
use crate::stats::input_trace::InputKind;
use keyboard::Keyboard;

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
    });
    let keyboard = Rc::new(Keyboard::default());
    let mut listeners = pointer::listeners(&target);
    listeners.push(wheel::listener(&target));
    listeners.extend(keyboard::listeners(&target, &keyboard));
    listeners.extend(releases(&target, &keyboard));
    let heartbeat = every(HEARTBEAT, move || keyboard.beat(&target));
    Input {
        _listeners: listeners,
        _heartbeat: heartbeat,
    }
}

/// When the person looks elsewhere, the `keyup` will be seen elsewhere.
fn releases(target: &Rc<InputTarget>, keyboard: &Rc<Keyboard>) -> Vec<Listener> {
    let release = || {
        let (target, keyboard) = (target.clone(), keyboard.clone());
        move |_: Event| {
            keyboard.forget();
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
        self.connection.send(message);
    }

    /// What was done with this event; how long it takes to be seen is measured.
    fn act(&self, kind: InputKind, event: &Event, message: ClientMessage) {
        self.connection.act(kind, event, message);
    }

    /// `None` before anything is known of the picture, or while it has no area.
    fn point(&self, event: &MouseEvent) -> Option<AimedPoint> {
        let geometry = self
            .view
            .state
            .with_untracked(|state| state.as_ref().map(|state| state.geometry))?;
        let place = self.picture.get_bounding_client_rect();
        let fit = Fit::within(place.width(), place.height(), geometry.video)?;
        let point_in_video = fit.video_from_element(PointInElement {
            x: f64::from(event.client_x()) - place.left(),
            y: f64::from(event.client_y()) - place.top(),
        });
        Some(AimedPoint::new(point_in_video, Some(geometry.epoch)))
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
