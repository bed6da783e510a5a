//! Commands whose response is not needed → typed CDP.

use std::path::{Path, PathBuf};

use chromiumoxide_cdp::cdp::browser_protocol::{
    browser, dom, emulation, fetch, inspector, network, page, security, target,
};
use chromiumoxide_cdp::cdp::js_protocol::runtime;
use shared::geometry::LogicalSize;
use shared::session::{Credentials, DownloadId, TabId};
use shared::site::{Location, Permission, PermissionState};

use super::{CdpError, Connection, TargetSession};
use crate::browser::address::AllowedUrl;
use crate::browser::page_script::PRINT;
use crate::files::guid;

/// A command to the browser, or to one of its pages.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// `Target.createTarget`: a new tab.
    CreateTarget { url: AllowedUrl, background: bool },
    /// `Target.activateTarget`: the tab comes to the front.
    ActivateTarget(TabId),
    /// `Target.closeTarget`: without asking the page.
    CloseTarget(TabId),
    /// `Browser.cancelDownload`: nothing of it is kept.
    CancelDownload(DownloadId),
    /// `Browser.setPermission`, for a site; until Chrome ends.
    SetPermission {
        origin: String,
        permission: Permission,
        state: PermissionState,
    },
    /// To the page of that session.
    Page(TargetSession, PageCommand),
}

/// A command to one page, named as in the protocol.
#[derive(Clone, Debug, PartialEq)]
pub enum PageCommand {
    /// Everything that a newly attached page needs before it is used.
    Prepare {
        /// It may ask for files.
        uploads: bool,
    },
    /// The same for a frame that has a process of its own.
    PrepareFrame {
        /// It may ask for files.
        uploads: bool,
    },
    /// `Page.navigate`
    Navigate(AllowedUrl),
    /// `Page.navigateToHistoryEntry`, with the id of a `Page.NavigationEntry`.
    NavigateToHistoryEntry(i64),
    /// `Page.reload`
    Reload,
    /// `Page.bringToFront`: the page has the keyboard's focus, and not Chrome's own address bar, which nobody sees.
    BringToFront,
    /// `Page.close`: the page may ask whether to stay.
    Close,
    /// `Page.stopLoading`
    StopLoading,
    /// `Page.resetNavigationHistory`
    ResetNavigationHistory,
    /// `Page.handleJavaScriptDialog`
    HandleDialog {
        accept: bool,
        prompt_text: Option<String>,
    },
    /// `Fetch.continueRequest`, with a `Fetch.RequestId`.
    ContinueRequest(String),
    /// `Fetch.continueWithAuth`; without credentials the page shows what it has for those who have none.
    ContinueWithAuth {
        /// A `Fetch.RequestId`.
        request: String,
        credentials: Option<Credentials>,
    },
    /// `Emulation.setGeolocationOverride`
    SetLocation(Location),
    /// `Emulation.setDeviceMetricsOverride` of the width and the screen; without a size those of the window.
    EmulateSize(Option<LogicalSize>),
    /// `DOM.setFileInputFiles`, of an input by its `DOM.BackendNodeId`.
    SetFileInputFiles { input: i64, files: Vec<PathBuf> },
}

/// Subscribes to targets and attaches to each page; once, at the start.
///
/// Downloads go to that folder, each under its `guid`; without one there are none.
pub fn configure(cdp: &Connection, downloads: Option<&Path>) -> Result<(), CdpError> {
    cdp.send(None, target::SetDiscoverTargetsParams::new(true))?;
    let behavior = match downloads {
        Some(_) => browser::SetDownloadBehaviorBehavior::AllowAndName,
        None => browser::SetDownloadBehaviorBehavior::Deny,
    };
    let folder = downloads.map(|folder| folder.to_string_lossy().into_owned());
    let mut downloads = browser::SetDownloadBehaviorParams::new(behavior);
    downloads.download_path = folder;
    downloads.events_enabled = Some(true);
    cdp.send(None, downloads)?;
    let pages = target::FilterEntry {
        exclude: None,
        r#type: Some("page".to_owned()),
    };
    cdp.send(None, attach_to(vec![pages], false))
}

/// To the frames of other sites in a page, and to its workers: each waits until it is told to run. What the filter left out
/// would wait, too, and never be told.
fn attach_to_what_is_within() -> target::SetAutoAttachParams {
    let excluded = ["browser", "tab", "page"].map(|kind| target::FilterEntry {
        exclude: Some(true),
        r#type: Some(kind.to_owned()),
    });
    let all = target::FilterEntry {
        exclude: None,
        r#type: None,
    };
    attach_to(excluded.into_iter().chain([all]).collect(), true)
}

/// To targets below the one that is asked; whether each waits until it is told to run.
fn attach_to(filter: Vec<target::FilterEntry>, waits: bool) -> target::SetAutoAttachParams {
    let mut attach = target::SetAutoAttachParams::new(true, waits);
    attach.flatten = Some(true);
    attach.filter = Some(target::TargetFilter::new(filter));
    attach
}

/// Queues a command.
pub fn send(cdp: &Connection, command: Command) -> Result<(), CdpError> {
    let target_id = |tab: TabId| target::TargetId::from(String::from(tab));
    match command {
        Command::CreateTarget { url, background } => {
            let mut create = target::CreateTargetParams::new(url.as_str());
            create.background = background.then_some(true);
            cdp.send(None, create)
        }
        Command::ActivateTarget(tab) => {
            cdp.send(None, target::ActivateTargetParams::new(target_id(tab)))
        }
        Command::CloseTarget(tab) => cdp.send(None, target::CloseTargetParams::new(target_id(tab))),
        Command::CancelDownload(id) => {
            cdp.send(None, browser::CancelDownloadParams::new(guid(&id)))
        }
        Command::SetPermission {
            origin,
            permission,
            state,
        } => {
            let name = serde_json::to_value(permission)?;
            let name = name.as_str().unwrap_or_default();
            let setting = match state {
                PermissionState::Prompt => browser::PermissionSetting::Prompt,
                PermissionState::Granted => browser::PermissionSetting::Granted,
                PermissionState::Denied => browser::PermissionSetting::Denied,
            };
            let permission = browser::PermissionDescriptor::new(name);
            let mut set = browser::SetPermissionParams::new(permission, setting);
            set.origin = Some(origin);
            cdp.send(None, set)
        }
        Command::Page(session, command) => send_to_page(cdp, &session, command),
    }
}

fn send_to_page(
    cdp: &Connection,
    session: &TargetSession,
    command: PageCommand,
) -> Result<(), CdpError> {
    let session = Some(session);
    match command {
        PageCommand::PrepareFrame { uploads } => {
            prepare(cdp, session, uploads)?;
            cdp.send(session, runtime::RunIfWaitingForDebuggerParams::default())
        }
        PageCommand::Prepare { uploads } => {
            prepare(cdp, session, uploads)?;
            cdp.send(session, inspector::EnableParams::default())?;
            cdp.send(session, security::EnableParams::default())?;
            // A window that a page opened does not load before, although Chrome reports `waitingForDebugger: false`.
            cdp.send(session, runtime::RunIfWaitingForDebuggerParams::default())
        }
        PageCommand::Navigate(url) => cdp.send(session, page::NavigateParams::new(url.as_str())),
        PageCommand::NavigateToHistoryEntry(entry) => {
            cdp.send(session, page::NavigateToHistoryEntryParams::new(entry))
        }
        PageCommand::Reload => cdp.send(session, page::ReloadParams::default()),
        PageCommand::BringToFront => cdp.send(session, page::BringToFrontParams::default()),
        PageCommand::Close => cdp.send(session, page::CloseParams::default()),
        PageCommand::StopLoading => cdp.send(session, page::StopLoadingParams::default()),
        PageCommand::ResetNavigationHistory => {
            cdp.send(session, page::ResetNavigationHistoryParams::default())
        }
        PageCommand::HandleDialog {
            accept,
            prompt_text,
        } => {
            let mut handle = page::HandleJavaScriptDialogParams::new(accept);
            handle.prompt_text = prompt_text;
            cdp.send(session, handle)
        }
        PageCommand::ContinueRequest(request) => {
            cdp.send(session, fetch::ContinueRequestParams::new(request))
        }
        PageCommand::ContinueWithAuth {
            request,
            credentials,
        } => {
            let response = match &credentials {
                Some(_) => fetch::AuthChallengeResponseResponse::ProvideCredentials,
                None => fetch::AuthChallengeResponseResponse::CancelAuth,
            };
            let mut response = fetch::AuthChallengeResponse::new(response);
            if let Some(Credentials { username, password }) = credentials {
                (response.username, response.password) = (Some(username), Some(password));
            }
            cdp.send(
                session,
                fetch::ContinueWithAuthParams::new(request, response),
            )
        }
        PageCommand::SetLocation(location) => {
            let set = emulation::SetGeolocationOverrideParams {
                latitude: Some(location.latitude),
                longitude: Some(location.longitude),
                accuracy: Some(location.accuracy),
                ..emulation::SetGeolocationOverrideParams::default()
            };
            cdp.send(session, set)
        }
        PageCommand::EmulateSize(Some(size)) => {
            let (width, height) = (size.width().into(), size.height().into());
            // 0 is the window's own.
            let mut set = emulation::SetDeviceMetricsOverrideParams::new(width, 0, 0.0, false);
            (set.screen_width, set.screen_height) = (Some(width), Some(height));
            cdp.send(session, set)
        }
        PageCommand::EmulateSize(None) => {
            let clear = emulation::ClearDeviceMetricsOverrideParams::default();
            cdp.send(session, clear)
        }
        PageCommand::SetFileInputFiles { input, files } => {
            let files = files.iter().map(|file| file.to_string_lossy().into_owned());
            let mut set = dom::SetFileInputFilesParams::new(files.collect());
            set.backend_node_id = Some(dom::BackendNodeId::new(input));
            cdp.send(session, set)
        }
    }
}

/// Requests for documents, and no others.
pub(super) fn documents() -> fetch::RequestPattern {
    fetch::RequestPattern {
        url_pattern: Some("*".to_owned()),
        resource_type: Some(network::ResourceType::Document),
        ..fetch::RequestPattern::default()
    }
}

fn prepare(
    cdp: &Connection,
    session: Option<&TargetSession>,
    uploads: bool,
) -> Result<(), CdpError> {
    cdp.send(session, page::EnableParams::default())?;
    // Otherwise Chrome opens a dialog with the server's own files.
    let mut intercept = page::SetInterceptFileChooserDialogParams::new(true);
    intercept.cancel = (!uploads).then_some(true);
    cdp.send(session, intercept)?;
    // A request that is not paused tells of no challenge; documents alone are, so that nothing else waits.
    let pause = fetch::EnableParams {
        patterns: Some(vec![documents()]),
        handle_auth_requests: Some(true),
    };
    cdp.send(session, pause)?;
    let mut print = page::AddScriptToEvaluateOnNewDocumentParams::new(PRINT);
    print.run_immediately = Some(true);
    cdp.send(session, print)?;
    // A frame that ran at once could ask for a file before it is prepared.
    cdp.send(session, attach_to_what_is_within())
}
