//! For those who have fingers: whether the picture is a touch screen or a trackpad, kept by their browser, and the
//! on-screen keyboard.

use leptos::ev::MouseEvent;
use leptos::prelude::*;

use crate::connection::view_state::ViewState;
use crate::dom::{self, has_touch_screen};
use crate::viewer::Places;
use crate::viewer::icon::{self, Icon};

/// In the browser's own storage.
const NAME: &str = "farpane-trackpad";

#[component]
pub fn TouchTools() -> impl IntoView {
    let view = ViewState::current();
    let places = Places::current();
    let has_fingers = RwSignal::new(false);
    Effect::new(move |_| {
        has_fingers.set(has_touch_screen());
        let is_on = dom::kept(NAME).as_deref() == Some("on");
        view.trackpad.set(has_touch_screen() && is_on);
    });
    let turn = move |_| {
        let on = !view.trackpad.get_untracked();
        view.trackpad.set(on);
        dom::keep(NAME, if on { "on" } else { "off" });
    };
    // Within the tap itself: some browsers show no keyboard otherwise.
    let show_keyboard = move |_| {
        view.keyboard.update(|wanted| *wanted = !*wanted);
        places.focus_picture();
    };
    view! {
        <Show when=move || has_fingers.get()>
            <button
                class="tool"
                aria-label="Trackpad"
                title="Move a pointer, as on a trackpad, instead of touching the page"
                aria-pressed=move || view.trackpad.get().to_string()
                on:mousedown=|event: MouseEvent| event.prevent_default()
                on:click=turn
            >
                <Icon path=icon::TRACKPAD />
            </button>
            <button
                class="tool"
                aria-label="Keyboard"
                title="Show the keyboard"
                aria-pressed=move || view.keyboard.get().to_string()
                on:mousedown=|event: MouseEvent| event.prevent_default()
                on:click=show_keyboard
            >
                <Icon path=icon::KEYBOARD />
            </button>
        </Show>
    }
    .into_any()
}
