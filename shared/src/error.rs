//! Errors of server functions, each with a sentence for whoever called.

use serde::{Deserialize, Serialize};
use server_fn::{
    codec::JsonEncoding,
    error::{FromServerFnError, ServerFnErrorErr},
};

/// Each kind has an HTTP status; the sentence says what to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(tag = "error", content = "message", rename_all = "snake_case")]
pub enum ApiError {
    /// 400: the request is malformed.
    #[error("{0}")]
    BadRequest(String),
    /// 401: the token is missing or wrong.
    #[error("{0}")]
    Unauthorized(String),
    /// 403: a cross-origin request, or a host name that is not the server's.
    #[error("{0}")]
    Forbidden(String),
    /// 404: no such session, viewer or tab.
    #[error("{0}")]
    NotFound(String),
    /// 409: impossible in the session's present state.
    #[error("{0}")]
    Conflict(String),
    /// 422: the address is not allowed.
    #[error("{0}")]
    RefusedAddress(String),
    /// 503: the maximum number of sessions is open.
    #[error("{0}")]
    Full(String),
    /// 500: the server failed; the cause is in its log.
    #[error("{0}")]
    Internal(String),
    /// Made by the client: the request did not reach the server, or the response did not arrive.
    #[error("{0}")]
    Unreachable(String),
}

impl ApiError {
    /// The HTTP status this error is answered with.
    pub fn status(&self) -> u16 {
        match self {
            ApiError::BadRequest(_) => 400,
            ApiError::Unauthorized(_) => 401,
            ApiError::Forbidden(_) => 403,
            ApiError::NotFound(_) => 404,
            ApiError::Conflict(_) => 409,
            ApiError::RefusedAddress(_) => 422,
            ApiError::Full(_) => 503,
            ApiError::Internal(_) => 500,
            ApiError::Unreachable(_) => 502,
        }
    }
}

impl FromServerFnError for ApiError {
    type Encoder = JsonEncoding;

    fn from_server_fn_error(error: ServerFnErrorErr) -> Self {
        match error {
            ServerFnErrorErr::Args(what)
            | ServerFnErrorErr::MissingArg(what)
            | ServerFnErrorErr::Deserialization(what) => {
                ApiError::BadRequest(format!("The request cannot be read: {what}"))
            }
            ServerFnErrorErr::Request(_) | ServerFnErrorErr::Response(_) => {
                ApiError::Unreachable("The server cannot be reached.".to_owned())
            }
            other => ApiError::Internal(format!("The server failed: {other}")),
        }
    }
}
