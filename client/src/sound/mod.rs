//! What the page plays, heard: a track of WebRTC, or packets where that finds no way.

// ◦ when a packet is heard
mod schedule;
// Where packets are decoded and heard.
mod decoder;
mod player;
// ◦ how loud
pub mod volume;

use std::cell::RefCell;
use std::rc::{Rc, Weak};

use leptos::prelude::*;
use leptos::task::spawn_local;
use send_wrapper::SendWrapper;
use shared::socket::SoundOnSocket;
use wasm_bindgen::JsValue;
use wasm_bindgen_futures::JsFuture;
use web_sys::{Event as DomEvent, HtmlAudioElement, MediaStream, MediaStreamTrack};

use crate::connection::view_state::ViewState;
use crate::dom::{self, Listener, listen, window};
use player::Player;
use volume::Volume;

/// In the browser's own storage.
const NAME: &str = "farpane-volume";

/// What is known of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sound {
    /// Some has come.
    pub is_there: bool,
    /// The browser waits for a click or a key before it plays any.
    pub is_blocked: bool,
    /// What the person chose.
    pub volume: Volume,
}

/// The one place where sound comes out.
pub struct Speaker {
    view: ViewState,
    element: Option<HtmlAudioElement>,
    player: RefCell<Option<Rc<Player>>>,
    listeners: RefCell<Vec<Listener>>,
    /// Of the track's first packet.
    unmuted: RefCell<Option<Listener>>,
}

impl Speaker {
    pub fn new(view: ViewState) -> Rc<Speaker> {
        let kept = dom::kept(NAME).and_then(|kept| kept.parse().ok());
        view.sound
            .update(|sound| sound.volume = kept.unwrap_or_default());
        let speaker = Rc::new_cyclic(|weak: &Weak<Speaker>| {
            let gesture = |name: &'static str| {
                let weak = weak.clone();
                listen(&window(), name, move |_: DomEvent| {
                    if let Some(speaker) = weak.upgrade() {
                        speaker.on_gesture();
                    }
                })
            };
            Speaker {
                view,
                element: HtmlAudioElement::new().ok(),
                player: RefCell::default(),
                unmuted: RefCell::default(),
                listeners: RefCell::new(
                    ["pointerdown", "pointerup", "keydown"].map(gesture).into(),
                ),
            }
        });
        let weak = SendWrapper::new(Rc::downgrade(&speaker));
        Effect::new(move |before: Option<Volume>| {
            let volume = view.sound.with(|sound| sound.volume);
            if let Some(speaker) = weak.upgrade() {
                speaker.set_volume(volume);
            }
            if before.is_some_and(|before| before != volume) {
                dom::keep(NAME, &volume.to_string());
            }
            volume
        });
        speaker
    }

    /// A track of the peer connection: in a stream of its own, so that the picture does not wait for it.
    pub fn play(self: &Rc<Self>, track: &MediaStreamTrack) {
        let Some(element) = &self.element else { return };
        self.stop_packets();
        let Ok(stream) = MediaStream::new() else {
            return;
        };
        stream.add_track(track);
        element.set_src_object(Some(&stream));
        let view = self.view;
        let has_come = move || view.sound.update(|sound| sound.is_there = true);
        if !track.muted() {
            has_come();
        }
        let unmuted = listen(track, "unmute", move |_: DomEvent| has_come());
        *self.unmuted.borrow_mut() = Some(unmuted);
        self.try_to_play();
    }

    /// A packet of the web socket.
    pub fn take(self: &Rc<Self>, sound: SoundOnSocket<'_>) {
        let made = {
            let player = self.player.borrow();
            player.as_ref().cloned()
        };
        let player = match made {
            Some(player) => player,
            None => match Player::new() {
                Ok(player) => {
                    player.set_volume(self.view.sound.get_untracked().volume);
                    *self.player.borrow_mut() = Some(player.clone());
                    self.view.sound.update(|sound| sound.is_there = true);
                    player
                }
                // It has no WebCodecs for sound.
                Err(_) => return,
            },
        };
        player.take(sound);
        let is_blocked = player.is_blocked();
        if self.view.sound.get_untracked().is_blocked != is_blocked {
            self.view
                .sound
                .update(|sound| sound.is_blocked = is_blocked);
        }
    }

    fn stop_packets(&self) {
        // It may be its own decoder that is running.
        let player = self.player.take();
        spawn_local(async move { drop(player) });
    }

    fn set_volume(&self, volume: Volume) {
        if let Some(element) = &self.element {
            element.set_volume(volume.gain());
            element.set_muted(volume.is_muted());
        }
        if let Some(player) = &*self.player.borrow() {
            player.set_volume(volume);
        }
    }

    /// Whatever the person does lets the browser play.
    fn on_gesture(self: &Rc<Self>) {
        if !self.view.sound.get_untracked().is_blocked {
            return;
        }
        if let Some(player) = &*self.player.borrow() {
            player.resume();
        }
        self.try_to_play();
    }

    fn try_to_play(self: &Rc<Self>) {
        let Some(element) = &self.element else { return };
        if element.src_object().is_none() {
            return;
        }
        let Ok(playing) = element.play() else { return };
        let this = self.clone();
        spawn_local(async move {
            let is_blocked = match JsFuture::from(playing).await {
                Ok(_) => false,
                // Another track in its place ends it, too.
                Err(thrown) => is_refused(&thrown),
            };
            this.view
                .sound
                .update(|sound| sound.is_blocked = is_blocked);
        });
    }

    /// Nothing is heard any more.
    pub fn close(&self) {
        self.listeners.borrow_mut().clear();
        self.unmuted.borrow_mut().take();
        if let Some(element) = &self.element {
            element.set_src_object(None);
        }
        self.stop_packets();
    }
}

fn is_refused(thrown: &JsValue) -> bool {
    let name = js_sys::Reflect::get(thrown, &"name".into());
    name.is_ok_and(|name| name.as_string().as_deref() == Some("NotAllowedError"))
}
