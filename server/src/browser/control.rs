//! Chrome's task: commands in, CDP events in, the state of its tabs out.

use std::time::{Duration, Instant};

use chromiumoxide::cdp::browser_protocol::{browser, inspector, page, target};
use chromiumoxide::cdp::js_protocol::runtime;
use chromiumoxide::cdp::{CdpEvent, CdpEventMessage};
use chromiumoxide::types::Command;
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use futures::{FutureExt, StreamExt};
use shared::session::{Dialog, DialogKind, TabId, Trouble};
use tokio::sync::{mpsc, watch};

use super::address::AllowedUrl;
use super::cdp::{Cdp, CdpError, TargetSession};
use super::launch::Chrome;
use super::tabs::Tabs;
use super::{BrowserCommand, BrowserState};

/// A page that has not answered for this long after an input is said to be unresponsive.
const PATIENCE: Duration = Duration::from_secs(5);

/// A page is asked whether it still answers at most this often, and only after input.
const BETWEEN_CHECKS: Duration = Duration::from_secs(2);

/// The page has handled an input by then, or is hanging in it.
const AFTER_INPUT: Duration = Duration::from_millis(500);

/// A page that is being left and does not answer for this long has its script ended.
const LEAVE_DEADLINE: Duration = Duration::from_millis(700);

/// Chrome has heard from its display by then which of its windows has the focus.
const LOOK_AGAIN: Duration = Duration::from_millis(250);

/// A page that does not say at once whether it is in front is not.
const LOOK_DEADLINE: Duration = Duration::from_secs(1);

/// What a question to Chrome brought.
enum Outcome {
    /// Ids of its entries, and which one is shown.
    History(TabId, Vec<i64>, usize),
    Front(Option<TabId>),
    /// Titles and URLs.
    Names(Vec<(TabId, String, String)>),
    Answers(TabId, bool),
    Nothing,
}

pub struct Control {
    cdp: std::sync::Arc<Cdp>,
    tabs: Tabs,
    /// Opened as soon as the first page is attached.
    first: Vec<AllowedUrl>,
    publish: watch::Sender<BrowserState>,
    questions: FuturesUnordered<BoxFuture<'static, Outcome>>,
    notice: Option<(u64, String)>,
    looking: Looking,
    look_again: Option<Instant>,
    checks: Checks,
    /// Pages that are on their way elsewhere: their dialogs are dismissed, or they could hold the person for ever.
    leaving: Vec<TabId>,
}

/// The question whether the page that got input still answers: one at a time.
enum Checks {
    /// Since then nothing was asked.
    Idle(Option<Instant>),
    /// To be asked at that time.
    Due(Instant),
    Asking,
}

/// The question which tab is in front: one at a time, asked again when something happened meanwhile.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Looking {
    No,
    Yes,
    AndAgain,
}

impl Control {
    pub fn new(cdp: Cdp, first: Vec<AllowedUrl>, publish: watch::Sender<BrowserState>) -> Control {
        Control {
            cdp: std::sync::Arc::new(cdp),
            tabs: Tabs::default(),
            first,
            publish,
            questions: FuturesUnordered::new(),
            notice: None,
            looking: Looking::No,
            look_again: None,
            checks: Checks::Idle(None),
            leaving: Vec::new(),
        }
    }

    /// Runs until Chrome ends, or until nobody can send a command any more.
    pub async fn run(
        mut self,
        mut chrome: Chrome,
        connection: impl Future<Output = ()>,
        mut events: mpsc::Receiver<CdpEventMessage>,
        mut commands: mpsc::Receiver<BrowserCommand>,
    ) {
        if let Err(error) = self.take_control() {
            tracing::warn!(%error, "Chrome does not take commands");
        }
        tokio::pin!(connection);
        let reason = loop {
            let deadline = self.next_deadline();
            tokio::select! {
                status = chrome.ended() => break self.epitaph(status),
                // Chrome closes the connection a moment before it ends: its own end says more.
                () = &mut connection => {
                    let status = tokio::time::timeout(PATIENCE, chrome.ended()).await.ok().flatten();
                    break self.epitaph(status);
                }
                Some(event) = events.recv() => self.hear(event),
                Some(outcome) = self.questions.next() => self.learn(outcome),
                () = wait_until(deadline) => self.be_in_time(Instant::now()),
                command = commands.recv() => match command {
                    // Nobody needs this Chrome any more.
                    None => break String::new(),
                    Some(command) => if let Err(error) = self.obey(command) {
                        tracing::debug!(%error, "a command did not reach Chrome");
                    }
                },
            }
            self.publish_state(None);
        };
        // Kills what is left and removes the home: that waits for processes and the disk.
        let gone = tokio::task::spawn_blocking(move || drop(chrome)).await;
        if let Err(error) = gone {
            tracing::error!(%error, "Chrome's end failed");
        }
        self.publish_state(Some(reason));
    }

    fn epitaph(&self, status: Option<std::process::ExitStatus>) -> String {
        use std::os::unix::process::ExitStatusExt;
        match status {
            Some(status) if status.success() || self.tabs.is_empty() => {
                "The last tab was closed.".to_owned()
            }
            Some(status) => match status.signal() {
                Some(signal) => format!("Chrome was killed (signal {signal})."),
                None => format!("Chrome ended by itself ({status})."),
            },
            None => "Chrome stopped answering.".to_owned(),
        }
    }

    fn take_control(&self) -> Result<(), CdpError> {
        self.cdp
            .tell(None, target::SetDiscoverTargetsParams::new(true))?;
        // Downloads would fill the server's disk unseen.
        let mut downloads =
            browser::SetDownloadBehaviorParams::new(browser::SetDownloadBehaviorBehavior::Deny);
        downloads.events_enabled = Some(true);
        self.cdp.tell(None, downloads)?;
        let mut attach = target::SetAutoAttachParams::new(true, false);
        attach.flatten = Some(true);
        attach.filter = Some(target::TargetFilter::new(vec![target::FilterEntry {
            exclude: None,
            r#type: Some("page".to_owned()),
        }]));
        self.cdp.tell(None, attach)
    }

    fn publish_state(&mut self, gone: Option<String>) {
        let active = self.tabs.active();
        let state = BrowserState {
            tabs: self.tabs.iter().map(|page| page.tab.clone()).collect(),
            active: active.map(|page| page.tab.id.clone()),
            dialog: active.and_then(|page| page.dialog.clone()),
            notice: self.notice.clone(),
            gone,
        };
        self.publish.send_if_modified(|published| {
            let changed = *published != state;
            if changed {
                *published = state;
            }
            changed
        });
    }

    fn tell_viewer(&mut self, sentence: String) {
        let number = self.notice.as_ref().map_or(0, |(number, _)| *number) + 1;
        self.notice = Some((number, sentence));
    }

    // Commands.

    fn obey(&mut self, command: BrowserCommand) -> Result<(), CdpError> {
        match command {
            BrowserCommand::Navigate(url) => match self.active_id() {
                Some(id) => {
                    self.leave_page(page::NavigateParams::new(url.as_str()));
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
                self.leave_page(page::ReloadParams::default());
                Ok(())
            }
            BrowserCommand::Stop => match self.tabs.active() {
                Some(page) => self
                    .cdp
                    .tell(Some(&page.session), page::StopLoadingParams::default()),
                None => Ok(()),
            },
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
                self.leaving.push(id.clone());
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

    fn active_id(&self) -> Option<TabId> {
        self.tabs.active().map(|page| page.tab.id.clone())
    }

    fn new_tab(&self, url: &AllowedUrl) -> Result<(), CdpError> {
        self.cdp
            .tell(None, target::CreateTargetParams::new(url.as_str()))
    }

    fn travel(&mut self, steps: isize) {
        if let Some(entry) = self.tabs.history_entry(steps) {
            self.leave_page(page::NavigateToHistoryEntryParams::new(entry));
        }
    }

    /// Has the active page do what leads away from it, once it can be left: a dialog is dismissed, and a script that never
    /// ends is ended first, because afterwards it would hold up the new page, which Chrome runs in the same process.
    fn leave_page<C: Command + Send + 'static>(&mut self, way: C) {
        let Some(page) = self.tabs.active() else {
            return;
        };
        let (id, session) = (page.tab.id.clone(), page.session.clone());
        let dialog = page.dialog.is_some();
        if !self.leaving.contains(&id) {
            self.leaving.push(id);
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
                if let Err(error) = cdp.tell(Some(&session), way) {
                    tracing::debug!(%error, "a page cannot be left");
                }
                Outcome::Nothing
            }
            .boxed(),
        );
    }

    // Events.

    fn hear(&mut self, message: CdpEventMessage) {
        match message.params {
            CdpEvent::TargetAttachedToTarget(event) => self.attached(&event),
            CdpEvent::TargetTargetInfoChanged(event) => self.target_changed(&event.target_info),
            CdpEvent::TargetTargetDestroyed(event) => self.closed(event.target_id.as_ref()),
            CdpEvent::TargetTargetCrashed(event) => {
                if let Some(id) = tab_id(event.target_id.as_ref()) {
                    self.tabs.set_trouble(&id, Some(Trouble::Crashed));
                }
            }
            CdpEvent::BrowserDownloadWillBegin(event) => {
                let name: String = event.suggested_filename.chars().take(100).collect();
                self.tell_viewer(format!(
                    "{name} was not saved: downloads are not possible yet."
                ));
            }
            params => {
                let page = message
                    .session_id
                    .and_then(|session| self.tabs.by_session(&session));
                if let Some(id) = page.map(|page| page.tab.id.clone()) {
                    self.hear_page(id, params);
                }
            }
        }
    }

    /// Comes with every new address, also when the page's own events were lost while its renderer was swapped.
    fn target_changed(&mut self, info: &target::TargetInfo) {
        let Some(id) = tab_id(info.target_id.as_ref()) else {
            return;
        };
        let Some(page) = self.tabs.page(&id) else {
            return;
        };
        let (moved, session) = (page.tab.url != info.url, page.session.clone());
        self.tabs.rename(&id, &info.title, &info.url);
        if self.tabs.leave_blank(&id, &info.url) {
            let reset = page::ResetNavigationHistoryParams::default();
            // Refused: one can go back to a blank page, no more.
            let _ = self.cdp.tell(Some(&session), reset);
        }
        if moved {
            self.leaving.retain(|leaving| *leaving != id);
            self.ask_history(id);
        }
    }

    fn hear_page(&mut self, id: TabId, event: CdpEvent) {
        let is_main = |frame: &page::FrameId| frame.inner() == id.as_str();
        match event {
            CdpEvent::InspectorTargetCrashed(_) => {
                self.tabs.set_trouble(&id, Some(Trouble::Crashed));
            }
            CdpEvent::InspectorTargetReloadedAfterCrash(_) => self.tabs.set_trouble(&id, None),
            CdpEvent::PageFrameStartedLoading(event) if is_main(&event.frame_id) => {
                self.tabs.set_loading(&id, true);
            }
            CdpEvent::PageFrameStoppedLoading(event) if is_main(&event.frame_id) => {
                self.tabs.set_loading(&id, false);
                self.ask_history(id);
                self.look_at_tabs();
            }
            CdpEvent::PageFrameNavigated(event) if event.frame.parent_id.is_none() => {
                self.leaving.retain(|leaving| *leaving != id);
                self.ask_history(id);
            }
            CdpEvent::PageNavigatedWithinDocument(event) if is_main(&event.frame_id) => {
                self.ask_history(id);
            }
            CdpEvent::PageJavascriptDialogOpening(event) => self.dialog_opened(id, &event),
            CdpEvent::PageJavascriptDialogClosed(_) => self.tabs.set_dialog(&id, None),
            CdpEvent::PageFileChooserOpened(_) => {
                self.tell_viewer(
                    "The page asks for a file: choosing files is not possible yet.".to_owned(),
                );
            }
            _ => {}
        }
    }

    fn attached(&mut self, event: &target::EventAttachedToTarget) {
        let info = &event.target_info;
        let Some(id) = tab_id(info.target_id.as_ref()) else {
            return;
        };
        // A page that Chrome loads ahead of time is not shown.
        if info.r#type != "page" || info.subtype.is_some() {
            return;
        }
        let session: TargetSession = event.session_id.clone().into();
        let is_first = self.tabs.is_empty();
        self.tabs
            .attach(id.clone(), session.clone(), &info.title, &info.url);
        if let Err(error) = self.prepare_page(&session) {
            tracing::debug!(%error, "a new page cannot be prepared");
        }
        if is_first {
            self.open_first(&session);
        } else {
            self.look_at_tabs();
        }
        self.ask_history(id);
    }

    fn prepare_page(&self, session: &TargetSession) -> Result<(), CdpError> {
        let cdp = &self.cdp;
        cdp.tell(Some(session), page::EnableParams::default())?;
        // Otherwise Chrome opens a dialog with the server's own files.
        let mut intercept = page::SetInterceptFileChooserDialogParams::new(true);
        intercept.cancel = Some(true);
        cdp.tell(Some(session), intercept)?;
        cdp.tell(Some(session), inspector::EnableParams::default())?;
        // A window that a page opened does not load before, although Chrome says that it waits for nobody.
        cdp.tell(
            Some(session),
            runtime::RunIfWaitingForDebuggerParams::default(),
        )
    }

    /// The first page shows the first address, further ones get tabs of their own.
    fn open_first(&mut self, session: &TargetSession) {
        let mut urls = std::mem::take(&mut self.first).into_iter();
        let first = urls.next().filter(|url| *url != AllowedUrl::blank());
        let sent = first
            .map_or(Ok(()), |url| {
                self.cdp
                    .tell(Some(session), page::NavigateParams::new(url.as_str()))
            })
            .and_then(|()| urls.try_for_each(|url| self.new_tab(&url)));
        if let Err(error) = sent {
            tracing::debug!(%error, "the first page cannot be opened");
        }
    }

    fn closed(&mut self, target_id: &str) {
        let Some(id) = tab_id(target_id) else { return };
        self.leaving.retain(|leaving| *leaving != id);
        if let Some(next) = self.tabs.detach(&id) {
            let activate =
                target::ActivateTargetParams::new(target::TargetId::from(next.to_string()));
            if let Err(error) = self.cdp.tell(None, activate) {
                tracing::debug!(%error, "the next tab cannot be shown");
            }
        }
        self.look_at_tabs();
    }

    fn dialog_opened(&mut self, id: TabId, event: &page::EventJavascriptDialogOpening) {
        if self.leaving.contains(&id)
            && let Some(page) = self.tabs.page(&id)
        {
            // The person is leaving: "stay?" is answered with no, and an alert must not hold them.
            let leave = matches!(event.r#type, page::DialogType::Beforeunload);
            let answer = page::HandleJavaScriptDialogParams::new(leave);
            if let Err(error) = self.cdp.tell(Some(&page.session), answer) {
                tracing::debug!(%error, "a dialog cannot be dismissed");
            }
            return;
        }
        let dialog = Dialog {
            tab: id.clone(),
            kind: match event.r#type {
                page::DialogType::Alert => DialogKind::Alert,
                page::DialogType::Confirm => DialogKind::Confirm,
                page::DialogType::Prompt => DialogKind::Prompt,
                page::DialogType::Beforeunload => DialogKind::BeforeUnload,
            },
            message: event.message.chars().take(10_000).collect(),
            default_text: event.default_prompt.clone().unwrap_or_default(),
        };
        self.tabs.set_dialog(&id, Some(dialog));
    }

    // Questions and what they bring.

    fn ask_history(&mut self, id: TabId) {
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
    fn ask_names(&self) {
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
    fn look_at_tabs(&mut self) {
        if self.looking != Looking::No {
            self.looking = Looking::AndAgain;
            return;
        }
        self.looking = Looking::Yes;
        self.look_again
            .get_or_insert_with(|| Instant::now() + LOOK_AGAIN);
        self.ask_names();
        let ask = |page: &super::tabs::PageTab| {
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

    fn next_deadline(&self) -> Option<Instant> {
        let check = match self.checks {
            Checks::Due(due) => Some(due),
            Checks::Idle(_) | Checks::Asking => None,
        };
        [check, self.look_again].into_iter().flatten().min()
    }

    fn be_in_time(&mut self, now: Instant) {
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

    fn check_page(&mut self) {
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

    fn learn(&mut self, outcome: Outcome) {
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
            Outcome::Nothing => {}
        }
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

/// Never, without a time.
async fn wait_until(time: Option<Instant>) {
    match time {
        Some(time) => tokio::time::sleep_until(time.into()).await,
        None => std::future::pending().await,
    }
}

/// Chrome's target ids are 32 hexadecimal digits.
fn tab_id(target_id: &str) -> Option<TabId> {
    target_id.parse().ok()
}
