//! `PUT /api/upload?session=…&chooser=…&path=…`: a file that a page asked for; its body is the file.

use axum::Json;
use axum::body::Body;
use axum::extract::{Query, State};
use axum::http::HeaderMap;
use axum::http::header::CONTENT_LENGTH;
use futures::StreamExt;
use serde::Deserialize;
use shared::error::ApiError;
use shared::file::Uploaded;
use shared::session::{SessionId, ViewerId};
use tokio::io::{AsyncWriteExt, BufWriter};

use super::caller::caller;
use super::errors::Refusal;
use crate::files::UploadError;
use crate::sessions::{Sessions, actor};

/// In bytes: what is written at a time.
const BUFFER: usize = 512 * 1024;

#[derive(Deserialize)]
pub struct Sent {
    session: SessionId,
    viewer: Option<ViewerId>,
    chooser: u32,
    /// Its place in the folder that is sent, or its name alone.
    path: String,
}

/// Answered when all of it is there. What is broken off is gone.
pub async fn answer(
    State(sessions): State<Sessions>,
    Query(sent): Query<Sent>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Uploaded>, Refusal> {
    let length = headers
        .get(CONTENT_LENGTH)
        .and_then(|length| length.to_str().ok());
    let bytes: u64 = length
        .and_then(|length| length.parse().ok())
        .ok_or_else(|| {
            ApiError::BadRequest(
                "The file's size must be told: Content-Length is missing.".to_owned(),
            )
        })?;
    let actor = actor(caller(&headers), sent.viewer);
    let session = sessions.find(&sent.session)?;
    let (upload, file) = session
        .begin_upload(actor, sent.chooser, sent.path, bytes)
        .await?;
    // The session may end meanwhile.
    drop(session);
    let conflict = |error: UploadError| ApiError::Conflict(error.to_string());
    let failed = |source: std::io::Error| {
        let name = upload.name().to_owned();
        conflict(UploadError::Io { name, source })
    };
    let not_whole = || conflict(UploadError::NotWhole(upload.name().to_owned()));
    let mut file = BufWriter::with_capacity(BUFFER, tokio::fs::File::from_std(file));
    let mut body = body.into_data_stream();
    let mut written = 0;
    while let Some(chunk) = body.next().await {
        let chunk = chunk.map_err(|_| not_whole())?;
        written += chunk.len() as u64;
        if written > bytes {
            return Err(not_whole().into());
        }
        file.write_all(&chunk).await.map_err(failed)?;
    }
    file.flush().await.map_err(failed)?;
    if written != upload.bytes() {
        return Err(not_whole().into());
    }
    upload.scan().await.map_err(conflict)?;
    Ok(Json(Uploaded {
        upload: upload.finish(),
    }))
}
