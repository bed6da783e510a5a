//! The remote page's `alert`, `confirm`, `prompt` or `beforeunload`, over its picture. The toolbar stays usable: a page
//! that asks again and again can be left.

use leptos::ev::{KeyboardEvent, SubmitEvent};
use leptos::html;
use leptos::prelude::*;
use shared::session::{Dialog, DialogKind};

use crate::api;
use crate::connection::view_state::ViewState;
use crate::viewer::Places;

#[component]
pub fn DialogBox() -> impl IntoView {
    let view = ViewState::current();
    let dialog = Memo::new(move |_| view.state.with(|state| state.as_ref()?.dialog.clone()));
    (move || dialog.get().map(|dialog| view! { <OpenDialog dialog /> })).into_any()
}

fn heading(kind: DialogKind) -> &'static str {
    match kind {
        DialogKind::BeforeUnload => "Leave this page?",
        DialogKind::Alert | DialogKind::Confirm | DialogKind::Prompt => "The page says",
    }
}

#[component]
fn OpenDialog(dialog: Dialog) -> impl IntoView {
    let view = ViewState::current();
    let places = Places::current();
    let (field, ok) = (
        NodeRef::<html::Input>::new(),
        NodeRef::<html::Button>::new(),
    );
    let silence = NodeRef::<html::Input>::new();
    let answer = move |accept: bool| {
        let text = field.get_untracked().map(|field| field.value());
        let silence = silence
            .get_untracked()
            .is_some_and(|silence| silence.checked());
        view.ask(api::answer_dialog(
            view.session(),
            view.viewer(),
            accept,
            text.filter(|_| accept),
            silence,
        ));
        places.focus_picture();
    };
    Effect::new(move |_| {
        if let Some(field) = field.get() {
            crate::input::focus(&field);
            field.select();
        } else if let Some(ok) = ok.get() {
            crate::input::focus(&ok);
        }
    });
    let Dialog {
        kind,
        message,
        default_text,
        is_repeated,
        ..
    } = dialog;
    let asks_to_leave = kind == DialogKind::BeforeUnload;
    // Browsers do not show what a page says here.
    let message = match asks_to_leave {
        true => "What you have entered there may be lost.".to_owned(),
        false => message,
    };
    view! {
        <QuestionForm heading=heading(kind) message answer>
                {(kind == DialogKind::Prompt)
                    .then(|| {
                        view! {
                            <input
                                node_ref=field
                                type="text"
                                aria-label="Answer"
                                autocomplete="off"
                                prop:value=default_text
                            />
                        }
                    })}
                {(is_repeated && !asks_to_leave)
                    .then(|| {
                        view! {
                            <label class="silence">
                                <input node_ref=silence type="checkbox" />
                                "Don’t let this page ask again"
                            </label>
                        }
                    })}
                <p class="choices">
                    {(kind != DialogKind::Alert)
                        .then(|| {
                            view! {
                                <button type="button" on:click=move |_| answer(false)>
                                    {if asks_to_leave { "Stay" } else { "Cancel" }}
                                </button>
                            }
                        })}
                    <button node_ref=ok type="submit" class="primary">
                        {if asks_to_leave { "Leave" } else { "OK" }}
                    </button>
                </p>
        </QuestionForm>
    }
}

/// A question over the picture. Submitting it is yes, Escape is no.
#[component]
pub fn QuestionForm(
    heading: &'static str,
    message: String,
    answer: impl Fn(bool) + Copy + Send + Sync + 'static,
    children: Children,
) -> impl IntoView {
    let submit = move |event: SubmitEvent| {
        event.prevent_default();
        answer(true);
    };
    let escape = move |event: KeyboardEvent| {
        if event.key() == "Escape" {
            answer(false);
        }
    };
    view! {
        <div class="veil" role="alertdialog" aria-labelledby="dialog-heading" aria-describedby="dialog-message">
            <form class="dialog" autocomplete="off" on:submit=submit on:keydown=escape>
                <h2 id="dialog-heading">{heading}</h2>
                <p id="dialog-message">{message}</p>
                {children()}
            </form>
        </div>
    }
}
