//! The newest picture → one H.264 access unit, on a thread of its own.
//!
//! What a link carries becomes, in this order:
//! 1. coarser frames: the bitrate (`target`) is shared among as many as the page draws (`rate`), and each gets the
//!    quantizer that fits its share (`cost`), as long as text stays readable;
//! 2. then fewer frames: each waits until the link is clear ([`crate::gate`]);
//! 3. then, when too few are left to be motion, a smaller picture (`scale`).
//!
//! So the encoder's own rate control is left out: it takes a second to notice that a link has become ten times narrower,
//! and remembers what a page took that is not shown any more. It serves a fixed bitrate only.
//!
//! All of it comes back in the other order. A page at rest is whole and exact (`scale`, `sharpen`), whatever the link.
//! Keyframes are sized to the link (`size`).

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
use crate::picture::shrink::Shrink;

// The codec.
pub mod h264;
// When a frame is made.
mod keyframe;
mod pace;
// How good it is, and how large.
mod cost;
mod rate;
mod scale;
mod sharpen;
mod size;
mod target;

pub use h264::EncodeError;
use h264::{Encoded, H264, Settings};
use keyframe::Keyframes;
use pace::Pace;
use rate::FrameRate;
use scale::{Resolution, Scale};
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
    /// Frames follow the link in the order above, and a page that rests is sharpened; otherwise rate control does it all.
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
    /// The encoded picture's, which may be smaller than the session's.
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
            smaller: None,
            resolution: Resolution::new(options.size),
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
            clear_at: Instant::now(),
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
    /// Of the whole picture.
    settings: Settings,
    started: Instant,
    picture: I420,
    /// What is encoded instead, while a narrow link asks for it.
    smaller: Option<Shrink>,
    resolution: Resolution,
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
    /// When the link last became clear for a frame that had to wait.
    clear_at: Instant,
}

/// A picture that comes so soon after the link became clear was waiting for it, or Chrome was.
const HELD: Duration = Duration::from_millis(34);
/// The first frame of a movement may be a new page: it should be on its way for no longer than this.
const LEAP: Duration = Duration::from_millis(100);
/// … and is not finer than this: what a person has just done is seen some milliseconds sooner, and sharp right after.
const LEAP_FINEST: Qp = 28;

/// Who decides how finely a frame is encoded.
#[derive(Clone, Copy, Debug)]
enum Quality {
    RateControl,
    /// A keyframe, sized to the link.
    Keyframe(Qp),
    /// The page moves.
    Moving(Qp),
    /// Of a page at rest, or of a small change on it.
    Sharp(Qp),
}

impl Quality {
    fn quantizer(self) -> Option<Qp> {
        match self {
            Quality::RateControl => None,
            Quality::Keyframe(qp) | Quality::Moving(qp) | Quality::Sharp(qp) => Some(qp),
        }
    }
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
                self.clear_at = Instant::now();
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
            ..self.settings
        })?;
        self.fresh = true;
        self.codec.set_bitrate(self.targets.told())?;
        self.codec.set_frame_rate(self.frame_rate.told())
    }

    /// When something is promised although no picture comes.
    fn deadline(&self) -> Option<Instant> {
        let keyframe = self.keyframes.due_at(Instant::now()).filter(|_| self.seen);
        [keyframe, self.sharper_at(), self.whole_at(), self.retry_at]
            .into_iter()
            .flatten()
            .min()
    }

    /// When a page that rests is encoded more finely. While the link was busy nobody could see whether it rests.
    fn sharper_at(&self) -> Option<Instant> {
        let sharper = self.sharpen.due_at().filter(|_| self.adapt);
        let sharper = sharper.filter(|_| self.resolution.shown() == Scale::Full)?;
        match self.sharpen.waits_for_quiet() {
            true => Some(sharper.max(self.clear_at + self.sharpen.quiet())),
            false => Some(sharper),
        }
    }

    /// When a page that rests is shown whole again.
    fn whole_at(&self) -> Option<Instant> {
        let whole = self.resolution.rests_at()?;
        Some(whole.max(self.clear_at + scale::REST))
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

    /// How finely to encode what is owed.
    fn quality(&self, keyframe: bool, now: Instant) -> Quality {
        if !self.adapt {
            return Quality::RateControl;
        }
        if keyframe || self.fresh {
            return Quality::Keyframe(self.keyframe_size.quantizer(self.targets.told()));
        }
        match self.sharpen.choose(self.rows_owed(), now) {
            Some(qp) => Quality::Sharp(qp),
            None => Quality::Moving(self.moving()),
        }
    }

    /// How finely to encode a change of a page that moves.
    fn moving(&self) -> Qp {
        let bitrate = self.targets.told();
        let even = bitrate.bytes_in(self.frame_rate.distance());
        let qp = self.resolution.cost().quantizer(even);
        if self.sharpen.is_moving() {
            return qp;
        }
        // Nobody knows yet what it takes.
        let rows = f64::from(self.rows_owed().unwrap_or(1.0));
        let leap = self.keyframe_size.of_part(rows, bitrate.bytes_in(LEAP));
        qp.max(leap).clamp(LEAP_FINEST, cost::COARSEST)
    }

    /// Encodes in another size from now on, if that is wanted.
    fn resize(&mut self, now: Instant) -> Result<(), EncodeError> {
        let before = self.resolution.shown();
        match self.rows_owed() {
            Some(rows) => _ = self.resolution.choose(rows, self.targets.told(), now),
            None if self.whole_at().is_some_and(|at| at <= now) => self.resolution.rest(),
            None => {}
        }
        let scale = self.resolution.shown();
        let all = 0..self.settings.size.usize().1;
        if scale != before {
            let smaller = scale
                .of(self.settings.size)
                .filter(|_| scale != Scale::Full);
            tracing::debug!(?scale, bitrate = %self.targets.told(), "another resolution");
            self.smaller = smaller.map(Shrink::new);
            self.keyframe_size.resized(scale.pixels_per(before));
            self.open()?;
        }
        if let Some(smaller) = &mut self.smaller {
            let owed = self.owed.as_ref().map(|owed| owed.rows.clone());
            let rows = if scale == before { owed } else { Some(all) };
            smaller.update(&self.picture, rows.unwrap_or_default());
        }
        Ok(())
    }

    fn encode(&mut self) -> Result<Option<Frame>, EncodeError> {
        let began = Instant::now();
        let is_due = |at: Option<Instant>| at.is_some_and(|at| at <= began);
        let keyframe_is_due = self.seen && self.keyframes.is_due(began);
        let better_is_due = is_due(self.sharper_at()) || is_due(self.whole_at());
        if self.owed.is_none() && !keyframe_is_due && !better_is_due {
            return Ok(None);
        }
        if let Some(bitrate) = self.targets.next(began) {
            self.codec.set_bitrate(bitrate)?;
        }
        if self.adapt {
            self.resize(began)?;
        }
        let held = began.saturating_duration_since(self.clear_at) < HELD;
        let quality = self.quality(keyframe_is_due, began);
        if let Some(frame_rate) = self.frame_rate.next(held, began) {
            self.codec.set_frame_rate(frame_rate)?;
        }
        if keyframe_is_due {
            self.codec.force_keyframe();
        }
        self.codec.set_quantizer(quality.quantizer())?;
        self.pace.encoded(began);
        let since_start = began.duration_since(self.started);
        let smaller = self.smaller.as_ref().map(Shrink::picture);
        let picture = smaller.unwrap_or(&self.picture);
        let size = picture.size();
        match self.codec.encode(picture, since_start)? {
            Encoded::Skipped => {
                let interval = Duration::from_secs(1) / self.settings.frame_rate.max(1);
                self.retry_at = Some(began + interval);
                Ok(None)
            }
            Encoded::AccessUnit { data, keyframe } => {
                self.made(data.len(), keyframe, quality, began);
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
                Ok(Some(Frame {
                    data,
                    keyframe,
                    size,
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

    /// What the policies learn from a frame that was encoded.
    fn made(&mut self, bytes: usize, keyframe: bool, quality: Quality, now: Instant) {
        let bitrate = self.targets.told();
        let on_the_way = bitrate.time_for(bytes);
        if keyframe {
            self.keyframes.made(now);
        }
        let mut moved = None;
        match quality {
            Quality::Keyframe(qp) => {
                self.keyframe_size.made(bytes, qp);
                self.sharpen.begun(qp, on_the_way, now);
            }
            Quality::Sharp(qp) => self.sharpen.encoded(Some(qp), on_the_way, now),
            Quality::Moving(qp) => {
                self.sharpen.moved(qp, on_the_way, now);
                moved = Some((bytes, qp));
            }
            Quality::RateControl => self.sharpen.encoded(None, on_the_way, now),
        }
        if self.adapt && self.owed.is_some() {
            self.resolution.encoded(moved, on_the_way, bitrate, now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::h264::tests::{psnr, text};
    use super::*;
    use openh264::decoder::Decoder;
    use openh264::formats::YUVSource;
    use std::sync::mpsc;

    const OPTIONS: EncoderOptions = EncoderOptions {
        size: VideoSize::HD,
        bitrate: Bitrate::kbps(4000),
        frame_rate: 60,
        adapt: false,
    };

    fn start(latest: &Arc<Latest>) -> (Encoder, mpsc::Receiver<Frame>) {
        let (send, frames) = mpsc::channel();
        let options = OPTIONS;
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

    /// A page of text that scrolls by so many rows a frame for so long, and then rests, on a link of that bitrate.
    struct Scene {
        scroll: usize,
        link: Bitrate,
        moves: Duration,
    }

    /// What the viewer saw.
    struct Seen {
        /// Frames a second in the last half of the movement, and their size.
        moving: (f64, VideoSize),
        /// Sizes, one after the other.
        sizes: Vec<VideoSize>,
        /// From the last change until the picture was exact, and how exact it became.
        exact: (Duration, f64),
    }

    impl Scene {
        fn play(&self) -> Seen {
            let latest = Latest::new(VideoSize::HD);
            let gate = Arc::new(Gate::new({
                let latest = latest.clone();
                move || latest.nudge()
            }));
            let (send, frames) = mpsc::channel();
            let (link, way) = (self.link, gate.clone());
            let options = EncoderOptions {
                adapt: true,
                ..OPTIONS
            };
            let encoder = Encoder::start(options, latest.clone(), gate.clone(), move |frame| {
                way.set(frame.encoded_at + link.time_for(frame.data.len()));
                let _ = send.send(frame);
            })
            .unwrap();
            encoder.set_target(Target {
                bitrate: link.part(0.9),
            });
            let began = Instant::now();
            let mut page = I420::black(VideoSize::HD);
            let mut step = 0;
            while began.elapsed() < self.moves {
                // As Chrome, which is given frame callbacks no sooner.
                if let Some(wait) = gate.wait(Instant::now()) {
                    std::thread::sleep(wait);
                    continue;
                }
                let drawn_at = Instant::now();
                step += 1;
                page = text(step * self.scroll);
                latest.publish(drawn_at, |canvas| {
                    canvas.copy_rows(&page, 0..720);
                    0..720
                });
                std::thread::sleep(Duration::from_millis(16).saturating_sub(drawn_at.elapsed()));
            }
            let rests = Instant::now();
            let mut decoder = Decoder::new().unwrap();
            let (mut sizes, mut late, mut exact) = (Vec::new(), 0, None::<(Duration, f64)>);
            let mut moving = VideoSize::HD;
            // A step towards exactness may be on its way for seconds.
            let patience = Duration::from_secs(15);
            while exact.is_none()
                && let Ok(frame) = frames.recv_timeout(patience)
            {
                let shown = decoder.decode(&frame.data).unwrap().expect("a picture");
                let (width, height) = frame.size.usize();
                assert_eq!(shown.dimensions(), (width, height));
                if sizes.last() != Some(&frame.size) {
                    sizes.push(frame.size);
                }
                if frame.encoded_at <= rests {
                    moving = frame.size;
                    late += u32::from(frame.encoded_at > began + self.moves / 2);
                }
                let arrives = frame.encoded_at + link.time_for(frame.data.len());
                if frame.size == VideoSize::HD && arrives > rests {
                    let now = psnr(shown.y(), shown.strides().0, &page);
                    exact = (now >= 48.0).then_some((arrives - rests, now));
                }
            }
            drop(encoder);
            Seen {
                moving: (f64::from(late) / (self.moves / 2).as_secs_f64(), moving),
                sizes,
                exact: exact.expect("a page at rest becomes exact"),
            }
        }
    }

    #[test]
    fn on_a_very_narrow_link_a_page_moves_small_and_rests_whole_and_exact() {
        let scene = Scene {
            scroll: 24,
            link: Bitrate::kbps(200),
            moves: Duration::from_secs(8),
        };
        let Seen {
            moving,
            sizes,
            exact,
        } = scene.play();
        println!(
            "{:.1} frames a second at {}, then {sizes:?}, {exact:?}",
            moving.0, moving.1
        );
        // How many frames a second is a fact to be read: a busy machine has fewer.
        assert!(sizes.iter().any(|size| *size != VideoSize::HD), "{sizes:?}");
        assert_eq!(sizes.last(), Some(&VideoSize::HD));
        assert!(sizes.len() <= 4, "{sizes:?}");
    }

    #[test]
    fn on_a_narrow_link_the_picture_stays_whole() {
        let scene = Scene {
            scroll: 4,
            link: Bitrate::kbps(1500),
            moves: Duration::from_secs(4),
        };
        let Seen {
            moving,
            sizes,
            exact,
        } = scene.play();
        println!(
            "{:.1} frames a second at {}, then {exact:?}",
            moving.0, moving.1
        );
        assert_eq!(sizes, [VideoSize::HD]);
    }
}
