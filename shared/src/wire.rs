//! Message ↔ bytes of a data channel: one version byte, then postcard.

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::message::{ServerMessage, Stamped};

/// Changes when a message's encoding does. Server and client are built together: a mismatch means a stale page.
pub const VERSION: u8 = 11;

/// In bytes. The longest message of a viewer is pasted text.
pub const MAX_CLIENT_MESSAGE: usize = 64 * 1024;

/// Why bytes are no message.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    /// Not even a version.
    #[error("the message is empty")]
    Empty,
    /// Beyond [`MAX_CLIENT_MESSAGE`].
    #[error("the message is longer than {MAX_CLIENT_MESSAGE} bytes")]
    TooLong,
    /// From a page of another build.
    #[error("the message has version {0}, and {VERSION} is expected: reload the page")]
    OtherVersion(u8),
    /// The version is right, the rest is not postcard or no known message.
    #[error("the message cannot be decoded")]
    Malformed,
}

/// Viewer → server.
pub fn encode_client(message: &Stamped) -> Vec<u8> {
    encode(message)
}

/// Server → viewer.
pub fn encode_server(message: &ServerMessage) -> Vec<u8> {
    encode(message)
}

/// Never panics, whatever the bytes.
pub fn decode_client(bytes: &[u8]) -> Result<Stamped, WireError> {
    if bytes.len() > MAX_CLIENT_MESSAGE {
        return Err(WireError::TooLong);
    }
    decode(bytes)
}

/// Never panics, whatever the bytes.
pub fn decode_server(bytes: &[u8]) -> Result<ServerMessage, WireError> {
    decode(bytes)
}

fn encode<M: Serialize>(message: &M) -> Vec<u8> {
    postcard::to_extend(message, vec![VERSION])
        .expect("a Vec takes every message, and no message has a map or an unsized sequence")
}

fn decode<M: DeserializeOwned + for<'a> Deserialize<'a>>(bytes: &[u8]) -> Result<M, WireError> {
    match bytes {
        [] => Err(WireError::Empty),
        [VERSION, body @ ..] => match postcard::take_from_bytes(body) {
            Ok((message, [])) => Ok(message),
            _ => Err(WireError::Malformed),
        },
        [other, ..] => Err(WireError::OtherVersion(*other)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::geometry::{AimedPoint, LogicalSize, Scale, Viewport};
    use crate::input::{Key, Modifiers, PointerButton, TouchPhase};
    use crate::latency::{InputId, Measurement, Stages};
    use crate::message::ClientMessage;
    use proptest::prelude::*;

    fn client_message() -> impl Strategy<Value = ClientMessage> {
        let point = || {
            let parts = (-1e4..1e4f32, -1e4..1e4f32, any::<Option<u16>>());
            parts.prop_map(|(x, y, epoch)| AimedPoint { x, y, epoch })
        };
        prop_oneof![
            (any::<u32>(), point())
                .prop_map(|(sequence, at)| ClientMessage::PointerMove { sequence, at }),
            (point(), any::<bool>(), 0i16..5).prop_map(|(at, pressed, button)| {
                ClientMessage::PointerButton {
                    at,
                    button: PointerButton::from_dom(button).expect("0 to 4"),
                    pressed,
                }
            }),
            (point(), -1e3..1e3f32, -1e3..1e3f32, any::<bool>()).prop_map(
                |(at, delta_x, delta_y, notched)| ClientMessage::Wheel {
                    at,
                    delta_x,
                    delta_y,
                    notched
                }
            ),
            (".*", ".*", any::<bool>(), any::<bool>(), any::<bool>()).prop_map(
                |(code, key, pressed, repeat, shift)| ClientMessage::Key(Key {
                    code,
                    key,
                    pressed,
                    repeat,
                    modifiers: Modifiers {
                        shift,
                        ..Modifiers::default()
                    },
                })
            ),
            ".*".prop_map(|text| ClientMessage::Text { text }),
            proptest::collection::vec("[A-Za-z0-9]{1,12}", 0..6)
                .prop_map(|codes| ClientMessage::HeldKeys { codes }),
            Just(ClientMessage::ReleaseAll),
            Just(ClientMessage::SkipToLive),
            (1u16..9000, 1u16..9000, 30u16..=480).prop_map(|(width, height, parts)| {
                ClientMessage::Viewport(Viewport {
                    page: LogicalSize::new(width, height).expect("a size"),
                    scale: Scale::from_120ths(parts).expect("a scale"),
                })
            }),
            (".*", any::<u32>()).prop_map(|(text, caret)| ClientMessage::Compose { text, caret }),
            (any::<u32>(), any::<u32>(), ".*").prop_map(|(before, after, text)| {
                ClientMessage::Replace {
                    before,
                    after,
                    text,
                }
            }),
            (any::<u32>(), point(), touch_phase())
                .prop_map(|(finger, at, phase)| ClientMessage::Touch { finger, phase, at }),
            (-1e4..1e4f32, -1e4..1e4f32).prop_map(|(x, y)| ClientMessage::PointerMotion { x, y }),
            Just(ClientMessage::LeavePointerLock),
            any::<i32>().prop_map(|micros| ClientMessage::VsyncOffset { micros }),
            any::<u32>().prop_map(|number| ClientMessage::Ping { number }),
            proptest::collection::vec(any::<u32>(), 0..4).prop_map(|totals| {
                let measurement = |total| Measurement {
                    total,
                    stages: Stages::default(),
                };
                let measurements = totals.into_iter().map(measurement).collect();
                ClientMessage::LatencyReport { measurements }
            }),
        ]
    }

    fn touch_phase() -> impl Strategy<Value = TouchPhase> {
        prop_oneof![
            Just(TouchPhase::Start),
            Just(TouchPhase::Move),
            Just(TouchPhase::End),
            Just(TouchPhase::Cancel),
        ]
    }

    fn stamped() -> impl Strategy<Value = Stamped> {
        let parts = (any::<Option<u32>>(), any::<Option<u64>>(), client_message());
        parts.prop_map(|(input, sent_micros, message)| Stamped {
            input: input.map(InputId),
            sent_micros,
            message,
        })
    }

    proptest! {
        #[test]
        fn what_was_sent_is_what_arrives(message in stamped()) {
            prop_assert_eq!(decode_client(&encode_client(&message)), Ok(message));
        }

        #[test]
        fn any_bytes_are_read_without_panic(bytes in proptest::collection::vec(any::<u8>(), 0..256)) {
            let _ = decode_client(&bytes);
            let _ = decode_server(&bytes);
        }

        #[test]
        fn a_cut_message_is_refused(message in stamped(), cut in 1usize..8) {
            let bytes = encode_client(&message);
            let kept = bytes.len().saturating_sub(cut);
            prop_assert!(decode_client(&bytes[..kept]).is_err());
        }
    }

    #[test]
    fn a_stale_page_is_told_to_reload() {
        let stale = VERSION - 1;
        let refused = Err(WireError::OtherVersion(stale));
        assert_eq!(decode_client(&[stale, 0]), refused);
        assert_eq!(decode_client(&[]), Err(WireError::Empty));
        assert_eq!(
            decode_client(&vec![VERSION; MAX_CLIENT_MESSAGE + 1]),
            Err(WireError::TooLong)
        );
    }
}
