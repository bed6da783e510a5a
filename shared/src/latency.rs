//! From an input to the picture that shows it: the stages of that way, and what one measurement of it says.
//!
//! Durations are whole microseconds: no number on the wire can be negative or not a number.

use serde::{Deserialize, Serialize};

/// Names an input of one viewer; grows with each that is measured, and wraps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct InputId(pub u32);

/// A part of the way; together, and in this order, they are all of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Stage {
    /// The viewer's browser: from the event's `timeStamp` until the message is handed to the network.
    Dispatch,
    /// From there until the session takes the message.
    InputNetwork,
    /// Until Chrome is told.
    Seat,
    /// Until Chrome commits the first surface whose damage can show it.
    Chrome,
    /// Composing and converting to the encoder's colours.
    Convert,
    /// Until the encoder is free.
    Wait,
    /// Encoding the frame.
    Encode,
    /// Until the last packet has left the server.
    Send,
    /// Until the viewer's browser has the last packet.
    Network,
    /// Waiting in the viewer's browser, before and after its decoder.
    Buffer,
    /// Decoding the frame.
    Decode,
    /// From the frame's hand-over to the browser's compositor until the page is told that it is shown.
    Present,
}

impl Stage {
    /// How many stages there are.
    pub const COUNT: usize = 12;

    /// In the order of the way.
    pub const ALL: [Stage; Stage::COUNT] = [
        Stage::Dispatch,
        Stage::InputNetwork,
        Stage::Seat,
        Stage::Chrome,
        Stage::Convert,
        Stage::Wait,
        Stage::Encode,
        Stage::Send,
        Stage::Network,
        Stage::Buffer,
        Stage::Decode,
        Stage::Present,
    ];

    /// For machines: `/metrics` and JSON.
    pub fn label(self) -> &'static str {
        match self {
            Stage::Dispatch => "dispatch",
            Stage::InputNetwork => "input_network",
            Stage::Seat => "seat",
            Stage::Chrome => "chrome",
            Stage::Convert => "convert",
            Stage::Wait => "wait",
            Stage::Encode => "encode",
            Stage::Send => "send",
            Stage::Network => "network",
            Stage::Buffer => "buffer",
            Stage::Decode => "decode",
            Stage::Present => "present",
        }
    }
}

/// How long each stage took, in microseconds; `None` where it cannot be known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Stages([Option<u32>; Stage::COUNT]);

impl Stages {
    /// In microseconds; `None` where it cannot be known.
    pub fn get(&self, stage: Stage) -> Option<u32> {
        self.0[stage as usize]
    }

    /// In microseconds; `None` where it cannot be known.
    pub fn set(&mut self, stage: Stage, micros: Option<u32>) {
        self.0[stage as usize] = micros;
    }

    /// Of those that are known.
    pub fn sum(&self) -> u64 {
        self.0.iter().flatten().copied().map(u64::from).sum()
    }
}

/// One input and the picture that showed it; viewer → server, once a second.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Measurement {
    /// Microseconds from the input event's `timeStamp` to the callback that says that the picture is shown.
    pub total: u32,
    /// Its parts, as far as they are known.
    pub stages: Stages,
}

/// Nobody works like this; a longer one is a mistake, or meant to spoil the figures.
pub const LONGEST_MICROS: u32 = 10_000_000;
/// What rounding each stage to whole microseconds can add up to, with a browser's own coarse clock.
const ROUNDING_MICROS: u64 = 1_000;

impl Measurement {
    /// What no stage that is known accounts for, in microseconds.
    pub fn remainder(&self) -> u32 {
        let known = u32::try_from(self.stages.sum()).unwrap_or(u32::MAX);
        self.total.saturating_sub(known)
    }

    /// It can have happened: not endless, and no longer in its parts than as a whole.
    pub fn is_plausible(&self) -> bool {
        self.total <= LONGEST_MICROS && self.stages.sum() <= u64::from(self.total) + ROUNDING_MICROS
    }
}

/// The frame that shows an input, as far as the server knows; server → viewer, as the frame leaves.
///
/// A second one about the same input replaces the first: Chrome had a frame ready when the input came, so what
/// followed it so soon may not have shown it yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InputPresented {
    /// Which input.
    pub input: InputId,
    /// 1/90000 s. The first frame on the screen with this timestamp or a later one shows the input.
    pub rtp_timestamp: u32,
    /// The page was at rest when the input came. While it moves by itself, the frame before or after may be the one.
    pub exact: bool,
    /// When the session took the input; microseconds of the server's clock, as in `Pong`.
    pub received_micros: u64,
    /// [`Stage::Seat`], like the stages after it in microseconds.
    pub seat: u32,
    /// [`Stage::Chrome`]
    pub chrome: u32,
    /// [`Stage::Convert`]
    pub convert: u32,
    /// [`Stage::Wait`]
    pub wait: u32,
    /// [`Stage::Encode`]
    pub encode: u32,
    /// [`Stage::Send`]
    pub send: u32,
}

impl InputPresented {
    /// The server's own stages, in order.
    pub fn stages(&self) -> [(Stage, u32); 6] {
        [
            (Stage::Seat, self.seat),
            (Stage::Chrome, self.chrome),
            (Stage::Convert, self.convert),
            (Stage::Wait, self.wait),
            (Stage::Encode, self.encode),
            (Stage::Send, self.send),
        ]
    }

    /// When the frame's last packet left; microseconds of the server's clock.
    pub fn sent_micros(&self) -> u64 {
        let within = self.stages().map(|(_, micros)| u64::from(micros));
        self.received_micros.saturating_add(within.iter().sum())
    }

    /// Whether a frame with this timestamp shows the input; timestamps wrap after 13 hours.
    pub fn is_shown_by(&self, rtp_timestamp: u32) -> bool {
        rtp_timestamp.wrapping_sub(self.rtp_timestamp).cast_signed() >= 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn marked(rtp_timestamp: u32) -> InputPresented {
        InputPresented {
            input: InputId(1),
            rtp_timestamp,
            exact: true,
            received_micros: 1_000_000,
            seat: 1,
            chrome: 2,
            convert: 3,
            wait: 4,
            encode: 5,
            send: 6,
        }
    }

    #[test]
    fn stages_are_in_the_order_of_the_way() {
        for (place, stage) in Stage::ALL.into_iter().enumerate() {
            assert_eq!(stage as usize, place);
        }
        assert_eq!(marked(0).sent_micros(), 1_000_021);
    }

    #[test]
    fn timestamps_wrap() {
        assert!(marked(u32::MAX - 5).is_shown_by(u32::MAX - 5));
        assert!(marked(u32::MAX - 5).is_shown_by(2));
        assert!(!marked(2).is_shown_by(u32::MAX - 5));
    }

    proptest! {
        #[test]
        fn parts_that_are_longer_than_the_whole_are_not_believed(
            total in any::<u32>(),
            parts in proptest::collection::vec(any::<Option<u32>>(), Stage::COUNT),
        ) {
            let mut stages = Stages::default();
            for (stage, micros) in Stage::ALL.into_iter().zip(&parts) {
                stages.set(stage, *micros);
            }
            let measurement = Measurement { total, stages };
            let sum: u64 = parts.iter().flatten().map(|micros| u64::from(*micros)).sum();
            prop_assert_eq!(stages.sum(), sum);
            if measurement.is_plausible() {
                prop_assert!(total <= LONGEST_MICROS && sum <= u64::from(total) + ROUNDING_MICROS);
                prop_assert!(u64::from(measurement.remainder()) <= u64::from(total));
            }
        }
    }
}
