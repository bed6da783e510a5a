//! What somebody asks about the active page and waits for → its answer.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use chromiumoxide_cdp::cdp::browser_protocol::page;
use shared::api::{Found, LoadedImage};
use shared::session::TabId;
use tokio::time::timeout;

use super::{Connection, TargetSession, page_world, resource};
use crate::browser::address::AllowedUrl;

/// A page that does not respond has no answer.
const TIMEOUT: Duration = Duration::from_secs(10);

/// A long document takes its time.
const PRINT_TIMEOUT: Duration = Duration::from_secs(60);

/// In bytes.
const MAX_IMAGE: usize = 8 * 1024 * 1024;
const MAX_PDF: usize = 64 * 1024 * 1024;

/// Asked of the page in front.
#[derive(Clone, Debug, PartialEq)]
pub enum Question {
    /// Marks a text on the page, and goes so many steps from the one that is shown; empty text ends it.
    Find {
        /// What is looked for.
        text: String,
        /// Back, where it is negative.
        step: i32,
    },
    /// A picture of the page, as the page itself gets it.
    Image(AllowedUrl),
    /// The page as it would be printed.
    Pdf,
}

/// What came of a [`Question`].
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// Of [`Question::Find`].
    Found(Found),
    /// Of [`Question::Image`].
    Image(LoadedImage),
    /// Of [`Question::Pdf`]: the file.
    Pdf(Bytes),
}

/// `None` from a page that does not respond, or without such a picture.
pub async fn answer(
    cdp: &Connection,
    tab: &TabId,
    session: &TargetSession,
    question: Question,
) -> Option<Answer> {
    let limit = match question {
        Question::Pdf => PRINT_TIMEOUT,
        Question::Find { .. } | Question::Image(_) => TIMEOUT,
    };
    let answer = async {
        match question {
            Question::Pdf => Some(Answer::Pdf(pdf(cdp, session).await?)),
            Question::Find { text, step } => {
                let arguments = [text.into(), step.into()];
                let found = page_world::call(cdp, session, tab.as_str(), "find", &arguments).await;
                let found = serde_json::from_str(&found.ok()??).ok()?;
                Some(Answer::Found(found))
            }
            Question::Image(url) => {
                let frame = tab.as_str();
                let url = url.as_str();
                let image = resource::load(cdp, session, frame, url, true, MAX_IMAGE).await?;
                let is_image = image.media_type.starts_with("image/");
                is_image.then(|| {
                    Answer::Image(LoadedImage {
                        base64: STANDARD.encode(image.bytes),
                        media_type: image.media_type,
                    })
                })
            }
        }
    };
    timeout(limit, answer).await.ok().flatten()
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
