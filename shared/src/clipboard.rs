//! What is copied and pasted, in the formats that browsers have in common.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// One thing, in up to three formats.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClipboardContent {
    /// `text/plain`
    #[serde(default)]
    pub text: Option<String>,
    /// `text/html`
    #[serde(default)]
    pub html: Option<String>,
    /// `image/png`; in JSON it is Base64.
    #[serde(default, serialize_with = "write_png", deserialize_with = "read_png")]
    pub png: Option<Vec<u8>>,
}

fn write_png<S: Serializer>(png: &Option<Vec<u8>>, serializer: S) -> Result<S::Ok, S::Error> {
    match serializer.is_human_readable() {
        true => png
            .as_ref()
            .map(|png| STANDARD.encode(png))
            .serialize(serializer),
        false => png.serialize(serializer),
    }
}

fn read_png<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<u8>>, D::Error> {
    if !deserializer.is_human_readable() {
        return Option::deserialize(deserializer);
    }
    let base64: Option<String> = Option::deserialize(deserializer)?;
    let decoded = base64.map(|base64| STANDARD.decode(base64));
    decoded.transpose().map_err(D::Error::custom)
}

/// How much a session's clipboard takes, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClipboardLimits {
    /// Of text, and of HTML.
    pub text: usize,
    /// Of a picture, as PNG.
    pub png: usize,
}

/// What passes between the clipboards of a person and of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClipboardPolicy {
    /// From the person to the page.
    pub into_page: bool,
    /// From the page to the person.
    pub out_of_page: bool,
    /// Both ways.
    pub limits: ClipboardLimits,
}

/// What is larger is fetched, and put, by a server function of its own: it would hold up what comes after it.
pub const MOST_INLINE: usize = 32 * 1024;

impl ClipboardContent {
    /// Text alone.
    pub fn of_text(text: impl Into<String>) -> ClipboardContent {
        ClipboardContent {
            text: Some(text.into()),
            ..ClipboardContent::default()
        }
    }

    /// Without any format.
    pub fn is_empty(&self) -> bool {
        self.text.is_none() && self.html.is_none() && self.png.is_none()
    }

    /// Bytes of all formats.
    pub fn bytes(&self) -> usize {
        let texts = [&self.text, &self.html];
        let texts: usize = texts.into_iter().flatten().map(String::len).sum();
        texts + self.png.as_ref().map_or(0, Vec::len)
    }

    /// Whether it fits; else a sentence for the person.
    pub fn check(&self, limits: ClipboardLimits) -> Result<(), String> {
        let texts = [&self.text, &self.html];
        let text = texts.into_iter().flatten().map(String::len).max();
        let png = self.png.as_ref().map(Vec::len);
        for (what, bytes, most) in [("text", text, limits.text), ("a picture", png, limits.png)] {
            if bytes.is_some_and(|bytes| bytes > most) {
                return Err(too_large(what, most));
            }
        }
        Ok(())
    }
}

/// A sentence for the person.
pub fn too_large(what: &str, most: usize) -> String {
    let most = most.div_ceil(1024);
    format!("The clipboard takes {what} of at most {most} KiB; this is more.")
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: ClipboardLimits = ClipboardLimits { text: 10, png: 6 };

    #[test]
    fn each_format_has_its_limit() {
        assert_eq!(
            ClipboardContent::of_text("0123456789").check(LIMITS),
            Ok(())
        );
        let long = ClipboardContent::of_text("0123456789a").check(LIMITS);
        assert!(long.is_err_and(|sentence| sentence.contains("text")));
        let html = ClipboardContent {
            html: Some("x".repeat(11)),
            ..ClipboardContent::of_text("x")
        };
        assert!(html.check(LIMITS).is_err());
        let png = |bytes: usize| ClipboardContent {
            png: Some(vec![0; bytes]),
            ..ClipboardContent::default()
        };
        assert_eq!(png(6).check(LIMITS), Ok(()));
        assert!(png(7).check(LIMITS).is_err());
    }

    #[test]
    fn a_picture_is_base64_in_json_and_bytes_on_the_wire() {
        let content = ClipboardContent {
            png: Some(vec![0, 1, 255]),
            ..ClipboardContent::default()
        };
        let json = serde_json::to_value(&content).expect("is JSON");
        assert_eq!(json["png"], "AAH/");
        assert_eq!(serde_json::from_value(json).ok(), Some(content.clone()));
        let wrong = serde_json::json!({ "png": "no Base64!" });
        assert!(serde_json::from_value::<ClipboardContent>(wrong).is_err());
        let message = crate::message::ServerMessage::Copied(Some(content));
        let bytes = crate::wire::encode_server(&message);
        assert_eq!(crate::wire::decode_server(&bytes), Ok(message));
    }

    #[test]
    fn what_has_no_format_is_empty() {
        assert!(ClipboardContent::default().is_empty());
        assert!(!ClipboardContent::of_text("").is_empty());
        assert_eq!(ClipboardContent::of_text("éa").bytes(), 3);
    }
}
