//! Picture → encoder: one place, the newest wins. The only spot on a frame's way that drops.

use std::ops::Range;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use shared::geometry::VideoSize;

use crate::latency_trace::PresentedInput;
use crate::picture::I420;

/// The picture as Chrome last drew it, and which rows the encoder has not seen yet.
pub struct Mailbox {
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    canvas: I420,
    fresh: Option<Fresh>,
    nudged: bool,
    /// As `nudged`, for whoever rests.
    roused: bool,
    closed: bool,
}

struct Fresh {
    /// Even at both ends.
    rows: Range<usize>,
    drawn_at: Instant,
    convert: Duration,
    /// Pictures merged into this one before the encoder came for it.
    replaced: u32,
    /// Inputs that this one shows, and those it was merged with.
    marks: Vec<PresentedInput>,
}

/// What drawing a picture did.
pub struct Drawn {
    /// Rows that changed, even at both ends; empty means nothing changed.
    pub rows: Range<usize>,
    /// Inputs that the picture shows.
    pub marks: Vec<PresentedInput>,
}

impl From<Range<usize>> for Drawn {
    fn from(rows: Range<usize>) -> Drawn {
        Drawn {
            rows,
            marks: Vec::new(),
        }
    }
}

/// Inputs whose picture waits for the encoder: more only wait for one that hangs.
const MOST_MARKS: usize = 64;

/// What the encoder took.
#[derive(Clone, Debug)]
pub struct Taken {
    /// When Chrome committed the newest of it.
    pub drawn_at: Instant,
    /// What it cost to compose and convert it.
    pub convert: Duration,
    /// How many pictures Chrome drew that this one stands for as well.
    pub replaced: u32,
    /// The rows that may have changed.
    pub rows: Range<usize>,
    /// Inputs that it shows.
    pub marks: Vec<PresentedInput>,
}

/// Why [`Mailbox::wait`] came back.
#[derive(Clone, Debug)]
pub enum Wake {
    /// The rows that changed have been copied.
    Picture(Taken),
    /// Nothing changed, but somebody called [`Mailbox::nudge`] or the deadline passed.
    Nudge,
    /// No more pictures will come.
    Closed,
}

impl Mailbox {
    pub fn new(size: VideoSize) -> Arc<Mailbox> {
        Arc::new(Mailbox {
            state: Mutex::new(State {
                canvas: I420::black(size),
                fresh: None,
                nudged: false,
                roused: false,
                closed: false,
            }),
            changed: Condvar::new(),
        })
    }

    /// `draw` changes the canvas and says which rows it touched, and which inputs that shows.
    pub fn publish<D: Into<Drawn>>(&self, drawn_at: Instant, draw: impl FnOnce(&mut I420) -> D) {
        let mut state = self.lock();
        let began = Instant::now();
        let Drawn { rows, marks } = draw(&mut state.canvas).into();
        if rows.is_empty() {
            return;
        }
        let convert = began.elapsed();
        state.fresh = Some(match state.fresh.take() {
            None => Fresh {
                rows,
                drawn_at,
                convert,
                replaced: 0,
                marks,
            },
            Some(older) => Fresh {
                rows: older.rows.start.min(rows.start)..older.rows.end.max(rows.end),
                drawn_at,
                convert,
                replaced: older.replaced + 1,
                marks: merged(older.marks, marks),
            },
        });
        drop(state);
        self.changed.notify_one();
    }

    /// Wakes the encoder although nothing changed, for example for a keyframe.
    pub fn nudge(&self) {
        let mut state = self.lock();
        (state.nudged, state.roused) = (true, true);
        drop(state);
        self.changed.notify_one();
    }

    /// No more pictures: the encoder's wait ends for good.
    pub fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_all();
    }

    /// Blocks for `time` at most while pictures replace each other; comes back early after a [`Mailbox::nudge`], which
    /// [`Mailbox::wait`] still finds. `false` once it is closed.
    pub fn rest(&self, time: Duration) -> bool {
        self.rest_while(time, |_| true)
    }

    /// As [`Mailbox::rest`], but a picture that shows an input ends it as well.
    pub fn rest_until_answer(&self, time: Duration) -> bool {
        self.rest_while(time, |state| {
            let fresh = state.fresh.as_ref();
            fresh.is_none_or(|fresh| fresh.marks.is_empty())
        })
    }

    fn rest_while(&self, time: Duration, may_rest: impl Fn(&State) -> bool) -> bool {
        let resting = |state: &mut State| {
            !state.closed && may_rest(state) && !std::mem::take(&mut state.roused)
        };
        let rested = self
            .changed
            .wait_timeout_while(self.lock(), time, resting)
            .unwrap_or_else(PoisonError::into_inner);
        !rested.0.closed
    }

    /// Blocks until there is something to encode; brings `into` up to date. One encoder calls this, and keeps `into`
    /// from call to call.
    pub fn wait(&self, into: &mut I420) -> Wake {
        self.wait_until(into, None)
    }

    /// As [`Mailbox::wait`], but comes back as if nudged when `deadline` passes: the encoder promised something by then.
    pub fn wait_until(&self, into: &mut I420, deadline: Option<Instant>) -> Wake {
        let mut state = self.lock();
        loop {
            if state.closed {
                return Wake::Closed;
            }
            if let Some(fresh) = state.fresh.take() {
                // Whoever nudged gets this picture.
                state.nudged = false;
                let rows = fresh.rows;
                into.copy_rows(&state.canvas, rows.clone());
                return Wake::Picture(Taken {
                    rows,
                    drawn_at: fresh.drawn_at,
                    convert: fresh.convert,
                    replaced: fresh.replaced,
                    marks: fresh.marks,
                });
            }
            if std::mem::take(&mut state.nudged) {
                return Wake::Nudge;
            }
            state = match deadline.map(|at| at.saturating_duration_since(Instant::now())) {
                None => self
                    .changed
                    .wait(state)
                    .unwrap_or_else(PoisonError::into_inner),
                Some(Duration::ZERO) => return Wake::Nudge,
                Some(left) => {
                    self.changed
                        .wait_timeout(state, left)
                        .unwrap_or_else(PoisonError::into_inner)
                        .0
                }
            };
        }
    }

    /// A panic while drawing leaves pixels half drawn, nothing worse: the next picture mends them.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An input of a picture that was replaced is shown by the newer one.
pub fn merged(mut older: Vec<PresentedInput>, newer: Vec<PresentedInput>) -> Vec<PresentedInput> {
    let room = MOST_MARKS.saturating_sub(older.len());
    older.extend(newer.into_iter().take(room));
    older
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paint(latest: &Mailbox, rows: Range<usize>, luma: u8) {
        latest.publish(Instant::now(), |canvas| {
            let stride = canvas.stride();
            canvas.planes_mut().0[rows.start * stride..rows.end * stride].fill(luma);
            rows
        });
    }

    #[test]
    fn the_newest_picture_wins_and_no_changed_row_is_forgotten() {
        let latest = Mailbox::new(VideoSize::HD);
        let mut seen = I420::black(VideoSize::HD);
        paint(&latest, 0..2, 50);
        paint(&latest, 100..102, 60);
        let Wake::Picture(taken) = latest.wait(&mut seen) else {
            panic!("two pictures wait");
        };
        assert_eq!(taken.replaced, 1);
        assert_eq!((seen.y()[0], seen.y()[100 * seen.stride()]), (50, 60));
    }

    #[test]
    fn a_nudge_and_a_close_end_the_wait() {
        let latest = Mailbox::new(VideoSize::HD);
        let mut seen = I420::black(VideoSize::HD);
        latest.nudge();
        assert!(matches!(latest.wait(&mut seen), Wake::Nudge));
        let closer = latest.clone();
        let thread = std::thread::spawn(move || closer.close());
        assert!(matches!(latest.wait(&mut seen), Wake::Closed));
        thread.join().unwrap();
    }

    #[test]
    fn a_deadline_ends_the_wait_like_a_nudge() {
        let latest = Mailbox::new(VideoSize::HD);
        let mut seen = I420::black(VideoSize::HD);
        let soon = Instant::now() + Duration::from_millis(2);
        assert!(matches!(
            latest.wait_until(&mut seen, Some(soon)),
            Wake::Nudge
        ));
        assert!(Instant::now() >= soon);
    }

    #[test]
    fn who_rests_is_roused_by_a_nudge_and_not_by_pictures() {
        let latest = Mailbox::new(VideoSize::HD);
        let mut seen = I420::black(VideoSize::HD);
        latest.nudge();
        let hour = Duration::from_secs(3600);
        assert!(latest.rest(hour), "the nudge ends the rest");
        assert!(matches!(latest.wait(&mut seen), Wake::Nudge));
        paint(&latest, 0..2, 50);
        let began = Instant::now();
        assert!(latest.rest(Duration::from_millis(5)));
        assert!(began.elapsed() >= Duration::from_millis(5));
        latest.close();
        assert!(!latest.rest(hour));
    }

    #[test]
    fn drawing_nothing_wakes_nobody() {
        let latest = Mailbox::new(VideoSize::HD);
        let mut seen = I420::black(VideoSize::HD);
        latest.publish(Instant::now(), |_| 0..0);
        latest.nudge();
        assert!(matches!(latest.wait(&mut seen), Wake::Nudge));
    }
}
