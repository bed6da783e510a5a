//! How loud the page is heard: a button in the toolbar, and its panel.

use leptos::ev::MouseEvent;
use leptos::prelude::*;

use crate::connection::view_state::ViewState;
use crate::dom::on_escape;
use crate::sound::volume::Volume;
use crate::viewer::Places;
use crate::viewer::icon::{self, Icon};

#[component]
pub fn SoundControl() -> impl IntoView {
    let view = ViewState::current();
    let places = Places::current();
    let shown = RwSignal::new(false);
    let volume = Memo::new(move |_| view.sound.with(|sound| sound.volume));
    let is_there = Memo::new(move |_| view.sound.with(|sound| sound.is_there));
    let is_blocked = Memo::new(move |_| view.sound.with(|sound| sound.is_blocked));
    let set = move |volume: Volume| view.sound.update(|sound| sound.volume = volume);
    let name = move || match volume.get() {
        _ if is_blocked.get() => "Click for sound".to_owned(),
        volume if volume.is_muted() => "Sound: muted".to_owned(),
        volume => format!("Sound: {} %", volume.percent()),
    };
    let close = move || {
        shown.set(false);
        places.focus_picture();
    };
    let escape = on_escape(close);
    let open = move |_| {
        // The click itself lets the browser play.
        if !is_blocked.get_untracked() {
            shown.update(|shown| *shown = !*shown);
        }
    };
    let path = Signal::derive(move || match volume.get().is_muted() {
        true => icon::MUTED,
        false => icon::SOUND,
    });
    let button = move || {
        is_there.get().then(|| {
            view! {
                <button
                    class="tool"
                    class:busy=move || is_blocked.get()
                    aria-label=name
                    title=name
                    aria-expanded=move || shown.get().to_string()
                    on:mousedown=|event: MouseEvent| event.prevent_default()
                    on:click=open
                >
                    <Icon path />
                </button>
            }
        })
    };
    let mute = move || {
        if volume.get().is_muted() {
            "Unmute"
        } else {
            "Mute"
        }
    };
    let turned = move |event| {
        if let Ok(percent) = event_target_value(&event).parse() {
            set(volume.get_untracked().with_percent(percent));
        }
    };
    let panel = move || {
        (shown.get() && is_there.get()).then(|| {
            view! {
                <section class="volume" aria-label="Sound" on:keydown=escape>
                    <button
                        class="tool"
                        aria-label=mute
                        title=mute
                        on:click=move |_| set(volume.get_untracked().turned())
                    >
                        <Icon path />
                    </button>
                    <input
                        type="range"
                        min="0"
                        max="100"
                        aria-label="Volume"
                        prop:value=move || volume.get().percent().to_string()
                        on:input=turned
                    />
                    <span class="figure">{move || format!("{} %", volume.get().percent())}</span>
                    <button class="tool" aria-label="Close" title="Close" on:click=move |_| close()>
                        <Icon path=icon::STOP />
                    </button>
                </section>
            }
        })
    };
    view! {
        {button}
        {panel}
    }
    .into_any()
}
