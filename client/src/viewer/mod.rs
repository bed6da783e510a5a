//! `/s/{id}`: a session's toolbar, tabs and picture.

// The narrow strip above the picture.
mod address;
mod address_bar;
mod icon;
mod tabs;
mod toolbar;
// The picture, and the person's hands on it.
mod cursor;
mod picture;
// What lies over it when there is something to say.
mod dialog;
mod latency;
mod notice;
mod panel;
mod panel_position;
mod phase;
mod plot;
mod statistics;
mod status;

use leptos::html;
use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::use_params_map;
use shared::session::SessionId;

use crate::app::NoSuchPage;
use crate::connection::view_state::ViewState;
use dialog::DialogBox;
use notice::Notices;
use picture::Picture;
use statistics::Statistics;
use status::StatusLine;
use tabs::Tabs;
use toolbar::Toolbar;

/// Elements that others give the focus to.
#[derive(Clone, Copy, Default)]
struct Places {
    /// The hidden text field that hears the keyboard.
    field: NodeRef<html::Textarea>,
    address: NodeRef<html::Input>,
}

impl Places {
    fn current() -> Self {
        expect_context()
    }

    /// Back to the remote page.
    fn focus_picture(&self) {
        if let Some(field) = self.field.get_untracked() {
            crate::input::focus(&field);
        }
    }
}

#[component]
pub fn Viewer() -> impl IntoView {
    let params = use_params_map();
    let session = Memo::new(move |_| {
        let id = params.with(|params| params.get("id"))?;
        id.parse::<SessionId>().ok()
    });
    // Another session is another page: nothing of the former stays.
    move || match session.get() {
        Some(session) => view! { <Session session /> }.into_any(),
        None => view! { <NoSuchPage /> }.into_any(),
    }
}

#[component]
fn Session(session: SessionId) -> impl IntoView {
    let view = ViewState::new(session);
    provide_context(view);
    provide_context(Places::default());
    let title = view.of_active_tab(|tab| tab.title.clone());
    let title = move || match title.get().flatten_empty() {
        Some(title) => format!("{title} – Farpane"),
        None => "Farpane".to_owned(),
    };
    let statistics_shown = RwSignal::new(false);
    // The type of each part is erased where it is made: the whole page's would be too deep for the compiler.
    let stage = view! {
        <main class="stage">
            <Picture />
            <Notices />
            <DialogBox />
        </main>
    }
    .into_any();
    let statistics = move || {
        statistics_shown
            .get()
            .then(|| view! { <Statistics shown=statistics_shown /> })
    };
    let viewer = view! {
        <div class="viewer">
            <Toolbar statistics_shown />
            <Tabs />
            <div class="beside">{stage} {statistics}</div>
            <StatusLine />
        </div>
    }
    .into_any();
    view! {
        <Title text=title />
        {viewer}
    }
}

trait FlattenEmpty {
    /// An empty text is none.
    fn flatten_empty(self) -> Option<String>;
}

impl FlattenEmpty for Option<String> {
    fn flatten_empty(self) -> Option<String> {
        self.filter(|text| !text.trim().is_empty())
    }
}
