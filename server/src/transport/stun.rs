//! Pure: a datagram → the peer that a STUN binding request names, and the transaction of a request or a response (RFC 8489,
//! RFC 8445 §7.2.2). Comprehends no more of STUN than that; the ICE agent does the rest.

const HEADER: usize = 20;
const MAGIC_COOKIE: [u8; 4] = [0x21, 0x12, 0xa4, 0x42];
const BINDING_REQUEST: [u8; 2] = [0x00, 0x01];
const BINDING_SUCCESS: [u8; 2] = [0x01, 0x01];
const USERNAME: u16 = 0x0006;
/// RFC 8445 §5.3 allows 256 characters on each side of the colon.
const MAX_USERNAME: usize = 513;

/// The `ice-ufrag` of our answer: the part of USERNAME before the colon, in a well-formed binding request. Nothing is
/// proven yet; the ICE agent checks MESSAGE-INTEGRITY.
pub fn requested_ufrag(datagram: &[u8]) -> Option<&str> {
    let header = datagram.get(..HEADER)?;
    let length = usize::from(u16::from_be_bytes([header[2], header[3]]));
    if header[..2] != BINDING_REQUEST
        || header[4..8] != MAGIC_COOKIE
        || length % 4 != 0
        || datagram.len() != HEADER + length
    {
        return None;
    }
    let mut attributes = &datagram[HEADER..];
    loop {
        let [k1, k2, l1, l2] = *attributes.first_chunk()?;
        let length = usize::from(u16::from_be_bytes([l1, l2]));
        let value = attributes.get(4..4 + length)?;
        if u16::from_be_bytes([k1, k2]) == USERNAME {
            if length > MAX_USERNAME {
                return None;
            }
            let (ours, _theirs) = std::str::from_utf8(value).ok()?.split_once(':')?;
            return Some(ours);
        }
        attributes = attributes.get(4 + length.next_multiple_of(4)..)?;
    }
}

/// Ties a response to its request (RFC 8489 §5).
pub type TransactionId = [u8; 12];

/// Of a binding request.
pub fn request_transaction(datagram: &[u8]) -> Option<TransactionId> {
    transaction_of(datagram, BINDING_REQUEST)
}

/// Of a binding success response.
pub fn success_transaction(datagram: &[u8]) -> Option<TransactionId> {
    transaction_of(datagram, BINDING_SUCCESS)
}

fn transaction_of(datagram: &[u8], kind: [u8; 2]) -> Option<TransactionId> {
    let header = datagram.first_chunk::<HEADER>()?;
    let fits = header[..2] == kind && header[4..8] == MAGIC_COOKIE;
    fits.then(|| {
        *header
            .last_chunk()
            .expect("a header is longer than the id at its end")
    })
}

/// A binding success response. When our ICE agent sends one, it has checked the integrity of the request.
pub fn is_binding_success(datagram: &[u8]) -> bool {
    success_transaction(datagram).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn request(username: &str) -> Vec<u8> {
        let mut attributes = vec![0x80, 0x22, 0, 3, b'a', b'b', b'c', 0];
        attributes.extend([0, 6]);
        attributes.extend(u16::try_from(username.len()).unwrap().to_be_bytes());
        attributes.extend(username.as_bytes());
        attributes.resize(attributes.len().next_multiple_of(4), 0);
        let mut message = BINDING_REQUEST.to_vec();
        message.extend(u16::try_from(attributes.len()).unwrap().to_be_bytes());
        message.extend(MAGIC_COOKIE);
        message.extend([7; 12]);
        message.extend(attributes);
        message
    }

    #[test]
    fn the_name_before_the_colon_is_ours() {
        assert_eq!(requested_ufrag(&request("ours:theirs")), Some("ours"));
        assert_eq!(requested_ufrag(&request("no colon")), None);
    }

    #[test]
    fn a_truncated_request_is_none() {
        let whole = request("ours:theirs");
        for length in 0..whole.len() {
            assert_eq!(requested_ufrag(&whole[..length]), None);
        }
        let longer = [&whole[..], &[0; 4]].concat();
        assert_eq!(requested_ufrag(&longer), None);
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..100)) {
            let _ = (requested_ufrag(&bytes), is_binding_success(&bytes));
        }

        #[test]
        fn a_damaged_request_is_read_without_panic(at in 0usize..56, byte in any::<u8>()) {
            let mut bytes = request("someone:else here");
            let at = at % bytes.len();
            bytes[at] = byte;
            let _ = requested_ufrag(&bytes);
        }

        #[test]
        fn what_lacks_the_header_of_a_binding_message_is_none(bytes in proptest::collection::vec(any::<u8>(), 0..100)) {
            let starts_with = |kind: [u8; 2]| bytes.len() >= HEADER && bytes[..2] == kind && bytes[4..8] == MAGIC_COOKIE;
            prop_assert_eq!(is_binding_success(&bytes), starts_with(BINDING_SUCCESS));
            prop_assert_eq!(request_transaction(&bytes).is_some(), starts_with(BINDING_REQUEST));
            prop_assert!(requested_ufrag(&bytes).is_none() || starts_with(BINDING_REQUEST));
        }

        #[test]
        fn a_request_is_never_taken_for_a_success(ours in "[a-z0-9+/]{4,32}", theirs in "[a-z0-9+/]{4,32}") {
            let bytes = request(&format!("{ours}:{theirs}"));
            prop_assert_eq!(requested_ufrag(&bytes), Some(&ours[..]));
            prop_assert_eq!(request_transaction(&bytes), Some([7; 12]));
            prop_assert!(!is_binding_success(&bytes));
        }

        #[test]
        fn attributes_of_any_kind_and_length_are_read_without_panic(
            attributes in proptest::collection::vec((any::<u8>(), 0u16..40, proptest::collection::vec(any::<u8>(), 0..40)), 0..5),
        ) {
            let mut body = Vec::new();
            for (kind, length, value) in attributes {
                body.extend([0, kind % 8]);
                body.extend(length.to_be_bytes());
                body.extend(value);
            }
            body.resize(body.len().next_multiple_of(4), 0);
            let mut message = BINDING_REQUEST.to_vec();
            message.extend(u16::try_from(body.len()).unwrap().to_be_bytes());
            message.extend(MAGIC_COOKIE);
            message.extend([7; 12]);
            message.extend(body);
            if let Some(ufrag) = requested_ufrag(&message) {
                prop_assert!(ufrag.len() < MAX_USERNAME && !ufrag.contains(':'));
            }
        }
    }
}
