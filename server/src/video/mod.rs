//! The newest picture → one H.264 access unit, on a thread of its own.
//!
//! What each frame is like is decided by [`rate_control`], frame by frame. The encoder's own rate control is left out: it
//! takes a second to notice that a link has become ten times narrower, and remembers what a page took that is not shown
//! any more. It serves a fixed bitrate only.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use shared::geometry::VideoSize;

use crate::bitrate::Bitrate;
use crate::picture::I420;
use crate::picture::mailbox::{Mailbox, Taken, Wake, merged};
use crate::picture::shrink::Shrink;
use crate::stream::{Downlink, KeyframeReason, Sample, Track};

// The codec.
pub mod h264;
// When a frame is made.
mod frame_rate_limiter;
// How good it is, and how large.
mod rate_control;

use frame_rate_limiter::FrameRateLimiter;
pub use h264::EncodeError;
use h264::{Encoded, H264, Settings};
use rate_control::RateControl;
use rate_control::frame_interval::FrameInterval;
use rate_control::resolution::Scale;

/// What an encoder is started with.
#[derive(Clone, Copy, Debug)]
pub struct EncoderOptions {
    pub size: VideoSize,
    /// The ceiling; [`Downlink::rate`] moves below it.
    pub bitrate: Bitrate,
    /// Frames per second, at most 60.
    pub frame_rate: u32,
    /// Frames follow the link as [`rate_control`] says, and a page that rests is sharpened; otherwise rate control does it all.
    pub adapt: bool,
}

/// Handle of the encoder's thread; dropping it stops and joins the thread.
pub struct Encoder {
    stop: Arc<AtomicBool>,
    latest: Arc<Mailbox>,
    thread: Option<JoinHandle<()>>,
}

impl Encoder {
    /// Encodes what arrives in `latest`, whose pictures have the options' size, as the `downlink` says, and hands each
    /// frame to `deliver` on the encoder's own thread. One encoder per `Mailbox` and `Downlink`.
    pub fn start(
        options: EncoderOptions,
        latest: Arc<Mailbox>,
        downlink: Arc<Downlink>,
        deliver: impl Fn(Sample) + Send + 'static,
    ) -> Result<Encoder, EncodeError> {
        let settings = Settings {
            size: options.size,
            ceiling: options.bitrate,
            frame_rate: options.frame_rate,
            slices: slices(options.size),
            // A fixed bitrate has nothing but the quantizer to give way with.
            smooth: !options.adapt,
        };
        let stop = Arc::new(AtomicBool::new(false));
        let mut work = Work {
            codec: H264::open(settings)?,
            settings,
            started: Instant::now(),
            picture: I420::black(options.size),
            smaller: None,
            owed: None,
            retry_at: None,
            keyframe: None,
            pace: FrameRateLimiter::new(options.frame_rate),
            frame_rate: FrameInterval::new(options.frame_rate),
            plan: (options.adapt)
                .then(|| RateControl::new(options.size, options.bitrate, Instant::now())),
            fresh: true,
            seen: false,
        };
        let thread = std::thread::Builder::new()
            .name("encoder".to_owned())
            .spawn({
                let (stop, latest) = (stop.clone(), latest.clone());
                move || work.run(&stop, &latest, &downlink, deliver)
            })
            .map_err(|_| EncodeError::Thread)?;
        Ok(Encoder {
            stop,
            latest,
            thread: Some(thread),
        })
    }
}

impl Drop for Encoder {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        self.latest.nudge();
        if let Some(thread) = self.thread.take() {
            // A panic there has been reported by the panic hook already.
            let _ = thread.join();
        }
    }
}

/// One slice per thread, and none below Full HD: there the threads' hand-over costs what they save.
fn slices(size: VideoSize) -> u32 {
    let (width, height) = size.usize();
    if width * height < 1920 * 1080 {
        return 1;
    }
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    // More would leave no core to Chrome, and each slice costs bits at its borders.
    u32::try_from(cores.min(4)).unwrap_or(1)
}

/// The thread's own state.
struct Work {
    codec: H264,
    /// Of the whole picture.
    settings: Settings,
    started: Instant,
    picture: I420,
    /// What is encoded instead, while a narrow link asks for it.
    smaller: Option<Shrink>,
    /// A change the viewers have not been sent yet.
    owed: Option<Taken>,
    /// The codec left the owed change out; try again then, for no further picture may come.
    retry_at: Option<Instant>,
    /// The next frame is to be a keyframe.
    keyframe: Option<KeyframeReason>,
    pace: FrameRateLimiter,
    frame_rate: FrameInterval,
    /// Without one, rate control keeps a fixed bitrate.
    plan: Option<RateControl>,
    /// Whatever comes first is a keyframe.
    fresh: bool,
    /// Chrome has drawn something: black is not worth a keyframe.
    seen: bool,
}

impl Work {
    fn run(
        &mut self,
        stop: &AtomicBool,
        latest: &Mailbox,
        downlink: &Downlink,
        deliver: impl Fn(Sample),
    ) {
        loop {
            let evenly = self.pace.wait(Instant::now());
            if !evenly.is_zero() && !latest.rest_until_answer(evenly) {
                return;
            }
            while let Some(wait) = downlink.wait(Instant::now()) {
                if stop.load(Ordering::Acquire) || !latest.rest(wait) {
                    return;
                }
                if let Some(plan) = &mut self.plan {
                    plan.cleared(Instant::now());
                }
            }
            let deadline = self.deadline();
            match latest.wait_until(&mut self.picture, deadline) {
                Wake::Closed => return,
                Wake::Picture(taken) => {
                    self.seen = true;
                    self.owe(taken);
                }
                Wake::Nudge => {}
            }
            if stop.load(Ordering::Acquire) {
                return;
            }
            self.keyframe = downlink.take_keyframe().or(self.keyframe);
            if let Some(plan) = &mut self.plan {
                plan.follow(downlink.rate());
            }
            match self.encode() {
                Ok(Some(frame)) => deliver(frame),
                Ok(None) => {}
                Err(error) => {
                    tracing::error!(%error, "starting the video encoder again");
                    if let Err(error) = self.open() {
                        tracing::error!(%error, "no more video in this session");
                        return;
                    }
                }
            }
        }
    }

    /// A new codec for the size that is encoded now; it goes on where the one before was.
    fn open(&mut self) -> Result<(), EncodeError> {
        let smaller = self.smaller.as_ref();
        let size = smaller.map_or(self.settings.size, |smaller| smaller.picture().size());
        self.codec = H264::open(Settings {
            size,
            slices: slices(size),
            smooth: smaller.is_some() || self.settings.smooth,
            ..self.settings
        })?;
        self.fresh = true;
        Ok(())
    }

    /// When something is promised although no picture comes.
    fn deadline(&self) -> Option<Instant> {
        let keyframe = self.keyframe_is_due().then(Instant::now);
        let better = self.plan.as_ref().and_then(RateControl::better_at);
        keyframe
            .into_iter()
            .chain(better)
            .chain(self.retry_at)
            .min()
    }

    fn keyframe_is_due(&self) -> bool {
        self.seen && self.keyframe.is_some()
    }

    fn owe(&mut self, taken: Taken) {
        let (before, rows, marks) = match self.owed.take() {
            Some(owed) => (owed.replaced + 1, owed.rows, owed.marks),
            None => (0, taken.rows.clone(), Vec::new()),
        };
        self.owed = Some(Taken {
            replaced: taken.replaced + before,
            rows: taken.rows.start.min(rows.start)..taken.rows.end.max(rows.end),
            marks: merged(marks, taken.marks),
            ..taken
        });
    }

    /// The part of the picture's rows that is owed.
    fn rows_owed(&self) -> Option<f32> {
        let height = self.settings.size.usize().1 as f32;
        let owed = self.owed.as_ref();
        owed.map(|owed| owed.rows.len() as f32 / height)
    }

    /// Encodes in this size from now on.
    fn resize(&mut self, scale: Scale) -> Result<(), EncodeError> {
        tracing::debug!(?scale, "another resolution");
        let smaller = scale
            .of(self.settings.size)
            .filter(|_| scale != Scale::Full);
        self.smaller = smaller.map(Shrink::new);
        self.open()
    }

    /// What is encoded of the picture, as it is now.
    fn shrink(&mut self) {
        if let Some(smaller) = &mut self.smaller {
            let all = 0..self.settings.size.usize().1;
            let owed = self.owed.as_ref().map(|owed| owed.rows.clone());
            let rows = if self.fresh {
                all
            } else {
                owed.unwrap_or_default()
            };
            smaller.update(&self.picture, rows);
        }
    }

    fn encode(&mut self) -> Result<Option<Sample>, EncodeError> {
        let began = Instant::now();
        let is_due = |at: Option<Instant>| at.is_some_and(|at| at <= began);
        let keyframe_is_due = self.keyframe_is_due();
        let better_is_due = is_due(self.plan.as_ref().and_then(RateControl::better_at));
        if self.owed.is_none() && !keyframe_is_due && !better_is_due {
            return Ok(None);
        }
        let rows = self.rows_owed();
        let resized = self.plan.as_mut().and_then(|plan| plan.resize(rows, began));
        if let Some(scale) = resized {
            self.resize(scale)?;
        }
        self.shrink();
        let held = self.plan.as_ref().is_some_and(|plan| plan.was_held(began));
        let told = self.frame_rate.next(held, began);
        let share = self.frame_rate.distance();
        let keyframe_next = keyframe_is_due || self.fresh;
        let mut quality =
            (self.plan.as_ref()).map(|plan| plan.quality(rows, keyframe_next, share, began));
        match (quality, told) {
            (Some(quality), _) => self.codec.set_quantizer(Some(quality.quantizer()))?,
            (None, Some(frame_rate)) => self.codec.set_frame_rate(frame_rate)?,
            (None, None) => {}
        }
        if keyframe_is_due {
            self.codec.force_keyframe();
        }
        self.pace.encoded(began);
        let since_start = began.duration_since(self.started);
        let smaller = self.smaller.as_ref().map(Shrink::picture);
        let picture = smaller.unwrap_or(&self.picture);
        let size = picture.size();
        let mut encoded = self.codec.encode(picture, since_start)?;
        if let (Some(plan), Some(made)) = (&mut self.plan, quality)
            && let Encoded::AccessUnit { data, .. } = &encoded
            && let Some(instead) = plan.instead(data.len(), made)
        {
            // It needs no frame before it: not the one that is left out, which the codec takes for shown, either.
            self.codec.set_quantizer(Some(instead.quantizer()))?;
            self.codec.force_keyframe();
            encoded = self.codec.encode(picture, since_start)?;
            quality = Some(instead);
        }
        match encoded {
            Encoded::Skipped => {
                let interval = Duration::from_secs(1) / self.settings.frame_rate.max(1);
                self.retry_at = Some(began + interval);
                Ok(None)
            }
            Encoded::AccessUnit { data, keyframe } => {
                if keyframe {
                    self.keyframe = None;
                }
                if let (Some(plan), Some(quality)) = (&mut self.plan, quality) {
                    plan.made(data.len(), quality, rows.is_some(), began);
                }
                self.fresh = false;
                self.retry_at = None;
                // A keyframe of an unchanged picture shows it as it is now.
                let taken = self.owed.take().unwrap_or(Taken {
                    drawn_at: began,
                    convert: Duration::ZERO,
                    replaced: 0,
                    rows: 0..0,
                    marks: Vec::new(),
                });
                let encoded_at = Instant::now();
                Ok(Some(Sample {
                    track: Track::Video,
                    data,
                    keyframe,
                    size,
                    at: taken.drawn_at,
                    convert: taken.convert,
                    encode: encoded_at - began,
                    encoded_at,
                    replaced: taken.replaced,
                    traces: taken.marks,
                }))
            }
        }
    }
}

#[cfg(test)]
mod scenes;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
