//! Questions that Chrome is asked beside its events, and what the answers bring.

use std::time::{Duration, Instant};

use chromiumoxide::cdp::browser_protocol::{page, target};
use chromiumoxide::cdp::js_protocol::runtime;
use futures::FutureExt;
use shared::session::{TabId, Trouble};

use super::{Checks, Control, Looking, Outcome, PATIENCE, tab_id};
use crate::browser::address::AllowedUrl;
use crate::browser::cdp::TargetSession;
use crate::browser::tabs::PageTab;

/// A page is asked whether it still answers at most this often, and only after input.
pub(super) const BETWEEN_CHECKS: Duration = Duration::from_secs(2);

/// Chrome has heard from its display by then which of its windows has the focus.
const LOOK_AGAIN: Duration = Duration::from_millis(250);

/// A page that does not say at once whether it is in front is not.
const LOOK_DEADLINE: Duration = Duration::from_secs(1);

/// Without an answer by then the window stays as it is, and is used as it is.
const WINDOW_DEADLINE: Duration = Duration::from_secs(2);

/// Chrome's first window has a frame of its own for a moment, before it hears that it fills the screen.
const FILLS_SCREEN: &str = "new Promise((filled) => {
    const look = () => innerWidth >= screen.width && innerHeight >= screen.height && filled();
    addEventListener('resize', look);
    look();
})";

impl Control {
    /// A page that begins in a smaller window keeps what it made for that: a canvas, a map.
    pub(super) fn wait_for_window(
        &self,
        id: TabId,
        session: TargetSession,
        behind: Vec<AllowedUrl>,
    ) {
        let cdp = self.cdp.clone();
        self.questions.push(
            async move {
                let mut question = runtime::EvaluateParams::new(FILLS_SCREEN);
                question.await_promise = Some(true);
                let answer = cdp.call(Some(&session), question);
                if tokio::time::timeout(WINDOW_DEADLINE, answer).await.is_err() {
                    tracing::debug!("Chrome's window does not fill its screen");
                }
                Outcome::WindowReady(id, behind)
            }
            .boxed(),
        );
    }

    pub(super) fn ask_history(&mut self, id: TabId) {
        let Some(page) = self.tabs.page(&id) else {
            return;
        };
        let (cdp, session) = (self.cdp.clone(), page.session.clone());
        self.questions.push(
            async move {
                let history = page::GetNavigationHistoryParams::default();
                match cdp.call(Some(&session), history).await {
                    Ok(found) => Outcome::History(
                        id,
                        found.entries.iter().map(|entry| entry.id).collect(),
                        usize::try_from(found.current_index).unwrap_or(0),
                    ),
                    Err(_) => Outcome::Nothing,
                }
            }
            .boxed(),
        );
    }

    /// Chrome reports no title that a page gives itself later.
    pub(super) fn ask_names(&self) {
        let cdp = self.cdp.clone();
        self.questions.push(
            async move {
                let Ok(found) = cdp.call(None, target::GetTargetsParams::default()).await else {
                    return Outcome::Nothing;
                };
                let name = |info: target::TargetInfo| {
                    Some((tab_id(info.target_id.as_ref())?, info.title, info.url))
                };
                Outcome::Names(found.target_infos.into_iter().filter_map(name).collect())
            }
            .boxed(),
        );
    }

    /// Chrome has no event for "another tab is in front", so the pages are asked.
    pub(super) fn look_at_tabs(&mut self) {
        if self.looking != Looking::No {
            self.looking = Looking::AndAgain;
            return;
        }
        self.looking = Looking::Yes;
        self.look_again
            .get_or_insert_with(|| Instant::now() + LOOK_AGAIN);
        self.ask_names();
        let ask = |page: &PageTab| {
            let (cdp, id, session) = (self.cdp.clone(), page.tab.id.clone(), page.session.clone());
            async move {
                let question =
                    runtime::EvaluateParams::new("document.visibilityState + document.hasFocus()");
                let answer = cdp.call(Some(&session), question);
                let answer = tokio::time::timeout(LOOK_DEADLINE, answer).await;
                let said = answer.ok()?.ok()?.result.value?;
                Some((id, said.as_str()?.to_owned()))
            }
        };
        let answers: Vec<_> = self.tabs.iter().map(ask).collect();
        self.questions.push(
            async move {
                let answers = futures::future::join_all(answers).await;
                let who = |wanted: &str| {
                    let mut found = answers
                        .iter()
                        .flatten()
                        .filter(|(_, said)| said.starts_with(wanted));
                    // Two windows are both visible: the newer lies above.
                    found.next_back().map(|(id, _)| id.clone())
                };
                Outcome::Front(who("visibletrue").or_else(|| who("visible")))
            }
            .boxed(),
        );
    }

    pub(super) fn next_deadline(&self) -> Option<Instant> {
        let check = match self.checks {
            Checks::Due(due) => Some(due),
            Checks::Idle(_) | Checks::Asking => None,
        };
        [check, self.look_again].into_iter().flatten().min()
    }

    pub(super) fn be_in_time(&mut self, now: Instant) {
        if let Checks::Due(due) = self.checks
            && due <= now
        {
            self.check_page();
        }
        if self.look_again.is_some_and(|again| again <= now) {
            self.look_at_tabs();
            // Once more is enough.
            self.look_again = None;
        }
    }

    pub(super) fn check_page(&mut self) {
        self.checks = Checks::Idle(Some(Instant::now()));
        let Some(page) = self.tabs.active() else {
            return;
        };
        // A dialog holds the page up, rightly.
        if page.dialog.is_some() || page.tab.trouble == Some(Trouble::Crashed) {
            return;
        }
        self.checks = Checks::Asking;
        let (cdp, id, session) = (self.cdp.clone(), page.tab.id.clone(), page.session.clone());
        self.questions.push(
            async move {
                let question = cdp.call(Some(&session), runtime::EvaluateParams::new("0"));
                let answers = tokio::time::timeout(PATIENCE, question).await.is_ok();
                Outcome::Answers(id, answers)
            }
            .boxed(),
        );
    }

    pub(super) fn learn(&mut self, outcome: Outcome) {
        match outcome {
            Outcome::History(id, entries, current) => self.tabs.set_history(&id, entries, current),
            Outcome::Names(names) => {
                for (id, title, url) in names {
                    self.tabs.rename(&id, &title, &url);
                }
            }
            Outcome::Front(front) => {
                if let Some(id) = front {
                    self.tabs.activate(&id);
                }
                let again = self.looking == Looking::AndAgain;
                self.looking = Looking::No;
                if again {
                    self.look_at_tabs();
                }
            }
            Outcome::Answers(id, answers) => {
                self.checks = Checks::Idle(Some(Instant::now()));
                let Some(page) = self.tabs.page(&id) else {
                    return;
                };
                match (answers, page.tab.trouble) {
                    (false, None) if page.dialog.is_none() => {
                        self.tabs.set_trouble(&id, Some(Trouble::Unresponsive));
                    }
                    (true, Some(Trouble::Unresponsive)) => self.tabs.set_trouble(&id, None),
                    _ => {}
                }
                // Asked again until it answers, so that its trouble ends when it is over.
                let page = self.tabs.active();
                let still =
                    page.is_some_and(|page| page.tab.trouble == Some(Trouble::Unresponsive));
                if still {
                    self.checks = Checks::Due(Instant::now() + BETWEEN_CHECKS);
                }
            }
            Outcome::CanBeLeft(id) => {
                if let Err(error) = self.depart(&id) {
                    tracing::debug!(%error, "a page cannot be left");
                }
            }
            Outcome::WindowReady(id, behind) => {
                let opened = self.depart(&id).and_then(|()| self.open_behind(behind));
                if let Err(error) = opened {
                    tracing::debug!(%error, "the first page cannot be opened");
                }
            }
            Outcome::Nothing => {}
        }
    }
}
