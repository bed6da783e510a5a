//! Fuzz targets of what comes from the network; see [`crate::fuzzing`].

use bytes::BytesMut;

use super::ice_tcp::next_datagram;
use super::stun::{is_binding_success, request_transaction, requested_ufrag, success_transaction};
pub use super::webrtc::fuzzing::{connection, sdp};

/// A datagram of nobody we know: is it STUN, and whom does it ask for?
pub fn stun(bytes: &[u8]) {
    if let Some(ufrag) = requested_ufrag(bytes) {
        assert!(!ufrag.contains(':'), "{ufrag}");
        assert!(request_transaction(bytes).is_some());
    }
    assert_eq!(
        success_transaction(bytes).is_some(),
        is_binding_success(bytes)
    );
}

/// A TCP stream's bytes. The first says in what pieces the rest comes: it must make no difference.
pub fn ice_tcp(bytes: &[u8]) {
    let Some((cut, stream)) = bytes.split_first() else {
        return;
    };
    let read = |cut: usize| {
        let (mut buffer, mut datagrams) = (BytesMut::new(), Vec::new());
        for piece in stream.chunks(cut) {
            buffer.extend_from_slice(piece);
            while let Some(datagram) = next_datagram(&mut buffer) {
                match datagram {
                    Ok(datagram) => datagrams.push(datagram),
                    // The connection is closed.
                    Err(_) => return (datagrams, false),
                }
            }
        }
        (datagrams, true)
    };
    assert_eq!(read(usize::from(*cut).max(1)), read(stream.len().max(1)));
}
