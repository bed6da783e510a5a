//! What the person has dropped on the page, or pasted: how far it is.

use leptos::prelude::*;
use send_wrapper::SendWrapper;

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
    view! {
        <section class="dialog chooser" aria-label="Your files">
            <UploadList uploads />
            <p class="choices">
                <button type="button" on:click=move |_| uploads.cancel()>
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
