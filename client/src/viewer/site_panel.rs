//! The site of the page: a lock beside its address, and behind it how the page came, and what its site may do.

use leptos::ev::{Event, FocusEvent, MouseEvent};
use leptos::html;
use leptos::prelude::*;
use leptos::task::spawn_local;
use shared::site::{
    Certificate, Location, Permission, PermissionState, Security, SecurityLevel, SitePermissions,
};
use wasm_bindgen::JsCast;
use wasm_bindgen::closure::Closure;
use web_sys::{Node, Position, PositionError};

use crate::api;
use crate::connection::view_state::ViewState;
use crate::dom::on_escape;
use crate::viewer::Places;
use crate::viewer::icon::{self, Icon};

/// How a page came, in the person's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// From nowhere: the browser has made it.
    Within,
    Encrypted,
    Readable,
    Untrusted,
}

impl Way {
    fn of(url: &str, security: &Security) -> Way {
        let is_web = url.starts_with("http://") || url.starts_with("https://");
        match security.level {
            SecurityLevel::Broken => Way::Untrusted,
            SecurityLevel::Secure => Way::Encrypted,
            SecurityLevel::Neutral if !is_web => Way::Within,
            SecurityLevel::Neutral | SecurityLevel::Insecure => Way::Readable,
        }
    }

    fn icon(self) -> &'static str {
        match self {
            Way::Within => icon::PAGE,
            Way::Encrypted => icon::LOCKED,
            Way::Readable => icon::UNLOCKED,
            Way::Untrusted => icon::WARNING,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Way::Within => "Site information",
            Way::Encrypted => "Site information: encrypted",
            Way::Readable => "Site information: not encrypted",
            Way::Untrusted => "Site information: not trusted",
        }
    }

    fn sentence(self) -> &'static str {
        match self {
            Way::Within => "This page has not come from a site.",
            Way::Encrypted => "The page came encrypted, from whom its certificate names.",
            Way::Readable => {
                "The page, and what is entered there, can be read and changed on the way."
            }
            Way::Untrusted => "The page came encrypted, but nobody knows from whom.",
        }
    }
}

/// Chrome's name of a certificate's fault, as a sentence.
fn fault(error: &str) -> &'static str {
    match error {
        "net::ERR_CERT_AUTHORITY_INVALID" => "Nobody whom the browser trusts vouches for it.",
        "net::ERR_CERT_DATE_INVALID" => "It has expired, or is not valid yet.",
        "net::ERR_CERT_COMMON_NAME_INVALID" => "It is for another name.",
        "net::ERR_CERT_REVOKED" => "It was revoked.",
        _ => "It is not trusted.",
    }
}

fn label(permission: Permission) -> &'static str {
    match permission {
        Permission::Geolocation => "Location",
        Permission::Notifications => "Notifications",
        Permission::ClipboardRead => "Clipboard",
        Permission::Camera => "Camera",
        Permission::Microphone => "Microphone",
        Permission::Midi => "MIDI devices",
    }
}

const CHOICES: [(PermissionState, &str, &str); 3] = [
    (PermissionState::Prompt, "prompt", "Ask"),
    (PermissionState::Granted, "granted", "Allow"),
    (PermissionState::Denied, "denied", "Block"),
];

#[component]
pub fn SitePanel() -> impl IntoView {
    let view = ViewState::current();
    let places = Places::current();
    let url = view.of_active_tab(|tab| tab.url.clone());
    let security = view.of_active_tab(|tab| tab.security.clone());
    let way = Memo::new(move |_| {
        let url = url.get().unwrap_or_default();
        Way::of(&url, &security.get().unwrap_or_default())
    });
    let shown = RwSignal::new(false);
    let permissions = RwSignal::new(None::<SitePermissions>);
    let ask = move || {
        spawn_local(async move {
            // A page that does not respond has none to show.
            let known = api::permissions(view.session(), view.viewer()).await.ok();
            permissions.set(known.filter(|known| known.origin.starts_with("http")));
        });
    };
    Effect::new(move |_| {
        url.track();
        permissions.set(None);
        if shown.get() {
            ask();
        }
    });
    let section = NodeRef::<html::Section>::new();
    Effect::new(move |_| {
        if let Some(section) = section.get() {
            crate::input::focus(&section);
        }
    });
    let leave = move |event: FocusEvent| {
        let to = event
            .related_target()
            .and_then(|to| to.dyn_into::<Node>().ok());
        let is_within = |to: &Node| {
            let section = section.get_untracked();
            section.is_some_and(|section| section.contains(Some(to)))
        };
        // A window that others cover keeps it open.
        if to.is_some_and(|to| !is_within(&to)) {
            shown.set(false);
        }
    };
    let close = move || {
        shown.set(false);
        places.focus_picture();
    };
    let escape = on_escape(close);
    let certificate = move || security.get()?.certificate;
    let panel = move || {
        shown.get().then(|| {
            view! {
                <section
                    node_ref=section
                    class="site"
                    aria-label="Site information"
                    tabindex="-1"
                    on:keydown=escape
                    on:focusout=leave
                >
                    <h2>{move || host(&url.get().unwrap_or_default())}</h2>
                    <button class="tool" aria-label="Close site information" title="Close" on:click=move |_| close()>
                        <Icon path=icon::STOP />
                    </button>
                    <p>{move || way.get().sentence()}</p>
                    {move || certificate().map(|certificate| view! { <CertificateLines certificate /> })}
                    <Permissions known=permissions ask />
                </section>
            }
        })
    };
    view! {
        <button
            class="tool of-site"
            aria-label=move || way.get().name()
            title=move || way.get().name()
            aria-expanded=move || shown.get().to_string()
            on:mousedown=|event: MouseEvent| event.prevent_default()
            on:click=move |_| shown.update(|shown| *shown = !*shown)
        >
            <Icon path=Signal::derive(move || way.get().icon()) />
        </button>
        {panel}
    }
    .into_any()
}

/// The part of an address that says whose page it is.
fn host(url: &str) -> String {
    let (_, rest) = url.split_once("://").unwrap_or(("", url));
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = authority.rsplit('@').next().unwrap_or_default();
    host.to_owned()
}

#[component]
fn CertificateLines(certificate: Certificate) -> impl IntoView {
    let Certificate {
        subject,
        issuer,
        valid_until,
        error,
    } = certificate;
    let until = js_sys::Date::new(&(valid_until as f64 * 1e3).into());
    let until = until.to_locale_date_string("default", &wasm_bindgen::JsValue::UNDEFINED);
    let until = String::from(until);
    view! {
        <p class="faint">
            {format!("Its certificate names {subject}, says {issuer}, until {until}. ")}
            {error.as_deref().map(fault)}
        </p>
    }
}

#[component]
fn Permissions(
    known: RwSignal<Option<SitePermissions>>,
    ask: impl Fn() + Copy + Send + Sync + 'static,
) -> impl IntoView {
    let permissions = Memo::new(move |_| {
        let names = |known: &SitePermissions| -> Vec<Permission> {
            known.permissions.iter().map(|(name, _)| *name).collect()
        };
        known.with(|known| known.as_ref().map(names).unwrap_or_default())
    });
    view! {
        <Show when=move || permissions.with(|permissions| !permissions.is_empty())>
            <div class="permissions">
                <For
                    each=move || permissions.get()
                    key=|permission| *permission
                    children=move |permission| view! { <Line permission known ask /> }
                />
                <p class="faint">"This holds for the site until the session ends."</p>
            </div>
        </Show>
    }
}

#[component]
fn Line(
    permission: Permission,
    known: RwSignal<Option<SitePermissions>>,
    ask: impl Fn() + Copy + Send + Sync + 'static,
) -> impl IntoView {
    let view = ViewState::current();
    let state = Memo::new(move |_| {
        known.with(|known| {
            let mut known = known.as_ref()?.permissions.iter();
            let found = known.find(|(name, _)| *name == permission);
            found.map(|(_, state)| *state)
        })
    });
    let choose = move |event: Event| {
        let value = event_target_value(&event);
        let choice = CHOICES.into_iter().find(|(_, name, _)| *name == value);
        let origin = known.with_untracked(|known| Some(known.as_ref()?.origin.clone()));
        let (Some((wanted, ..)), Some(origin)) = (choice, origin) else {
            return;
        };
        if (permission, wanted) == (Permission::Geolocation, PermissionState::Granted) {
            tell_location(view);
        }
        spawn_local(async move {
            let (session, viewer) = (view.session(), view.viewer());
            let set = api::set_permission(session, viewer, origin, permission, wanted);
            if let Err(refused) = set.await {
                view.refusal.set(Some(refused.to_string()));
            }
            ask();
        });
    };
    let options = CHOICES.map(|(choice, name, label)| {
        view! {
            <option value=name prop:selected=move || state.get() == Some(choice)>
                {label}
            </option>
        }
    });
    view! {
        <label>
            <span>{label(permission)}</span>
            <select on:change=choose>{options}</select>
        </label>
    }
}

/// Pages learn where the person is, and not where the server is; if the person's own browser tells.
fn tell_location(view: ViewState) {
    let unknown = move || {
        let sentence = "Your browser does not tell where you are: pages will not learn it either.";
        view.refusal.set(Some(sentence.to_owned()));
    };
    let Ok(geolocation) = window().navigator().geolocation() else {
        return unknown();
    };
    let found = move |position: Position| {
        let coordinates = position.coords();
        let location = Location {
            latitude: coordinates.latitude(),
            longitude: coordinates.longitude(),
            accuracy: coordinates.accuracy(),
        };
        view.ask(api::set_location(view.session(), view.viewer(), location));
    };
    let found = Closure::once_into_js(found);
    let refused = Closure::once_into_js(move |_: PositionError| unknown());
    // One of the two is called, also where the page may not ask.
    let _ = geolocation.get_current_position_with_error_callback(
        found.unchecked_ref(),
        Some(refused.unchecked_ref()),
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_judged_as_chrome_judges_it() {
        let security = |level| Security {
            level,
            certificate: None,
        };
        let way = |url, level| Way::of(url, &security(level));
        let (neutral, broken) = (SecurityLevel::Neutral, SecurityLevel::Broken);
        assert_eq!(
            way("https://a.test/", SecurityLevel::Secure),
            Way::Encrypted
        );
        assert_eq!(
            way("https://a.test/", SecurityLevel::Insecure),
            Way::Readable
        );
        assert_eq!(way("https://a.test/", broken), Way::Untrusted);
        assert_eq!(way("http://127.0.0.1/", neutral), Way::Readable);
        assert_eq!(way("about:blank", neutral), Way::Within);
    }

    #[test]
    fn the_host_is_what_comes_after_a_name_and_before_a_path() {
        assert_eq!(
            host("https://bank.test@evil.test:8443/a@b"),
            "evil.test:8443"
        );
        assert_eq!(host("about:blank"), "about:blank");
    }
}
