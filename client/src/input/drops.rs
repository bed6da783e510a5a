//! Files that the person drags over the picture: the page hears of them, and has them when they are dropped.

use std::cell::RefCell;
use std::rc::{Rc, Weak};

use js_sys::{Array, Promise};
use leptos::prelude::Set;
use leptos::task::spawn_local;
use shared::file::MOST_DRAGGED;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{
    DataTransfer, DataTransferItem, DragEvent, File, FileSystemDirectoryEntry, FileSystemEntry,
    FileSystemFileEntry,
};

use crate::api;
use crate::dom::{Alarm, Listener, listen, now, window};
use crate::input::InputTarget;
use crate::input::drag_relay::{DragRelay, Event, Tell};

/// A folder may have many files; the server takes no more.
const MOST_FILES: usize = 10_000;

/// The drag over the picture, one at a time.
struct Drag {
    target: Rc<InputTarget>,
    relay: RefCell<DragRelay>,
    /// Media types of what is dragged, as far as they are known.
    types: RefCell<Vec<String>>,
    alarm: Alarm,
}

pub(super) fn listeners(target: &Rc<InputTarget>) -> Vec<Listener> {
    let drag = Rc::new_cyclic(|weak: &Weak<Drag>| Drag {
        target: target.clone(),
        relay: RefCell::default(),
        types: RefCell::default(),
        alarm: {
            let weak = weak.clone();
            Alarm::new(move || {
                if let Some(drag) = weak.upgrade() {
                    drag.on(Event::Deadline);
                }
            })
        },
    });
    let on = |name, handler: fn(&Rc<Drag>, &DragEvent, &DataTransfer)| {
        let drag = drag.clone();
        let heard = move |event: DragEvent| {
            if let Some(transfer) = files_in(&event) {
                event.prevent_default();
                handler(&drag, &event, &transfer);
            }
        };
        listen(&target.picture, name, heard)
    };
    let elsewhere = |name| {
        // The browser would leave this page for the file.
        listen(&window(), name, |event: DragEvent| {
            if let Some(transfer) = files_in(&event)
                && !event.default_prevented()
            {
                event.prevent_default();
                transfer.set_drop_effect("none");
            }
        })
    };
    vec![
        on("dragenter", Drag::over),
        on("dragover", Drag::over),
        on("dragleave", |drag, _, _| drag.on(Event::Left)),
        on("drop", Drag::dropped),
        elsewhere("dragover"),
        elsewhere("drop"),
    ]
}

/// `None` for a drag of text or links.
fn files_in(event: &DragEvent) -> Option<DataTransfer> {
    let transfer = event.data_transfer()?;
    transfer
        .types()
        .includes(&"Files".into(), 0)
        .then_some(transfer)
}

fn items(transfer: &DataTransfer) -> impl Iterator<Item = DataTransferItem> {
    let items = transfer.items();
    let items = (0..items.length()).filter_map(move |place| items.get(place));
    items.filter(|item| item.kind() == "file")
}

impl Drag {
    fn over(self: &Rc<Drag>, event: &DragEvent, transfer: &DataTransfer) {
        let types = items(transfer).take(MOST_DRAGGED).map(|item| item.type_());
        self.types.replace(types.collect());
        if let Some(at) = self.target.point(event) {
            self.on(Event::Over(at));
        }
        let accepts = self.relay.borrow().accepts();
        transfer.set_drop_effect(if accepts { "copy" } else { "none" });
    }

    fn on(self: &Rc<Drag>, event: Event) {
        let tell = self.relay.borrow_mut().on(event, now());
        if let Some(Tell(at)) = tell {
            let (drag, view) = (self.clone(), self.target.view);
            let types = self.types.borrow().clone();
            spawn_local(async move {
                let told = api::drag_files(view.session(), view.viewer(), at, types).await;
                // Whoever may not is told so when they drop it.
                let accepts = told.map_or(true, |dragged| dragged.accepts);
                drag.on(Event::Told { accepts });
            });
        }
        self.alarm.set_at(self.relay.borrow().deadline());
    }

    fn dropped(self: &Rc<Drag>, event: &DragEvent, transfer: &DataTransfer) {
        self.on(Event::Dropped);
        let (view, at) = (self.target.view, self.target.point(event));
        self.target.focus();
        // They can be had while the event is handled.
        let entries = items(transfer).map(|item| (item.webkit_get_as_entry().ok().flatten(), item));
        let dropped: Vec<_> = entries
            .map(|(entry, item)| (entry, item.get_as_file().ok().flatten()))
            .collect();
        spawn_local(async move {
            let mut files = Vec::new();
            for (entry, file) in dropped {
                match (entry, file) {
                    (Some(entry), _) if entry.is_directory() => {
                        // What cannot be read is not there.
                        let _ = read_folder(entry, &mut files).await;
                    }
                    (_, Some(file)) => files.push((file.name(), file)),
                    _ => {}
                }
            }
            files.truncate(MOST_FILES);
            if files.is_empty() {
                return view.refusal.set(Some("There is no file in it.".to_owned()));
            }
            view.drop_files(at, files);
        });
    }
}

/// Everything in that folder, each with its place in it.
async fn read_folder(
    folder: FileSystemEntry,
    files: &mut Vec<(String, File)>,
) -> Result<(), JsValue> {
    let mut waiting = vec![folder];
    while let Some(entry) = waiting.pop() {
        if files.len() >= MOST_FILES {
            break;
        }
        // Chrome has no global names for the two, so `dyn_ref` would find neither.
        if entry.is_file() {
            let entry = entry.unchecked_ref::<FileSystemFileEntry>();
            let file = Promise::new(&mut |resolve, reject| {
                entry.file_with_callback_and_callback(&resolve, &reject);
            });
            let path = entry.full_path().trim_start_matches('/').to_owned();
            files.push((path, JsFuture::from(file).await?.unchecked_into()));
        } else {
            let reader = entry
                .unchecked_ref::<FileSystemDirectoryEntry>()
                .create_reader();
            // Some at a time, until there are no more.
            loop {
                let mut failed = None;
                let read = Promise::new(&mut |resolve, reject| {
                    let read = reader.read_entries_with_callback_and_callback(&resolve, &reject);
                    failed = read.err();
                });
                if let Some(thrown) = failed {
                    return Err(thrown);
                }
                let entries: Array = JsFuture::from(read).await?.unchecked_into();
                if entries.length() == 0 {
                    break;
                }
                let entries = entries.iter().map(JsCast::unchecked_into);
                waiting.extend(entries);
            }
        }
    }
    Ok(())
}
