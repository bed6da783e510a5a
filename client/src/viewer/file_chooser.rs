//! A page asks for files: the person chooses some of their own, and they are sent.

use std::cell::Cell;
use std::rc::Rc;

use leptos::ev::KeyboardEvent;
use leptos::html;
use leptos::prelude::*;
use leptos::task::spawn_local;
use send_wrapper::SendWrapper;
use shared::file::FileChooser as Asks;
use shared::session::UploadId;
use web_sys::{File, XmlHttpRequest};

use crate::api;
use crate::connection::view_state::ViewState;
use crate::dom;
use crate::upload;
use crate::viewer::Places;
use crate::viewer::transfer::progress;

/// At the same time; the others wait.
const AT_ONCE: usize = 3;

/// One file on its way.
#[derive(Clone)]
struct Sending {
    file: SendWrapper<File>,
    /// Its place in the folder that was chosen, or its name alone.
    path: String,
    bytes: u64,
    sent: RwSignal<u64>,
    stage: RwSignal<Stage>,
    request: SendWrapper<XmlHttpRequest>,
}

impl Sending {
    fn new(file: File) -> Option<Sending> {
        Some(Sending {
            path: upload::path(&file),
            bytes: file.size() as u64,
            file: SendWrapper::new(file),
            sent: RwSignal::new(0),
            stage: RwSignal::new(Stage::Waiting),
            request: SendWrapper::new(XmlHttpRequest::new().ok()?),
        })
    }
}

#[derive(Clone, Debug, PartialEq)]
enum Stage {
    Waiting,
    OnItsWay,
    There(UploadId),
    Failed(String),
    /// The person wants it no more.
    LeftOut,
}

#[component]
pub fn FileChooser() -> impl IntoView {
    let view = ViewState::current();
    (move || {
        let asks = view.file_chooser.get()?;
        Some(view! { <Card asks /> })
    })
    .into_any()
}

#[component]
fn Card(asks: Asks) -> impl IntoView {
    let view = ViewState::current();
    let places = Places::current();
    let picker = NodeRef::<html::Input>::new();
    let button = NodeRef::<html::Button>::new();
    let sending = RwSignal::new(Vec::<Sending>::new());
    let number = asks.number;
    let owner = Owner::current();
    let close = move || {
        for one in sending.get_untracked() {
            // It may be there already.
            let _ = one.request.abort();
        }
        // Another may have been opened since.
        let is_shown = view
            .file_chooser
            .with_untracked(|shown| shown.as_ref().is_some_and(|shown| shown.number == number));
        if is_shown {
            view.file_chooser.set(None);
        }
        places.focus_picture();
    };
    let finish = move || {
        // Whoever cancels has closed this meanwhile.
        let Some(all) = sending.try_get_untracked() else {
            return;
        };
        let stages = all.iter().map(|one| one.stage.get_untracked());
        let stages: Vec<Stage> = stages.collect();
        let is_under_way = |stage: &Stage| !matches!(stage, Stage::There(_) | Stage::LeftOut);
        if stages.iter().any(is_under_way) {
            return;
        }
        let there = stages.into_iter().filter_map(|stage| match stage {
            Stage::There(upload) => Some(upload),
            _ => None,
        });
        let uploads: Vec<UploadId> = there.collect();
        if !uploads.is_empty() {
            view.ask(api::choose_files(
                view.session(),
                view.viewer(),
                number,
                uploads,
            ));
        }
        close();
    };
    let start = move || {
        for _ in 0..AT_ONCE {
            spawn_local(async move {
                while let Some(one) = next(sending) {
                    send(view, number, one).await;
                    finish();
                }
            });
        }
    };
    let chosen = move |_| {
        let files = picker.get_untracked().and_then(|picker| picker.files());
        let files = files.map(|files| {
            (0..files.length())
                .filter_map(|place| files.get(place))
                .collect()
        });
        let files: Vec<File> = files.unwrap_or_default();
        if files.is_empty() {
            return;
        }
        let all = || files.into_iter().filter_map(Sending::new).collect();
        sending.set(
            owner
                .as_ref()
                .map_or_else(Vec::new, |owner| owner.with(all)),
        );
        start();
    };
    // A picker opens by itself while the click that asked for it is fresh.
    let was_opened = Rc::new(Cell::new(false));
    Effect::new(move |_| {
        let (Some(picker), Some(button)) = (picker.get(), button.get()) else {
            return;
        };
        picker.set_webkitdirectory(asks.directory);
        if !was_opened.replace(true) {
            crate::input::focus(&button);
            if dom::is_person_acting() {
                picker.click();
            }
        }
    });
    let escape = move |event: KeyboardEvent| {
        if event.key() == "Escape" {
            close();
        }
    };
    let heading = match (asks.directory, asks.multiple) {
        (true, _) => "The page asks for a folder",
        (false, true) => "The page asks for files",
        (false, false) => "The page asks for a file",
    };
    let retry = move |_| {
        for one in sending.get_untracked() {
            if matches!(one.stage.get_untracked(), Stage::Failed(_)) {
                one.sent.set(0);
                one.stage.set(Stage::Waiting);
            }
        }
        start();
    };
    let has_failed = move || {
        sending.with(|all| {
            all.iter()
                .any(|one| matches!(one.stage.get(), Stage::Failed(_)))
        })
    };
    let is_choosing = move || sending.with(Vec::is_empty);
    view! {
        <div class="veil" role="dialog" aria-labelledby="chooser-heading" on:keydown=escape>
            <div class="dialog chooser">
                <h2 id="chooser-heading">{heading}</h2>
                <input
                    node_ref=picker
                    type="file"
                    class="unseen"
                    tabindex="-1"
                    aria-label="Your files"
                    multiple=asks.multiple
                    accept=asks.accept.clone()
                    on:change=chosen
                />
                <ul>
                    {move || {
                        sending.get().into_iter().map(|one| view! { <Line one finish /> }).collect_view()
                    }}
                </ul>
                <p class="choices">
                    <button type="button" on:click=move |_| close()>
                        "Cancel"
                    </button>
                    {move || {
                        has_failed()
                            .then(|| {
                                view! {
                                    <button type="button" class="primary" on:click=retry>
                                        "Try again"
                                    </button>
                                }
                            })
                    }}
                    <button
                        node_ref=button
                        type="button"
                        class="primary"
                        hidden=move || !is_choosing()
                        on:click=move |_| {
                            if let Some(picker) = picker.get_untracked() {
                                picker.click();
                            }
                        }
                    >
                        "Choose…"
                    </button>
                </p>
            </div>
        </div>
    }
    .into_any()
}

#[component]
fn Line(one: Sending, finish: impl Fn() + Copy + 'static) -> impl IntoView {
    let Sending {
        path,
        bytes,
        sent,
        stage,
        request,
        ..
    } = one;
    let words = move || match stage.get() {
        Stage::Waiting => "waits".to_owned(),
        Stage::OnItsWay => progress(sent.get(), Some(bytes), None),
        Stage::There(_) => "sent".to_owned(),
        Stage::Failed(sentence) => sentence,
        Stage::LeftOut => "left out".to_owned(),
    };
    let is_under_way = move || !matches!(stage.get(), Stage::There(_) | Stage::LeftOut);
    let leave_out = move |_| {
        stage.set(Stage::LeftOut);
        let _ = request.abort();
        finish();
    };
    let leave_out = StoredValue::new(SendWrapper::new(leave_out));
    let name = path.clone();
    view! {
        <li>
            <p class="name" title=path.clone()>{path.clone()}</p>
            <p class="faint">{words}</p>
            {move || {
                let name = name.clone();
                is_under_way()
                    .then(|| {
                        view! {
                            <progress
                                max=bytes.max(1)
                                value=move || sent.get()
                                aria-label=name.clone()
                            ></progress>
                            <button
                                type="button"
                                aria-label=format!("Leave out {name}")
                                on:click=move |event| leave_out.with_value(|leave_out| leave_out(event))
                            >
                                "Leave out"
                            </button>
                        }
                    })
            }}
        </li>
    }
    .into_any()
}

/// The next one that waits, which waits no more.
fn next(sending: RwSignal<Vec<Sending>>) -> Option<Sending> {
    let next = sending.try_with_untracked(|all| {
        let waits = |one: &&Sending| one.stage.get_untracked() == Stage::Waiting;
        all.iter().find(waits).cloned()
    })??;
    next.stage.set(Stage::OnItsWay);
    Some(next)
}

async fn send(view: ViewState, chooser: u32, one: Sending) {
    let address = upload::address(view, chooser, &one.path);
    let sent = one.sent;
    let outcome = upload::send(&one.request, &address, &one.file, move |bytes| {
        sent.try_set(bytes);
    });
    let stage = match outcome.await {
        Ok(upload) => Stage::There(upload),
        Err(sentence) => Stage::Failed(sentence),
    };
    // Whoever was left out stays so.
    if one.stage.try_get_untracked() == Some(Stage::OnItsWay) {
        one.stage.set(stage);
    }
}
