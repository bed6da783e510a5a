//! Copy and paste between the person's own clipboard and the remote page's: what the browser says → [`ClipboardSync`], and
//! what that wants done.
//!
//! What is pasted is taken from the browser's own `paste` event, which asks nobody for a permission.

use std::cell::RefCell;
use std::rc::{Rc, Weak};

use js_sys::{Array, Function, Object, Promise, Reflect, Uint8Array};
use leptos::prelude::{Effect, Get, Set};
use leptos::task::spawn_local;
use send_wrapper::SendWrapper;
use shared::clipboard::ClipboardContent;
use shared::input::Key;
use shared::message::ClientMessage;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{
    Blob, BlobPropertyBag, ClipboardEvent, DataTransfer, Event as DomEvent, File, KeyboardEvent,
};

use crate::api;
use crate::connection::view_state::ViewState;
use crate::dom::{Alarm, Listener, listen, now, window, write_to_clipboard};
use crate::input::clipboard_sync::{Action, ClipboardSync, Event};
use crate::input::paste_queue::Next;
use crate::input::promised_copy::PromisedCopy;
use crate::input::{InputTarget, chords};
use crate::stats::input_trace::InputKind;

/// The formats that the browser writes as they are.
const TEXTS: [&str; 2] = ["text/plain", "text/html"];

/// What is too large to be pasted by a message, or a picture.
#[derive(Debug)]
pub(super) struct LargePaste {
    texts: ClipboardContent,
    picture: Option<File>,
    /// What pastes it once the page can have it.
    keys: Vec<Key>,
}

/// What the browser tells of its clipboard, and does with it.
pub(super) struct Clipboards {
    target: Rc<InputTarget>,
    sync: RefCell<ClipboardSync>,
    alarm: Alarm,
    /// When nothing waits for a paste any longer.
    patience: Alarm,
    promised: RefCell<Option<PromisedCopy>>,
    /// When the promise is given up.
    promise_alarm: Alarm,
}

impl Clipboards {
    pub fn new(target: &Rc<InputTarget>) -> Rc<Clipboards> {
        let clipboards = Rc::new_cyclic(|weak: &Weak<Clipboards>| {
            let alarm = |ring: fn(&Rc<Clipboards>)| {
                let weak = weak.clone();
                Alarm::new(move || {
                    if let Some(clipboards) = weak.upgrade() {
                        ring(&clipboards);
                    }
                })
            };
            Clipboards {
                target: target.clone(),
                sync: RefCell::default(),
                alarm: alarm(|clipboards| clipboards.on(Event::Deadline)),
                patience: alarm(|clipboards| {
                    let next = clipboards.target.pastes.borrow_mut().expire(now());
                    clipboards.go_on(next);
                }),
                promised: RefCell::default(),
                promise_alarm: alarm(|clipboards| drop(clipboards.promised.take())),
            }
        });
        let taken = SendWrapper::new(clipboards.clone());
        Effect::new(move |_| {
            if let Some(copied) = taken.target.view.copied.get() {
                taken.on(Event::Copied(copied));
            }
        });
        clipboards
    }

    /// These keys paste: the browser says in a moment what.
    pub fn wait(self: &Rc<Self>, keys: Vec<Key>) {
        self.on(Event::PasteKeys(keys));
    }

    fn on(self: &Rc<Self>, event: Event) {
        self.on_paste(event, None);
    }

    /// `paste` is what the keys come of, with the picture that is pasted.
    fn on_paste(self: &Rc<Self>, event: Event, paste: Option<&ClipboardEvent>) {
        let actions = self.sync.borrow_mut().on(event, now());
        for action in actions {
            match action {
                Action::Press(keys) => self.press(keys, paste),
                Action::Send(content) => self.target.send(ClientMessage::Paste(content)),
                Action::Put { texts, keys } => {
                    let picture = paste.and_then(picture);
                    let paste = LargePaste {
                        texts,
                        picture,
                        keys,
                    };
                    let next = self.target.pastes.borrow_mut().paste(paste, now());
                    self.go_on(next);
                }
                Action::Fetch { number } => self.fetch(number),
                Action::Write {
                    number,
                    content,
                    in_gesture,
                } => self.write(number, &content, in_gesture),
                Action::TellToClick => self.tell(
                    "What the page has copied comes into your clipboard with your next click or key."
                        .to_owned(),
                ),
            }
        }
        self.alarm.set_at(self.sync.borrow().deadline());
    }

    fn tell(&self, sentence: String) {
        self.target.view.refusal.set(Some(sentence));
    }

    fn press(&self, keys: Vec<Key>, event: Option<&ClipboardEvent>) {
        for key in keys {
            let is_down = key.pressed;
            let message = ClientMessage::Key(key);
            match event.filter(|_| is_down) {
                Some(event) => self.target.act(InputKind::Key, event, message),
                None => self.target.send(message),
            }
        }
    }

    fn go_on(self: &Rc<Self>, next: Next<LargePaste>) {
        for message in next.messages {
            self.target.connection.send(message);
        }
        if let Some((number, paste)) = next.paste {
            self.put(number, paste);
        }
        let deadline = self.target.pastes.borrow().deadline();
        self.patience.set_at(deadline);
    }

    fn put(self: &Rc<Self>, number: u64, paste: LargePaste) {
        let clipboards = self.clone();
        spawn_local(async move {
            let LargePaste {
                texts,
                picture,
                keys,
            } = paste;
            let view = clipboards.target.view;
            let put = async {
                let png = match picture {
                    Some(picture) => {
                        let bytes = JsFuture::from(picture.array_buffer()).await;
                        let bytes = bytes.map_err(|_| "the picture cannot be read".to_owned())?;
                        Some(Uint8Array::new(&bytes).to_vec())
                    }
                    None => None,
                };
                let content = ClipboardContent { png, ..texts };
                let put = api::set_clipboard(view.session(), view.viewer(), content);
                put.await.map_err(|refused| refused.to_string())
            };
            match put.await {
                // Before what waits for them.
                Ok(()) => {
                    for key in keys {
                        clipboards.target.connection.send(ClientMessage::Key(key));
                    }
                }
                Err(reason) => clipboards.tell(format!("It was not pasted: {reason}")),
            }
            let next = clipboards.target.pastes.borrow_mut().pasted(number, now());
            clipboards.go_on(next);
        });
    }

    fn fetch(self: &Rc<Self>, number: u64) {
        let clipboards = self.clone();
        spawn_local(async move {
            let view = clipboards.target.view;
            let content = api::clipboard(view.session(), view.viewer()).await.ok();
            clipboards.on(Event::Fetched { number, content });
        });
    }

    fn write(self: &Rc<Self>, number: u64, content: &ClipboardContent, in_gesture: bool) {
        let promised = content.text.as_ref().zip(self.promised.take());
        let writing = match promised {
            Some((text, promised)) => Ok(promised.keep(text)),
            None => begin_writing(content),
        };
        // At once, or it would not belong to the click.
        let by_command = writing.is_err() && in_gesture && write_by_command(content);
        let clipboards = self.clone();
        spawn_local(async move {
            let done = match writing {
                Ok(writing) => JsFuture::from(writing).await.is_ok(),
                Err(_) => by_command,
            };
            clipboards.on(Event::Written { number, done });
        });
    }
}

pub(super) fn listeners(clipboards: &Rc<Clipboards>) -> Vec<Listener> {
    let pasted = clipboards.clone();
    let paste = listen(
        &clipboards.target.field,
        "paste",
        move |event: ClipboardEvent| {
            event.prevent_default();
            let data = event.clipboard_data();
            let files = data.as_ref().map(files).unwrap_or_default();
            if !is_picture(&files) {
                pasted.on(Event::FilesPasted);
                let files = files.into_iter().map(|file| (file.name(), file));
                return pasted.target.view.drop_files(None, files.collect());
            }
            let told = Event::Pasted {
                texts: data.map(|data| texts(&data)).unwrap_or_default(),
                has_picture: picture(&event).is_some(),
            };
            pasted.on_paste(told, Some(&event));
        },
    );
    let told = [
        ("blur", Event::Left),
        ("pointerdown", Event::Gesture),
        ("pointerup", Event::Gesture),
        ("keydown", Event::Gesture),
    ];
    let told = told.map(|(name, event)| {
        let clipboards = clipboards.clone();
        listen(&window(), name, move |_: DomEvent| {
            clipboards.on(event.clone());
        })
    });
    let promising = clipboards.clone();
    let copy = listen(
        &clipboards.target.field,
        "keydown",
        move |event: KeyboardEvent| {
            if !copies(&event) {
                return;
            }
            promising.on(Event::CopyKeys);
            if let Some(promised) = PromisedCopy::begin(now()) {
                promising.promise_alarm.set_at(Some(promised.until()));
                promising.promised.replace(Some(promised));
            }
        },
    );
    [paste, copy].into_iter().chain(told).collect()
}

/// Whether that key copies or cuts.
fn copies(event: &KeyboardEvent) -> bool {
    let has_modifier = (event.ctrl_key() || event.meta_key()) && !event.alt_key();
    has_modifier && matches!(&*event.key(), "c" | "C" | "x" | "X")
}

/// Fails at once where the browser has no such clipboard: on a page that came over HTTP.
fn begin_writing(content: &ClipboardContent) -> Result<Promise, JsValue> {
    let navigator = window().navigator();
    if Reflect::get(&navigator, &"clipboard".into())?.is_undefined() {
        return Err("there is no clipboard".into());
    }
    if let (Some(text), None, None) = (&content.text, &content.html, &content.png) {
        return Ok(navigator.clipboard().write_text(text));
    }
    let item = Object::new();
    for (name, text) in TEXTS.into_iter().zip([&content.text, &content.html]) {
        if let Some(text) = text {
            Reflect::set(&item, &name.into(), &blob(&text.into(), name)?.into())?;
        }
    }
    if let Some(png) = &content.png {
        let bytes = Uint8Array::from(png.as_slice());
        let blob = blob(&bytes, "image/png")?;
        Reflect::set(&item, &"image/png".into(), &blob.into())?;
    }
    write_to_clipboard(&item)
}

/// As browsers did it before there was a clipboard to write to: texts alone.
fn write_by_command(content: &ClipboardContent) -> bool {
    let Some(document) = window().document() else {
        return false;
    };
    let texts = [content.text.clone(), content.html.clone()];
    let _copying = listen(&document, "copy", move |event: ClipboardEvent| {
        let Some(data) = event.clipboard_data() else {
            return;
        };
        event.prevent_default();
        for (name, text) in TEXTS.into_iter().zip(&texts) {
            if let Some(text) = text {
                // Refused is what is not copied.
                let _ = data.set_data(name, text);
            }
        }
    });
    let command = Reflect::get(&document, &"execCommand".into());
    let command = command
        .ok()
        .and_then(|command| command.dyn_into::<Function>().ok());
    let done = command.and_then(|command| command.call1(&document, &"copy".into()).ok());
    done.is_some_and(|done| done.is_truthy())
}

fn blob(part: &JsValue, media_type: &str) -> Result<Blob, JsValue> {
    let options = BlobPropertyBag::new();
    options.set_type(media_type);
    Blob::new_with_buffer_source_sequence_and_options(&Array::of1(part), &options)
}

fn texts(data: &DataTransfer) -> ClipboardContent {
    let text = |name: &str| data.get_data(name).ok().filter(|text| !text.is_empty());
    ClipboardContent {
        text: text(TEXTS[0]),
        html: text(TEXTS[1]),
        png: None,
    }
}

fn picture(paste: &ClipboardEvent) -> Option<File> {
    files(&paste.clipboard_data()?).into_iter().next()
}

fn files(data: &DataTransfer) -> Vec<File> {
    let files = data.files();
    let files = files
        .iter()
        .flat_map(|files| (0..files.length()).filter_map(|place| files.item(place)));
    files.collect()
}

/// At most a picture, which is pasted as such. Other files are given to the page as what they are.
fn is_picture(files: &[File]) -> bool {
    match files {
        [] => true,
        [file] => file.type_() == "image/png",
        _ => false,
    }
}

/// The person wants to paste by a menu: what is in their clipboard, if the browser hands it out without a question.
pub fn paste_by_menu(view: ViewState) {
    spawn_local(async move {
        let content = match may_read().await {
            true => JsFuture::from(window().navigator().clipboard().read_text())
                .await
                .ok(),
            false => None,
        };
        let text = content.and_then(|text| text.as_string());
        let Some(text) = text.filter(|text| !text.is_empty()) else {
            view.refusal.set(Some(
                "Your browser hands out your clipboard for Ctrl+V alone: this pastes what was copied here."
                    .to_owned(),
            ));
            return view.send(chords::press("Ctrl+V"));
        };
        let content = ClipboardContent::of_text(text);
        match api::set_clipboard(view.session(), view.viewer(), content).await {
            Ok(()) => view.send(chords::press("Ctrl+V")),
            Err(refused) => view
                .refusal
                .set(Some(format!("It was not pasted: {refused}"))),
        }
    });
}

/// Without a prompt, which would take the focus away.
async fn may_read() -> bool {
    let asked = || {
        let navigator = window().navigator();
        let permissions = Reflect::get(&navigator, &"permissions".into()).ok()?;
        let query = Reflect::get(&permissions, &"query".into()).ok()?;
        let name = Object::new();
        Reflect::set(&name, &"name".into(), &"clipboard-read".into()).ok()?;
        let query = query.dyn_into::<Function>().ok()?;
        let answer = query.call1(&permissions, &name).ok()?;
        answer.dyn_into::<Promise>().ok()
    };
    let Some(asked) = asked() else {
        return false;
    };
    let status = JsFuture::from(asked).await;
    let state = status.and_then(|status| Reflect::get(&status, &"state".into()));
    state.is_ok_and(|state| state.as_string().as_deref() == Some("granted"))
}
