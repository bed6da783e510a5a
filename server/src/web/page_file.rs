//! `GET /api/print?session=…` and `GET /api/save_page?session=…`: the active page as a file, which is named after its title.

use std::fs::File;
use std::io::{self, Seek, Write};

use axum::extract::{Query, State};
use axum::http::HeaderMap;
use axum::http::header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use rustix::fs::{MemfdFlags, memfd_create};
use serde::Deserialize;
use shared::error::ApiError;
use shared::file::safe_name;
use shared::session::{SessionId, ViewerId};
use tokio::sync::Semaphore;

use super::caller::caller;
use super::download::disposition;
use super::errors::Refusal;
use crate::session::Session;
use crate::sessions::{Sessions, actor};

/// At the same time, of all sessions: each is a process.
static SCANS: Semaphore = Semaphore::const_new(2);

#[derive(Deserialize)]
pub struct Wanted {
    session: SessionId,
    viewer: Option<ViewerId>,
    /// Of the page that is printed.
    frame: Option<u32>,
}

/// As PDF.
pub async fn print(
    State(sessions): State<Sessions>,
    Query(wanted): Query<Wanted>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    check(sessions.services().config.printing, "Printing")?;
    let session = sessions.find(&wanted.session)?;
    let actor = actor(caller(&headers), wanted.viewer);
    let name = name(&session, "pdf");
    let pdf = session.pdf(actor, wanted.frame).await?;
    scan(&sessions, &name, &pdf).await?;
    Ok(file(&name, "application/pdf", pdf))
}

/// As MHTML: the page with what it shows, in one file that browsers open.
pub async fn save(
    State(sessions): State<Sessions>,
    Query(wanted): Query<Wanted>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    check(sessions.services().config.files.downloads, "Saving")?;
    let session = sessions.find(&wanted.session)?;
    let actor = actor(caller(&headers), wanted.viewer);
    let name = name(&session, "mhtml");
    let page = session.snapshot(actor).await?;
    scan(&sessions, &name, &page).await?;
    Ok(file(&name, "multipart/related", page))
}

fn check(is_on: bool, what: &str) -> Result<(), ApiError> {
    let off = || ApiError::Conflict(format!("{what} is switched off on this server."));
    is_on.then_some(()).ok_or_else(off)
}

/// Asks the operator's program, if there is one. 409 with its sentence for what must not be handed over.
async fn scan(sessions: &Sessions, name: &str, bytes: &Bytes) -> Result<(), ApiError> {
    let Some(command) = &sessions.services().config.scan else {
        return Ok(());
    };
    // It is never closed.
    let _turn = SCANS.acquire().await;
    let file = in_memory(bytes).map_err(|error| ApiError::Internal(error.to_string()))?;
    let refused = |reason| ApiError::Conflict(format!("{name} is not handed over. {reason}"));
    command.scan(file, name).await.map_err(refused)
}

fn in_memory(bytes: &[u8]) -> io::Result<File> {
    let mut file = File::from(memfd_create("page", MemfdFlags::CLOEXEC)?);
    file.write_all(bytes)?;
    file.rewind()?;
    Ok(file)
}

fn name(session: &Session, extension: &str) -> String {
    let state = session.state();
    let state = state.borrow();
    let tab = state.active_tab();
    let title = tab.map(|tab| tab.title.clone()).unwrap_or_default();
    // A title may be an address, which has slashes.
    let title = title.replace(['/', '\\'], "_");
    safe_name(&format!("{title}.{extension}"))
}

fn file(name: &str, media_type: &'static str, bytes: Bytes) -> Response {
    let headers = [
        (CONTENT_TYPE, media_type.to_owned()),
        (CONTENT_DISPOSITION, disposition(name)),
        (CACHE_CONTROL, "no-store".to_owned()),
    ];
    (headers, bytes).into_response()
}
