//! `GET /api/thumbnail?session=…`: a small JPEG of what a session shows.

use axum::extract::{Query, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use shared::session::SessionId;

use super::errors::refusal;
use crate::sessions::Sessions;

#[derive(Deserialize)]
pub struct Wanted {
    session: SessionId,
}

/// Of this moment; never kept.
pub async fn answer(
    State(sessions): State<Sessions>,
    Query(Wanted { session }): Query<Wanted>,
) -> Response {
    let found = sessions.find(&session);
    let jpeg = match found {
        Ok(session) => session.thumbnail().await,
        Err(error) => Err(error),
    };
    match jpeg {
        Ok(jpeg) => {
            let headers = [(CONTENT_TYPE, "image/jpeg"), (CACHE_CONTROL, "no-store")];
            (headers, jpeg).into_response()
        }
        Err(error) => refusal(error),
    }
}
