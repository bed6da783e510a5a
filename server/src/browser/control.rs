//! Commands and CDP events → the [`Machine`] decides → CDP: the loop performs, until Chrome has exited.

mod active_tab;
mod auth_challenges;
mod backpressure;
mod downloads;
mod file_choosers;
mod frames;
mod machine;
mod page_reports;
mod pending_navigation;
mod responsiveness;
mod stand_in;
mod tabs;

use std::process::ExitStatus;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use futures::{FutureExt, StreamExt};
use shared::session::TabId;
use tokio::sync::{Mutex, mpsc, oneshot, watch};

use backpressure::{Backpressure, Step};
use machine::{Action, Event, Machine};
pub use page_reports::Icon;

use super::cdp::{self, Answer, Connection, Query, Question, Reply};
use super::launch::Chrome;
use super::processes::Processes;
use super::{BrowserCommand, BrowserExit, BrowserState, InitialTabs};
use crate::files::SessionFiles;

/// Chrome closes its debugging pipe a moment before it exits.
const EXIT_TIMEOUT: Duration = Duration::from_secs(5);

/// Questions that are being answered at a time: each may hold a picture.
const MOST_ANSWERS: usize = 4;

/// The task of one Chrome.
pub struct Control {
    machine: Machine,
    cdp: Arc<Connection>,
    queries: FuturesUnordered<BoxFuture<'static, Option<Reply>>>,
    answers: FuturesUnordered<BoxFuture<'static, Option<Event>>>,
    /// A search goes on from where the one before it came to.
    searching: Arc<Mutex<()>>,
    /// A frame is printed in a tab of our own: there is one at a time.
    printing: Arc<Mutex<()>>,
    scans: FuturesUnordered<BoxFuture<'static, Event>>,
    /// Of Chrome's main process, asked for and not there yet: one at a time.
    sign_of_life: Option<BoxFuture<'static, ()>>,
    publish: watch::Sender<BrowserState>,
    files: Arc<SessionFiles>,
}

impl Control {
    /// `publish` gets every change of the state.
    pub fn new(
        cdp: Connection,
        initial_tabs: InitialTabs,
        files: Arc<SessionFiles>,
        publish: watch::Sender<BrowserState>,
    ) -> Control {
        Control {
            machine: Machine::new(initial_tabs, files.limits(), files.scans()),
            files,
            cdp: Arc::new(cdp),
            queries: FuturesUnordered::new(),
            answers: FuturesUnordered::new(),
            searching: Arc::default(),
            printing: Arc::default(),
            scans: FuturesUnordered::new(),
            sign_of_life: None,
            publish,
        }
    }

    /// Runs until Chrome has exited, or until every sender of commands is dropped.
    pub async fn run(
        mut self,
        mut chrome: Chrome,
        connection: impl Future<Output = ()>,
        mut events: mpsc::Receiver<cdp::Event>,
        mut commands: mpsc::Receiver<BrowserCommand>,
        mut questions: mpsc::Receiver<(Question, oneshot::Sender<Answer>)>,
    ) {
        let downloads = self
            .files
            .limits()
            .downloads
            .then(|| self.files.downloads());
        if let Err(error) = cdp::configure(&self.cdp, downloads.as_deref()) {
            tracing::warn!(%error, "Chrome cannot be controlled");
        }
        tokio::pin!(connection);
        let mut backpressure = Backpressure::new(Instant::now());
        let mut processes = chrome.processes();
        let exit = loop {
            let deadline = self.machine.deadline();
            let event = tokio::select! {
                status = chrome.exited() => break self.machine.exit(status),
                // Its exit status says more than a closed connection.
                () = &mut connection => break self.machine.exit(exit_status(&mut chrome).await),
                Some(event) = events.recv() => Event::Cdp(event),
                Some(reply) = self.queries.next() => match reply {
                    Some(reply) => Event::Reply(reply),
                    None => continue,
                },
                () = answer(&mut self.sign_of_life) => {
                    self.sign_of_life = None;
                    backpressure.on_answer();
                    continue;
                }
                () = sleep_until(Some(backpressure.deadline())) => {
                    let (bytes, now) = (processes.main_bytes().unwrap_or_default(), Instant::now());
                    let is_leaving = self.machine.is_leaving();
                    let mut step = backpressure.on_sample(bytes, is_leaving, now);
                    while let Some(next) = step.take() {
                        if self.press(next, &mut processes) {
                            step = backpressure.on_held(is_leaving, now);
                        }
                    }
                    continue;
                }
                () = sleep_until(deadline) => Event::Deadline,
                Some((question, reply)) = questions.recv(), if self.answers.len() < MOST_ANSWERS => {
                    match self.answer(question, reply) {
                        Some(event) => event,
                        None => continue,
                    }
                }
                Some(event) = self.scans.next() => event,
                Some(event) = self.answers.next() => match event {
                    Some(event) => event,
                    None => continue,
                },
                command = commands.recv() => match command {
                    Some(command) => Event::Command(command),
                    // The session has ended this Chrome.
                    None => break BrowserExit::Closed(String::new()),
                },
            };
            let now = Instant::now();
            if let Event::Cdp(cdp::Event::DownloadProgress { .. }) = &event {
                self.machine.on(Event::FreeSpace(self.files.free()), now);
            }
            for action in self.machine.on(event, now) {
                let first = match &action {
                    Action::Ask(Query::PrepareNavigation { tab, .. }) => {
                        let step = backpressure.on_leaving(now);
                        step.map(|step| (step, tab.clone()))
                    }
                    _ => None,
                };
                match first {
                    Some((step, tab)) => {
                        self.press(step, &mut processes);
                        self.wait_until_free(tab);
                    }
                    None => self.perform(action),
                }
            }
            self.publish(self.machine.state());
        };
        // Kills what is left and removes the profile: that waits for processes and the disk.
        let ended = tokio::task::spawn_blocking(move || drop(chrome)).await;
        if let Err(error) = ended {
            tracing::error!(%error, "cleaning up after Chrome panicked");
        }
        self.publish(BrowserState {
            exit: Some(exit),
            ..self.machine.state()
        });
    }

    fn perform(&self, action: Action) {
        match action {
            Action::Send(command) => {
                if let Err(error) = cdp::send(&self.cdp, command) {
                    tracing::debug!(%error, "a command was not sent to Chrome");
                }
            }
            Action::Ask(query) => {
                let cdp = Arc::clone(&self.cdp);
                self.queries
                    .push(async move { cdp::ask(&cdp, query).await }.boxed());
            }
            Action::RemoveDownload(id) => self.files.remove_download(&id),
            Action::ScanDownload(id, name) => {
                let files = Arc::clone(&self.files);
                let scanned = async move {
                    let result = files.scan_download(&id, &name).await;
                    Event::Scanned(id, result)
                };
                self.scans.push(scanned.boxed());
            }
            Action::ForgetUploads(chooser) => {
                let files = Arc::clone(&self.files);
                // A folder may be large. Whatever becomes of it, the session's end removes all.
                tokio::task::spawn_blocking(move || files.forget_uploads(chooser));
            }
        }
    }

    /// Asks the page in front; gives what that means for the machine at once.
    fn answer(&self, question: Question, reply: oneshot::Sender<Answer>) -> Option<Event> {
        let drop = match &question {
            Question::GiveFiles { drop, .. } => Some(*drop),
            _ => None,
        };
        let Some(page) = self.machine.active_page() else {
            return drop.map(Event::FilesRefused);
        };
        let given = drop.map(|drop| Event::FilesGiven(page.tab.clone(), drop));
        let one_at_a_time = match question {
            Question::Find { .. } => Some(Arc::clone(&self.searching)),
            Question::Pdf { frame: Some(_) } => Some(Arc::clone(&self.printing)),
            _ => None,
        };
        let cdp = Arc::clone(&self.cdp);
        let answered = async move {
            let _turn = match one_at_a_time {
                Some(turns) => Some(turns.lock_owned().await),
                None => None,
            };
            let answer = cdp::answer(&cdp, &page, question).await;
            let refused = drop.filter(|_| answer != Some(Answer::Taken(true)));
            if let Some(answer) = answer {
                // A caller that waits no more is no failure.
                let _ = reply.send(answer);
            }
            refused.map(Event::FilesRefused)
        };
        self.answers.push(answered.boxed());
        given
    }

    /// The page's process was ended, because what it sent would have to be waited for: it can be left as soon as Chrome
    /// has taken in the rest.
    fn wait_until_free(&self, tab: TabId) {
        let cdp = Arc::clone(&self.cdp);
        let free = async move {
            drop(cdp::product(&cdp).await);
            Some(Reply::ReadyToNavigate(tab))
        };
        self.queries.push(free.boxed());
    }

    /// A page may overwhelm Chrome's main process: does what is to be done about it. Says whether a page was stopped.
    fn press(&mut self, step: Step, processes: &mut Processes) -> bool {
        tracing::debug!(?step, "a page keeps Chrome busy");
        match step {
            Step::Suspect => {
                processes.begin_comparing();
                self.ask_for_sign_of_life();
            }
            Step::Ask => self.ask_for_sign_of_life(),
            Step::Hold { least } => {
                self.ask_for_sign_of_life();
                return processes.hold_busiest(least);
            }
            Step::Release => processes.release(),
            Step::End => processes.kill_last_held(),
        }
        false
    }

    /// Whatever waits for Chrome is behind the question, once.
    fn ask_for_sign_of_life(&mut self) {
        if self.sign_of_life.is_none() {
            let cdp = Arc::clone(&self.cdp);
            self.sign_of_life = Some(async move { drop(cdp::product(&cdp).await) }.boxed());
        }
    }

    fn publish(&self, state: BrowserState) {
        self.publish.send_if_modified(|published| {
            let changed = *published != state;
            if changed {
                *published = state;
            }
            changed
        });
    }
}

/// Never, while nothing was asked.
async fn answer(asked: &mut Option<BoxFuture<'static, ()>>) {
    match asked {
        Some(answer) => answer.await,
        None => std::future::pending().await,
    }
}

async fn exit_status(chrome: &mut Chrome) -> Option<ExitStatus> {
    let status = tokio::time::timeout(EXIT_TIMEOUT, chrome.exited()).await;
    status.ok().flatten()
}

/// Never, without a deadline.
async fn sleep_until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => tokio::time::sleep_until(deadline.into()).await,
        None => std::future::pending().await,
    }
}
