//! Every decoder of foreign bytes, each as one function for the fuzzer in `fuzz/`, whose corpora the tests replay.
//!
//! None may panic, hang or take memory without bound, whatever the bytes.

use client::api;
use serde::de::DeserializeOwned;
use shared::socket::{FromServer, FromViewer, codec};
use shared::wire::{VERSION, decode_client, decode_server, encode_client, encode_server};

use crate::browser::address::allowed;
pub use crate::transport::fuzzing::{connection, ice_tcp, sdp, stun};

/// A fuzz target.
pub type Target = fn(&[u8]);

/// Each with the name of its folder in `fuzz/corpus`.
pub const TARGETS: &[(&str, Target)] = &[
    ("wire", wire),
    ("socket", socket),
    ("json", json),
    ("sdp", sdp),
    ("stun", stun),
    ("ice_tcp", ice_tcp),
    ("connection", connection),
];

/// Messages of both sides, as on a data channel. What was read is written as it was.
pub fn wire(bytes: &[u8]) {
    // A seed outlives the version that it was made for.
    let today = [&[VERSION], bytes.get(1..).unwrap_or_default()].concat();
    for bytes in [bytes, &today] {
        // Compared as bytes: a NaN equals nothing.
        if let Ok(message) = decode_client(bytes) {
            let written = encode_client(&message);
            let again = decode_client(&written).map(|message| encode_client(&message));
            assert_eq!(again, Ok(written));
        }
        if let Ok(message) = decode_server(bytes) {
            let written = encode_server(&message);
            let again = decode_server(&written).map(|message| encode_server(&message));
            assert_eq!(again, Ok(written));
        }
    }
}

/// Binary messages of the web socket, of both sides.
pub fn socket(bytes: &[u8]) {
    if let Ok(message) = FromViewer::decode(bytes) {
        assert_eq!(message.encode(), bytes);
    }
    if let Ok(message) = FromServer::decode(bytes) {
        assert_eq!(message.encode(), bytes);
        if let FromServer::Frame(frame) = message {
            let _ = codec(frame.access_unit);
        }
    }
}

/// The body of every server function; and where it names an address, what Chrome is asked to open.
pub fn json(bytes: &[u8]) {
    fn read<T: DeserializeOwned>(bytes: &[u8]) -> Option<T> {
        serde_json::from_slice(bytes).ok()
    }
    let open = read::<api::Open>(bytes).map(|call| call.url);
    let navigate = read::<api::Navigate>(bytes).map(|call| call.url);
    let new_tab = read::<api::NewTab>(bytes).and_then(|call| call.url);
    for url in [open, navigate, new_tab].into_iter().flatten() {
        if let Ok(url) = allowed(&url, "https://search.example/?q={}") {
            let scheme = url.as_str().split_once(':').map(|(scheme, _)| scheme);
            assert!(
                matches!(scheme, Some("http" | "https" | "about")),
                "{}",
                url.as_str()
            );
        }
    }
    read::<api::Sessions>(bytes);
    read::<api::Join>(bytes);
    read::<api::Offer>(bytes);
    read::<api::Leave>(bytes);
    read::<api::Updates>(bytes);
    read::<api::SendInput>(bytes);
    read::<api::Back>(bytes);
    read::<api::Forward>(bytes);
    read::<api::Reload>(bytes);
    read::<api::Stop>(bytes);
    read::<api::ActivateTab>(bytes);
    read::<api::MoveTab>(bytes);
    read::<api::CloseTab>(bytes);
    read::<api::AnswerDialog>(bytes);
    read::<api::AnswerNotification>(bytes);
    read::<api::Authenticate>(bytes);
    read::<api::SetPermission>(bytes);
    read::<api::SetLocation>(bytes);
    read::<api::Restart>(bytes);
    read::<api::End>(bytes);
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::TARGETS;

    #[test]
    fn whatever_the_fuzzer_has_found_is_read_without_panic() {
        let corpora = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus");
        for (name, target) in TARGETS {
            let files = std::fs::read_dir(corpora.join(name));
            let mut count = 0;
            for file in files.expect("each target has a corpus") {
                let bytes = std::fs::read(file.unwrap().path()).unwrap();
                target(&bytes);
                count += 1;
            }
            assert!(count > 0, "{name} has no corpus");
        }
    }
}
