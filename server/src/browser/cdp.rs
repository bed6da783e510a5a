//! The Chrome DevTools Protocol: [`Command`]s and [`Query`]s out, [`Reply`]s and [`Event`]s back, each a closed enum.
//!
//! Nothing else names `chromiumoxide_cdp` and `chromiumoxide_types`.

mod command;
mod connection;
mod drops;
mod event;
mod find;
mod page_world;
mod pipe;
mod print;
mod query;
mod question;
mod resource;

use shared::session::TabId;

pub use command::{Command, PageCommand, configure, send};
pub use connection::{CdpError, Connection};
pub use event::{Challenger, DownloadProgress, Event, PageEvent};
pub use pipe::Pipe;
pub use print::PrintedFrame;
pub use query::{Query, Reply, ask, product};
pub use question::{ActiveFrame, ActivePage, Answer, DropPlace, Question, answer};

/// CDP `Target.SessionID`: which page a command is for.
pub type TargetSession = String;

/// CDP `Target.TargetInfo`, as far as it is used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TargetInfo {
    pub id: TabId,
    pub title: String,
    pub url: String,
    /// Another page opened it.
    pub has_opener: bool,
}

/// `None` for what is no tab: Chrome's ids of page targets are 32 hexadecimal digits.
fn tab_id(target_id: &str) -> Option<TabId> {
    target_id.parse().ok()
}
