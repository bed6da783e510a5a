//! Pure: what a session wants done.

use std::sync::Arc;

use bytes::Bytes;
use shared::api::Joined;
use shared::clipboard::ClipboardContent;
use shared::error::ApiError;
use shared::geometry::{Geometry, LogicalSize};
use shared::latency::Measurement;
use shared::message::ServerMessage;
use shared::session::{DownloadId, SessionState, UploadId, ViewerId};

use super::event::{EngineId, ReplyToken};
use crate::browser::{Answer, BrowserCommand, DropPlace, InitialTabs, Question};
use crate::display::SeatEvent;

/// What a request is answered with.
#[derive(Clone, Debug, PartialEq)]
pub enum Response {
    Done,
    Joined(Box<Joined>),
    Messages(Vec<ServerMessage>),
    Answered(Answer),
    Thumbnail(Bytes),
    Clipboard(Arc<ClipboardContent>),
    /// The number that its files name.
    Dropped(u32),
}

/// One thing for the loop to do, in the order given. Those that have a `reply` token hand it over: whoever performs them
/// answers it.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// There is never more than one that was not told to end.
    StartEngine {
        engine: EngineId,
        opening: InitialTabs,
        geometry: Geometry,
    },
    /// Also while it is still starting. Answered by [`super::event::Event::EngineEnded`].
    EndEngine(EngineId),
    /// Only while an engine runs; so are the other actions that need one.
    Seat {
        events: Vec<SeatEvent>,
        /// The page that their points are in.
        page: LogicalSize,
    },
    /// A hint that may be lost when Chrome is busy.
    Hint(BrowserCommand),
    /// A command that somebody waits for.
    Command {
        command: BrowserCommand,
        reply: ReplyToken,
    },
    /// What the person does with a notification, if it is still shown.
    AnswerNotification {
        number: u32,
        follow: bool,
    },
    /// A question to the page in front.
    Ask {
        question: Question,
        reply: ReplyToken,
    },
    /// The file of a download.
    OpenDownload {
        download: DownloadId,
        reply: ReplyToken,
    },
    /// Room for a file of so many bytes, for that file chooser.
    BeginUpload {
        chooser: u32,
        path: String,
        bytes: u64,
        reply: ReplyToken,
    },
    /// The page of that file chooser gets those files.
    ChooseFiles {
        chooser: u32,
        uploads: Vec<UploadId>,
        reply: ReplyToken,
    },
    /// The page in front is to expect files there, under that number.
    ExpectFiles {
        drop: u32,
        place: DropPlace,
        types: Vec<String>,
        reply: ReplyToken,
    },
    /// The page in front gets those files, there.
    GiveFiles {
        drop: u32,
        uploads: Vec<UploadId>,
        place: DropPlace,
        reply: ReplyToken,
    },
    /// Nobody gets what was uploaded for that drop.
    ForgetUploads {
        drop: u32,
    },
    /// A small copy of the picture.
    Thumbnail {
        reply: ReplyToken,
    },
    /// If this viewer sets the pace, Chrome draws so much later, in microseconds; negative: earlier.
    DelayDrawing {
        viewer: ViewerId,
        micros: i32,
    },
    /// Chrome's windows are to fill a page of this geometry.
    Resize(Geometry),
    /// The state that everybody may see.
    Publish(Box<SessionState>),
    Send {
        to: ViewerId,
        message: ServerMessage,
    },
    /// The same message for several viewers.
    Broadcast {
        to: Vec<ViewerId>,
        message: ServerMessage,
    },
    /// What the stream did since the last time.
    SendStatistics {
        to: Vec<ViewerId>,
    },
    RecordLatency(Vec<Measurement>),
    /// This viewer acts: the stream follows its link from now on.
    SetPacesetter(ViewerId),
    /// What waits for this viewer is dropped, and a keyframe follows.
    SkipToLive(ViewerId),
    /// The viewer is forgotten: its peers are closed, and no later action names it.
    Disconnect(ViewerId),
    /// The hub answers the offer.
    Connect {
        viewer: ViewerId,
        sdp: String,
        reply: ReplyToken,
    },
    /// The hub attaches a web socket.
    Attach {
        viewer: ViewerId,
        reply: ReplyToken,
    },
    Reply {
        reply: ReplyToken,
        response: Result<Response, ApiError>,
    },
}
