//! The toolbar's menu: what is seldom needed, and keys that cannot be typed.

use leptos::ev::MouseEvent;
use leptos::html;
use leptos::prelude::*;

use crate::connection::view_state::ViewState;
use crate::input::chords;
use crate::viewer::Places;
use crate::viewer::before_unload::AskBeforeLeaving;
use crate::viewer::fullscreen::Fullscreen;
use crate::viewer::icon::{self, Icon};
use crate::viewer::menu::{Item, Menu};

#[component]
pub fn MainMenu(fullscreen: Fullscreen, ask: AskBeforeLeaving) -> impl IntoView {
    let view = ViewState::current();
    let places = Places::current();
    let button = NodeRef::<html::Button>::new();
    let opened_at = RwSignal::new(None::<(f64, f64)>);
    let open = move |_| {
        opened_at.set(button.get_untracked().map(|button| {
            let place = button.get_bounding_client_rect();
            (place.left(), place.bottom() + 4.0)
        }));
    };
    let close = Callback::new(move |()| {
        opened_at.set(None);
        places.focus_picture();
    });
    let menu = move || {
        let at = opened_at.get()?;
        let items = items(view, fullscreen, ask);
        Some(view! { <Menu label="Menu" items at close /> })
    };
    view! {
        <button
            node_ref=button
            class="tool"
            aria-label="Menu"
            title="Menu"
            aria-haspopup="menu"
            aria-expanded=move || opened_at.with(|at| at.is_some()).to_string()
            on:mousedown=|event: MouseEvent| event.prevent_default()
            on:click=open
        >
            <Icon path=icon::MORE />
        </button>
        {menu}
    }
    .into_any()
}

fn items(view: ViewState, fullscreen: Fullscreen, ask: AskBeforeLeaving) -> Vec<Item> {
    let keys = move |label: &str, chord: &'static str| {
        Item::act(label, move || view.send(chords::press(chord)))
    };
    let screen = match fullscreen.is_on() {
        true => "Leave full screen",
        false => "Full screen",
    };
    let mut items = vec![
        Item::act("Find in page", move || view.show_find()),
        Item::act("Save page", move || view.save_page()),
        Item::act("Print", move || view.print(None)),
        keys("Zoom in", "Ctrl+Plus"),
        keys("Zoom out", "Ctrl+Minus"),
        Item::act(screen, move || fullscreen.turn()),
        Item::Switch {
            label: "Ask before leaving with unsaved input".to_owned(),
            is_on: ask.is_on.into(),
            turn: Callback::new(move |()| ask.turn()),
        },
        Item::Line,
        Item::Heading("Send keys"),
    ];
    items.extend(chords::UNTYPEABLE.map(|chord| keys(chord, chord)));
    items
}

/// The page's zoom, where it is not 100 %; a click ends it.
#[component]
pub fn ZoomFigure() -> impl IntoView {
    let view = ViewState::current();
    let zoom = view.of_active_tab(|tab| tab.zoom);
    let zoomed = move || zoom.get().filter(|zoom| *zoom != 100);
    (move || {
        let zoom = zoomed()?;
        Some(view! {
            <button
                class="zoom"
                title="Back to 100 %"
                aria-label=format!("Zoom {zoom} %: back to 100 %")
                on:mousedown=|event: MouseEvent| event.prevent_default()
                on:click=move |_| view.send(chords::press("Ctrl+0"))
            >
                {format!("{zoom} %")}
            </button>
        })
    })
    .into_any()
}
