//! What every peer connection is made of: settings, codecs, interceptors, the tracks.

use std::time::{Duration, Instant};

use rtc::ice::network_type::NetworkType;
use rtc::interceptor::{
    CongestionControlBuilder, ReceiverReportBuilder, Registry, SenderReportBuilder, Slot,
    TwccSenderBuilder,
};
use rtc::media_stream::MediaStreamTrack;
use rtc::peer_connection::configuration::RTCConfigurationBuilder;
use rtc::peer_connection::configuration::media_engine::{
    MIME_TYPE_H264, MIME_TYPE_OPUS, MIME_TYPE_RTX, MediaEngine,
};
use rtc::peer_connection::configuration::setting_engine::{
    SctpMaxMessageSize, SettingEngine, SettingEngineBuilder,
};
use rtc::peer_connection::transport::RTCDtlsRole;
use rtc::peer_connection::{RTCPeerConnection, RTCPeerConnectionBuilder};
use rtc::rtp_transceiver::RTCRtpSenderId;
use rtc::rtp_transceiver::rtp_sender::{
    RTCPFeedback, RTCRtpCodec, RTCRtpCodecParameters, RTCRtpCodingParameters,
    RTCRtpEncodingParameters, RTCRtpHeaderExtensionCapability, RTCRtpRtxParameters, RtpCodecKind,
};
use rtc::sdp::extmap::TRANSPORT_CC_URI;
use rtc::shared::error::Error;
use shared::wire::MAX_CLIENT_MESSAGE;

use crate::transport::webrtc::rtcp::{self, RtcpInterceptor};
use crate::transport::webrtc::shared_state::SharedState;
use crate::transport::webrtc::tail_loss_probe::{self, TailLossProbe};
use crate::transport::webrtc::twcc_feedback::TwccFeedback;
use crate::transport::webrtc::twcc_for_rtx::TwccForRtx;

/// RTP header extension: minimum and maximum playout delay.
pub(super) const PLAYOUT_DELAY_URI: &str =
    "http://www.webrtc.org/experiments/rtp-hdrext/playout-delay";
/// Constrained baseline, packetization mode 1 (RFC 6184 §6.3): what the encoder makes, and every browser takes.
const H264_FORMAT: &str = "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f";
/// Stereo in both directions (RFC 7587 §6.1). A browser plays stereo only if its own offer says so, too.
const OPUS_FORMAT: &str = "minptime=10;useinbandfec=1;stereo=1;sprop-stereo=1";
/// No answer to STUN checks for this long: `disconnected`; perhaps only the viewer's network changed.
const ICE_DISCONNECTED: Duration = Duration::from_secs(5);
/// … and for this long after that: `failed`, the viewer is gone. Long enough for an ICE restart from another network.
const ICE_FAILED: Duration = Duration::from_secs(15);
const ICE_KEEPALIVE: Duration = Duration::from_secs(2);

fn settings() -> SettingEngine {
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
    // These payload types are only our preference; the browser's are used.
    let (h264, rtx, opus) = (102, 103, 111);
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
    let opus = RTCRtpCodecParameters {
        rtp_codec: opus_codec(),
        payload_type: opus,
    };
    media.register_codec(opus, RtpCodecKind::Audio)?;
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

fn opus_codec() -> RTCRtpCodec {
    RTCRtpCodec {
        mime_type: MIME_TYPE_OPUS.to_owned(),
        clock_rate: 48_000,
        channels: 2,
        sdp_fmtp_line: OPUS_FORMAT.to_owned(),
        rtcp_feedback: vec![],
    }
}

fn rtcp_feedback() -> Vec<RTCPFeedback> {
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

/// Pacing is done before packets come here: only media waits; data channels, RTCP and retransmissions pass it by. `ssrc` is
/// the media stream's.
fn interceptors(state: &SharedState, ssrc: u32) -> Registry {
    let observer = TwccFeedback {
        state: state.clone(),
        ssrc,
    };
    let feedback = CongestionControlBuilder::new(observer).build();
    let numbers = TwccSenderBuilder::new().build();
    Registry::new()
        .with(
            tail_loss_probe::SLOT,
            TailLossProbe::new(state.clone(), ssrc),
        )
        .with(Slot::CongestionControl, TwccForRtx(feedback))
        .with(Slot::TwccSender, TwccForRtx(numbers))
        .with(rtcp::SLOT, RtcpInterceptor::new(state.clone(), ssrc))
        .with(Slot::ReceiverReport, ReceiverReportBuilder::new().build())
        .with(Slot::SenderReport, SenderReportBuilder::new().build())
}

/// A track of a connection.
#[derive(Clone, Copy)]
pub(super) struct SentTrack {
    /// By which `rtc` knows it.
    pub(super) sender: RTCRtpSenderId,
    /// Of the media stream.
    pub(super) ssrc: u32,
}

/// What is sent on a connection.
#[derive(Clone, Copy)]
pub(super) struct SentTracks {
    pub(super) video: SentTrack,
    pub(super) sound: SentTrack,
}

/// A peer connection that has both tracks and waits for an offer.
pub(super) fn peer_connection(
    state: &SharedState,
    now: Instant,
) -> Result<(RTCPeerConnection, SentTracks), Error> {
    let (ssrc, rtx_ssrc, sound_ssrc) = (random_ssrc()?, random_ssrc()?, random_ssrc()?);
    let mut rtc = RTCPeerConnectionBuilder::new()
        .with_configuration(RTCConfigurationBuilder::new().build())
        .with_setting_engine(settings())
        .with_media_engine(media()?)
        .with_interceptor_registry(interceptors(state, ssrc))
        .build(now)?;
    let video = SentTrack {
        sender: add_video(&mut rtc, ssrc, rtx_ssrc)?,
        ssrc,
    };
    let sound = SentTrack {
        sender: add_sound(&mut rtc, sound_ssrc)?,
        ssrc: sound_ssrc,
    };
    Ok((rtc, SentTracks { video, sound }))
}

/// RFC 3550 §8: random, so that two streams hardly ever have the same.
fn random_ssrc() -> Result<u32, Error> {
    let mut random = [0; 4];
    getrandom::fill(&mut random).map_err(|error| Error::Other(error.to_string()))?;
    Ok(u32::from_be_bytes(random))
}

fn add_video(
    rtc: &mut RTCPeerConnection,
    ssrc: u32,
    rtx_ssrc: u32,
) -> Result<RTCRtpSenderId, Error> {
    let track = MediaStreamTrack::new(
        "farpane".to_owned(),
        "page".to_owned(),
        "page".to_owned(),
        RtpCodecKind::Video,
        vec![RTCRtpEncodingParameters {
            rtp_coding_parameters: RTCRtpCodingParameters {
                ssrc: Some(ssrc),
                rtx: Some(RTCRtpRtxParameters { ssrc: rtx_ssrc }),
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

/// In a stream of its own: tracks of one stream are played in step, and the picture would wait for the sound.
fn add_sound(rtc: &mut RTCPeerConnection, ssrc: u32) -> Result<RTCRtpSenderId, Error> {
    let track = MediaStreamTrack::new(
        "farpane-sound".to_owned(),
        "sound".to_owned(),
        "sound".to_owned(),
        RtpCodecKind::Audio,
        vec![RTCRtpEncodingParameters {
            rtp_coding_parameters: RTCRtpCodingParameters {
                ssrc: Some(ssrc),
                ..RTCRtpCodingParameters::default()
            },
            codec: opus_codec(),
            ..RTCRtpEncodingParameters::default()
        }],
    );
    rtc.add_track(track)
}
