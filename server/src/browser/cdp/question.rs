//! What somebody asks about the active page and waits for → its answer.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use shared::api::{Found, LoadedImage};
use shared::session::TabId;
use tokio::time::timeout;

use super::{Connection, TargetSession, page_world, resource};
use crate::browser::address::AllowedUrl;

/// A page that does not respond has no answer.
const TIMEOUT: Duration = Duration::from_secs(10);

/// In bytes.
const MAX_IMAGE: usize = 8 * 1024 * 1024;

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
}

/// What came of a [`Question`].
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// Of [`Question::Find`].
    Found(Found),
    /// Of [`Question::Image`].
    Image(LoadedImage),
}

/// `None` from a page that does not respond, or without such a picture.
pub async fn answer(
    cdp: &Connection,
    tab: &TabId,
    session: &TargetSession,
    question: Question,
) -> Option<Answer> {
    let answer = async {
        match question {
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
    timeout(TIMEOUT, answer).await.ok().flatten()
}
