//! One viewer's WebRTC connection: offer → answer, datagrams ↔ frames and messages. The only door to `rtc`.
//!
//! Nothing here reads a clock or touches a socket: time and datagrams come in, datagrams and events go out.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use rtc::data_channel::RTCDataChannelId;
use rtc::ice::network_type::NetworkType;
use rtc::ice::tcp_type::TcpType;
use rtc::interceptor::{
    CongestionControlBuilder, NackResponderBuilder, ReceiverReportBuilder, Registry,
    SenderReportBuilder, Slot, TwccSenderBuilder,
};
use rtc::media_stream::MediaStreamTrack;
use rtc::peer_connection::configuration::RTCConfigurationBuilder;
use rtc::peer_connection::configuration::media_engine::{
    MIME_TYPE_H264, MIME_TYPE_RTX, MediaEngine,
};
use rtc::peer_connection::configuration::setting_engine::{
    SctpMaxMessageSize, SettingEngine, SettingEngineBuilder,
};
use rtc::peer_connection::event::{RTCDataChannelEvent, RTCPeerConnectionEvent};
use rtc::peer_connection::message::RTCMessage;
use rtc::peer_connection::sdp::RTCSessionDescription;
use rtc::peer_connection::state::{RTCIceConnectionState, RTCPeerConnectionState};
use rtc::peer_connection::transport::{
    CandidateConfig, CandidateHostConfig, RTCDtlsRole, RTCIceCandidate, RTCIceCandidateInit,
};
use rtc::peer_connection::{RTCPeerConnection, RTCPeerConnectionBuilder};
use rtc::rtp;
use rtc::rtp_transceiver::RTCRtpSenderId;
use rtc::rtp_transceiver::rtp_sender::{
    RTCPFeedback, RTCRtpCodec, RTCRtpCodecParameters, RTCRtpCodingParameters,
    RTCRtpEncodingParameters, RTCRtpHeaderExtensionCapability, RTCRtpRtxParameters, RtpCodecKind,
};
use rtc::sansio::Protocol;
use rtc::sdp::extmap::TRANSPORT_CC_URI;
use rtc::shared::error::Error;
use rtc::shared::{TaggedBytesMut, TransportContext, TransportProtocol};
use shared::message::channel;
use shared::wire::MAX_CLIENT_MESSAGE;

use super::estimator::{Observer, Summaries};
use super::listen::Candidates;
use super::offer::{Offer, Origin};
use super::plea::Pleas;
use super::tap::{self, Seen, Tap};
use super::{Feedback, PeerError, Transport, lock};

/// <http://www.webrtc.org/experiments/rtp-hdrext/playout-delay>
const PLAYOUT_DELAY_URI: &str = "http://www.webrtc.org/experiments/rtp-hdrext/playout-delay";
/// Minimum and maximum 0: show each frame at once. Without it Chromium's jitter buffer holds frames for 12 ms.
static NO_PLAYOUT_DELAY: Bytes = Bytes::from_static(&[0, 0, 0]);
/// Constrained baseline in fragments: what the encoder makes, and every browser takes.
const H264_FORMAT: &str = "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f";
/// Packets kept for repetition: 2 s of a keyframe and the frames after it, at a few Mb/s. A power of two, as `rtc` wants it.
const HISTORY: u16 = 2048;
/// No answer to ICE checks for this long: perhaps only the viewer's network changed.
const ICE_DISCONNECTED: Duration = Duration::from_secs(5);
/// … and for this long after that: it is gone. Long enough for an ICE restart from another network.
const ICE_FAILED: Duration = Duration::from_secs(15);
const ICE_KEEPALIVE: Duration = Duration::from_secs(2);
/// The two there are, and the same again while a page reopens them. More is an attack.
const MAX_CHANNELS: usize = 8;
/// Messages that a viewer has not taken yet. The largest is a session's state, some kilobytes.
const MAX_UNTAKEN: usize = 4 * 1024 * 1024;

/// One peer, answering an offer.
pub struct Connection {
    rtc: RTCPeerConnection,
    origin: Origin,
    public: Vec<SocketAddr>,
    sender: RTCRtpSenderId,
    ssrc: u32,
    sequence: u16,
    pleas: Pleas,
    format: Format,
    seen: Arc<Mutex<Seen>>,
    summaries: Summaries,
    control: Option<RTCDataChannelId>,
    moves: Option<RTCDataChannelId>,
    channels: usize,
    transport: Option<Transport>,
    phase: Phase,
}

/// How far the connection is.
#[derive(Clone, Copy, PartialEq)]
enum Phase {
    /// No ICE pair or no DTLS session yet.
    Connecting,
    Connected,
    /// ICE starts again. `rtc` has no pair meanwhile, and drops what is sent.
    Restarting,
}

/// Numbers that the viewer's browser chose.
#[derive(Clone, Copy)]
struct Format {
    payload_type: u8,
    playout_delay: Option<u8>,
}

/// What comes out of [`Connection::poll`].
pub enum Output {
    Datagram(TaggedBytesMut),
    Event(Event),
}

pub enum Event {
    /// Frames can flow from now on; whatever was sent before is lost.
    Connected(Transport),
    /// They flow on another way.
    Moved(Transport),
    KeyframeNeeded,
    ControlOpen,
    /// `droppable`: from the channel where only the newest counts.
    Message {
        bytes: Bytes,
        droppable: bool,
    },
    Feedback(Feedback),
    /// Over, and why.
    Ended(&'static str),
}

/// How a datagram reached us; the address of ours must be one the answer names as a host candidate.
pub fn came(ours: SocketAddr, theirs: SocketAddr, by: Transport) -> TransportContext {
    TransportContext {
        local_addr: ours,
        peer_addr: theirs,
        transport_protocol: match by {
            Transport::Udp => TransportProtocol::UDP,
            Transport::Tcp => TransportProtocol::TCP,
        },
        ecn: None,
    }
}

pub fn transport_of(context: &TransportContext) -> Transport {
    match context.transport_protocol {
        TransportProtocol::TCP => Transport::Tcp,
        _ => Transport::Udp,
    }
}

impl Connection {
    /// Takes some milliseconds for keys and a certificate.
    pub fn answer(offer: &Offer, local: &Candidates) -> Result<(Connection, String), PeerError> {
        let (seen, summaries) = (Arc::default(), Summaries::default());
        let set_up = || -> Result<_, Error> {
            let now = Instant::now();
            let mut rtc = RTCPeerConnectionBuilder::new()
                .with_configuration(RTCConfigurationBuilder::new().build())
                .with_setting_engine(settings())
                .with_media_engine(media()?)
                .with_interceptor_registry(interceptors(&seen, &summaries))
                .build(now)?;
            let (sender, ssrc) = add_video(&mut rtc)?;
            Ok((rtc, sender, ssrc))
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
            pleas: Pleas::default(),
            format: Format {
                payload_type: 0,
                playout_delay: None,
            },
            seen,
            summaries,
            control: None,
            moves: None,
            channels: 0,
            transport: None,
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

    pub fn is_connected(&self) -> bool {
        self.phase == Phase::Connected
    }

    /// How frames leave, once something has left.
    pub fn transport(&self) -> Option<Transport> {
        self.transport
    }

    pub fn read(&mut self, datagram: BytesMut, transport: TransportContext, now: Instant) {
        // It never fails: what cannot be read is dropped, and logged by `rtc`.
        let _ = self.rtc.handle_read(TaggedBytesMut {
            now,
            transport,
            message: datagram,
        });
    }

    /// One frame, in payloads that all viewers share. `timestamp` is in 1/90000 s.
    pub fn write_frame(
        &mut self,
        payloads: &[Bytes],
        timestamp: u32,
        keyframe: bool,
        now: Instant,
    ) {
        let Some(mut sender) = self.rtc.rtp_sender(self.sender) else {
            return;
        };
        for (index, payload) in payloads.iter().enumerate() {
            let mut header = rtp::Header {
                version: 2,
                marker: index + 1 == payloads.len(),
                payload_type: self.format.payload_type,
                sequence_number: self.sequence,
                timestamp,
                ssrc: self.ssrc,
                ..rtp::Header::default()
            };
            if let Some(id) = self.format.playout_delay {
                // Refused only for ids above 14, which browsers do not choose.
                let _ = header.set_extension(id, NO_PLAYOUT_DELAY.clone());
            }
            self.sequence = self.sequence.wrapping_add(1);
            let packet = rtp::Packet {
                header,
                payload: payload.clone(),
            };
            if let Err(error) = sender.write_rtp(now, packet) {
                tracing::debug!(%error, "a packet was not sent");
            }
        }
        self.pleas
            .sent(self.sequence.wrapping_sub(1), keyframe, now);
    }

    /// `Err` when the viewer has stopped taking messages.
    pub fn write_message(&mut self, message: Vec<u8>, now: Instant) -> Result<(), &'static str> {
        let Some(mut channel) = self.control.and_then(|id| self.rtc.data_channel(id)) else {
            return Ok(());
        };
        if channel.outstanding_bytes() + message.len() > MAX_UNTAKEN {
            return Err("the viewer does not take its messages");
        }
        if let Err(error) = channel.send(now, BytesMut::from(&message[..])) {
            tracing::debug!(%error, "a message was not sent");
        }
        Ok(())
    }

    pub fn handle_timeout(&mut self, now: Instant) {
        if let Err(error) = self.rtc.handle_timeout(now) {
            tracing::debug!(%error, "a timer failed");
        }
    }

    /// When [`Connection::handle_timeout`] must be called next.
    pub fn deadline(&mut self) -> Option<Instant> {
        self.rtc.poll_timeout()
    }

    /// Takes everything that has come of the calls before.
    pub fn poll(&mut self, mut put: impl FnMut(Output)) {
        loop {
            let mut idle = true;
            while let Some(datagram) = self.rtc.poll_write() {
                self.note_transport(&datagram, &mut put);
                put(Output::Datagram(datagram));
            }
            while let Some(event) = self.rtc.poll_event() {
                idle = false;
                self.take_event(event, &mut put);
            }
            while let Some(message) = self.rtc.poll_read() {
                idle = false;
                if let RTCMessage::DataChannelMessage(id, message) = message.message
                    && (Some(id) == self.control || Some(id) == self.moves)
                {
                    put(Output::Event(Event::Message {
                        bytes: message.data.freeze(),
                        droppable: Some(id) == self.moves,
                    }));
                }
            }
            if idle {
                break;
            }
        }
        self.take_feedback(&mut put);
    }

    /// Everything but STUN goes over the selected candidate pair.
    fn note_transport(&mut self, datagram: &TaggedBytesMut, put: &mut impl FnMut(Output)) {
        let is_stun = datagram.message.first().is_none_or(|first| *first < 4);
        let transport = Some(transport_of(&datagram.transport));
        if is_stun || transport == self.transport {
            return;
        }
        self.transport = transport;
        if let (true, Some(transport)) = (self.is_connected(), transport) {
            put(Output::Event(Event::Moved(transport)));
        }
    }

    fn take_event(&mut self, event: RTCPeerConnectionEvent, put: &mut impl FnMut(Output)) {
        let mut put = |event| put(Output::Event(event));
        match event {
            RTCPeerConnectionEvent::OnConnectionStateChangeEvent(state) => match state {
                RTCPeerConnectionState::Connected if self.phase == Phase::Connecting => {
                    self.phase = Phase::Connected;
                    put(Event::Connected(self.transport.unwrap_or(Transport::Udp)));
                }
                RTCPeerConnectionState::Failed => put(Event::Ended("the viewer does not answer")),
                RTCPeerConnectionState::Closed => {
                    put(Event::Ended("the viewer closed the connection"))
                }
                _ => {}
            },
            RTCPeerConnectionEvent::OnIceConnectionStateChangeEvent(
                RTCIceConnectionState::Connected | RTCIceConnectionState::Completed,
            ) if self.phase == Phase::Restarting => {
                self.phase = Phase::Connected;
                put(Event::Connected(self.transport.unwrap_or(Transport::Udp)));
            }
            RTCPeerConnectionEvent::OnDataChannel(RTCDataChannelEvent::OnOpen(id)) => {
                self.channels += 1;
                if self.channels > MAX_CHANNELS {
                    put(Event::Ended("the viewer opened too many data channels"));
                    return;
                }
                let Some(mut opened) = self.rtc.data_channel(id) else {
                    return;
                };
                match opened.label() {
                    channel::CONTROL => {
                        self.control = Some(id);
                        put(Event::ControlOpen);
                    }
                    channel::MOVES => self.moves = Some(id),
                    _ => {
                        let _ = opened.close();
                    }
                }
            }
            RTCPeerConnectionEvent::OnDataChannel(RTCDataChannelEvent::OnClose(id))
                if Some(id) == self.control =>
            {
                // A browser that closes the whole connection says no more than this.
                put(Event::Ended("the viewer left"));
            }
            _ => {}
        }
    }

    fn take_feedback(&mut self, put: &mut impl FnMut(Output)) {
        let Seen {
            keyframe_needed,
            reports,
        } = std::mem::take(&mut *lock(&self.seen));
        let now = Instant::now();
        for report in reports.iter().filter(|report| report.ssrc == self.ssrc) {
            self.pleas.reported(report.highest, report.total_lost, now);
        }
        if keyframe_needed && self.pleas.is_needed(now) {
            put(Output::Event(Event::KeyframeNeeded));
        }
        let summaries = std::mem::take(&mut *lock(&self.summaries));
        let reports = reports.into_iter().map(|report| Feedback {
            loss: Some(report.loss),
            round_trip: report.round_trip,
            transport: None,
        });
        let summaries = summaries.into_iter().map(|summary| Feedback {
            transport: Some(summary),
            ..Feedback::default()
        });
        for feedback in reports.chain(summaries) {
            put(Output::Event(Event::Feedback(feedback)));
        }
    }

    /// Says goodbye; what it says comes out of one more [`Connection::poll`].
    pub fn close(&mut self) {
        if let Err(error) = self.rtc.close() {
            tracing::debug!(%error, "closing a connection");
        }
    }
}

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

fn media() -> Result<MediaEngine, Error> {
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

/// No pacer and no estimator of `rtc`'s: they held frames back for more than a second.
fn interceptors(seen: &Arc<Mutex<Seen>>, summaries: &Summaries) -> Registry {
    let observer = Observer {
        summaries: summaries.clone(),
    };
    Registry::new()
        .with(
            Slot::CongestionControl,
            CongestionControlBuilder::new(observer).build(),
        )
        .with(Slot::TwccSender, TwccSenderBuilder::new().build())
        .with(tap::SLOT, Tap::new(seen.clone()))
        .with(
            Slot::NackResponder,
            NackResponderBuilder::new().with_size(HISTORY).build(),
        )
        .with(Slot::ReceiverReport, ReceiverReportBuilder::new().build())
        .with(Slot::SenderReport, SenderReportBuilder::new().build())
}

fn add_video(rtc: &mut RTCPeerConnection) -> Result<(RTCRtpSenderId, u32), Error> {
    let mut random = [0; 8];
    getrandom::fill(&mut random).map_err(|error| Error::Other(error.to_string()))?;
    let [a, b, c, d, e, f, g, h] = random;
    let (ssrc, rtx) = (
        u32::from_be_bytes([a, b, c, d]),
        u32::from_be_bytes([e, f, g, h]),
    );
    let track = MediaStreamTrack::new(
        "farpane".to_owned(),
        "page".to_owned(),
        "page".to_owned(),
        RtpCodecKind::Video,
        vec![RTCRtpEncodingParameters {
            rtp_coding_parameters: RTCRtpCodingParameters {
                ssrc: Some(ssrc),
                rtx: Some(RTCRtpRtxParameters { ssrc: rtx }),
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
    Ok((rtc.add_track(track)?, ssrc))
}

/// UDP, and TCP on the same port that waits to be called.
fn host_candidates(address: SocketAddr) -> Result<Vec<RTCIceCandidateInit>, Error> {
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
fn with_public_candidates(answer: &str, public: &[SocketAddr]) -> String {
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
