//! A viewer's web socket, where nothing but HTTP passes: frames and messages out, messages and what has arrived back.
//!
//! Here is the hub's end of it, which decides; the socket itself lives with the pages, on [`SocketEnd`].

use std::time::{Duration, Instant};

use bytes::Bytes;
use shared::message::ServerMessage;
use shared::socket::{FrameOnSocket, FromServer, FromViewer};
use shared::wire;
use tokio::sync::mpsc;

use crate::bitrate::Bitrate;
use crate::stream::{Estimate, Feedback, SubscriberId};
use crate::transport::hub::Command;
use crate::transport::webrtc::connection::{Event, Output};
use crate::transport::{Hub, TransportKind};

mod window;

use window::Window;

/// Frames and messages that the socket has not taken: more than the backlog of a slow one, and a burst of messages.
const WAITING: usize = 256;
/// How often the session is told what the way carries.
const TELL_EVERY: Duration = Duration::from_millis(100);

/// What the hub knows of one viewer's socket.
pub struct Socket {
    outgoing: mpsc::Sender<Bytes>,
    window: Window,
    outputs: Vec<Output>,
    told_at: Instant,
}

/// The other end, for whoever owns the socket; what to send comes beside it. The hub forgets the socket when this is
/// dropped.
pub struct SocketEnd {
    hub: Hub,
    subscriber: SubscriberId,
}

impl SocketEnd {
    pub(super) fn new(hub: Hub, subscriber: SubscriberId) -> SocketEnd {
        SocketEnd { hub, subscriber }
    }

    /// A binary message came. Waits while the hub is busy, and the viewer waits with it. `false` when nobody listens.
    pub async fn hear(&self, bytes: Bytes) -> bool {
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
    /// Connected from the start: its first event says so.
    pub fn new(ceiling: Bitrate, adapt: bool, now: Instant) -> (Socket, mpsc::Receiver<Bytes>) {
        let (outgoing, waiting) = mpsc::channel(WAITING);
        let begin = [
            Event::Connected(TransportKind::WebSocket),
            Event::ControlOpen,
        ];
        let socket = Socket {
            outgoing,
            window: Window::new(ceiling, adapt, now),
            outputs: begin.map(Output::Event).into(),
            told_at: now,
        };
        (socket, waiting)
    }

    /// `message` is a whole [`FromServer::Frame`] that all sockets share.
    pub fn send_frame(&mut self, message: Bytes, timestamp: u32, now: Instant) {
        let bytes = message.len();
        match self.outgoing.try_send(message) {
            Ok(()) => self.window.sent(timestamp, bytes, now),
            // Hundreds of messages wait: the socket stands still, and whoever owns it gives it up before long.
            Err(_) => self.end("the viewer's web socket does not take its frames"),
        }
    }

    pub fn send_message(&mut self, message: &[u8]) -> Result<(), &'static str> {
        let message = FromServer::Message(message).encode();
        let sent = self.outgoing.try_send(message.into());
        sent.map_err(|_| "the viewer does not take its messages")
    }

    /// A binary message of the viewer, who may be hostile.
    pub fn hear(&mut self, bytes: &Bytes, now: Instant) {
        let event = match FromViewer::decode(bytes) {
            Ok(FromViewer::Message(message)) => Event::Message {
                bytes: bytes.slice_ref(message),
                droppable: false,
            },
            Ok(FromViewer::Taken { timestamp }) => {
                self.window.taken(timestamp, now);
                if now.saturating_duration_since(self.told_at) < TELL_EVERY {
                    return;
                }
                self.told_at = now;
                Event::Feedback(self.feedback(now))
            }
            Ok(FromViewer::KeyframeNeeded) => Event::KeyframeNeeded,
            Err(error) => {
                let reason = format!("What was sent cannot be read: {error}.");
                let refused = wire::encode_server(&ServerMessage::Refused { reason });
                // Who sends nonsense and takes nothing need not be told each time.
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
                queue: self.window.queue(),
                acked: self.window.acked(now),
                // TCP repairs what is lost.
                copies: 0,
            }),
            ..Feedback::default()
        }
    }

    pub fn backlog(&self, now: Instant) -> Duration {
        self.window.backlog(now)
    }

    fn end(&mut self, reason: &'static str) {
        self.outputs.push(Output::Event(Event::Ended(reason)));
    }

    pub fn poll(&mut self, put: impl FnMut(Output)) {
        self.outputs.drain(..).for_each(put);
    }
}

/// What a frame looks like on every web socket.
pub fn frame_message(access_unit: &[u8], keyframe: bool, timestamp: u32) -> Bytes {
    let frame = FrameOnSocket {
        keyframe,
        timestamp,
        access_unit,
    };
    FromServer::Frame(frame).encode().into()
}
