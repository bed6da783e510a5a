//! `GET /api/thumbnail?session=…`: a small JPEG of what a session shows.

use axum::extract::{Query, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::IntoResponse;
use serde::Deserialize;
use shared::session::SessionId;

use super::errors::Refusal;
use crate::sessions::Sessions;

#[derive(Deserialize)]
pub struct Wanted {
    session: SessionId,
}

/// Of this moment; never kept.
pub async fn answer(
    State(sessions): State<Sessions>,
    Query(Wanted { session }): Query<Wanted>,
) -> Result<impl IntoResponse, Refusal> {
    let jpeg = sessions.find(&session)?.thumbnail().await?;
    let headers = [(CONTENT_TYPE, "image/jpeg"), (CACHE_CONTROL, "no-store")];
    Ok((headers, jpeg))
}
