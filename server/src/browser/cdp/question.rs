//! What somebody asks about the active page and waits for → its answer.

use std::path::PathBuf;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use chromiumoxide_cdp::cdp::browser_protocol::page;
use data_url::DataUrl;
use shared::api::{Found, LoadedImage};
use shared::geometry::PointInPage;
use shared::session::TabId;
use shared::site::{Permission, SitePermissions};
use tokio::time::timeout;

use super::print::PrintedFrame;
use super::resource::Resource;
use super::{Connection, TargetSession, drops, find, page_world, print, resource};
use crate::browser::address::ImageUrl;

/// A page that does not respond has no answer.
const TIMEOUT: Duration = Duration::from_secs(10);

/// A large page takes its time.
const SNAPSHOT_TIMEOUT: Duration = Duration::from_secs(60);

/// In bytes.
const MAX_IMAGE: usize = 8 * 1024 * 1024;

/// Where files go that nobody asked for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum DropPlace {
    /// They were dropped there: in the page, whatever its zoom.
    Point(PointInPage),
    /// They were pasted where the focus is.
    Focus,
}

impl From<Option<PointInPage>> for DropPlace {
    fn from(point: Option<PointInPage>) -> DropPlace {
        point.map_or(DropPlace::Focus, DropPlace::Point)
    }
}

impl DropPlace {
    /// Unless they were pasted.
    pub fn point(self) -> Option<PointInPage> {
        match self {
            DropPlace::Point(point) => Some(point),
            DropPlace::Focus => None,
        }
    }
}

/// The page in front.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActivePage {
    /// Its tab, which is its main frame's `Page.FrameId`, too.
    pub tab: TabId,
    /// Its own.
    pub session: TargetSession,
    /// Of its frames that have a process of their own, in the order in which they came.
    pub frames: Vec<ActiveFrame>,
    /// The one that is to be printed.
    pub printed: Option<PrintedFrame>,
}

/// A frame that has a process of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActiveFrame {
    /// Its own.
    pub session: TargetSession,
    /// Its `Page.FrameId`.
    pub frame: String,
}

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
    Image(ImageUrl),
    /// What the page's site may do.
    Permissions,
    /// The page as it would be printed, or the frame of it that is to be, under that number.
    Pdf {
        /// Of [`UiRequest::Print`](crate::browser::UiRequest::Print).
        frame: Option<u32>,
    },
    /// The page with what it shows, in one file.
    Snapshot,
    /// Files of those media types are dragged over the page, or, without a point, have left it.
    DragFiles {
        /// In the page, whatever its zoom.
        at: Option<PointInPage>,
        /// Empty for one that is not known.
        types: Vec<String>,
    },
    /// Such files are brought there, and come in a while.
    ExpectFiles {
        /// What they are uploaded for.
        drop: u32,
        /// Where they go.
        at: DropPlace,
        /// Media types, as for [`Question::DragFiles`].
        types: Vec<String>,
    },
    /// The page gets those files, if it expects them.
    GiveFiles {
        /// Of [`Question::ExpectFiles`].
        drop: u32,
        /// As Chrome finds them.
        files: Vec<PathBuf>,
        /// Where they go.
        at: DropPlace,
    },
}

/// What came of a [`Question`].
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// Of [`Question::Find`].
    Found(Found),
    /// Of [`Question::Image`].
    Image(LoadedImage),
    /// Of [`Question::Permissions`].
    Permissions(SitePermissions),
    /// Of [`Question::Pdf`]: the file.
    Pdf(Bytes),
    /// Of [`Question::Snapshot`]: MHTML.
    Snapshot(Bytes),
    /// Of [`Question::DragFiles`], [`Question::ExpectFiles`] and [`Question::GiveFiles`]: whether the page takes them.
    Taken(bool),
}

/// `None` from a page that does not respond, or without such a picture.
pub async fn answer(cdp: &Connection, page: &ActivePage, question: Question) -> Option<Answer> {
    let ActivePage { tab, session, .. } = page;
    let limit = match question {
        Question::Pdf { .. } => print::TIMEOUT,
        Question::Snapshot => SNAPSHOT_TIMEOUT,
        Question::Find { .. }
        | Question::Image(_)
        | Question::Permissions
        | Question::DragFiles { .. }
        | Question::ExpectFiles { .. }
        | Question::GiveFiles { .. } => TIMEOUT,
    };
    let answer = async {
        match question {
            Question::Pdf { frame } => Some(Answer::Pdf(pdf(cdp, page, frame).await?)),
            Question::Snapshot => {
                let capture = page::CaptureSnapshotParams::default();
                let captured = cdp.call(Some(session), capture).await.ok()?;
                Some(Answer::Snapshot(captured.data.clone().into()))
            }
            Question::Find { text, step } => {
                Some(Answer::Found(find::find(cdp, page, &text, step).await?))
            }
            Question::Permissions => {
                let frame = tab.as_str();
                let arguments = [serde_json::to_value(Permission::ALL).ok()?];
                let known = page_world::call(cdp, session, frame, "permissions", &arguments).await;
                let known = serde_json::from_str(&known.ok()??).ok()?;
                Some(Answer::Permissions(known))
            }
            Question::DragFiles { at, types } => {
                Some(Answer::Taken(drops::drag(cdp, page, at, types).await?))
            }
            Question::ExpectFiles { drop, at, types } => {
                let taken = drops::expect(cdp, page, drop, at, types).await?;
                Some(Answer::Taken(taken))
            }
            Question::GiveFiles { drop, files, at } => {
                let taken = drops::give(cdp, page, drop, &files, at).await?;
                Some(Answer::Taken(taken))
            }
            Question::Image(url) => {
                let frame = tab.as_str();
                let image = match url {
                    ImageUrl::Loaded(url) => {
                        let url = url.as_str();
                        resource::load(cdp, session, frame, url, true, MAX_IMAGE).await?
                    }
                    ImageUrl::Made(url) => {
                        let arguments = [url.into(), MAX_IMAGE.into()];
                        let made = page_world::call(cdp, session, frame, "blob", &arguments).await;
                        let url = made.ok()??;
                        Resource::from_data_url(&DataUrl::process(&url).ok()?)?
                    }
                };
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

async fn pdf(cdp: &Connection, page: &ActivePage, frame: Option<u32>) -> Option<Bytes> {
    let Some(number) = frame else {
        return print::page(cdp, &page.session).await;
    };
    let printed = page.printed.as_ref();
    print::frame(cdp, printed.filter(|frame| frame.number == number)?).await
}
