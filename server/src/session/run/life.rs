//! Chrome's life within a session: started, heard of, gone, started again.

use futures::FutureExt;
use shared::message::ServerMessage;
use shared::session::Phase;

use super::{Life, Run};
use crate::browser::BrowserState;
use crate::browser::address::{AllowedUrl, allowed};
use crate::display::DisplayState;
use crate::input::Hands;
use crate::session::engine::{Engine, EngineError};

impl Run {
    pub(super) fn start_chrome(&mut self) {
        self.state.phase = Phase::Starting;
        (self.had_tabs, self.reopen, self.windows) = (false, false, 0);
        let (surroundings, size, urls) = (self.surroundings.clone(), self.size, self.urls.clone());
        let (counters, hub, id) = (
            self.counters.clone(),
            self.surroundings.hub.clone(),
            self.id.clone(),
        );
        let feed = self.id.clone();
        let deliver = move |frame: crate::encode::Frame| {
            counters.count(&frame);
            hub.send_frame(&id, frame);
        };
        self.life = Life::Starting(
            async move { Engine::start(feed, size, urls, &surroundings, deliver).await }.boxed(),
        );
    }

    pub(super) fn started(&mut self, result: Result<Engine, EngineError>) {
        match result {
            Ok(engine) => {
                self.life = Life::Running(Box::new(engine));
                if self.viewers.values().any(|viewer| viewer.channel_open) {
                    self.request_keyframe();
                }
            }
            Err(error) => {
                tracing::error!(session = %self.id, error = %chain(&error), "Chrome cannot be started");
                self.life = Life::Stopped;
                self.change(|state| {
                    state.phase = Phase::Stopped {
                        reason: format!("Chrome cannot be started: {error}."),
                    };
                });
            }
        }
    }

    pub(super) fn browser_changed(&mut self, browser: BrowserState) {
        if let Some(reason) = &browser.gone {
            return self.chrome_gone(reason.clone());
        }
        self.had_tabs |= !browser.tabs.is_empty();
        let notice = browser.notice.map(|(_, sentence)| sentence);
        self.change(|state| {
            state.tabs = browser.tabs;
            state.active = browser.active;
            state.dialog = browser.dialog;
            state.notice = notice;
        });
    }

    pub(super) fn display_changed(&mut self, display: DisplayState) {
        if let Some(reason) = display.closed {
            // When Chrome goes its display goes too, and Chrome's own reason is the better one.
            tracing::debug!(session = %self.id, reason, "the display closed");
            return;
        }
        if self.windows != display.windows {
            self.windows = display.windows;
            self.look_at_tabs();
        }
        let drawn = display.drawn && self.state.phase == Phase::Starting;
        let only_cursor = !drawn && self.state.cursor != display.cursor;
        if only_cursor {
            // Cursors change with every hover: the rest of the state is not sent again for them.
            self.state.cursor = display.cursor.clone();
            self.state.version += 1;
            self.publish.send_replace(self.state.clone());
            self.broadcast(&ServerMessage::Cursor(display.cursor));
        } else if drawn {
            self.change(|state| {
                state.phase = Phase::Running;
                state.cursor = display.cursor;
            });
        }
    }

    pub(super) fn chrome_gone(&mut self, reason: String) {
        tracing::warn!(session = %self.id, reason, "Chrome is gone");
        if !self.reopen {
            self.urls = self.addresses();
        }
        self.stop_chrome();
        for viewer in self.viewers.values_mut() {
            // There is nothing left that could be held.
            viewer.hands = Hands::default();
        }
        let phase = match self.reopen {
            true => {
                self.start_chrome();
                Phase::Starting
            }
            false => Phase::Stopped { reason },
        };
        self.change(|state| {
            state.phase = phase;
            state.tabs.clear();
            state.active = None;
            state.dialog = None;
        });
    }

    pub(super) fn stop_chrome(&mut self) {
        if let Life::Running(engine) = std::mem::replace(&mut self.life, Life::Stopped) {
            self.pending.push(engine.end().boxed());
        }
    }

    /// Of the tabs that can be opened again.
    pub(super) fn addresses(&self) -> Vec<AllowedUrl> {
        let search_url = &self.surroundings.config.search_url;
        let tabs = self.state.tabs.iter();
        let mut urls: Vec<_> = tabs
            .filter_map(|tab| allowed(&tab.url, search_url).ok())
            .collect();
        if urls.is_empty() {
            urls.push(AllowedUrl::blank());
        }
        urls
    }
}

/// An error with all its causes, for the log.
fn chain(error: &dyn std::error::Error) -> String {
    std::iter::successors(error.source(), |error| error.source())
        .fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}
