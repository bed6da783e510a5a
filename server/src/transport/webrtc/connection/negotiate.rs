//! Offer → answer, at first and again when ICE restarts.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use rtc::peer_connection::RTCPeerConnectionBuilder;
use rtc::peer_connection::configuration::RTCConfigurationBuilder;
use rtc::peer_connection::configuration::media_engine::MIME_TYPE_H264;
use rtc::peer_connection::sdp::RTCSessionDescription;
use rtc::peer_connection::transport::RTCIceCandidateInit;
use rtc::shared::error::Error;

use crate::congestion::pacer::Pacer;
use crate::congestion::sender_state::SenderState;
use crate::transport::PeerError;
use crate::transport::listen::Candidates;
use crate::transport::webrtc::connection::{Connection, Format, PLAYOUT_DELAY_URI, Phase};
use crate::transport::webrtc::offer::Offer;
use crate::transport::webrtc::pli_filter::KeyframeRequests;
use crate::transport::webrtc::setup::{
    Ssrcs, add_video, host_candidates, interceptors, media, settings, with_public_candidates,
};

impl Connection {
    /// Takes some milliseconds for keys and a certificate.
    pub fn answer(
        offer: &Offer,
        local: &Candidates,
        flow: SenderState,
        now: Instant,
    ) -> Result<(Connection, String), PeerError> {
        let flow = Arc::new(Mutex::new(flow));
        let set_up = || -> Result<_, Error> {
            let ssrcs = Ssrcs::random()?;
            let mut rtc = RTCPeerConnectionBuilder::new()
                .with_configuration(RTCConfigurationBuilder::new().build())
                .with_setting_engine(settings())
                .with_media_engine(media()?)
                .with_interceptor_registry(interceptors(&flow, ssrcs.first))
                .build(now)?;
            let sender = add_video(&mut rtc, &ssrcs)?;
            Ok((rtc, sender, ssrcs.first))
        };
        let (rtc, sender, ssrc) = set_up().map_err(|e| PeerError::Setup(e.to_string()))?;
        let mut connection = Connection {
            rtc,
            origin: offer.origin.clone(),
            public: local.public.clone(),
            sender,
            ssrc,
            // RFC 3550 §5.1: unpredictable; the lower bits of a random SSRC are.
            sequence: (ssrc & 0x7fff) as u16,
            pleas: KeyframeRequests::default(),
            format: Format {
                payload_type: 0,
                playout_delay: None,
            },
            flow,
            pacer: Pacer::new(now),
            control: None,
            moves: None,
            channels: 0,
            transport: None,
            way: None,
            phase: Phase::Connecting,
        };
        let answer = connection.negotiate(offer, &local.host)?;
        Ok((connection, answer))
    }

    /// The offer comes from the connection that this one answered before.
    pub fn belongs_to(&self, offer: &Offer) -> bool {
        self.origin == offer.origin
    }

    /// Answers a newer offer of the same connection: ICE starts again if its credentials are new, all else goes on.
    pub fn answer_again(&mut self, offer: &Offer) -> Result<String, PeerError> {
        let before = self.ufrag();
        let answer = self.negotiate(offer, &[])?;
        if self.phase == Phase::Connected && self.ufrag() != before {
            self.phase = Phase::Restarting;
            // Nothing of it would arrive, and a keyframe follows.
            self.pacer.retain(|_| false);
        }
        Ok(answer)
    }

    fn negotiate(&mut self, offer: &Offer, host: &[SocketAddr]) -> Result<String, PeerError> {
        let setup = |error: Error| PeerError::Setup(error.to_string());
        let now = Instant::now();
        let description = RTCSessionDescription::offer(offer.sdp.clone())
            .map_err(|error| PeerError::Malformed(error.to_string()))?;
        self.rtc
            .set_remote_description(now, description)
            .map_err(|error| PeerError::Malformed(error.to_string()))?;
        for address in host {
            for candidate in host_candidates(*address).map_err(setup)? {
                self.rtc.add_local_candidate(candidate).map_err(setup)?;
            }
        }
        // An empty one says that there are no more.
        self.rtc
            .add_local_candidate(RTCIceCandidateInit::default())
            .map_err(setup)?;
        let answer = self.rtc.create_answer(None).map_err(setup)?;
        let sdp = with_public_candidates(&answer.sdp, &self.public);
        self.rtc.set_local_description(now, answer).map_err(setup)?;
        self.format = self.negotiated_format()?;
        if self.ufrag().is_none() {
            let reason = "it has no part that can be answered";
            return Err(PeerError::Malformed(reason.to_owned()));
        }
        Ok(sdp)
    }

    fn negotiated_format(&mut self) -> Result<Format, PeerError> {
        let mut sender = self.rtc.rtp_sender(self.sender).ok_or(PeerError::NoVideo)?;
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
        Ok(Format {
            payload_type: h264.ok_or(PeerError::NoH264)?.payload_type,
            playout_delay,
        })
    }

    /// Our `ice-ufrag`, by which viewers ask for this peer.
    pub fn ufrag(&self) -> Option<String> {
        let description = self.rtc.local_description()?;
        let lines = description.sdp.lines();
        lines
            .filter_map(|line| line.strip_prefix("a=ice-ufrag:"))
            .next()
            .map(str::to_owned)
    }
}
