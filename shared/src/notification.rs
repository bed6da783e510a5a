//! Notifications of remote pages.

use serde::{Deserialize, Serialize};

/// What a page wants the person to know, whatever they look at.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Notification {
    /// A later one with the same number takes its place.
    pub number: u32,
    /// The page's own words; to be shown as text, never as markup.
    pub title: String,
    /// The site, and the page's own words.
    pub body: String,
}
