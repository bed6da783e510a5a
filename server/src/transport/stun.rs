//! Pure: which peer a STUN binding request asks for (RFC 8489, RFC 8445 §7.2.2).

const HEADER: usize = 20;
const MAGIC_COOKIE: [u8; 4] = [0x21, 0x12, 0xa4, 0x42];
const BINDING_REQUEST: [u8; 2] = [0x00, 0x01];
const BINDING_SUCCESS: [u8; 2] = [0x01, 0x01];
const USERNAME: u16 = 0x0006;
/// RFC 8445 §5.3 allows 256 characters on each side of the colon.
const MAX_USERNAME: usize = 513;

/// The receiver's half of the USERNAME of a well-formed binding request: the `ice-ufrag` of our answer. Nothing is proven
/// yet; the ICE agent checks the request's integrity.
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

/// What ties an answer to its request (RFC 8489 §5).
pub type TransactionId = [u8; 12];

/// Of a request that we send.
pub fn asked_transaction(datagram: &[u8]) -> Option<TransactionId> {
    transaction_of(datagram, BINDING_REQUEST)
}

/// Of a success that comes back for it.
pub fn answered_transaction(datagram: &[u8]) -> Option<TransactionId> {
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

/// An answer that says: the request was ours and its integrity is proven.
pub fn is_binding_success(datagram: &[u8]) -> bool {
    answered_transaction(datagram).is_some()
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
    fn half_a_request_is_none() {
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
    }
}
