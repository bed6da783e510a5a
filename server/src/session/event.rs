//! Pure: what happens to a session.

use client::api::Control;
use shared::clipboard::ClipboardContent;
use shared::geometry::AimedPoint;
use shared::geometry::Viewport;
use shared::message::ClientMessage;
use shared::session::{DownloadId, UploadId, ViewerId};

use super::lease::Actor;
use crate::browser::session_bus::NotificationEvent;
use crate::browser::{BrowserState, Question};
use crate::display::DisplayState;
use crate::transport::PeerEvent;

/// Names one request until it is answered. Whoever waits for the answer is known to the loop alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ReplyToken(pub u64);

/// Names one engine (Chrome, its display and its encoder) among all that a session starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EngineId(pub u64);

/// What a server function asks of a session.
#[derive(Clone, Debug, PartialEq)]
pub enum Request {
    /// Answered with [`super::action::Response::Joined`].
    Join {
        by: Actor,
        /// A fresh name.
        viewer: ViewerId,
        /// The room that it has for the page.
        viewport: Option<Viewport>,
    },
    /// An SDP offer, answered by the hub.
    Offer {
        viewer: ViewerId,
        sdp: String,
    },
    /// A web socket, given by the hub.
    Attach {
        viewer: ViewerId,
    },
    /// The viewer is still there, though its peer may not be.
    Present {
        viewer: ViewerId,
    },
    /// The viewer closed its page.
    Leave {
        viewer: ViewerId,
    },
    /// Answered with [`super::action::Response::Messages`].
    Input {
        viewer: ViewerId,
        messages: Vec<ClientMessage>,
    },
    Control {
        actor: Actor,
        control: Control,
    },
    /// Of the page in front. Answered with [`super::action::Response::Answered`].
    Ask {
        actor: Actor,
        question: Question,
    },
    /// What the page has copied, answered with [`super::action::Response::Clipboard`].
    Clipboard {
        actor: Actor,
    },
    /// What the page can paste.
    SetClipboard {
        actor: Actor,
        content: ClipboardContent,
    },
    /// A finished download's file. Answered by the performer.
    OpenDownload {
        actor: Actor,
        download: DownloadId,
    },
    /// All of it was handed over.
    DownloadDelivered {
        download: DownloadId,
    },
    /// It is broken off, or its file removed.
    RemoveDownload {
        actor: Actor,
        download: DownloadId,
    },
    /// A file for a page's file chooser begins to come. Answered by the performer.
    BeginUpload {
        actor: Actor,
        /// [`FileChooser::number`](shared::file::FileChooser::number)
        chooser: u32,
        /// Its place in a folder, or its name alone.
        path: String,
        bytes: u64,
    },
    /// The page of that file chooser gets those files.
    ChooseFiles {
        actor: Actor,
        chooser: u32,
        uploads: Vec<UploadId>,
    },
    /// Files are dragged over the page, or, without a point, have left it. Answered as [`Request::Ask`] is.
    DragFiles {
        actor: Actor,
        at: Option<AimedPoint>,
        types: Vec<String>,
    },
    /// Files are dropped there, or pasted. Answered by the performer.
    DropFiles {
        actor: Actor,
        at: Option<AimedPoint>,
        types: Vec<String>,
    },
    /// A JPEG of what is shown, answered with [`super::action::Response::Thumbnail`].
    Thumbnail,
    /// Answered at once; the session is gone when its state is published no more.
    End {
        actor: Actor,
    },
}

/// Everything that can wake a session.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    Request {
        reply: ReplyToken,
        request: Request,
    },
    /// Nobody can ask for anything any more: the server stops.
    HandlesDropped,
    Peer {
        viewer: ViewerId,
        event: PeerEvent,
    },
    /// Its Chrome takes commands.
    EngineStarted(EngineId),
    /// With a sentence for the viewer. Nothing of it is left.
    EngineFailed(EngineId, String),
    /// It was told to end, and nothing of it is left.
    EngineEnded(EngineId),
    /// The page takes no files for the drop of that number.
    DropRefused(u32),
    /// Of the engine that runs.
    Browser(Box<BrowserState>),
    /// Of the engine that runs.
    Notification(NotificationEvent),
    /// Of the engine that runs.
    Display(DisplayState),
    /// A deadline may have passed.
    Time,
}
