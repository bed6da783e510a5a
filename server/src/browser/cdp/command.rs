//! Commands whose response is not needed → typed CDP.

use chromiumoxide_cdp::cdp::browser_protocol::{browser, inspector, page, target};
use chromiumoxide_cdp::cdp::js_protocol::runtime;
use shared::session::TabId;

use super::{CdpError, Connection, TargetSession};
use crate::browser::address::AllowedUrl;

/// A command to the browser, or to one of its pages.
#[derive(Clone, Debug, PartialEq)]
pub enum Command {
    /// `Target.createTarget`: a new tab.
    CreateTarget { url: AllowedUrl, background: bool },
    /// `Target.activateTarget`: the tab comes to the front.
    ActivateTarget(TabId),
    /// `Target.closeTarget`.
    CloseTarget(TabId),
    /// To the page of that session.
    Page(TargetSession, PageCommand),
}

/// A command to one page, named as in the protocol.
#[derive(Clone, Debug, PartialEq)]
pub enum PageCommand {
    /// Everything that a newly attached page needs before it is used.
    Prepare,
    /// `Page.navigate`
    Navigate(AllowedUrl),
    /// `Page.navigateToHistoryEntry`, with the id of a `Page.NavigationEntry`.
    NavigateToHistoryEntry(i64),
    /// `Page.reload`
    Reload,
    /// `Page.stopLoading`
    StopLoading,
    /// `Page.resetNavigationHistory`
    ResetNavigationHistory,
    /// `Page.handleJavaScriptDialog`
    HandleDialog {
        accept: bool,
        prompt_text: Option<String>,
    },
}

/// Subscribes to targets and attaches to each page; once, at the start.
pub fn configure(cdp: &Connection) -> Result<(), CdpError> {
    cdp.send(None, target::SetDiscoverTargetsParams::new(true))?;
    // Downloads would fill the server's disk unseen.
    let mut downloads =
        browser::SetDownloadBehaviorParams::new(browser::SetDownloadBehaviorBehavior::Deny);
    downloads.events_enabled = Some(true);
    cdp.send(None, downloads)?;
    let mut attach = target::SetAutoAttachParams::new(true, false);
    attach.flatten = Some(true);
    attach.filter = Some(target::TargetFilter::new(vec![target::FilterEntry {
        exclude: None,
        r#type: Some("page".to_owned()),
    }]));
    cdp.send(None, attach)
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
        PageCommand::Prepare => {
            cdp.send(session, page::EnableParams::default())?;
            // Otherwise Chrome opens a dialog with the server's own files.
            let mut intercept = page::SetInterceptFileChooserDialogParams::new(true);
            intercept.cancel = Some(true);
            cdp.send(session, intercept)?;
            cdp.send(session, inspector::EnableParams::default())?;
            // A window that a page opened does not load before, although Chrome reports `waitingForDebugger: false`.
            cdp.send(session, runtime::RunIfWaitingForDebuggerParams::default())
        }
        PageCommand::Navigate(url) => cdp.send(session, page::NavigateParams::new(url.as_str())),
        PageCommand::NavigateToHistoryEntry(entry) => {
            cdp.send(session, page::NavigateToHistoryEntryParams::new(entry))
        }
        PageCommand::Reload => cdp.send(session, page::ReloadParams::default()),
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
    }
}
