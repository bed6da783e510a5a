//! A peer's way to its viewer: WebRTC, or a web socket where nothing but HTTP passes.

use std::cell::OnceCell;
use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::stream::Sample;
use crate::transport::output::Output;
use crate::transport::webrtc::connection::Connection;
use crate::transport::webrtc::packetize::packetize;
use crate::transport::websocket::{Socket, frame_message};

/// A viewer who does not lead, and whose frames would wait longer, skips to the next keyframe. So does one on a web
/// socket, leading or not: what is in the socket cannot be taken back.
const BEHIND: Duration = Duration::from_millis(300);
/// The leader's frames are held back by the gate. This happens when nobody minds it.
const LEADER_BEHIND: Duration = Duration::from_secs(1);

pub enum Transport {
    WebRtc(Box<Connection>),
    WebSocket(Box<Socket>),
}

/// A frame on its way to all viewers, prepared once for each kind of way that somebody needs.
pub struct Outgoing<'a> {
    pub frame: &'a Sample,
    /// 1/90000 s.
    pub timestamp: u32,
    packets: OnceCell<Vec<Bytes>>,
    message: OnceCell<Bytes>,
}

impl Outgoing<'_> {
    pub fn new(frame: &Sample, timestamp: u32) -> Outgoing<'_> {
        Outgoing {
            frame,
            timestamp,
            packets: OnceCell::new(),
            message: OnceCell::new(),
        }
    }

    fn packets(&self) -> &[Bytes] {
        self.packets.get_or_init(|| packetize(&self.frame.data))
    }

    fn message(&self) -> Bytes {
        let Sample { data, keyframe, .. } = self.frame;
        let make = || frame_message(data, *keyframe, self.timestamp);
        self.message.get_or_init(make).clone()
    }
}

impl Transport {
    pub fn is_connected(&self) -> bool {
        match self {
            Transport::WebRtc(connection) => connection.is_connected(),
            Transport::WebSocket(_) => true,
        }
    }

    pub fn web_rtc(&mut self) -> Option<&mut Connection> {
        match self {
            Transport::WebRtc(connection) => Some(connection),
            Transport::WebSocket(_) => None,
        }
    }

    pub fn queue_frame(&mut self, outgoing: &Outgoing<'_>, now: Instant) {
        let Outgoing {
            frame, timestamp, ..
        } = outgoing;
        match self {
            Transport::WebRtc(connection) => {
                connection.queue_frame(outgoing.packets(), *timestamp, frame.keyframe);
            }
            Transport::WebSocket(socket) => socket.send_frame(outgoing.message(), *timestamp, now),
        }
    }

    /// Drops the frames of which nothing has left yet.
    pub fn skip(&mut self) {
        if let Transport::WebRtc(connection) = self {
            connection.drop_unsent_frames();
        }
    }

    /// Drops what comes before the newest keyframe that waits; `true` if there is one.
    pub fn start_over(&mut self) -> bool {
        self.web_rtc().is_some_and(Connection::drop_before_keyframe)
    }

    /// What waits here is dropped, and what is on its way no longer counts.
    pub fn catch_up(&mut self) {
        if let Transport::WebRtc(connection) = self {
            connection.skip_to_live();
        }
    }

    /// How long a frame that comes now waits, beside `unsent` bytes that have left the connection already.
    pub fn backlog(&self, unsent: usize, now: Instant) -> Duration {
        match self {
            Transport::WebRtc(connection) => connection.backlog(now) + connection.time_for(unsent),
            Transport::WebSocket(socket) => socket.backlog(now),
        }
    }

    /// Whether a frame would come too late. A viewer who leads is waited for instead, as far as that goes.
    pub fn is_behind(&self, leads: bool, unsent: usize, now: Instant) -> bool {
        match self {
            Transport::WebRtc(connection) if leads => connection.queue_time() > LEADER_BEHIND,
            _ => self.backlog(unsent, now) > BEHIND,
        }
    }

    /// `Err` when the viewer has stopped taking messages.
    pub fn write_message(&mut self, message: Vec<u8>, now: Instant) -> Result<(), &'static str> {
        match self {
            Transport::WebRtc(connection) => connection.write_message(message, now),
            Transport::WebSocket(socket) => socket.send_message(&message),
        }
    }

    pub fn handle_timeout(&mut self, now: Instant) {
        if let Transport::WebRtc(connection) = self {
            connection.handle_timeout(now);
        }
    }

    pub fn deadline(&mut self, now: Instant) -> Option<Instant> {
        self.web_rtc()?.deadline(now)
    }

    pub fn poll(&mut self, now: Instant, put: impl FnMut(Output)) {
        match self {
            Transport::WebRtc(connection) => connection.poll(now, put),
            Transport::WebSocket(socket) => socket.poll(put),
        }
    }

    /// Says goodbye; what it says comes out of one more [`Transport::poll`].
    pub fn close(&mut self) {
        if let Transport::WebRtc(connection) = self {
            connection.close();
        }
    }
}
