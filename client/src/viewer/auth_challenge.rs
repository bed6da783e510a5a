//! A server or proxy asks who the person is: a user name and a password, over the picture, as for the page's own dialogs.

use leptos::html;
use leptos::prelude::*;
use shared::session::{AuthChallenge, Credentials};

use crate::api;
use crate::connection::view_state::ViewState;
use crate::viewer::Places;
use crate::viewer::dialog::QuestionForm;

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
    let what = match realm.is_empty() {
        true => String::new(),
        false => format!(" for “{realm}”"),
    };
    let before = if is_repeated {
        "That was not accepted. "
    } else {
        ""
    };
    let warning = match readable {
        true => " What you enter is not encrypted on its way there.",
        false => "",
    };
    let message = format!("{before}{who} asks for a user name and a password{what}.{warning}");
    view! {
        <QuestionForm heading="Sign in" message answer>
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
        </QuestionForm>
    }
}
