//! The address bar: where the page is, and where it shall go.

use leptos::ev::{KeyboardEvent, SubmitEvent};
use leptos::prelude::*;
use leptos::task::spawn_local;

use crate::api;
use crate::connection::view_state::ViewState;
use crate::viewer::Places;
use crate::viewer::address::Draft;

#[component]
pub fn AddressBar() -> impl IntoView {
    let view = ViewState::current();
    let places = Places::current();
    let url = view.of_active_tab(|tab| tab.url.clone());
    let url_now = move || url.try_get_untracked().flatten().unwrap_or_default();
    let loading = view.of_active_tab(|tab| tab.loading);
    let draft = RwSignal::new(Draft::None);
    let refusal = RwSignal::new(None::<String>);
    // Until then a submit would reload the viewer's page.
    let hydrated = RwSignal::new(false);
    Effect::new(move |_| hydrated.set(true));
    Effect::new(move |was: Option<Option<bool>>| {
        let now = loading.get();
        if was == Some(Some(true)) && now == Some(false) {
            draft.update(|draft| *draft = std::mem::take(draft).settled());
        }
        now
    });

    let submit = move |event: SubmitEvent| {
        event.prevent_default();
        let text = draft.with_untracked(|draft| draft.shown(&url_now()));
        if text.trim().is_empty() {
            return;
        }
        draft.set(Draft::sent(&text, &url_now()));
        refusal.set(None);
        spawn_local(async move {
            match api::navigate(view.session(), view.viewer(), text.clone()).await {
                Ok(()) => places.focus_picture(),
                Err(refused) => {
                    draft.set(Draft::Writing(text));
                    refusal.set(Some(refused.to_string()));
                }
            }
        });
    };
    let write = move |event| {
        refusal.set(None);
        draft.set(Draft::Writing(event_target_value(&event)));
    };
    let escape = move |event: KeyboardEvent| {
        if event.key() == "Escape" {
            refusal.set(None);
            draft.set(Draft::None);
            places.focus_picture();
        }
    };
    let select = move |_| {
        if let Some(input) = places.address.get_untracked() {
            input.select();
        }
    };
    view! {
        <form class="address" on:submit=submit>
            <input
                node_ref=places.address
                type="text"
                inputmode="url"
                aria-label="Address"
                aria-describedby="address-refusal"
                aria-invalid=move || refusal.with(|refusal| refusal.is_some()).to_string()
                placeholder="Address or words to search"
                autocomplete="off"
                autocapitalize="off"
                spellcheck="false"
                enterkeyhint="go"
                disabled=move || !hydrated.get()
                prop:value=move || draft.with(|draft| draft.shown(&url.get().unwrap_or_default()))
                on:input=write
                on:keydown=escape
                on:focus=select
            />
            <div id="address-refusal" role="alert">
                {move || refusal.get().map(|sentence| view! { <p class="refusal">{sentence}</p> })}
            </div>
        </form>
    }
    .into_any()
}
