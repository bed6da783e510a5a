//! What a new tab shows: a field for an address or words, and the pages that the session has shown.

use leptos::ev::SubmitEvent;
use leptos::html;
use leptos::prelude::*;
use leptos::task::spawn_local;
use shared::session::{Phase, RecentPage};

use crate::api;
use crate::connection::view_state::ViewState;
use crate::dom::window;
use crate::viewer::Places;

#[component]
pub fn StartPage() -> impl IntoView {
    let view = ViewState::current();
    // Another new tab is another start page.
    let shown = Memo::new(move |_| {
        view.state.with(|state| {
            let state = state
                .as_ref()
                .filter(|state| state.phase == Phase::Running)?;
            let tab = state.active_tab().filter(|tab| tab.is_new)?;
            Some(tab.id.clone())
        })
    });
    (move || shown.get().map(|_| view! { <NewTab /> })).into_any()
}

#[component]
fn NewTab() -> impl IntoView {
    let view = ViewState::current();
    let places = Places::current();
    let field = NodeRef::<html::Input>::new();
    let recent = Memo::new(move |_| {
        view.state.with(|state| {
            let recent = state.as_ref().map(|state| state.recent.clone());
            recent.unwrap_or_default()
        })
    });
    Effect::new(move |_| {
        // Whoever writes an address in the toolbar goes on.
        let document = window().document();
        let focused = document.and_then(|document| document.active_element());
        let writes = focused.is_some_and(|element| element.tag_name() == "INPUT");
        if let Some(field) = field.get().filter(|_| !writes) {
            crate::input::focus(&field);
        }
    });
    let go = move |url: String| {
        if url.trim().is_empty() {
            return;
        }
        spawn_local(async move {
            match api::navigate(view.session(), view.viewer(), url).await {
                Ok(()) => places.focus_picture(),
                Err(refused) => view.refusal.set(Some(refused.to_string())),
            }
        });
    };
    let submit = move |event: SubmitEvent| {
        event.prevent_default();
        if let Some(field) = field.get_untracked() {
            go(field.value());
        }
    };
    let item = move |page: RecentPage| {
        let RecentPage { title, url } = page;
        let title = match title.trim() {
            "" => url.clone(),
            title => title.to_owned(),
        };
        let shown_url = url.clone();
        view! {
            <li>
                <button type="button" on:click=move |_| go(url.clone())>
                    <strong>{title}</strong>
                    <span class="url">{shown_url}</span>
                </button>
            </li>
        }
    };
    view! {
        <section class="new-tab" aria-label="New tab">
            <form class="start" on:submit=submit>
                <input
                    node_ref=field
                    type="text"
                    inputmode="url"
                    aria-label="Search or go to"
                    placeholder="Address or words to search"
                    autocomplete="off"
                    autocapitalize="off"
                    spellcheck="false"
                    enterkeyhint="go"
                />
                <button type="submit" class="primary">
                    "Go"
                </button>
            </form>
            <Show when=move || recent.with(|recent| !recent.is_empty())>
                <h2 id="recent-heading">"Recent pages"</h2>
                <ul aria-labelledby="recent-heading">
                    <For each=move || recent.get() key=|page| (page.url.clone(), page.title.clone()) let(page)>
                        {item(page)}
                    </For>
                </ul>
            </Show>
        </section>
    }
    .into_any()
}
