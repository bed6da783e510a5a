//! The tab strip, once there is more than one tab.

use leptos::prelude::*;
use shared::session::{Tab, TabId};

use crate::api;
use crate::connection::view_state::ViewState;
use crate::viewer::icon::{self, Icon};

#[component]
pub fn Tabs() -> impl IntoView {
    let view = ViewState::current();
    let tabs = Memo::new(move |_| {
        view.state.with(|state| {
            state
                .as_ref()
                .map(|state| state.tabs.clone())
                .unwrap_or_default()
        })
    });
    let active = Memo::new(move |_| view.state.with(|state| state.as_ref()?.active.clone()));
    let several = Memo::new(move |_| tabs.with(|tabs| tabs.len() > 1));
    let ids = move || tabs.with(|tabs| tabs.iter().map(|tab| tab.id.clone()).collect::<Vec<_>>());
    view! {
        <Show when=move || several.get()>
            <div class="tabs" role="tablist" aria-label="Tabs">
                <For each=ids key=|id| id.clone() let(id)>
                    <TabItem id tabs active />
                </For>
            </div>
        </Show>
    }
    .into_any()
}

/// What a tab is called in the strip.
fn name(tab: &Tab) -> String {
    let title = if tab.title.trim().is_empty() {
        &tab.url
    } else {
        &tab.title
    };
    match title.as_str() {
        "" | "about:blank" => "New tab".to_owned(),
        title => title.to_owned(),
    }
}

#[component]
fn TabItem(id: TabId, tabs: Memo<Vec<Tab>>, active: Memo<Option<TabId>>) -> impl IntoView {
    let view = ViewState::current();
    let id = StoredValue::new(id);
    let title = Memo::new(move |_| {
        tabs.with(|tabs| {
            let tab = tabs.iter().find(|tab| tab.id == id.get_value());
            tab.map(name).unwrap_or_default()
        })
    });
    let is_active = move || active.with(|active| *active == Some(id.get_value()));
    view! {
        <div class="tab" class:active=is_active role="presentation">
            <button
                role="tab"
                class="title"
                title=title
                aria-selected=move || is_active().to_string()
                on:click=move |_| view.ask(api::activate_tab(view.session(), view.viewer(), id.get_value()))
            >
                {title}
            </button>
            <button
                class="tool"
                aria-label=move || format!("Close tab {}", title.get())
                title="Close tab"
                on:click=move |_| view.ask(api::close_tab(view.session(), view.viewer(), id.get_value()))
            >
                <Icon path=icon::STOP />
            </button>
        </div>
    }
}
