//! What travels on a data channel once pictures flow; the same items go through the server function
//! `send_input` when the channel is not open.

use serde::{Deserialize, Serialize};

use crate::clipboard::ClipboardContent;
use crate::file::FileChooser;
use crate::geometry::{AimedPoint, Viewport};
use crate::input::{Key, PointerButton, TouchPhase};
use crate::latency::{InputId, InputPresented, Measurement};
use crate::notification::Notification;
use crate::session::{ContextMenu, Cursor, DownloadId, SessionState, TextField};

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

/// Text fields in one [`ServerMessage::TextFields`].
pub const MOST_TEXT_FIELDS: usize = 200;

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
    /// The room for the page has another size. The page follows, if this viewer leads and the session's size is not fixed.
    Viewport(Viewport),
    /// Text that is being composed: it stands in the focused field, underlined, until it is committed by
    /// [`ClientMessage::Text`] or, empty, cancelled.
    Compose {
        /// All of it.
        text: String,
        /// Where the caret is in it, in bytes of UTF-8.
        caret: u32,
    },
    /// Text takes the place of what is around the caret: autocorrection replaces a word.
    Replace {
        /// Bytes of UTF-8 that go before the caret.
        before: u32,
        /// Bytes of UTF-8 that go after the caret.
        after: u32,
        /// What comes instead.
        text: String,
    },
    /// A finger on the picture. A move comes in order with what puts the finger down and lifts it.
    Touch {
        /// Tells it from the viewer's other fingers: `PointerEvent.pointerId`.
        finger: u32,
        /// What becomes of it.
        phase: TouchPhase,
        /// Where it is; of one that is lifted, where it was.
        at: AimedPoint,
    },
    /// The pointer of this viewer, which is locked as the page wants it, moves by so much, in pixels of the video.
    /// Positive is right and down.
    PointerMotion {
        /// To the right.
        x: f32,
        /// Down.
        y: f32,
    },
    /// The person has taken the pointer back: the page's lock on it is to end.
    LeavePointerLock,
    /// This viewer's keyboard opens only while a finger is being lifted: it has to know before where text fields are.
    /// Answered by [`ServerMessage::TextFields`], as often as that changes.
    WatchTextFields,
    /// What the person is about to paste; more than [`MOST_INLINE`](crate::clipboard::MOST_INLINE) bytes take a server
    /// function.
    Paste(ClipboardContent),
}

impl ClientMessage {
    /// Meant for the picture of that moment, so that it must not be carried out long after. What lets go of something is
    /// always welcome: nothing may stay down.
    pub fn expires(&self) -> bool {
        match self {
            ClientMessage::PointerMove { .. }
            | ClientMessage::PointerMotion { .. }
            | ClientMessage::Wheel { .. }
            | ClientMessage::Text { .. }
            | ClientMessage::Compose { .. }
            | ClientMessage::Replace { .. } => true,
            ClientMessage::PointerButton { pressed, .. } => *pressed,
            ClientMessage::Key(key) => key.pressed,
            ClientMessage::Touch { phase, .. } => {
                matches!(phase, TouchPhase::Start | TouchPhase::Move)
            }
            _ => false,
        }
    }

    /// A key, a click, a touch or a text of a person, who would miss it: both sides count these. Moves, wheels and a held key's
    /// repetitions are made up for by the next one.
    pub fn is_counted(&self) -> bool {
        match self {
            ClientMessage::Text { text } => !text.is_empty(),
            ClientMessage::PointerButton { pressed, .. } => *pressed,
            ClientMessage::Key(key) => key.pressed && !key.repeat,
            ClientMessage::Touch { phase, .. } => *phase == TouchPhase::Start,
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
    /// Another text field has the focus, or none, or its caret has moved.
    TextField(Option<TextField>),
    /// The icon of that name, by which tabs call it.
    Icon {
        /// As in [`Tab::icon`](crate::session::Tab::icon).
        id: String,
        /// A PNG of 32 × 32 pixels.
        png: Vec<u8>,
    },
    /// This viewer asked for a context menu, and the page has none of its own.
    ContextMenu(ContextMenu),
    /// This viewer pressed Ctrl+F, and the page did not take it.
    Find,
    /// This viewer pressed Ctrl+P, and the page did not take it, or the page prints: it is to be handed the page as PDF.
    Print {
        /// That frame of it, and not the whole.
        frame: Option<u32>,
    },
    /// This viewer pressed Ctrl+S, and the page did not take it: it is to be handed the page.
    SavePage,
    /// The page locks the pointer, or has let it go: `Element.requestPointerLock()`.
    PointerLock {
        /// It wants its motion alone, without an edge.
        locked: bool,
    },
    /// Where the page in front shows text fields, in pixels of the video: left, top, width, height of each, at most
    /// [`MOST_TEXT_FIELDS`].
    TextFields(Vec<[i32; 4]>),
    /// The page has put this into the clipboard while this viewer acted. `None` is more than
    /// [`MOST_INLINE`](crate::clipboard::MOST_INLINE) bytes, which a server function gives.
    Copied(Option<ClipboardContent>),
    /// A download has finished that began while this viewer acted: it is to be handed to the person.
    Deliver(DownloadId),
    /// The page asks for files while this viewer acts.
    ChooseFiles(FileChooser),
    /// The page opens a link, such as `mailto:`, while this viewer acts, that is for another program than a browser.
    ExternalLink(String),
    /// A page shows a notification.
    Notification(Notification),
    /// The one of that number is over.
    NotificationGone(u32),
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
