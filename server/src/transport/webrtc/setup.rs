//! What every connection is made of: settings, codecs, interceptors, the video track, candidates.

use std::net::SocketAddr;
use std::time::Duration;

use rtc::ice::network_type::NetworkType;
use rtc::ice::tcp_type::TcpType;
use rtc::interceptor::{
    CongestionControlBuilder, ReceiverReportBuilder, Registry, SenderReportBuilder, Slot,
    TwccSenderBuilder,
};
use rtc::media_stream::MediaStreamTrack;
use rtc::peer_connection::RTCPeerConnection;
use rtc::peer_connection::configuration::media_engine::{
    MIME_TYPE_H264, MIME_TYPE_RTX, MediaEngine,
};
use rtc::peer_connection::configuration::setting_engine::{
    SctpMaxMessageSize, SettingEngine, SettingEngineBuilder,
};
use rtc::peer_connection::transport::{
    CandidateConfig, CandidateHostConfig, RTCDtlsRole, RTCIceCandidate, RTCIceCandidateInit,
};
use rtc::rtp_transceiver::RTCRtpSenderId;
use rtc::rtp_transceiver::rtp_sender::{
    RTCPFeedback, RTCRtpCodec, RTCRtpCodecParameters, RTCRtpCodingParameters,
    RTCRtpEncodingParameters, RTCRtpHeaderExtensionCapability, RTCRtpRtxParameters, RtpCodecKind,
};
use rtc::sdp::extmap::TRANSPORT_CC_URI;
use rtc::shared::error::Error;
use shared::wire::MAX_CLIENT_MESSAGE;

use crate::transport::webrtc::SharedSenderState;
use crate::transport::webrtc::connection::PLAYOUT_DELAY_URI;
use crate::transport::webrtc::rtcp::{self, RtcpInterceptor};
use crate::transport::webrtc::tail_loss_probe::{self, TailLossProbe};
use crate::transport::webrtc::twcc_feedback::TwccFeedback;
use crate::transport::webrtc::twcc_for_rtx::TwccForRtx;

/// Constrained baseline in fragments: what the encoder makes, and every browser takes.
const H264_FORMAT: &str = "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f";
/// No answer to ICE checks for this long: perhaps only the viewer's network changed.
const ICE_DISCONNECTED: Duration = Duration::from_secs(5);
/// … and for this long after that: it is gone. Long enough for an ICE restart from another network.
const ICE_FAILED: Duration = Duration::from_secs(15);
const ICE_KEEPALIVE: Duration = Duration::from_secs(2);

pub(super) fn settings() -> SettingEngine {
    SettingEngineBuilder::new()
        // The browser starts DTLS as soon as ICE has a pair: 180 ms sooner than when we wait for our own pair.
        .with_answering_dtls_role(RTCDtlsRole::Server)
        .with_network_types(vec![
            NetworkType::Udp4,
            NetworkType::Udp6,
            NetworkType::Tcp4,
            NetworkType::Tcp6,
        ])
        .with_ice_timeouts(
            Some(ICE_DISCONNECTED),
            Some(ICE_FAILED),
            Some(ICE_KEEPALIVE),
        )
        .with_sctp_max_message_size(SctpMaxMessageSize::Bounded(
            u32::try_from(MAX_CLIENT_MESSAGE).unwrap_or(u32::MAX),
        ))
        .build()
}

pub(super) fn media() -> Result<MediaEngine, Error> {
    let mut media = MediaEngine::default();
    // These numbers are only our preference; the browser's are used.
    let (h264, rtx) = (102, 103);
    let codec =
        |payload_type, mime_type: &str, format: String, rtcp_feedback| RTCRtpCodecParameters {
            rtp_codec: RTCRtpCodec {
                mime_type: mime_type.to_owned(),
                clock_rate: 90_000,
                channels: 0,
                sdp_fmtp_line: format,
                rtcp_feedback,
            },
            payload_type,
        };
    media.register_codec(
        codec(
            h264,
            MIME_TYPE_H264,
            H264_FORMAT.to_owned(),
            rtcp_feedback(),
        ),
        RtpCodecKind::Video,
    )?;
    media.register_codec(
        codec(rtx, MIME_TYPE_RTX, format!("apt={h264}"), vec![]),
        RtpCodecKind::Video,
    )?;
    for uri in [PLAYOUT_DELAY_URI, TRANSPORT_CC_URI] {
        let uri = uri.to_owned();
        media.register_header_extension(
            RTCRtpHeaderExtensionCapability { uri },
            RtpCodecKind::Video,
            None,
        )?;
    }
    Ok(media)
}

pub(super) fn rtcp_feedback() -> Vec<RTCPFeedback> {
    let kinds = [
        ("nack", ""),
        ("nack", "pli"),
        ("ccm", "fir"),
        ("transport-cc", ""),
    ];
    let feedback = kinds.map(|(typ, parameter)| RTCPFeedback {
        typ: typ.to_owned(),
        parameter: parameter.to_owned(),
    });
    feedback.to_vec()
}

/// The pacing is done before packets come here: only video waits, and data, RTCP and repetitions pass it.
pub(super) fn interceptors(flow: &SharedSenderState, ssrc: u32) -> Registry {
    let observer = TwccFeedback {
        flow: flow.clone(),
        ssrc,
    };
    let feedback = CongestionControlBuilder::new(observer).build();
    let numbers = TwccSenderBuilder::new().build();
    Registry::new()
        .with(
            tail_loss_probe::SLOT,
            TailLossProbe::new(flow.clone(), ssrc),
        )
        .with(Slot::CongestionControl, TwccForRtx(feedback))
        .with(Slot::TwccSender, TwccForRtx(numbers))
        .with(rtcp::SLOT, RtcpInterceptor::new(flow.clone(), ssrc))
        .with(Slot::ReceiverReport, ReceiverReportBuilder::new().build())
        .with(Slot::SenderReport, SenderReportBuilder::new().build())
}

/// What the two streams are called.
pub(super) struct Ssrcs {
    /// Of first transmissions.
    pub(super) first: u32,
    pub(super) repetitions: u32,
}

impl Ssrcs {
    pub(super) fn random() -> Result<Ssrcs, Error> {
        let mut random = [0; 8];
        getrandom::fill(&mut random).map_err(|error| Error::Other(error.to_string()))?;
        let [a, b, c, d, e, f, g, h] = random;
        Ok(Ssrcs {
            first: u32::from_be_bytes([a, b, c, d]),
            repetitions: u32::from_be_bytes([e, f, g, h]),
        })
    }
}

pub(super) fn add_video(
    rtc: &mut RTCPeerConnection,
    ssrcs: &Ssrcs,
) -> Result<RTCRtpSenderId, Error> {
    let track = MediaStreamTrack::new(
        "farpane".to_owned(),
        "page".to_owned(),
        "page".to_owned(),
        RtpCodecKind::Video,
        vec![RTCRtpEncodingParameters {
            rtp_coding_parameters: RTCRtpCodingParameters {
                ssrc: Some(ssrcs.first),
                rtx: Some(RTCRtpRtxParameters {
                    ssrc: ssrcs.repetitions,
                }),
                ..RTCRtpCodingParameters::default()
            },
            codec: RTCRtpCodec {
                mime_type: MIME_TYPE_H264.to_owned(),
                clock_rate: 90_000,
                channels: 0,
                sdp_fmtp_line: H264_FORMAT.to_owned(),
                rtcp_feedback: rtcp_feedback(),
            },
            ..RTCRtpEncodingParameters::default()
        }],
    );
    rtc.add_track(track)
}

/// UDP, and TCP on the same port that waits to be called.
pub(super) fn host_candidates(address: SocketAddr) -> Result<Vec<RTCIceCandidateInit>, Error> {
    let kinds = [("udp", TcpType::Unspecified), ("tcp", TcpType::Passive)];
    let candidates = kinds.map(|(network, tcp_type)| {
        let candidate = CandidateHostConfig {
            base_config: CandidateConfig {
                network: network.to_owned(),
                address: address.ip().to_string(),
                port: address.port(),
                component: 1,
                ..CandidateConfig::default()
            },
            tcp_type,
        };
        RTCIceCandidate::from(&candidate.new_candidate_host()?).to_json()
    });
    candidates.into_iter().collect()
}

/// Addresses that a router translates are told to the viewer alone: our ICE agent sees what arrives at the socket.
pub(super) fn with_public_candidates(answer: &str, public: &[SocketAddr]) -> String {
    if public.is_empty() {
        return answer.to_owned();
    }
    let mut lines = String::with_capacity(answer.len() + 200 * public.len());
    for line in answer.split_inclusive('\n') {
        if line.starts_with("a=end-of-candidates") {
            for (index, address) in public.iter().enumerate() {
                let (ip, port) = (address.ip(), address.port());
                // RFC 8445 §5.1.2.1, and RFC 6544 §4.2: behind UDP.
                let preference = 65_000 - index;
                let udp = (126 << 24) + (preference << 8) + 255;
                let tcp = (90 << 24) + (preference << 8) + 255;
                lines += &format!("a=candidate:7{index} 1 udp {udp} {ip} {port} typ host\r\n");
                lines += &format!(
                    "a=candidate:8{index} 1 tcp {tcp} {ip} {port} typ host tcptype passive\r\n"
                );
            }
        }
        lines += line;
    }
    lines
}
