//! The newest picture → one H.264 access unit, on a thread of its own.
//!
//! What each frame is like is decided by the [`scheduler`] and its [`rate_control`], frame by frame; the thread only performs. The
//! codec's own rate control is left out: it takes a second to notice that a link has become ten times narrower, and remembers
//! what a page took that is not shown any more. It serves a fixed bitrate only.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Instant;

use bytes::Bytes;
use shared::geometry::VideoSize;

use crate::bitrate::Bitrate;
use crate::picture::I420;
use crate::picture::mailbox::{Mailbox, Update, Wake};
use crate::picture::shrink::Shrink;
use crate::stream::{Downlink, Media, Sample, VideoFrame};

// Pure: which frame is made, and when.
mod frame_rate_limiter;
mod scheduler;
// Pure: how good it is, and how large.
mod rate_control;
// The codec.
pub mod h264;

pub use h264::{EncodeError, check_size};
use h264::{Encoded, H264, Settings};
use scheduler::{Control, Scheduler, Step, Task, Verdict};

/// What an encoder is started with.
#[derive(Clone, Copy, Debug)]
pub struct EncoderOptions {
    /// The ceiling; [`Downlink::rate`] moves below it.
    pub bitrate: Bitrate,
    /// Frames per second, at most 60.
    pub frame_rate: u32,
    /// Frames follow the link as [`rate_control`] says, and a page that rests is refined; otherwise the codec's own rate
    /// control does it all.
    pub adapt: bool,
}

/// Handle of the encoder's thread; dropping it stops and joins the thread.
pub struct Encoder {
    stop: Arc<AtomicBool>,
    mailbox: Arc<Mailbox>,
    thread: Option<JoinHandle<()>>,
}

impl Encoder {
    /// Encodes what arrives in `mailbox` as the `downlink` says, and hands each frame to `deliver` on the encoder's own thread.
    /// Frames follow the pictures' size. One encoder per `Mailbox` and `Downlink`.
    pub fn start(
        options: EncoderOptions,
        mailbox: Arc<Mailbox>,
        downlink: Arc<Downlink>,
        deliver: impl Fn(Sample) + Send + 'static,
    ) -> Result<Encoder, EncodeError> {
        let stop = Arc::new(AtomicBool::new(false));
        let mut encoding = Encoding {
            options,
            started: Instant::now(),
            scheduler: Scheduler::new(options),
            picture: None,
            codec: None,
        };
        let thread = std::thread::Builder::new()
            .name("encoder".to_owned())
            .spawn({
                let (stop, mailbox) = (stop.clone(), mailbox.clone());
                move || encoding.run(&stop, &mailbox, &downlink, deliver)
            })
            .map_err(|_| EncodeError::Thread)?;
        Ok(Encoder {
            stop,
            mailbox,
            thread: Some(thread),
        })
    }
}

impl Drop for Encoder {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        self.mailbox.notify();
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
struct Encoding {
    options: EncoderOptions,
    started: Instant,
    scheduler: Scheduler,
    /// The newest; `None` before the first.
    picture: Option<I420>,
    codec: Option<Codec>,
}

/// An open codec, and what it encodes.
struct Codec {
    h264: H264,
    /// A copy of the picture in the encoded size, where that is a smaller one.
    smaller: Option<Shrink>,
}

impl Encoding {
    fn run(
        &mut self,
        stop: &AtomicBool,
        mailbox: &Mailbox,
        downlink: &Downlink,
        deliver: impl Fn(Sample),
    ) {
        while !stop.load(Ordering::Acquire) {
            let deadline = match self.scheduler.next(downlink.ready_at(), Instant::now()) {
                Step::PauseUntilInput(time) if mailbox.pause_until_input(time) => continue,
                Step::Pause(time) if mailbox.pause(time) => continue,
                Step::PauseUntilInput(_) | Step::Pause(_) => return,
                Step::Wait(deadline) => deadline,
            };
            match mailbox.wait(&mut self.picture, deadline) {
                Wake::Closed => return,
                Wake::Picture(update) => self.scheduler.picture(update, Instant::now()),
                Wake::Notified => {}
            }
            if stop.load(Ordering::Acquire) {
                return;
            }
            if downlink.take_keyframe().is_some() {
                self.scheduler.keyframe_requested();
            }
            self.scheduler.follow(downlink.rate());
            let Some(task) = self.scheduler.task(Instant::now()) else {
                continue;
            };
            match self.encode(&task) {
                Ok(Some(sample)) => deliver(sample),
                Ok(None) => {}
                Err(error) if self.codec.is_some() => {
                    tracing::error!(%error, "the video encoder is started again");
                    self.codec = None;
                    self.scheduler.codec_failed();
                }
                Err(error) => {
                    tracing::error!(%error, "no more video in this session");
                    return;
                }
            }
        }
    }

    fn encode(&mut self, task: &Task) -> Result<Option<Sample>, EncodeError> {
        let Some(picture) = &self.picture else {
            return Ok(None);
        };
        if task.new_codec {
            self.codec = None;
        }
        let codec = match &mut self.codec {
            Some(codec) => codec,
            None => self.codec.insert(Codec::open(task, &self.options)?),
        };
        if let Some(smaller) = &mut codec.smaller {
            smaller.update(picture, task.rows.clone());
        }
        let encoded_picture = codec.smaller.as_ref().map_or(picture, Shrink::picture);
        match task.control {
            Control::Quantizer(qp) => codec.h264.set_quantizer(Some(qp))?,
            Control::FixedBitrate {
                frame_rate: Some(frame_rate),
            } => codec.h264.set_frame_rate(frame_rate)?,
            Control::FixedBitrate { frame_rate: None } => {}
        }
        if task.keyframe {
            codec.h264.force_keyframe();
        }
        let since_start = self.started.elapsed();
        loop {
            let (data, keyframe) = match codec.h264.encode(encoded_picture, since_start)? {
                Encoded::AccessUnit { data, keyframe } => (data, keyframe),
                Encoded::Skipped => {
                    self.scheduler.skipped();
                    return Ok(None);
                }
            };
            match self.scheduler.encoded(data.len(), keyframe) {
                Some(Verdict::Deliver { update, began }) => {
                    return Ok(Some(sample(data, keyframe, task.size, update, began)));
                }
                Some(Verdict::EncodeKeyframe(qp)) => {
                    codec.h264.set_quantizer(Some(qp))?;
                    codec.h264.force_keyframe();
                }
                None => return Ok(None),
            }
        }
    }
}

impl Codec {
    fn open(task: &Task, options: &EncoderOptions) -> Result<Codec, EncodeError> {
        tracing::debug!(size = %task.size, "a codec is opened");
        let h264 = H264::open(Settings {
            size: task.size,
            ceiling: options.bitrate,
            frame_rate: options.frame_rate,
            slices: slices(task.size),
            // A fixed bitrate has nothing but the quantizer to give way with, and a small picture is stretched.
            smooth: task.scaled_down || !options.adapt,
        })?;
        let smaller = task.scaled_down.then(|| Shrink::new(task.size));
        Ok(Codec { h264, smaller })
    }
}

/// Made now, of what the encoder began on then.
fn sample(data: Bytes, keyframe: bool, size: VideoSize, update: Update, began: Instant) -> Sample {
    let encoded_at = Instant::now();
    Sample {
        at: update.drawn_at,
        data,
        encode: encoded_at - began,
        encoded_at,
        media: Media::Video(VideoFrame {
            keyframe,
            geometry: update.geometry,
            size,
            convert: update.convert,
            replaced: update.replaced,
            traces: update.inputs,
        }),
    }
}

#[cfg(test)]
mod scenes;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
