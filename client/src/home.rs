//! `/`: the sessions that run, and a box to start one.

use std::time::Duration;

use leptos::ev::SubmitEvent;
use leptos::html;
use leptos::prelude::*;
use leptos::task::spawn_local;
use leptos_meta::Title;
use leptos_router::NavigateOptions;
use leptos_router::components::A;
use leptos_router::hooks::use_navigate;
use send_wrapper::SendWrapper;
use shared::api::{SessionSummary, THUMBNAIL};
use shared::error::ApiError;

use crate::api;
use crate::dom::every;
use crate::preferences;

/// Sessions come and go slowly; the list is a glance, not a monitor.
const REFRESH: Duration = Duration::from_secs(5);

#[component]
pub fn Home() -> impl IntoView {
    view! {
        <Title text="Farpane" />
        <main class="home">
            <h1>"Farpane"</h1>
            <p class="lead">"A browser far away, inside your own."</p>
            <Start />
            <Sessions />
        </main>
    }
}

#[component]
fn Start() -> impl IntoView {
    let address = NodeRef::<html::Input>::new();
    let busy = RwSignal::new(false);
    let refusal = RwSignal::new(None::<String>);
    // Until then a submit would reload the page.
    let hydrated = RwSignal::new(false);
    Effect::new(move |_| {
        hydrated.set(true);
        if let Some(address) = address.get() {
            crate::input::focus(&address);
        }
    });
    let navigate = use_navigate();
    let start = move |event: SubmitEvent| {
        event.prevent_default();
        let Some(address) = address.get_untracked() else {
            return;
        };
        let navigate = navigate.clone();
        busy.set(true);
        refusal.set(None);
        spawn_local(async move {
            match api::open(address.value(), None, preferences::own()).await {
                Ok(opened) => navigate(
                    &format!("/s/{}", opened.session),
                    NavigateOptions::default(),
                ),
                Err(refused) => {
                    refusal.set(Some(refused.to_string()));
                    busy.set(false);
                }
            }
        });
    };
    view! {
        <form class="start" on:submit=start>
            <input
                node_ref=address
                type="text"
                inputmode="url"
                aria-label="Address"
                placeholder="Address or words to search"
                autocomplete="off"
                autocapitalize="off"
                spellcheck="false"
                enterkeyhint="go"
            />
            <button type="submit" class="primary" disabled=move || busy.get() || !hydrated.get()>
                "Start"
            </button>
        </form>
        <div role="alert">
            {move || refusal.get().map(|sentence| view! { <p class="refusal">{sentence}</p> })}
        </div>
    }
}

#[component]
fn Sessions() -> impl IntoView {
    let sessions = Resource::new(|| (), |()| api::sessions());
    // Another address is another picture.
    let number = RwSignal::new(0u32);
    Effect::new(move |_| {
        let refresh = SendWrapper::new(every(REFRESH, move || {
            number.update(|number| *number = number.wrapping_add(1));
            sessions.refetch();
        }));
        on_cleanup(move || drop(refresh));
    });
    view! {
        <Transition>
            {move || Suspend::new(async move {
                match sessions.await {
                    Ok(running) if running.is_empty() => ().into_any(),
                    Ok(running) => {
                        view! { <SessionList running sessions number=number.into() /> }.into_any()
                    },
                    Err(refused) => {
                        view! { <p class="refusal">{refused.to_string()}</p> }.into_any()
                    }
                }
            })}
        </Transition>
    }
}

#[component]
fn SessionList(
    running: Vec<SessionSummary>,
    sessions: Resource<Result<Vec<SessionSummary>, ApiError>>,
    number: Signal<u32>,
) -> impl IntoView {
    let items = running
        .into_iter()
        .map(|summary| view! { <SessionItem summary sessions number /> })
        .collect_view();
    view! {
        <section class="sessions" aria-labelledby="sessions-heading">
            <h2 id="sessions-heading">"Running sessions"</h2>
            <ul>{items}</ul>
        </section>
    }
}

#[component]
fn SessionItem(
    summary: SessionSummary,
    sessions: Resource<Result<Vec<SessionSummary>, ApiError>>,
    /// Of the thumbnail.
    number: Signal<u32>,
) -> impl IntoView {
    let SessionSummary {
        session,
        title,
        url,
        viewers,
    } = summary;
    let title = [title, url.clone()]
        .into_iter()
        .find(|text| !text.trim().is_empty())
        .unwrap_or_else(|| "New session".to_owned());
    let watched = match viewers {
        0 => "nobody watches".to_owned(),
        1 => "1 viewer".to_owned(),
        viewers => format!("{viewers} viewers"),
    };
    let href = format!("/s/{session}");
    let thumbnail = {
        let number = number.get_untracked();
        format!("{THUMBNAIL}?session={session}&number={number}")
    };
    let end_name = format!("End {title}");
    let end = move |_| {
        let session = session.clone();
        spawn_local(async move {
            // Refused only if it has already ended; the fresh list tells either way.
            let _ = api::end(session, None).await;
            sessions.refetch();
        });
    };
    view! {
        <li>
            <A href=href>
                <img class="thumbnail" src=thumbnail alt="" />
                <span class="names">
                    <strong>{title}</strong>
                    <span class="url">{url}</span>
                </span>
            </A>
            <span class="viewers">{watched}</span>
            <button aria-label=end_name on:click=end>
                "End"
            </button>
        </li>
    }
}
