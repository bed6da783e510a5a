//! What travels on a data channel once pictures flow; the same items go through the server function
//! `send_input` when the channel is not open.

use serde::{Deserialize, Serialize};

use crate::geometry::AimedPoint;
use crate::input::{Key, PointerButton};
use crate::latency::{InputId, InputPresented, Measurement};
use crate::session::{Cursor, SessionState};

/// Labels of the two data channels, both opened by the viewer.
pub mod channel {
    /// Ordered and reliable: everything but moves; the server's messages come on it too.
    pub const CONTROL: &str = "control";
    /// Unordered, never resent: pointer moves, where only the newest counts.
    pub const MOVES: &str = "moves";
}

/// What a data channel carries from the viewer: a message, and a name if what it does is to be measured.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Stamped {
    /// Answered by [`ServerMessage::InputPresented`], once a frame shows what came of it.
    pub input: Option<InputId>,
    /// When it was sent, in microseconds of the server's clock (as in [`ServerMessage::Pong`]): the latest moment that
    /// can be, as far as the viewer knows that clock. Without it nobody can tell how old it is.
    pub sent_micros: Option<u64>,
    /// What is to be done.
    pub message: ClientMessage,
}

/// Measurements in one [`ClientMessage::LatencyReport`]: more inputs a second than a hand makes.
pub const MOST_MEASUREMENTS: usize = 128;

/// Viewer → server.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum ClientMessage {
    /// `sequence` grows with every move of this viewer, so that a late one is dropped.
    PointerMove {
        /// Wraps.
        sequence: u32,
        /// Where the pointer is now.
        at: AimedPoint,
    },
    /// A button carries its point: it must not depend on a lost move.
    PointerButton {
        /// Where the pointer is.
        at: AimedPoint,
        /// Which one.
        button: PointerButton,
        /// Down, or else up.
        pressed: bool,
    },
    /// `WheelEvent` in CSS pixels of the remote page; positive is down and right.
    Wheel {
        /// Where the pointer is.
        at: AimedPoint,
        /// To the right.
        delta_x: f32,
        /// Down.
        delta_y: f32,
        /// A notched wheel rather than a touchpad: sent on as whole notches too.
        notched: bool,
    },
    /// A key was pressed, is held or was released.
    Key(Key),
    /// Text that arrives as a whole: dead keys, IME, emoji picker, paste.
    Text {
        /// Any characters.
        text: String,
    },
    /// `KeyboardEvent.code` of all keys the viewer holds, every second while any is held: a lost `keyup` cannot stick.
    HeldKeys {
        /// All of them; none is held otherwise.
        codes: Vec<String>,
    },
    /// The viewer's page lost focus: lift every key and button this viewer holds.
    ReleaseAll,
    /// Answered by [`ServerMessage::Pong`] with the same number.
    Ping {
        /// Chosen by the viewer.
        number: u32,
    },
    /// What the last second's inputs took to be seen, at most [`MOST_MEASUREMENTS`].
    LatencyReport {
        /// In the order of the inputs.
        measurements: Vec<Measurement>,
    },
    /// Pictures are there so long before the refresh of this viewer's screen that shows them, in microseconds beyond what
    /// is needed; negative: too short a time. The session's pacesetter alone is listened to, and Chrome draws so much later.
    VsyncOffset {
        /// Microseconds.
        micros: i32,
    },
    /// What this viewer sees is late: whatever waits for it is dropped, and a keyframe follows.
    SkipToLive,
}

impl ClientMessage {
    /// Meant for the picture of that moment, so that it must not be carried out long after. What lets go of something is
    /// always welcome: nothing may stay down.
    pub fn expires(&self) -> bool {
        match self {
            ClientMessage::PointerMove { .. }
            | ClientMessage::Wheel { .. }
            | ClientMessage::Text { .. } => true,
            ClientMessage::PointerButton { pressed, .. } => *pressed,
            ClientMessage::Key(key) => key.pressed,
            _ => false,
        }
    }

    /// A key, a click or a text of a person, who would miss it: both sides count these. Moves, wheels and a held key's
    /// repetitions are made up for by the next one.
    pub fn is_counted(&self) -> bool {
        match self {
            ClientMessage::Text { text } => !text.is_empty(),
            ClientMessage::PointerButton { pressed, .. } => *pressed,
            ClientMessage::Key(key) => key.pressed && !key.repeat,
            _ => false,
        }
    }
}

/// Server → viewer, on [`channel::CONTROL`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum ServerMessage {
    /// The session has changed.
    State(Box<SessionState>),
    /// The pointer has another shape.
    Cursor(Cursor),
    /// Once a second.
    Statistics(ServerStatistics),
    /// Answers [`ClientMessage::Ping`].
    Pong {
        /// The ping's.
        number: u32,
        /// When it was answered: microseconds of the server's own clock, which began at some moment and never jumps.
        server_micros: u64,
        /// Counted inputs ([`ClientMessage::is_counted`]) of this viewer that the session has accepted, of all it ever sent. What is
        /// missing was lost with a connection, or came too late to be carried out.
        accepted: u32,
    },
    /// The frame that is on its way shows an input of this viewer.
    InputPresented(InputPresented),
    /// The viewer sent something that could not be done; a sentence for the person.
    Refused {
        /// What was refused, and why.
        reason: String,
    },
}

/// What the server knows about the last second of this session's stream; once a second while a viewer watches.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ServerStatistics {
    /// Frames encoded in that second.
    pub frames: u32,
    /// Keyframes among them.
    pub keyframes: u32,
    /// H.264 bytes in that second.
    pub bytes: u64,
    /// Mean time to compose and convert a picture, in milliseconds; 0 when there was none.
    pub convert_millis: f32,
    /// Mean time to encode a frame, in milliseconds; 0 when there was none.
    pub encode_millis: f32,
    /// Pictures Chrome drew in that second that a newer one replaced before they were encoded.
    pub replaced: u32,
    /// What the pacesetter's link is believed to carry, in kb/s.
    pub estimate_kilobits: Option<f32>,
    /// How long packets wait in a queue on the way to that viewer, in milliseconds.
    pub queue_millis: Option<f32>,
}
