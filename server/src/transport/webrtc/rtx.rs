//! Pure: an RTP packet that is retransmitted → a packet of the RTX stream (RFC 4588).

use bytes::{BufMut, BytesMut};
use rtc::interceptor::StreamInfo;
use rtc::rtp;

/// The stream on which packets are retransmitted, beside the media stream (SSRC multiplexing, RFC 4588 §5.3).
#[derive(Clone, Debug)]
pub struct RtxStream {
    ssrc: u32,
    payload_type: u8,
    next_sequence_number: u16,
}

impl RtxStream {
    /// `None` if the media stream that `info` describes has no RTX stream. Sequence numbers go on after `before`.
    pub fn negotiated(info: &StreamInfo, before: Option<&RtxStream>) -> Option<RtxStream> {
        let (ssrc, payload_type) = info.ssrc_rtx.zip(info.payload_type_rtx)?;
        Some(RtxStream {
            ssrc,
            payload_type,
            next_sequence_number: before.map_or(0, |before| before.next_sequence_number),
        })
    }

    /// RFC 4588 §4: the payload is the original sequence number (OSN), then the original payload.
    pub fn packet(&mut self, original: &rtp::Packet) -> rtp::Packet {
        let mut payload = BytesMut::with_capacity(2 + original.payload.len());
        payload.put_u16(original.header.sequence_number);
        payload.put_slice(&original.payload);
        let sequence_number = self.next_sequence_number;
        self.next_sequence_number = sequence_number.wrapping_add(1);
        rtp::Packet {
            header: rtp::Header {
                version: 2,
                ssrc: self.ssrc,
                payload_type: self.payload_type,
                sequence_number,
                timestamp: original.header.timestamp,
                marker: original.header.marker,
                ..rtp::Header::default()
            },
            payload: payload.freeze(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn info() -> StreamInfo {
        StreamInfo {
            ssrc: 1,
            ssrc_rtx: Some(2),
            payload_type: 96,
            payload_type_rtx: Some(97),
            ..StreamInfo::default()
        }
    }

    proptest! {
        #[test]
        fn the_original_can_be_restored_from_its_retransmission(
            sequence_number: u16,
            timestamp: u32,
            marker: bool,
            payload in proptest::collection::vec(any::<u8>(), 0..100),
        ) {
            let original = rtp::Packet {
                header: rtp::Header {
                    version: 2,
                    ssrc: 1,
                    payload_type: 96,
                    sequence_number,
                    timestamp,
                    marker,
                    ..rtp::Header::default()
                },
                payload: payload.into(),
            };
            let mut rtx = RtxStream::negotiated(&info(), None).unwrap();
            let packet = rtx.packet(&original);
            prop_assert_eq!((packet.header.ssrc, packet.header.payload_type), (2, 97));
            // RFC 4588 §8: what a receiver does.
            let restored = rtp::Packet {
                header: rtp::Header {
                    ssrc: 1,
                    payload_type: 96,
                    sequence_number: u16::from_be_bytes([packet.payload[0], packet.payload[1]]),
                    ..packet.header
                },
                payload: packet.payload.slice(2..),
            };
            prop_assert_eq!(restored, original);
        }
    }

    #[test]
    fn sequence_numbers_go_on_when_the_stream_is_negotiated_again() {
        let original = rtp::Packet::default();
        let mut rtx = RtxStream::negotiated(&info(), None).unwrap();
        assert_eq!(rtx.packet(&original).header.sequence_number, 0);
        let mut again = RtxStream::negotiated(&info(), Some(&rtx)).unwrap();
        assert_eq!(again.packet(&original).header.sequence_number, 1);
        let without = StreamInfo {
            ssrc_rtx: None,
            ..info()
        };
        assert!(RtxStream::negotiated(&without, Some(&again)).is_none());
    }
}
