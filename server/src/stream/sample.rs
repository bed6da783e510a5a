//! Pure: what an encoder makes and every subscriber gets.

use std::time::{Duration, Instant};

use bytes::Bytes;
use shared::geometry::{Geometry, VideoSize};

use crate::latency_trace::{EncodeTimes, PresentedInput};

/// What a sample is a part of. Each subscriber has a subscription to each track.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Track {
    /// The page, in H.264.
    Video,
    /// Of tests: that another track is no more than this.
    #[cfg(test)]
    Sound,
}

impl Track {
    /// All there are.
    pub const ALL: &[Track] = &[
        Track::Video,
        #[cfg(test)]
        Track::Sound,
    ];

    /// Of its RTP clock, in ticks per second.
    pub fn clock_rate(self) -> u32 {
        match self {
            // RFC 6184 §8.2.1.
            Track::Video => 90_000,
            #[cfg(test)]
            Track::Sound => 48_000,
        }
    }
}

/// One encoded access unit, on its way to every subscriber.
#[derive(Clone, Debug)]
pub struct Sample {
    /// What it is a part of.
    pub track: Track,
    /// It can be decoded without any sample before it.
    pub keyframe: bool,
    /// Of the picture that it shows.
    pub geometry: Geometry,
    /// Of the encoded picture, which may be smaller than the geometry's.
    pub size: VideoSize,
    /// When Chrome committed the newest pixels in it.
    pub at: Instant,
    /// H.264: one access unit in Annex B.
    pub data: Bytes,
    /// What composing and converting cost.
    pub convert: Duration,
    /// What encoding cost.
    pub encode: Duration,
    /// When the encoder had it.
    pub encoded_at: Instant,
    /// Pictures that were replaced by this one before they were encoded.
    pub replaced: u32,
    /// Inputs that it is the first to show.
    pub traces: Vec<PresentedInput>,
}

impl Sample {
    /// When the encoder began.
    pub fn encode_began(&self) -> Instant {
        self.encoded_at - self.encode
    }

    /// When it was made, for the viewers whose inputs it shows.
    pub fn made(&self) -> EncodeTimes {
        EncodeTimes {
            convert: self.convert,
            encode_began: self.encode_began(),
            encoded_at: self.encoded_at,
        }
    }
}
