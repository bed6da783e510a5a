//! A peer's transport: WebRTC, or a web socket where nothing but HTTP passes.

use std::cell::OnceCell;
use std::time::{Duration, Instant};

use bytes::Bytes;

use crate::stream::event::{Backlog, Link};
use crate::stream::{Media, Sample};
use crate::transport::output::Output;
use crate::transport::webrtc::connection::Connection;
use crate::transport::webrtc::packetize::packetize;
use crate::transport::websocket::{Socket, frame_message, sound_message};

pub enum Transport {
    WebRtc(Box<Connection>),
    WebSocket(Box<Socket>),
}

/// A sample on its way to all subscribers, prepared once for each kind of transport that somebody needs.
pub struct Outgoing<'a> {
    pub sample: &'a Sample,
    packets: OnceCell<Vec<Bytes>>,
    message: OnceCell<Bytes>,
}

impl Outgoing<'_> {
    pub fn new(sample: &Sample) -> Outgoing<'_> {
        Outgoing {
            sample,
            packets: OnceCell::new(),
            message: OnceCell::new(),
        }
    }

    fn packets(&self) -> &[Bytes] {
        self.packets.get_or_init(|| packetize(&self.sample.data))
    }

    /// The timestamp is the same for everybody.
    fn message(&self, timestamp: u32) -> Bytes {
        let Sample { data, media, .. } = self.sample;
        let make = || match media {
            Media::Video(frame) => frame_message(data, frame.keyframe, timestamp),
            Media::Sound { .. } => sound_message(data, timestamp),
        };
        self.message.get_or_init(make).clone()
    }
}

impl Transport {
    /// What becomes of a sample on its way.
    pub fn link(&self) -> Link {
        match self {
            Transport::WebRtc(_) => Link::Packets,
            Transport::WebSocket(_) => Link::Socket,
        }
    }

    pub fn is_web_rtc(&self) -> bool {
        matches!(self, Transport::WebRtc(_))
    }

    pub fn is_web_socket(&self) -> bool {
        matches!(self, Transport::WebSocket(_))
    }

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

    /// `timestamp` is in ticks of the track's RTP clock.
    pub fn queue_sample(&mut self, outgoing: &Outgoing<'_>, timestamp: u32, now: Instant) {
        let sample = outgoing.sample;
        match (self, &sample.media) {
            (Transport::WebRtc(connection), Media::Video(frame)) => {
                connection.queue_frame(outgoing.packets(), timestamp, frame.keyframe);
            }
            (Transport::WebRtc(connection), Media::Sound { begins }) => {
                connection.send_sound(&sample.data, timestamp, *begins, now);
            }
            (Transport::WebSocket(socket), Media::Video(_)) => {
                socket.send_frame(outgoing.message(timestamp), timestamp, now);
            }
            (Transport::WebSocket(socket), Media::Sound { .. }) => {
                socket.send_sound(outgoing.message(timestamp));
            }
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
    pub fn skip_to_live(&mut self) {
        if let Transport::WebRtc(connection) = self {
            connection.skip_to_live();
        }
    }

    /// What waits, beside `unsent` bytes that have left the connection already and fill the kernel's buffers or do not.
    pub fn backlog(&self, unsent: usize, is_full: bool, now: Instant) -> Backlog {
        match self {
            Transport::WebRtc(connection) => {
                let beside = match unsent {
                    0 => Duration::ZERO,
                    unsent => connection.time_for(unsent),
                };
                Backlog {
                    wait: connection.backlog(now) + beside,
                    queued: connection.queue_time(),
                    is_full,
                }
            }
            Transport::WebSocket(socket) => Backlog {
                wait: socket.backlog(now),
                queued: Duration::ZERO,
                is_full,
            },
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
