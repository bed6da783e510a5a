//! Queries to Chrome, each with its timeout → what was found out; and what takes several commands, which has no reply.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chromiumoxide_cdp::cdp::browser_protocol::browser::GetVersionParams;
use chromiumoxide_cdp::cdp::browser_protocol::{dom, page, target};
use chromiumoxide_cdp::cdp::js_protocol::runtime;
use data_url::DataUrl;
use futures::future::join_all;
use shared::session::TabId;
use tokio::time::timeout;

use super::event::target_info;
use super::resource::Resource;
use super::{CdpError, Connection, TargetInfo, TargetSession, page_world, resource};

/// A page that has not evaluated an expression for this long is unresponsive.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(5);

/// The same for a page that is about to be replaced: whoever navigates does not wait long.
const NAVIGATION_TIMEOUT: Duration = Duration::from_millis(700);

/// A page that does not say at once whether it is visible is not.
const VISIBILITY_TIMEOUT: Duration = Duration::from_secs(1);

/// After it the window stays as it is, and is used as it is.
const WINDOW_TIMEOUT: Duration = Duration::from_secs(2);

/// A page that does not take our script within it does without.
const SCRIPT_TIMEOUT: Duration = Duration::from_secs(5);

/// Icons come from the network.
const ICON_TIMEOUT: Duration = Duration::from_secs(10);

/// In bytes: as it comes, and as it is drawn. A PNG of 32 × 32 pixels that shows noise has four thousand.
const MAX_ICON: usize = 512 * 1024;
const MAX_DRAWN_ICON: usize = 6 * 1024;

/// Chrome's first window has a frame of its own for a moment, before it hears that it fills the screen.
const WINDOW_FILLS_SCREEN: &str = "new Promise((resolve) => {
    const check = () => innerWidth >= screen.width && innerHeight >= screen.height && resolve();
    addEventListener('resize', check);
    check();
})";

/// What Chrome is asked, beside its events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Query {
    /// The entries of a page's history.
    NavigationHistory { tab: TabId, session: TargetSession },
    /// Titles and URLs: Chrome has no event for a title that a page gives itself later.
    TargetInfos,
    /// Which of these is in front: Chrome has no event for that.
    ActiveTab(Vec<(TabId, TargetSession)>),
    /// Whether a page's main thread answers.
    Responsiveness { tab: TabId, session: TargetSession },
    /// Makes a page ready to be left: dismisses its dialog, and ends a script that never ends, because it would hold up
    /// the next page, which Chrome runs in the same process.
    PrepareNavigation {
        tab: TabId,
        session: TargetSession,
        dialog_open: bool,
    },
    /// Waits until a page's window fills the screen.
    WindowSize { tab: TabId, session: TargetSession },
    /// Runs our own script in a frame.
    InstallScript {
        session: TargetSession,
        frame: String,
        /// It is to say where text fields are.
        watches_text_fields: bool,
    },
    /// The picture of a page's icon.
    Icon {
        tab: TabId,
        session: TargetSession,
        /// `http`, `https` or `data`.
        url: String,
    },
    /// What an `<input type="file">` takes.
    FileInput {
        tab: TabId,
        session: TargetSession,
        /// Its `DOM.BackendNodeId`.
        input: i64,
        multiple: bool,
    },
    /// Ends the full screen that a page has.
    ExitFullscreen { tab: TabId, session: TargetSession },
    /// What a page has started, and is of no use here, runs from now on, and is let go of: a service worker would never
    /// rest otherwise.
    Release {
        /// What it was started by.
        parent: TargetSession,
        session: TargetSession,
    },
}

/// What a [`Query`] brought.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// Ids of `Page.NavigationEntry`, and the index of the one that is shown.
    NavigationHistory {
        tab: TabId,
        entries: Vec<i64>,
        current: usize,
    },
    /// Of all targets, also of those that are no tabs.
    TargetInfos(Vec<TargetInfo>),
    /// Pages that answered: the one that has the focus, and the newest of those that are visible.
    ActiveTab {
        focused: Option<TabId>,
        visible: Option<TabId>,
    },
    /// `false` after the timeout.
    Responsiveness { tab: TabId, responsive: bool },
    /// [`Query::PrepareNavigation`] is done.
    ReadyToNavigate(TabId),
    /// Also after the timeout.
    WindowReady(TabId),
    /// What [`Query::FileInput`] takes.
    FileInput {
        tab: TabId,
        session: TargetSession,
        input: i64,
        multiple: bool,
        directory: bool,
        accept: String,
    },
    /// A PNG of 32 × 32 pixels; `None` when there is no picture at that URL.
    Icon {
        tab: TabId,
        url: String,
        png: Option<Vec<u8>>,
    },
}

/// Chrome's product and version, such as `Chrome/156.0.8078.79`; `None` if it does not say.
pub async fn product(cdp: &Connection) -> Option<String> {
    let version = cdp.call(None, GetVersionParams::default()).await;
    version.ok().map(|version| version.product)
}

/// `None` when Chrome rejected the query, so that what is known stays, and of what has no reply.
pub async fn ask(cdp: &Connection, query: Query) -> Option<Reply> {
    Some(match query {
        Query::NavigationHistory { tab, session } => {
            let history = page::GetNavigationHistoryParams::default();
            let history = cdp.call(Some(&session), history).await.ok()?;
            Reply::NavigationHistory {
                tab,
                entries: history.entries.iter().map(|entry| entry.id).collect(),
                current: usize::try_from(history.current_index).unwrap_or(0),
            }
        }
        Query::TargetInfos => {
            let targets = cdp.call(None, target::GetTargetsParams::default()).await;
            let infos = targets.ok()?.target_infos;
            Reply::TargetInfos(infos.into_iter().filter_map(target_info).collect())
        }
        Query::ActiveTab(tabs) => active_tab(cdp, &tabs).await,
        Query::Responsiveness { tab, session } => Reply::Responsiveness {
            responsive: responds_within(RESPONSE_TIMEOUT, cdp, &session).await,
            tab,
        },
        Query::PrepareNavigation {
            tab,
            session,
            dialog_open,
        } => {
            if dialog_open {
                let dismiss = page::HandleJavaScriptDialogParams::new(false);
                // Somebody else may have closed it.
                let _ = cdp.call(Some(&session), dismiss).await;
            }
            make_responsive(cdp, &session).await;
            Reply::ReadyToNavigate(tab)
        }
        Query::WindowSize { tab, session } => {
            let mut evaluate = runtime::EvaluateParams::new(WINDOW_FILLS_SCREEN);
            evaluate.await_promise = Some(true);
            let filled = cdp.call(Some(&session), evaluate);
            if timeout(WINDOW_TIMEOUT, filled).await.is_err() {
                tracing::debug!("Chrome's window does not fill its screen");
            }
            Reply::WindowReady(tab)
        }
        Query::InstallScript {
            session,
            frame,
            watches_text_fields,
        } => {
            let installed = async {
                page_world::install(cdp, &session, &frame).await?;
                if watches_text_fields {
                    page_world::call(cdp, &session, &frame, "watchTextFields", &[]).await?;
                }
                Ok::<(), CdpError>(())
            };
            if let Ok(Err(error)) = timeout(SCRIPT_TIMEOUT, installed).await {
                // The frame shows something else already.
                tracing::trace!(%error, "a frame has no script");
            }
            return None;
        }
        Query::Release { parent, session } => {
            let run = cdp.call(
                Some(&session),
                runtime::RunIfWaitingForDebuggerParams::default(),
            );
            // Let go of before, it would not run. It may be gone meanwhile, and its creator with it.
            let _ = timeout(SCRIPT_TIMEOUT, run).await;
            let session_id = Some(session.into());
            let _ = cdp.send(Some(&parent), target::DetachFromTargetParams { session_id });
            return None;
        }
        Query::Icon { tab, session, url } => {
            let png = timeout(ICON_TIMEOUT, icon(cdp, &tab, &session, &url)).await;
            let png = png.ok().flatten();
            Reply::Icon { tab, url, png }
        }
        Query::FileInput {
            tab,
            session,
            input,
            multiple,
        } => {
            let attributes = attributes(cdp, &session, input).await?;
            let accept = attributes.iter().find(|(name, _)| name == "accept");
            Reply::FileInput {
                tab,
                session,
                input,
                multiple,
                directory: attributes.iter().any(|(name, _)| name == "webkitdirectory"),
                accept: accept.map(|(_, value)| value.clone()).unwrap_or_default(),
            }
        }
        Query::ExitFullscreen { tab, session } => {
            let exited = page_world::call(cdp, &session, tab.as_str(), "exitFullscreen", &[]);
            // A page that does not respond is left otherwise.
            let _ = timeout(SCRIPT_TIMEOUT, exited).await;
            return None;
        }
    })
}

/// Names and values, as the element of that `DOM.BackendNodeId` has them.
async fn attributes(
    cdp: &Connection,
    session: &TargetSession,
    element: i64,
) -> Option<Vec<(String, String)>> {
    let describe = dom::DescribeNodeParams {
        backend_node_id: Some(dom::BackendNodeId::new(element)),
        ..dom::DescribeNodeParams::default()
    };
    let described = cdp.call(Some(session), describe).await.ok()?;
    let attributes = described.node.attributes.unwrap_or_default();
    let pairs = attributes.chunks_exact(2);
    Some(
        pairs
            .map(|pair| (pair[0].clone(), pair[1].clone()))
            .collect(),
    )
}

/// The page draws it, in Chrome's sandbox: no decoder of ours meets a foreign image.
async fn icon(
    cdp: &Connection,
    tab: &TabId,
    session: &TargetSession,
    url: &str,
) -> Option<Vec<u8>> {
    let frame = tab.as_str();
    let loaded = match DataUrl::process(url) {
        Ok(data) => Resource::from_data_url(&data)?,
        Err(_) => resource::load(cdp, session, frame, url, false, MAX_ICON).await?,
    };
    let arguments = [
        STANDARD.encode(loaded.bytes).into(),
        loaded.media_type.into(),
    ];
    let drawn = page_world::call(cdp, session, frame, "icon", &arguments).await;
    let png = STANDARD.decode(drawn.ok()??).ok()?;
    (png.len() <= MAX_DRAWN_ICON).then_some(png)
}

/// An error of Chrome's, such as that the page is gone, is a response too.
async fn responds_within(limit: Duration, cdp: &Connection, session: &TargetSession) -> bool {
    let evaluate = cdp.call(Some(session), runtime::EvaluateParams::new("0"));
    timeout(limit, evaluate).await.is_ok()
}

/// Terminates the script that keeps a page from responding; crashes the page's process if that does not help: a loop of
/// alerts survives the end of a script.
async fn make_responsive(cdp: &Connection, session: &TargetSession) {
    if responds_within(NAVIGATION_TIMEOUT, cdp, session).await {
        return;
    }
    let terminate = cdp.call(Some(session), runtime::TerminateExecutionParams::default());
    let _ = timeout(NAVIGATION_TIMEOUT, terminate).await;
    if !responds_within(NAVIGATION_TIMEOUT, cdp, session).await {
        let crash = cdp.call(Some(session), page::CrashParams::default());
        let _ = timeout(NAVIGATION_TIMEOUT, crash).await;
    }
}

async fn active_tab(cdp: &Connection, tabs: &[(TabId, TargetSession)]) -> Reply {
    let visibility = async |(tab, session): &(TabId, TargetSession)| {
        let evaluate =
            runtime::EvaluateParams::new("document.visibilityState + document.hasFocus()");
        let response = timeout(VISIBILITY_TIMEOUT, cdp.call(Some(session), evaluate)).await;
        let value = response.ok()?.ok()?.result.value?;
        Some((tab.clone(), value.as_str()?.to_owned()))
    };
    let pages = join_all(tabs.iter().map(visibility)).await;
    // Two windows are both visible: the newer lies above.
    let newest = |wanted: &str| {
        let mut pages = pages.iter().flatten();
        let found = pages.rfind(|(_, visibility)| visibility.starts_with(wanted));
        found.map(|(tab, _)| tab.clone())
    };
    Reply::ActiveTab {
        focused: newest("visibletrue"),
        visible: newest("visible"),
    }
}
