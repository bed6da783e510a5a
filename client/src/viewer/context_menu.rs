//! The menu of the secondary button, where the remote page has none of its own.

use leptos::prelude::*;
use shared::session::ContextMenu as Target;

use crate::api;
use crate::connection::view_state::ViewState;
use crate::input::{chords, clipboard};
use crate::viewer::Places;
use crate::viewer::copy_and_save;
use crate::viewer::menu::{Item, Menu};

#[component]
pub fn ContextMenu() -> impl IntoView {
    let view = ViewState::current();
    let places = Places::current();
    let close = Callback::new(move |()| {
        view.context_menu.set(None);
        places.focus_picture();
    });
    (move || {
        let target = view.context_menu.get()?;
        let items = items(view, target);
        let at = view.pointer.get_value();
        Some(view! { <Menu label="Page" items at close /> })
    })
    .into_any()
}

fn items(view: ViewState, target: Target) -> Vec<Item> {
    let Target {
        link,
        image,
        has_selection,
        is_editable,
    } = target;
    let keys = move |label: &str, chord: &'static str| {
        Item::act(label, move || view.send(chords::press(chord)))
    };
    let mut items = Vec::new();
    if let Some(link) = link {
        let copied = link.clone();
        items.push(Item::act("Open link in new tab", move || {
            let url = Some(link.clone());
            view.ask(api::new_tab(view.session(), view.viewer(), url));
        }));
        items.push(Item::act("Copy link address", move || {
            copy_and_save::copy_text(view, &copied);
        }));
        items.push(Item::Line);
    }
    if let Some(image) = image {
        let copied = image.clone();
        items.push(Item::act("Save image", move || {
            copy_and_save::save(view, image.clone());
        }));
        items.push(Item::act("Copy image", move || {
            copy_and_save::copy(view, copied.clone());
        }));
        items.push(Item::Line);
    }
    if is_editable {
        items.push(keys("Cut", "Ctrl+X").disabled_if(!has_selection));
    }
    if is_editable || has_selection {
        items.push(keys("Copy", "Ctrl+C").disabled_if(!has_selection));
    }
    if is_editable {
        items.push(Item::act("Paste", move || clipboard::paste_by_menu(view)));
    }
    items.push(keys("Select all", "Ctrl+A"));
    items.push(Item::Line);
    let (back, forward) = view.state.with_untracked(|state| {
        let tab = state.as_ref().and_then(|state| state.active_tab());
        tab.map_or((false, false), |tab| (tab.can_go_back, tab.can_go_forward))
    });
    items.push(
        Item::act("Back", move || {
            view.ask(api::back(view.session(), view.viewer()));
        })
        .disabled_if(!back),
    );
    items.push(
        Item::act("Forward", move || {
            view.ask(api::forward(view.session(), view.viewer()));
        })
        .disabled_if(!forward),
    );
    items.push(Item::act("Reload", move || {
        view.ask(api::reload(view.session(), view.viewer()));
    }));
    items.push(Item::act("Save page", move || view.save_page()));
    items.push(Item::act("Print", move || view.print(None)));
    items
}
