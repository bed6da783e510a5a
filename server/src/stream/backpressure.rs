//! Hub → encoder and display: when the way to a session's leading viewer can take the next frame.
//!
//! A frame that waits in the pacer only gets older, and the one after it waits behind it. So whoever makes frames waits
//! for the gate first, and then takes the newest picture: nothing has to be dropped after the encoder.
//!
//! Several viewers, one encoder: the session follows the link of its leader, who gave input last. Another viewer whose
//! frames would wait longer than 300 ms skips to the next keyframe, and such keyframes are made at most every two
//! seconds; so a slow viewer never slows the others.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Shared between the hub, which writes it, and those who wait.
pub struct Backpressure {
    epoch: Instant,
    /// Microseconds since `epoch`.
    clear_at: AtomicU64,
    wake: Box<dyn Fn() + Send + Sync>,
}

/// Less is no news to somebody who waits.
const NOTICEABLE: Duration = Duration::from_millis(1);

impl Backpressure {
    /// Open. `wake` is called by the hub's thread when the gate opens earlier than was said; it must not block.
    pub fn new(wake: impl Fn() + Send + Sync + 'static) -> Backpressure {
        Backpressure {
            epoch: Instant::now(),
            clear_at: AtomicU64::new(0),
            wake: Box::new(wake),
        }
    }

    /// From when on a frame would leave at once; in the past if it would now. May become earlier or later meanwhile.
    pub fn clear_at(&self) -> Instant {
        self.epoch + Duration::from_micros(self.clear_at.load(Ordering::Acquire))
    }

    /// How long to wait from `now` on, if at all.
    pub fn wait(&self, now: Instant) -> Option<Duration> {
        let wait = self.clear_at().saturating_duration_since(now);
        (!wait.is_zero()).then_some(wait)
    }

    pub(crate) fn set(&self, clear_at: Instant) {
        let since = clear_at.saturating_duration_since(self.epoch);
        let micros = u64::try_from(since.as_micros()).unwrap_or(u64::MAX);
        let before = self.clear_at.swap(micros, Ordering::AcqRel);
        if before > micros + NOTICEABLE.as_micros() as u64 {
            (self.wake)();
        }
    }
}

impl fmt::Debug for Backpressure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Backpressure")
            .field(&self.clear_at())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::AtomicUsize;

    #[test]
    fn a_gate_is_open_until_it_is_told_otherwise_and_wakes_who_waits() {
        let woken = Arc::new(AtomicUsize::new(0));
        let gate = Backpressure::new({
            let woken = woken.clone();
            move || {
                woken.fetch_add(1, Ordering::Relaxed);
            }
        });
        let now = Instant::now();
        assert_eq!(gate.wait(now), None);
        let later = now + Duration::from_millis(50);
        gate.set(later);
        let wait = gate.wait(now).unwrap();
        assert!(wait.abs_diff(Duration::from_millis(50)) < Duration::from_millis(1));
        assert_eq!(gate.wait(later), None);
        assert_eq!(
            woken.load(Ordering::Relaxed),
            0,
            "later is no reason to wake"
        );
        gate.set(now);
        assert_eq!((gate.wait(now), woken.load(Ordering::Relaxed)), (None, 1));
    }
}
