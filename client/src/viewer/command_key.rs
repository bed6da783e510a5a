//! What ⌘ does: a switch for those who have that key, kept by their browser.

use leptos::ev::MouseEvent;
use leptos::prelude::*;

use crate::connection::view_state::ViewState;
use crate::dom::{self, window};
use crate::input::keys::Command;

/// In the browser's own storage.
const NAME: &str = "farpane-command-key";

#[component]
pub fn CommandKey() -> impl IntoView {
    let view = ViewState::current();
    let has_key = RwSignal::new(false);
    Effect::new(move |_| {
        let mac = is_mac();
        has_key.set(mac);
        view.command.set(match dom::kept(NAME).as_deref() {
            Some("meta") => Command::Meta,
            _ if mac => Command::Ctrl,
            _ => Command::Meta,
        });
    });
    let acts_as_ctrl = move || view.command.get() == Command::Ctrl;
    let turn = move |_| {
        let (command, name) = match view.command.get_untracked() {
            Command::Ctrl => (Command::Meta, "meta"),
            Command::Meta => (Command::Ctrl, "ctrl"),
        };
        view.command.set(command);
        dom::keep(NAME, name);
    };
    view! {
        <Show when=move || has_key.get()>
            <button
                class="tool"
                aria-label="⌘ acts as Ctrl"
                title="⌘ acts as Ctrl"
                aria-pressed=move || acts_as_ctrl().to_string()
                on:mousedown=|event: MouseEvent| event.prevent_default()
                on:click=turn
            >
                {move || if acts_as_ctrl() { "⌃" } else { "⌘" }}
            </button>
        </Show>
    }
    .into_any()
}

fn is_mac() -> bool {
    let platform = window().navigator().platform().unwrap_or_default();
    platform.starts_with("Mac")
}
