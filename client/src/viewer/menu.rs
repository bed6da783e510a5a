//! A menu over the page: with the pointer or the arrow keys, gone with Escape or a press beside it.

use leptos::ev::{KeyboardEvent, MouseEvent, PointerEvent};
use leptos::html;
use leptos::prelude::*;
use wasm_bindgen::JsCast;
use web_sys::HtmlElement;

use crate::viewer::menu_focus::{Step, step};

/// One line of a menu.
#[derive(Clone)]
pub enum Item {
    Act {
        label: String,
        /// The keys that do the same.
        keys: &'static str,
        disabled: bool,
        run: Callback<()>,
    },
    Switch {
        label: String,
        is_on: Signal<bool>,
        turn: Callback<()>,
    },
    Heading(&'static str),
    Line,
}

impl Item {
    pub fn act(label: impl Into<String>, run: impl Fn() + Send + Sync + 'static) -> Item {
        Item::Act {
            label: label.into(),
            keys: "",
            disabled: false,
            run: Callback::new(move |()| run()),
        }
    }

    /// It is shown, and cannot be chosen now.
    pub fn disabled_if(self, is_disabled: bool) -> Item {
        match self {
            Item::Act {
                label, keys, run, ..
            } => Item::Act {
                label,
                keys,
                disabled: is_disabled,
                run,
            },
            other => other,
        }
    }
}

/// `at` is where its upper left corner goes, in CSS pixels of the window; `close` takes it away and gives the focus to
/// something else.
#[component]
pub fn Menu(
    label: &'static str,
    items: Vec<Item>,
    at: (f64, f64),
    #[prop(into)] close: Callback<()>,
) -> impl IntoView {
    let list = NodeRef::<html::Div>::new();
    Effect::new(move |_| {
        if let Some(list) = list.get() {
            keep_in_window(&list, at);
            focus(&list, Step::First);
        }
    });
    let key = move |event: KeyboardEvent| {
        event.stop_propagation();
        match (event.key().as_str(), step(&event.key())) {
            ("Escape" | "Tab", _) => close.run(()),
            (_, Some(step)) => {
                if let Some(list) = list.get_untracked() {
                    focus(&list, step);
                }
            }
            _ => return,
        }
        event.prevent_default();
    };
    let lines = items
        .into_iter()
        .map(|item| line(item, close))
        .collect_view();
    view! {
        <div
            class="menu-behind"
            on:pointerdown=move |event: PointerEvent| {
                event.prevent_default();
                close.run(());
            }
            on:contextmenu=|event: MouseEvent| event.prevent_default()
        ></div>
        <div
            node_ref=list
            class="menu"
            role="menu"
            aria-label=label
            on:keydown=key
            on:contextmenu=|event: MouseEvent| event.prevent_default()
        >
            {lines}
        </div>
    }
    .into_any()
}

fn line(item: Item, close: Callback<()>) -> AnyView {
    match item {
        Item::Act {
            label,
            keys,
            disabled,
            run,
        } => view! {
            <button
                role="menuitem"
                tabindex="-1"
                disabled=disabled
                on:click=move |_| {
                    close.run(());
                    run.run(());
                }
            >
                <span>{label}</span>
                <kbd>{keys}</kbd>
            </button>
        }
        .into_any(),
        Item::Switch { label, is_on, turn } => view! {
            <button
                role="menuitemcheckbox"
                tabindex="-1"
                aria-checked=move || is_on.get().to_string()
                on:click=move |_| turn.run(())
            >
                <span>{label}</span>
                <span class="check" aria-hidden="true">
                    {move || if is_on.get() { "✓" } else { "" }}
                </span>
            </button>
        }
        .into_any(),
        Item::Heading(text) => view! { <p role="presentation">{text}</p> }.into_any(),
        Item::Line => view! { <hr role="separator" /> }.into_any(),
    }
}

/// Its size is known once it is there.
fn keep_in_window(list: &web_sys::HtmlDivElement, (x, y): (f64, f64)) {
    let (own, window) = (list.get_bounding_client_rect(), crate::dom::window());
    let room = |side: Result<wasm_bindgen::JsValue, _>| {
        side.ok().and_then(|side| side.as_f64()).unwrap_or(f64::MAX)
    };
    let left = x
        .min(room(window.inner_width()) - own.width() - 4.0)
        .max(0.0);
    let top = y
        .min(room(window.inner_height()) - own.height() - 4.0)
        .max(0.0);
    let style = HtmlElement::style(list);
    for (property, value) in [("left", left), ("top", top)] {
        // Refused is the corner of the window.
        let _ = style.set_property(property, &format!("{value:.0}px"));
    }
}

fn focus(list: &web_sys::HtmlDivElement, step: Step) {
    let Ok(found) = list.query_selector_all("button:not(:disabled)") else {
        return;
    };
    let items = (0..found.length()).filter_map(|place| found.item(place));
    let items: Vec<HtmlElement> = items.filter_map(|item| item.dyn_into().ok()).collect();
    let focused = crate::dom::window()
        .document()
        .and_then(|document| document.active_element());
    let place = items
        .iter()
        .position(|item| focused.as_ref() == Some(item.as_ref()));
    if let Some(item) = step
        .from(place, items.len())
        .and_then(|next| items.get(next))
    {
        crate::input::focus(item);
    }
}
