//! A server function's body, looked at before the function reads it: a JSON object, or it is refused.

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::Method;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use shared::error::ApiError;

use super::errors::refusal;

/// The layer in front of the server functions. They would take an array as well, field by field in an order that nobody
/// has promised.
pub async fn only_objects(request: Request, next: Next) -> Response {
    let is_call = *request.method() == Method::POST && request.uri().path().starts_with("/api/");
    if !is_call {
        return next.run(request).await;
    }
    let (parts, body) = request.into_parts();
    let body = match Bytes::from_request(Request::new(body), &()).await {
        Ok(body) => body,
        // Too long, or it broke off.
        Err(rejection) => return rejection.into_response(),
    };
    match body.trim_ascii_start() {
        [b'{', ..] => next.run(Request::from_parts(parts, body.into())).await,
        _ => refusal(ApiError::BadRequest(
            "The body must be a JSON object with the function's fields, such as {}.".to_owned(),
        )),
    }
}
