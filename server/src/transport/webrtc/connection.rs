//! One viewer's WebRTC connection: offer → answer, datagrams ↔ frames and messages. The only door to `rtc`.
//!
//! Nothing here reads a clock or touches a socket: time and datagrams come in, datagrams and events go out.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

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

use crate::congestion::pacer::Pacer;
use crate::congestion::sender_state::SenderState;
use crate::stream::{Estimate, Feedback};
use crate::transport::webrtc::SharedSenderState;
use crate::transport::webrtc::offer::Origin;
use crate::transport::webrtc::pli_filter::KeyframeRequests;
use crate::transport::{TransportKind, lock};

mod negotiate;

/// <http://www.webrtc.org/experiments/rtp-hdrext/playout-delay>
pub const PLAYOUT_DELAY_URI: &str = "http://www.webrtc.org/experiments/rtp-hdrext/playout-delay";
/// Minimum and maximum 0: show each frame at once. Without it Chromium's jitter buffer holds frames for 12 ms.
static NO_PLAYOUT_DELAY: Bytes = Bytes::from_static(&[0, 0, 0]);
/// The two there are, and the same again while a page reopens them. More is an attack.
const MAX_CHANNELS: usize = 8;
/// Messages that a viewer has not taken yet. The largest is a session's state, some kilobytes.
const MAX_UNTAKEN: usize = 4 * 1024 * 1024;

/// RTP header with its extensions, SRTP tag, UDP and IPv4 headers, beside the payload.
const OVERHEAD: usize = 66;
/// While nothing may leave, a frame that comes now waits for an unknown time; reports are awaited for so long.
const BLOCKED: Duration = Duration::from_secs(1);

/// One peer, answering an offer.
pub struct Connection {
    rtc: RTCPeerConnection,
    origin: Origin,
    public: Vec<SocketAddr>,
    sender: RTCRtpSenderId,
    ssrc: u32,
    sequence: u16,
    pleas: KeyframeRequests,
    format: Format,
    flow: SharedSenderState,
    pacer: Pacer<Waiting>,
    control: Option<RTCDataChannelId>,
    moves: Option<RTCDataChannelId>,
    channels: usize,
    transport: Option<TransportKind>,
    /// Our address and theirs, of what left last.
    way: Option<(SocketAddr, SocketAddr)>,
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

/// A packet of a frame that has not left yet.
struct Waiting {
    payload: Bytes,
    timestamp: u32,
    first: bool,
    last: bool,
    keyframe: bool,
}

/// What comes out of [`Connection::poll`].
pub enum Output {
    Datagram(TaggedBytesMut),
    Event(Event),
}

pub enum Event {
    /// Frames can flow from now on; whatever was sent before is lost.
    Connected(TransportKind),
    /// They flow on another way.
    Moved(TransportKind),
    KeyframeNeeded,
    /// What the viewer has cannot be repaired any more: it can show nothing but a keyframe.
    Broken,
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
pub fn came(ours: SocketAddr, theirs: SocketAddr, by: TransportKind) -> TransportContext {
    TransportContext {
        local_addr: ours,
        peer_addr: theirs,
        transport_protocol: match by {
            TransportKind::Tcp => TransportProtocol::TCP,
            // No datagram comes over a web socket.
            TransportKind::Udp | TransportKind::WebSocket => TransportProtocol::UDP,
        },
        ecn: None,
    }
}

pub fn transport_of(context: &TransportContext) -> TransportKind {
    match context.transport_protocol {
        TransportProtocol::TCP => TransportKind::Tcp,
        _ => TransportKind::Udp,
    }
}

impl Connection {
    pub fn is_connected(&self) -> bool {
        self.phase == Phase::Connected
    }

    pub fn read(&mut self, datagram: BytesMut, transport: TransportContext, now: Instant) {
        // It never fails: what cannot be read is dropped, and logged by `rtc`.
        let _ = self.rtc.handle_read(TaggedBytesMut {
            now,
            transport,
            message: datagram,
        });
    }

    /// One frame, in payloads that all viewers share; it leaves as soon as the way carries it. `timestamp` is in
    /// 1/90000 s.
    pub fn queue_frame(&mut self, payloads: &[Bytes], timestamp: u32, keyframe: bool) {
        for (index, payload) in payloads.iter().enumerate() {
            let waiting = Waiting {
                payload: payload.clone(),
                timestamp,
                first: index == 0,
                last: index + 1 == payloads.len(),
                keyframe,
            };
            self.pacer.push(payload.len() + OVERHEAD, waiting);
        }
    }

    /// Drops the frames of which nothing has left yet. The viewer needs a keyframe afterwards.
    pub fn skip(&mut self) {
        let begun = self.pacer.front().filter(|packet| !packet.first);
        let begun = begun.map(|packet| packet.timestamp);
        self.pacer.retain(|packet| Some(packet.timestamp) == begun);
    }

    /// Drops all before the newest keyframe that waits, also the rest of a frame that has left in part: the viewer can
    /// show nothing of it. `true` if there is such a keyframe.
    pub fn start_over(&mut self) -> bool {
        let begins = |packet: &Waiting| packet.first && packet.keyframe;
        let mut keyframes = self.pacer.count(begins);
        let is_coming = keyframes > 0;
        self.pacer.retain(|packet| {
            let is_reached = keyframes == 0 || begins(packet) && keyframes == 1;
            keyframes -= usize::from(begins(packet)).min(keyframes);
            is_coming && is_reached
        });
        is_coming
    }

    /// What the viewer sees is late, though it is there: whatever waits here or is on its way does not count any more.
    pub fn catch_up(&mut self) {
        self.skip();
        lock(&self.flow).all_landed();
    }

    /// How long a frame that comes now waits here before it leaves.
    pub fn backlog(&self, now: Instant) -> Duration {
        let pace = lock(&self.flow).pace(now);
        match pace.room {
            // Until a report says that something has arrived.
            0 => self.pacer.backlog(&pace, now).max(BLOCKED),
            _ => self.pacer.backlog(&pace, now),
        }
    }

    /// How long what waits here already takes to leave.
    pub fn queued(&self) -> Duration {
        self.time_for(self.pacer.bytes())
    }

    /// How long this many bytes take on the way to the viewer.
    pub fn time_for(&self, bytes: usize) -> Duration {
        lock(&self.flow).estimate().time_for(bytes)
    }

    /// Lets go what may go now.
    fn pump(&mut self, now: Instant) {
        if !self.is_connected() {
            return;
        }
        let train = {
            let mut flow = lock(&self.flow);
            flow.repeats.handle_timeout(now);
            self.pacer.spend(std::mem::take(&mut flow.beside));
            let has_any = !self.pacer.is_empty();
            has_any.then(|| flow.begin_train(now)).flatten()
        };
        if let Some(bytes) = train {
            self.send_train(bytes, now);
        }
        loop {
            let pace = lock(&self.flow).pace(now);
            let Some(packet) = self.pacer.take(&pace, now) else {
                break;
            };
            self.write(packet, now);
        }
    }

    fn send_train(&mut self, mut bytes: usize, now: Instant) {
        while bytes > 0
            && let Some(packet) = self.pacer.take_at_once()
        {
            bytes = bytes.saturating_sub(packet.payload.len() + OVERHEAD);
            self.write(packet, now);
        }
        lock(&self.flow).repeats.pad(bytes, now);
    }

    fn write(&mut self, waiting: Waiting, now: Instant) {
        let Some(mut sender) = self.rtc.rtp_sender(self.sender) else {
            return;
        };
        let sequence_number = self.sequence;
        self.sequence = sequence_number.wrapping_add(1);
        let mut header = rtp::Header {
            version: 2,
            marker: waiting.last,
            payload_type: self.format.payload_type,
            sequence_number,
            timestamp: waiting.timestamp,
            ssrc: self.ssrc,
            ..rtp::Header::default()
        };
        if let Some(id) = self.format.playout_delay {
            // Refused only for ids above 14, which browsers do not choose.
            let _ = header.set_extension(id, NO_PLAYOUT_DELAY.clone());
        }
        if waiting.first && waiting.keyframe {
            lock(&self.flow).repeats.keyframe_begins();
        }
        let packet = rtp::Packet {
            header,
            payload: waiting.payload,
        };
        if let Err(error) = sender.write_rtp(now, packet) {
            tracing::debug!(%error, "a packet was not sent");
        }
        if waiting.last {
            self.pleas.sent(sequence_number, waiting.keyframe, now);
        }
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
    pub fn deadline(&mut self, now: Instant) -> Option<Instant> {
        let ours = self.is_connected().then(|| {
            let flow = lock(&self.flow);
            let paced = self.pacer.due(&flow.pace(now), now);
            paced.into_iter().chain(flow.repeats.due()).min()
        });
        let rtc = self.rtc.poll_timeout();
        rtc.into_iter().chain(ours.flatten()).min()
    }

    /// Takes everything that has come of the calls before.
    pub fn poll(&mut self, now: Instant, mut put: impl FnMut(Output)) {
        self.pump(now);
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
        self.take_feedback(now, &mut put);
    }

    /// Everything but STUN goes over the selected candidate pair.
    fn note_transport(&mut self, datagram: &TaggedBytesMut, put: &mut impl FnMut(Output)) {
        let is_stun = datagram.message.first().is_none_or(|first| *first < 4);
        let way = (datagram.transport.local_addr, datagram.transport.peer_addr);
        if !is_stun && self.way.replace(way).is_some_and(|before| before != way) {
            lock(&self.flow).moved(datagram.now);
        }
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
                    put(Event::Connected(
                        self.transport.unwrap_or(TransportKind::Udp),
                    ));
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
                put(Event::Connected(
                    self.transport.unwrap_or(TransportKind::Udp),
                ));
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

    fn take_feedback(&mut self, now: Instant, put: &mut impl FnMut(Output)) {
        let (asked, has_all, hopeless, reports, estimate) = {
            let mut flow = lock(&self.flow);
            (
                std::mem::take(&mut flow.keyframe_needed),
                flow.repeats.has_all(),
                flow.repeats.take_hopeless(now),
                std::mem::take(&mut flow.reports),
                std::mem::take(&mut flow.has_news).then(|| self.estimate(&flow, now)),
            )
        };
        for report in &reports {
            self.pleas.reported(report.highest, report.total_lost, now);
            if self.pleas.has_last() {
                // A browser that stood still for a while never sends the finer reports of that time.
                lock(&self.flow).all_landed();
            }
        }
        let is_coming = self.pacer.front().is_some_and(|packet| packet.keyframe);
        match () {
            () if is_coming => {}
            () if hopeless => put(Output::Event(Event::Broken)),
            () if asked && self.pleas.asked(has_all, now) => {
                put(Output::Event(Event::KeyframeNeeded));
            }
            () => {}
        }
        let reports = reports.into_iter().map(|report| Feedback {
            loss: Some(report.loss),
            round_trip: report.round_trip,
            estimate: None,
        });
        let estimate = estimate.map(|estimate| Feedback {
            estimate: Some(estimate),
            ..Feedback::default()
        });
        for feedback in reports.chain(estimate) {
            tracing::trace!(?feedback, "what the viewer's browser says");
            put(Output::Event(Event::Feedback(feedback)));
        }
    }

    fn estimate(&self, flow: &SenderState, now: Instant) -> Estimate {
        Estimate {
            bitrate: flow.estimate(),
            backlog: self.pacer.backlog(&flow.pace(now), now),
            queue: flow.queue(),
            acked: flow.acked(now),
            copies: flow.copies(),
        }
    }

    /// Says goodbye; what it says comes out of one more [`Connection::poll`].
    pub fn close(&mut self) {
        if let Err(error) = self.rtc.close() {
            tracing::debug!(%error, "closing a connection");
        }
    }
}
