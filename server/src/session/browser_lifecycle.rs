//! Pure: Chrome's life within a session: started, closed or crashed, started again.

use std::collections::BTreeSet;
use std::time::Instant;

use shared::geometry::Geometry;
use shared::session::{Phase, SessionState};

use super::action::Action;
use super::event::EngineId;
use super::reopening::opening_after;
use super::restarts::Restarts;
use crate::browser::address::AllowedUrl;
use crate::browser::{BrowserCommand, BrowserExit, InitialTabs};

/// The one engine that was not told to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Engine {
    Starting(EngineId),
    Running {
        id: EngineId,
        tabs: Tabs,
        /// What its display last said of its windows.
        windows: u64,
    },
    /// Chrome was closed, crashed too often or cannot be started; its addresses are kept.
    Stopped,
}

/// What is known of a running Chrome's tabs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tabs {
    /// It has shown none yet.
    Awaited,
    Shown,
    /// The last one was closed: Chrome is about to end, and takes no more addresses.
    Closed,
    /// As before, and an address was typed since: Chrome starts again with it.
    Reopening,
}

/// What becomes of a command.
#[derive(Clone, Debug, PartialEq)]
pub enum Routed {
    /// There is no more to it.
    Done,
    /// It is for the Chrome that runs.
    ToChrome(BrowserCommand),
    /// Chrome will be started with it, or is being so.
    Kept,
    /// Chrome was stopped and starts again.
    Restarted,
    /// A sentence for who asked: not possible now.
    Conflict(&'static str),
}

/// A session's Chromes, one after the other.
#[derive(Debug)]
pub struct BrowserLifecycle {
    engine: Engine,
    next: EngineId,
    /// Told to end; something of them may be left.
    ending: BTreeSet<EngineId>,
    /// What Chrome is started with, and started with again.
    opening: InitialTabs,
    /// What its windows are to fill.
    geometry: Geometry,
    restarts: Restarts,
    /// What became of Chrome, until it has something to say itself.
    notice: Option<String>,
}

impl BrowserLifecycle {
    /// Nothing is started yet.
    pub fn new(opening: InitialTabs, geometry: Geometry) -> BrowserLifecycle {
        BrowserLifecycle {
            engine: Engine::Stopped,
            next: EngineId(0),
            ending: BTreeSet::new(),
            opening,
            geometry,
            restarts: Restarts::default(),
            notice: None,
        }
    }

    /// Starts a Chrome; there is none.
    pub fn start(&mut self, actions: &mut Vec<Action>) {
        let engine = self.next;
        self.next = EngineId(engine.0 + 1);
        self.engine = Engine::Starting(engine);
        actions.push(Action::StartEngine {
            engine,
            opening: self.opening.clone(),
            geometry: self.geometry,
        });
    }

    /// The Chrome that runs, and each that is started from now on, has windows of that geometry.
    pub fn resize(&mut self, geometry: Geometry, actions: &mut Vec<Action>) {
        self.geometry = geometry;
        if self.is_running() {
            actions.push(Action::Resize(geometry));
        }
    }

    /// Ends the Chrome that runs or starts, if there is one.
    pub fn end(&mut self, actions: &mut Vec<Action>) {
        match std::mem::replace(&mut self.engine, Engine::Stopped) {
            Engine::Starting(engine) | Engine::Running { id: engine, .. } => {
                self.ending.insert(engine);
                actions.push(Action::EndEngine(engine));
            }
            Engine::Stopped => {}
        }
    }

    pub fn is_running(&self) -> bool {
        matches!(self.engine, Engine::Running { .. })
    }

    /// Nothing is left of any Chrome.
    pub fn is_all_gone(&self) -> bool {
        self.engine == Engine::Stopped && self.ending.is_empty()
    }

    /// What became of Chrome, in a sentence for the viewer.
    pub fn notice(&self) -> Option<&String> {
        self.notice.as_ref()
    }

    pub fn on_started(&mut self, engine: EngineId, actions: &mut Vec<Action>) {
        if self.engine == Engine::Starting(engine) {
            self.engine = Engine::Running {
                id: engine,
                tabs: Tabs::Awaited,
                windows: 0,
            };
            // It may have changed since this Chrome began to start.
            actions.push(Action::Resize(self.geometry));
        }
    }

    /// Gives the session's phase, unless Chrome is started once more.
    pub fn on_failed(
        &mut self,
        engine: EngineId,
        reason: String,
        actions: &mut Vec<Action>,
        now: Instant,
    ) -> Option<Phase> {
        if self.engine != Engine::Starting(engine) {
            return None;
        }
        self.engine = Engine::Stopped;
        // It may have crashed again before it had begun.
        if self.restarts.is_recent(now) && self.restarts.allow(now).is_some() {
            self.start(actions);
            return None;
        }
        Some(Phase::Stopped { reason })
    }

    /// Nothing is left of this one.
    pub fn on_ended(&mut self, engine: EngineId) {
        self.ending.remove(&engine);
    }

    /// Chrome said which tabs it has.
    pub fn on_tabs(&mut self, has_tabs: bool, actions: &mut Vec<Action>) {
        let Engine::Running { tabs, .. } = &mut self.engine else {
            return;
        };
        *tabs = match (*tabs, has_tabs) {
            (Tabs::Awaited, false) => Tabs::Awaited,
            (Tabs::Reopening, true) => {
                // It goes on after all: another tab was being opened.
                let front = self.opening.urls.first().cloned();
                actions.extend(front.map(|url| Action::Hint(BrowserCommand::Navigate(url))));
                Tabs::Shown
            }
            (_, true) => Tabs::Shown,
            (Tabs::Shown | Tabs::Closed, false) => Tabs::Closed,
            (Tabs::Reopening, false) => Tabs::Reopening,
        };
    }

    /// The display said something of its windows; whether that is news. CDP does not tell which tab is in front, nor what
    /// it is called; its window's title does.
    pub fn on_windows(&mut self, newest: u64) -> bool {
        match &mut self.engine {
            Engine::Running { windows, .. } => std::mem::replace(windows, newest) != newest,
            Engine::Starting(_) | Engine::Stopped => false,
        }
    }

    /// Chrome is gone; `last` is the session's state until now. Gives the session's phase.
    pub fn on_gone(
        &mut self,
        gone: BrowserExit,
        last: &SessionState,
        search_url: &str,
        actions: &mut Vec<Action>,
        now: Instant,
    ) -> Phase {
        let is_reopening = matches!(
            self.engine,
            Engine::Running {
                tabs: Tabs::Reopening,
                ..
            }
        );
        if !is_reopening {
            self.opening = opening_after(&gone, last, &self.opening, search_url);
        }
        self.end(actions);
        let starts_again = match &gone {
            _ if is_reopening => true,
            BrowserExit::Closed(_) => false,
            BrowserExit::Crashed(_) => match self.restarts.allow(now) {
                Some(which) => {
                    self.notice = Some(crash_notice(which));
                    true
                }
                None => false,
            },
        };
        if starts_again {
            self.start(actions);
            return Phase::Starting;
        }
        self.notice = None;
        let (BrowserExit::Closed(reason) | BrowserExit::Crashed(reason)) = gone;
        Phase::Stopped { reason }
    }

    /// What becomes of a command in Chrome's present state.
    pub fn route(&mut self, command: BrowserCommand, actions: &mut Vec<Action>) -> Routed {
        match (&mut self.engine, command) {
            (
                Engine::Running {
                    tabs: tabs @ (Tabs::Closed | Tabs::Reopening),
                    ..
                },
                BrowserCommand::Navigate(url),
            ) => {
                *tabs = Tabs::Reopening;
                self.opening = url.into();
                Routed::Kept
            }
            (Engine::Running { .. }, command) => Routed::ToChrome(command),
            (Engine::Starting(_), BrowserCommand::Navigate(url)) => {
                self.open_instead(url, actions);
                Routed::Kept
            }
            (Engine::Stopped, BrowserCommand::Navigate(url)) => {
                self.opening = url.into();
                self.restart(actions)
            }
            (Engine::Starting(_), _) => Routed::Conflict("Chrome is still starting: try again."),
            (Engine::Stopped, _) => Routed::Conflict("Chrome is not running: restart it first."),
        }
    }

    /// A person wants Chrome back.
    pub fn restart(&mut self, actions: &mut Vec<Action>) -> Routed {
        if self.engine != Engine::Stopped {
            return Routed::Conflict("Chrome is running already.");
        }
        self.restarts.reset();
        self.notice = None;
        self.start(actions);
        Routed::Restarted
    }

    fn open_instead(&mut self, url: AllowedUrl, actions: &mut Vec<Action>) {
        self.opening = url.into();
        self.end(actions);
        self.start(actions);
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
