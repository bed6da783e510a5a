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
    /// What the page plays, in Opus.
    Sound,
}

impl Track {
    /// All there are.
    pub const ALL: &[Track] = &[Track::Video, Track::Sound];

    /// Of its RTP clock, in ticks per second.
    pub fn clock_rate(self) -> u32 {
        match self {
            // RFC 6184 §8.2.1.
            Track::Video => 90_000,
            // RFC 7587 §4.1.
            Track::Sound => 48_000,
        }
    }

    /// Whether most of its samples need those before them; the others can be decoded from anywhere on.
    pub fn has_keyframes(self) -> bool {
        match self {
            Track::Video => true,
            Track::Sound => false,
        }
    }
}

/// What an encoder made of one moment, on its way to every subscriber.
#[derive(Clone, Debug)]
pub struct Sample {
    /// When Chrome committed the newest pixels in it, or plays its first.
    pub at: Instant,
    /// H.264: one access unit in Annex B. Opus: one packet.
    pub data: Bytes,
    /// What encoding cost.
    pub encode: Duration,
    /// When the encoder had it.
    pub encoded_at: Instant,
    /// What only its track has.
    pub media: Media,
}

/// What only one track's samples have.
#[derive(Clone, Debug)]
pub enum Media {
    /// A picture.
    Video(VideoFrame),
    /// 10 ms.
    Sound {
        /// There was silence before it: a talkspurt begins (RFC 3551 §4.1).
        begins: bool,
    },
}

/// A picture's place in the video.
#[derive(Clone, Debug)]
pub struct VideoFrame {
    /// It can be decoded without any frame before it.
    pub keyframe: bool,
    /// Of the picture that it shows.
    pub geometry: Geometry,
    /// Of the encoded picture, which may be smaller than the geometry's.
    pub size: VideoSize,
    /// What composing and converting cost.
    pub convert: Duration,
    /// Pictures that were replaced by this one before they were encoded.
    pub replaced: u32,
    /// Inputs that it is the first to show.
    pub traces: Vec<PresentedInput>,
}

impl Sample {
    /// What it is a part of.
    pub fn track(&self) -> Track {
        match self.media {
            Media::Video(_) => Track::Video,
            Media::Sound { .. } => Track::Sound,
        }
    }

    /// Whether it can be decoded without any sample before it.
    pub fn is_keyframe(&self) -> bool {
        match &self.media {
            Media::Video(frame) => frame.keyframe,
            Media::Sound { .. } => true,
        }
    }

    /// Inputs that it is the first to show.
    pub fn traces(&self) -> &[PresentedInput] {
        match &self.media {
            Media::Video(frame) => &frame.traces,
            Media::Sound { .. } => &[],
        }
    }

    /// Of tests that have no other.
    #[cfg(test)]
    pub fn video(&self) -> &VideoFrame {
        match &self.media {
            Media::Video(frame) => frame,
            Media::Sound { .. } => panic!("a sample of sound"),
        }
    }

    /// When the encoder began.
    pub fn encode_began(&self) -> Instant {
        self.encoded_at - self.encode
    }

    /// When it was made, for the viewers whose inputs it shows.
    pub fn made(&self) -> EncodeTimes {
        EncodeTimes {
            convert: match &self.media {
                Media::Video(frame) => frame.convert,
                Media::Sound { .. } => Duration::ZERO,
            },
            encode_began: self.encode_began(),
            encoded_at: self.encoded_at,
        }
    }
}
