//! Find in page.

use leptos::ev::{KeyboardEvent, MouseEvent, SubmitEvent};
use leptos::html;
use leptos::prelude::*;
use leptos::task::spawn_local;
use shared::api::Found;

use crate::api;
use crate::connection::view_state::ViewState;
use crate::viewer::Places;
use crate::viewer::icon::{self, Icon};

#[component]
pub fn FindBar() -> impl IntoView {
    let view = ViewState::current();
    view! {
        <Show when=move || view.find_shown.get()>
            <Bar />
        </Show>
    }
    .into_any()
}

#[component]
fn Bar() -> impl IntoView {
    let view = ViewState::current();
    let places = Places::current();
    let field = NodeRef::<html::Input>::new();
    let found = RwSignal::new(None::<Found>);
    // Answers come in the order of the questions, or too late.
    let asked = StoredValue::new(0u32);
    let find = move |step: i32| {
        let Some(field) = field.get_untracked() else {
            return;
        };
        let text = field.value();
        asked.update_value(|asked| *asked += 1);
        let number = asked.get_value();
        spawn_local(async move {
            let answer = api::find(view.session(), view.viewer(), text.clone(), step).await;
            if asked.try_get_value() == Some(number) {
                found.set(answer.ok().filter(|_| !text.is_empty()));
            }
        });
    };
    Effect::new(move |_| {
        // Asked for again, it takes the focus again.
        view.find_asked.track();
        if let Some(field) = field.get() {
            field.select();
            crate::input::focus(&field);
        }
    });
    let close = move || {
        view.find_shown.set(false);
        spawn_local(async move {
            // What is marked in a page that is gone is gone.
            let _ = api::find(view.session(), view.viewer(), String::new(), 0).await;
        });
        places.focus_picture();
    };
    let key = move |event: KeyboardEvent| {
        match event.key().as_str() {
            "Escape" => close(),
            "Enter" if event.shift_key() => find(-1),
            _ => return,
        }
        event.prevent_default();
    };
    let submit = move |event: SubmitEvent| {
        event.prevent_default();
        find(1);
    };
    let figure = move || match found.get() {
        None => String::new(),
        Some(Found { count: 0, .. }) => "none".to_owned(),
        Some(Found { count, current }) => format!("{current} of {count}"),
    };
    let keep_focus = |event: MouseEvent| event.prevent_default();
    view! {
        <form class="find" role="search" aria-label="Find in page" on:submit=submit>
            <input
                node_ref=field
                type="text"
                aria-label="Find in page"
                autocomplete="off"
                spellcheck="false"
                enterkeyhint="search"
                on:input=move |_| find(0)
                on:keydown=key
            />
            <output aria-live="polite">{figure}</output>
            <button
                type="button"
                class="tool"
                aria-label="Previous match"
                title="Previous match"
                on:mousedown=keep_focus
                on:click=move |_| find(-1)
            >
                <Icon path=icon::UP />
            </button>
            <button
                type="button"
                class="tool"
                aria-label="Next match"
                title="Next match"
                on:mousedown=keep_focus
                on:click=move |_| find(1)
            >
                <Icon path=icon::DOWN />
            </button>
            <button
                type="button"
                class="tool"
                aria-label="Close find"
                title="Close"
                on:mousedown=keep_focus
                on:click=move |_| close()
            >
                <Icon path=icon::STOP />
            </button>
        </form>
    }
    .into_any()
}
