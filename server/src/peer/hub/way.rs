//! A peer's way to its viewer: WebRTC, or a web socket where nothing but HTTP passes.

use std::cell::OnceCell;
use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::encode::Frame;
use crate::peer::connection::{Connection, Output};
use crate::peer::packetize::packetize;
use crate::peer::socket::{Socket, frame_message};

/// A viewer who does not lead, and whose frames would wait longer, skips to the next keyframe. So does one on a web
/// socket, leading or not: what is in the socket cannot be taken back.
const BEHIND: Duration = Duration::from_millis(300);
/// The leader's frames are held back by the gate. This happens when nobody minds it.
const LEADER_BEHIND: Duration = Duration::from_secs(1);

pub enum Way {
    WebRtc(Box<Connection>),
    WebSocket(Box<Socket>),
}

/// A frame on its way to all viewers, prepared once for each kind of way that somebody needs.
pub struct Outgoing<'a> {
    pub frame: &'a Frame,
    /// 1/90000 s.
    pub timestamp: u32,
    packets: OnceCell<Vec<Bytes>>,
    message: OnceCell<Bytes>,
}

impl Outgoing<'_> {
    pub fn new(frame: &Frame, timestamp: u32) -> Outgoing<'_> {
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
        let Frame { data, keyframe, .. } = self.frame;
        let make = || frame_message(data, *keyframe, self.timestamp);
        self.message.get_or_init(make).clone()
    }
}

impl Way {
    pub fn is_connected(&self) -> bool {
        match self {
            Way::WebRtc(connection) => connection.is_connected(),
            Way::WebSocket(_) => true,
        }
    }

    pub fn web_rtc(&mut self) -> Option<&mut Connection> {
        match self {
            Way::WebRtc(connection) => Some(connection),
            Way::WebSocket(_) => None,
        }
    }

    pub fn queue_frame(&mut self, outgoing: &Outgoing<'_>, now: Instant) {
        let Outgoing {
            frame, timestamp, ..
        } = outgoing;
        match self {
            Way::WebRtc(connection) => {
                connection.queue_frame(outgoing.packets(), *timestamp, frame.keyframe);
            }
            Way::WebSocket(socket) => socket.send_frame(outgoing.message(), *timestamp, now),
        }
    }

    /// Drops the frames of which nothing has left yet.
    pub fn skip(&mut self) {
        if let Way::WebRtc(connection) = self {
            connection.skip();
        }
    }

    /// Drops what comes before the newest keyframe that waits; `true` if there is one.
    pub fn start_over(&mut self) -> bool {
        self.web_rtc().is_some_and(Connection::start_over)
    }

    /// What waits here is dropped, and what is on its way no longer counts.
    pub fn catch_up(&mut self) {
        if let Way::WebRtc(connection) = self {
            connection.catch_up();
        }
    }

    /// How long a frame that comes now waits, beside `unsent` bytes that have left the connection already.
    pub fn backlog(&self, unsent: usize, now: Instant) -> Duration {
        match self {
            Way::WebRtc(connection) => connection.backlog(now) + connection.time_for(unsent),
            Way::WebSocket(socket) => socket.backlog(now),
        }
    }

    /// Whether a frame would come too late. A viewer who leads is waited for instead, as far as that goes.
    pub fn is_behind(&self, leads: bool, unsent: usize, now: Instant) -> bool {
        match self {
            Way::WebRtc(connection) if leads => connection.queued() > LEADER_BEHIND,
            _ => self.backlog(unsent, now) > BEHIND,
        }
    }

    /// `Err` when the viewer has stopped taking messages.
    pub fn write_message(&mut self, message: Vec<u8>, now: Instant) -> Result<(), &'static str> {
        match self {
            Way::WebRtc(connection) => connection.write_message(message, now),
            Way::WebSocket(socket) => socket.send_message(&message),
        }
    }

    pub fn handle_timeout(&mut self, now: Instant) {
        if let Way::WebRtc(connection) = self {
            connection.handle_timeout(now);
        }
    }

    pub fn deadline(&mut self, now: Instant) -> Option<Instant> {
        self.web_rtc()?.deadline(now)
    }

    pub fn poll(&mut self, now: Instant, put: impl FnMut(Output)) {
        match self {
            Way::WebRtc(connection) => connection.poll(now, put),
            Way::WebSocket(socket) => socket.poll(put),
        }
    }

    /// Says goodbye; what it says comes out of one more [`Way::poll`].
    pub fn close(&mut self) {
        if let Way::WebRtc(connection) = self {
            connection.close();
        }
    }
}
