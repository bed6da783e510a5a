//! What a session's stream did: counted on the encoders' threads, read once a second and by `/metrics`.

use std::sync::atomic::{AtomicU64, Ordering};

use metrics::{Counter, Histogram};
use shared::message::ServerStatistics;
use shared::session::SessionId;

use crate::stream::{Media, Sample};

/// Grows only; a reader keeps what it last saw.
pub struct StreamCounters {
    frames: AtomicU64,
    keyframes: AtomicU64,
    bytes: AtomicU64,
    replaced: AtomicU64,
    convert_micros: AtomicU64,
    encode_micros: AtomicU64,
    metrics: StreamMetrics,
}

struct StreamMetrics {
    frames: Counter,
    keyframes: Counter,
    bytes: Counter,
    sound_bytes: Counter,
    encode: Histogram,
    convert: Histogram,
}

/// The counters at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reading {
    frames: u64,
    keyframes: u64,
    bytes: u64,
    replaced: u64,
    convert_micros: u64,
    encode_micros: u64,
}

impl StreamCounters {
    pub fn new(session: &SessionId) -> StreamCounters {
        let session = session.to_string();
        StreamCounters {
            frames: AtomicU64::new(0),
            keyframes: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            replaced: AtomicU64::new(0),
            convert_micros: AtomicU64::new(0),
            encode_micros: AtomicU64::new(0),
            metrics: StreamMetrics {
                frames: metrics::counter!("farpane_frames_total", "session" => session.clone()),
                keyframes: metrics::counter!("farpane_keyframes_total", "session" => session.clone()),
                bytes: metrics::counter!("farpane_video_bytes_total", "session" => session.clone()),
                sound_bytes: metrics::counter!("farpane_sound_bytes_total", "session" => session.clone()),
                encode: metrics::histogram!("farpane_encode_seconds", "session" => session.clone()),
                convert: metrics::histogram!("farpane_convert_seconds", "session" => session),
            },
        }
    }

    pub fn count(&self, sample: &Sample) {
        let add = |counter: &AtomicU64, amount: u64| {
            counter.fetch_add(amount, Ordering::Relaxed);
        };
        let micros =
            |duration: std::time::Duration| u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        let bytes = sample.data.len() as u64;
        let frame = match &sample.media {
            Media::Video(frame) => frame,
            Media::Sound { .. } => return self.metrics.sound_bytes.increment(bytes),
        };
        add(&self.frames, 1);
        add(&self.keyframes, u64::from(frame.keyframe));
        add(&self.bytes, bytes);
        add(&self.replaced, u64::from(frame.replaced));
        add(&self.convert_micros, micros(frame.convert));
        add(&self.encode_micros, micros(sample.encode));
        self.metrics.frames.increment(1);
        self.metrics.keyframes.increment(u64::from(frame.keyframe));
        self.metrics.bytes.increment(bytes);
        self.metrics.encode.record(sample.encode);
        self.metrics.convert.record(frame.convert);
    }

    pub fn read(&self) -> Reading {
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Reading {
            frames: get(&self.frames),
            keyframes: get(&self.keyframes),
            bytes: get(&self.bytes),
            replaced: get(&self.replaced),
            convert_micros: get(&self.convert_micros),
            encode_micros: get(&self.encode_micros),
        }
    }
}

impl Reading {
    /// What happened since an earlier reading.
    pub fn since(&self, earlier: &Reading) -> ServerStatistics {
        let frames = self.frames.saturating_sub(earlier.frames);
        let mean_millis = |micros: u64, earlier: u64| match frames {
            0 => 0.0,
            _ => micros.saturating_sub(earlier) as f32 / frames as f32 / 1000.0,
        };
        let narrow = |number: u64| u32::try_from(number).unwrap_or(u32::MAX);
        ServerStatistics {
            frames: narrow(frames),
            keyframes: narrow(self.keyframes.saturating_sub(earlier.keyframes)),
            bytes: self.bytes.saturating_sub(earlier.bytes),
            convert_millis: mean_millis(self.convert_micros, earlier.convert_micros),
            encode_millis: mean_millis(self.encode_micros, earlier.encode_micros),
            replaced: narrow(self.replaced.saturating_sub(earlier.replaced)),
            estimate_kilobits: None,
            queue_millis: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_without_frames_has_no_means() {
        let reading = Reading {
            frames: 7,
            encode_micros: 7000,
            ..Reading::default()
        };
        assert_eq!(reading.since(&reading), ServerStatistics::default());
        let second = reading.since(&Reading::default());
        assert_eq!((second.frames, second.encode_millis), (7, 1.0));
    }
}
