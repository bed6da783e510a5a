//! SDP offer → answer (RFC 8829), at first and again when ICE restarts.

use std::net::SocketAddr;
use std::time::Instant;

use rtc::peer_connection::RTCPeerConnection;
use rtc::peer_connection::configuration::media_engine::{MIME_TYPE_H264, MIME_TYPE_OPUS};
use rtc::peer_connection::sdp::RTCSessionDescription;
use rtc::peer_connection::transport::RTCIceCandidateInit;
use rtc::rtp_transceiver::RTCRtpSenderId;
use rtc::rtp_transceiver::rtp_sender::RTCRtpCodecParameters;
use rtc::shared::error::Error;

use crate::transport::PeerError;
use crate::transport::webrtc::candidates::{host_candidates, with_public_candidates};
use crate::transport::webrtc::offer::{Offer, Origin};
use crate::transport::webrtc::setup::PLAYOUT_DELAY_URI;
use crate::transport::webrtc::video_sender::RtpFormat;

/// What stays the same in all answers of one connection.
pub struct Negotiation {
    /// Of the first offer.
    pub origin: Origin,
    /// Addresses that a router translates to our own.
    pub public: Vec<SocketAddr>,
    /// The one video track.
    pub video: RTCRtpSenderId,
    /// The one track of sound.
    pub sound: RTCRtpSenderId,
}

/// What came of an offer.
pub struct Agreed {
    /// The answer.
    pub sdp: String,
    /// Of the video's RTP packets.
    pub video: RtpFormat,
    /// The payload type of Opus, if the viewer takes it.
    pub sound: Option<u8>,
}

impl Negotiation {
    /// Answers. `host` are our own addresses that are not known yet.
    pub fn answer(
        &self,
        rtc: &mut RTCPeerConnection,
        offer: &Offer,
        host: &[SocketAddr],
        now: Instant,
    ) -> Result<Agreed, PeerError> {
        let malformed = |error: Error| PeerError::Malformed(error.to_string());
        let setup = |error: Error| PeerError::Setup(error.to_string());
        let description = RTCSessionDescription::offer(offer.sdp.clone()).map_err(malformed)?;
        rtc.set_remote_description(now, description)
            .map_err(malformed)?;
        for address in host {
            for candidate in host_candidates(*address).map_err(setup)? {
                rtc.add_local_candidate(candidate).map_err(setup)?;
            }
        }
        // An empty one says that there are no more.
        rtc.add_local_candidate(RTCIceCandidateInit::default())
            .map_err(setup)?;
        let answer = rtc.create_answer(None).map_err(setup)?;
        let sdp = with_public_candidates(&answer.sdp, &self.public);
        rtc.set_local_description(now, answer).map_err(setup)?;
        let video = self.video_format(rtc)?;
        let sound = self.sound_payload_type(rtc);
        if local_ufrag(rtc).is_none() {
            let reason = "it has no part that can be answered";
            return Err(PeerError::Malformed(reason.to_owned()));
        }
        Ok(Agreed { sdp, video, sound })
    }

    fn video_format(&self, rtc: &mut RTCPeerConnection) -> Result<RtpFormat, PeerError> {
        let mut sender = rtc.rtp_sender(self.video).ok_or(PeerError::NoVideo)?;
        let parameters = &sender.get_parameters().rtp_parameters;
        let mut codecs = parameters.codecs.iter();
        let h264 = codecs.find(|codec| {
            let codec = &codec.rtp_codec;
            codec.mime_type.eq_ignore_ascii_case(MIME_TYPE_H264)
                && codec.sdp_fmtp_line.contains("packetization-mode=1")
        });
        let mut extensions = parameters.header_extensions.iter();
        let playout_delay = extensions
            .find(|extension| extension.uri == PLAYOUT_DELAY_URI)
            .and_then(|extension| u8::try_from(extension.id).ok());
        Ok(RtpFormat {
            payload_type: h264.ok_or(PeerError::NoH264)?.payload_type,
            playout_delay,
        })
    }

    fn sound_payload_type(&self, rtc: &mut RTCPeerConnection) -> Option<u8> {
        let takes_sound = rtc.remote_description()?.sdp.contains("\nm=audio ");
        let mut sender = rtc.rtp_sender(self.sound).filter(|_| takes_sound)?;
        let mut codecs = sender.get_parameters().rtp_parameters.codecs.iter();
        let is_opus = |codec: &&RTCRtpCodecParameters| {
            let mime_type = &codec.rtp_codec.mime_type;
            mime_type.eq_ignore_ascii_case(MIME_TYPE_OPUS)
        };
        codecs.find(is_opus).map(|codec| codec.payload_type)
    }
}

/// The `ice-ufrag` of our newest answer.
pub fn local_ufrag(rtc: &RTCPeerConnection) -> Option<String> {
    let description = rtc.local_description()?;
    let mut lines = description.sdp.lines();
    let ufrag = lines.find_map(|line| line.strip_prefix("a=ice-ufrag:"));
    ufrag.map(str::to_owned)
}
