//! Chrome's task: commands in, CDP events in, the state of its tabs out.

// What is asked of Chrome.
mod commands;
mod pending_navigation;
// What it says by itself, and what it answers.
mod events;
mod queries;

use std::time::{Duration, Instant};

use chromiumoxide::cdp::CdpEventMessage;
use chromiumoxide::cdp::browser_protocol::{browser, target};
use futures::StreamExt;
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use shared::session::TabId;
use tokio::sync::{mpsc, watch};

use pending_navigation::PendingNavigations;

use super::address::AllowedUrl;
use super::cdp::{Cdp, CdpError};
use super::launch::Chrome;
use super::tabs::Tabs;
use super::{BrowserCommand, BrowserState, Gone, Opening};

/// A page that has not answered for this long after an input is said to be unresponsive.
const PATIENCE: Duration = Duration::from_secs(5);

/// What a question to Chrome brought.
enum Outcome {
    /// Ids of its entries, and which one is shown.
    History(TabId, Vec<i64>, usize),
    Front(Option<TabId>),
    /// Titles and URLs.
    Names(Vec<(TabId, String, String)>),
    Answers(TabId, bool),
    /// Nothing on the page holds it up.
    CanBeLeft(TabId),
    /// The first page's window has its size: what is to be opened there, and behind it.
    WindowReady(TabId, Vec<AllowedUrl>),
    Nothing,
}

pub struct Control {
    cdp: std::sync::Arc<Cdp>,
    tabs: Tabs,
    /// Opened as soon as the first page is attached; until all of them are there.
    opening: Option<Opening>,
    had_tabs: bool,
    publish: watch::Sender<BrowserState>,
    questions: FuturesUnordered<BoxFuture<'static, Outcome>>,
    notice: Option<(u64, String)>,
    looking: Looking,
    look_again: Option<Instant>,
    checks: Checks,
    leaving: PendingNavigations,
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
    pub fn new(cdp: Cdp, opening: Opening, publish: watch::Sender<BrowserState>) -> Control {
        Control {
            cdp: std::sync::Arc::new(cdp),
            tabs: Tabs::default(),
            opening: Some(opening),
            had_tabs: false,
            publish,
            questions: FuturesUnordered::new(),
            notice: None,
            looking: Looking::No,
            look_again: None,
            checks: Checks::Idle(None),
            leaving: PendingNavigations::default(),
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
                    None => break Gone::Closed(String::new()),
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

    fn epitaph(&self, status: Option<std::process::ExitStatus>) -> Gone {
        use std::os::unix::process::ExitStatusExt;
        let all_closed = self.had_tabs && self.tabs.is_empty();
        match status {
            Some(status) if status.success() || all_closed => {
                Gone::Closed("The last tab was closed.".to_owned())
            }
            Some(status) => Gone::Crashed(match status.signal() {
                Some(signal) => format!("Chrome was killed (signal {signal})."),
                None => format!("Chrome ended by itself ({status})."),
            }),
            None => Gone::Crashed("Chrome stopped answering.".to_owned()),
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

    fn publish_state(&mut self, gone: Option<Gone>) {
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
