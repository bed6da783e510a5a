//! One remote Chrome with its display, its encoder and its viewers, from open to end.

// Pure: who may act.
pub mod lease;
// Pure: what happens → what is done about it.
mod action;
mod event;
mod machine;
// Pure: parts of the machine.
mod browser_lifecycle;
mod clipboard;
mod control;
mod drops;
mod focused_field;
mod icons;
mod idle_timeout;
mod page_size;
mod presence;
mod recent_pages;
mod reopening;
mod restarts;
mod stale_input;
mod viewer_message;
mod viewers;
// The loop that drives it.
mod run;
// What it wants, done, and who waits for its answers.
mod performer;
mod replies;
// Chrome, its display and its encoder, started and ended together.
mod engine;
mod engine_slot;
// Pure: which downloads are handed over by themselves.
mod deliveries;
// What the stream did, for the statistics panel and the metrics.
mod stream_counters;
// What viewers' inputs took to be seen, for the metrics.
mod latency;

use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use client::api::Control;
use shared::api::{Answer as SdpAnswer, Found, Joined, LoadedImage};
use shared::clipboard::ClipboardContent;
use shared::error::ApiError;
use shared::file::{Dragged, Dropped};
use shared::geometry::{AimedPoint, VideoSize, Viewport};
use shared::message::{ClientMessage, ServerMessage};
use shared::preferences::Preferences;
use shared::session::{DownloadId, Phase, SessionId, SessionState, UploadId, ViewerId};
use shared::site::SitePermissions;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;

use crate::browser::address::{AllowedUrl, ImageUrl};
use crate::browser::{Answer, Question};
use crate::config::Config;
use crate::files::Upload;
use crate::ids::random_id;
use crate::transport::{Hub, SocketEnd};
use event::Request;
use lease::Actor;
use replies::Caller;

/// Requests that wait for the loop: server functions of all viewers together. Each has its caller waiting, so a full
/// queue makes callers wait, nothing is lost.
const REQUEST_QUEUE: usize = 64;

/// What every session of a server has in common.
pub struct Services {
    /// The settings.
    pub config: Config,
    /// All viewers' transports.
    pub hub: Hub,
    /// Chrome's program.
    pub chrome: PathBuf,
    /// Holds each session's private directory.
    pub runtime_dir: PathBuf,
    /// Holds each session's downloads and uploads.
    pub files_dir: PathBuf,
}

/// A web socket's other end, and what to send on it.
pub type Attached = (SocketEnd, mpsc::Receiver<Bytes>);

/// A running session. Dropping the last clone ends it.
#[derive(Clone)]
pub struct Session {
    id: SessionId,
    requests: mpsc::Sender<(Request, Caller)>,
    state: watch::Receiver<SessionState>,
}

impl Session {
    /// Starts Chrome on `url`, in a page of that size or, without one, as large as viewers' windows; the task ends when the session does.
    pub fn start(
        id: SessionId,
        url: AllowedUrl,
        size: Option<VideoSize>,
        preferences: Preferences,
        opened_by: &Actor,
        services: Arc<Services>,
    ) -> (Session, JoinHandle<()>) {
        let (requests, received) = mpsc::channel(REQUEST_QUEUE);
        let (run, state) = run::Run::new(id.clone(), url, size, preferences, opened_by, services);
        let task = tokio::spawn(run.run(received));
        (
            Session {
                id,
                requests,
                state,
            },
            task,
        )
    }

    /// Its name, which stands in its address.
    pub fn id(&self) -> &SessionId {
        &self.id
    }

    /// Always the newest; closed when the session is gone.
    pub fn state(&self) -> watch::Receiver<SessionState> {
        self.state.clone()
    }

    /// Makes a viewer. Errors, here and below: 404 when the session has ended.
    pub async fn join(&self, by: Actor, viewport: Option<Viewport>) -> Result<Joined, ApiError> {
        let request = Request::Join {
            by,
            viewer: random_id(),
            viewport,
        };
        self.ask(request, Caller::Join).await
    }

    /// An SDP offer → the complete answer. 400 when it cannot be answered.
    pub async fn offer(&self, viewer: ViewerId, sdp: String) -> Result<SdpAnswer, ApiError> {
        self.ask(Request::Offer { viewer, sdp }, Caller::Offer)
            .await
    }

    /// A web socket for this viewer, whose other end is given.
    pub async fn attach(&self, viewer: ViewerId) -> Result<Attached, ApiError> {
        self.ask(Request::Attach { viewer }, Caller::Attach).await
    }

    /// The viewer is still there, though its peer may not be.
    pub async fn present(&self, viewer: ViewerId) -> Result<(), ApiError> {
        self.ask(Request::Present { viewer }, Caller::Done).await
    }

    /// The viewer closed its page. Leaving twice is no error.
    pub async fn leave(&self, viewer: ViewerId) -> Result<(), ApiError> {
        self.ask(Request::Leave { viewer }, Caller::Done).await
    }

    /// Messages of a viewer whose channels are not open → what they are answered.
    pub async fn input(
        &self,
        viewer: ViewerId,
        messages: Vec<ClientMessage>,
    ) -> Result<Vec<ServerMessage>, ApiError> {
        self.ask(Request::Input { viewer, messages }, Caller::Input)
            .await
    }

    /// 404 for an actor or a tab that is not there, 409 for what Chrome cannot do now, 422 for an address that may not be
    /// opened.
    pub async fn control(&self, actor: Actor, control: Control) -> Result<(), ApiError> {
        self.ask(Request::Control { actor, control }, Caller::Done)
            .await
    }

    /// See [`client::api::find`]. 409 for a page that does not respond.
    pub async fn find(&self, actor: Actor, text: String, step: i32) -> Result<Found, ApiError> {
        let question = Question::Find { text, step };
        self.answered(actor, question, |answer| match answer {
            Answer::Found(found) => Some(found),
            _ => None,
        })
        .await
    }

    /// See [`client::api::permissions`]. 409 for a page that does not respond.
    pub async fn permissions(&self, actor: Actor) -> Result<SitePermissions, ApiError> {
        let question = Question::Permissions;
        self.answered(actor, question, |answer| match answer {
            Answer::Permissions(permissions) => Some(permissions),
            _ => None,
        })
        .await
    }

    /// See [`client::api::image`]. 409 for what is no picture, or too large.
    pub async fn image(&self, actor: Actor, url: ImageUrl) -> Result<LoadedImage, ApiError> {
        let question = Question::Image(url);
        self.answered(actor, question, |answer| match answer {
            Answer::Image(image) => Some(image),
            _ => None,
        })
        .await
    }

    /// The active page as PDF, or the frame of it that the page prints under that number. 409 for a page that does not
    /// respond, a document that is too long, or a frame that nobody prints any more.
    pub async fn pdf(&self, actor: Actor, frame: Option<u32>) -> Result<Bytes, ApiError> {
        let question = Question::Pdf { frame };
        self.answered(actor, question, |answer| match answer {
            Answer::Pdf(pdf) => Some(pdf),
            _ => None,
        })
        .await
    }

    /// The active page with what it shows, as MHTML. 409 for a page that does not respond, or is too large.
    pub async fn snapshot(&self, actor: Actor) -> Result<Bytes, ApiError> {
        self.answered(actor, Question::Snapshot, |answer| match answer {
            Answer::Snapshot(page) => Some(page),
            _ => None,
        })
        .await
    }

    /// Asks the page in front; `take` has what is answered to such a question.
    async fn answered<T>(
        &self,
        actor: Actor,
        question: Question,
        take: impl FnOnce(Answer) -> Option<T>,
    ) -> Result<T, ApiError> {
        let asked = self.ask(Request::Ask { actor, question }, Caller::Answer);
        take(asked.await?).ok_or_else(answered_otherwise)
    }

    /// What the page has copied last. 409 if that is nothing, or not passed on.
    pub async fn clipboard(&self, actor: Actor) -> Result<Arc<ClipboardContent>, ApiError> {
        self.ask(Request::Clipboard { actor }, Caller::Clipboard)
            .await
    }

    /// What the page can paste from now on. 409 if it is too large, or not taken.
    pub async fn set_clipboard(
        &self,
        actor: Actor,
        content: ClipboardContent,
    ) -> Result<(), ApiError> {
        self.ask(Request::SetClipboard { actor, content }, Caller::Done)
            .await
    }

    /// A finished download's file, and its size in bytes. 404 if there is none.
    pub async fn open_download(
        &self,
        actor: Actor,
        download: DownloadId,
    ) -> Result<(File, u64), ApiError> {
        self.ask(Request::OpenDownload { actor, download }, Caller::Download)
            .await
    }

    /// All of it was handed over.
    pub async fn download_delivered(&self, download: DownloadId) -> Result<(), ApiError> {
        self.ask(Request::DownloadDelivered { download }, Caller::Done)
            .await
    }

    /// See [`client::api::remove_download`].
    pub async fn remove_download(
        &self,
        actor: Actor,
        download: DownloadId,
    ) -> Result<(), ApiError> {
        self.ask(Request::RemoveDownload { actor, download }, Caller::Done)
            .await
    }

    /// Room for a file of so many bytes that a page's file chooser is to be given. 404 for one that is not open, 409 for
    /// what is too large.
    pub async fn begin_upload(
        &self,
        actor: Actor,
        chooser: u32,
        path: String,
        bytes: u64,
    ) -> Result<(Upload, File), ApiError> {
        let request = Request::BeginUpload {
            actor,
            chooser,
            path,
            bytes,
        };
        self.ask(request, Caller::Upload).await
    }

    /// See [`client::api::choose_files`].
    pub async fn choose_files(
        &self,
        actor: Actor,
        chooser: u32,
        uploads: Vec<UploadId>,
    ) -> Result<(), ApiError> {
        let request = Request::ChooseFiles {
            actor,
            chooser,
            uploads,
        };
        self.ask(request, Caller::Done).await
    }

    /// See [`client::api::drag_files`]. 409 for a page that does not respond.
    pub async fn drag_files(
        &self,
        actor: Actor,
        at: Option<AimedPoint>,
        types: Vec<String>,
    ) -> Result<Dragged, ApiError> {
        let request = Request::DragFiles { actor, at, types };
        match self.ask(request, Caller::Answer).await? {
            Answer::Taken(accepts) => Ok(Dragged { accepts }),
            _ => Err(answered_otherwise()),
        }
    }

    /// See [`client::api::drop_files`]. 409 for a page that takes none there.
    pub async fn drop_files(
        &self,
        actor: Actor,
        at: Option<AimedPoint>,
        types: Vec<String>,
    ) -> Result<Dropped, ApiError> {
        let request = Request::DropFiles { actor, at, types };
        let chooser = self.ask(request, Caller::Drop).await?;
        Ok(Dropped { chooser })
    }

    /// A small JPEG of what is shown. 409 before there is a picture.
    pub async fn thumbnail(&self) -> Result<Bytes, ApiError> {
        self.ask(Request::Thumbnail, Caller::Thumbnail).await
    }

    /// Ends the session, and waits until nothing of it is left.
    pub async fn end(&self, actor: Actor) -> Result<(), ApiError> {
        self.ask(Request::End { actor }, Caller::Done).await?;
        let mut state = self.state();
        while state.changed().await.is_ok() {}
        Ok(())
    }

    async fn ask<T>(
        &self,
        request: Request,
        caller: impl FnOnce(oneshot::Sender<Result<T, ApiError>>) -> Caller,
    ) -> Result<T, ApiError> {
        let (reply, answer) = oneshot::channel();
        let sent = self.requests.send((request, caller(reply))).await;
        sent.map_err(|_| self.gone())?;
        answer.await.map_err(|_| self.gone())?
    }

    /// Why nothing can be asked of it any more.
    pub fn gone(&self) -> ApiError {
        ended(&self.id, &self.state.borrow().phase)
    }
}

/// The same sentence wherever something else comes than what was asked for.
fn answered_otherwise() -> ApiError {
    ApiError::Internal("The session answered something else than it was asked.".to_owned())
}

/// The same sentence wherever a session is looked for and not found.
pub fn gone(id: &SessionId) -> ApiError {
    ApiError::NotFound(format!(
        "There is no session {id}: it has ended, or it never was."
    ))
}

/// The same for a session of which more is known.
pub fn ended(id: &SessionId, phase: &Phase) -> ApiError {
    match phase {
        Phase::Ended { reason } => ApiError::NotFound(format!("Session {id} has ended. {reason}")),
        _ => gone(id),
    }
}
