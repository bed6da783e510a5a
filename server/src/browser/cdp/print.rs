//! A page, or the document that a frame of it had when it was printed → PDF.
//!
//! Chrome prints pages alone (`Page.printToPDF`), and of those only what is a tab: a target made with `hidden: true` has no
//! such command. So a frame's document is shown in a tab of our own for that long, behind the others, without scripts, at
//! an address of the site it is from: what it shows is loaded as it was.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use chromiumoxide_cdp::cdp::browser_protocol::{emulation, fetch, io, network, page, target};
use chromiumoxide_cdp::cdp::js_protocol::runtime;
use tokio::time::{Instant, sleep, timeout};

use super::command::documents;
use super::page_world::{self, World};
use super::{CdpError, Connection, TargetSession, resource};
use crate::browser::address::{self, AllowedUrl};

/// Longer than all that is waited for here: a tab that was asked for is always closed.
pub const TIMEOUT: Duration = Duration::from_secs(180);

/// A long document takes its time.
const PRINT_TIMEOUT: Duration = Duration::from_secs(60);

/// What a document shows and has not loaded within it is not printed.
const LOAD_TIMEOUT: Duration = Duration::from_secs(10);

/// Between two looks at whether it has.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// In bytes: what is printed, and what comes of it.
const MAX_DOCUMENT: usize = 64 * 1024 * 1024;
const MAX_PDF: usize = 64 * 1024 * 1024;

/// Of a document without an origin: nothing is there.
const NOWHERE: &str = "http://printed.invalid/";

/// Nothing of the document runs, also if Chrome ran scripts.
const POLICY: &str =
    "script-src 'none'; object-src 'none'; frame-src 'none'; worker-src 'none'; form-action 'none'";

/// True once the document shows what it can. Looked at, it is laid out, which has it load its fonts.
const IS_LOADED: &str = "Boolean(document.documentElement?.offsetHeight >= 0 && document.readyState === 'complete' && \
     document.fonts.status === 'loaded')";

/// A frame that is to be printed: where our script keeps its document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PrintedFrame {
    /// Of [`Question::Pdf`](super::Question::Pdf).
    pub number: u32,
    /// Of the page, or of a frame that has a process of its own.
    pub session: TargetSession,
    /// The script's `Runtime.ExecutionContextId`.
    pub context: i64,
}

/// The page as it would be printed; `None` if it is too long, or does not respond.
pub async fn page(cdp: &Connection, session: &TargetSession) -> Option<Bytes> {
    timeout(PRINT_TIMEOUT, pdf(cdp, session)).await.ok()?
}

/// The document of that frame, once; `None` if it is gone, or too long.
pub async fn frame(cdp: &Connection, frame: &PrintedFrame) -> Option<Bytes> {
    let kept = timeout(LOAD_TIMEOUT, take(cdp, frame)).await;
    let document = kept.ok()??;
    if document.is_pdf() {
        return Some(document.content.into());
    }
    let tab = OwnTab::open(cdp).await.ok()?;
    let printed = async {
        let session = tab.attach().await.ok()?;
        show(cdp, &session, document).await?;
        pdf(cdp, &session).await
    };
    timeout(PRINT_TIMEOUT, printed).await.ok()?
}

/// HTML, and where it would be; or a PDF.
struct Document {
    address: AllowedUrl,
    content: Vec<u8>,
}

impl Document {
    fn is_pdf(&self) -> bool {
        self.content.starts_with(b"%PDF-")
    }
}

async fn take(cdp: &Connection, frame: &PrintedFrame) -> Option<Document> {
    let session = &frame.session;
    let world = World::from(frame.context);
    let address = page_world::call_in(cdp, session, world, "printedAddress").await;
    let content = page_world::object_in(cdp, session, world, "takePrinted").await;
    let blob = io::ResolveBlobParams::new(content.ok()??);
    let blob = cdp.call(Some(session), blob).await.ok()?.uuid.clone();
    let content = io::StreamHandle::from(format!("blob:{blob}"));
    Some(Document {
        address: place(address.ok()?.as_deref()),
        content: resource::read_all(cdp, session, content, MAX_DOCUMENT).await?,
    })
}

/// Pages choose it: what is no page's address is nowhere.
fn place(said: Option<&str>) -> AllowedUrl {
    let said = said.and_then(address::of_page);
    said.or_else(|| address::of_page(NOWHERE))
        .unwrap_or_else(AllowedUrl::blank)
}

/// That session's tab shows it, as if it had come from there, and has loaded what it shows.
async fn show(cdp: &Connection, session: &TargetSession, document: Document) -> Option<()> {
    let to = Some(session);
    let no_scripts = emulation::SetScriptExecutionDisabledParams::new(true);
    cdp.call(to, no_scripts).await.ok()?;
    // A service worker would answer in our place; Chrome heeds the second only after the first.
    cdp.call(to, network::EnableParams::default()).await.ok()?;
    let bypass = network::SetBypassServiceWorkerParams::new(true);
    cdp.call(to, bypass).await.ok()?;
    let pause = fetch::EnableParams {
        patterns: Some(vec![documents()]),
        handle_auth_requests: None,
    };
    let paused = cdp.next_paused(session);
    cdp.call(to, pause).await.ok()?;
    let navigate = page::NavigateParams::new(document.address.as_str());
    let answered = async {
        let request = timeout(LOAD_TIMEOUT, paused).await.ok()?.ok()?;
        cdp.call(to, fulfill(request, &document.content)).await.ok()
    };
    let (navigated, answered) = tokio::join!(cdp.call(to, navigate), answered);
    navigated.ok().and(answered)?;
    wait_until_loaded(cdp, session).await;
    Some(())
}

fn fulfill(request: String, html: &[u8]) -> fetch::FulfillRequestParams {
    let header = |name: &str, value: &str| fetch::HeaderEntry::new(name, value);
    let mut fulfill = fetch::FulfillRequestParams::new(request, 200);
    fulfill.response_headers = Some(vec![
        header("Content-Type", "text/html; charset=utf-8"),
        header("Content-Security-Policy", POLICY),
    ]);
    fulfill.body = Some(STANDARD.encode(html).into());
    fulfill
}

async fn wait_until_loaded(cdp: &Connection, session: &TargetSession) {
    let end = Instant::now() + LOAD_TIMEOUT;
    while Instant::now() < end {
        let looked = cdp.call(Some(session), runtime::EvaluateParams::new(IS_LOADED));
        let looked = timeout(LOAD_TIMEOUT, looked).await;
        let value = looked.ok().and_then(Result::ok);
        if value.and_then(|looked| looked.result.value) == Some(true.into()) {
            return;
        }
        sleep(LOOK_EVERY).await;
    }
}

async fn pdf(cdp: &Connection, session: &TargetSession) -> Option<Bytes> {
    let print = page::PrintToPdfParams {
        print_background: Some(true),
        // As large as the page says, if it does.
        prefer_css_page_size: Some(true),
        transfer_mode: Some(page::PrintToPdfTransferMode::ReturnAsStream),
        ..page::PrintToPdfParams::default()
    };
    let stream = cdp.call(Some(session), print).await.ok()?.stream?;
    let bytes = resource::read_all(cdp, session, stream, MAX_PDF).await?;
    Some(bytes.into())
}

/// A tab that no person sees; dropping it closes it.
struct OwnTab<'a> {
    cdp: &'a Connection,
    target: target::TargetId,
}

impl OwnTab<'_> {
    async fn open(cdp: &Connection) -> Result<OwnTab<'_>, CdpError> {
        let mut create = target::CreateTargetParams::new(cdp.own_tab());
        create.background = Some(true);
        let target = cdp.call(None, create).await?.target_id;
        Ok(OwnTab { cdp, target })
    }

    async fn attach(&self) -> Result<TargetSession, CdpError> {
        let mut attach = target::AttachToTargetParams::new(self.target.clone());
        attach.flatten = Some(true);
        Ok(self.cdp.call(None, attach).await?.session_id.into())
    }
}

impl Drop for OwnTab<'_> {
    fn drop(&mut self) {
        let close = target::CloseTargetParams::new(self.target.clone());
        if let Err(error) = self.cdp.send(None, close) {
            tracing::debug!(%error, "a tab of our own stays open");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_is_printed_at_a_page_s_address_or_nowhere() {
        let is = |said: Option<&str>, expected: &str| assert_eq!(place(said).as_str(), expected);
        is(Some("https://a.test/b?c"), "https://a.test/b?c");
        for other in [
            "file:///etc/passwd",
            "chrome://settings",
            "about:blank",
            "x",
            "",
        ] {
            is(Some(other), NOWHERE);
        }
        is(None, NOWHERE);
    }
}
