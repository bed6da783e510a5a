//! `GET /api/download?session=…&download=…`: a file that a page gave to the person, or the rest of it (RFC 9110, section 14).
//! The browser saves it, and never shows it.

use std::io::SeekFrom;
use std::ops::RangeInclusive;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::Body;
use axum::extract::{Query, State};
use axum::http::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_RANGE,
    CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, IF_RANGE, RANGE,
};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures::Stream;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;
use shared::error::ApiError;
use shared::session::{DownloadId, SessionId, ViewerId};
use tokio::io::{AsyncReadExt, AsyncSeekExt};
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

/// All of it, or what is asked for of it; once more if it is asked for again.
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
    // It never changes: what was broken off goes on.
    let tag = format!("\"{id}\"");
    let text = |value: &HeaderValue| value.to_str().ok().map(str::to_owned);
    let is_same = headers
        .get(IF_RANGE)
        .is_none_or(|known| known.as_bytes() == tag.as_bytes());
    let asked = headers.get(RANGE).filter(|_| is_same).and_then(text);
    let part = match asked.map(|asked| part(&asked, bytes)) {
        None => None,
        Some(Ok(part)) => Some(part),
        Some(Err(())) => {
            let size = [(CONTENT_RANGE, format!("bytes */{bytes}"))];
            return Ok((StatusCode::RANGE_NOT_SATISFIABLE, size).into_response());
        }
    };
    let (first, end) = match &part {
        Some(part) => (*part.start(), part.end() + 1),
        None => (0, bytes),
    };
    let mut file = tokio::fs::File::from_std(file);
    file.set_max_buf_size(CHUNK);
    if first > 0 {
        let sought = file.seek(SeekFrom::Start(first)).await;
        sought.map_err(|error| ApiError::Internal(error.to_string()))?;
    }
    let body = Handed {
        file: ReaderStream::with_capacity(file.take(end - first), CHUNK),
        left: end - first,
        // With the end of it all of it is there.
        told: (end == bytes).then_some((session, id)),
    };
    let disposition = value(&disposition(&name))?;
    let fixed = |text| HeaderValue::from_static(text);
    let headers = [
        (CONTENT_TYPE, fixed("application/octet-stream")),
        (CONTENT_DISPOSITION, disposition),
        (CONTENT_LENGTH, (end - first).into()),
        (CONTENT_SECURITY_POLICY, fixed("sandbox")),
        (CACHE_CONTROL, fixed("no-store")),
        (ACCEPT_RANGES, fixed("bytes")),
        (ETAG, value(&tag)?),
    ];
    let mut response = (headers, Body::from_stream(body)).into_response();
    if let Some(part) = part {
        let range = format!("bytes {}-{}/{bytes}", part.start(), part.end());
        response.headers_mut().insert(CONTENT_RANGE, value(&range)?);
        *response.status_mut() = StatusCode::PARTIAL_CONTENT;
    }
    Ok(response)
}

fn value(text: &str) -> Result<HeaderValue, ApiError> {
    HeaderValue::from_str(text).map_err(|error| ApiError::Internal(error.to_string()))
}

/// The one part that is asked for, in bytes of so many.
fn part(asked: &str, bytes: u64) -> Result<RangeInclusive<u64>, ()> {
    let parts = http_range_header::parse_range_header(asked).map_err(drop)?;
    let parts = parts.validate(bytes).map_err(drop)?;
    match parts.as_slice() {
        [part] if !part.is_empty() && *part.end() < bytes => Ok(part.clone()),
        // No browser that saves a file asks for several.
        _ => Err(()),
    }
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

/// The file, or a part of it; the session is told when all of it was handed over.
struct Handed {
    file: ReaderStream<tokio::io::Take<tokio::fs::File>>,
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
    fn one_part_is_what_is_asked_for_or_nothing() {
        assert_eq!(part("bytes=100-", 300), Ok(100..=299));
        assert_eq!(part("bytes=0-0", 300), Ok(0..=0));
        assert_eq!(part("bytes=-5", 300), Ok(295..=299));
        for bad in [
            "bytes=300-",
            "bytes=5-1",
            "bytes=0-1,5-6",
            "lines=1-2",
            "",
            "bytes=-",
            "bytes=-0",
        ] {
            assert_eq!(part(bad, 300), Err(()), "{bad:?}");
        }
        assert_eq!(part("bytes=0-", 0), Err(()));
    }

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
