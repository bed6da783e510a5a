//! A viewer's web socket, where nothing but HTTP passes: frames and messages out, messages and acknowledgements in.
//!
//! This is the hub's end, which decides; the web server owns the socket itself, and has a [`SocketEnd`].

use std::time::{Duration, Instant};

use bytes::Bytes;
use shared::message::ServerMessage;
use shared::socket::{FrameOnSocket, FromServer, FromViewer, SoundOnSocket};
use shared::wire;
use tokio::sync::mpsc;

use crate::bitrate::Bitrate;
use crate::stream::{Estimate, Feedback, SubscriberId};
use crate::transport::hub::Command;
use crate::transport::output::{Event, Output};
use crate::transport::{Hub, TransportKind};

mod ack_window;

use ack_window::AckWindow;

/// Frames and messages that the socket has not taken yet: more than the backlog of a slow one, and a burst of messages.
const MAX_QUEUED: usize = 256;
/// How often the estimate is told.
const FEEDBACK_INTERVAL: Duration = Duration::from_millis(100);

/// What the hub knows of one viewer's socket.
pub struct Socket {
    outgoing: mpsc::Sender<Bytes>,
    window: AckWindow,
    outputs: Vec<Output>,
    feedback_at: Instant,
}

/// The web server's end, for what the viewer sends. Dropping it tells the hub that the socket is closed.
pub struct SocketEnd {
    hub: Hub,
    subscriber: SubscriberId,
}

impl SocketEnd {
    pub(super) fn new(hub: Hub, subscriber: SubscriberId) -> SocketEnd {
        SocketEnd { hub, subscriber }
    }

    /// A binary message came. Waits while the hub is busy, which makes the viewer wait. `false` when the hub is gone.
    pub async fn on_message(&self, bytes: Bytes) -> bool {
        let subscriber = self.subscriber;
        let command = Command::SocketMessage { subscriber, bytes };
        self.hub.send(command).await.is_ok()
    }
}

impl Drop for SocketEnd {
    fn drop(&mut self) {
        self.hub.close_socket(self.subscriber);
    }
}

impl Socket {
    /// Connected from the start, as its first event says. The other part is the binary messages to send.
    pub fn new(ceiling: Bitrate, adapt: bool, now: Instant) -> (Socket, mpsc::Receiver<Bytes>) {
        let (outgoing, waiting) = mpsc::channel(MAX_QUEUED);
        let begin = [
            Event::Connected(TransportKind::WebSocket),
            Event::ControlOpen,
        ];
        let socket = Socket {
            outgoing,
            window: AckWindow::new(ceiling, adapt, now),
            outputs: begin.map(Output::Event).into(),
            feedback_at: now,
        };
        (socket, waiting)
    }

    /// `message` is a whole [`FromServer::Frame`] that all sockets share.
    pub fn send_frame(&mut self, message: Bytes, timestamp: u32, now: Instant) {
        let bytes = message.len();
        match self.outgoing.try_send(message) {
            Ok(()) => self.window.on_sent(timestamp, bytes, now),
            // Hundreds of messages wait: the socket stands still.
            Err(_) => self.end("the viewer's web socket does not take its frames"),
        }
    }

    /// `message` is a whole [`FromServer::Sound`] that all sockets share. It is left out where it would have to wait.
    pub fn send_sound(&mut self, message: Bytes) {
        let _ = self.outgoing.try_send(message);
    }

    /// `Err` when the viewer has stopped taking messages.
    pub fn send_message(&mut self, message: &[u8]) -> Result<(), &'static str> {
        let message = FromServer::Message(message).encode();
        let sent = self.outgoing.try_send(message.into());
        sent.map_err(|_| "the viewer does not take its messages")
    }

    /// A binary message of the viewer, who may be hostile.
    pub fn on_message(&mut self, bytes: &Bytes, now: Instant) {
        let event = match FromViewer::decode(bytes) {
            Ok(FromViewer::Message(message)) => Event::Message {
                bytes: bytes.slice_ref(message),
                droppable: false,
            },
            Ok(FromViewer::Acknowledged { timestamp }) => {
                self.window.on_acked(timestamp, now);
                if now.saturating_duration_since(self.feedback_at) < FEEDBACK_INTERVAL {
                    return;
                }
                self.feedback_at = now;
                Event::Feedback(self.feedback(now))
            }
            Ok(FromViewer::KeyframeNeeded) => Event::KeyframeNeeded,
            Err(error) => {
                let reason = format!("What was sent cannot be read: {error}.");
                let refused = wire::encode_server(&ServerMessage::Refused { reason });
                // A viewer who sends nonsense and takes nothing need not be told each time.
                let _ = self.send_message(&refused);
                return;
            }
        };
        self.outputs.push(Output::Event(event));
    }

    fn feedback(&mut self, now: Instant) -> Feedback {
        Feedback {
            estimate: Some(Estimate {
                bitrate: self.window.estimate(),
                backlog: self.window.backlog(now),
                queuing_delay: self.window.queuing_delay(),
                acked_bitrate: self.window.acked_bitrate(now),
                // TCP recovers what is lost.
                duplicates: 0,
            }),
            ..Feedback::default()
        }
    }

    /// How long a frame that is sent now waits for others.
    pub fn backlog(&self, now: Instant) -> Duration {
        self.window.backlog(now)
    }

    fn end(&mut self, reason: &'static str) {
        self.outputs.push(Output::Event(Event::Ended(reason)));
    }

    /// Takes everything that has come of the calls before.
    pub fn poll(&mut self, put: impl FnMut(Output)) {
        self.outputs.drain(..).for_each(put);
    }
}

/// A frame as it is sent on every web socket. `timestamp` is in 1/90000 s.
pub fn frame_message(access_unit: &[u8], keyframe: bool, timestamp: u32) -> Bytes {
    let frame = FrameOnSocket {
        keyframe,
        timestamp,
        access_unit,
    };
    FromServer::Frame(frame).encode().into()
}

/// 10 ms of sound as they are sent on every web socket. `timestamp` is in 1/48000 s.
pub fn sound_message(packet: &[u8], timestamp: u32) -> Bytes {
    let sound = SoundOnSocket { timestamp, packet };
    FromServer::Sound(sound).encode().into()
}
