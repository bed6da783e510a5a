//! One remote Chrome with its display, its encoder and its viewers, from open to end: one loop performs what happens.

// Chrome, its display and its encoder, started and ended together.
mod engine;
// The loop: may this viewer? what does it mean?
mod run;
// Pure: how long a session and a viewer are waited for.
mod presence;
// Pure: when a crashed Chrome is started again by itself.
mod restarts;
// Pure: which input is too old to be carried out.
mod stale_input;
// What the stream did, for the statistics panel and the metrics.
mod stream_counters;
// What viewers' inputs took to be seen, for the metrics.
mod latency;

use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use client::api::Control;
use shared::api::{Answer, Joined};
use shared::error::ApiError;
use shared::geometry::VideoSize;
use shared::message::{ClientMessage, ServerMessage};
use shared::session::{SessionId, SessionState, ViewerId};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;

use crate::browser::address::AllowedUrl;
use crate::config::Config;
use crate::transport::{Hub, SocketEnd};

/// Requests that wait for the loop: server functions of all viewers together. Each has its caller waiting, so a full
/// queue makes callers wait, nothing is lost.
const REQUEST_QUEUE: usize = 64;

/// What every session of a server has in common.
pub struct Services {
    pub config: Config,
    pub hub: Hub,
    pub chrome: PathBuf,
    pub runtime_dir: PathBuf,
}

/// A web socket's other end, and what to send on it.
pub type Attached = (SocketEnd, mpsc::Receiver<Bytes>);

/// What a server function asks of a session's loop.
enum Request {
    Join {
        reply: oneshot::Sender<Joined>,
    },
    Offer {
        viewer: ViewerId,
        sdp: String,
        reply: oneshot::Sender<Result<Answer, ApiError>>,
    },
    Attach {
        viewer: ViewerId,
        reply: oneshot::Sender<Result<Attached, ApiError>>,
    },
    /// The viewer is still there, though its peer may not be.
    Present {
        viewer: ViewerId,
        reply: oneshot::Sender<Result<(), ApiError>>,
    },
    Leave {
        viewer: ViewerId,
    },
    Input {
        viewer: ViewerId,
        messages: Vec<ClientMessage>,
        reply: oneshot::Sender<Result<Vec<ServerMessage>, ApiError>>,
    },
    Control {
        control: Control,
        reply: oneshot::Sender<Result<(), ApiError>>,
    },
    End,
}

/// A running session. Dropping the last clone ends it.
#[derive(Clone)]
pub struct Session {
    id: SessionId,
    requests: mpsc::Sender<Request>,
    state: watch::Receiver<SessionState>,
}

impl Session {
    /// Starts Chrome on `url`; the task ends when the session does.
    pub fn start(
        id: SessionId,
        url: AllowedUrl,
        size: VideoSize,
        surroundings: Arc<Services>,
    ) -> (Session, JoinHandle<()>) {
        let (requests, asked) = mpsc::channel(REQUEST_QUEUE);
        let (run, state) = run::Run::new(id.clone(), url, size, surroundings);
        let task = tokio::spawn(run.run(asked));
        (
            Session {
                id,
                requests,
                state,
            },
            task,
        )
    }

    pub fn id(&self) -> &SessionId {
        &self.id
    }

    /// Always the newest.
    pub fn state(&self) -> watch::Receiver<SessionState> {
        self.state.clone()
    }

    pub async fn join(&self) -> Result<Joined, ApiError> {
        self.ask(|reply| Request::Join { reply }).await
    }

    pub async fn offer(&self, viewer: ViewerId, sdp: String) -> Result<Answer, ApiError> {
        self.ask(|reply| Request::Offer { viewer, sdp, reply })
            .await?
    }

    /// A web socket for this viewer, whose other end is given.
    pub async fn attach(&self, viewer: ViewerId) -> Result<Attached, ApiError> {
        self.ask(|reply| Request::Attach { viewer, reply }).await?
    }

    pub async fn present(&self, viewer: ViewerId) -> Result<(), ApiError> {
        self.ask(|reply| Request::Present { viewer, reply }).await?
    }

    pub async fn leave(&self, viewer: ViewerId) -> Result<(), ApiError> {
        self.tell(Request::Leave { viewer }).await
    }

    pub async fn input(
        &self,
        viewer: ViewerId,
        messages: Vec<ClientMessage>,
    ) -> Result<Vec<ServerMessage>, ApiError> {
        let input = |reply| Request::Input {
            viewer,
            messages,
            reply,
        };
        self.ask(input).await?
    }

    pub async fn control(&self, control: Control) -> Result<(), ApiError> {
        self.ask(|reply| Request::Control { control, reply })
            .await?
    }

    pub async fn end(&self) -> Result<(), ApiError> {
        self.tell(Request::End).await
    }

    async fn tell(&self, request: Request) -> Result<(), ApiError> {
        self.requests
            .send(request)
            .await
            .map_err(|_| gone(&self.id))
    }

    async fn ask<T>(
        &self,
        request: impl FnOnce(oneshot::Sender<T>) -> Request,
    ) -> Result<T, ApiError> {
        let (reply, answer) = oneshot::channel();
        self.tell(request(reply)).await?;
        answer.await.map_err(|_| gone(&self.id))
    }
}

/// The same sentence wherever a session is looked for and not found.
pub fn gone(id: &SessionId) -> ApiError {
    ApiError::NotFound(format!(
        "There is no session {id}: it has ended, or it never was."
    ))
}
