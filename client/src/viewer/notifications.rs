//! Notifications of remote pages: the person's own system shows them, if their browser may; else they lie over the picture.

use leptos::prelude::*;
use leptos::task::spawn_local;
use shared::notification::Notification;
use wasm_bindgen::JsCast;
use wasm_bindgen::closure::Closure;
use wasm_bindgen_futures::JsFuture;
use web_sys::{
    Event, Notification as SystemNotification, NotificationOptions, NotificationPermission,
};

use crate::api;
use crate::connection::view_state::ViewState;
use crate::viewer::Places;
use crate::viewer::icon::{self, Icon};

/// Who shows them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shown {
    /// The person's system.
    BySystem,
    /// We do; the person can let their system do it.
    HereForNow,
    /// We do.
    Here,
}

impl Shown {
    fn now() -> Shown {
        // Only pages that are encrypted, or of this machine, have it.
        let is_there = js_sys::Reflect::has(&window(), &"Notification".into()) == Ok(true);
        match is_there.then(SystemNotification::permission) {
            Some(NotificationPermission::Granted) => Shown::BySystem,
            Some(NotificationPermission::Default) => Shown::HereForNow,
            _ => Shown::Here,
        }
    }
}

#[component]
pub fn PageNotifications() -> impl IntoView {
    let view = ViewState::current();
    let shown = RwSignal::new(Shown::Here);
    Effect::new(move |_| shown.set(Shown::now()));
    let by_system = StoredValue::new_local(Vec::<(Notification, SystemNotification)>::new());
    Effect::new(move |_| {
        let wanted = view.notifications.get();
        if shown.get() != Shown::BySystem {
            return;
        }
        by_system.update_value(|known| {
            known.retain(|(notification, system)| {
                let is_wanted = wanted.contains(notification);
                if !is_wanted {
                    // It is put away by us, and not by the person.
                    system.set_onclose(None);
                    system.close();
                }
                is_wanted
            });
            for notification in &wanted {
                if known.iter().any(|(known, _)| known == notification) {
                    continue;
                }
                match show(view, notification) {
                    Some(system) => known.push((notification.clone(), system)),
                    // Browsers of phones have them for service workers alone.
                    None => shown.set(Shown::Here),
                }
            }
        });
    });
    let here = move || match shown.get() {
        Shown::BySystem => Vec::new(),
        Shown::HereForNow | Shown::Here => view.notifications.get(),
    };
    view! {
        <For
            each=here
            key=|notification| notification.clone()
            children=move |notification| view! { <Line notification shown /> }
        />
    }
    .into_any()
}

fn answer(view: ViewState, number: u32, follow: bool) {
    let (session, viewer) = (view.session(), view.viewer());
    view.ask(api::answer_notification(session, viewer, number, follow));
}

/// `None` where pages have none.
fn show(view: ViewState, notification: &Notification) -> Option<SystemNotification> {
    let options = NotificationOptions::new();
    options.set_body(&notification.body);
    let number = notification.number;
    options.set_tag(&format!("{}-{number}", view.session()));
    let shown = SystemNotification::new_with_options(&notification.title, &options).ok()?;
    let follow = move |_: Event| {
        let _ = window().focus();
        answer(view, number, true);
    };
    // Each may come more than once, or never.
    let follow = Closure::<dyn FnMut(Event)>::new(follow).into_js_value();
    let put_away = move |_: Event| answer(view, number, false);
    let put_away = Closure::<dyn FnMut(Event)>::new(put_away).into_js_value();
    shown.set_onclick(Some(follow.unchecked_ref()));
    shown.set_onclose(Some(put_away.unchecked_ref()));
    Some(shown)
}

#[component]
fn Line(notification: Notification, shown: RwSignal<Shown>) -> impl IntoView {
    let view = ViewState::current();
    let places = Places::current();
    let Notification {
        number,
        title,
        body,
    } = notification;
    let done = move |follow| {
        answer(view, number, follow);
        places.focus_picture();
    };
    let allow = move |_| {
        spawn_local(async move {
            if let Ok(asked) = SystemNotification::request_permission() {
                // Whatever the person has said, it is known now.
                let _ = JsFuture::from(asked).await;
            }
            shown.set(Shown::now());
        });
    };
    let offer = move || {
        (shown.get() == Shown::HereForNow)
            .then(|| view! { <button on:click=allow>"Use my system’s"</button> })
    };
    view! {
        <div class="notice of-page">
            <p class="said">
                <strong>{title}</strong>
                {body.replace("\n\n", "\n")}
            </p>
            {offer}
            <button class="primary" on:click=move |_| done(true)>
                "Open"
            </button>
            <button class="tool" aria-label="Dismiss" title="Dismiss" on:click=move |_| done(false)>
                <Icon path=icon::STOP />
            </button>
        </div>
    }
}
