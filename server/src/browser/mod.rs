//! One Chrome, controlled over CDP: navigation, tabs, dialogs. CDP carries neither pictures nor input: both are the
//! display's.

// What may be opened.
pub mod address;
// How it is started, where its files are and how it exits.
pub mod flags;
pub mod launch;
pub mod profile_dir;
// How it is controlled, and what it reports.
mod cdp;
mod control;

use futures::FutureExt;
use shared::session::{Dialog, Tab, TabId};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

use address::AllowedUrl;
use cdp::Connection;
use launch::{Chrome, LaunchError};

pub use cdp::Pipe;

/// Commands that wait for the task: more than a person can type, and a script that is faster is refused.
const COMMAND_QUEUE: usize = 64;

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
    /// Closes the active tab's dialog; `text` is what a `prompt` returns.
    AnswerDialog {
        /// OK, or else Cancel.
        accept: bool,
        /// Of a `prompt` only.
        text: Option<String>,
    },
    /// Input was sent to the active page: check soon whether it is responsive.
    CheckResponsiveness,
    /// Another tab may be active, or a page may have another title: ask Chrome.
    RefreshTabs,
}

/// What is known of Chrome now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BrowserState {
    /// Oldest first.
    pub tabs: Vec<Tab>,
    /// The tab in front.
    pub active: Option<TabId>,
    /// Of the active tab.
    pub dialog: Option<Dialog>,
    /// The latest message to the viewers, and a number that tells two equal ones apart.
    pub notice: Option<(u64, String)>,
    /// Chrome has exited, and nothing of it is left.
    pub exit: Option<BrowserExit>,
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
        let (publish, state) = watch::channel(BrowserState::default());
        let control = control::Control::new(cdp, initial_tabs, publish);
        let task = tokio::spawn(control.run(chrome, connection, events, received));
        Ok(Browser {
            commands,
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
