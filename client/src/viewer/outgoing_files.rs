//! What the person has dropped on the page, or pasted: how far it is.

use leptos::prelude::*;
use send_wrapper::SendWrapper;

use crate::api;
use crate::connection::view_state::{Outgoing, ViewState};
use crate::viewer::uploads::{UploadList, Uploads};

#[component]
pub fn OutgoingFiles() -> impl IntoView {
    let view = ViewState::current();
    view! {
        <div class="outgoing">
            <For each=move || view.outgoing.get() key=|outgoing| outgoing.chooser let:outgoing>
                <Card outgoing />
            </For>
        </div>
    }
    .into_any()
}

#[component]
fn Card(outgoing: Outgoing) -> impl IntoView {
    let view = ViewState::current();
    let Outgoing { chooser, files } = outgoing;
    let close = Callback::new(move |()| {
        view.outgoing
            .update(|all| all.retain(|outgoing| outgoing.chooser != chooser));
    });
    let uploads = Uploads::new(view, chooser, close);
    uploads.send(SendWrapper::take(files));
    let cancel = move |_| {
        uploads.cancel();
        // What is there already is of no use.
        let nothing = Vec::new();
        view.ask(api::choose_files(
            view.session(),
            view.viewer(),
            chooser,
            nothing,
        ));
    };
    view! {
        <section class="dialog chooser" aria-label="Your files">
            <UploadList uploads />
            <p class="choices">
                <button type="button" on:click=cancel>
                    "Cancel"
                </button>
                {move || {
                    uploads
                        .has_failed()
                        .then(|| {
                            view! {
                                <button
                                    type="button"
                                    class="primary"
                                    on:click=move |_| uploads.retry()
                                >
                                    "Try again"
                                </button>
                            }
                        })
                }}
            </p>
        </section>
    }
    .into_any()
}
