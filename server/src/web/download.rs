//! `GET /api/download?session=…&download=…`: a file that a page gave to the person. The browser saves it, and never shows it.

use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::Body;
use axum::extract::{Query, State};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_SECURITY_POLICY, CONTENT_TYPE,
};
use axum::http::{HeaderMap, HeaderValue};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures::Stream;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use shared::error::ApiError;
use shared::session::{DownloadId, SessionId, ViewerId};
use tokio_util::io::ReaderStream;

use super::caller::caller;
use super::errors::Refusal;
use crate::session::Session;
use crate::sessions::{Sessions, actor};

/// In bytes, of one read from the disk.
const CHUNK: usize = 256 * 1024;

/// What RFC 8187 lets stand as it is.
const ATTRIBUTE: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'!')
    .remove(b'#')
    .remove(b'$')
    .remove(b'&')
    .remove(b'+')
    .remove(b'-')
    .remove(b'.')
    .remove(b'^')
    .remove(b'_')
    .remove(b'`')
    .remove(b'|')
    .remove(b'~');

#[derive(Deserialize)]
pub struct Wanted {
    session: SessionId,
    download: DownloadId,
    viewer: Option<ViewerId>,
}

/// All of it, once more if it is asked for again.
pub async fn answer(
    State(sessions): State<Sessions>,
    Query(wanted): Query<Wanted>,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let session = sessions.find(&wanted.session)?;
    let actor = actor(caller(&headers), wanted.viewer);
    let id = wanted.download;
    let (file, bytes) = session.open_download(actor, id.clone()).await?;
    let name = {
        let state = session.state();
        let state = state.borrow();
        let known = state.downloads.iter().find(|known| known.id == id);
        known.map_or_else(|| "download".to_owned(), |known| known.name.clone())
    };
    let mut file = tokio::fs::File::from_std(file);
    file.set_max_buf_size(CHUNK);
    let body = Handed {
        file: ReaderStream::with_capacity(file, CHUNK),
        left: bytes,
        told: Some((session, id)),
    };
    let disposition = HeaderValue::from_str(&disposition(&name))
        .map_err(|error| ApiError::Internal(error.to_string()))?;
    let fixed = |text| HeaderValue::from_static(text);
    let headers = [
        (CONTENT_TYPE, fixed("application/octet-stream")),
        (CONTENT_DISPOSITION, disposition),
        (CONTENT_LENGTH, bytes.into()),
        (CONTENT_SECURITY_POLICY, fixed("sandbox")),
        (CACHE_CONTROL, fixed("no-store")),
    ];
    Ok((headers, Body::from_stream(body)).into_response())
}

/// RFC 6266: the name for whoever knows UTF-8, and one in ASCII for whoever does not.
pub fn disposition(name: &str) -> String {
    let is_plain = |char: char| matches!(char, ' '..='~') && !matches!(char, '"' | '\\' | '%');
    let plain: String = name
        .chars()
        .map(|char| if is_plain(char) { char } else { '_' })
        .collect();
    let encoded = utf8_percent_encode(name, ATTRIBUTE);
    format!("attachment; filename=\"{plain}\"; filename*=UTF-8''{encoded}")
}

/// The file; the session is told when all of it was handed over.
struct Handed {
    file: ReaderStream<tokio::fs::File>,
    left: u64,
    told: Option<(Session, DownloadId)>,
}

impl Stream for Handed {
    type Item = std::io::Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let read = Pin::new(&mut self.file).poll_next(context);
        if let Poll::Ready(Some(Ok(bytes))) = &read {
            self.left = self.left.saturating_sub(bytes.len() as u64);
            if self.left == 0
                && let Some((session, id)) = self.told.take()
            {
                tokio::spawn(async move {
                    // A session that has ended has removed it.
                    let _ = session.download_delivered(id).await;
                });
            }
        }
        read
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_stands_in_its_header_and_nothing_else() {
        assert_eq!(
            disposition("über \"uns\".txt"),
            "attachment; filename=\"_ber _uns_.txt\"; filename*=UTF-8''%C3%BCber%20%22uns%22.txt"
        );
        let header = disposition("a\r\nSet-Cookie: x");
        assert!(!header.contains(['\r', '\n']), "{header}");
    }
}
