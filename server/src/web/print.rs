//! `GET /api/print?session=…`: the active page as PDF.

use axum::extract::{Query, State};
use axum::http::HeaderMap;
use axum::http::header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use shared::error::ApiError;
use shared::file::safe_name;
use shared::session::{SessionId, ViewerId};

use super::caller::caller;
use super::download::disposition;
use super::errors::Refusal;
use crate::sessions::{Sessions, actor};

#[derive(Deserialize)]
pub struct Wanted {
    session: SessionId,
    viewer: Option<ViewerId>,
}

/// A file named after the page's title.
pub async fn answer(
    State(sessions): State<Sessions>,
    Query(wanted): Query<Wanted>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    if !sessions.services().config.printing {
        let sentence = "Printing is switched off on this server.".to_owned();
        return Err(ApiError::Conflict(sentence).into());
    }
    let session = sessions.find(&wanted.session)?;
    let title = {
        let state = session.state();
        let state = state.borrow();
        let tab = state.active_tab();
        tab.map(|tab| tab.title.clone()).unwrap_or_default()
    };
    // A title may be an address, which has slashes.
    let name = safe_name(&format!("{}.pdf", title.replace(['/', '\\'], "_")));
    let pdf = session.pdf(actor(caller(&headers), wanted.viewer)).await?;
    let headers = [
        (CONTENT_TYPE, "application/pdf".to_owned()),
        (CONTENT_DISPOSITION, disposition(&name)),
        (CACHE_CONTROL, "no-store".to_owned()),
    ];
    Ok((headers, pdf).into_response())
}
