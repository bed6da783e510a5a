//! What somebody asks about the active page and waits for → its answer.

use std::path::PathBuf;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use chromiumoxide_cdp::cdp::browser_protocol::{dom, page};
use data_url::DataUrl;
use serde_json::Value;
use shared::api::{Found, LoadedImage};
use shared::geometry::PointInPage;
use shared::session::TabId;
use shared::site::{Permission, SitePermissions};
use tokio::time::timeout;

use super::print::PrintedFrame;
use super::resource::Resource;
use super::{CdpError, Connection, TargetSession, find, page_world, print, resource};
use crate::browser::address::ImageUrl;

/// A page that does not respond has no answer.
const TIMEOUT: Duration = Duration::from_secs(10);

/// A large page takes its time.
const SNAPSHOT_TIMEOUT: Duration = Duration::from_secs(60);

/// What our script says of a page that takes files.
const TAKEN: &str = "taken";

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
    fn point(self) -> Option<PointInPage> {
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
    pub frames: Vec<TargetSession>,
    /// The one that is to be printed.
    pub printed: Option<PrintedFrame>,
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
                let arguments = [json(at), types.into()];
                let taken = page_world::call(cdp, session, tab.as_str(), "drag", &arguments).await;
                Some(Answer::Taken(taken.ok()?.as_deref() == Some(TAKEN)))
            }
            Question::ExpectFiles { drop, at, types } => {
                let arguments = [drop.into(), json(at.point()), types.into()];
                let taken =
                    page_world::call(cdp, session, tab.as_str(), "expect", &arguments).await;
                Some(Answer::Taken(taken.ok()?.as_deref() == Some(TAKEN)))
            }
            Question::GiveFiles { drop, files, at } => {
                give(cdp, tab, session, drop, &files, at).await.ok()
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

/// The files become those of inputs that our script has made and nobody sees; the script hands them on.
async fn give(
    cdp: &Connection,
    tab: &TabId,
    session: &TargetSession,
    drop: u32,
    files: &[PathBuf],
    at: DropPlace,
) -> Result<Answer, CdpError> {
    let frame = tab.as_str();
    let (folders, files): (Vec<_>, Vec<_>) = files.iter().partition(|path| path.is_dir());
    let inputs = folders.into_iter().map(|folder| (true, vec![folder]));
    let inputs = inputs.chain((!files.is_empty()).then_some((false, files)));
    for (is_folder, files) in inputs {
        let input = page_world::object(
            cdp,
            session,
            frame,
            "input",
            &[drop.into(), is_folder.into()],
        )
        .await?;
        let files = files.iter().map(|file| file.to_string_lossy().into_owned());
        let mut set = dom::SetFileInputFilesParams::new(files.collect());
        set.object_id = input;
        cdp.call(Some(session), set).await?;
    }
    let taken = page_world::call(
        cdp,
        session,
        frame,
        "give",
        &[drop.into(), json(at.point())],
    )
    .await?;
    Ok(Answer::Taken(taken.as_deref() == Some(TAKEN)))
}

fn json(at: Option<PointInPage>) -> Value {
    at.map_or(Value::Null, |at| serde_json::json!([at.x, at.y]))
}
