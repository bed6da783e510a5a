//! A page asks for files: the person chooses some of their own, and they are sent.

use std::cell::Cell;
use std::rc::Rc;

use leptos::ev::KeyboardEvent;
use leptos::html;
use leptos::prelude::*;
use shared::file::FileChooser as Asks;
use web_sys::File;

use crate::connection::view_state::ViewState;
use crate::dom;
use crate::upload;
use crate::viewer::Places;
use crate::viewer::uploads::{UploadList, Uploads};

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
    let number = asks.number;
    let close = Callback::new(move |()| {
        // Another may have been opened since.
        let is_shown = view
            .file_chooser
            .with_untracked(|shown| shown.as_ref().is_some_and(|shown| shown.number == number));
        if is_shown {
            view.file_chooser.set(None);
        }
        places.focus_picture();
    });
    let uploads = Uploads::new(view, number, close);
    let chosen = move |_| {
        let files = picker.get_untracked().and_then(|picker| picker.files());
        let files = files.map(|files| {
            let files = (0..files.length()).filter_map(|place| files.get(place));
            files.map(|file| (upload::path(&file), file)).collect()
        });
        let files: Vec<(String, File)> = files.unwrap_or_default();
        if !files.is_empty() {
            uploads.send(files);
        }
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
            uploads.cancel();
        }
    };
    let heading = match (asks.directory, asks.multiple) {
        (true, _) => "The page asks for a folder",
        (false, true) => "The page asks for files",
        (false, false) => "The page asks for a file",
    };
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
                <UploadList uploads />
                <p class="choices">
                    <button type="button" on:click=move |_| uploads.cancel()>
                        "Cancel"
                    </button>
                    {move || {
                        uploads.has_failed()
                            .then(|| {
                                view! {
                                    <button type="button" class="primary" on:click=move |_| uploads.retry()>
                                        "Try again"
                                    </button>
                                }
                            })
                    }}
                    <button
                        node_ref=button
                        type="button"
                        class="primary"
                        hidden=move || !uploads.is_empty()
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
