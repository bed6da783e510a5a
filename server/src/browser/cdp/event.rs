//! Pure: a CDP event message → the event it is here, or nothing.

use chromiumoxide_cdp::cdp::browser_protocol::{browser, fetch, page, security, target};
use chromiumoxide_cdp::cdp::{CdpEvent, CdpEventMessage};
use shared::session::{DialogKind, DownloadId, TabId};
use shared::site::{Certificate, Security, SecurityLevel};

use super::{TargetInfo, TargetSession, tab_id};
use crate::browser::address::is_external;
use crate::browser::page_script::{self, PageReport};

/// Of a certificate, in characters: its server chooses it.
const MAX_NAME: usize = 200;

/// What Chrome reports by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// `Target.attachedToTarget`, of a page that is a tab.
    Attached {
        target: TargetInfo,
        session: TargetSession,
    },
    /// `Target.attachedToTarget`, of a frame of another site, which has a process of its own.
    FrameAttached {
        /// Of the page, or of the frame that it lies in.
        parent: TargetSession,
        session: TargetSession,
        /// Its `Page.FrameId`.
        frame: String,
    },
    /// `Target.attachedToTarget`, of a worker or whatever else a page starts: it waits until it is told to go on.
    OtherAttached {
        /// What it was started by.
        parent: TargetSession,
        session: TargetSession,
    },
    /// `Target.detachedFromTarget`
    Detached(TargetSession),
    /// `Target.targetInfoChanged`. Comes with every new address, also when the page's own events were lost while its
    /// renderer was swapped.
    InfoChanged(TargetInfo),
    /// `Target.targetDestroyed`
    Destroyed(TabId),
    /// `Target.targetCrashed`
    Crashed(TabId),
    /// `Browser.downloadWillBegin`
    DownloadWillBegin {
        id: DownloadId,
        /// The frame that it comes from; a page's main frame has the page's own id.
        frame: String,
        /// As the page or its server suggests it.
        filename: String,
    },
    /// `Browser.downloadProgress`
    DownloadProgress {
        id: DownloadId,
        /// In bytes.
        received: u64,
        /// In bytes, if it is known.
        total: Option<u64>,
        state: DownloadProgress,
    },
    /// `Fetch.requestPaused`, of a document: it waits until it is told to go on.
    RequestPaused {
        session: TargetSession,
        /// Its `Fetch.RequestId`.
        request: String,
    },
    /// `Fetch.authRequired`: the request waits for credentials.
    AuthRequired {
        session: TargetSession,
        /// Its `Fetch.RequestId`.
        request: String,
        challenger: Challenger,
    },
    /// Of the page of that session.
    Page(TargetSession, PageEvent),
}

/// What Chrome reports of one page. The main frame's id is the target's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PageEvent {
    /// `Inspector.targetCrashed`
    Crashed,
    /// `Inspector.targetReloadedAfterCrash`
    ReloadedAfterCrash,
    /// `Page.frameStartedLoading`
    StartedLoading { frame: String },
    /// `Page.frameStoppedLoading`
    StoppedLoading { frame: String },
    /// `Page.frameNavigated`, of the main frame.
    Navigated,
    /// `Page.frameNavigated`, of a frame within.
    FrameNavigated { frame: String },
    /// `Runtime.bindingCalled`, by our own script in a frame.
    Report {
        /// The frame's `Runtime.ExecutionContextId`.
        context: i64,
        report: PageReport,
    },
    /// `Page.navigatedWithinDocument`
    NavigatedWithinDocument { frame: String },
    /// `Page.javascriptDialogOpening`
    DialogOpening {
        kind: DialogKind,
        message: String,
        default_text: String,
    },
    /// `Page.javascriptDialogClosed`
    DialogClosed,
    /// `Page.fileChooserOpened`, of an `<input type="file">`.
    FileChooserOpened {
        /// The input's `DOM.BackendNodeId`.
        input: i64,
        multiple: bool,
    },
    /// `Security.visibleSecurityStateChanged`
    SecurityChanged(Security),
    /// `Page.frameRequestedNavigation` or `Page.windowOpen` to an address that no browser shows.
    ExternalLink(String),
}

/// `Fetch.AuthChallenge`: who asks for credentials, and what for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Challenger {
    pub origin: String,
    pub realm: String,
    pub is_proxy: bool,
}

/// `Browser.downloadProgress`'s `state`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DownloadProgress {
    /// It goes on.
    InProgress,
    /// It is all there.
    Completed,
    /// Broken off, by us or by the network.
    Canceled,
}

/// `None` for what is of no use here. `own_tab` is where a tab of our own begins, which is no person's.
pub fn from_cdp(message: CdpEventMessage, own_tab: &str) -> Option<Event> {
    Some(match message.params {
        CdpEvent::TargetAttachedToTarget(event) if event.target_info.r#type == "iframe" => {
            Event::FrameAttached {
                parent: message.session_id?,
                session: event.session_id.into(),
                frame: event.target_info.target_id.into(),
            }
        }
        CdpEvent::TargetDetachedFromTarget(event) => Event::Detached(event.session_id.into()),
        CdpEvent::TargetAttachedToTarget(event) if event.target_info.r#type != "page" => {
            Event::OtherAttached {
                parent: message.session_id?,
                session: event.session_id.into(),
            }
        }
        CdpEvent::TargetAttachedToTarget(event) => {
            // A page that Chrome loads ahead of time (`subtype: "prerender"`) is not shown.
            if event.target_info.subtype.is_some() || event.target_info.url == own_tab {
                return None;
            }
            Event::Attached {
                session: event.session_id.into(),
                target: target_info(event.target_info)?,
            }
        }
        CdpEvent::TargetTargetInfoChanged(event) => {
            Event::InfoChanged(target_info(event.target_info)?)
        }
        CdpEvent::TargetTargetDestroyed(event) => {
            Event::Destroyed(tab_id(event.target_id.as_ref())?)
        }
        CdpEvent::TargetTargetCrashed(event) => Event::Crashed(tab_id(event.target_id.as_ref())?),
        CdpEvent::BrowserDownloadWillBegin(event) => Event::DownloadWillBegin {
            id: download_id(&event.guid)?,
            frame: event.frame_id.inner().clone(),
            filename: event.suggested_filename.clone(),
        },
        CdpEvent::BrowserDownloadProgress(event) => Event::DownloadProgress {
            id: download_id(&event.guid)?,
            received: event.received_bytes as u64,
            total: (event.total_bytes > 0.0).then_some(event.total_bytes as u64),
            state: match event.state {
                browser::DownloadProgressState::InProgress => DownloadProgress::InProgress,
                browser::DownloadProgressState::Completed => DownloadProgress::Completed,
                browser::DownloadProgressState::Canceled => DownloadProgress::Canceled,
            },
        },
        CdpEvent::FetchRequestPaused(event) => Event::RequestPaused {
            session: message.session_id?,
            request: event.request_id.into(),
        },
        CdpEvent::FetchAuthRequired(event) => Event::AuthRequired {
            session: message.session_id?,
            request: event.request_id.into(),
            challenger: Challenger {
                is_proxy: event.auth_challenge.source == Some(fetch::AuthChallengeSource::Proxy),
                origin: event.auth_challenge.origin,
                realm: event.auth_challenge.realm,
            },
        },
        params => Event::Page(message.session_id?, page_event(params)?),
    })
}

/// `None` for what is no tab.
pub fn target_info(info: target::TargetInfo) -> Option<TargetInfo> {
    Some(TargetInfo {
        id: tab_id(info.target_id.as_ref())?,
        title: info.title,
        url: info.url,
        has_opener: info.opener_id.is_some() || info.opener_frame_id.is_some(),
    })
}

/// A `guid`, which is a UUID, without its hyphens.
fn download_id(guid: &str) -> Option<DownloadId> {
    let digits: String = guid.chars().filter(|char| *char != '-').collect();
    let is_guid = guid.len() == 36 && digits.len() == 32;
    let id = digits.parse().ok();
    id.filter(|_| is_guid && digits.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

fn page_event(event: CdpEvent) -> Option<PageEvent> {
    Some(match event {
        CdpEvent::InspectorTargetCrashed(_) => PageEvent::Crashed,
        CdpEvent::InspectorTargetReloadedAfterCrash(_) => PageEvent::ReloadedAfterCrash,
        CdpEvent::PageFrameStartedLoading(event) => PageEvent::StartedLoading {
            frame: event.frame_id.into(),
        },
        CdpEvent::PageFrameStoppedLoading(event) => PageEvent::StoppedLoading {
            frame: event.frame_id.into(),
        },
        CdpEvent::PageFrameNavigated(event) if event.frame.parent_id.is_none() => {
            PageEvent::Navigated
        }
        CdpEvent::PageFrameNavigated(event) => PageEvent::FrameNavigated {
            frame: event.frame.id.into(),
        },
        CdpEvent::RuntimeBindingCalled(event) if event.name == page_script::BINDING => {
            PageEvent::Report {
                context: *event.execution_context_id.inner(),
                report: page_script::decode(&event.payload)?,
            }
        }
        CdpEvent::PageNavigatedWithinDocument(event) => PageEvent::NavigatedWithinDocument {
            frame: event.frame_id.into(),
        },
        CdpEvent::PageJavascriptDialogOpening(event) => PageEvent::DialogOpening {
            kind: match event.r#type {
                page::DialogType::Alert => DialogKind::Alert,
                page::DialogType::Confirm => DialogKind::Confirm,
                page::DialogType::Prompt => DialogKind::Prompt,
                page::DialogType::Beforeunload => DialogKind::BeforeUnload,
            },
            message: event.message,
            default_text: event.default_prompt.unwrap_or_default(),
        },
        CdpEvent::PageJavascriptDialogClosed(_) => PageEvent::DialogClosed,
        CdpEvent::PageFileChooserOpened(event) => PageEvent::FileChooserOpened {
            input: *event.backend_node_id?.inner(),
            multiple: event.mode == page::FileChooserOpenedMode::SelectMultiple,
        },
        CdpEvent::SecurityVisibleSecurityStateChanged(event) => {
            PageEvent::SecurityChanged(security(&event.visible_security_state))
        }
        CdpEvent::PageFrameRequestedNavigation(event) if is_external(&event.url) => {
            PageEvent::ExternalLink(event.url)
        }
        CdpEvent::PageWindowOpen(event) if is_external(&event.url) => {
            PageEvent::ExternalLink(event.url)
        }
        _ => return None,
    })
}

fn security(state: &security::VisibleSecurityState) -> Security {
    let cut = |name: &str| name.chars().take(MAX_NAME).collect();
    let certificate = state.certificate_security_state.as_ref();
    Security {
        level: match state.security_state {
            security::SecurityState::Secure => SecurityLevel::Secure,
            security::SecurityState::Insecure => SecurityLevel::Insecure,
            security::SecurityState::InsecureBroken => SecurityLevel::Broken,
            _ => SecurityLevel::Neutral,
        },
        certificate: certificate.map(|certificate| Certificate {
            subject: cut(&certificate.subject_name),
            issuer: cut(&certificate.issuer),
            valid_until: *certificate.valid_to.inner() as u64,
            error: certificate.certificate_network_error.clone(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const TARGET: &str = "0123456789ABCDEF0123456789ABCDEF";

    fn event(message: serde_json::Value) -> Option<Event> {
        from_cdp(serde_json::from_value(message).unwrap(), "about:blank#ours")
    }

    fn attached(kind: &str, subtype: Option<&str>) -> Option<Event> {
        attached_at("about:blank", kind, subtype)
    }

    fn attached_at(url: &str, kind: &str, subtype: Option<&str>) -> Option<Event> {
        let mut info = json!({
            "targetId": TARGET, "type": kind, "title": "T", "url": url,
            "attached": true, "canAccessOpener": false,
        });
        if let Some(subtype) = subtype {
            info["subtype"] = subtype.into();
        }
        event(json!({
            "method": "Target.attachedToTarget",
            "params": { "sessionId": "S", "targetInfo": info, "waitingForDebugger": false },
        }))
    }

    #[test]
    fn only_a_page_that_is_shown_becomes_a_tab() {
        let Some(Event::Attached { target, session }) = attached("page", None) else {
            panic!("a page is attached");
        };
        assert_eq!((target.id.as_str(), session.as_str()), (TARGET, "S"));
        assert_eq!(attached("page", Some("prerender")), None);
        assert_eq!(attached("service_worker", None), None, "no page's");
        assert_eq!(attached_at("about:blank#ours", "page", None), None);
        assert!(attached_at("about:blank#another", "page", None).is_some());
    }

    #[test]
    fn a_page_s_event_belongs_to_its_session() {
        let loading = event(json!({
            "method": "Page.frameStartedLoading", "sessionId": "S", "params": { "frameId": "F" },
        }));
        let frame = "F".to_owned();
        assert_eq!(
            loading,
            Some(Event::Page(
                "S".to_owned(),
                PageEvent::StartedLoading { frame }
            ))
        );
        let without_session = event(json!({
            "method": "Page.frameStartedLoading", "params": { "frameId": "F" },
        }));
        assert_eq!(without_session, None);
    }

    #[test]
    fn an_event_of_no_use_is_left_out() {
        let event = event(json!({
            "method": "Page.loadEventFired", "sessionId": "S", "params": { "timestamp": 1.0 },
        }));
        assert_eq!(event, None);
    }
}
