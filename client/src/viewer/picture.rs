//! The remote page: its picture, its cursor, and the field that hears the keyboard. Mounting it connects.

use std::time::Duration;

use leptos::html;
use leptos::prelude::*;
use send_wrapper::SendWrapper;
use shared::geometry::{LogicalSize, Scale, Viewport};
use shared::session::{Phase, SessionState};
use web_sys::{Event, PageTransitionEvent};

use crate::connection::Connection;
use crate::connection::view_state::{Link, ViewState};
use crate::dom::{listen, now, watch_size, window};
use crate::input;
use crate::viewer::seen_geometry::SeenGeometry;
use crate::viewer::{Places, cursor};

/// The picture's element, and the screen that it is on.
#[derive(Clone, Copy, Debug, Default)]
struct Room {
    /// In CSS pixels.
    width: f64,
    height: f64,
    /// `devicePixelRatio`
    ratio: f64,
}

impl Room {
    fn of(video: &web_sys::HtmlVideoElement) -> Room {
        let place = video.get_bounding_client_rect();
        Room {
            width: place.width(),
            height: place.height(),
            ratio: window().device_pixel_ratio(),
        }
    }

    /// `None` while there is no room.
    fn viewport(&self) -> Option<Viewport> {
        let side = |side: f64| (side.floor() as u16).min(LogicalSize::MAX);
        let parts = (self.ratio * f64::from(Scale::ONE.as_120ths())).round() as u16;
        let (least, most) = (Scale::MIN.as_120ths(), Scale::MAX.as_120ths());
        Some(Viewport {
            page: LogicalSize::new(side(self.width), side(self.height)).ok()?,
            scale: Scale::from_120ths(parts.clamp(least, most)).ok()?,
        })
    }
}

#[component]
pub fn Picture() -> impl IntoView {
    let view = ViewState::current();
    let places = Places::current();
    let video = NodeRef::<html::Video>::new();
    let canvas = NodeRef::<html::Canvas>::new();
    // Of the video's element; no room before it is known.
    let room = RwSignal::new(Room::default());
    let seen = StoredValue::new(SeenGeometry::default());
    let show_seen = move || {
        let geometry = seen.with_value(SeenGeometry::seen);
        if view.seen.get_untracked() != geometry {
            view.seen.set(geometry);
        }
    };
    // The deadline is the same for all that is told; whatever is told last has the last one.
    Effect::new(move |_| {
        let Some(geometry) = view.state.with(|state| Some(state.as_ref()?.geometry)) else {
            return;
        };
        seen.update_value(|seen| seen.tell(geometry, now()));
        show_seen();
        if let Some(deadline) = seen.with_value(SeenGeometry::deadline) {
            let wait = Duration::from_millis((deadline - now()).max(0.0).ceil() as u64);
            set_timeout(
                move || {
                    // The picture may have gone meanwhile.
                    if seen.try_update_value(|seen| seen.expire(now())).is_some() {
                        show_seen();
                    }
                },
                wait,
            );
        }
    });

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
        room.set(Room::of(&video));
        let viewport = room.with_untracked(Room::viewport);
        let opened = Connection::open(view, video.clone(), canvas.clone(), viewport);
        let connection = match opened {
            Ok(connection) => connection,
            Err(thrown) => {
                let reason = format!(
                    "your browser cannot show video: {}",
                    crate::dom::said(&thrown)
                );
                return view.link.set(Link::Over { reason });
            }
        };
        let measure = {
            let (video, connection) = (video.clone(), connection.clone());
            move || {
                let now = Room::of(&video);
                room.set(now);
                if let Some(viewport) = now.viewport() {
                    connection.set_viewport(viewport);
                }
            }
        };
        // Without it the picture fills its element.
        let size = watch_size(&video, measure.clone()).ok();
        let frames = {
            let (video, canvas) = (video.clone(), canvas.clone());
            let of_canvas = (canvas.clone(), move || (canvas.width(), canvas.height()));
            let of_video = (video.clone(), move || {
                (video.video_width(), video.video_height())
            });
            let show = move |(width, height)| {
                seen.update_value(|seen| seen.show(width, height));
                show_seen();
            };
            [
                listen(&of_canvas.0, "resize", move |_: Event| show(of_canvas.1())),
                listen(&of_video.0, "resize", move |_: Event| show(of_video.1())),
            ]
        };
        let address = places.address.get_untracked().map(Into::into);
        let hands = input::attach(connection.clone(), view, video, field, address);
        let leaving = connection.clone();
        let sender = SendWrapper::new(connection.clone());
        view.sender
            .set_value(Some(Callback::new(move |messages: Vec<_>| {
                messages
                    .into_iter()
                    .for_each(|message| sender.send(message));
            })));
        let page = [
            // A window that moves to another screen has the same size and other pixels.
            listen(&window(), "resize", move |_: Event| measure()),
            listen(&window(), "pagehide", move |_: Event| leaving.close()),
            // Brought back from the browser's memory, where no connection survives.
            listen(&window(), "pageshow", |event: PageTransitionEvent| {
                if event.persisted() {
                    // Fails for no address that is already shown.
                    let _ = window().location().reload();
                }
            }),
        ];
        let owned = SendWrapper::new((connection, hands, page, size, frames));
        on_cleanup(move || {
            view.sender.set_value(None);
            owned.0.close();
        });
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
    // A page that asks something hears no keys: those who answer by key do not get lost in it.
    let asked = Memo::new(move |_| {
        let dialog = |state: &Option<SessionState>| {
            let asks =
                |state: &SessionState| state.dialog.is_some() || state.auth_challenge.is_some();
            state.as_ref().is_some_and(asks)
        };
        view.state.with(dialog)
    });
    let padding = Memo::new(move |_| {
        let geometry = view.seen.get()?;
        let Room { width, height, .. } = room.get();
        let [top, right, bottom, left] = view.fit(geometry.video, (width, height))?.padding();
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
        // Where a trackpad's pointer is: on a phone nobody else draws one.
        {move || {
            view.trackpad_pointer
                .get()
                .map(|(x, y)| {
                    view! {
                        <span
                            class="trackpad-pointer"
                            style:transform=format!("translate({x:.1}px, {y:.1}px)")
                            aria-hidden="true"
                        ></span>
                    }
                })
        }}
        <textarea
            node_ref=places.field
            class="field"
            aria-label="Keyboard input"
            aria-description="What you type goes to the remote page. Ctrl+F6 moves to the address."
            autocomplete="off"
            autocapitalize="off"
            spellcheck="false"
            tabindex=move || if asked.get() { "-1" } else { "0" }
        ></textarea>
    }
    .into_any()
}
