//! A server function's body, looked at before the function reads it: a JSON object, or it is refused.

use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, FromRequest, Request, State};
use axum::http::Method;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use shared::error::ApiError;

use super::errors::Refusal;

/// The longest bodies, in bytes.
#[derive(Clone, Copy, Debug)]
pub struct BodyLimits {
    /// An SDP offer or text, escaped as JSON.
    pub usual: usize,
    /// What is put into the clipboard.
    pub clipboard: usize,
}

/// The layer in front of the server functions. They would take an array as well, field by field in an order that nobody
/// has promised.
pub async fn only_objects(
    State(limits): State<BodyLimits>,
    request: Request,
    next: Next,
) -> Response {
    let path = request.uri().path();
    if *request.method() != Method::POST || !path.starts_with("/api/") {
        return next.run(request).await;
    }
    let longest = match path == "/api/set_clipboard" {
        true => limits.clipboard,
        false => limits.usual,
    };
    let (parts, body) = request.into_parts();
    let mut read = Request::new(body);
    DefaultBodyLimit::max(longest).apply(&mut read);
    let body = match Bytes::from_request(read, &()).await {
        Ok(body) => body,
        // Too long, or it broke off.
        Err(rejection) => return rejection.into_response(),
    };
    match body.trim_ascii_start() {
        [b'{', ..] => next.run(Request::from_parts(parts, body.into())).await,
        _ => Refusal::from(ApiError::BadRequest(
            "The body must be a JSON object with the function's fields, such as {}.".to_owned(),
        ))
        .into_response(),
    }
}
