//! A viewer without a browser: a `webrtc` peer that decodes what it gets.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use farpane::bitrate::Bitrate;
use farpane::transport::{Hub, PeerError, PeerEvent, PeerRequest};
use openh264::decoder::Decoder;
use openh264::formats::YUVSource;
use shared::message::channel;
use shared::session::{SessionId, ViewerId};
use tokio::sync::mpsc;
use webrtc::data_channel::{DataChannel, DataChannelEvent, RTCDataChannelInit};
use webrtc::media_stream::track_remote::{TrackRemote, TrackRemoteEvent};
use webrtc::peer_connection::{
    PeerConnection, PeerConnectionBuilder, PeerConnectionEventHandler, RTCConfigurationBuilder,
    RTCIceCandidateInit, Registry, SettingEngineBuilder,
};
use webrtc::rtp_transceiver::{RTCRtpTransceiverDirection, RTCRtpTransceiverInit};

use rtc::ice::network_type::NetworkType;
use rtc::peer_connection::configuration::interceptor_registry::register_default_interceptors;
use rtc::peer_connection::configuration::media_engine::{
    MIME_TYPE_H264, MIME_TYPE_RTX, MediaEngine,
};
use rtc::peer_connection::sdp::RTCSessionDescription;
use rtc::rtcp::payload_feedbacks::picture_loss_indication::PictureLossIndication;
use rtc::rtp;
use rtc::rtp::codec::h264::H264Packet;
use rtc::rtp::packetizer::Depacketizer;
use rtc::rtp_transceiver::rtp_sender::{
    RTCPFeedback, RTCRtpCodec, RTCRtpCodecParameters, RTCRtpHeaderExtensionCapability, RtpCodecKind,
};

/// Everything here takes milliseconds; a busy machine may take seconds.
pub const PATIENCE: Duration = Duration::from_secs(20);

pub async fn soon<T>(what: &str, wait: impl Future<Output = T>) -> T {
    match tokio::time::timeout(PATIENCE, wait).await {
        Ok(value) => value,
        Err(_) => panic!("waited in vain for {what}"),
    }
}

/// Waits for a fact that another thread brings about.
pub async fn until(what: &str, is_so: impl Fn() -> bool) {
    soon(what, async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    })
    .await;
}

#[derive(Clone, Copy, PartialEq)]
pub enum Way {
    Udp,
    Tcp,
    /// Over UDP, and this port of a relay.
    Through(u16),
}

pub struct Viewer {
    pub id: ViewerId,
    pub connection: Box<dyn PeerConnection>,
    pub control: Arc<dyn DataChannel>,
    pub moves: Arc<dyn DataChannel>,
    pub events: mpsc::Receiver<(ViewerId, PeerEvent)>,
    tracks: mpsc::UnboundedReceiver<Arc<dyn TrackRemote>>,
    track: Option<Arc<dyn TrackRemote>>,
    screen: Screen,
    way: Way,
}

struct Handler {
    tracks: mpsc::UnboundedSender<Arc<dyn TrackRemote>>,
}

#[async_trait::async_trait]
impl PeerConnectionEventHandler for Handler {
    async fn on_track(&self, track: Arc<dyn TrackRemote>) {
        let _ = self.tracks.send(track);
    }
}

impl Viewer {
    /// A peer that has not made its offer yet.
    pub async fn new(id: &str, way: Way) -> (Viewer, mpsc::Sender<(ViewerId, PeerEvent)>) {
        let mut media = MediaEngine::default();
        // Numbers that are not the server's own.
        for (payload_type, mime_type, format) in [
            (
                109,
                MIME_TYPE_H264,
                "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f",
            ),
            (114, MIME_TYPE_RTX, "apt=109"),
        ] {
            let codec = RTCRtpCodecParameters {
                rtp_codec: RTCRtpCodec {
                    mime_type: mime_type.to_owned(),
                    clock_rate: 90_000,
                    channels: 0,
                    sdp_fmtp_line: format.to_owned(),
                    rtcp_feedback: [("nack", ""), ("nack", "pli"), ("ccm", "fir")]
                        .map(|(typ, parameter)| RTCPFeedback {
                            typ: typ.to_owned(),
                            parameter: parameter.to_owned(),
                        })
                        .to_vec(),
                },
                payload_type,
            };
            media.register_codec(codec, RtpCodecKind::Video).unwrap();
        }
        media
            .register_header_extension(
                RTCRtpHeaderExtensionCapability {
                    uri: "http://www.webrtc.org/experiments/rtp-hdrext/playout-delay".to_owned(),
                },
                RtpCodecKind::Video,
                None,
            )
            .unwrap();
        let registry = register_default_interceptors(Registry::new(), &mut media).unwrap();
        let (send_track, tracks) = mpsc::unbounded_channel();
        let builder = PeerConnectionBuilder::new()
            .with_configuration(RTCConfigurationBuilder::new().build())
            .with_media_engine(media)
            .with_interceptor_registry(registry)
            .with_handler(Arc::new(Handler { tracks: send_track }));
        let builder = match way {
            Way::Udp | Way::Through(_) => builder.with_udp_addrs(vec!["127.0.0.1:0"]),
            Way::Tcp => builder
                .with_setting_engine(
                    SettingEngineBuilder::new()
                        .with_network_types(vec![NetworkType::Tcp4])
                        .build(),
                )
                .with_tcp_addrs(vec!["127.0.0.1:0"])
                .with_udp_addrs(Vec::new()),
        };
        let connection = builder.build().await.unwrap();
        let recvonly = RTCRtpTransceiverInit {
            direction: RTCRtpTransceiverDirection::Recvonly,
            streams: vec![],
            send_encodings: vec![],
        };
        connection
            .add_transceiver_from_kind(RtpCodecKind::Video, Some(recvonly))
            .await
            .unwrap();
        let control = connection
            .create_data_channel(channel::CONTROL, None)
            .await
            .unwrap();
        let unreliable = RTCDataChannelInit {
            ordered: false,
            max_retransmits: Some(0),
            ..RTCDataChannelInit::default()
        };
        let moves = connection
            .create_data_channel(channel::MOVES, Some(unreliable))
            .await
            .unwrap();
        let (send_event, events) = mpsc::channel(64);
        let viewer = Viewer {
            id: id.parse().unwrap(),
            connection: Box::new(connection),
            control,
            moves,
            events,
            tracks,
            track: None,
            screen: Screen::new(),
            way,
        };
        (viewer, send_event)
    }

    /// Offer, answer.
    pub async fn join(id: &str, hub: &Hub, session: &SessionId, way: Way) -> Viewer {
        let (viewer, events) = Viewer::new(id, way).await;
        viewer.negotiate(hub, session, events).await.unwrap();
        viewer
    }

    /// Returns the answer.
    pub async fn negotiate(
        &self,
        hub: &Hub,
        session: &SessionId,
        events: mpsc::Sender<(ViewerId, PeerEvent)>,
    ) -> Result<String, PeerError> {
        let offer = self.connection.create_offer(None).await.unwrap();
        self.connection
            .set_local_description(offer.clone())
            .await
            .unwrap();
        let request = PeerRequest {
            session: session.clone(),
            viewer: self.id.clone(),
            offer: self.seen_by_hub(&offer.sdp),
            ceiling: Bitrate::kbps(4000),
            adapt: true,
            events,
        };
        let answer = hub.connect(request).await?;
        let seen = self.seen_by_viewer(&answer, hub.port());
        let description = RTCSessionDescription::answer(seen).unwrap();
        self.connection
            .set_remote_description(description)
            .await
            .unwrap();
        // `webrtc` calls TCP candidates only when they are told one by one.
        let is_direct = !matches!(self.way, Way::Through(_));
        let lines = answer.lines().filter(|_| is_direct);
        let lines = lines.filter_map(|line| line.strip_prefix("a="));
        for candidate in lines.filter(|line| line.contains("tcptype passive")) {
            let candidate = RTCIceCandidateInit {
                candidate: candidate.to_owned(),
                sdp_mid: Some(String::new()),
                sdp_mline_index: Some(0),
                ..RTCIceCandidateInit::default()
            };
            self.connection.add_ice_candidate(candidate).await.unwrap();
        }
        Ok(answer)
    }

    /// Behind a relay there is no other way to the viewer.
    fn seen_by_hub(&self, offer: &str) -> String {
        let keep =
            |line: &&str| !matches!(self.way, Way::Through(_)) || !line.starts_with("a=candidate:");
        offer.split_inclusive('\n').filter(keep).collect()
    }

    /// Behind a relay the hub seems to be where the relay is.
    fn seen_by_viewer(&self, answer: &str, hub: u16) -> String {
        match self.way {
            Way::Through(relay) => answer.replace(
                &format!(" 127.0.0.1 {hub} typ"),
                &format!(" 127.0.0.1 {relay} typ"),
            ),
            _ => answer.to_owned(),
        }
    }

    pub async fn event(&mut self) -> PeerEvent {
        let (viewer, event) = soon("an event", self.events.recv())
            .await
            .expect("hub lives");
        assert_eq!(viewer, self.id);
        event
    }

    pub async fn until(&mut self, wanted: PeerEvent) {
        while self.event().await != wanted {}
    }

    pub async fn reason_of_the_end(&mut self) -> String {
        loop {
            if let PeerEvent::Disconnected { reason } = self.event().await {
                return reason;
            }
        }
    }

    async fn track(&mut self) -> Arc<dyn TrackRemote> {
        if self.track.is_none() {
            self.track = soon("a track", self.tracks.recv()).await;
        }
        self.track.clone().expect("waited for")
    }

    pub async fn packet(&mut self) -> rtp::Packet {
        let track = self.track().await;
        loop {
            let event = soon("a packet", track.poll()).await.expect("track lives");
            if let TrackRemoteEvent::OnRtpPacket(packet) = event {
                return packet;
            }
        }
    }

    /// The next frame, decoded.
    pub async fn picture(&mut self) -> Picture {
        loop {
            let packet = self.packet().await;
            if let Some(picture) = self.screen.take(packet) {
                return picture;
            }
        }
    }

    /// Frames until one has this brightness in its middle.
    pub async fn sees(&mut self, luma: u8) -> Picture {
        loop {
            let picture = self.picture().await;
            if picture.luma.abs_diff(luma) <= 4 {
                return picture;
            }
        }
    }

    /// Frames until one is a keyframe.
    pub async fn keyframe(&mut self) -> Picture {
        loop {
            let picture = self.picture().await;
            if picture.keyframe {
                return picture;
            }
        }
    }

    /// Says that it lost the picture.
    pub async fn ask_for_a_keyframe(&mut self) {
        let media_ssrc = self.packet_ssrc().await;
        let pli = PictureLossIndication {
            sender_ssrc: 0,
            media_ssrc,
        };
        self.track()
            .await
            .write_rtcp(vec![Box::new(pli)])
            .await
            .unwrap();
    }

    async fn packet_ssrc(&mut self) -> u32 {
        self.track().await.ssrcs().await[0]
    }

    pub async fn channel_is_open(&self) {
        for channel in [&self.control, &self.moves] {
            soon("an open channel", async {
                while !matches!(channel.poll().await, Some(DataChannelEvent::OnOpen)) {}
            })
            .await;
        }
    }

    /// The server has let the peer go.
    pub async fn channel_is_closed(&self) {
        soon("the channel's end", async {
            while !matches!(
                self.control.poll().await,
                None | Some(DataChannelEvent::OnClose)
            ) {}
        })
        .await;
    }

    pub async fn message(&self) -> Bytes {
        soon("a message", async {
            loop {
                if let Some(DataChannelEvent::OnMessage(message)) = self.control.poll().await {
                    return message.data.freeze();
                }
            }
        })
        .await
    }

    pub async fn say(&self, channel: &Arc<dyn DataChannel>, words: &[u8]) {
        channel.send(BytesMut::from(words)).await.unwrap();
    }
}

#[derive(Clone, Copy, Debug)]
pub struct Picture {
    pub size: (usize, usize),
    /// Of the pixel in the middle.
    pub luma: u8,
    pub chroma: (u8, u8),
    pub keyframe: bool,
    pub timestamp: u32,
}

/// RTP packets → pictures.
struct Screen {
    depacketizer: H264Packet,
    decoder: Decoder,
    access_unit: Vec<u8>,
    /// What came before its turn, by how many packets after `next`.
    early: BTreeMap<u16, rtp::Packet>,
    next: Option<u16>,
}

impl Screen {
    fn new() -> Screen {
        Screen {
            depacketizer: H264Packet::default(),
            decoder: Decoder::new().unwrap(),
            access_unit: Vec::new(),
            early: BTreeMap::new(),
            next: None,
        }
    }

    /// As a browser does: in order, and what is missing is waited for unless a keyframe makes it worthless.
    fn take(&mut self, packet: rtp::Packet) -> Option<Picture> {
        let begins_keyframe = packet
            .payload
            .first()
            .is_some_and(|first| first & 0x1f == 24);
        let number = packet.header.sequence_number;
        let ahead = number.wrapping_sub(*self.next.get_or_insert(number));
        if ahead > u16::MAX / 2 {
            return None;
        }
        if begins_keyframe && ahead > 0 {
            self.access_unit.clear();
            self.depacketizer = H264Packet::default();
            let kept = std::mem::take(&mut self.early).into_iter();
            let kept = kept.filter_map(|(at, packet)| Some((at.checked_sub(ahead)?, packet)));
            self.early = kept.collect();
            self.next = Some(number);
            self.early.insert(0, packet);
        } else {
            self.early.insert(ahead, packet);
        }
        let mut shown = None;
        while let Some(packet) = self.early.remove(&0) {
            let later = std::mem::take(&mut self.early).into_iter();
            self.early = later.map(|(ahead, packet)| (ahead - 1, packet)).collect();
            self.next = Some(packet.header.sequence_number.wrapping_add(1));
            shown = self.decode(packet).or(shown);
        }
        shown
    }

    fn decode(&mut self, packet: rtp::Packet) -> Option<Picture> {
        let part = self.depacketizer.depacketize(&packet.payload).unwrap();
        self.access_unit.extend_from_slice(&part);
        if !packet.header.marker {
            return None;
        }
        let access_unit = std::mem::take(&mut self.access_unit);
        let keyframe = access_unit
            .windows(5)
            .any(|w| w[..4] == [0, 0, 0, 1] && w[4] & 0x1f == 5);
        let picture = self.decoder.decode(&access_unit).unwrap()?;
        let (width, height) = picture.dimensions();
        let (stride_y, stride_u, stride_v) = picture.strides();
        Some(Picture {
            size: (width, height),
            luma: picture.y()[height / 2 * stride_y + width / 2],
            chroma: (
                picture.u()[height / 4 * stride_u + width / 4],
                picture.v()[height / 4 * stride_v + width / 4],
            ),
            keyframe,
            timestamp: packet.header.timestamp,
        })
    }
}
