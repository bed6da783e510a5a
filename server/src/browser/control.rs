//! Commands and CDP events → the [`Machine`] decides → CDP: the loop performs, until Chrome has exited.

mod active_tab;
mod machine;
mod pending_navigation;
mod responsiveness;
mod tabs;

use std::process::ExitStatus;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use futures::{FutureExt, StreamExt};
use tokio::sync::{mpsc, watch};

use machine::{Action, Event, Machine};

use super::cdp::{self, Connection, Reply};
use super::launch::Chrome;
use super::{BrowserCommand, BrowserExit, BrowserState, InitialTabs};

/// Chrome closes its debugging pipe a moment before it exits.
const EXIT_TIMEOUT: Duration = Duration::from_secs(5);

/// The task of one Chrome.
pub struct Control {
    machine: Machine,
    cdp: Arc<Connection>,
    queries: FuturesUnordered<BoxFuture<'static, Option<Reply>>>,
    publish: watch::Sender<BrowserState>,
}

impl Control {
    /// `publish` gets every change of the state.
    pub fn new(
        cdp: Connection,
        initial_tabs: InitialTabs,
        publish: watch::Sender<BrowserState>,
    ) -> Control {
        Control {
            machine: Machine::new(initial_tabs),
            cdp: Arc::new(cdp),
            queries: FuturesUnordered::new(),
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
    ) {
        if let Err(error) = cdp::configure(&self.cdp) {
            tracing::warn!(%error, "Chrome cannot be controlled");
        }
        tokio::pin!(connection);
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
                () = sleep_until(deadline) => Event::Deadline,
                command = commands.recv() => match command {
                    Some(command) => Event::Command(command),
                    // The session has ended this Chrome.
                    None => break BrowserExit::Closed(String::new()),
                },
            };
            for action in self.machine.on(event, Instant::now()) {
                self.perform(action);
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
