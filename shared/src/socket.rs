//! Pure: what one binary message of the web socket is: one byte says which, then its fields, then its content.
//!
//! The socket carries pictures and messages where nothing but HTTP passes. Messages look as on a data channel
//! ([`wire`](crate::wire)); pictures and sound are what the encoders made, as they are.

use crate::wire::{MAX_CLIENT_MESSAGE, WireError};

/// Where the socket is; its query names `session` and `viewer`.
pub const PATH: &str = "/api/socket";

/// The longest that a viewer may send.
pub const MAX_FROM_VIEWER: usize = 1 + MAX_CLIENT_MESSAGE;

const MESSAGE: u8 = 0;
const FRAME: u8 = 1;
const SOUND: u8 = 2;
const ACKNOWLEDGED: u8 = 1;
const KEYFRAME_NEEDED: u8 = 2;

/// Server → viewer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FromServer<'a> {
    /// A `ServerMessage`.
    Message(&'a [u8]),
    /// An access unit of the video.
    Frame(FrameOnSocket<'a>),
    /// 10 ms of what the page plays.
    Sound(SoundOnSocket<'a>),
}

/// One encoded picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameOnSocket<'a> {
    /// It can be decoded without any frame before it.
    pub keyframe: bool,
    /// 1/90000 s; names the frame, as in `InputPresented`.
    pub timestamp: u32,
    /// H.264 in Annex B.
    pub access_unit: &'a [u8],
}

/// One encoded part of the sound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SoundOnSocket<'a> {
    /// 1/48000 s. One that is later than the last by more than its length follows a silence, or lacks what was lost.
    pub timestamp: u32,
    /// Opus, 48 kHz, stereo.
    pub packet: &'a [u8],
}

/// Viewer → server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FromViewer<'a> {
    /// A `Stamped` message.
    Message(&'a [u8]),
    /// This frame, and all before it, have arrived: so the server knows how long the way is, and what waits on it.
    Acknowledged {
        /// The frame's.
        timestamp: u32,
    },
    /// The decoder cannot go on without one.
    KeyframeNeeded,
}

impl FromServer<'_> {
    /// One binary message.
    pub fn encode(&self) -> Vec<u8> {
        match self {
            FromServer::Message(message) => [&[MESSAGE], *message].concat(),
            FromServer::Frame(frame) => [
                &[FRAME, u8::from(frame.keyframe)],
                &frame.timestamp.to_be_bytes()[..],
                frame.access_unit,
            ]
            .concat(),
            FromServer::Sound(sound) => {
                [&[SOUND], &sound.timestamp.to_be_bytes()[..], sound.packet].concat()
            }
        }
    }

    /// Never panics, whatever the bytes.
    pub fn decode(bytes: &[u8]) -> Result<FromServer<'_>, WireError> {
        match bytes {
            [] => Err(WireError::Empty),
            [MESSAGE, message @ ..] => Ok(FromServer::Message(message)),
            [FRAME, keyframe @ 0..=1, a, b, c, d, access_unit @ ..] => {
                Ok(FromServer::Frame(FrameOnSocket {
                    keyframe: *keyframe == 1,
                    timestamp: u32::from_be_bytes([*a, *b, *c, *d]),
                    access_unit,
                }))
            }
            [SOUND, a, b, c, d, packet @ ..] => Ok(FromServer::Sound(SoundOnSocket {
                timestamp: u32::from_be_bytes([*a, *b, *c, *d]),
                packet,
            })),
            _ => Err(WireError::Malformed),
        }
    }
}

impl FromViewer<'_> {
    /// One binary message.
    pub fn encode(&self) -> Vec<u8> {
        match self {
            FromViewer::Message(message) => [&[MESSAGE], *message].concat(),
            FromViewer::Acknowledged { timestamp } => {
                [&[ACKNOWLEDGED], &timestamp.to_be_bytes()[..]].concat()
            }
            FromViewer::KeyframeNeeded => vec![KEYFRAME_NEEDED],
        }
    }

    /// Never panics, whatever the bytes.
    pub fn decode(bytes: &[u8]) -> Result<FromViewer<'_>, WireError> {
        match bytes {
            [] => Err(WireError::Empty),
            _ if bytes.len() > MAX_FROM_VIEWER => Err(WireError::TooLong),
            [MESSAGE, message @ ..] => Ok(FromViewer::Message(message)),
            [ACKNOWLEDGED, a, b, c, d] => Ok(FromViewer::Acknowledged {
                timestamp: u32::from_be_bytes([*a, *b, *c, *d]),
            }),
            [KEYFRAME_NEEDED] => Ok(FromViewer::KeyframeNeeded),
            _ => Err(WireError::Malformed),
        }
    }
}

/// What WebCodecs calls the format of a keyframe that has its parameter sets in front: `avc1.PPCCLL`, the profile, its
/// constraints and the level as the SPS says them. `None` without an SPS.
pub fn codec(access_unit: &[u8]) -> Option<String> {
    const TYPE: u8 = 0x1f;
    const SPS: u8 = 7;
    let is_sps = |seven: &&[u8]| seven[..3] == [0, 0, 1] && seven[3] & TYPE == SPS;
    let sps = access_unit.windows(7).find(is_sps)?;
    Some(format!("avc1.{:02x}{:02x}{:02x}", sps[4], sps[5], sps[6]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_the_server_sent_is_what_arrives(
            keyframe in any::<bool>(),
            timestamp in any::<u32>(),
            content in proptest::collection::vec(any::<u8>(), 0..64),
        ) {
            let access_unit = &content[..];
            for sent in [
                FromServer::Message(&content),
                FromServer::Frame(FrameOnSocket { keyframe, timestamp, access_unit }),
                FromServer::Sound(SoundOnSocket { timestamp, packet: access_unit }),
            ] {
                let bytes = sent.encode();
                prop_assert_eq!(FromServer::decode(&bytes), Ok(sent));
            }
        }

        #[test]
        fn what_the_viewer_sent_is_what_arrives(
            timestamp in any::<u32>(),
            content in proptest::collection::vec(any::<u8>(), 0..64),
        ) {
            for sent in [
                FromViewer::Message(&content),
                FromViewer::Acknowledged { timestamp },
                FromViewer::KeyframeNeeded,
            ] {
                let bytes = sent.encode();
                prop_assert_eq!(FromViewer::decode(&bytes), Ok(sent));
            }
        }

        #[test]
        fn any_bytes_are_read_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            let _ = (FromServer::decode(&bytes), FromViewer::decode(&bytes), codec(&bytes));
        }
    }

    #[test]
    fn what_is_too_long_or_cut_is_refused() {
        assert_eq!(FromViewer::decode(&[]), Err(WireError::Empty));
        assert_eq!(
            FromViewer::decode(&[ACKNOWLEDGED, 1]),
            Err(WireError::Malformed)
        );
        assert_eq!(
            FromViewer::decode(&vec![0; MAX_FROM_VIEWER + 1]),
            Err(WireError::TooLong)
        );
        assert_eq!(
            FromServer::decode(&[FRAME, 2, 0, 0, 0, 0]),
            Err(WireError::Malformed)
        );
    }

    #[test]
    fn the_format_is_what_the_parameter_set_says() {
        let keyframe = [
            0, 0, 0, 1, 0x67, 0x42, 0xc0, 0x1f, 0x8c, 0, 0, 0, 1, 0x68, 0xce,
        ];
        assert_eq!(codec(&keyframe).as_deref(), Some("avc1.42c01f"));
        assert_eq!(codec(&[0, 0, 0, 1, 0x61, 1, 2, 3, 4]), None);
    }
}
