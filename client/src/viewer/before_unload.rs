//! Whoever leaves this page while the remote one has unsaved input is asked first.

use leptos::prelude::*;
use send_wrapper::SendWrapper;
use web_sys::BeforeUnloadEvent;

use crate::connection::view_state::ViewState;
use crate::dom::{self, listen, window};

/// In the browser's own storage.
const NAME: &str = "farpane-ask-before-leaving";

/// Whether to ask, kept by the person's browser.
#[derive(Clone, Copy)]
pub struct AskBeforeLeaving {
    pub is_on: RwSignal<bool>,
}

impl AskBeforeLeaving {
    pub fn new(view: ViewState) -> AskBeforeLeaving {
        let is_on = RwSignal::new(true);
        Effect::new(move |_| {
            is_on.set(dom::kept(NAME).as_deref() != Some("no"));
            let ask = move |event: BeforeUnloadEvent| {
                if has_unsaved(view) && is_on.get_untracked() {
                    event.prevent_default();
                    // Browsers of before 2023 look at this; all show a text of their own.
                    event.set_return_value("unsaved");
                }
            };
            let listener = SendWrapper::new(listen(&window(), "beforeunload", ask));
            on_cleanup(move || drop(listener));
        });
        AskBeforeLeaving { is_on }
    }

    /// Asks the person before the session ends, if there is something to lose.
    pub fn may_end(&self, view: ViewState) -> bool {
        let sentence = "Something was entered that would be lost. End the session all the same?";
        let asked = || window().confirm_with_message(sentence);
        // A browser that does not ask does not keep.
        !(has_unsaved(view) && self.is_on.get_untracked()) || asked().unwrap_or(true)
    }

    pub fn turn(&self) {
        self.is_on.update(|is_on| *is_on = !*is_on);
        dom::keep(
            NAME,
            if self.is_on.get_untracked() {
                "yes"
            } else {
                "no"
            },
        );
    }
}

fn has_unsaved(view: ViewState) -> bool {
    view.state.with_untracked(|state| {
        let tabs = state.as_ref().map(|state| state.tabs.as_slice());
        tabs.unwrap_or_default()
            .iter()
            .any(|tab| tab.has_unsaved_input)
    })
}
