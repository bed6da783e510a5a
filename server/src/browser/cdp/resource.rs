//! A URL → its bytes, loaded by the page's own Chrome: through its proxy and its cache, with its cookies if asked.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chromiumoxide_cdp::cdp::browser_protocol::{io, network};

use data_url::DataUrl;

use super::{Connection, TargetSession};

/// In bytes, of one `IO.read`.
const CHUNK: i64 = 256 * 1024;

/// What was loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resource {
    /// From its `Content-Type`, in small letters and without parameters; may be empty.
    pub media_type: String,
    pub bytes: Vec<u8>,
}

impl Resource {
    /// `None` for Base64 that is none.
    pub fn from_data_url(url: &DataUrl<'_>) -> Option<Resource> {
        let (bytes, _) = url.decode_to_vec().ok()?;
        let media_type = url.mime_type();
        Some(Resource {
            media_type: format!("{}/{}", media_type.type_, media_type.subtype),
            bytes,
        })
    }
}

/// `None` for what cannot be loaded, or has more than so many bytes.
pub async fn load(
    cdp: &Connection,
    session: &TargetSession,
    frame: &str,
    url: &str,
    with_credentials: bool,
    limit: usize,
) -> Option<Resource> {
    let options = network::LoadNetworkResourceOptions::new(false, with_credentials);
    let mut load = network::LoadNetworkResourceParams::new(url, options);
    load.frame_id = Some(frame.to_owned().into());
    let loaded = cdp.call(Some(session), load).await.ok()?.resource;
    let limit = if loaded.success { limit } else { 0 };
    let bytes = read_all(cdp, session, loaded.stream?, limit).await;
    let bytes = bytes.filter(|_| loaded.success);
    let headers = loaded.headers?;
    Some(Resource {
        media_type: media_type(headers.inner()),
        bytes: bytes?,
    })
}

/// All of a stream of Chrome's; `None` if it has more than so many bytes.
pub async fn read_all(
    cdp: &Connection,
    session: &TargetSession,
    stream: io::StreamHandle,
    limit: usize,
) -> Option<Vec<u8>> {
    let bytes = read(cdp, session, &stream, limit).await;
    // A stream that is read to its end is still Chrome's.
    let _ = cdp.send(Some(session), io::CloseParams::new(stream));
    bytes
}

async fn read(
    cdp: &Connection,
    session: &TargetSession,
    stream: &io::StreamHandle,
    limit: usize,
) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    loop {
        let mut read = io::ReadParams::new(stream.clone());
        read.size = Some(CHUNK);
        let chunk = cdp.call(Some(session), read).await.ok()?;
        match chunk.base64_encoded {
            Some(true) => bytes.extend(STANDARD.decode(chunk.data).ok()?),
            _ => bytes.extend(chunk.data.into_bytes()),
        }
        if bytes.len() > limit {
            return None;
        }
        if chunk.eof {
            return Some(bytes);
        }
    }
}

fn media_type(headers: &serde_json::Value) -> String {
    let headers = headers.as_object().into_iter().flatten();
    let mut types = headers.filter(|(name, _)| name.eq_ignore_ascii_case("content-type"));
    let value = types.next().and_then(|(_, value)| value.as_str());
    let essence = value.unwrap_or_default().split(';').next();
    essence.unwrap_or_default().trim().to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_media_type_has_no_parameters() {
        let headers = serde_json::json!({ "content-Type": "Image/PNG; charset=x" });
        assert_eq!(media_type(&headers), "image/png");
        assert_eq!(media_type(&serde_json::json!({})), "");
    }

    #[test]
    fn an_icon_in_its_own_url_is_read() {
        let svg = Resource {
            media_type: "image/svg+xml".to_owned(),
            bytes: b"<svg/>".to_vec(),
        };
        for url in [
            "data:image/svg+xml,%3Csvg/%3E",
            "data:image/svg+xml;charset=utf-8,<svg/>",
            "data:image/svg+xml;base64,PHN2Zy8%2B",
        ] {
            let url = DataUrl::process(url).unwrap();
            assert_eq!(Resource::from_data_url(&url), Some(svg.clone()));
        }
    }
}
