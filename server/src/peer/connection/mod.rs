//! One viewer's WebRTC connection: offer → answer, datagrams ↔ frames and messages. The only door to `rtc`.
//!
//! Nothing here reads a clock or touches a socket: time and datagrams come in, datagrams and events go out.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Instant;

use bytes::{Bytes, BytesMut};
use rtc::data_channel::RTCDataChannelId;
use rtc::peer_connection::RTCPeerConnection;
use rtc::peer_connection::event::{RTCDataChannelEvent, RTCPeerConnectionEvent};
use rtc::peer_connection::message::RTCMessage;
use rtc::peer_connection::state::{RTCIceConnectionState, RTCPeerConnectionState};
use rtc::rtp;
use rtc::rtp_transceiver::RTCRtpSenderId;
use rtc::sansio::Protocol;
use rtc::shared::{TaggedBytesMut, TransportContext, TransportProtocol};
use shared::message::channel;

use super::estimator::Summaries;
use super::offer::Origin;
use super::plea::Pleas;
use super::tap::Seen;
use super::{Feedback, Transport, lock};

mod negotiate;
mod setup;

/// <http://www.webrtc.org/experiments/rtp-hdrext/playout-delay>
const PLAYOUT_DELAY_URI: &str = "http://www.webrtc.org/experiments/rtp-hdrext/playout-delay";
/// Minimum and maximum 0: show each frame at once. Without it Chromium's jitter buffer holds frames for 12 ms.
static NO_PLAYOUT_DELAY: Bytes = Bytes::from_static(&[0, 0, 0]);
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
