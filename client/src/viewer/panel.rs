//! A panel of figures: floating over the picture, where its header can be dragged, or docked beside it.

use leptos::ev::{KeyboardEvent, PointerEvent};
use leptos::html;
use leptos::prelude::*;

use super::panel_position::{Extent, Position, key_step};
use crate::viewer::Places;
use crate::viewer::icon::{self, Icon};

/// Where the panel is.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Place {
    /// Over the picture, at the bottom right.
    Corner,
    /// Over the picture, where a person has moved it.
    At(Position),
    /// Beside the picture, which keeps the rest of the window.
    Docked,
}

#[component]
pub fn Panel(name: &'static str, shown: RwSignal<bool>, children: Children) -> impl IntoView {
    let places = Places::current();
    let place = RwSignal::new(Place::Corner);
    let panel = NodeRef::<html::Aside>::new();
    let header = NodeRef::<html::Header>::new();
    // The pointer's last position, while it drags.
    let dragged = RwSignal::new(None::<(i32, i32)>);
    let move_by = move |x: f64, y: f64| {
        let Some(element) = panel.get_untracked() else {
            return;
        };
        let Some(space) = element.parent_element() else {
            return;
        };
        let (own, around) = (
            element.get_bounding_client_rect(),
            space.get_bounding_client_rect(),
        );
        let position = Position {
            left: own.left() - around.left(),
            top: own.top() - around.top(),
        };
        let extent = |rect: &web_sys::DomRect| Extent {
            width: rect.width(),
            height: rect.height(),
        };
        place.set(Place::At(position.moved(
            x,
            y,
            extent(&own),
            extent(&around),
        )));
    };
    let is_docked = move || place.get() == Place::Docked;
    let press = move |event: PointerEvent| {
        if event.button() != 0 || place.get_untracked() == Place::Docked {
            return;
        }
        if let Some(header) = header.get_untracked() {
            // Fails for a pointer that was lifted meanwhile: nothing is dragged then.
            let _ = header.set_pointer_capture(event.pointer_id());
        }
        dragged.set(Some((event.client_x(), event.client_y())));
    };
    let drag = move |event: PointerEvent| {
        if let Some((x, y)) = dragged.get_untracked() {
            move_by(
                f64::from(event.client_x() - x),
                f64::from(event.client_y() - y),
            );
            dragged.set(Some((event.client_x(), event.client_y())));
        }
    };
    let drop = move |_: PointerEvent| dragged.set(None);
    let key = move |event: KeyboardEvent| {
        if let (Some((x, y)), false) = (key_step(&event.key()), is_docked()) {
            event.prevent_default();
            move_by(x, y);
        }
    };
    let dock = move |_| {
        place.update(|place| {
            *place = match place {
                Place::Docked => Place::Corner,
                _ => Place::Docked,
            }
        });
    };
    let close = move |_| {
        shown.set(false);
        // Its own button, which had the focus, is gone.
        places.focus_picture();
    };
    let dock_name = move || {
        if is_docked() {
            "Undock"
        } else {
            "Dock beside the page"
        }
    };
    let class = move || {
        if is_docked() {
            "statistics docked"
        } else {
            "statistics"
        }
    };
    let style = move || match place.get() {
        Place::At(Position { left, top }) => {
            format!("left: {left:.0}px; top: {top:.0}px; right: auto; bottom: auto")
        }
        Place::Corner | Place::Docked => String::new(),
    };
    view! {
        <aside node_ref=panel class=class style=style aria-label=name>
            <header
                node_ref=header
                tabindex="0"
                role="group"
                aria-label="Move the panel"
                title="Drag, or press an arrow key, to move"
                on:pointerdown=press
                on:pointermove=drag
                on:pointerup=drop
                on:pointercancel=drop
                on:keydown=key
            >
                <h2>{name}</h2>
                <button
                    class="tool"
                    aria-label=dock_name
                    title=dock_name
                    on:pointerdown=|event| event.stop_propagation()
                    on:click=dock
                >
                    <Icon path=icon::DOCK />
                </button>
                <button
                    class="tool"
                    aria-label="Close the panel"
                    title="Close"
                    on:pointerdown=|event| event.stop_propagation()
                    on:click=close
                >
                    <Icon path=icon::STOP />
                </button>
            </header>
            <div class="figures">{children()}</div>
        </aside>
    }
    .into_any()
}
