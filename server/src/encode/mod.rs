//! The newest picture → one H.264 access unit, on a thread of its own.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use bytes::Bytes;
use shared::geometry::VideoSize;

use crate::bitrate::Bitrate;
use crate::gate::Gate;
use crate::latest::{Latest, Taken, Wake, merged};
use crate::mark::{Answered, Made};
use crate::picture::I420;

// The codec.
pub mod h264;
// When a frame is made.
mod keyframe;
mod pace;
// How good it is.
mod rate;
mod sharpen;
mod size;
mod target;

pub use h264::EncodeError;
use h264::{Encoded, H264, Settings};
use keyframe::Keyframes;
use pace::Pace;
use rate::FrameRate;
use sharpen::{Qp, Sharpen};
use size::KeyframeSize;
use target::Targets;

/// What an encoder is started with.
#[derive(Clone, Copy, Debug)]
pub struct EncoderOptions {
    pub size: VideoSize,
    /// The ceiling; [`Encoder::set_target`] moves below it.
    pub bitrate: Bitrate,
    /// Frames per second, at most 60.
    pub frame_rate: u32,
    /// Keyframes are sized to the link, and a page that rests is sharpened; otherwise rate control does it all.
    pub adapt: bool,
}

/// What a bandwidth policy asks of the encoder.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    pub bitrate: Bitrate,
}

/// One encoded picture, on its way to every viewer.
#[derive(Clone, Debug)]
pub struct Frame {
    /// One access unit in Annex B.
    pub data: Bytes,
    /// It can be decoded without any frame before it.
    pub keyframe: bool,
    pub size: VideoSize,
    /// When Chrome committed the newest pixels in it.
    pub drawn_at: Instant,
    /// What composing and converting cost.
    pub convert: Duration,
    pub encode: Duration,
    pub encoded_at: Instant,
    /// Pictures that were replaced by this one before they were encoded.
    pub replaced: u32,
    /// Inputs that it is the first to show.
    pub marks: Vec<Answered>,
}

impl Frame {
    pub fn made(&self) -> Made {
        Made {
            convert: self.convert,
            encode_began: self.encoded_at - self.encode,
            encoded_at: self.encoded_at,
        }
    }
}

/// Handle of the encoder's thread; dropping it stops and joins the thread.
pub struct Encoder {
    orders: Arc<Orders>,
    latest: Arc<Latest>,
    thread: Option<JoinHandle<()>>,
}

/// What others ask of the thread; it looks before each frame.
struct Orders {
    stop: AtomicBool,
    keyframe: AtomicBool,
    /// Bits per second.
    target: AtomicU32,
}

impl Encoder {
    /// Encodes what arrives in `latest`, whose pictures have the options' size, whenever the `gate` is open, and hands
    /// each frame to `deliver` on the encoder's own thread. One encoder per `Latest`.
    pub fn start(
        options: EncoderOptions,
        latest: Arc<Latest>,
        gate: Arc<Gate>,
        deliver: impl Fn(Frame) + Send + 'static,
    ) -> Result<Encoder, EncodeError> {
        let settings = Settings {
            size: options.size,
            ceiling: options.bitrate,
            frame_rate: options.frame_rate,
            slices: slices(options.size),
        };
        let orders = Arc::new(Orders {
            stop: AtomicBool::new(false),
            keyframe: AtomicBool::new(false),
            target: AtomicU32::new(options.bitrate.as_bps()),
        });
        let mut work = Work {
            codec: H264::open(settings)?,
            settings,
            started: Instant::now(),
            picture: I420::black(options.size),
            owed: None,
            retry_at: None,
            keyframes: Keyframes::default(),
            pace: Pace::new(options.frame_rate),
            targets: Targets::new(options.bitrate),
            adapt: options.adapt,
            fresh: true,
            frame_rate: FrameRate::new(options.frame_rate),
            sharpen: Sharpen::default(),
            keyframe_size: KeyframeSize::new(options.size.usize().0 * options.size.usize().1),
            seen: false,
        };
        let thread = std::thread::Builder::new()
            .name("encoder".to_owned())
            .spawn({
                let (orders, latest) = (orders.clone(), latest.clone());
                move || work.run(&orders, &latest, &gate, deliver)
            })
            .map_err(|_| EncodeError::Thread)?;
        Ok(Encoder {
            orders,
            latest,
            thread: Some(thread),
        })
    }

    /// The next frame is a keyframe, even of an unchanged picture. Requests within half a second of the last keyframe are
    /// answered together at the end of it.
    pub fn request_keyframe(&self) {
        self.orders.keyframe.store(true, Ordering::Release);
        self.latest.nudge();
    }

    /// Takes effect with one of the next frames: small and hasty changes are held back.
    pub fn set_target(&self, target: Target) {
        let bits = target.bitrate.as_bps();
        self.orders.target.store(bits, Ordering::Release);
    }
}

impl Drop for Encoder {
    fn drop(&mut self) {
        self.orders.stop.store(true, Ordering::Release);
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
    settings: Settings,
    started: Instant,
    picture: I420,
    /// A change the viewers have not been sent yet.
    owed: Option<Taken>,
    /// The codec left the owed change out; try again then, for no further picture may come.
    retry_at: Option<Instant>,
    keyframes: Keyframes,
    pace: Pace,
    targets: Targets,
    adapt: bool,
    /// Whatever comes first is a keyframe.
    fresh: bool,
    frame_rate: FrameRate,
    sharpen: Sharpen,
    keyframe_size: KeyframeSize,
    /// Chrome has drawn something: black is not worth a keyframe.
    seen: bool,
}

impl Work {
    fn run(&mut self, orders: &Orders, latest: &Latest, gate: &Gate, deliver: impl Fn(Frame)) {
        loop {
            let evenly = self.pace.wait(Instant::now());
            if !evenly.is_zero() && !latest.rest_until_answer(evenly) {
                return;
            }
            while let Some(wait) = gate.wait(Instant::now()) {
                if orders.stop.load(Ordering::Acquire) || !latest.rest(wait) {
                    return;
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
            if orders.stop.load(Ordering::Acquire) {
                return;
            }
            if orders.keyframe.swap(false, Ordering::AcqRel) {
                self.keyframes.request();
            }
            let wished = orders.target.load(Ordering::Acquire);
            self.targets.wish(Bitrate::bps(wished));
            match self.encode() {
                Ok(Some(frame)) => deliver(frame),
                Ok(None) => {}
                Err(error) => {
                    tracing::error!(%error, "starting the video encoder again");
                    match H264::open(self.settings) {
                        Ok(codec) => (self.codec, self.fresh) = (codec, true),
                        Err(error) => {
                            tracing::error!(%error, "no more video in this session");
                            return;
                        }
                    }
                    self.targets = Targets::new(self.settings.ceiling);
                    self.frame_rate = FrameRate::new(self.settings.frame_rate);
                }
            }
        }
    }

    /// When something is promised although no picture comes.
    fn deadline(&self) -> Option<Instant> {
        let keyframe = self.keyframes.due_at(Instant::now()).filter(|_| self.seen);
        let sharper = self.sharpen.due_at().filter(|_| self.adapt);
        [keyframe, sharper, self.retry_at]
            .into_iter()
            .flatten()
            .min()
    }

    fn owe(&mut self, taken: Taken) {
        let (before, rows, marks) = match self.owed.take() {
            Some(owed) => (owed.replaced + 1, owed.rows, owed.marks),
            None => (0, 0, Vec::new()),
        };
        self.owed = Some(Taken {
            replaced: taken.replaced + before,
            rows: taken.rows.max(rows),
            marks: merged(marks, taken.marks),
            ..taken
        });
    }

    /// How finely to encode what is owed; `None` leaves it to rate control.
    fn quantizer(&self, keyframe: bool, now: Instant) -> Option<Qp> {
        if !self.adapt {
            return None;
        }
        if keyframe || self.fresh {
            return Some(self.keyframe_size.quantizer(self.targets.told()));
        }
        let height = self.settings.size.usize().1 as f32;
        let rows = self.owed.as_ref().map(|owed| owed.rows as f32 / height);
        self.sharpen.choose(rows, now)
    }

    fn encode(&mut self) -> Result<Option<Frame>, EncodeError> {
        let began = Instant::now();
        let keyframe_is_due = self.seen && self.keyframes.is_due(began);
        let sharper_is_due = self.adapt && self.sharpen.due_at().is_some_and(|at| at <= began);
        if self.owed.is_none() && !keyframe_is_due && !sharper_is_due {
            return Ok(None);
        }
        if let Some(bitrate) = self.targets.next(began) {
            self.codec.set_bitrate(bitrate)?;
        }
        let quantizer = self.quantizer(keyframe_is_due, began);
        if let Some(frame_rate) = self.frame_rate.next(began) {
            self.codec.set_frame_rate(frame_rate)?;
        }
        if keyframe_is_due {
            self.codec.force_keyframe();
        }
        self.codec.set_quantizer(quantizer)?;
        self.pace.encoded(began);
        let since_start = began.duration_since(self.started);
        match self.codec.encode(&self.picture, since_start)? {
            Encoded::Skipped => {
                let interval = Duration::from_secs(1) / self.settings.frame_rate.max(1);
                self.retry_at = Some(began + interval);
                Ok(None)
            }
            Encoded::AccessUnit { data, keyframe } => {
                self.fresh = false;
                if keyframe {
                    self.keyframes.made(began);
                    if let Some(qp) = quantizer {
                        self.keyframe_size.made(data.len(), qp);
                    }
                }
                let on_the_way = self.targets.told().time_for(data.len());
                self.sharpen
                    .encoded(quantizer.filter(|_| !keyframe), on_the_way, began);
                self.retry_at = None;
                // A keyframe of an unchanged picture shows it as it is now.
                let taken = self.owed.take().unwrap_or(Taken {
                    drawn_at: began,
                    convert: Duration::ZERO,
                    replaced: 0,
                    rows: 0,
                    marks: Vec::new(),
                });
                let encoded_at = Instant::now();
                Ok(Some(Frame {
                    data,
                    keyframe,
                    size: self.settings.size,
                    drawn_at: taken.drawn_at,
                    convert: taken.convert,
                    encode: encoded_at - began,
                    encoded_at,
                    replaced: taken.replaced,
                    marks: taken.marks,
                }))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    fn start(latest: &Arc<Latest>) -> (Encoder, mpsc::Receiver<Frame>) {
        let (send, frames) = mpsc::channel();
        let options = EncoderOptions {
            size: VideoSize::HD,
            bitrate: Bitrate::kbps(4000),
            frame_rate: 60,
            adapt: false,
        };
        let gate = Arc::new(Gate::new(|| {}));
        let encoder = Encoder::start(options, latest.clone(), gate, move |frame| {
            let _ = send.send(frame);
        });
        (encoder.unwrap(), frames)
    }

    fn paint(latest: &Latest, luma: u8) -> Instant {
        let drawn_at = Instant::now();
        latest.publish(drawn_at, |canvas| {
            let height = canvas.size().usize().1;
            canvas.planes_mut().0.fill(luma);
            0..height
        });
        drawn_at
    }

    #[test]
    fn a_picture_becomes_a_frame_and_stillness_becomes_nothing() {
        let latest = Latest::new(VideoSize::HD);
        let (encoder, frames) = start(&latest);
        let drawn_at = paint(&latest, 100);
        let frame = frames.recv().unwrap();
        assert!(frame.keyframe);
        assert_eq!((frame.drawn_at, frame.size), (drawn_at, VideoSize::HD));
        let drawn_at = paint(&latest, 120);
        let frame = frames.recv().unwrap();
        assert!(!frame.keyframe);
        assert_eq!(frame.drawn_at, drawn_at);
        drop(encoder);
        assert!(frames.recv().is_err(), "no further frame was made");
    }

    #[test]
    fn requests_are_merged_and_the_last_one_is_answered_on_a_still_picture() {
        let latest = Latest::new(VideoSize::HD);
        let (encoder, frames) = start(&latest);
        encoder.request_keyframe();
        paint(&latest, 100);
        let first = frames.recv().unwrap();
        assert!(first.keyframe);
        encoder.request_keyframe();
        encoder.request_keyframe();
        let second = frames.recv().unwrap();
        assert!(second.keyframe);
        // The first one was stamped before it was encoded.
        assert!(second.drawn_at - first.drawn_at >= keyframe::QUIET);
        drop(encoder);
        assert!(frames.recv().is_err(), "one keyframe for both requests");
    }

    #[test]
    fn the_mailbox_closing_ends_the_thread() {
        let latest = Latest::new(VideoSize::HD);
        let (_encoder, frames) = start(&latest);
        latest.close();
        assert!(frames.recv().is_err());
    }
}
