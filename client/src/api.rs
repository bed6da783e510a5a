//! The server functions: typed calls with JSON bodies under `/api/…`, for the page and for scripts alike.
//!
//! The server implements them in a [`Backend`], which it provides as context.

use leptos::prelude::*;
use leptos::server_fn::codec::Json;
use shared::api::{Answer, Joined, Opened, SessionSummary};
use shared::error::ApiError;
use shared::geometry::VideoSize;
use shared::message::{ClientMessage, ServerMessage};
use shared::session::{SessionId, SessionState, TabId, ViewerId};

/// The implementation of the server functions.
#[cfg(feature = "ssr")]
mod backend {
    use super::*;
    use std::future::Future;
    use std::pin::Pin;

    /// Result of a server function.
    pub type Reply<T> = Pin<Box<dyn Future<Output = Result<T, ApiError>> + Send>>;

    /// One method per server function, and [`Control`] for all that act on a session's Chrome. The server has the only
    /// implementation; a trait because this crate cannot name the server's types.
    pub trait Backend: Send + Sync {
        /// See [`open`](super::open()).
        fn open(&self, url: String, size: Option<VideoSize>) -> Reply<Opened>;
        /// See [`sessions`](super::sessions()).
        fn sessions(&self) -> Reply<Vec<SessionSummary>>;
        /// See [`join`](super::join()).
        fn join(&self, session: SessionId) -> Reply<Joined>;
        /// See [`offer`](super::offer()).
        fn offer(&self, session: SessionId, viewer: ViewerId, sdp: String) -> Reply<Answer>;
        /// See [`leave`](super::leave()).
        fn leave(&self, session: SessionId, viewer: ViewerId) -> Reply<()>;
        /// See [`updates`](super::updates()).
        fn updates(&self, session: SessionId, viewer: ViewerId, after: u64) -> Reply<SessionState>;
        /// See [`send_input`](super::send_input()).
        fn send_input(
            &self,
            session: SessionId,
            viewer: ViewerId,
            messages: Vec<ClientMessage>,
        ) -> Reply<Vec<ServerMessage>>;
        /// Acts on the session's Chrome.
        fn control(&self, session: SessionId, control: Control) -> Reply<()>;
        /// See [`end`](super::end()).
        fn end(&self, session: SessionId) -> Reply<()>;
    }

    /// What a viewer or a script asks of a session's Chrome; each is a server function of the same name.
    #[derive(Clone, Debug, PartialEq)]
    #[allow(
        missing_docs,
        reason = "the server functions of the same names are documented"
    )]
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

/// Opens a session on `url`: an address, or words to search; empty is a blank page.
#[server(prefix = "/api", endpoint = "open", input = Json, output = Json)]
pub async fn open(
    #[server(default)] url: String,
    #[server(default)] size: Option<VideoSize>,
) -> Result<Opened, ApiError> {
    backend().open(url, size).await
}

/// Lists the open sessions.
#[server(prefix = "/api", endpoint = "sessions", input = Json, output = Json)]
pub async fn sessions() -> Result<Vec<SessionSummary>, ApiError> {
    backend().sessions().await
}

/// Adds a viewer to a session; the viewer's next call is `offer`.
#[server(prefix = "/api", endpoint = "join", input = Json, output = Json)]
pub async fn join(session: SessionId) -> Result<Joined, ApiError> {
    backend().join(session).await
}

/// SDP offer → SDP answer with all candidates. Also for an ICE restart or a new connection: the latest offer replaces
/// earlier ones.
#[server(prefix = "/api", endpoint = "offer", input = Json, output = Json)]
pub async fn offer(session: SessionId, viewer: ViewerId, sdp: String) -> Result<Answer, ApiError> {
    backend().offer(session, viewer, sdp).await
}

/// Removes a viewer that has closed its page (called by `navigator.sendBeacon`).
#[server(prefix = "/api", endpoint = "leave", input = Json, output = Json)]
pub async fn leave(session: SessionId, viewer: ViewerId) -> Result<(), ApiError> {
    backend().leave(session, viewer).await
}

/// Waits until the session's state has a version above `after`, for at most 20 seconds, and returns it.
#[server(prefix = "/api", endpoint = "updates", input = Json, output = Json)]
pub async fn updates(
    session: SessionId,
    viewer: ViewerId,
    #[server(default)] after: u64,
) -> Result<SessionState, ApiError> {
    backend().updates(session, viewer, after).await
}

/// The messages of the data channels, for when these are not open; returns the server's messages in response.
#[server(prefix = "/api", endpoint = "send_input", input = Json, output = Json)]
pub async fn send_input(
    session: SessionId,
    viewer: ViewerId,
    messages: Vec<ClientMessage>,
) -> Result<Vec<ServerMessage>, ApiError> {
    backend().send_input(session, viewer, messages).await
}

/// Navigates the active tab to `url`: an address, or words to search.
#[server(prefix = "/api", endpoint = "navigate", input = Json, output = Json)]
pub async fn navigate(session: SessionId, url: String) -> Result<(), ApiError> {
    backend().control(session, Control::Navigate { url }).await
}

/// Goes one entry back in the active tab's history.
#[server(prefix = "/api", endpoint = "back", input = Json, output = Json)]
pub async fn back(session: SessionId) -> Result<(), ApiError> {
    backend().control(session, Control::Back).await
}

/// Goes one entry forward in the active tab's history.
#[server(prefix = "/api", endpoint = "forward", input = Json, output = Json)]
pub async fn forward(session: SessionId) -> Result<(), ApiError> {
    backend().control(session, Control::Forward).await
}

/// Reloads the active tab.
#[server(prefix = "/api", endpoint = "reload", input = Json, output = Json)]
pub async fn reload(session: SessionId) -> Result<(), ApiError> {
    backend().control(session, Control::Reload).await
}

/// Stops loading the active tab.
#[server(prefix = "/api", endpoint = "stop", input = Json, output = Json)]
pub async fn stop(session: SessionId) -> Result<(), ApiError> {
    backend().control(session, Control::Stop).await
}

/// Opens a tab on `url`, or a blank one, and activates it.
#[server(prefix = "/api", endpoint = "new_tab", input = Json, output = Json)]
pub async fn new_tab(
    session: SessionId,
    #[server(default)] url: Option<String>,
) -> Result<(), ApiError> {
    backend().control(session, Control::NewTab { url }).await
}

/// Brings a tab to the front.
#[server(prefix = "/api", endpoint = "activate_tab", input = Json, output = Json)]
pub async fn activate_tab(session: SessionId, tab: TabId) -> Result<(), ApiError> {
    backend()
        .control(session, Control::ActivateTab { tab })
        .await
}

/// Closes a tab.
#[server(prefix = "/api", endpoint = "close_tab", input = Json, output = Json)]
pub async fn close_tab(session: SessionId, tab: TabId) -> Result<(), ApiError> {
    backend().control(session, Control::CloseTab { tab }).await
}

/// Closes the open `alert`, `confirm`, `prompt` or `beforeunload` dialog; `text` is what a `prompt` returns.
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

/// Starts Chrome again, with the addresses of its tabs, after it has exited.
#[server(prefix = "/api", endpoint = "restart", input = Json, output = Json)]
pub async fn restart(session: SessionId) -> Result<(), ApiError> {
    backend().control(session, Control::Restart).await
}

/// Ends the session for all its viewers.
#[server(prefix = "/api", endpoint = "end", input = Json, output = Json)]
pub async fn end(session: SessionId) -> Result<(), ApiError> {
    backend().end(session).await
}
