//! Pure: what is encoded next, how large, how fine and when; and how long to wait before.
//!
//! ```text
//! Scheduler::next ──▶ pause | wait ──picture──▶ Scheduler::task ──▶ encode ──bytes──▶ Scheduler::encoded ──▶ deliver | again
//! ```

use std::ops::Range;
use std::time::{Duration, Instant};

use shared::geometry::{Geometry, VideoSize};

use crate::bitrate::Bitrate;
use crate::picture::mailbox::Update;
use crate::video::EncoderOptions;
use crate::video::frame_rate_limiter::FrameRateLimiter;
use crate::video::rate_control::frame_interval::FrameInterval;
use crate::video::rate_control::quantizer::Qp;
use crate::video::rate_control::resolution::ResolutionStep;
use crate::video::rate_control::{Quality, RateControl};

/// What the encoder's thread does before the next frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Frames are due no sooner; a picture that shows an input ends it.
    PauseUntilInput(Duration),
    /// The link is busy for so long.
    Pause(Duration),
    /// Until there is a picture, or until then if it is given; then comes [`Scheduler::task`].
    Wait(Option<Instant>),
}

/// One frame to encode.
#[derive(Clone, Debug, PartialEq)]
pub struct Task {
    /// Of the encoded picture.
    pub size: VideoSize,
    /// The picture is scaled down to it.
    pub scaled_down: bool,
    /// It is the first frame of a new codec.
    pub new_codec: bool,
    /// Rows of the whole picture that may differ from what was encoded last, even at both ends.
    pub rows: Range<usize>,
    /// How fine it is.
    pub control: Control,
    /// It needs no frame before it.
    pub keyframe: bool,
}

/// Who says how fine a frame is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Control {
    Quantizer(Qp),
    /// The codec's own rate control, which is told the frame rate if that has changed.
    FixedBitrate {
        frame_rate: Option<f32>,
    },
}

/// What becomes of an encoded frame.
#[derive(Clone, Debug)]
pub enum Verdict {
    Deliver {
        /// What it shows.
        update: Update,
        began: Instant,
    },
    /// It is too large: a keyframe with this quantizer takes its place.
    EncodeKeyframe(Qp),
}

/// Where the thread is between two frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// The last frame is done.
    FrameInterval,
    /// The frame rate allows the next one.
    Link,
    /// … which waits until the link is clear.
    BusyLink,
}

/// Which codec the next frame is made with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum CodecState {
    /// A new one.
    Needed,
    /// One that has made no frame yet.
    Opened,
    /// The one of the frame before, which the decoder has.
    Running,
}

/// What the codec is at.
#[derive(Clone, Copy, Debug)]
struct InFlight {
    began: Instant,
    quality: Option<Quality>,
    /// The changed part of the picture's rows, 0 to 1; nothing for an unchanged picture.
    rows: Option<f32>,
    /// It takes the place of one that was too large, and is sent whatever it takes.
    is_last_try: bool,
}

/// All that is decided about one session's frames.
pub struct Scheduler {
    options: EncoderOptions,
    stage: Stage,
    limiter: FrameRateLimiter,
    frame_interval: FrameInterval,
    /// Somebody needs one, and none was made since.
    keyframe_requested: bool,
    /// Of the newest picture; `None` before the first: black is not worth a keyframe.
    geometry: Option<Geometry>,
    /// Without one, the codec's own keeps a fixed bitrate.
    rate_control: Option<RateControl>,
    resolution: ResolutionStep,
    /// A change that no viewer was sent yet.
    pending: Option<Update>,
    /// The codec left the pending change out; try again then, for no further picture may come.
    retry_at: Option<Instant>,
    codec: CodecState,
    in_flight: Option<InFlight>,
}

impl Scheduler {
    /// Before the first picture.
    pub fn new(options: EncoderOptions) -> Scheduler {
        Scheduler {
            options,
            stage: Stage::FrameInterval,
            limiter: FrameRateLimiter::new(options.frame_rate),
            frame_interval: FrameInterval::new(options.frame_rate),
            keyframe_requested: false,
            geometry: None,
            rate_control: None,
            resolution: ResolutionStep::Full,
            pending: None,
            retry_at: None,
            codec: CodecState::Needed,
            in_flight: None,
        }
    }

    /// What to do until the next frame. `ready_at`: when the link can take one, in the past if it can now.
    pub fn next(&mut self, ready_at: Instant, now: Instant) -> Step {
        if self.stage == Stage::FrameInterval {
            self.stage = Stage::Link;
            let pause = self.limiter.wait(now);
            if !pause.is_zero() {
                return Step::PauseUntilInput(pause);
            }
        }
        if let (Stage::BusyLink, Some(rate_control)) = (self.stage, &mut self.rate_control) {
            rate_control.cleared(now);
        }
        let busy = ready_at.saturating_duration_since(now);
        if !busy.is_zero() {
            self.stage = Stage::BusyLink;
            return Step::Pause(busy);
        }
        self.stage = Stage::FrameInterval;
        Step::Wait(self.deadline(now))
    }

    /// When something is due although no picture comes.
    fn deadline(&self, now: Instant) -> Option<Instant> {
        let keyframe = self.geometry.filter(|_| self.keyframe_requested);
        let keyframe = keyframe.map(|_| now);
        let refinement = self.rate_control.as_ref();
        let refinement = refinement.and_then(RateControl::refines_at);
        keyframe
            .into_iter()
            .chain(refinement)
            .chain(self.retry_at)
            .min()
    }

    /// There is a picture.
    pub fn picture(&mut self, update: Update, now: Instant) {
        let video = update.geometry.video;
        match self.geometry.replace(update.geometry) {
            None => {
                let interval = Duration::from_secs(1) / self.options.frame_rate.max(1);
                let ceiling = self.options.bitrate;
                let rate_control = || RateControl::new(video, ceiling, interval, now);
                self.rate_control = self.options.adapt.then(rate_control);
            }
            Some(before) if before.video != video => {
                if let Some(rate_control) = &mut self.rate_control {
                    rate_control.video_resized(before.video, video);
                }
                self.resolution = ResolutionStep::Full;
                self.codec = CodecState::Needed;
            }
            Some(_) => {}
        }
        self.pending = Some(update.merged_with(self.pending.take()));
    }

    /// Somebody needs a keyframe.
    pub fn keyframe_requested(&mut self) {
        self.keyframe_requested = true;
    }

    /// What frames may take from now on.
    pub fn follow(&mut self, bitrate: Bitrate) {
        if let Some(rate_control) = &mut self.rate_control {
            rate_control.follow(bitrate);
        }
    }

    /// What to encode now, if anything.
    pub fn task(&mut self, now: Instant) -> Option<Task> {
        let video = self.geometry?.video;
        let is_due = |at: Option<Instant>| at.is_some_and(|at| at <= now);
        let refinement = self.rate_control.as_ref();
        let refinement_is_due = is_due(refinement.and_then(RateControl::refines_at));
        if self.pending.is_none() && !self.keyframe_requested && !refinement_is_due {
            return None;
        }
        let height = video.usize().1;
        let pending = self.pending.as_ref();
        let rows = pending.map(|update| update.rows.len() as f32 / height as f32);
        let rate_control = &mut self.rate_control;
        let resolution = rate_control.as_mut();
        let resolution = resolution.and_then(|control| control.choose_resolution(rows, now));
        if let Some(step) = resolution {
            self.resolution = step;
            self.codec = CodecState::Needed;
        }
        let waited = rate_control.as_ref();
        let waited = waited.is_some_and(|control| control.waited_for_link(now));
        let frame_rate = self.frame_interval.on_frame(waited, now);
        let share = self.frame_interval.share();
        let is_first = self.codec != CodecState::Running;
        let keyframe = self.keyframe_requested || is_first;
        let quality = rate_control.as_ref();
        let quality = quality.map(|control| control.quality(rows, keyframe, share, now));
        self.limiter.encoded(now);
        self.in_flight = Some(InFlight {
            began: now,
            quality,
            rows,
            is_last_try: false,
        });
        let changed = self.pending.as_ref().map(|update| update.rows.clone());
        Some(Task {
            size: self.resolution.of(video).unwrap_or(video),
            scaled_down: self.resolution != ResolutionStep::Full,
            new_codec: self.codec == CodecState::Needed,
            rows: match is_first {
                true => 0..height,
                false => changed.unwrap_or_default(),
            },
            control: match quality {
                Some(quality) => Control::Quantizer(quality.quantizer()),
                None => Control::FixedBitrate { frame_rate },
            },
            keyframe,
        })
    }

    /// The codec made so many bytes of the task's picture. `None` when there was no task.
    pub fn encoded(&mut self, bytes: usize, keyframe: bool) -> Option<Verdict> {
        let mut in_flight = self.in_flight.take()?;
        let InFlight {
            began,
            quality,
            rows,
            is_last_try,
        } = in_flight;
        if let (Some(control), Some(quality)) = (&mut self.rate_control, quality) {
            let keyframe = match is_last_try {
                true => None,
                false => control.keyframe_in_place_of(bytes, quality),
            };
            if let Some(keyframe) = keyframe {
                // It needs no frame before it: not the one that is left out, which the codec takes for shown, either.
                in_flight.quality = Some(keyframe);
                in_flight.is_last_try = true;
                self.in_flight = Some(in_flight);
                return Some(Verdict::EncodeKeyframe(keyframe.quantizer()));
            }
            control.encoded(bytes, quality, rows.is_some(), began);
        }
        if keyframe {
            self.keyframe_requested = false;
        }
        self.codec = CodecState::Running;
        self.retry_at = None;
        let geometry = self.geometry?;
        // A frame of an unchanged picture shows it as it is now.
        let update = self.pending.take().unwrap_or(Update {
            geometry,
            drawn_at: began,
            convert: Duration::ZERO,
            replaced: 0,
            rows: 0..0,
            inputs: Vec::new(),
        });
        Some(Verdict::Deliver { update, began })
    }

    /// The codec left the task's picture out.
    pub fn skipped(&mut self) {
        let interval = Duration::from_secs(1) / self.options.frame_rate.max(1);
        if self.codec == CodecState::Needed {
            self.codec = CodecState::Opened;
        }
        let in_flight = self.in_flight.take();
        self.retry_at = in_flight.map(|in_flight| in_flight.began + interval);
    }

    /// The codec failed: the next frame is a new one's first.
    pub fn codec_failed(&mut self) {
        self.in_flight = None;
        self.codec = CodecState::Needed;
    }
}

#[cfg(test)]
#[path = "scheduler/tests.rs"]
mod tests;
