//! Fuzz targets of WebRTC: an SDP offer, and all that a viewer may send who has the connection's keys.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use bytes::{Buf, Bytes, BytesMut};
use rtc::data_channel::{RTCDataChannelId, RTCDataChannelInit};
use rtc::peer_connection::RTCPeerConnection;
use rtc::peer_connection::RTCPeerConnectionBuilder;
use rtc::peer_connection::configuration::setting_engine::SettingEngineBuilder;
use rtc::peer_connection::sdp::RTCSessionDescription;
use rtc::rtcp::raw_packet::RawPacket;
use rtc::rtp_transceiver::RTCRtpReceiverId;
use rtc::rtp_transceiver::rtp_sender::RtpCodecKind;
use rtc::sansio::Protocol;
use rtc::shared::{TaggedBytesMut, TransportContext, TransportProtocol};
use shared::message::channel;

use super::candidates::host_candidates;
use super::connection::Connection;
use super::offer::Offer;
use super::packetize::packetize;
use super::setup::media;
use crate::bitrate::Bitrate;
use crate::congestion::sender_state::SenderState;
use crate::transport::datagram::{Datagram, FiveTuple, Protocol as Network};
use crate::transport::listen::Candidates;
use crate::transport::output::{Event, Output};

/// Addresses of documentation (RFC 5737): nothing is ever sent there.
const SERVER: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)), 8081);
const VIEWER: SocketAddr =
    SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::new(198, 51, 100, 1)), 5000);

const CEILING: Bitrate = Bitrate::kbps(6000);

/// What Chromium offers; also the first seed.
const CHROMIUM: &str = include_str!(concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../fuzz/corpus/sdp/chromium"
));

/// An offer: as the first of a connection, and as a later one of a connection that is there.
pub fn sdp(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let Ok(offer) = Offer::read(text) else {
        return;
    };
    let now = Instant::now();
    let _ = answered(&offer, now);
    let usual = Offer::read(CHROMIUM).expect("Chromium's offer can be read");
    let (mut connection, _) = answered(&usual, now).expect("Chromium's offer can be answered");
    // The hub does this only with offers of the same connection.
    if connection.belongs_to(&offer) {
        let _ = connection.answer_again(&offer, now);
        connection.handle_timeout(now + Duration::from_millis(1));
        connection.poll(now + Duration::from_millis(1), |_| {});
    }
}

fn answered(
    offer: &Offer,
    now: Instant,
) -> Result<(Connection, String), crate::transport::PeerError> {
    let local = Candidates {
        host: vec![SERVER],
        public: Vec::new(),
    };
    Connection::answer(offer, &local, SenderState::new(CEILING, true, now), now)
}

/// What a viewer does, one after the other. The first byte says how many rounds of setting up come first, so that some
/// of it meets a connection that is half made.
pub fn connection(mut bytes: &[u8]) {
    let Ok(rounds) = bytes.try_get_u8() else {
        return;
    };
    let mut pair = Pair::new();
    for _ in 0..rounds {
        if pair.is_open() {
            break;
        }
        pair.wait(Duration::from_millis(50));
    }
    // Beyond this nothing new happens, and each input takes its time.
    for _ in 0..64 {
        let Ok(what) = bytes.try_get_u8() else {
            break;
        };
        match what % 8 {
            0 => pair.datagram(&taken(&mut bytes)),
            1 | 2 => pair.rtcp(&taken(&mut bytes)),
            3 => pair.message(pair.control, &taken(&mut bytes)),
            4 => pair.message(pair.moves, &taken(&mut bytes)),
            5 => pair.frame(
                usize::from(bytes.try_get_u16().unwrap_or_default()),
                what > 7,
            ),
            6 => pair.wait(Duration::from_millis(
                bytes.try_get_u8().unwrap_or_default().into(),
            )),
            _ => pair.rtp(&taken(&mut bytes)),
        }
        pair.exchange();
    }
    pair.server.close();
    pair.exchange();
}

/// A length, then so many bytes, or as many as there are.
fn taken(bytes: &mut &[u8]) -> Bytes {
    let length = usize::from(bytes.try_get_u8().unwrap_or_default());
    bytes.copy_to_bytes(length.min(bytes.len()))
}

/// A connection, and a viewer who may send with its keys whatever they like. Time is a number.
struct Pair {
    server: Connection,
    viewer: RTCPeerConnection,
    video: RTCRtpReceiverId,
    control: RTCDataChannelId,
    moves: RTCDataChannelId,
    is_control_open: bool,
    began: Instant,
    now: Instant,
}

impl Pair {
    fn new() -> Pair {
        let now = Instant::now();
        let viewer = RTCPeerConnectionBuilder::new()
            .with_setting_engine(SettingEngineBuilder::new().build())
            .with_media_engine(media().expect("the same as the server's"))
            .build(now);
        let mut viewer = viewer.expect("a peer connection that asks for nothing special");
        viewer
            .add_transceiver_from_kind(RtpCodecKind::Video, None)
            .expect("video to receive");
        let mut channel = |label, options| {
            let channel = viewer.create_data_channel(label, options);
            channel.expect("a channel as a page opens it").id()
        };
        let control = channel(channel::CONTROL, None);
        let moves = RTCDataChannelInit {
            ordered: false,
            max_retransmits: Some(0),
            ..RTCDataChannelInit::default()
        };
        let moves = channel(channel::MOVES, Some(moves));
        let [candidate, _] = &host_candidates(VIEWER).expect("an address")[..] else {
            unreachable!("one for UDP and one for TCP")
        };
        viewer
            .add_local_candidate(candidate.clone())
            .expect("a candidate of our own making");
        let offer = viewer.create_offer(None).expect("an offer");
        let text = offer.sdp.clone();
        viewer
            .set_local_description(now, offer)
            .expect("an offer of our own making");
        let offer = Offer::read(&text).expect("an offer with video and H.264");
        let (server, answer) = answered(&offer, now).expect("an offer that can be answered");
        let answer = RTCSessionDescription::answer(answer).expect("an answer of our own making");
        viewer
            .set_remote_description(now, answer)
            .expect("an answer of our own making");
        let video = viewer.get_receivers().next().expect("the one for video");
        let mut pair = Pair {
            server,
            viewer,
            video,
            control,
            moves,
            is_control_open: false,
            began: now,
            now,
        };
        pair.exchange();
        pair
    }

    fn is_open(&self) -> bool {
        self.server.is_connected() && self.is_control_open
    }

    /// Time passes on both sides.
    fn wait(&mut self, time: Duration) {
        self.now += time;
        self.server.handle_timeout(self.now);
        let _ = self.viewer.handle_timeout(self.now);
        self.exchange();
    }

    /// Until neither has anything more to say.
    fn exchange(&mut self) {
        for _ in 0..1000 {
            let mut to_viewer = Vec::new();
            let is_control_open = &mut self.is_control_open;
            self.server.poll(self.now, |output| match output {
                Output::Datagram(datagram) => to_viewer.push(datagram),
                Output::Event(Event::ControlOpen) => *is_control_open = true,
                Output::Event(Event::Feedback(feedback)) => {
                    if let Some(estimate) = feedback.estimate {
                        assert!(estimate.bitrate <= CEILING, "{estimate:?}");
                    }
                }
                Output::Event(_) => {}
            });
            let mut is_quiet = to_viewer.is_empty();
            for datagram in to_viewer {
                let _ = self.viewer.handle_read(TaggedBytesMut {
                    now: self.now,
                    transport: TransportContext {
                        local_addr: VIEWER,
                        peer_addr: SERVER,
                        transport_protocol: TransportProtocol::UDP,
                        ecn: None,
                    },
                    message: datagram.payload,
                });
            }
            while self.viewer.poll_event().is_some() || self.viewer.poll_read().is_some() {}
            while let Some(datagram) = self.viewer.poll_write() {
                is_quiet = false;
                if datagram.transport.transport_protocol == TransportProtocol::UDP {
                    self.datagram(&datagram.message);
                }
            }
            if is_quiet {
                return;
            }
        }
        panic!("they never stop talking");
    }

    fn datagram(&mut self, bytes: &[u8]) {
        let path = FiveTuple {
            protocol: Network::Udp,
            local: SERVER,
            remote: VIEWER,
        };
        let payload = BytesMut::from(bytes);
        self.server
            .handle_datagram(Datagram { path, payload }, self.now);
    }

    /// Encrypted, as RTCP is.
    fn rtcp(&mut self, bytes: &[u8]) {
        // `rtc` sends nothing that is not made of whole words.
        let whole = bytes.len() / 4 * 4;
        let packet = Box::new(RawPacket(Bytes::copy_from_slice(&bytes[..whole])));
        if let Some(mut video) = self.viewer.rtp_receiver(self.video) {
            let _ = video.write_rtcp(self.now, vec![packet]);
        }
    }

    /// Not encrypted: a viewer has no stream to send.
    fn rtp(&mut self, bytes: &[u8]) {
        self.datagram(&[&[0x80, 102], bytes].concat());
    }

    fn message(&mut self, channel: RTCDataChannelId, bytes: &[u8]) {
        if let Some(mut channel) = self.viewer.data_channel(channel) {
            let _ = channel.send(self.now, BytesMut::from(bytes));
        }
    }

    /// The server sends one of so many bytes.
    fn frame(&mut self, length: usize, keyframe: bool) {
        let nal = [&[0, 0, 0, 1, 0x65][..], &vec![7; length]].concat();
        let timestamp = ((self.now - self.began).as_millis() as u32).wrapping_mul(90);
        self.server
            .queue_frame(&packetize(&nal.into()), timestamp, keyframe);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_targets_viewer_is_connected_within_the_rounds_that_a_seed_can_ask_for() {
        let mut pair = Pair::new();
        let mut rounds = 0;
        while !pair.is_open() {
            pair.wait(Duration::from_millis(50));
            rounds += 1;
            assert!(rounds < 0x40, "the seeds begin with so many");
        }
        pair.message(pair.control, b"hello");
        pair.exchange();
    }
}
