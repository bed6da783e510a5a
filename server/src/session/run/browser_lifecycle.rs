//! Chrome's life within a session: started, heard of, gone, started again.

use std::time::Instant;

use futures::FutureExt;
use shared::message::ServerMessage;
use shared::session::{Phase, Tab, TabId};

use super::{Life, Run};
use crate::browser::address::{AllowedUrl, allowed};
use crate::browser::{BrowserState, Gone, Opening};
use crate::display::DisplayState;
use crate::input::ViewerInput;
use crate::session::engine::{Engine, EngineError};
use crate::stream::Sample;

impl Run {
    pub(super) fn start_chrome(&mut self) {
        self.state.phase = Phase::Starting;
        (self.had_tabs, self.reopen, self.windows) = (false, false, 0);
        let (surroundings, size) = (self.surroundings.clone(), self.size);
        let opening = self.opening.clone();
        let (counters, hub, id) = (
            self.counters.clone(),
            self.surroundings.hub.clone(),
            self.id.clone(),
        );
        let session = self.id.clone();
        let deliver = move |sample: Sample| {
            counters.count(&sample);
            hub.send_sample(&session, sample);
        };
        self.life = Life::Starting(
            async move { Engine::start(id, size, opening, &surroundings, deliver).await }.boxed(),
        );
    }

    pub(super) fn started(&mut self, result: Result<Engine, EngineError>, now: Instant) {
        match result {
            Ok(engine) => {
                self.life = Life::Running(Box::new(engine));
            }
            Err(error) => {
                tracing::error!(session = %self.id, error = %chain(&error), "Chrome cannot be started");
                self.life = Life::Stopped;
                // It may have crashed again before it had begun.
                if self.restarts.is_mending(now) && self.restarts.next(now).is_some() {
                    return self.start_chrome();
                }
                self.change(|state| {
                    state.phase = Phase::Stopped {
                        reason: format!("Chrome cannot be started: {error}."),
                    };
                });
            }
        }
    }

    pub(super) fn browser_changed(&mut self, browser: BrowserState) {
        if let Some(gone) = browser.gone {
            return self.chrome_gone(gone, Instant::now());
        }
        self.had_tabs |= !browser.tabs.is_empty();
        let notice = browser.notice.map(|(_, sentence)| sentence);
        let notice = notice.or_else(|| self.notice.clone());
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
        if self.state.geometry != display.geometry {
            self.change(|state| state.geometry = display.geometry);
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

    pub(super) fn chrome_gone(&mut self, gone: Gone, now: Instant) {
        tracing::warn!(session = %self.id, ?gone, "Chrome is gone");
        if !self.reopen {
            self.opening = self.open_again(&gone);
        }
        self.stop_chrome();
        for viewer in self.viewers.values_mut() {
            // There is nothing left that could be held.
            viewer.hands = ViewerInput::default();
        }
        let restart = match &gone {
            _ if self.reopen => true,
            Gone::Closed(_) => false,
            Gone::Crashed(_) => match self.restarts.next(now) {
                Some(which) => {
                    self.notice = Some(crash_notice(which));
                    true
                }
                None => false,
            },
        };
        let phase = if restart {
            self.start_chrome();
            Phase::Starting
        } else {
            self.notice = None;
            let (Gone::Closed(reason) | Gone::Crashed(reason)) = gone;
            Phase::Stopped { reason }
        };
        let notice = self.notice.clone();
        self.change(|state| {
            state.phase = phase;
            state.tabs.clear();
            state.active = None;
            state.dialog = None;
            state.notice = notice;
        });
    }

    pub(super) fn stop_chrome(&mut self) {
        if let Life::Running(engine) = std::mem::replace(&mut self.life, Life::Stopped) {
            self.pending.push(engine.end().boxed());
        }
    }

    /// The tabs that can be opened again. One that ended before it had shown them all is given the same once more.
    fn open_again(&self, gone: &Gone) -> Opening {
        let search_url = &self.surroundings.config.search_url;
        let can_open = |tab: &Tab| Some((allowed(&tab.url, search_url).ok()?, tab.id.clone()));
        let kept: Vec<_> = self.state.tabs.iter().filter_map(can_open).collect();
        let was_complete =
            self.state.phase != Phase::Starting || kept.len() >= self.opening.urls.len();
        match gone {
            Gone::Closed(_) if kept.is_empty() => return AllowedUrl::blank().into(),
            Gone::Crashed(_) if kept.is_empty() || !was_complete => return self.opening.clone(),
            _ => {}
        }
        let is_front = |(_, id): &(AllowedUrl, TabId)| self.state.active.as_ref() == Some(id);
        Opening {
            front: kept.iter().position(is_front).unwrap_or_default(),
            urls: kept.into_iter().map(|(url, _)| url).collect(),
        }
    }
}

fn crash_notice(which: usize) -> String {
    match which {
        1 => "Chrome crashed and was started again with its tabs.".to_owned(),
        _ => format!(
            "Chrome crashed and was started again with its tabs, {which} times in a minute."
        ),
    }
}

/// An error with all its causes, for the log.
fn chain(error: &dyn std::error::Error) -> String {
    std::iter::successors(error.source(), |error| error.source())
        .fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}
