//! Opus packets → RTP packets (RFC 7587), each sent as it comes: sound waits for no picture.

use std::time::Instant;

use bytes::Bytes;
use rtc::peer_connection::RTCPeerConnection;
use rtc::rtp;

use crate::transport::webrtc::setup::SentTrack;

/// Sends the one track of sound.
pub struct SoundSender {
    track: SentTrack,
    /// Of Opus; `None` for a viewer who takes no sound.
    payload_type: Option<u8>,
    next_sequence_number: u16,
}

impl SoundSender {
    /// Silent before [`SoundSender::set_payload_type`].
    pub fn new(track: SentTrack) -> SoundSender {
        SoundSender {
            // RFC 3550 §5.1: unpredictable, as the lower bits of a random SSRC are.
            next_sequence_number: (track.ssrc & 0x7fff) as u16,
            track,
            payload_type: None,
        }
    }

    /// What the newest answer agreed.
    pub fn set_payload_type(&mut self, payload_type: Option<u8>) {
        self.payload_type = payload_type;
    }

    /// Sends one packet now. `timestamp` is in 1/48000 s; `begins` if there was silence before it.
    pub fn send(
        &mut self,
        rtc: &mut RTCPeerConnection,
        packet: &Bytes,
        timestamp: u32,
        begins: bool,
        now: Instant,
    ) {
        let Some(payload_type) = self.payload_type else {
            return;
        };
        let Some(mut sender) = rtc.rtp_sender(self.track.sender) else {
            return;
        };
        let sequence_number = self.next_sequence_number;
        self.next_sequence_number = sequence_number.wrapping_add(1);
        let header = rtp::Header {
            version: 2,
            marker: begins,
            payload_type,
            sequence_number,
            timestamp,
            ssrc: self.track.ssrc,
            ..rtp::Header::default()
        };
        let packet = rtp::Packet {
            header,
            payload: packet.clone(),
        };
        if let Err(error) = sender.write_rtp(now, packet) {
            tracing::debug!(%error, "a packet of sound could not be sent");
        }
    }
}
