//! Pure: a viewer's commands, Chrome's events and its replies → the state of the tabs, and what Chrome is told and asked.

use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::time::{Duration, Instant};

use shared::file::FileChooser;
use shared::geometry::LogicalSize;
use shared::session::{Dialog, DialogKind, DownloadId, TabId, Trouble};
use shared::site::Location;

use super::active_tab::ActiveTabPoll;
use super::auth_challenges::{AuthChallenges, Outcome};
use super::downloads::{Downloads, Effect};
use super::file_choosers::FileChoosers;
use super::frames::Frames;
use super::page_reports::{Frame, PageReports};
use super::pending_navigation::{Destination, PendingNavigations};
use super::responsiveness::ResponsivenessCheck;
use super::stand_in::StandIn;
use super::tabs::{PageTarget, Tabs};
use crate::browser::address::{AllowedUrl, is_external};
use crate::browser::cdp::{
    self, ActivePage, Challenger, Command, PageCommand, PageEvent, PrintedFrame, Query, Reply,
    TargetSession,
};
use crate::browser::page_script::{PageReport, PrintRequest};
use crate::browser::{BrowserCommand, BrowserExit, BrowserState, InitialTabs, UiRequest};
use crate::files::FileLimits;

/// Between two links for other programs that viewers are shown.
const BETWEEN_LINKS: Duration = Duration::from_secs(1);

/// A page chooses its dialogs' texts and what its file inputs accept, so both are cut to so many characters.
const MAX_DIALOG: usize = 10_000;
const MAX_ACCEPT: usize = 1_000;

/// What happened.
#[derive(Clone, Debug)]
pub enum Event {
    Command(BrowserCommand),
    Cdp(cdp::Event),
    Reply(Reply),
    /// That download may be handed over, or why not.
    Scanned(DownloadId, Result<(), String>),
    /// So many bytes the disk for downloads still takes.
    FreeSpace(u64),
    /// That page is given what was uploaded for that drop, and may read it until it is left.
    FilesGiven(TabId, u32),
    /// No page has taken what was uploaded for that drop.
    FilesRefused(u32),
    /// [`Machine::deadline`] has passed.
    Deadline,
}

/// What is to be done about it, in this order.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    Send(Command),
    /// Its reply becomes an [`Event`].
    Ask(Query),
    /// Nothing of that download is left.
    RemoveDownload(DownloadId),
    /// Answered by [`Event::Scanned`], under that name.
    ScanDownload(DownloadId, String),
    /// Nor of what was uploaded for that file chooser.
    ForgetUploads(u32),
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
    /// Frames that were to be printed.
    prints: u32,
    /// When a page last opened a link for another program.
    linked_at: Option<Instant>,
    watches_text_fields: bool,
    downloads: Downloads,
    uploads: bool,
    file_choosers: FileChoosers,
    frames: Frames,
    auth_challenges: AuthChallenges,
    /// Where pages are told that the person is.
    location: Option<Location>,
    stand_in: StandIn,
    /// How large they are told to be, where that is not the size of their windows.
    emulated_size: Option<LogicalSize>,
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
    pub fn new(initial_tabs: InitialTabs, files: FileLimits, scans: bool) -> Machine {
        Machine {
            startup: Startup::WaitingForPage(initial_tabs),
            tabs: Tabs::default(),
            pending: PendingNavigations::default(),
            active_tab: ActiveTabPoll::default(),
            responsiveness: ResponsivenessCheck::default(),
            notice: None,
            ui_request: None,
            prints: 0,
            linked_at: None,
            watches_text_fields: false,
            downloads: Downloads::new(files, scans),
            uploads: files.uploads,
            file_choosers: FileChoosers::default(),
            frames: Frames::default(),
            auth_challenges: AuthChallenges::default(),
            location: None,
            stand_in: StandIn::default(),
            emulated_size: None,
            actions: Vec::new(),
        }
    }

    /// What is to be done about an event.
    pub fn on(&mut self, event: Event, now: Instant) -> Vec<Action> {
        match event {
            Event::Command(command) => self.on_command(command, now),
            Event::Cdp(event) => self.on_cdp_event(event, now),
            Event::Reply(reply) => self.on_reply(reply, now),
            Event::FreeSpace(bytes) => self.downloads.set_free(bytes),
            Event::Scanned(id, result) => {
                let effects = self.downloads.scanned(&id, result, now);
                self.effect(effects);
            }
            Event::FilesGiven(tab, drop) => self.file_choosers.give(tab, drop),
            Event::FilesRefused(drop) => {
                self.file_choosers.take_back(drop);
                self.actions.push(Action::ForgetUploads(drop));
            }
            Event::Deadline => self.on_deadline(now),
        }
        std::mem::take(&mut self.actions)
    }

    /// When [`Event::Deadline`] is due.
    pub fn deadline(&self) -> Option<Instant> {
        let deadlines = [
            self.responsiveness.deadline(),
            self.active_tab.deadline(),
            self.downloads.deadline(),
        ];
        deadlines.into_iter().flatten().min()
    }

    /// The page in front is being left, and has not been yet.
    pub fn is_leaving(&self) -> bool {
        let active = self.tabs.active().filter(|page| page.dialog.is_none());
        active.is_some_and(|page| self.pending.contains(&page.tab.id))
    }

    /// The page in front, and its CDP session.
    pub fn active_page(&self) -> Option<ActivePage> {
        let page = self.tabs.active()?;
        Some(ActivePage {
            tab: page.tab.id.clone(),
            session: page.session.clone(),
            frames: self.frames.of(&page.tab.id),
            printed: self.printed(page),
        })
    }

    fn printed(&self, page: &PageTarget) -> Option<PrintedFrame> {
        let (number, (of, context)) = page.reports.printed()?;
        let session = match of {
            0 => page.session.clone(),
            _ => self.frames.by_number(of)?.clone(),
        };
        Some(PrintedFrame {
            number,
            session,
            context,
        })
    }

    /// What viewers are shown, of a Chrome that has not exited.
    pub fn state(&self) -> BrowserState {
        let active = self.tabs.active();
        BrowserState {
            tabs: self.tabs.iter().map(|page| page.tab.clone()).collect(),
            active: active.map(|page| page.tab.id.clone()),
            dialog: active.and_then(|page| page.dialog.clone()),
            auth_challenge: active
                .and_then(|page| self.auth_challenges.asked(&page.tab.id))
                .cloned(),
            icons: self.tabs.icons(),
            field: active.and_then(|page| page.reports.field().cloned()),
            text_fields: active.map_or_else(Vec::new, |page| page.reports.text_fields().to_vec()),
            downloads: self.downloads.list(),
            file_chooser: self.file_choosers.asks().cloned(),
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
                    self.create_tab(AllowedUrl::blank(), false);
                    self.stand_in.begin(id.clone());
                }
                self.close(id);
            }
            BrowserCommand::AnswerDialog {
                accept,
                text,
                silence,
            } => self.answer_dialog(accept, text, silence),
            BrowserCommand::Authenticate {
                challenge,
                credentials,
            } => {
                let answers = self.auth_challenges.answer(challenge, credentials);
                for (session, answer) in answers {
                    self.send_to_page(session, answer);
                }
            }
            BrowserCommand::SetPermission {
                origin,
                permission,
                state,
            } => self.send(Command::SetPermission {
                origin,
                permission,
                state,
            }),
            BrowserCommand::SetLocation(location) => {
                self.location = Some(location);
                self.send_to_pages(&PageCommand::SetLocation(location));
            }
            BrowserCommand::EmulateSize(size) => {
                if std::mem::replace(&mut self.emulated_size, size) != size {
                    self.send_to_pages(&PageCommand::EmulateSize(size));
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
            BrowserCommand::RemoveDownload(id) => {
                let effects = self.downloads.remove(&id);
                self.effect(effects);
            }
            BrowserCommand::DownloadDelivered(id) => self.downloads.delivered(&id, now),
            BrowserCommand::SetFiles { chooser, files } => {
                if let Some(open) = self.file_choosers.take(chooser) {
                    let input = open.input;
                    let set = PageCommand::SetFileInputFiles { input, files };
                    self.send_to_page(open.session, set);
                }
            }
        }
    }

    fn on_cdp_event(&mut self, event: cdp::Event, now: Instant) {
        match event {
            cdp::Event::Attached { target, session } => self.on_attached(target, session, now),
            cdp::Event::FrameAttached {
                parent,
                session,
                frame,
            } => self.on_frame_attached(&parent, session, frame),
            cdp::Event::OtherAttached { parent, session } => {
                self.ask(Query::Release { parent, session });
            }
            cdp::Event::Detached(session) => {
                self.frames.detach(&session);
                self.auth_challenges.on_detached(&session);
            }
            cdp::Event::InfoChanged(target) => self.on_info_changed(target),
            cdp::Event::Destroyed(id) => {
                self.pending.cancel(&id);
                self.forget_uploads(&id);
                self.auth_challenges.on_left(&id);
                self.frames.forget(&id);
                self.stand_in.on_closed(&id);
                if let Some(next) = self.tabs.detach(&id) {
                    self.send(Command::ActivateTarget(next));
                }
                self.refresh_tabs(now);
            }
            cdp::Event::Crashed(id) => self.on_crash(&id),
            cdp::Event::DownloadWillBegin {
                id,
                frame,
                filename,
            } => {
                if let Ok(tab) = frame.parse()
                    && self.pending.contains(&tab)
                {
                    // What was to be shown is saved instead: the page stays.
                    self.pending.committed(&tab);
                    self.tabs.set_loading(&tab, false);
                }
                let effects = self.downloads.begin(id, &filename);
                self.effect(effects);
            }
            cdp::Event::DownloadProgress {
                id,
                received,
                total,
                state,
            } => {
                let effects = self.downloads.progress(&id, received, total, state, now);
                self.effect(effects);
            }
            // Also of a frame that nothing is known of: it would wait for ever.
            cdp::Event::RequestPaused { session, request } => {
                self.send_to_page(session, PageCommand::ContinueRequest(request));
            }
            cdp::Event::AuthRequired {
                session,
                request,
                challenger,
            } => self.on_challenge(session, request, challenger),
            cdp::Event::Page(session, event) => {
                let page = self.tabs.by_session(&session);
                if let Some(id) = page.map(|page| page.tab.id.clone()) {
                    self.on_page_event(id, event, now);
                } else {
                    self.on_frame_event(session, event, now);
                }
            }
        }
    }

    fn on_frame_attached(&mut self, parent: &str, session: TargetSession, frame: String) {
        let uploads = self.uploads;
        self.send_to_page(session.clone(), PageCommand::PrepareFrame { uploads });
        if let Some(tab) = self.tab_of(parent) {
            self.frames
                .attach(session.clone(), tab.clone(), frame.clone());
            self.install_script(&tab, session, frame);
        }
    }

    /// The page of that session, or that a frame of that session lies in.
    fn tab_of(&self, session: &str) -> Option<TabId> {
        let page = self.tabs.by_session(session).map(|page| &page.tab.id);
        let within = self.frames.by_session(session).map(|frame| &frame.tab);
        page.or(within).cloned()
    }

    /// Of a frame that has a process of its own. Of its dialogs and its crash its page tells.
    fn on_frame_event(&mut self, session: TargetSession, event: PageEvent, now: Instant) {
        let Some(attached) = self.frames.by_session(&session).cloned() else {
            return;
        };
        match event {
            PageEvent::Navigated => self.install_script(&attached.tab, session, attached.frame),
            PageEvent::FrameNavigated { frame } => {
                self.install_script(&attached.tab, session, frame);
            }
            PageEvent::Report { context, report } => {
                self.on_report(&attached.tab, (attached.number, context), report);
            }
            PageEvent::FileChooserOpened { input, multiple } => {
                self.on_file_chooser(attached.tab, session, input, multiple);
            }
            PageEvent::ExternalLink(url) => self.on_external_link(url, now),
            _ => {}
        }
    }

    fn on_file_chooser(&mut self, tab: TabId, session: TargetSession, input: i64, multiple: bool) {
        if self.uploads {
            self.ask(Query::FileInput {
                tab,
                session,
                input,
                multiple,
            });
        } else {
            self.notify("The page asks for a file: this server takes none.".to_owned());
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
                self.tabs.forget_dialogs(&id);
                self.forget_uploads(&id);
                self.auth_challenges.on_left(&id);
                self.install_in_page(&id, id.as_str().to_owned());
            }
            PageEvent::FrameNavigated { frame } => self.install_in_page(&id, frame),
            PageEvent::Report { context, report } => self.on_report(&id, (0, context), report),
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
            } => {
                let is_repeated = kind != DialogKind::BeforeUnload && self.tabs.count_dialog(&id);
                let dialog = Dialog {
                    tab: id,
                    kind,
                    message: cut(&message, MAX_DIALOG),
                    default_text,
                    is_repeated,
                };
                self.on_dialog(dialog, now);
            }
            PageEvent::DialogClosed => {
                self.tabs.set_dialog(&id, None);
                self.refresh_tabs(now);
            }
            PageEvent::FileChooserOpened { input, multiple } => {
                if let Some(page) = self.tabs.page(&id) {
                    let session = page.session.clone();
                    self.on_file_chooser(id, session, input, multiple);
                }
            }
            PageEvent::ExternalLink(url) => self.on_external_link(url, now),
            PageEvent::SecurityChanged(security) => self.tabs.set_security(&id, security),
        }
    }

    fn on_challenge(&mut self, session: TargetSession, request: String, challenger: Challenger) {
        let origin = challenger.origin.clone();
        let tab = self.tab_of(&session);
        let challenges = &mut self.auth_challenges;
        let outcome = challenges.on_challenge(tab, session.clone(), request.clone(), challenger);
        if outcome == Outcome::Asked {
            return;
        }
        if outcome == Outcome::GaveUp {
            self.notify(format!(
                "{origin} did not accept what was entered, three times: reload the page to try again."
            ));
        }
        let decline = PageCommand::ContinueWithAuth {
            request,
            credentials: None,
        };
        self.send_to_page(session, decline);
    }

    /// A page may open as many as it likes: one is shown at a time.
    fn on_external_link(&mut self, url: String, now: Instant) {
        let is_due = |last: Instant| now.saturating_duration_since(last) >= BETWEEN_LINKS;
        if self.linked_at.is_none_or(is_due) {
            self.linked_at = Some(now);
            self.request_ui(UiRequest::ExternalLink(url));
        }
    }

    fn on_report(&mut self, id: &TabId, frame: Frame, report: PageReport) {
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
            PageReport::Print(request) => self.on_print(id, frame, request),
            PageReport::Save(_) => self.request_ui(UiRequest::SavePage),
            // Clicked: a person does not do that too often.
            PageReport::Link(url) if is_external(&url) => {
                self.request_ui(UiRequest::ExternalLink(url));
            }
            PageReport::Link(_) => {}
        }
    }

    fn on_print(&mut self, id: &TabId, frame: Frame, request: PrintRequest) {
        self.prints = self.prints.wrapping_add(1);
        let printed = request.of_frame.then_some((self.prints, frame));
        let mut may = false;
        self.tabs.report(id, |reports| {
            may = reports.print(request.by_person, printed);
        });
        if may {
            let frame = printed.map(|(number, _)| number);
            self.request_ui(UiRequest::Print { frame });
        }
    }

    /// The person in front of the page wants something that viewers show themselves.
    fn request_ui(&mut self, request: UiRequest) {
        let number = self.ui_request.as_ref().map_or(0, |(number, _)| *number) + 1;
        self.ui_request = Some((number, request));
    }

    /// That frame shows another document, in the page's own process.
    fn install_in_page(&mut self, id: &TabId, frame: String) {
        if let Some(page) = self.tabs.page(id) {
            let session = page.session.clone();
            self.install_script(id, session, frame);
        }
    }

    /// That frame of that session shows another document.
    fn install_script(&mut self, id: &TabId, session: TargetSession, frame: String) {
        let mut is_wanted = false;
        self.tabs
            .report(id, |reports| is_wanted = reports.on_frame());
        if is_wanted {
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
        if !target.has_opener {
            self.stand_in.on_opened(&id);
        }
        let uploads = self.uploads;
        self.send_to_page(session.clone(), PageCommand::Prepare { uploads });
        if let Some(location) = self.location {
            self.send_to_page(session.clone(), PageCommand::SetLocation(location));
        }
        if self.emulated_size.is_some() {
            let emulate = PageCommand::EmulateSize(self.emulated_size);
            self.send_to_page(session.clone(), emulate);
        }
        self.install_in_page(&id, id.as_str().to_owned());
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

    fn on_dialog(&mut self, dialog: Dialog, now: Instant) {
        let id = dialog.tab.clone();
        let Some(page) = self.tabs.page(&id) else {
            return;
        };
        let (session, is_silenced) = (page.session.clone(), page.dialogs.is_silenced);
        let is_leaving = self.pending.contains(&id);
        match dialog.kind {
            DialogKind::BeforeUnload if self.pending.is_forced(&id) => {
                self.handle_dialog(session, true, None);
            }
            DialogKind::BeforeUnload => {
                self.tabs.set_dialog(&id, Some(dialog));
                if self.tabs.active().is_none_or(|page| page.tab.id != id) {
                    // Closed from behind, it is seen while it asks.
                    self.activate(id, now);
                }
            }
            // Nothing else may hold up whoever leaves.
            _ if is_leaving || is_silenced => self.handle_dialog(session, false, None),
            _ => self.tabs.set_dialog(&id, Some(dialog)),
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
            Reply::FileInput {
                tab,
                session,
                input,
                multiple,
                directory,
                accept,
            } => {
                let asks = FileChooser {
                    number: 0,
                    multiple,
                    directory,
                    accept: cut(&accept, MAX_ACCEPT),
                };
                let asks = self.file_choosers.open(tab, session, input, asks);
                self.request_ui(UiRequest::ChooseFiles(asks));
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
        let effects = self.downloads.on_deadline(now);
        self.effect(effects);
    }

    /// What becomes of downloads.
    fn effect(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::Cancel(id) => self.send(Command::CancelDownload(id)),
                Effect::Remove(id) => self.actions.push(Action::RemoveDownload(id)),
                Effect::Scan(id, name) => self.actions.push(Action::ScanDownload(id, name)),
                Effect::Notify(sentence) => self.notify(sentence),
            }
        }
    }

    /// The page's document is gone, and with it what it was given.
    fn forget_uploads(&mut self, id: &TabId) {
        let over = self.file_choosers.on_left(id).into_iter();
        self.actions.extend(over.map(Action::ForgetUploads));
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
        self.auth_challenges.leave(&tab);
        self.force_if_asking(&tab);
        if self.pending.begin(&tab, destination) {
            self.ask(Query::PrepareNavigation {
                tab,
                session,
                dialog_open,
            });
        }
    }

    /// A page that responds may ask whether to stay, once.
    fn close(&mut self, id: TabId) {
        let is_asking = self.force_if_asking(&id);
        self.pending.close(&id);
        match self.tabs.page(&id) {
            Some(page) if page.tab.trouble.is_none() && !is_asking => {
                let session = page.session.clone();
                self.send_to_page(session, PageCommand::Close);
            }
            _ => self.send(Command::CloseTarget(id)),
        }
    }

    /// Whether the page asks the person if it may be left; it will not again.
    fn force_if_asking(&mut self, id: &TabId) -> bool {
        let dialog = self.tabs.page(id).and_then(|page| page.dialog.as_ref());
        let is_asking = dialog.is_some_and(|dialog| dialog.kind == DialogKind::BeforeUnload);
        if is_asking {
            self.pending.force(id);
        }
        is_asking
    }

    fn answer_dialog(&mut self, accept: bool, text: Option<String>, silence: bool) {
        let Some(page) = self.tabs.active() else {
            return;
        };
        let (Some(dialog), id, session) = (&page.dialog, page.tab.id.clone(), page.session.clone())
        else {
            return;
        };
        if dialog.kind == DialogKind::BeforeUnload && !accept {
            // The page stays.
            self.pending.cancel(&id);
            self.tabs.set_loading(&id, false);
            // Unless somebody uses it already.
            if let Some(tab) = self.stand_in.on_stays(&id)
                && self.tabs.page(&tab).is_some_and(|page| page.tab.is_new)
            {
                self.send(Command::CloseTarget(tab));
            }
        } else if silence {
            self.tabs.silence(&id);
        }
        self.handle_dialog(session, accept, text);
    }

    /// Nothing blocks the page any more.
    fn navigate(&mut self, id: &TabId) {
        let destination = self.pending.take(id);
        self.go(id, destination);
    }

    fn on_crash(&mut self, id: &TabId) {
        self.tabs.set_trouble(id, Some(Trouble::Crashed));
        self.auth_challenges.on_left(id);
        if let Some(destination) = self.pending.lost(id) {
            self.go(id, Some(destination));
            self.tabs.set_loading(id, true);
        }
    }

    fn go(&mut self, id: &TabId, destination: Option<Destination>) {
        if let (Some(destination), Some(page)) = (destination, self.tabs.page(id)) {
            let session = page.session.clone();
            let is_active = self
                .tabs
                .active()
                .is_some_and(|active| active.tab.id == *id);
            let command = match destination {
                Destination::Url(url) => PageCommand::Navigate(url),
                Destination::HistoryEntry(entry) => PageCommand::NavigateToHistoryEntry(entry),
                Destination::Reload => PageCommand::Reload,
            };
            if is_active {
                self.send_to_page(session.clone(), PageCommand::BringToFront);
            }
            self.send_to_page(session, command);
        }
    }

    /// The active page stays, and loads no further.
    fn stop_active(&mut self) {
        let Some(page) = self.tabs.active() else {
            return;
        };
        let (id, session) = (page.tab.id.clone(), page.session.clone());
        self.auth_challenges.leave(&id);
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

    fn send_to_pages(&mut self, command: &PageCommand) {
        let sessions = self.tabs.iter().map(|page| page.session.clone());
        for session in sessions.collect::<Vec<_>>() {
            self.send_to_page(session, command.clone());
        }
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
