//! One Chrome, controlled over CDP: navigation, tabs, dialogs. Never seen or touched through it: pixels and input are the
//! display's.

// What may be opened.
pub mod address;
// How it is started, where it lives and how it dies.
pub mod flags;
pub mod launch;
pub mod profile_dir;
// How it is controlled, and what it says.
mod cdp;
mod control;
mod pipe;
mod tabs;

use chromiumoxide::cdp::browser_protocol::browser::GetVersionParams;
use futures::FutureExt;
use shared::session::{Dialog, Tab, TabId};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

use address::AllowedUrl;
use cdp::Cdp;
use launch::{Chrome, LaunchError};
use pipe::Pipe;

/// Commands that wait for Chrome's task: more than a person can type, and a script that outruns it is told so.
const COMMAND_QUEUE: usize = 64;

/// What a person, or the session, asks of Chrome.
#[derive(Clone, Debug, PartialEq)]
pub enum BrowserCommand {
    Navigate(AllowedUrl),
    Back,
    Forward,
    Reload,
    Stop,
    NewTab(AllowedUrl),
    Activate(TabId),
    Close(TabId),
    AnswerDialog {
        accept: bool,
        text: Option<String>,
    },
    /// Input was sent to the page: time to look whether it still answers.
    InputSent,
    /// Another tab may be in front, or a page may have another title.
    LookAtTabs,
}

/// What Chrome is like now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BrowserState {
    pub tabs: Vec<Tab>,
    pub active: Option<TabId>,
    /// Of the active tab.
    pub dialog: Option<Dialog>,
    /// The latest thing worth telling the viewer, and a number that tells two equal ones apart.
    pub notice: Option<(u64, String)>,
    pub gone: Option<Gone>,
}

/// How Chrome ended, with a sentence for the viewer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Gone {
    /// By its last tab, or because nobody needs it any more.
    Closed(String),
    /// Without anybody's wish.
    Crashed(String),
}

/// What a Chrome shows first.
#[derive(Clone, Debug, PartialEq)]
pub struct Opening {
    /// One tab each; never empty.
    pub urls: Vec<AllowedUrl>,
    /// Which of them comes to the front, counted from 0.
    pub front: usize,
}

impl From<AllowedUrl> for Opening {
    fn from(url: AllowedUrl) -> Opening {
        Opening {
            urls: vec![url],
            front: 0,
        }
    }
}

#[derive(Debug, thiserror::Error)]
#[error("Chrome is busy or gone")]
pub struct Busy;

/// Owns a Chrome and the task that talks to it. Dropping it makes the task kill Chrome and remove its home;
/// [`Browser::end`] waits until that is done.
pub struct Browser {
    commands: mpsc::Sender<BrowserCommand>,
    state: watch::Receiver<BrowserState>,
    task: JoinHandle<()>,
    /// Chromium's major version.
    version: Option<u32>,
}

impl Browser {
    /// Waits until a Chrome just launched can be controlled, and opens its first tabs.
    pub async fn control(
        mut chrome: Chrome,
        pipe: Pipe,
        opening: Opening,
    ) -> Result<Browser, LaunchError> {
        let (cdp, events, connection) = Cdp::over(pipe);
        let mut connection = connection.boxed();
        let mut version = None;
        let answers = async {
            // Whatever it answers, it is there.
            let first = cdp.call(None, GetVersionParams::default());
            tokio::select! {
                answer = first => version = answer.ok().and_then(|told| major(&told.product)),
                // It hangs up before it ends, and its end tells why.
                () = &mut connection => std::future::pending().await,
            }
        };
        chrome.started(answers).await?;
        let (commands, asked) = mpsc::channel(COMMAND_QUEUE);
        let (publish, state) = watch::channel(BrowserState::default());
        let control = control::Control::new(cdp, opening, publish);
        let task = tokio::spawn(control.run(chrome, connection, events, asked));
        Ok(Browser {
            commands,
            state,
            task,
            version,
        })
    }

    /// Whether this Chrome knows [`flags`]' `ThrottleMainFrameTo60Hz`: Android's has it on by default since 145.
    pub fn throttles_pages(&self) -> bool {
        self.version.is_some_and(|version| version >= 145)
    }

    pub fn send(&self, command: BrowserCommand) -> Result<(), Busy> {
        self.commands.try_send(command).map_err(|_| Busy)
    }

    pub fn state(&self) -> watch::Receiver<BrowserState> {
        self.state.clone()
    }

    /// Kills Chrome and waits until nothing of it is left.
    pub async fn end(self) {
        drop(self.commands);
        if let Err(error) = self.task.await {
            tracing::error!(%error, "Chrome's task failed");
        }
    }
}

/// `Chrome/156.0.8078.79` → 156; `HeadlessChrome` and others say it alike.
fn major(product: &str) -> Option<u32> {
    let (_, version) = product.split_once('/')?;
    version.split('.').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_read_and_nonsense_is_none() {
        assert_eq!(major("Chrome/156.0.8078.79"), Some(156));
        for nonsense in ["", "Chrome", "Chrome/", "Chrome/x.1"] {
            assert_eq!(major(nonsense), None);
        }
    }
}
