//! A server or proxy asks who the person is: a user name and a password, over the picture, as for the page's own dialogs.

use leptos::ev::{KeyboardEvent, SubmitEvent};
use leptos::html;
use leptos::prelude::*;
use shared::session::{AuthChallenge, Credentials};

use crate::api;
use crate::connection::view_state::ViewState;
use crate::viewer::Places;

#[component]
pub fn AuthChallengeBox() -> impl IntoView {
    let view = ViewState::current();
    let asks = Memo::new(move |_| {
        view.state.with(|state| {
            let state = state.as_ref()?;
            // One question at a time.
            let asks = state.auth_challenge.as_ref();
            asks.filter(|_| state.dialog.is_none()).cloned()
        })
    });
    (move || asks.get().map(|asks| view! { <OpenChallenge asks /> })).into_any()
}

/// Whether what is entered can be read on its way.
fn is_readable(origin: &str) -> bool {
    origin.starts_with("http://")
}

#[component]
fn OpenChallenge(asks: AuthChallenge) -> impl IntoView {
    let view = ViewState::current();
    let places = Places::current();
    let (username, password) = (NodeRef::<html::Input>::new(), NodeRef::<html::Input>::new());
    let challenge = asks.number;
    let answer = move |accept: bool| {
        let entered = |field: NodeRef<html::Input>| {
            let field = field.get_untracked();
            field.map(|field| field.value()).unwrap_or_default()
        };
        let credentials = accept.then(|| Credentials {
            username: entered(username),
            password: entered(password),
        });
        view.ask(api::authenticate(
            view.session(),
            view.viewer(),
            challenge,
            credentials,
        ));
        places.focus_picture();
    };
    Effect::new(move |_| {
        if let Some(field) = username.get() {
            crate::input::focus(&field);
        }
    });
    let submit = move |event: SubmitEvent| {
        event.prevent_default();
        answer(true);
    };
    let escape = move |event: KeyboardEvent| {
        if event.key() == "Escape" {
            answer(false);
        }
    };
    let AuthChallenge {
        origin,
        realm,
        is_proxy,
        is_repeated,
        ..
    } = asks;
    let readable = is_readable(&origin);
    let who = match is_proxy {
        true => format!("The proxy {origin}"),
        false => origin,
    };
    let asks = match realm.is_empty() {
        true => format!("{who} asks for a user name and a password."),
        false => format!("{who} asks for a user name and a password for “{realm}”."),
    };
    view! {
        <div class="veil" role="alertdialog" aria-labelledby="dialog-heading" aria-describedby="dialog-message">
            <form class="dialog" autocomplete="off" on:submit=submit on:keydown=escape>
                <h2 id="dialog-heading">"Sign in"</h2>
                <p id="dialog-message">
                    {is_repeated.then_some("That was not accepted. ")} {asks}
                    {readable.then_some(" What you enter is not encrypted on its way there.")}
                </p>
                <input
                    node_ref=username
                    type="text"
                    aria-label="User name"
                    placeholder="User name"
                    autocomplete="off"
                    autocapitalize="none"
                    spellcheck="false"
                />
                <input
                    node_ref=password
                    type="password"
                    aria-label="Password"
                    placeholder="Password"
                    autocomplete="off"
                />
                <p class="choices">
                    <button type="button" on:click=move |_| answer(false)>
                        "Cancel"
                    </button>
                    <button type="submit" class="primary">
                        "Sign in"
                    </button>
                </p>
            </form>
        </div>
    }
}
