//! The remote page: its picture, its cursor, and the field that hears the keyboard. Mounting it connects.

use leptos::html;
use leptos::prelude::*;
use send_wrapper::SendWrapper;
use shared::geometry::Fit;
use shared::session::{Phase, SessionState};
use web_sys::{Event, PageTransitionEvent};

use crate::connection::Connection;
use crate::connection::view_state::{Link, ViewState};
use crate::dom::{listen, watch_size, window};
use crate::input;
use crate::viewer::{Places, cursor};

#[component]
pub fn Picture() -> impl IntoView {
    let view = ViewState::current();
    let places = Places::current();
    let video = NodeRef::<html::Video>::new();
    let canvas = NodeRef::<html::Canvas>::new();
    // Of the video's element; no room before it is known.
    let room = RwSignal::new((0.0, 0.0));

    Effect::new(move |_| {
        let (Some(video), Some(canvas), Some(field)) =
            (video.get(), canvas.get(), places.field.get())
        else {
            return;
        };
        // Made by a script, the element is not muted by its attribute, and only muted video may always play.
        video.set_muted(true);
        // iOS's own, unknown to the view macro. Fails for no valid name.
        let _ = field.set_attribute("autocorrect", "off");
        let connection = match Connection::open(view, video.clone(), canvas) {
            Ok(connection) => connection,
            Err(thrown) => {
                let reason = format!(
                    "your browser cannot show video: {}",
                    crate::dom::said(&thrown)
                );
                return view.link.set(Link::Over { reason });
            }
        };
        // Without it the picture fills its element.
        let size = watch_size(&video, move |width, height| room.set((width, height))).ok();
        let address = places.address.get_untracked().map(Into::into);
        let hands = input::attach(connection.clone(), view, video, field, address);
        let leaving = connection.clone();
        let page = [
            listen(&window(), "pagehide", move |_: Event| leaving.close()),
            // Brought back from the browser's memory, where no connection survives.
            listen(&window(), "pageshow", |event: PageTransitionEvent| {
                if event.persisted() {
                    // Fails for no address that is already shown.
                    let _ = window().location().reload();
                }
            }),
        ];
        let owned = SendWrapper::new((connection, hands, page, size));
        on_cleanup(move || owned.0.close());
    });

    Effect::new(move |_| {
        let css = view.cursor.with(cursor::css);
        if let Some(video) = video.get() {
            // Refused is the cursor of before.
            let _ = web_sys::HtmlElement::style(&video).set_property("cursor", &css);
        }
    });

    // Whoever is already typing somewhere keeps the keyboard.
    Effect::new(move |_| {
        let nowhere = || {
            let focused = window()
                .document()
                .and_then(|document| document.active_element());
            focused.is_none_or(|element| element.tag_name() == "BODY")
        };
        if view.link.get() == Link::Connected && nowhere() {
            places.focus_picture();
        }
    });

    // The last picture of a Chrome that is gone stays, as that of a link that is gone.
    let has_chrome = Memo::new(move |_| {
        let phase = |state: &Option<_>| {
            state
                .as_ref()
                .map(|state: &SessionState| state.phase.clone())
        };
        matches!(view.state.with(phase), None | Some(Phase::Running))
    });
    let class = move || match view.link.get() {
        Link::Connecting | Link::Connected if has_chrome.get() => "picture",
        _ => "picture stale",
    };
    let padding = Memo::new(move |_| {
        let size = view
            .state
            .with(|state| Some(state.as_ref()?.geometry.video))?;
        let (width, height) = room.get();
        let [top, right, bottom, left] = Fit::within(width, height, size)?.padding();
        Some(format!("{top}px {right}px {bottom}px {left}px"))
    });
    view! {
        <video
            node_ref=video
            class=class
            style:padding=padding
            aria-label="Remote browser"
            autoplay
            muted
            playsinline
            disablepictureinpicture
            disableremoteplayback
        ></video>
        // Pictures that come over a web socket; the person's hands are on the video below.
        <canvas
            node_ref=canvas
            class=move || format!("{} over", class())
            style:padding=padding
            aria-hidden="true"
            hidden
        ></canvas>
        <textarea
            node_ref=places.field
            class="field"
            aria-label="Keyboard input"
            aria-description="What you type goes to the remote page. Ctrl+F6 moves to the address."
            autocomplete="off"
            autocapitalize="off"
            spellcheck="false"
        ></textarea>
    }
    .into_any()
}
