//! The whole screen for the remote page: when the person wants it, or the page.

use js_sys::{Function, Reflect};
use leptos::prelude::*;
use send_wrapper::SendWrapper;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::Event;

use crate::api;
use crate::connection::view_state::ViewState;
use crate::dom::{listen, window};
use crate::viewer::fullscreen_state::{Ask, FullscreenState};

/// Who has the screen.
#[derive(Clone, Copy)]
pub struct Fullscreen {
    view: ViewState,
    state: StoredValue<FullscreenState>,
}

impl Fullscreen {
    /// Follows the remote page.
    pub fn new(view: ViewState) -> Fullscreen {
        let fullscreen = Fullscreen {
            view,
            state: StoredValue::new(FullscreenState::default()),
        };
        Effect::new(move |_| {
            let Some(document) = window().document() else {
                return;
            };
            let changed = move |_: Event| {
                let document = window().document();
                let is_on =
                    document.is_some_and(|document| document.fullscreen_element().is_some());
                fullscreen.tell(|state| state.on_screen(is_on));
            };
            let listener = SendWrapper::new(listen(&document, "fullscreenchange", changed));
            on_cleanup(move || drop(listener));
        });
        let page_has_it = view.of_active_tab(|tab| tab.fullscreen);
        Effect::new(move |_| {
            let has_it = page_has_it.get() == Some(true);
            fullscreen.tell(|state| state.on_page(has_it, has_just_acted()));
        });
        fullscreen
    }

    pub fn is_on(&self) -> bool {
        self.state.with_value(FullscreenState::is_on)
    }

    /// The person's own wish.
    pub fn turn(&self) {
        self.tell(|state| Some(state.turn()));
    }

    fn tell(&self, event: impl FnOnce(&mut FullscreenState) -> Option<Ask>) {
        let mut asked = None;
        // The page may have gone meanwhile.
        self.state.try_update_value(|state| asked = event(state));
        let view = self.view;
        match asked {
            Some(Ask::Enter) => enter(),
            Some(Ask::Leave) => leave(),
            Some(Ask::LeaveRemotePage) => {
                view.ask(api::exit_fullscreen(view.session(), view.viewer()));
            }
            None => {}
        }
    }
}

fn has_just_acted() -> bool {
    let activation = Reflect::get(&window().navigator(), &"userActivation".into());
    let is_active = activation.and_then(|activation| Reflect::get(&activation, &"isActive".into()));
    is_active.is_ok_and(|is_active| is_active.is_truthy())
}

fn enter() {
    let root = window()
        .document()
        .and_then(|document| document.document_element());
    if let Some(root) = root {
        // Refused where the person has not touched the page lately: the remote page fills the picture all the same.
        let _ = root.request_fullscreen();
        // Keys that the browser keeps otherwise go to the page, until Escape is held; where there is such a lock.
        let _ = lock_keyboard();
    }
}

fn leave() {
    if let Some(document) = window().document() {
        document.exit_fullscreen();
    }
}

fn lock_keyboard() -> Result<(), JsValue> {
    let keyboard = Reflect::get(&window().navigator(), &"keyboard".into())?;
    let lock = Reflect::get(&keyboard, &"lock".into())?;
    lock.dyn_into::<Function>()?.call0(&keyboard)?;
    Ok(())
}
