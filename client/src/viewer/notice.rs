//! What happened and can be put away: a page in trouble, the session's notice, a refusal.

use std::time::Duration;

use leptos::prelude::*;
use shared::session::Trouble;

use crate::api;
use crate::connection::view_state::ViewState;
use crate::viewer::Places;
use crate::viewer::icon::{self, Icon};
use crate::viewer::notifications::PageNotifications;

#[component]
pub fn Notices() -> impl IntoView {
    let view = ViewState::current();
    let notice = Memo::new(move |_| view.state.with(|state| state.as_ref()?.notice.clone()));
    let dismissed = RwSignal::new(None::<String>);
    let shown_notice = move || {
        notice
            .get()
            .filter(|notice| dismissed.get().as_ref() != Some(notice))
    };
    // Once put away, only what comes on top is told.
    let missing = Memo::new(move |_| view.incidents.with(|incidents| incidents.missing_inputs));
    let seen_missing = RwSignal::new(0);
    let missing_told = move || {
        let fresh = missing.get().saturating_sub(seen_missing.get());
        (fresh > 0).then(|| not_carried_out(fresh))
    };
    let trouble = view.of_active_tab(|tab| tab.trouble);
    view! {
        <div class="notices" role="alert">
            {move || trouble.get().flatten().map(|trouble| view! { <TroubleBanner trouble /> })}
            {move || {
                shown_notice()
                    .map(|sentence| {
                        let dismiss = move || dismissed.set(notice.get_untracked());
                        view! { <Toast sentence dismiss /> }
                    })
            }}
            {move || {
                missing_told()
                    .map(|sentence| {
                        let dismiss = move || seen_missing.set(missing.get_untracked());
                        view! { <Toast sentence dismiss /> }
                    })
            }}
            <PageNotifications />
            {move || view.external_link.get().map(|url| view! { <ExternalLink url /> })}
            {move || {
                view
                    .refusal
                    .get()
                    .map(|sentence| view! { <Toast sentence dismiss=move || view.refusal.set(None) /> })
            }}
        </div>
    }
    .into_any()
}

fn not_carried_out(inputs: u32) -> String {
    match inputs {
        1 => "One key or click was not carried out: the picture was not live.".to_owned(),
        more => format!("{more} keys and clicks were not carried out: the picture was not live."),
    }
}

#[component]
fn TroubleBanner(trouble: Trouble) -> impl IntoView {
    let view = ViewState::current();
    let sentence = match trouble {
        Trouble::Crashed => "This page has crashed.",
        Trouble::Unresponsive => "This page does not respond.",
    };
    let close = move |_| {
        let active = view
            .state
            .with_untracked(|state| state.as_ref()?.active.clone());
        if let Some(tab) = active {
            view.ask(api::close_tab(view.session(), view.viewer(), tab));
        }
    };
    view! {
        <div class="notice trouble">
            <p>{sentence}</p>
            <button class="primary" on:click=move |_| view.ask(api::reload(view.session(), view.viewer()))>
                "Reload"
            </button>
            <button on:click=close>"Close tab"</button>
        </div>
    }
}

/// The person's own browser knows the program for it.
#[component]
fn ExternalLink(url: String) -> impl IntoView {
    let view = ViewState::current();
    let places = Places::current();
    let dismiss = move |_| {
        view.external_link.set(None);
        places.focus_picture();
    };
    // Once it was followed there is nothing more to say.
    let followed = move |_| set_timeout(move || view.external_link.set(None), Duration::ZERO);
    view! {
        <div class="notice">
            <p>
                "The page opens this with another program: "
                <a href=url.clone() target="_blank" rel="noopener noreferrer" on:click=followed>
                    {shortened(&url)}
                </a>
            </p>
            <button class="tool" aria-label="Dismiss" title="Dismiss" on:click=dismiss>
                <Icon path=icon::STOP />
            </button>
        </div>
    }
}

fn shortened(url: &str) -> String {
    const MOST: usize = 120;
    match url.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}…", &url[..end]),
        None => url.to_owned(),
    }
}

#[component]
fn Toast(sentence: String, dismiss: impl Fn() + 'static) -> impl IntoView {
    let places = Places::current();
    let dismiss = move |_| {
        dismiss();
        // The button that had the focus is gone.
        places.focus_picture();
    };
    view! {
        <div class="notice">
            <p>{sentence}</p>
            <button class="tool" aria-label="Dismiss" title="Dismiss" on:click=dismiss>
                <Icon path=icon::STOP />
            </button>
        </div>
    }
}
