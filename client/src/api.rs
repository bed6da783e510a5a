//! The server functions: typed calls with JSON bodies under `/api/…`, for the page and for scripts alike.
//!
//! The server implements them in a [`Backend`], which it provides as context. A function that acts on a session takes the
//! viewer in whose name it is called; without one, the caller's credential says who acts.

use leptos::prelude::*;
use leptos::server_fn::codec::Json;
use shared::api::{Answer, Found, Joined, LoadedImage, Opened, SessionSummary};
use shared::clipboard::ClipboardContent;
use shared::error::ApiError;
use shared::file::{Dragged, Dropped};
use shared::geometry::{AimedPoint, VideoSize, Viewport};
use shared::message::{ClientMessage, ServerMessage};
use shared::preferences::Preferences;
use shared::session::{
    Credentials, DownloadId, SessionId, SessionState, TabId, UploadId, ViewerId,
};
use shared::site::{Location, Permission, PermissionState, SitePermissions};

/// The implementation of the server functions.
#[cfg(feature = "ssr")]
mod backend {
    use super::*;
    use std::future::Future;
    use std::pin::Pin;
    use std::sync::Arc;

    /// Result of a server function.
    pub type Reply<T> = Pin<Box<dyn Future<Output = Result<T, ApiError>> + Send>>;

    /// Who calls, by the credential of the request. The server provides it as context, beside [`Backend`].
    #[derive(Clone, Debug, PartialEq, Eq)]
    pub enum Caller {
        /// A page in a browser: it has the cookie.
        Page,
        /// A script, by the name of the credential that it showed.
        Script(Arc<str>),
    }

    /// One method per server function, and [`Control`] for all that act on a session's Chrome. The server has the only
    /// implementation; a trait because this crate cannot name the server's types.
    pub trait Backend: Send + Sync {
        /// See [`open`](super::open()).
        fn open(
            &self,
            caller: Caller,
            url: String,
            size: Option<VideoSize>,
            preferences: Preferences,
        ) -> Reply<Opened>;
        /// See [`sessions`](super::sessions()).
        fn sessions(&self) -> Reply<Vec<SessionSummary>>;
        /// See [`join`](super::join()).
        fn join(
            &self,
            caller: Caller,
            session: SessionId,
            viewport: Option<Viewport>,
        ) -> Reply<Joined>;
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
        /// Acts on the session's Chrome; `viewer` is who acts, if it watches the session.
        fn control(
            &self,
            caller: Caller,
            session: SessionId,
            viewer: Option<ViewerId>,
            control: Control,
        ) -> Reply<()>;
        /// See [`find`](super::find()).
        fn find(
            &self,
            caller: Caller,
            session: SessionId,
            viewer: Option<ViewerId>,
            text: String,
            step: i32,
        ) -> Reply<Found>;
        /// See [`image`](super::image()).
        fn image(
            &self,
            caller: Caller,
            session: SessionId,
            viewer: Option<ViewerId>,
            url: String,
        ) -> Reply<LoadedImage>;
        /// See [`permissions`](super::permissions()).
        fn permissions(
            &self,
            caller: Caller,
            session: SessionId,
            viewer: Option<ViewerId>,
        ) -> Reply<SitePermissions>;
        /// See [`clipboard`](super::clipboard()).
        fn clipboard(
            &self,
            caller: Caller,
            session: SessionId,
            viewer: Option<ViewerId>,
        ) -> Reply<ClipboardContent>;
        /// See [`set_clipboard`](super::set_clipboard()).
        fn set_clipboard(
            &self,
            caller: Caller,
            session: SessionId,
            viewer: Option<ViewerId>,
            content: ClipboardContent,
        ) -> Reply<()>;
        /// See [`remove_download`](super::remove_download()).
        fn remove_download(
            &self,
            caller: Caller,
            session: SessionId,
            viewer: Option<ViewerId>,
            download: DownloadId,
        ) -> Reply<()>;
        /// See [`choose_files`](super::choose_files()).
        fn choose_files(
            &self,
            caller: Caller,
            session: SessionId,
            viewer: Option<ViewerId>,
            chooser: u32,
            uploads: Vec<UploadId>,
        ) -> Reply<()>;
        /// See [`drag_files`](super::drag_files()).
        fn drag_files(
            &self,
            caller: Caller,
            session: SessionId,
            viewer: Option<ViewerId>,
            at: Option<AimedPoint>,
            types: Vec<String>,
        ) -> Reply<Dragged>;
        /// See [`drop_files`](super::drop_files()).
        fn drop_files(
            &self,
            caller: Caller,
            session: SessionId,
            viewer: Option<ViewerId>,
            at: Option<AimedPoint>,
            types: Vec<String>,
        ) -> Reply<Dropped>;
        /// Answered when nothing of the session is left.
        fn end(&self, caller: Caller, session: SessionId, viewer: Option<ViewerId>) -> Reply<()>;
    }

    /// What a viewer or a script asks of a session's Chrome; each is a server function of the same name.
    #[derive(Clone, Debug, PartialEq)]
    #[allow(
        missing_docs,
        reason = "the server functions of the same names are documented"
    )]
    pub enum Control {
        Navigate {
            url: String,
        },
        Back,
        Forward,
        Reload,
        Stop,
        NewTab {
            url: Option<String>,
        },
        ActivateTab {
            tab: TabId,
        },
        CloseTab {
            tab: TabId,
        },
        MoveTab {
            tab: TabId,
            to: u32,
        },
        AnswerDialog {
            accept: bool,
            text: Option<String>,
            silence: bool,
        },
        Authenticate {
            challenge: u32,
            credentials: Option<Credentials>,
        },
        SetPermission {
            origin: String,
            permission: Permission,
            state: PermissionState,
        },
        SetLocation {
            location: Location,
        },
        AnswerNotification {
            notification: u32,
            follow: bool,
        },
        ExitFullscreen,
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

/// Opens a session on `url`: an address, or words to search; empty is a blank page. `preferences` are what its pages are
/// told of the person.
#[server(prefix = "/api", endpoint = "open", input = Json, output = Json)]
pub async fn open(
    #[server(default)] url: String,
    #[server(default)] size: Option<VideoSize>,
    #[server(default)] preferences: Preferences,
) -> Result<Opened, ApiError> {
    backend().open(caller(), url, size, preferences).await
}

/// Lists the open sessions.
#[server(prefix = "/api", endpoint = "sessions", input = Json, output = Json)]
pub async fn sessions() -> Result<Vec<SessionSummary>, ApiError> {
    backend().sessions().await
}

/// Adds a viewer to a session; the viewer's next call is `offer`. `viewport` is the room that it has for the page.
#[server(prefix = "/api", endpoint = "join", input = Json, output = Json)]
pub async fn join(
    session: SessionId,
    #[server(default)] viewport: Option<Viewport>,
) -> Result<Joined, ApiError> {
    backend().join(caller(), session, viewport).await
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
pub async fn navigate(
    session: SessionId,
    #[server(default)] viewer: Option<ViewerId>,
    url: String,
) -> Result<(), ApiError> {
    control(session, viewer, Control::Navigate { url }).await
}

/// Goes one entry back in the active tab's history.
#[server(prefix = "/api", endpoint = "back", input = Json, output = Json)]
pub async fn back(
    session: SessionId,
    #[server(default)] viewer: Option<ViewerId>,
) -> Result<(), ApiError> {
    control(session, viewer, Control::Back).await
}

/// Goes one entry forward in the active tab's history.
#[server(prefix = "/api", endpoint = "forward", input = Json, output = Json)]
pub async fn forward(
    session: SessionId,
    #[server(default)] viewer: Option<ViewerId>,
) -> Result<(), ApiError> {
    control(session, viewer, Control::Forward).await
}

/// Reloads the active tab.
#[server(prefix = "/api", endpoint = "reload", input = Json, output = Json)]
pub async fn reload(
    session: SessionId,
    #[server(default)] viewer: Option<ViewerId>,
) -> Result<(), ApiError> {
    control(session, viewer, Control::Reload).await
}

/// Stops loading the active tab.
#[server(prefix = "/api", endpoint = "stop", input = Json, output = Json)]
pub async fn stop(
    session: SessionId,
    #[server(default)] viewer: Option<ViewerId>,
) -> Result<(), ApiError> {
    control(session, viewer, Control::Stop).await
}

/// Opens a tab on `url`, or a blank one, and activates it.
#[server(prefix = "/api", endpoint = "new_tab", input = Json, output = Json)]
pub async fn new_tab(
    session: SessionId,
    #[server(default)] viewer: Option<ViewerId>,
    #[server(default)] url: Option<String>,
) -> Result<(), ApiError> {
    control(session, viewer, Control::NewTab { url }).await
}

/// Brings a tab to the front.
#[server(prefix = "/api", endpoint = "activate_tab", input = Json, output = Json)]
pub async fn activate_tab(
    session: SessionId,
    #[server(default)] viewer: Option<ViewerId>,
    tab: TabId,
) -> Result<(), ApiError> {
    control(session, viewer, Control::ActivateTab { tab }).await
}

/// Closes a tab.
#[server(prefix = "/api", endpoint = "close_tab", input = Json, output = Json)]
pub async fn close_tab(
    session: SessionId,
    #[server(default)] viewer: Option<ViewerId>,
    tab: TabId,
) -> Result<(), ApiError> {
    control(session, viewer, Control::CloseTab { tab }).await
}

/// Moves a tab to that place of the strip; 0 is the first.
#[server(prefix = "/api", endpoint = "move_tab", input = Json, output = Json)]
pub async fn move_tab(
    session: SessionId,
    #[server(default)] viewer: Option<ViewerId>,
    tab: TabId,
    to: u32,
) -> Result<(), ApiError> {
    control(session, viewer, Control::MoveTab { tab, to }).await
}

/// Closes the open `alert`, `confirm`, `prompt` or `beforeunload` dialog; `text` is what a `prompt` returns. With `silence`
/// the page's document shows no more of the first three: they are answered with no.
#[server(prefix = "/api", endpoint = "answer_dialog", input = Json, output = Json)]
pub async fn answer_dialog(
    session: SessionId,
    #[server(default)] viewer: Option<ViewerId>,
    accept: bool,
    #[server(default)] text: Option<String>,
    #[server(default)] silence: bool,
) -> Result<(), ApiError> {
    let answer = Control::AnswerDialog {
        accept,
        text,
        silence,
    };
    control(session, viewer, answer).await
}

/// Tells the server or proxy of that [`AuthChallenge`](shared::session::AuthChallenge) who the person is; without
/// `credentials` it is declined.
#[server(prefix = "/api", endpoint = "authenticate", input = Json, output = Json)]
pub async fn authenticate(
    session: SessionId,
    #[server(default)] viewer: Option<ViewerId>,
    challenge: u32,
    #[server(default)] credentials: Option<Credentials>,
) -> Result<(), ApiError> {
    let answer = Control::Authenticate {
        challenge,
        credentials,
    };
    control(session, viewer, answer).await
}

/// Ends the full screen that the active tab's page asked for.
#[server(prefix = "/api", endpoint = "exit_fullscreen", input = Json, output = Json)]
pub async fn exit_fullscreen(
    session: SessionId,
    #[server(default)] viewer: Option<ViewerId>,
) -> Result<(), ApiError> {
    control(session, viewer, Control::ExitFullscreen).await
}

/// Marks a text wherever it stands on the active tab's page, and shows the one that is `step` steps from the one that was
/// shown; with another text, the next one. Empty text ends it.
#[server(prefix = "/api", endpoint = "find", input = Json, output = Json)]
pub async fn find(
    session: SessionId,
    #[server(default)] viewer: Option<ViewerId>,
    text: String,
    #[server(default)] step: i32,
) -> Result<Found, ApiError> {
    backend().find(caller(), session, viewer, text, step).await
}

/// A picture of the active tab's page, as the page itself gets it: at most 8 MiB.
#[server(prefix = "/api", endpoint = "image", input = Json, output = Json)]
pub async fn image(
    session: SessionId,
    #[server(default)] viewer: Option<ViewerId>,
    url: String,
) -> Result<LoadedImage, ApiError> {
    backend().image(caller(), session, viewer, url).await
}

/// What the site may do that the active tab shows.
#[server(prefix = "/api", endpoint = "permissions", input = Json, output = Json)]
pub async fn permissions(
    session: SessionId,
    #[server(default)] viewer: Option<ViewerId>,
) -> Result<SitePermissions, ApiError> {
    backend().permissions(caller(), session, viewer).await
}

/// Grants a permission to the site that the active tab shows, or denies it, until the session's Chrome ends. `origin` is
/// that site's.
#[server(prefix = "/api", endpoint = "set_permission", input = Json, output = Json)]
pub async fn set_permission(
    session: SessionId,
    #[server(default)] viewer: Option<ViewerId>,
    origin: String,
    permission: Permission,
    state: PermissionState,
) -> Result<(), ApiError> {
    let set = Control::SetPermission {
        origin,
        permission,
        state,
    };
    control(session, viewer, set).await
}

/// Where pages are told that the person is, if their site may know; without it they learn of no place.
#[server(prefix = "/api", endpoint = "set_location", input = Json, output = Json)]
pub async fn set_location(
    session: SessionId,
    #[server(default)] viewer: Option<ViewerId>,
    location: Location,
) -> Result<(), ApiError> {
    control(session, viewer, Control::SetLocation { location }).await
}

/// Follows the notification of that number, as with a click on it, or puts it away. Nothing happens unless it is shown.
#[server(prefix = "/api", endpoint = "answer_notification", input = Json, output = Json)]
pub async fn answer_notification(
    session: SessionId,
    #[server(default)] viewer: Option<ViewerId>,
    notification: u32,
    follow: bool,
) -> Result<(), ApiError> {
    let answer = Control::AnswerNotification {
        notification,
        follow,
    };
    control(session, viewer, answer).await
}

/// What the session's page has put into the clipboard last.
#[server(prefix = "/api", endpoint = "clipboard", input = Json, output = Json)]
pub async fn clipboard(
    session: SessionId,
    #[server(default)] viewer: Option<ViewerId>,
) -> Result<ClipboardContent, ApiError> {
    backend().clipboard(caller(), session, viewer).await
}

/// Puts this into the clipboard of the session's Chrome: its pages can paste it.
#[server(prefix = "/api", endpoint = "set_clipboard", input = Json, output = Json)]
pub async fn set_clipboard(
    session: SessionId,
    #[server(default)] viewer: Option<ViewerId>,
    content: ClipboardContent,
) -> Result<(), ApiError> {
    backend()
        .set_clipboard(caller(), session, viewer, content)
        .await
}

/// Breaks a download off, or removes its file from the server.
#[server(prefix = "/api", endpoint = "remove_download", input = Json, output = Json)]
pub async fn remove_download(
    session: SessionId,
    #[server(default)] viewer: Option<ViewerId>,
    download: DownloadId,
) -> Result<(), ApiError> {
    backend()
        .remove_download(caller(), session, viewer, download)
        .await
}

/// Tells the page of files that the person drags over it, `types` being their media types, as far as they are known;
/// without a point they have left it.
#[server(prefix = "/api", endpoint = "drag_files", input = Json, output = Json)]
pub async fn drag_files(
    session: SessionId,
    #[server(default)] viewer: Option<ViewerId>,
    #[server(default)] at: Option<AimedPoint>,
    #[server(default)] types: Vec<String>,
) -> Result<Dragged, ApiError> {
    backend()
        .drag_files(caller(), session, viewer, at, types)
        .await
}

/// Files of those media types will be uploaded that the person has dropped at that point of the page, or, without a point,
/// pasted where the focus is. The page has them with [`choose_files`].
#[server(prefix = "/api", endpoint = "drop_files", input = Json, output = Json)]
pub async fn drop_files(
    session: SessionId,
    #[server(default)] viewer: Option<ViewerId>,
    #[server(default)] at: Option<AimedPoint>,
    #[server(default)] types: Vec<String>,
) -> Result<Dropped, ApiError> {
    backend()
        .drop_files(caller(), session, viewer, at, types)
        .await
}

/// Gives the page's file chooser the files that were uploaded for it; so with what was dropped or pasted.
#[server(prefix = "/api", endpoint = "choose_files", input = Json, output = Json)]
pub async fn choose_files(
    session: SessionId,
    #[server(default)] viewer: Option<ViewerId>,
    chooser: u32,
    uploads: Vec<UploadId>,
) -> Result<(), ApiError> {
    backend()
        .choose_files(caller(), session, viewer, chooser, uploads)
        .await
}

/// Starts Chrome again, with the addresses of its tabs, after it has exited.
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
