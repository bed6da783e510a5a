//! Pure: access unit → RTP payloads (RFC 6184, packetization-mode 1).

use bytes::{BufMut, Bytes, BytesMut};

/// Payload bytes per packet: with RTP header, extensions, SRTP tag, UDP and IPv6 headers it stays below 1280 bytes, the
/// least MTU of any IPv6 path (RFC 8200 §5), also inside a tunnel.
pub const MAX_PAYLOAD: usize = 1160;

const TYPE: u8 = 0x1f;
const NOT_TYPE: u8 = 0xe0;
const SPS: u8 = 7;
const PPS: u8 = 8;
const ACCESS_UNIT_DELIMITER: u8 = 9;
const FILLER: u8 = 12;
const STAP_A: u8 = 24;
const FU_A: u8 = 28;
const FU_START: u8 = 0x80;
const FU_END: u8 = 0x40;

/// Cuts one Annex B access unit into payloads. NAL units that fit are sent as they are, parameter sets in one packet,
/// larger ones in fragments of about the same size. All fragments share one allocation.
pub fn packetize(access_unit: &Bytes) -> Vec<Bytes> {
    let mut payloads = Vec::with_capacity(access_unit.len() / MAX_PAYLOAD + 3);
    // Every fragment adds two bytes.
    let fragments = access_unit.len().div_ceil(MAX_PAYLOAD - 2) + 8;
    let mut arena = BytesMut::with_capacity(access_unit.len() + 2 * fragments);
    let mut parameters: Vec<Bytes> = Vec::new();
    for nal in nals(access_unit) {
        match nal[0] & TYPE {
            ACCESS_UNIT_DELIMITER | FILLER => {}
            SPS | PPS => parameters.push(nal),
            _ => {
                aggregate(&mut parameters, &mut arena, &mut payloads);
                if nal.len() <= MAX_PAYLOAD {
                    payloads.push(nal);
                } else {
                    fragment(&nal, &mut arena, &mut payloads);
                }
            }
        }
    }
    aggregate(&mut parameters, &mut arena, &mut payloads);
    payloads
}

/// STAP-A, or one by one if they do not fit.
fn aggregate(parameters: &mut Vec<Bytes>, arena: &mut BytesMut, payloads: &mut Vec<Bytes>) {
    let size = 1 + parameters.iter().map(|nal| 2 + nal.len()).sum::<usize>();
    if parameters.len() < 2 || size > MAX_PAYLOAD {
        payloads.append(parameters);
        return;
    }
    // The importance of the most important one.
    let importance = parameters.iter().map(|nal| nal[0] & 0x60).max();
    arena.put_u8(STAP_A | importance.unwrap_or(0));
    for nal in parameters.drain(..) {
        arena.put_u16(u16::try_from(nal.len()).unwrap_or(0));
        arena.put_slice(&nal);
    }
    payloads.push(arena.split().freeze());
}

/// FU-A.
fn fragment(nal: &Bytes, arena: &mut BytesMut, payloads: &mut Vec<Bytes>) {
    let (header, body) = (nal[0], &nal[1..]);
    let count = body.len().div_ceil(MAX_PAYLOAD - 2);
    let size = body.len().div_ceil(count);
    for (index, piece) in body.chunks(size).enumerate() {
        let start = if index == 0 { FU_START } else { 0 };
        let end = if (index + 1) * size >= body.len() {
            FU_END
        } else {
            0
        };
        arena.put_u8(header & NOT_TYPE | FU_A);
        arena.put_u8(start | end | header & TYPE);
        arena.put_slice(piece);
        payloads.push(arena.split().freeze());
    }
}

/// The NAL units between start codes, none of them empty.
fn nals(access_unit: &Bytes) -> impl Iterator<Item = Bytes> {
    let mut at = start_code(access_unit, 0).map(|code| code + 3);
    std::iter::from_fn(move || {
        loop {
            let start = at?;
            let next = start_code(access_unit, start);
            at = next.map(|code| code + 3);
            let mut end = next.unwrap_or(access_unit.len());
            // A start code of four bytes leaves a zero behind; a NAL unit never ends with one.
            while end > start && access_unit[end - 1] == 0 {
                end -= 1;
            }
            if end > start {
                return Some(access_unit.slice(start..end));
            }
        }
    })
}

/// Where the next `00 00 01` begins. Most steps skip three bytes: of any three neighbours in it, the last is at most 1.
fn start_code(bytes: &[u8], from: usize) -> Option<usize> {
    let mut at = from;
    while let Some(&last) = bytes.get(at + 2) {
        if last > 1 {
            at += 3;
        } else if last == 1 && bytes[at] == 0 && bytes[at + 1] == 0 {
            return Some(at);
        } else {
            at += 1;
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rtc::rtp::codec::h264::H264Packet;
    use rtc::rtp::packetizer::Depacketizer;

    /// What a receiver makes of it, by other people's code.
    fn depacketize(payloads: &[Bytes]) -> Vec<u8> {
        let mut packet = H264Packet::default();
        let parts = payloads.iter().map(|payload| packet.depacketize(payload));
        parts.flat_map(|part| part.unwrap().to_vec()).collect()
    }

    fn annex_b(nals: &[Vec<u8>]) -> Vec<u8> {
        let with_code = nals.iter().map(|nal| [&[0, 0, 0, 1], &nal[..]].concat());
        with_code.collect::<Vec<_>>().concat()
    }

    /// A header of a slice or a parameter set, then anything that is no start code and does not end with zero.
    fn nal() -> impl Strategy<Value = Vec<u8>> {
        let header = prop_oneof![Just(0x65u8), Just(0x61), Just(0x67), Just(0x68), Just(0x06)];
        (header, proptest::collection::vec(1u8.., 3..5000)).prop_map(|(header, mut body)| {
            body.insert(0, header);
            body
        })
    }

    proptest! {
        #[test]
        fn what_was_cut_is_whole_again(nals in proptest::collection::vec(nal(), 1..6)) {
            let whole = annex_b(&nals);
            let payloads = packetize(&Bytes::from(whole.clone()));
            prop_assert!(payloads.iter().all(|payload| payload.len() <= MAX_PAYLOAD || payload[0] & TYPE == SPS || payload[0] & TYPE == PPS));
            prop_assert_eq!(depacketize(&payloads), whole);
        }

        #[test]
        fn any_bytes_are_cut_without_panic(bytes in proptest::collection::vec(0u8..4, 0..400)) {
            packetize(&Bytes::from(bytes));
        }
    }

    #[test]
    fn parameter_sets_travel_together_in_front_of_the_picture() {
        let unit = annex_b(&[vec![0x67, 1, 2], vec![0x68, 3, 4], vec![0x65, 5, 6]]);
        let payloads = packetize(&Bytes::from(unit));
        assert_eq!(payloads.len(), 2);
        assert_eq!(&payloads[0][..], [0x78, 0, 3, 0x67, 1, 2, 0, 3, 0x68, 3, 4]);
        assert_eq!(&payloads[1][..], [0x65, 5, 6]);
    }

    #[test]
    fn start_codes_of_three_bytes_and_delimiters_are_understood() {
        let unit = [0, 0, 1, 9, 0xf0, 0, 0, 1, 0x61, 7, 7, 0, 0, 1, 0x61, 8, 8];
        let payloads = packetize(&Bytes::copy_from_slice(&unit));
        assert_eq!(payloads, [&[0x61, 7, 7][..], &[0x61, 8, 8][..]]);
    }
}
