//! One viewer's WebRTC connection: datagrams, frames and messages in → datagrams and events out.
//!
//! It touches no socket, and time is an argument.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use rtc::peer_connection::RTCPeerConnection;
use rtc::peer_connection::event::{RTCDataChannelEvent, RTCPeerConnectionEvent};
use rtc::peer_connection::message::RTCMessage;
use rtc::peer_connection::state::{RTCIceConnectionState, RTCPeerConnectionState};
use rtc::rtp;
use rtc::sansio::Protocol as _;
use rtc::shared::{TaggedBytesMut, TransportContext, TransportProtocol};

use crate::congestion::sender_state::SenderState;
use crate::transport::datagram::{Datagram, FiveTuple, Protocol};
use crate::transport::listen::Candidates;
use crate::transport::output::{Event, Output};
use crate::transport::webrtc::data_channels::DataChannels;
use crate::transport::webrtc::negotiation::{Negotiation, local_ufrag};
use crate::transport::webrtc::offer::Offer;
use crate::transport::webrtc::setup;
use crate::transport::webrtc::shared_state::ConnectionState;
use crate::transport::webrtc::sound_sender::SoundSender;
use crate::transport::webrtc::video_sender::VideoSender;
use crate::transport::{PeerError, TransportKind};

/// One peer, answering an offer.
pub struct Connection {
    rtc: RTCPeerConnection,
    negotiation: Negotiation,
    video: VideoSender,
    sound: SoundSender,
    channels: DataChannels,
    /// The selected candidate pair, as seen by what left last.
    path: Option<FiveTuple>,
    phase: Phase,
}

/// How far the connection is.
#[derive(Clone, Copy, PartialEq)]
enum Phase {
    /// No ICE pair or no DTLS session yet.
    Connecting,
    Connected,
    /// ICE restarts. `rtc` has no pair meanwhile, and drops what is sent.
    Restarting,
}

impl Connection {
    /// Offer → a new connection, and the answer (SDP) with all candidates in it.
    ///
    /// Takes some milliseconds for keys and a certificate. `Err` if the offer cannot be answered.
    pub fn answer(
        offer: &Offer,
        local: &Candidates,
        sender: SenderState<rtp::Packet>,
        now: Instant,
    ) -> Result<(Connection, String), PeerError> {
        let state = Arc::new(Mutex::new(ConnectionState::new(sender)));
        let (rtc, tracks) = setup::peer_connection(&state, now)
            .map_err(|error| PeerError::Setup(error.to_string()))?;
        let negotiation = Negotiation {
            origin: offer.origin.clone(),
            public: local.public.clone(),
            video: tracks.video.sender,
            sound: tracks.sound.sender,
        };
        let mut connection = Connection {
            rtc,
            negotiation,
            video: VideoSender::new(tracks.video, state, now),
            sound: SoundSender::new(tracks.sound),
            channels: DataChannels::default(),
            path: None,
            phase: Phase::Connecting,
        };
        let answer = connection.negotiate(offer, &local.host, now)?;
        Ok((connection, answer))
    }

    /// The offer comes from the `RTCPeerConnection` that this one answered before.
    pub fn belongs_to(&self, offer: &Offer) -> bool {
        self.negotiation.origin == offer.origin
    }

    /// Answers a newer offer of the same `RTCPeerConnection`: if its ICE credentials are new, ICE restarts (RFC 8445 §9),
    /// and everything else goes on.
    pub fn answer_again(&mut self, offer: &Offer, now: Instant) -> Result<String, PeerError> {
        let before = self.ufrag();
        let answer = self.negotiate(offer, &[], now)?;
        if self.phase == Phase::Connected && self.ufrag() != before {
            self.phase = Phase::Restarting;
            // Nothing of it would arrive, and a keyframe follows.
            self.video.clear();
        }
        Ok(answer)
    }

    fn negotiate(
        &mut self,
        offer: &Offer,
        host: &[SocketAddr],
        now: Instant,
    ) -> Result<String, PeerError> {
        let agreed = self.negotiation.answer(&mut self.rtc, offer, host, now)?;
        self.video.set_format(agreed.video);
        self.sound.set_payload_type(agreed.sound);
        Ok(agreed.sdp)
    }

    /// Our `ice-ufrag`, by which the viewer's binding requests name this peer.
    pub fn ufrag(&self) -> Option<String> {
        local_ufrag(&self.rtc)
    }

    /// Frames that are queued now are sent.
    pub fn is_connected(&self) -> bool {
        self.phase == Phase::Connected
    }

    /// A datagram came for this peer.
    pub fn handle_datagram(&mut self, datagram: Datagram, now: Instant) {
        // It never fails: what cannot be read is dropped, and logged by `rtc`.
        let _ = self.rtc.handle_read(TaggedBytesMut {
            now,
            transport: context_of(datagram.path),
            message: datagram.payload,
        });
    }

    /// Queues one frame, in RTP payloads that all viewers share. `timestamp` is the RTP timestamp, in 1/90000 s.
    pub fn queue_frame(&mut self, payloads: &[Bytes], timestamp: u32, keyframe: bool) {
        self.video.queue_frame(payloads, timestamp, keyframe);
    }

    /// Sends one packet of sound now. `timestamp` is in 1/48000 s; `begins` if there was silence before it.
    pub fn send_sound(&mut self, packet: &Bytes, timestamp: u32, begins: bool, now: Instant) {
        self.sound
            .send(&mut self.rtc, packet, timestamp, begins, now);
    }

    /// Drops the frames of which nothing has left yet. The viewer needs a keyframe afterwards.
    pub fn drop_unsent_frames(&mut self) {
        self.video.drop_unsent_frames();
    }

    /// Drops all that is queued before the newest keyframe, also the rest of a frame that has left in part. `false` if no
    /// keyframe is queued: then everything is dropped.
    pub fn drop_before_keyframe(&mut self) -> bool {
        self.video.drop_before_keyframe()
    }

    /// What the viewer sees is late: drops what is queued, and does not count what is in flight any more.
    pub fn skip_to_live(&mut self) {
        self.video.skip_to_live();
    }

    /// How long a frame that is queued now waits before it leaves.
    pub fn backlog(&self, now: Instant) -> Duration {
        self.video.backlog(now)
    }

    /// How long the path takes for what is queued.
    pub fn queue_time(&self) -> Duration {
        self.video.queue_time()
    }

    /// How long the path takes for this many bytes.
    pub fn time_for(&self, bytes: usize) -> Duration {
        self.video.time_for(bytes)
    }

    /// Sends a message on the `control` channel; drops it while that is not open. `Err` when the viewer has stopped taking
    /// messages.
    pub fn write_message(&mut self, message: Vec<u8>, now: Instant) -> Result<(), &'static str> {
        self.channels.send(&mut self.rtc, &message, now)
    }

    /// Does what is due.
    pub fn handle_timeout(&mut self, now: Instant) {
        if let Err(error) = self.rtc.handle_timeout(now) {
            tracing::debug!(%error, "a timer of the peer connection failed");
        }
    }

    /// When [`Connection::handle_timeout`] must be called next.
    pub fn deadline(&mut self, now: Instant) -> Option<Instant> {
        let media = self.is_connected().then(|| self.video.next_timeout(now));
        let rtc = self.rtc.poll_timeout();
        rtc.into_iter().chain(media.flatten()).min()
    }

    /// Takes everything that has come of the calls before.
    pub fn poll(&mut self, now: Instant, mut put: impl FnMut(Output)) {
        if self.is_connected() {
            self.video.send_due(&mut self.rtc, now);
        }
        loop {
            let mut idle = true;
            while let Some(datagram) = self.rtc.poll_write() {
                let path = path_of(&datagram.transport);
                self.note_path(path, &datagram, &mut put);
                put(Output::Datagram(Datagram {
                    path,
                    payload: datagram.message,
                }));
            }
            while let Some(event) = self.rtc.poll_event() {
                idle = false;
                if let Some(event) = self.on_event(event) {
                    put(Output::Event(event));
                }
            }
            while let Some(message) = self.rtc.poll_read() {
                idle = false;
                if let RTCMessage::DataChannelMessage(id, message) = message.message
                    && let Some(event) = self.channels.on_message(id, message.data)
                {
                    put(Output::Event(event));
                }
            }
            if idle {
                break;
            }
        }
        self.video
            .poll_events(now, |event| put(Output::Event(event)));
    }

    /// Everything but STUN goes over the selected candidate pair.
    fn note_path(
        &mut self,
        path: FiveTuple,
        datagram: &TaggedBytesMut,
        put: &mut impl FnMut(Output),
    ) {
        // RFC 7983 §7.
        let is_stun = datagram.message.first().is_none_or(|first| *first < 4);
        if is_stun || self.path == Some(path) {
            return;
        }
        let before = self.path.replace(path);
        if before.is_some() {
            self.video.on_path_change(datagram.now);
        }
        let has_other_protocol = before.map(|before| before.protocol) != Some(path.protocol);
        if has_other_protocol && self.is_connected() {
            let event = Event::TransportChanged(path.protocol.into());
            put(Output::Event(event));
        }
    }

    fn on_event(&mut self, event: RTCPeerConnectionEvent) -> Option<Event> {
        match event {
            RTCPeerConnectionEvent::OnConnectionStateChangeEvent(state) => match state {
                RTCPeerConnectionState::Connected if self.phase == Phase::Connecting => {
                    Some(self.on_connected())
                }
                RTCPeerConnectionState::Failed => Some(Event::Ended("the viewer does not answer")),
                RTCPeerConnectionState::Closed => {
                    Some(Event::Ended("the viewer closed the connection"))
                }
                _ => None,
            },
            RTCPeerConnectionEvent::OnIceConnectionStateChangeEvent(
                RTCIceConnectionState::Connected | RTCIceConnectionState::Completed,
            ) if self.phase == Phase::Restarting => Some(self.on_connected()),
            RTCPeerConnectionEvent::OnDataChannel(event) => self.on_data_channel(event),
            _ => None,
        }
    }

    fn on_connected(&mut self) -> Event {
        self.phase = Phase::Connected;
        let kind = self.path.map(|path| path.protocol.into());
        Event::Connected(kind.unwrap_or(TransportKind::Udp))
    }

    fn on_data_channel(&mut self, event: RTCDataChannelEvent) -> Option<Event> {
        match event {
            RTCDataChannelEvent::OnOpen(id) => self.channels.on_open(&mut self.rtc, id),
            RTCDataChannelEvent::OnClose(id) => self.channels.on_close(id),
            _ => None,
        }
    }

    /// Closes the connection; what tells the viewer so comes out of one more [`Connection::poll`].
    pub fn close(&mut self) {
        if let Err(error) = self.rtc.close() {
            tracing::debug!(%error, "the peer connection could not be closed");
        }
    }
}

fn context_of(path: FiveTuple) -> TransportContext {
    TransportContext {
        local_addr: path.local,
        peer_addr: path.remote,
        transport_protocol: match path.protocol {
            Protocol::Udp => TransportProtocol::UDP,
            Protocol::Tcp => TransportProtocol::TCP,
        },
        ecn: None,
    }
}

fn path_of(context: &TransportContext) -> FiveTuple {
    FiveTuple {
        protocol: match context.transport_protocol {
            TransportProtocol::TCP => Protocol::Tcp,
            _ => Protocol::Udp,
        },
        local: context.local_addr,
        remote: context.peer_addr,
    }
}
