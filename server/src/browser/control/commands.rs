//! What is asked of Chrome → CDP commands.

use std::time::{Duration, Instant};

use chromiumoxide::cdp::browser_protocol::{page, target};
use chromiumoxide::cdp::js_protocol::runtime;
use futures::FutureExt;
use shared::session::TabId;

use super::pending_navigation::Way;
use super::queries::BETWEEN_CHECKS;
use super::{Checks, Control, Outcome};
use crate::browser::BrowserCommand;
use crate::browser::address::AllowedUrl;
use crate::browser::cdp::{Cdp, CdpError, TargetSession};

/// The page has handled an input by then, or is hanging in it.
const AFTER_INPUT: Duration = Duration::from_millis(500);

/// A page that is being left and does not answer for this long has its script ended.
const LEAVE_DEADLINE: Duration = Duration::from_millis(700);

impl Control {
    pub(super) fn obey(&mut self, command: BrowserCommand) -> Result<(), CdpError> {
        match command {
            BrowserCommand::Navigate(url) => match self.active_id() {
                Some(id) => {
                    self.leave_page(Way::To(url));
                    self.tabs.set_loading(&id, true);
                    Ok(())
                }
                None => self.new_tab(&url),
            },
            BrowserCommand::Back => {
                self.travel(-1);
                Ok(())
            }
            BrowserCommand::Forward => {
                self.travel(1);
                Ok(())
            }
            BrowserCommand::Reload => {
                self.leave_page(Way::Reload);
                Ok(())
            }
            BrowserCommand::Stop => self.stay(),
            BrowserCommand::NewTab(url) => self.new_tab(&url),
            BrowserCommand::Activate(id) => {
                if self.tabs.activate(&id) {
                    self.cdp.tell(
                        None,
                        target::ActivateTargetParams::new(target::TargetId::from(id.to_string())),
                    )?;
                    self.look_at_tabs();
                }
                Ok(())
            }
            BrowserCommand::Close(id) => {
                self.leaving.told(&id);
                self.cdp.tell(
                    None,
                    target::CloseTargetParams::new(target::TargetId::from(id.to_string())),
                )
            }
            BrowserCommand::AnswerDialog { accept, text } => match self.tabs.active() {
                Some(page) if page.dialog.is_some() => {
                    let mut answer = page::HandleJavaScriptDialogParams::new(accept);
                    answer.prompt_text = text;
                    self.cdp.tell(Some(&page.session), answer)
                }
                _ => Ok(()),
            },
            BrowserCommand::InputSent => {
                if let Checks::Idle(last) = self.checks {
                    let soon = Instant::now() + AFTER_INPUT;
                    let due = last.map_or(soon, |last| soon.max(last + BETWEEN_CHECKS));
                    self.checks = Checks::Due(due);
                }
                Ok(())
            }
            BrowserCommand::LookAtTabs => {
                self.look_at_tabs();
                Ok(())
            }
        }
    }

    pub(super) fn active_id(&self) -> Option<TabId> {
        self.tabs.active().map(|page| page.tab.id.clone())
    }

    pub(super) fn new_tab(&self, url: &AllowedUrl) -> Result<(), CdpError> {
        self.cdp
            .tell(None, target::CreateTargetParams::new(url.as_str()))
    }

    pub(super) fn travel(&mut self, steps: isize) {
        if let Some(entry) = self.tabs.history_entry(steps) {
            self.leave_page(Way::Entry(entry));
        }
    }

    /// The active page is left once it can be: a dialog is dismissed, and a script that never ends is ended first, because
    /// afterwards it would hold up the new page, which Chrome runs in the same process.
    fn leave_page(&mut self, way: Way) {
        let Some(page) = self.tabs.active() else {
            return;
        };
        let (id, session) = (page.tab.id.clone(), page.session.clone());
        let dialog = page.dialog.is_some();
        if !self.leaving.plan(&id, way) {
            return;
        }
        let cdp = self.cdp.clone();
        self.questions.push(
            async move {
                if dialog {
                    let dismiss = page::HandleJavaScriptDialogParams::new(false);
                    // Somebody else may have answered it.
                    let _ = cdp.call(Some(&session), dismiss).await;
                }
                make_answer(&cdp, &session).await;
                Outcome::CanBeLeft(id)
            }
            .boxed(),
        );
    }

    /// Nothing holds the page up any more.
    pub(super) fn depart(&mut self, id: &TabId) -> Result<(), CdpError> {
        let (Some(way), Some(page)) = (self.leaving.begin(id), self.tabs.page(id)) else {
            return Ok(());
        };
        let (cdp, session) = (&self.cdp, Some(&page.session));
        match way {
            Way::To(url) => cdp.tell(session, page::NavigateParams::new(url.as_str())),
            Way::Entry(entry) => cdp.tell(session, page::NavigateToHistoryEntryParams::new(entry)),
            Way::Reload => cdp.tell(session, page::ReloadParams::default()),
        }
    }

    /// The active page is not left after all, and loads no further.
    fn stay(&mut self) -> Result<(), CdpError> {
        let Some(id) = self.active_id() else {
            return Ok(());
        };
        if self.leaving.end(&id) {
            // Chrome will not say that something has ended that it never knew of.
            self.tabs.set_loading(&id, false);
        }
        let session = self.tabs.page(&id).map(|page| &page.session);
        self.cdp.tell(session, page::StopLoadingParams::default())
    }
}

/// Ends the script that keeps a page from answering; the page's whole process, if that does not help: a loop of alerts
/// survives the end of a script.
async fn make_answer(cdp: &Cdp, session: &TargetSession) {
    // Chrome's own error, such as that the page is gone, is an answer too.
    let answers = async || {
        let question = cdp.call(Some(session), runtime::EvaluateParams::new("0"));
        tokio::time::timeout(LEAVE_DEADLINE, question).await.is_ok()
    };
    if answers().await {
        return;
    }
    let end = cdp.call(Some(session), runtime::TerminateExecutionParams::default());
    let _ = tokio::time::timeout(LEAVE_DEADLINE, end).await;
    if !answers().await {
        let crash = cdp.call(Some(session), page::CrashParams::default());
        let _ = tokio::time::timeout(LEAVE_DEADLINE, crash).await;
    }
}
