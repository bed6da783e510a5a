//! The files that pages gave to the person: a button in the toolbar, and their list.

use std::time::Duration;

use leptos::ev::MouseEvent;
use leptos::prelude::*;
use shared::file::{Download, DownloadState};
use shared::session::DownloadId;

use crate::api;
use crate::connection::view_state::ViewState;
use crate::dom::{self, on_escape};
use crate::viewer::Places;
use crate::viewer::icon::{self, Icon};
use crate::viewer::transfer::{Speeds, describe, newly_failed};

#[component]
pub fn Downloads() -> impl IntoView {
    let view = ViewState::current();
    let places = Places::current();
    let list = Memo::new(move |_| {
        let list = view
            .state
            .with(|state| Some(state.as_ref()?.downloads.clone()));
        list.unwrap_or_default()
    });
    let shown = RwSignal::new(false);
    let speeds = RwSignal::new(Speeds::default());
    Effect::new(move |before: Option<Vec<Download>>| {
        let now = list.get();
        let at = Duration::from_secs_f64(dom::now() / 1e3);
        speeds.update(|speeds| speeds.update(&now, at));
        for (name, reason) in newly_failed(&before.unwrap_or_default(), &now) {
            let sentence = format!("{name} was not saved. {reason}");
            view.refusal.set(Some(sentence));
        }
        now
    });
    let coming = move || {
        let is_coming = |one: &&Download| one.state == DownloadState::InProgress;
        list.with(|list| list.iter().filter(is_coming).count())
    };
    let name = move || match coming() {
        0 => "Downloads".to_owned(),
        coming => format!("Downloads: {coming} under way"),
    };
    let close = move || {
        shown.set(false);
        places.focus_picture();
    };
    let button = move || {
        (!list.with(Vec::is_empty)).then(|| {
            view! {
                <button
                    class="tool"
                    class:busy=move || coming() != 0
                    aria-label=name
                    title=name
                    aria-expanded=move || shown.get().to_string()
                    on:mousedown=|event: MouseEvent| event.prevent_default()
                    on:click=move |_| shown.update(|shown| *shown = !*shown)
                >
                    <Icon path=icon::DOWNLOAD />
                </button>
            }
        })
    };
    let escape = on_escape(close);
    // The latest first.
    let ids = Memo::new(move |_| -> Vec<DownloadId> {
        list.with(|list| list.iter().rev().map(|one| one.id.clone()).collect())
    });
    let panel = move || {
        (shown.get() && !list.with(Vec::is_empty)).then(|| {
            view! {
                <section class="downloads" aria-label="Downloads" on:keydown=escape>
                    <h2>"Downloads"</h2>
                    <button class="tool" aria-label="Close downloads" title="Close" on:click=move |_| close()>
                        <Icon path=icon::STOP />
                    </button>
                    <ul>
                        <For
                            each=move || ids.get()
                            key=|id: &DownloadId| id.clone()
                            children=move |id| view! { <Line id list speeds /> }
                        />
                    </ul>
                </section>
            }
        })
    };
    view! {
        {button}
        {panel}
    }
    .into_any()
}

#[component]
fn Line(id: DownloadId, list: Memo<Vec<Download>>, speeds: RwSignal<Speeds>) -> impl IntoView {
    let view = ViewState::current();
    let id = StoredValue::new(id);
    let download = Memo::new(move |_| {
        let find = |list: &Vec<Download>| list.iter().find(|one| one.id == id.get_value()).cloned();
        list.with(find)
    });
    let part = move |part: fn(&Download) -> String| {
        download.with(|download| download.as_ref().map(part).unwrap_or_default())
    };
    let name = move || part(|download| download.name.clone());
    let is = move |state: fn(&DownloadState) -> bool| {
        download.with(|download| {
            download
                .as_ref()
                .is_some_and(|download| state(&download.state))
        })
    };
    let is_coming = move || is(|state| *state == DownloadState::InProgress);
    let words = move || {
        let speed = speeds.with(|speeds| speeds.of(&id.get_value()));
        download.with(|download| {
            let described = download.as_ref().map(|download| describe(download, speed));
            described.unwrap_or_default()
        })
    };
    // Without a total the bar moves to and fro.
    let done = move || {
        download.with(|download| {
            let download = download.as_ref()?;
            Some(download.received as f64 / download.total? as f64)
        })
    };
    let remove = move |_| {
        view.ask(api::remove_download(
            view.session(),
            view.viewer(),
            id.get_value(),
        ));
    };
    let remove_name = move || match is_coming() {
        true => format!("Cancel {}", name()),
        false => format!("Remove {}", name()),
    };
    view! {
        <li>
            <p class="name" title=name>{name}</p>
            <p class="faint">{words}</p>
            {move || {
                is_coming()
                    .then(|| view! { <progress max="1" value=done aria-label=name></progress> })
            }}
            <span class="choices">
                {move || {
                    is(DownloadState::is_there)
                        .then(|| {
                            view! {
                                <button
                                    aria-label=move || format!("Save {}", name())
                                    on:click=move |_| view.save_download(&id.get_value())
                                >
                                    "Save"
                                </button>
                            }
                        })
                }}
                <button aria-label=remove_name on:click=remove>
                    {move || if is_coming() { "Cancel" } else { "Remove" }}
                </button>
            </span>
        </li>
    }
    .into_any()
}
