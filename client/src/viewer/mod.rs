//! `/s/{id}`: a session's tabs, toolbar and picture.

// The narrow strip above the picture.
mod address;
mod address_bar;
mod command_key;
mod icon;
mod main_menu;
pub(crate) mod tab_strip;
mod tabs;
mod toolbar;
mod touch_tools;
// The picture, and the person's hands on it.
mod cursor;
mod picture;
mod seen_geometry;
// What lies over it when there is something to say.
mod auth_challenge;
mod context_menu;
mod copy_and_save;
mod dialog;
mod downloads;
mod file_chooser;
mod find_bar;
mod latency;
mod menu;
mod menu_focus;
mod notice;
mod notifications;
mod outgoing_files;
mod panel;
mod panel_position;
mod phase;
mod plot;
mod site_panel;
mod sound_control;
mod start_page;
mod statistics;
mod status;
mod transfer;
mod uploads;
// The person's own window around it.
mod before_unload;
mod fullscreen;
mod fullscreen_state;

use leptos::ev::KeyboardEvent;
use leptos::html;
use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::use_params_map;
use shared::session::SessionId;

use crate::app::NoSuchPage;
use crate::connection::view_state::ViewState;
use auth_challenge::AuthChallengeBox;
use before_unload::AskBeforeLeaving;
use context_menu::ContextMenu;
use dialog::DialogBox;
use file_chooser::FileChooser;
use find_bar::FindBar;
use fullscreen::Fullscreen;
use notice::Notices;
use outgoing_files::OutgoingFiles;
use picture::Picture;
use start_page::StartPage;
use statistics::Statistics;
use status::StatusLine;
use tabs::{Strip, Tabs};
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
    let strip = Strip::new(view);
    let title = view.of_active_tab(tabs::name);
    let title = move || match title.get().flatten_empty() {
        Some(title) => format!("{title} – Farpane"),
        None => "Farpane".to_owned(),
    };
    let statistics_shown = RwSignal::new(false);
    let fullscreen = Fullscreen::new(view);
    let ask = AskBeforeLeaving::new(view);
    // The type of each part is erased where it is made: the whole page's would be too deep for the compiler.
    // What lies over the picture comes before it: the picture keeps the Tab key, and lets nobody past by keys alone.
    let stage = view! {
        <main class="stage">
            <StartPage />
            <Notices />
            <FindBar />
            <DialogBox />
            <AuthChallengeBox />
            <FileChooser />
            <OutgoingFiles />
            <StatusLine />
            <Picture />
            <ContextMenu />
        </main>
    }
    .into_any();
    let statistics = move || {
        statistics_shown
            .get()
            .then(|| view! { <Statistics shown=statistics_shown /> })
    };
    let keys = move |event: KeyboardEvent| {
        strip.on_key(&event);
        // In the picture the key is the remote page's.
        let is_find =
            matches!(event.key().as_str(), "f" | "F") && (event.ctrl_key() || event.meta_key());
        if is_find && !event.default_prevented() {
            event.prevent_default();
            view.show_find();
        }
    };
    let viewer = view! {
        <div class="viewer" on:keydown=keys>
            <header class="bars">
                <h1 class="unseen">{title}</h1>
                <Tabs strip />
                <Toolbar statistics_shown fullscreen ask />
            </header>
            <div class="beside">{statistics} {stage}</div>
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
