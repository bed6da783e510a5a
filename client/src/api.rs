//! The server functions: typed calls with JSON bodies under `/api/…`, for the page and for scripts alike.
//!
//! What they do is behind [`Backend`], which the server provides as context. A function that acts on a session takes the
//! viewer in whose name it is called; without one, the caller's credential says who acts.

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
    use std::sync::Arc;

    pub type Reply<T> = Pin<Box<dyn Future<Output = Result<T, ApiError>> + Send>>;

    /// Who calls, by the credential of the request. The server provides it as context, beside [`Backend`].
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub enum Caller {
        /// A page in a browser: it has the cookie.
        Page,
        /// A script, by the name of the credential that it showed.
        Script(Arc<str>),
    }

    pub trait Backend: Send + Sync {
        fn open(&self, caller: Caller, url: String, size: Option<VideoSize>) -> Reply<Opened>;
        fn sessions(&self) -> Reply<Vec<SessionSummary>>;
        fn join(&self, caller: Caller, session: SessionId) -> Reply<Joined>;
        fn offer(&self, session: SessionId, viewer: ViewerId, sdp: String) -> Reply<Answer>;
        fn leave(&self, session: SessionId, viewer: ViewerId) -> Reply<()>;
        fn updates(&self, session: SessionId, viewer: ViewerId, after: u64) -> Reply<SessionState>;
        fn send_input(
            &self,
            session: SessionId,
            viewer: ViewerId,
            messages: Vec<ClientMessage>,
        ) -> Reply<Vec<ServerMessage>>;
        /// `viewer`: who acts, if it watches the session.
        fn control(
            &self,
            caller: Caller,
            session: SessionId,
            viewer: Option<ViewerId>,
            control: Control,
        ) -> Reply<()>;
        /// Answered when nothing of the session is left.
        fn end(&self, caller: Caller, session: SessionId, viewer: Option<ViewerId>) -> Reply<()>;
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

    pub(super) fn backend() -> Arc<dyn Backend> {
        leptos::prelude::expect_context()
    }

    pub(super) fn caller() -> Caller {
        leptos::prelude::expect_context()
    }

    pub(super) async fn control(
        session: SessionId,
        viewer: Option<ViewerId>,
        control: Control,
    ) -> Result<(), ApiError> {
        let asked = backend().control(caller(), session, viewer, control);
        asked.await
    }
}
#[cfg(feature = "ssr")]
pub use backend::{Backend, Caller, Control, Reply};
#[cfg(feature = "ssr")]
use backend::{backend, caller, control};

/// Starts a session on `url` (a URL, or words to search; empty opens a blank page).
#[server(prefix = "/api", endpoint = "open", input = Json, output = Json)]
pub async fn open(
    #[server(default)] url: String,
    #[server(default)] size: Option<VideoSize>,
) -> Result<Opened, ApiError> {
    backend().open(caller(), url, size).await
}

/// The sessions that run now.
#[server(prefix = "/api", endpoint = "sessions", input = Json, output = Json)]
pub async fn sessions() -> Result<Vec<SessionSummary>, ApiError> {
    backend().sessions().await
}

/// Becomes a viewer of a session; `offer` comes next.
#[server(prefix = "/api", endpoint = "join", input = Json, output = Json)]
pub async fn join(session: SessionId) -> Result<Joined, ApiError> {
    backend().join(caller(), session).await
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
pub async fn navigate(
    session: SessionId,
    #[server(default)] viewer: Option<ViewerId>,
    url: String,
) -> Result<(), ApiError> {
    control(session, viewer, Control::Navigate { url }).await
}

#[server(prefix = "/api", endpoint = "back", input = Json, output = Json)]
pub async fn back(
    session: SessionId,
    #[server(default)] viewer: Option<ViewerId>,
) -> Result<(), ApiError> {
    control(session, viewer, Control::Back).await
}

#[server(prefix = "/api", endpoint = "forward", input = Json, output = Json)]
pub async fn forward(
    session: SessionId,
    #[server(default)] viewer: Option<ViewerId>,
) -> Result<(), ApiError> {
    control(session, viewer, Control::Forward).await
}

#[server(prefix = "/api", endpoint = "reload", input = Json, output = Json)]
pub async fn reload(
    session: SessionId,
    #[server(default)] viewer: Option<ViewerId>,
) -> Result<(), ApiError> {
    control(session, viewer, Control::Reload).await
}

/// Stops loading.
#[server(prefix = "/api", endpoint = "stop", input = Json, output = Json)]
pub async fn stop(
    session: SessionId,
    #[server(default)] viewer: Option<ViewerId>,
) -> Result<(), ApiError> {
    control(session, viewer, Control::Stop).await
}

/// Opens a tab on `url`, blank without one, and shows it.
#[server(prefix = "/api", endpoint = "new_tab", input = Json, output = Json)]
pub async fn new_tab(
    session: SessionId,
    #[server(default)] viewer: Option<ViewerId>,
    #[server(default)] url: Option<String>,
) -> Result<(), ApiError> {
    control(session, viewer, Control::NewTab { url }).await
}

#[server(prefix = "/api", endpoint = "activate_tab", input = Json, output = Json)]
pub async fn activate_tab(
    session: SessionId,
    #[server(default)] viewer: Option<ViewerId>,
    tab: TabId,
) -> Result<(), ApiError> {
    control(session, viewer, Control::ActivateTab { tab }).await
}

#[server(prefix = "/api", endpoint = "close_tab", input = Json, output = Json)]
pub async fn close_tab(
    session: SessionId,
    #[server(default)] viewer: Option<ViewerId>,
    tab: TabId,
) -> Result<(), ApiError> {
    control(session, viewer, Control::CloseTab { tab }).await
}

/// Answers the `alert`, `confirm`, `prompt` or `beforeunload` that is open.
#[server(prefix = "/api", endpoint = "answer_dialog", input = Json, output = Json)]
pub async fn answer_dialog(
    session: SessionId,
    #[server(default)] viewer: Option<ViewerId>,
    accept: bool,
    #[server(default)] text: Option<String>,
) -> Result<(), ApiError> {
    control(session, viewer, Control::AnswerDialog { accept, text }).await
}

/// Starts Chrome again after it was stopped or killed; its tabs' addresses are kept.
#[server(prefix = "/api", endpoint = "restart", input = Json, output = Json)]
pub async fn restart(
    session: SessionId,
    #[server(default)] viewer: Option<ViewerId>,
) -> Result<(), ApiError> {
    control(session, viewer, Control::Restart).await
}

/// Ends the session for all its viewers.
#[server(prefix = "/api", endpoint = "end", input = Json, output = Json)]
pub async fn end(
    session: SessionId,
    #[server(default)] viewer: Option<ViewerId>,
) -> Result<(), ApiError> {
    backend().end(caller(), session, viewer).await
}
