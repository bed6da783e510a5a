//! What Chrome says of its tabs → what is known of them.

use chromiumoxide::cdp::browser_protocol::{inspector, page, target};
use chromiumoxide::cdp::js_protocol::runtime;
use chromiumoxide::cdp::{CdpEvent, CdpEventMessage};
use shared::session::{Dialog, DialogKind, TabId, Trouble};

use super::pending_navigation::Way;
use super::{Control, tab_id};
use crate::browser::address::AllowedUrl;
use crate::browser::cdp::{CdpError, TargetSession};
use crate::browser::{BrowserCommand, Opening};

impl Control {
    pub(super) fn hear(&mut self, message: CdpEventMessage) {
        match message.params {
            CdpEvent::TargetAttachedToTarget(event) => self.attached(&event),
            CdpEvent::TargetTargetInfoChanged(event) => self.target_changed(&event.target_info),
            CdpEvent::TargetTargetDestroyed(event) => self.closed(event.target_id.as_ref()),
            CdpEvent::TargetTargetCrashed(event) => {
                if let Some(id) = tab_id(event.target_id.as_ref()) {
                    self.tabs.set_trouble(&id, Some(Trouble::Crashed));
                }
            }
            CdpEvent::BrowserDownloadWillBegin(event) => {
                let name: String = event.suggested_filename.chars().take(100).collect();
                self.tell_viewer(format!(
                    "{name} was not saved: downloads are not possible yet."
                ));
            }
            params => {
                let page = message
                    .session_id
                    .and_then(|session| self.tabs.by_session(&session));
                if let Some(id) = page.map(|page| page.tab.id.clone()) {
                    self.hear_page(id, params);
                }
            }
        }
    }

    /// Comes with every new address, also when the page's own events were lost while its renderer was swapped.
    pub(super) fn target_changed(&mut self, info: &target::TargetInfo) {
        let Some(id) = tab_id(info.target_id.as_ref()) else {
            return;
        };
        let Some(page) = self.tabs.page(&id) else {
            return;
        };
        let (moved, session) = (page.tab.url != info.url, page.session.clone());
        self.tabs.rename(&id, &info.title, &info.url);
        if self.tabs.leave_blank(&id, &info.url) {
            let reset = page::ResetNavigationHistoryParams::default();
            // Refused: one can go back to a blank page, no more.
            let _ = self.cdp.tell(Some(&session), reset);
        }
        if moved {
            self.leaving.arrived(&id);
            self.ask_history(id);
        }
    }

    pub(super) fn hear_page(&mut self, id: TabId, event: CdpEvent) {
        let is_main = |frame: &page::FrameId| frame.inner() == id.as_str();
        match event {
            CdpEvent::InspectorTargetCrashed(_) => {
                self.tabs.set_trouble(&id, Some(Trouble::Crashed));
            }
            CdpEvent::InspectorTargetReloadedAfterCrash(_) => self.tabs.set_trouble(&id, None),
            CdpEvent::PageFrameStartedLoading(event) if is_main(&event.frame_id) => {
                self.tabs.set_loading(&id, true);
            }
            CdpEvent::PageFrameStoppedLoading(event) if is_main(&event.frame_id) => {
                self.tabs.set_loading(&id, false);
                self.ask_history(id);
                self.look_at_tabs();
            }
            CdpEvent::PageFrameNavigated(event) if event.frame.parent_id.is_none() => {
                self.leaving.arrived(&id);
                self.ask_history(id);
            }
            CdpEvent::PageNavigatedWithinDocument(event) if is_main(&event.frame_id) => {
                self.ask_history(id);
            }
            CdpEvent::PageJavascriptDialogOpening(event) => self.dialog_opened(id, &event),
            CdpEvent::PageJavascriptDialogClosed(_) => self.tabs.set_dialog(&id, None),
            CdpEvent::PageFileChooserOpened(_) => {
                self.tell_viewer(
                    "The page asks for a file: choosing files is not possible yet.".to_owned(),
                );
            }
            _ => {}
        }
    }

    pub(super) fn attached(&mut self, event: &target::EventAttachedToTarget) {
        let info = &event.target_info;
        let Some(id) = tab_id(info.target_id.as_ref()) else {
            return;
        };
        // A page that Chrome loads ahead of time is not shown.
        if info.r#type != "page" || info.subtype.is_some() {
            return;
        }
        let session: TargetSession = event.session_id.clone().into();
        let is_first = !self.had_tabs;
        self.had_tabs = true;
        self.tabs
            .attach(id.clone(), session.clone(), &info.title, &info.url);
        if let Err(error) = self.prepare_page(&session) {
            tracing::debug!(%error, "a new page cannot be prepared");
        }
        if is_first {
            self.open_first(&id, session);
        } else {
            self.look_at_tabs();
        }
        self.ask_history(id);
        self.bring_to_front();
    }

    /// Once all the tabs it began with are there, the one that is meant to be in front comes to the front.
    fn bring_to_front(&mut self) {
        let is_complete = |opening: &mut Opening| self.tabs.iter().count() >= opening.urls.len();
        let Some(opening) = self.opening.take_if(is_complete) else {
            return;
        };
        let front = self.tabs.iter().nth(opening.front);
        let Some(id) = front.map(|page| page.tab.id.clone()) else {
            return;
        };
        if opening.urls.len() > 1
            && let Err(error) = self.obey(BrowserCommand::Activate(id))
        {
            tracing::debug!(%error, "the front tab cannot be shown");
        }
    }

    pub(super) fn prepare_page(&self, session: &TargetSession) -> Result<(), CdpError> {
        let cdp = &self.cdp;
        cdp.tell(Some(session), page::EnableParams::default())?;
        // Otherwise Chrome opens a dialog with the server's own files.
        let mut intercept = page::SetInterceptFileChooserDialogParams::new(true);
        intercept.cancel = Some(true);
        cdp.tell(Some(session), intercept)?;
        cdp.tell(Some(session), inspector::EnableParams::default())?;
        // A window that a page opened does not load before, although Chrome says that it waits for nobody.
        cdp.tell(
            Some(session),
            runtime::RunIfWaitingForDebuggerParams::default(),
        )
    }

    /// The first page shows the first address, further ones get tabs of their own, once the window has its size.
    fn open_first(&mut self, id: &TabId, session: TargetSession) {
        let urls = self.opening.as_ref().map(|opening| opening.urls.clone());
        let mut urls = urls.unwrap_or_default();
        let behind = urls.split_off(urls.len().min(1));
        if let Some(first) = urls.pop().filter(|url| *url != AllowedUrl::blank()) {
            self.leaving.plan(id, Way::To(first));
            self.tabs.set_loading(id, true);
        }
        self.wait_for_window(id.clone(), session, behind);
    }

    /// Tabs behind the first, so that none comes to the front after the one that should.
    pub(super) fn open_behind(&self, urls: Vec<AllowedUrl>) -> Result<(), CdpError> {
        urls.iter().try_for_each(|url| {
            let mut behind = target::CreateTargetParams::new(url.as_str());
            behind.background = Some(true);
            self.cdp.tell(None, behind)
        })
    }

    pub(super) fn closed(&mut self, target_id: &str) {
        let Some(id) = tab_id(target_id) else { return };
        self.leaving.end(&id);
        if let Some(next) = self.tabs.detach(&id) {
            let activate =
                target::ActivateTargetParams::new(target::TargetId::from(next.to_string()));
            if let Err(error) = self.cdp.tell(None, activate) {
                tracing::debug!(%error, "the next tab cannot be shown");
            }
        }
        self.look_at_tabs();
    }

    pub(super) fn dialog_opened(&mut self, id: TabId, event: &page::EventJavascriptDialogOpening) {
        if self.leaving.contains(&id)
            && let Some(page) = self.tabs.page(&id)
        {
            // The person is leaving: "stay?" is answered with no, and an alert must not hold them.
            let leave = matches!(event.r#type, page::DialogType::Beforeunload);
            let answer = page::HandleJavaScriptDialogParams::new(leave);
            if let Err(error) = self.cdp.tell(Some(&page.session), answer) {
                tracing::debug!(%error, "a dialog cannot be dismissed");
            }
            return;
        }
        let dialog = Dialog {
            tab: id.clone(),
            kind: match event.r#type {
                page::DialogType::Alert => DialogKind::Alert,
                page::DialogType::Confirm => DialogKind::Confirm,
                page::DialogType::Prompt => DialogKind::Prompt,
                page::DialogType::Beforeunload => DialogKind::BeforeUnload,
            },
            message: event.message.chars().take(10_000).collect(),
            default_text: event.default_prompt.clone().unwrap_or_default(),
        };
        self.tabs.set_dialog(&id, Some(dialog));
    }
}
