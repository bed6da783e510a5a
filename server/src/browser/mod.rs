//! One Chrome, controlled over CDP: navigation, tabs, dialogs. CDP carries neither pictures nor input: both are the
//! display's.

// What may be opened.
pub mod address;
// How it is started, where its files are and how it exits.
pub mod flags;
pub mod launch;
mod processes;
pub mod profile_dir;
// How it is controlled, and what it reports.
mod cdp;
mod control;
mod page_script;
// What it finds of a desktop.
pub mod session_bus;

use std::path::PathBuf;
use std::sync::Arc;

use futures::FutureExt;
use shared::file::{Download, FileChooser};
use shared::geometry::LogicalSize;
use shared::session::{AuthChallenge, ContextMenu, Credentials, Dialog, DownloadId, Tab, TabId};
use shared::site::{Location, Permission, PermissionState};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;

use address::AllowedUrl;
use cdp::Connection;
use launch::{Chrome, LaunchError};

use crate::files::SessionFiles;

pub use cdp::{Answer, DropPlace, Pipe, Question};
pub use control::Icon;
pub use page_script::FieldHint;

/// Commands that wait for the task: more than a person can type, and a script that is faster is refused.
const COMMAND_QUEUE: usize = 64;

/// Questions that wait for the task.
const QUESTION_QUEUE: usize = 16;

/// What a viewer, a script or the session asks of Chrome.
#[derive(Clone, Debug, PartialEq)]
pub enum BrowserCommand {
    /// The active tab shows that URL; a new one, when there is none.
    Navigate(AllowedUrl),
    /// One entry back in the active tab's history.
    Back,
    /// One entry forward in the active tab's history.
    Forward,
    /// Of the active tab.
    Reload,
    /// Cancels the active tab's navigation, and what it is loading.
    Stop,
    /// A new tab, in front.
    NewTab(AllowedUrl),
    /// That tab comes to the front.
    Activate(TabId),
    /// Closes that tab, unless its page asks the viewer whether to stay and is told to.
    Close(TabId),
    /// That tab gets that place in the strip, or the last one.
    Move {
        /// Which one.
        tab: TabId,
        /// 0 is the first.
        to: usize,
    },
    /// Closes the active tab's dialog; `text` is what a `prompt` returns.
    AnswerDialog {
        /// OK, or else Cancel.
        accept: bool,
        /// Of a `prompt` only.
        text: Option<String>,
        /// The page's document shows no more of them, but for `beforeunload`.
        silence: bool,
    },
    /// What the server or proxy of [`AuthChallenge::number`] gets; without credentials it is declined.
    Authenticate {
        /// Nothing happens unless it is open.
        challenge: u32,
        /// Of the person.
        credentials: Option<Credentials>,
    },
    /// A site may do that, or not, until Chrome ends.
    SetPermission {
        /// Scheme, host and port.
        origin: String,
        /// What it may do.
        permission: Permission,
        /// Whether.
        state: PermissionState,
    },
    /// Where pages are told that the person is.
    SetLocation(Location),
    /// How large pages are told to be, where that is not the size of their windows.
    EmulateSize(Option<LogicalSize>),
    /// The active page has the full screen no longer.
    ExitFullscreen,
    /// Input was sent to the active page: check soon whether it is responsive.
    CheckResponsiveness,
    /// Another tab may be active, or a page may have another title: ask Chrome.
    RefreshTabs,
    /// From now on it is known where pages show text fields.
    WatchTextFields,
    /// That download is broken off, or its file removed.
    RemoveDownload(DownloadId),
    /// The person has all of that download.
    DownloadDelivered(DownloadId),
    /// The page of that file chooser gets these files.
    SetFiles {
        /// [`FileChooser::number`]; nothing happens unless it is open.
        chooser: u32,
        /// As Chrome finds them.
        files: Vec<PathBuf>,
    },
}

/// What is known of Chrome now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BrowserState {
    /// In the order of the strip.
    pub tabs: Vec<Tab>,
    /// The tab in front.
    pub active: Option<TabId>,
    /// Of the active tab.
    pub dialog: Option<Dialog>,
    /// Of the active tab.
    pub auth_challenge: Option<AuthChallenge>,
    /// The latest message to the viewers, and a number that tells two equal ones apart.
    pub notice: Option<(u64, String)>,
    /// Of all tabs that have one.
    pub icons: Vec<Icon>,
    /// Of the active tab: the text field that has the focus.
    pub field: Option<FieldHint>,
    /// Where the page in front shows text fields, in pixels of the video: left, top, width, height.
    pub text_fields: Vec<[i32; 4]>,
    /// The latest last.
    pub downloads: Vec<Download>,
    /// A page waits for files.
    pub file_chooser: Option<FileChooser>,
    /// The latest, and a number that tells two equal ones apart.
    pub ui_request: Option<(u64, UiRequest)>,
    /// Chrome has exited, and nothing of it is left.
    pub exit: Option<BrowserExit>,
}

/// What the person in front of a page asked for, and viewers show themselves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UiRequest {
    /// A context menu.
    ContextMenu(ContextMenu),
    /// The find bar.
    Find,
    /// The page as PDF, or the frame of it that has that number.
    Print {
        /// Of [`Question::Pdf`].
        frame: Option<u32>,
    },
    /// The page as a file.
    SavePage,
    /// The person's own files.
    ChooseFiles(FileChooser),
    /// A link for another program of theirs, such as `mailto:`.
    ExternalLink(String),
}

/// Why Chrome exited, with a sentence for the viewer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BrowserExit {
    /// Its last tab was closed, or the session ended it.
    Closed(String),
    /// It was killed, exited with an error or stopped responding.
    Crashed(String),
}

/// The tabs that a Chrome is started with.
#[derive(Clone, Debug, PartialEq)]
pub struct InitialTabs {
    /// One tab each; never empty.
    pub urls: Vec<AllowedUrl>,
    /// The index of the one that comes to the front.
    pub active: usize,
}

impl From<AllowedUrl> for InitialTabs {
    fn from(url: AllowedUrl) -> InitialTabs {
        InitialTabs {
            urls: vec![url],
            active: 0,
        }
    }
}

/// A command was not accepted.
#[derive(Debug, thiserror::Error)]
#[error("Chrome's command queue is full, or Chrome has exited")]
pub struct BrowserUnavailable;

/// Owns a Chrome and the task that controls it. Dropping it makes the task kill Chrome and remove its profile;
/// [`Browser::end`] waits until that is done.
pub struct Browser {
    commands: mpsc::Sender<BrowserCommand>,
    questions: mpsc::Sender<(Question, oneshot::Sender<Answer>)>,
    state: watch::Receiver<BrowserState>,
    task: JoinHandle<()>,
    /// Chromium's major version.
    version: Option<u32>,
}

impl Browser {
    /// Waits until a Chrome just launched can be controlled, and opens its initial tabs. Fails when it exits before, or
    /// does not respond in time.
    pub async fn control(
        mut chrome: Chrome,
        pipe: Pipe,
        initial_tabs: InitialTabs,
        files: Arc<SessionFiles>,
    ) -> Result<Browser, LaunchError> {
        let (cdp, events, connection) = Connection::open(pipe);
        let mut connection = connection.boxed();
        let mut version = None;
        let responds = async {
            tokio::select! {
                // Any response will do: Chrome is there.
                product = cdp::product(&cdp) => version = product.as_deref().and_then(major_version),
                // It closes the connection before it exits, and its exit says why.
                () = &mut connection => std::future::pending().await,
            }
        };
        chrome.wait_until_started(responds).await?;
        let (commands, received) = mpsc::channel(COMMAND_QUEUE);
        let (questions, asked) = mpsc::channel(QUESTION_QUEUE);
        let (publish, state) = watch::channel(BrowserState::default());
        let control = control::Control::new(cdp, initial_tabs, files, publish);
        let task = tokio::spawn(control.run(chrome, connection, events, received, asked));
        Ok(Browser {
            commands,
            questions,
            state,
            task,
            version,
        })
    }

    /// Whether this Chrome has [`flags`]' feature `ThrottleMainFrameTo60Hz`: on by default on Android since 145.
    pub fn throttles_pages(&self) -> bool {
        self.version.is_some_and(|version| version >= 145)
    }

    /// Queues a command, without waiting.
    pub fn send(&self, command: BrowserCommand) -> Result<(), BrowserUnavailable> {
        self.commands
            .try_send(command)
            .map_err(|_| BrowserUnavailable)
    }

    /// Asks the active page; the answer is dropped where there is none.
    pub fn ask(&self, question: Question) -> Result<oneshot::Receiver<Answer>, BrowserUnavailable> {
        let (reply, answer) = oneshot::channel();
        let asked = self.questions.try_send((question, reply));
        asked.map(|()| answer).map_err(|_| BrowserUnavailable)
    }

    /// What is known of Chrome, and each change of it.
    pub fn state(&self) -> watch::Receiver<BrowserState> {
        self.state.clone()
    }

    /// Kills Chrome and waits until nothing of it is left.
    pub async fn end(self) {
        drop(self.commands);
        if let Err(error) = self.task.await {
            tracing::error!(%error, "Chrome's task panicked");
        }
    }
}

/// `Chrome/156.0.8078.79` → 156; `HeadlessChrome/…` alike.
fn major_version(product: &str) -> Option<u32> {
    let (_, version) = product.split_once('/')?;
    version.split('.').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_read_and_other_text_is_none() {
        assert_eq!(major_version("Chrome/156.0.8078.79"), Some(156));
        for other in ["", "Chrome", "Chrome/", "Chrome/x.1"] {
            assert_eq!(major_version(other), None);
        }
    }
}
