//! Back, forward, reload, the address, and what concerns the whole session.

use leptos::ev::MouseEvent;
use leptos::prelude::*;

use crate::api;
use crate::connection::view_state::ViewState;
use crate::viewer::address_bar::AddressBar;
use crate::viewer::before_unload::AskBeforeLeaving;
use crate::viewer::command_key::CommandKey;
use crate::viewer::downloads::Downloads;
use crate::viewer::fullscreen::Fullscreen;
use crate::viewer::icon::{self, Icon};
use crate::viewer::main_menu::{MainMenu, ZoomFigure};
use crate::viewer::site_panel::SitePanel;
use crate::viewer::sound_control::SoundControl;
use crate::viewer::touch_tools::TouchTools;

/// A click on the toolbar leaves the keyboard with the remote page, as in any browser.
fn keep_focus(event: MouseEvent) {
    event.prevent_default();
}

#[component]
pub fn Toolbar(
    statistics_shown: RwSignal<bool>,
    fullscreen: Fullscreen,
    ask: AskBeforeLeaving,
) -> impl IntoView {
    let view = ViewState::current();
    let can_go_back = view.of_active_tab(|tab| tab.can_go_back);
    let can_go_forward = view.of_active_tab(|tab| tab.can_go_forward);
    let loading = view.of_active_tab(|tab| tab.loading);
    let is = |flag: Memo<Option<bool>>| move || flag.get() == Some(true);
    let is_loading = is(loading);
    let no_tab = move || loading.get().is_none();
    let reload_or_stop = move |_| {
        if is_loading() {
            view.ask(api::stop(view.session(), view.viewer()));
        } else {
            view.ask(api::reload(view.session(), view.viewer()));
        }
    };
    let reload_name = move || if is_loading() { "Stop" } else { "Reload" };
    let no_session = move || view.state.with(|state| state.is_none());
    view! {
        <div class="toolbar" aria-busy=move || is_loading().to_string()>
            <nav aria-label="History">
                <button
                    class="tool"
                    aria-label="Back"
                    title="Back"
                    disabled=move || !is(can_go_back)()
                    on:mousedown=keep_focus
                    on:click=move |_| view.ask(api::back(view.session(), view.viewer()))
                >
                    <Icon path=icon::BACK />
                </button>
                <button
                    class="tool"
                    aria-label="Forward"
                    title="Forward"
                    disabled=move || !is(can_go_forward)()
                    on:mousedown=keep_focus
                    on:click=move |_| view.ask(api::forward(view.session(), view.viewer()))
                >
                    <Icon path=icon::FORWARD />
                </button>
                <button
                    class="tool"
                    aria-label=reload_name
                    title=reload_name
                    disabled=no_tab
                    on:mousedown=keep_focus
                    on:click=reload_or_stop
                >
                    <Icon path=Signal::derive(move || {
                        if is_loading() { icon::STOP } else { icon::RELOAD }
                    }) />
                </button>
            </nav>
            <SitePanel />
            <AddressBar />
            <ZoomFigure />
            <CommandKey />
            <TouchTools />
            <Downloads />
            <SoundControl />
            <button
                class="tool"
                aria-label="Statistics"
                title="Statistics"
                aria-expanded=move || statistics_shown.get().to_string()
                on:mousedown=keep_focus
                on:click=move |_| statistics_shown.update(|shown| *shown = !*shown)
            >
                <Icon path=icon::STATISTICS />
            </button>
            <button
                class="tool"
                aria-label="End"
                title="End this session for all its viewers"
                disabled=no_session
                on:mousedown=keep_focus
                on:click=move |_| {
                    if ask.may_end(view) {
                        view.ask(api::end(view.session(), view.viewer()));
                    }
                }
            >
                <Icon path=icon::END />
            </button>
            <MainMenu fullscreen ask />
            // The status line comes to rest here.
            <span class="rest" aria-hidden="true"></span>
            <span class="progress" class:shown=is_loading aria-hidden="true"></span>
        </div>
    }
    .into_any()
}
