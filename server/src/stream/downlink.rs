//! Hub → encoder, display and session: all that flows back from a session's subscribers.
//!
//! A frame that waits in the pacer only gets older, and the one after it waits behind it. So whoever makes frames waits
//! until the pacesetter's link is ready, and then takes the newest picture: nothing has to be dropped after the encoder.

use std::fmt;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU8, AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use shared::session::ViewerId;

use crate::bitrate::Bitrate;
use crate::stream::estimate::Feedback;
use crate::sync::lock;

/// Why a keyframe is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum KeyframeReason {
    /// A subscriber has just connected, or the encoder was just started.
    Joined = 1,
    /// A viewer asked for it (RFC 4585 PLI, RFC 5104 FIR, or the web socket's message).
    Requested,
    /// What a viewer lacks cannot be sent again any more.
    Unrepairable,
    /// A link could not take every sample, and can again.
    Behind,
    /// A viewer sees the past, and wants to see the present.
    SkipToLive,
    /// Samples were lost between encoder and hub.
    SamplesLost,
}

const REASONS: [KeyframeReason; 6] = [
    KeyframeReason::Joined,
    KeyframeReason::Requested,
    KeyframeReason::Unrepairable,
    KeyframeReason::Behind,
    KeyframeReason::SkipToLive,
    KeyframeReason::SamplesLost,
];

/// One per encoder. The hub's thread writes it; the encoder's, the display's and the session's read it. Nothing but what
/// statistics show is behind a lock.
pub struct Downlink {
    epoch: Instant,
    frame_interval: Duration,
    /// Microseconds since `epoch`.
    ready_at: AtomicU64,
    /// Bits per second.
    rate: AtomicU32,
    /// A [`KeyframeReason`], or 0.
    keyframe: AtomicU8,
    pacesetter: Mutex<Option<Pacesetter>>,
    wake: Box<dyn Fn() + Send + Sync>,
}

/// Whose link sets the pace, and what is known of that link.
#[derive(Clone, Debug, PartialEq)]
pub struct Pacesetter {
    /// Who it is.
    pub viewer: ViewerId,
    /// It acted last, rather than being the first who is connected.
    pub is_named: bool,
    /// The newest of each kind.
    pub feedback: Feedback,
}

/// Less is no news to somebody who waits.
const NOTICEABLE: Duration = Duration::from_millis(1);

impl Downlink {
    /// Ready, for `rate` and `frame_rate` frames per second. `wake` is called when the encoder should look again before
    /// it meant to: by the hub's thread, so it must not block.
    pub fn new(
        rate: Bitrate,
        frame_rate: u32,
        wake: impl Fn() + Send + Sync + 'static,
    ) -> Downlink {
        Downlink {
            epoch: Instant::now(),
            frame_interval: Duration::from_secs(1) / frame_rate.max(1),
            ready_at: AtomicU64::new(0),
            rate: AtomicU32::new(rate.as_bps()),
            keyframe: AtomicU8::new(0),
            pacesetter: Mutex::new(None),
            wake: Box::new(wake),
        }
    }

    /// Between two frames, at the configured rate.
    pub fn frame_interval(&self) -> Duration {
        self.frame_interval
    }

    /// From when on a frame would leave at once; in the past if it would now. May become earlier or later meanwhile.
    pub fn ready_at(&self) -> Instant {
        self.epoch + Duration::from_micros(self.ready_at.load(Ordering::Acquire))
    }

    /// How long to wait from `now` on, if at all.
    pub fn wait(&self, now: Instant) -> Option<Duration> {
        let wait = self.ready_at().saturating_duration_since(now);
        (!wait.is_zero()).then_some(wait)
    }

    /// What video may take of the pacesetter's link.
    pub fn rate(&self) -> Bitrate {
        Bitrate::bps(self.rate.load(Ordering::Acquire))
    }

    /// The encoder takes on what was asked for since it last looked: its next frame is a keyframe.
    pub fn take_keyframe(&self) -> Option<KeyframeReason> {
        let taken = self.keyframe.swap(0, Ordering::AcqRel);
        REASONS.into_iter().find(|reason| *reason as u8 == taken)
    }

    /// Whose link sets the pace, and what is known of it; nobody's while nobody is connected.
    pub fn pacesetter(&self) -> Option<Pacesetter> {
        lock(&self.pacesetter).clone()
    }

    /// Whether this viewer's link sets the pace.
    pub fn is_pacesetter(&self, viewer: &ViewerId) -> bool {
        let pacesetter = lock(&self.pacesetter);
        let mut pacesetter = pacesetter.iter();
        pacesetter.any(|pacesetter| pacesetter.viewer == *viewer)
    }

    /// Whether it does because this viewer acted last.
    pub fn is_named_pacesetter(&self, viewer: &ViewerId) -> bool {
        let pacesetter = lock(&self.pacesetter);
        let mut pacesetter = pacesetter.iter();
        pacesetter.any(|pacesetter| pacesetter.is_named && pacesetter.viewer == *viewer)
    }

    /// Wakes the encoder if it may go on noticeably earlier than it was told.
    pub fn set_ready_at(&self, ready_at: Instant) {
        let since = ready_at.saturating_duration_since(self.epoch);
        let micros = u64::try_from(since.as_micros()).unwrap_or(u64::MAX);
        let before = self.ready_at.swap(micros, Ordering::AcqRel);
        if before > micros.saturating_add(NOTICEABLE.as_micros() as u64) {
            (self.wake)();
        }
    }

    /// Takes effect with the next frame.
    pub fn set_rate(&self, rate: Bitrate) {
        self.rate.store(rate.as_bps(), Ordering::Release);
    }

    /// The encoder's next frame is a keyframe, even of an unchanged picture.
    pub fn request_keyframe(&self, reason: KeyframeReason) {
        self.keyframe.store(reason as u8, Ordering::Release);
        (self.wake)();
    }

    /// Whoever wanted a keyframe has one by now. Too late if the encoder has taken the request on.
    pub fn withdraw_keyframe(&self) {
        self.keyframe.store(0, Ordering::Release);
    }

    /// Another one, or nobody.
    pub fn set_pacesetter(&self, pacesetter: Option<Pacesetter>) {
        *lock(&self.pacesetter) = pacesetter;
    }

    /// The pacesetter's browser reports.
    pub fn update_feedback(&self, feedback: Feedback) {
        if let Some(pacesetter) = &mut *lock(&self.pacesetter) {
            pacesetter.feedback.update(feedback);
        }
    }
}

impl fmt::Debug for Downlink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Downlink")
            .field("rate", &self.rate())
            .field("ready_at", &self.ready_at())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::AtomicUsize;

    fn downlink() -> (Downlink, Arc<AtomicUsize>) {
        let woken = Arc::new(AtomicUsize::new(0));
        let counted = woken.clone();
        let downlink = Downlink::new(Bitrate::kbps(4000), 50, move || {
            counted.fetch_add(1, Ordering::Relaxed);
        });
        (downlink, woken)
    }

    #[test]
    fn it_is_ready_until_it_is_told_otherwise_and_wakes_who_waits() {
        let (downlink, woken) = downlink();
        let woken = || woken.load(Ordering::Relaxed);
        let now = Instant::now();
        assert_eq!(downlink.wait(now), None);
        let later = now + Duration::from_millis(50);
        downlink.set_ready_at(later);
        let wait = downlink.wait(now).unwrap();
        assert!(wait.abs_diff(Duration::from_millis(50)) < Duration::from_millis(1));
        assert_eq!(downlink.wait(later), None);
        assert_eq!(woken(), 0, "later is no reason to wake");
        downlink.set_ready_at(now);
        assert_eq!((downlink.wait(now), woken()), (None, 1));
    }

    #[test]
    fn every_keyframe_request_wakes_and_is_taken_once_unless_it_is_withdrawn() {
        let (downlink, woken) = downlink();
        for reason in REASONS {
            downlink.request_keyframe(reason);
            assert_eq!(downlink.take_keyframe(), Some(reason));
            assert_eq!(downlink.take_keyframe(), None);
        }
        assert_eq!(woken.load(Ordering::Relaxed), REASONS.len());
        downlink.request_keyframe(KeyframeReason::Joined);
        downlink.withdraw_keyframe();
        assert_eq!(downlink.take_keyframe(), None);
    }

    #[test]
    fn what_is_known_of_a_link_goes_with_its_viewer() {
        let (downlink, _) = downlink();
        let (one, two): (ViewerId, ViewerId) = ("one".parse().unwrap(), "two".parse().unwrap());
        let loss = |loss| Feedback {
            loss: Some(loss),
            ..Feedback::default()
        };
        downlink.update_feedback(loss(0.5));
        assert_eq!(downlink.pacesetter(), None, "nobody sets the pace");
        let pacesetter = |viewer: &ViewerId, is_named| {
            Some(Pacesetter {
                viewer: viewer.clone(),
                is_named,
                feedback: Feedback::default(),
            })
        };
        downlink.set_pacesetter(pacesetter(&one, false));
        downlink.update_feedback(loss(0.5));
        assert!(downlink.is_pacesetter(&one) && !downlink.is_pacesetter(&two));
        assert!(!downlink.is_named_pacesetter(&one), "it is only the first");
        assert_eq!(downlink.pacesetter().unwrap().feedback, loss(0.5));
        downlink.set_pacesetter(pacesetter(&two, true));
        assert!(downlink.is_named_pacesetter(&two));
        assert_eq!(downlink.pacesetter().unwrap().feedback, Feedback::default());
    }
}
