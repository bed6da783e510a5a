//! Pure: a viewer's commands, Chrome's events and its replies → the state of the tabs, and what Chrome is told and asked.

use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::time::Instant;

use shared::session::{Dialog, DialogKind, TabId, Trouble};

use super::active_tab::ActiveTabPoll;
use super::page_reports::PageReports;
use super::pending_navigation::{Destination, PendingNavigations};
use super::responsiveness::ResponsivenessCheck;
use super::tabs::{PageTarget, Tabs};
use crate::browser::address::AllowedUrl;
use crate::browser::cdp::{self, Command, PageCommand, PageEvent, Query, Reply, TargetSession};
use crate::browser::page_script::PageReport;
use crate::browser::{BrowserCommand, BrowserExit, BrowserState, InitialTabs, UiRequest};

/// A page chooses its dialogs' texts and its files' names, so both are cut to so many characters.
const MAX_DIALOG: usize = 10_000;
const MAX_FILENAME: usize = 100;

/// What happened.
#[derive(Clone, Debug)]
pub enum Event {
    Command(BrowserCommand),
    Cdp(cdp::Event),
    Reply(Reply),
    /// [`Machine::deadline`] has passed.
    Deadline,
}

/// What is to be done about it, in this order.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    Send(Command),
    /// Its reply becomes an [`Event`].
    Ask(Query),
}

/// One Chrome's tabs and what is going on in them.
pub struct Machine {
    startup: Startup,
    tabs: Tabs,
    pending: PendingNavigations,
    active_tab: ActiveTabPoll,
    responsiveness: ResponsivenessCheck,
    notice: Option<(u64, String)>,
    ui_request: Option<(u64, UiRequest)>,
    watches_text_fields: bool,
    /// Of the event that is being handled.
    actions: Vec<Action>,
}

/// From Chrome's own first page to the tabs that it was started for.
enum Startup {
    /// No page is attached.
    WaitingForPage(InitialTabs),
    /// The first tab is there. The others are opened when its window has its size, which they share.
    Opening {
        unopened: Vec<AllowedUrl>,
        count: usize,
        active: usize,
    },
    Done,
}

impl Machine {
    /// Opens `initial_tabs` as soon as Chrome's first page is attached.
    pub fn new(initial_tabs: InitialTabs) -> Machine {
        Machine {
            startup: Startup::WaitingForPage(initial_tabs),
            tabs: Tabs::default(),
            pending: PendingNavigations::default(),
            active_tab: ActiveTabPoll::default(),
            responsiveness: ResponsivenessCheck::default(),
            notice: None,
            ui_request: None,
            watches_text_fields: false,
            actions: Vec::new(),
        }
    }

    /// What is to be done about an event.
    pub fn on(&mut self, event: Event, now: Instant) -> Vec<Action> {
        match event {
            Event::Command(command) => self.on_command(command, now),
            Event::Cdp(event) => self.on_cdp_event(event, now),
            Event::Reply(reply) => self.on_reply(reply, now),
            Event::Deadline => self.on_deadline(now),
        }
        std::mem::take(&mut self.actions)
    }

    /// When [`Event::Deadline`] is due.
    pub fn deadline(&self) -> Option<Instant> {
        let deadlines = [self.responsiveness.deadline(), self.active_tab.deadline()];
        deadlines.into_iter().flatten().min()
    }

    /// The page in front is being left, and has not been yet.
    pub fn is_leaving(&self) -> bool {
        let active = self.tabs.active();
        active.is_some_and(|page| self.pending.contains(&page.tab.id))
    }

    /// The page in front, and its CDP session.
    pub fn active_page(&self) -> Option<(TabId, TargetSession)> {
        let page = self.tabs.active()?;
        Some((page.tab.id.clone(), page.session.clone()))
    }

    /// What viewers are shown, of a Chrome that has not exited.
    pub fn state(&self) -> BrowserState {
        let active = self.tabs.active();
        BrowserState {
            tabs: self.tabs.iter().map(|page| page.tab.clone()).collect(),
            active: active.map(|page| page.tab.id.clone()),
            dialog: active.and_then(|page| page.dialog.clone()),
            icons: self.tabs.icons(),
            field: active.and_then(|page| page.reports.field().cloned()),
            text_fields: active.map_or_else(Vec::new, |page| page.reports.text_fields().to_vec()),
            ui_request: self.ui_request.clone(),
            notice: self.notice.clone(),
            exit: None,
        }
    }

    /// Why Chrome exited; `None` when its connection was closed and it did not exit.
    pub fn exit(&self, status: Option<ExitStatus>) -> BrowserExit {
        let had_tabs = !matches!(self.startup, Startup::WaitingForPage(_));
        let all_closed = had_tabs && self.tabs.is_empty();
        match status {
            Some(status) if status.success() || all_closed => {
                BrowserExit::Closed("The last tab was closed.".to_owned())
            }
            Some(status) => BrowserExit::Crashed(match status.signal() {
                Some(signal) => format!("Chrome was killed (signal {signal})."),
                None => format!("Chrome exited unexpectedly ({status})."),
            }),
            None => BrowserExit::Crashed("Chrome stopped responding.".to_owned()),
        }
    }

    fn on_command(&mut self, command: BrowserCommand, now: Instant) {
        match command {
            BrowserCommand::Navigate(url) => match self.tabs.active() {
                Some(page) => {
                    let id = page.tab.id.clone();
                    self.navigate_active(Destination::Url(url));
                    self.tabs.set_loading(&id, true);
                }
                None => self.create_tab(url, false),
            },
            BrowserCommand::Back => self.go_in_history(-1),
            BrowserCommand::Forward => self.go_in_history(1),
            BrowserCommand::Reload => self.navigate_active(Destination::Reload),
            BrowserCommand::Stop => self.stop_active(),
            BrowserCommand::NewTab(url) => self.create_tab(url, false),
            BrowserCommand::Activate(id) => self.activate(id, now),
            BrowserCommand::Move { tab, to } => self.tabs.move_to(&tab, to),
            BrowserCommand::Close(id) => {
                if self.tabs.is_only(&id) {
                    // Chrome exits with its last page.
                    self.create_tab(AllowedUrl::blank(), false);
                }
                self.pending.close(&id);
                self.send(Command::CloseTarget(id));
            }
            BrowserCommand::AnswerDialog { accept, text } => {
                let page = self.tabs.active().filter(|page| page.dialog.is_some());
                if let Some(session) = page.map(|page| page.session.clone()) {
                    self.handle_dialog(session, accept, text);
                }
            }
            BrowserCommand::ExitFullscreen => {
                if let Some(page) = self.tabs.active() {
                    let (tab, session) = (page.tab.id.clone(), page.session.clone());
                    self.ask(Query::ExitFullscreen { tab, session });
                }
            }
            BrowserCommand::CheckResponsiveness => self.responsiveness.on_input(now),
            BrowserCommand::RefreshTabs => self.refresh_tabs(now),
            BrowserCommand::WatchTextFields => self.watch_text_fields(),
        }
    }

    fn on_cdp_event(&mut self, event: cdp::Event, now: Instant) {
        match event {
            cdp::Event::Attached { target, session } => self.on_attached(target, session, now),
            cdp::Event::InfoChanged(target) => self.on_info_changed(target),
            cdp::Event::Destroyed(id) => {
                self.pending.cancel(&id);
                if let Some(next) = self.tabs.detach(&id) {
                    self.send(Command::ActivateTarget(next));
                }
                self.refresh_tabs(now);
            }
            cdp::Event::Crashed(id) => self.on_crash(&id),
            cdp::Event::DownloadWillBegin { filename } => {
                let name = cut(&filename, MAX_FILENAME);
                self.notify(format!(
                    "{name} was not saved: downloads are not supported yet."
                ));
            }
            cdp::Event::Page(session, event) => {
                let page = self.tabs.by_session(&session);
                if let Some(id) = page.map(|page| page.tab.id.clone()) {
                    self.on_page_event(id, event, now);
                }
            }
        }
    }

    fn on_page_event(&mut self, id: TabId, event: PageEvent, now: Instant) {
        let is_main = |frame: &str| frame == id.as_str();
        match event {
            PageEvent::Crashed => self.on_crash(&id),
            PageEvent::ReloadedAfterCrash => self.tabs.set_trouble(&id, None),
            PageEvent::StartedLoading { frame } if is_main(&frame) => {
                self.tabs.set_loading(&id, true);
            }
            PageEvent::StoppedLoading { frame } if is_main(&frame) => {
                self.tabs.set_loading(&id, false);
                self.ask_history(&id);
                self.refresh_tabs(now);
            }
            PageEvent::Navigated => {
                self.pending.committed(&id);
                self.ask_history(&id);
                self.tabs.report(&id, PageReports::on_navigated);
                self.install_script(&id, id.as_str().to_owned());
            }
            PageEvent::FrameNavigated { frame } => self.install_script(&id, frame),
            PageEvent::Report { context, report } => self.on_report(&id, context, report),
            PageEvent::NavigatedWithinDocument { frame } if is_main(&frame) => {
                self.ask_history(&id);
            }
            PageEvent::StartedLoading { .. }
            | PageEvent::StoppedLoading { .. }
            | PageEvent::NavigatedWithinDocument { .. } => {}
            PageEvent::DialogOpening {
                kind,
                message,
                default_text,
            } => self.on_dialog(Dialog {
                tab: id,
                kind,
                message: cut(&message, MAX_DIALOG),
                default_text,
            }),
            PageEvent::DialogClosed => {
                self.tabs.set_dialog(&id, None);
                self.refresh_tabs(now);
            }
            PageEvent::FileChooserOpened => self.notify(
                "The page asks for a file: choosing files is not supported yet.".to_owned(),
            ),
        }
    }

    fn on_report(&mut self, id: &TabId, frame: i64, report: PageReport) {
        match report {
            PageReport::Icon(url) => {
                let mut is_wanted = false;
                let asked = url.clone();
                self.tabs
                    .report(id, |reports| is_wanted = reports.set_icon_url(url));
                if let (Some(url), true, Some(page)) = (asked, is_wanted, self.tabs.page(id)) {
                    let (tab, session) = (id.clone(), page.session.clone());
                    self.ask(Query::Icon { tab, session, url });
                }
            }
            PageReport::Audible(is) => {
                self.tabs
                    .report(id, |reports| reports.set_audible(frame, is));
            }
            PageReport::Zoom(percent) => {
                self.tabs.report(id, |reports| reports.set_zoom(percent));
            }
            PageReport::Fullscreen(is) => {
                self.tabs.report(id, |reports| reports.set_fullscreen(is));
            }
            PageReport::Unsaved(is) => {
                self.tabs
                    .report(id, |reports| reports.set_unsaved(frame, is));
            }
            PageReport::Field(hint) => {
                self.tabs
                    .report(id, |reports| reports.set_field(frame, hint));
            }
            PageReport::TextFields(fields) => {
                self.tabs
                    .report(id, |reports| reports.set_text_fields(fields));
            }
            PageReport::Menu(menu) => self.request_ui(UiRequest::ContextMenu(menu)),
            PageReport::Find(_) => self.request_ui(UiRequest::Find),
        }
    }

    /// The person in front of the page wants something that viewers show themselves.
    fn request_ui(&mut self, request: UiRequest) {
        let number = self.ui_request.as_ref().map_or(0, |(number, _)| *number) + 1;
        self.ui_request = Some((number, request));
    }

    /// That frame shows another document.
    fn install_script(&mut self, id: &TabId, frame: String) {
        let mut is_wanted = false;
        self.tabs
            .report(id, |reports| is_wanted = reports.on_frame());
        if let (true, Some(page)) = (is_wanted, self.tabs.page(id)) {
            let session = page.session.clone();
            let watches_text_fields = self.watches_text_fields && frame == id.as_str();
            self.ask(Query::InstallScript {
                session,
                frame,
                watches_text_fields,
            });
        }
    }

    fn watch_text_fields(&mut self) {
        if std::mem::replace(&mut self.watches_text_fields, true) {
            return;
        }
        let pages = self.tabs.iter();
        let queries = pages.map(|page| Query::InstallScript {
            session: page.session.clone(),
            frame: page.tab.id.as_str().to_owned(),
            watches_text_fields: true,
        });
        let queries: Vec<_> = queries.collect();
        for query in queries {
            self.ask(query);
        }
    }

    fn on_attached(&mut self, target: cdp::TargetInfo, session: TargetSession, now: Instant) {
        let id = target.id;
        self.tabs.attach(
            id.clone(),
            session.clone(),
            &target.title,
            &target.url,
            target.has_opener,
        );
        self.send_to_page(session.clone(), PageCommand::Prepare);
        self.install_script(&id, id.as_str().to_owned());
        match std::mem::replace(&mut self.startup, Startup::Done) {
            Startup::WaitingForPage(initial_tabs) => {
                self.open_first(id.clone(), session, initial_tabs);
            }
            later => {
                self.startup = later;
                self.refresh_tabs(now);
            }
        }
        self.ask_history(&id);
        self.finish_startup(now);
    }

    /// Chrome's own first page shows the first URL once its window has its size: a page that begins in a smaller one keeps
    /// what it made for that, a canvas or a map.
    fn open_first(&mut self, id: TabId, session: TargetSession, initial_tabs: InitialTabs) {
        let InitialTabs { mut urls, active } = initial_tabs;
        let count = urls.len();
        let unopened = urls.split_off(count.min(1));
        if let Some(first) = urls.pop().filter(|url| *url != AllowedUrl::blank()) {
            self.pending.begin(&id, Destination::Url(first));
            self.tabs.set_loading(&id, true);
        }
        self.startup = Startup::Opening {
            unopened,
            count,
            active,
        };
        self.ask(Query::WindowSize { tab: id, session });
    }

    /// Once all the initial tabs are there, the one that is meant to be active comes to the front.
    fn finish_startup(&mut self, now: Instant) {
        let Startup::Opening {
            ref unopened,
            count,
            active,
        } = self.startup
        else {
            return;
        };
        if !unopened.is_empty() || self.tabs.iter().count() < count {
            return;
        }
        self.startup = Startup::Done;
        let active = self.tabs.iter().nth(active).map(|page| page.tab.id.clone());
        if count > 1
            && let Some(id) = active
        {
            self.activate(id, now);
        }
    }

    fn on_info_changed(&mut self, target: cdp::TargetInfo) {
        let Some(page) = self.tabs.page(&target.id) else {
            return;
        };
        let (navigated, session) = (page.tab.url != target.url, page.session.clone());
        self.tabs
            .set_title_and_url(&target.id, &target.title, &target.url);
        if self.tabs.leave_initial_page(&target.id, &target.url) {
            self.send_to_page(session, PageCommand::ResetNavigationHistory);
        }
        if navigated {
            self.pending.committed(&target.id);
            self.ask_history(&target.id);
        }
    }

    fn on_dialog(&mut self, dialog: Dialog) {
        let page = self.tabs.page(&dialog.tab);
        match page.map(|page| page.session.clone()) {
            // "Leave the page?" is accepted, and an alert must not block the navigation.
            Some(session) if self.pending.contains(&dialog.tab) => {
                self.handle_dialog(session, dialog.kind == DialogKind::BeforeUnload, None);
            }
            _ => self.tabs.set_dialog(&dialog.tab.clone(), Some(dialog)),
        }
    }

    fn on_reply(&mut self, reply: Reply, now: Instant) {
        match reply {
            Reply::NavigationHistory {
                tab,
                entries,
                current,
            } => self.tabs.set_history(&tab, entries, current),
            Reply::TargetInfos(targets) => {
                for target in targets {
                    self.tabs
                        .set_title_and_url(&target.id, &target.title, &target.url);
                }
            }
            Reply::ActiveTab { focused, visible } => {
                // A page with a dialog does not answer, and a window that floats is visible without the focus.
                let asks = self.tabs.only_dialog().cloned();
                let visible = visible.filter(|_| !self.active_tab.is_outdated());
                if let Some(id) = focused.or(asks).or(visible) {
                    self.tabs.activate(&id);
                }
                if self.active_tab.on_reply(now) {
                    self.ask_active_tab();
                }
            }
            Reply::Responsiveness { tab, responsive } => {
                self.responsiveness.on_reply(now);
                self.set_responsive(&tab, responsive);
                let page = self.tabs.active();
                let trouble = page.and_then(|page| page.tab.trouble);
                if trouble == Some(Trouble::Unresponsive) {
                    self.responsiveness.repeat(now);
                }
            }
            Reply::Icon { tab, url, png } => {
                self.tabs
                    .report(&tab, |reports| reports.set_icon(&url, png));
            }
            Reply::ReadyToNavigate(id) => self.navigate(&id),
            Reply::WindowReady(id) => {
                self.navigate(&id);
                if let Startup::Opening { unopened, .. } = &mut self.startup {
                    // In the background, so that none comes to the front after the one that should.
                    for url in std::mem::take(unopened) {
                        self.create_tab(url, true);
                    }
                }
            }
        }
    }

    fn set_responsive(&mut self, id: &TabId, responsive: bool) {
        let Some(page) = self.tabs.page(id) else {
            return;
        };
        match (responsive, page.tab.trouble) {
            (false, None) if page.dialog.is_none() => {
                self.tabs.set_trouble(id, Some(Trouble::Unresponsive));
            }
            (true, Some(Trouble::Unresponsive)) => self.tabs.set_trouble(id, None),
            _ => {}
        }
    }

    fn on_deadline(&mut self, now: Instant) {
        // A dialog blocks its page, rightly.
        let can_ask = |page: &&PageTarget| {
            page.dialog.is_none() && page.tab.trouble != Some(Trouble::Crashed)
        };
        let page = self.tabs.active().filter(can_ask);
        let page = page.map(|page| (page.tab.id.clone(), page.session.clone()));
        if self.responsiveness.on_deadline(page.is_some(), now)
            && let Some((tab, session)) = page
        {
            self.ask(Query::Responsiveness { tab, session });
        }
        if self.active_tab.on_deadline(now) {
            self.ask_active_tab();
        }
    }

    fn go_in_history(&mut self, steps: isize) {
        if let Some(entry) = self.tabs.history_entry(steps) {
            self.navigate_active(Destination::HistoryEntry(entry));
        }
    }

    /// The active page is asked first whether it can be left.
    fn navigate_active(&mut self, destination: Destination) {
        let Some(page) = self.tabs.active() else {
            return;
        };
        let (tab, session) = (page.tab.id.clone(), page.session.clone());
        let dialog_open = page.dialog.is_some();
        if self.pending.begin(&tab, destination) {
            self.ask(Query::PrepareNavigation {
                tab,
                session,
                dialog_open,
            });
        }
    }

    /// Nothing blocks the page any more.
    fn navigate(&mut self, id: &TabId) {
        let destination = self.pending.take(id);
        self.go(id, destination);
    }

    fn on_crash(&mut self, id: &TabId) {
        self.tabs.set_trouble(id, Some(Trouble::Crashed));
        if let Some(destination) = self.pending.lost(id) {
            self.go(id, Some(destination));
            self.tabs.set_loading(id, true);
        }
    }

    fn go(&mut self, id: &TabId, destination: Option<Destination>) {
        if let (Some(destination), Some(page)) = (destination, self.tabs.page(id)) {
            let session = page.session.clone();
            let command = match destination {
                Destination::Url(url) => PageCommand::Navigate(url),
                Destination::HistoryEntry(entry) => PageCommand::NavigateToHistoryEntry(entry),
                Destination::Reload => PageCommand::Reload,
            };
            self.send_to_page(session, command);
        }
    }

    /// The active page stays, and loads no further.
    fn stop_active(&mut self) {
        let Some(page) = self.tabs.active() else {
            return;
        };
        let (id, session) = (page.tab.id.clone(), page.session.clone());
        if self.pending.cancel(&id) {
            // Chrome reports no end of a navigation that it was never told of.
            self.tabs.set_loading(&id, false);
        }
        self.send_to_page(session, PageCommand::StopLoading);
    }

    fn activate(&mut self, id: TabId, now: Instant) {
        if self.tabs.activate(&id) {
            self.send(Command::ActivateTarget(id));
            self.refresh_tabs(now);
        }
    }

    fn create_tab(&mut self, url: AllowedUrl, background: bool) {
        self.send(Command::CreateTarget { url, background });
    }

    fn handle_dialog(&mut self, session: TargetSession, accept: bool, prompt_text: Option<String>) {
        let handle = PageCommand::HandleDialog {
            accept,
            prompt_text,
        };
        self.send_to_page(session, handle);
    }

    fn ask_history(&mut self, id: &TabId) {
        if let Some(page) = self.tabs.page(id) {
            let (tab, session) = (page.tab.id.clone(), page.session.clone());
            self.ask(Query::NavigationHistory { tab, session });
        }
    }

    /// Another tab may be active, or a page may have another title.
    fn refresh_tabs(&mut self, now: Instant) {
        if self.active_tab.request(now) {
            self.ask_active_tab();
        }
    }

    fn ask_active_tab(&mut self) {
        self.ask(Query::TargetInfos);
        let pages = self.tabs.by_age().into_iter();
        let pages = pages.map(|page| (page.tab.id.clone(), page.session.clone()));
        self.ask(Query::ActiveTab(pages.collect()));
    }

    fn notify(&mut self, sentence: String) {
        let number = self.notice.as_ref().map_or(0, |(number, _)| *number) + 1;
        self.notice = Some((number, sentence));
    }

    fn send_to_page(&mut self, session: TargetSession, command: PageCommand) {
        self.send(Command::Page(session, command));
    }

    fn send(&mut self, command: Command) {
        self.actions.push(Action::Send(command));
    }

    fn ask(&mut self, query: Query) {
        self.actions.push(Action::Ask(query));
    }
}

fn cut(text: &str, characters: usize) -> String {
    text.chars().take(characters).collect()
}

#[cfg(test)]
mod tests;
