//! Files of the person's own on their way to a page: some at a time, each with how far it is.

use leptos::prelude::*;
use leptos::task::spawn_local;
use send_wrapper::SendWrapper;
use shared::session::UploadId;
use web_sys::{File, XmlHttpRequest};

use crate::api;
use crate::connection::view_state::ViewState;
use crate::upload;
use crate::viewer::transfer::progress;

/// At the same time; the others wait.
const AT_ONCE: usize = 3;

/// All that the page is to be given at once.
#[derive(Clone, Copy)]
pub struct Uploads {
    view: ViewState,
    /// What they are uploaded for.
    chooser: u32,
    sending: RwSignal<Vec<Sending>>,
    /// All are there, and the page has been given them, or the person wants none of them.
    closed: Callback<()>,
    /// Of the component that shows them.
    owner: StoredValue<Option<Owner>>,
}

/// One file on its way.
#[derive(Clone)]
struct Sending {
    file: SendWrapper<File>,
    /// Its place in the folder that is sent, or its name alone.
    path: String,
    bytes: u64,
    sent: RwSignal<u64>,
    stage: RwSignal<Stage>,
    request: SendWrapper<XmlHttpRequest>,
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

impl Sending {
    fn new((path, file): (String, File)) -> Option<Sending> {
        Some(Sending {
            path,
            bytes: file.size() as u64,
            file: SendWrapper::new(file),
            sent: RwSignal::new(0),
            stage: RwSignal::new(Stage::Waiting),
            request: SendWrapper::new(XmlHttpRequest::new().ok()?),
        })
    }
}

impl Uploads {
    /// None yet. `closed` is told when it is over.
    pub fn new(view: ViewState, chooser: u32, closed: Callback<()>) -> Uploads {
        Uploads {
            view,
            chooser,
            sending: RwSignal::new(Vec::new()),
            closed,
            owner: StoredValue::new(Owner::current()),
        }
    }

    /// Begins, with each file and its place in the folder that is sent, or its name alone.
    pub fn send(self, files: Vec<(String, File)>) {
        let all = || files.into_iter().filter_map(Sending::new).collect();
        let all = self.owner.with_value(|owner| {
            let owner = owner.as_ref();
            owner.map_or_else(Vec::new, |owner| owner.with(all))
        });
        self.sending.set(all);
        self.start();
    }

    /// Nothing has been chosen yet.
    pub fn is_empty(self) -> bool {
        self.sending.with(Vec::is_empty)
    }

    pub fn has_failed(self) -> bool {
        self.sending.with(|all| {
            all.iter()
                .any(|one| matches!(one.stage.get(), Stage::Failed(_)))
        })
    }

    /// Those that have failed, once more.
    pub fn retry(self) {
        for one in self.sending.get_untracked() {
            if matches!(one.stage.get_untracked(), Stage::Failed(_)) {
                one.sent.set(0);
                one.stage.set(Stage::Waiting);
            }
        }
        self.start();
    }

    /// The page is given none of them.
    pub fn cancel(self) {
        for one in self.sending.get_untracked() {
            // It may be there already.
            let _ = one.request.abort();
        }
        self.closed.run(());
    }

    fn start(self) {
        for _ in 0..AT_ONCE {
            spawn_local(async move {
                while let Some(one) = self.next() {
                    self.send_one(one).await;
                    self.finish();
                }
            });
        }
    }

    /// The next one that waits, which waits no more.
    fn next(self) -> Option<Sending> {
        let next = self.sending.try_with_untracked(|all| {
            let waits = |one: &&Sending| one.stage.get_untracked() == Stage::Waiting;
            all.iter().find(waits).cloned()
        })??;
        next.stage.set(Stage::OnItsWay);
        Some(next)
    }

    async fn send_one(self, one: Sending) {
        let address = upload::address(self.view, self.chooser, &one.path);
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

    /// The page is given what is there as soon as none is under way.
    fn finish(self) {
        // Whoever cancels has closed this meanwhile.
        let Some(all) = self.sending.try_get_untracked() else {
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
            let view = self.view;
            view.ask(api::choose_files(
                view.session(),
                view.viewer(),
                self.chooser,
                uploads,
            ));
        }
        self.closed.run(());
    }
}

/// A line for each.
#[component]
pub fn UploadList(uploads: Uploads) -> impl IntoView {
    let lines = move || {
        let all = uploads.sending.get().into_iter();
        all.map(|one| view! { <Line one uploads /> }).collect_view()
    };
    view! { <ul>{lines}</ul> }.into_any()
}

#[component]
fn Line(one: Sending, uploads: Uploads) -> impl IntoView {
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
        uploads.finish();
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
