//! The server functions: typed calls with JSON bodies under `/api/…`, for the page and for scripts alike.
//!
//! What they do is behind [`Backend`], which the server provides as context.

use leptos::prelude::*;
use leptos::server_fn::codec::Json;
use shared::api::{Answer, Joined, Opened, SessionSummary};
use shared::error::ApiError;
use shared::geometry::VideoSize;
use shared::message::{ClientMessage, ServerMessage};
use shared::session::{SessionId, SessionState, TabId, ViewerId};

/// What the server does when a function is called. One implementation; a trait because a server function cannot name
/// the server's types.
#[cfg(feature = "ssr")]
mod backend {
    use super::*;
    use std::future::Future;
    use std::pin::Pin;

    pub type Reply<T> = Pin<Box<dyn Future<Output = Result<T, ApiError>> + Send>>;

    pub trait Backend: Send + Sync {
        fn open(&self, url: String, size: Option<VideoSize>) -> Reply<Opened>;
        fn sessions(&self) -> Reply<Vec<SessionSummary>>;
        fn join(&self, session: SessionId) -> Reply<Joined>;
        fn offer(&self, session: SessionId, viewer: ViewerId, sdp: String) -> Reply<Answer>;
        fn leave(&self, session: SessionId, viewer: ViewerId) -> Reply<()>;
        fn updates(&self, session: SessionId, viewer: ViewerId, after: u64) -> Reply<SessionState>;
        fn send_input(
            &self,
            session: SessionId,
            viewer: ViewerId,
            messages: Vec<ClientMessage>,
        ) -> Reply<Vec<ServerMessage>>;
        fn control(&self, session: SessionId, control: Control) -> Reply<()>;
        fn end(&self, session: SessionId) -> Reply<()>;
    }

    /// What a person or a script asks of a session's Chrome; each is a server function of the same name.
    #[derive(Clone, Debug, PartialEq)]
    pub enum Control {
        Navigate { url: String },
        Back,
        Forward,
        Reload,
        Stop,
        NewTab { url: Option<String> },
        ActivateTab { tab: TabId },
        CloseTab { tab: TabId },
        AnswerDialog { accept: bool, text: Option<String> },
        Restart,
    }

    pub(super) fn backend() -> std::sync::Arc<dyn Backend> {
        leptos::prelude::expect_context()
    }
}
#[cfg(feature = "ssr")]
use backend::backend;
#[cfg(feature = "ssr")]
pub use backend::{Backend, Control, Reply};

/// Starts a session on `url` (a URL, or words to search; empty opens a blank page).
#[server(prefix = "/api", endpoint = "open", input = Json, output = Json)]
pub async fn open(
    #[server(default)] url: String,
    #[server(default)] size: Option<VideoSize>,
) -> Result<Opened, ApiError> {
    backend().open(url, size).await
}

/// The sessions that run now.
#[server(prefix = "/api", endpoint = "sessions", input = Json, output = Json)]
pub async fn sessions() -> Result<Vec<SessionSummary>, ApiError> {
    backend().sessions().await
}

/// Becomes a viewer of a session; `offer` comes next.
#[server(prefix = "/api", endpoint = "join", input = Json, output = Json)]
pub async fn join(session: SessionId) -> Result<Joined, ApiError> {
    backend().join(session).await
}

/// WebRTC offer → complete answer. Called again for an ICE restart or a new peer; the newest offer wins.
#[server(prefix = "/api", endpoint = "offer", input = Json, output = Json)]
pub async fn offer(session: SessionId, viewer: ViewerId, sdp: String) -> Result<Answer, ApiError> {
    backend().offer(session, viewer, sdp).await
}

/// The viewer closed its page (`navigator.sendBeacon`).
#[server(prefix = "/api", endpoint = "leave", input = Json, output = Json)]
pub async fn leave(session: SessionId, viewer: ViewerId) -> Result<(), ApiError> {
    backend().leave(session, viewer).await
}

/// Waits until the session's state is newer than version `after`, for at most 20 seconds, and gives it.
#[server(prefix = "/api", endpoint = "updates", input = Json, output = Json)]
pub async fn updates(
    session: SessionId,
    viewer: ViewerId,
    #[server(default)] after: u64,
) -> Result<SessionState, ApiError> {
    backend().updates(session, viewer, after).await
}

/// The same messages that travel on the data channels, for when these are not open; gives what they were answered.
#[server(prefix = "/api", endpoint = "send_input", input = Json, output = Json)]
pub async fn send_input(
    session: SessionId,
    viewer: ViewerId,
    messages: Vec<ClientMessage>,
) -> Result<Vec<ServerMessage>, ApiError> {
    backend().send_input(session, viewer, messages).await
}

/// Shows `url` (a URL, or words to search) in the active tab.
#[server(prefix = "/api", endpoint = "navigate", input = Json, output = Json)]
pub async fn navigate(session: SessionId, url: String) -> Result<(), ApiError> {
    backend().control(session, Control::Navigate { url }).await
}

#[server(prefix = "/api", endpoint = "back", input = Json, output = Json)]
pub async fn back(session: SessionId) -> Result<(), ApiError> {
    backend().control(session, Control::Back).await
}

#[server(prefix = "/api", endpoint = "forward", input = Json, output = Json)]
pub async fn forward(session: SessionId) -> Result<(), ApiError> {
    backend().control(session, Control::Forward).await
}

#[server(prefix = "/api", endpoint = "reload", input = Json, output = Json)]
pub async fn reload(session: SessionId) -> Result<(), ApiError> {
    backend().control(session, Control::Reload).await
}

/// Stops loading.
#[server(prefix = "/api", endpoint = "stop", input = Json, output = Json)]
pub async fn stop(session: SessionId) -> Result<(), ApiError> {
    backend().control(session, Control::Stop).await
}

/// Opens a tab on `url`, blank without one, and shows it.
#[server(prefix = "/api", endpoint = "new_tab", input = Json, output = Json)]
pub async fn new_tab(
    session: SessionId,
    #[server(default)] url: Option<String>,
) -> Result<(), ApiError> {
    backend().control(session, Control::NewTab { url }).await
}

#[server(prefix = "/api", endpoint = "activate_tab", input = Json, output = Json)]
pub async fn activate_tab(session: SessionId, tab: TabId) -> Result<(), ApiError> {
    backend()
        .control(session, Control::ActivateTab { tab })
        .await
}

#[server(prefix = "/api", endpoint = "close_tab", input = Json, output = Json)]
pub async fn close_tab(session: SessionId, tab: TabId) -> Result<(), ApiError> {
    backend().control(session, Control::CloseTab { tab }).await
}

/// Answers the `alert`, `confirm`, `prompt` or `beforeunload` that is open.
#[server(prefix = "/api", endpoint = "answer_dialog", input = Json, output = Json)]
pub async fn answer_dialog(
    session: SessionId,
    accept: bool,
    #[server(default)] text: Option<String>,
) -> Result<(), ApiError> {
    backend()
        .control(session, Control::AnswerDialog { accept, text })
        .await
}

/// Starts Chrome again after it was stopped or killed; its tabs' addresses are kept.
#[server(prefix = "/api", endpoint = "restart", input = Json, output = Json)]
pub async fn restart(session: SessionId) -> Result<(), ApiError> {
    backend().control(session, Control::Restart).await
}

/// Ends the session for all its viewers.
#[server(prefix = "/api", endpoint = "end", input = Json, output = Json)]
pub async fn end(session: SessionId) -> Result<(), ApiError> {
    backend().end(session).await
}
