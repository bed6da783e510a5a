//! The status line: a small mark while all is well, a card over the picture while it is not.

use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos_router::NavigateOptions;
use leptos_router::hooks::use_navigate;

use crate::api;
use crate::connection::view_state::{Link, ViewState};
use crate::preferences;
use crate::viewer::phase::{Remedy, Status, Tone, status};

#[component]
pub fn StatusLine() -> impl IntoView {
    let view = ViewState::current();
    let now = Memo::new(move |_| {
        view.state.with(|state| {
            let phase = state.as_ref().map(|state| &state.phase);
            view.link.with(|link| status(phase, link))
        })
    });
    let class = move || {
        now.with(|now| match now.tone {
            Tone::Good => "status good",
            Tone::Waiting => "status card waiting",
            Tone::Over => "status card over",
        })
    };
    // While all is well, an obstacle is yesterday's news.
    let obstacle = move || {
        let waiting = now.with(|now| now.tone == Tone::Waiting);
        waiting.then(|| view.obstacle.get()).flatten()
    };
    let deaf = move || {
        let interrupted =
            view.link.get() == Link::Reconnecting && now.with(|now| now.tone == Tone::Waiting);
        interrupted
            .then(|| view! { <p class="obstacle">"What you type or click now is not sent."</p> })
    };
    view! {
        <div class=class>
            <span class="mark" aria-hidden="true"></span>
            <p role="status">{move || now.with(|now: &Status| now.text.clone())}</p>
            {deaf}
            {move || obstacle().map(|sentence| view! { <p class="obstacle">{sentence}</p> })}
            {move || now.with(|now| now.remedy).map(|remedy| view! { <Remedies remedy /> })}
        </div>
    }
    .into_any()
}

#[component]
fn Remedies(remedy: Remedy) -> impl IntoView {
    let view = ViewState::current();
    let navigate = use_navigate();
    let busy = RwSignal::new(false);
    let start_again = move |_| {
        // On the page that was shown last, if there was one.
        let url = view
            .state
            .with_untracked(|state| Some(state.as_ref()?.active_tab()?.url.clone()))
            .unwrap_or_default();
        let navigate = navigate.clone();
        busy.set(true);
        spawn_local(async move {
            match api::open(url, None, preferences::own()).await {
                Ok(opened) => navigate(
                    &format!("/s/{}", opened.session),
                    NavigateOptions::default(),
                ),
                Err(refused) => {
                    view.refusal.set(Some(refused.to_string()));
                    busy.set(false);
                }
            }
        });
    };
    let restart = move |_| view.ask(api::restart(view.session(), view.viewer()));
    view! {
        <p class="remedies">
            {match remedy {
                Remedy::Restart => {
                    view! { <button class="primary" on:click=restart>"Restart"</button> }.into_any()
                }
                Remedy::StartAgain => {
                    view! {
                        <button class="primary" disabled=move || busy.get() on:click=start_again>
                            "Start again"
                        </button>
                        <a href="/">"All sessions"</a>
                    }
                        .into_any()
                }
            }}
        </p>
    }
}
