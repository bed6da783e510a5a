//! Picture → encoder: one place, where the newest picture wins.

use std::ops::Range;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use shared::geometry::Geometry;

use crate::latency_trace::PresentedInput;
use crate::picture::I420;
use crate::sync::lock;

/// The picture as Chrome last drew it, and what of it the encoder has not seen yet.
#[derive(Default)]
pub struct Mailbox {
    /// A panic while drawing leaves pixels half drawn, nothing worse: the next picture mends them.
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// `None` before the first picture.
    canvas: Option<Canvas>,
    /// What the encoder has not taken yet.
    update: Option<Update>,
    notice: Notice,
}

struct Canvas {
    geometry: Geometry,
    picture: I420,
}

/// What the encoder is to know besides pictures.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Notice {
    #[default]
    None,
    /// [`Mailbox::notify`] was called: neither a pause nor a wait has come back since.
    Notified,
    /// A pause has come back for it, and a wait will.
    PauseEnded,
    /// No more pictures.
    Closed,
}

/// What drawing a picture did.
pub struct Drawn {
    /// Rows that changed, even at both ends; empty means nothing changed.
    pub rows: Range<usize>,
    /// Inputs that the picture shows.
    pub inputs: Vec<PresentedInput>,
}

impl From<Range<usize>> for Drawn {
    fn from(rows: Range<usize>) -> Drawn {
        Drawn {
            rows,
            inputs: Vec::new(),
        }
    }
}

/// Inputs whose picture waits for the encoder: more only wait for one that hangs.
const MOST_INPUTS: usize = 64;

/// A picture that was drawn, or several that became one before the encoder came for them.
#[derive(Clone, Debug)]
pub struct Update {
    /// Of the newest.
    pub geometry: Geometry,
    /// When Chrome committed the newest of it.
    pub drawn_at: Instant,
    /// What it cost to compose and convert it.
    pub convert: Duration,
    /// How many pictures Chrome drew that this one stands for as well.
    pub replaced: u32,
    /// The rows that may have changed, even at both ends.
    pub rows: Range<usize>,
    /// Inputs that it shows.
    pub inputs: Vec<PresentedInput>,
}

impl Update {
    /// This one, together with an older one that no viewer was sent.
    pub fn merged_with(self, older: Option<Update>) -> Update {
        let Some(mut older) = older else {
            return self;
        };
        // Nothing is left of a picture of another geometry, and all of this one is new.
        let rows = match older.geometry == self.geometry {
            true => older.rows.start.min(self.rows.start)..older.rows.end.max(self.rows.end),
            false => self.rows,
        };
        let room = MOST_INPUTS.saturating_sub(older.inputs.len());
        older.inputs.extend(self.inputs.into_iter().take(room));
        Update {
            rows,
            replaced: self.replaced + older.replaced + 1,
            inputs: older.inputs,
            ..self
        }
    }
}

/// Why [`Mailbox::wait`] came back.
#[derive(Clone, Debug)]
pub enum Wake {
    /// The rows that changed have been copied.
    Picture(Update),
    /// Nothing changed, but somebody called [`Mailbox::notify`] or the deadline passed.
    Notified,
    /// No more pictures will come.
    Closed,
}

impl Mailbox {
    /// Empty.
    pub fn new() -> Arc<Mailbox> {
        Arc::default()
    }

    /// `draw` changes the canvas and says which rows it touched, and which inputs that shows. The first canvas, and each of
    /// another geometry than the one before, is black, and new from top to bottom.
    pub fn publish<D: Into<Drawn>>(
        &self,
        geometry: Geometry,
        drawn_at: Instant,
        draw: impl FnOnce(&mut I420) -> D,
    ) {
        let mut guard = lock(&self.state);
        let state = &mut *guard;
        let began = Instant::now();
        let is_new = !matches!(&state.canvas, Some(canvas) if canvas.geometry == geometry);
        if is_new {
            state.canvas = None;
        }
        let canvas = state.canvas.get_or_insert_with(|| Canvas {
            geometry,
            picture: I420::black(geometry.video),
        });
        let Drawn { rows, inputs } = draw(&mut canvas.picture).into();
        let height = geometry.video.usize().1;
        let rows = if is_new { 0..height } else { rows };
        if rows.is_empty() {
            return;
        }
        let update = Update {
            geometry,
            drawn_at,
            convert: began.elapsed(),
            replaced: 0,
            rows,
            inputs,
        };
        let older = state.update.take();
        state.update = Some(update.merged_with(older));
        drop(guard);
        self.changed.notify_one();
    }

    /// A copy of the picture as Chrome last drew it.
    pub fn copy(&self) -> Option<I420> {
        let state = lock(&self.state);
        state.canvas.as_ref().map(|canvas| canvas.picture.clone())
    }

    /// Wakes the encoder although nothing changed, for example for a keyframe.
    pub fn notify(&self) {
        let mut state = lock(&self.state);
        if state.notice != Notice::Closed {
            state.notice = Notice::Notified;
        }
        drop(state);
        self.changed.notify_one();
    }

    /// No more pictures: the encoder's wait ends for good.
    pub fn close(&self) {
        lock(&self.state).notice = Notice::Closed;
        self.changed.notify_all();
    }

    /// Blocks for `time` at most while pictures replace each other; comes back early after a [`Mailbox::notify`], which
    /// [`Mailbox::wait`] still finds. `false` once it is closed.
    pub fn pause(&self, time: Duration) -> bool {
        self.pause_while(time, |_| true)
    }

    /// As [`Mailbox::pause`], but a picture that shows an input ends it as well.
    pub fn pause_until_input(&self, time: Duration) -> bool {
        self.pause_while(time, |update| update.inputs.is_empty())
    }

    fn pause_while(&self, time: Duration, may_wait: impl Fn(&Update) -> bool) -> bool {
        let pauses = |state: &mut State| match state.notice {
            Notice::Closed => false,
            Notice::Notified => {
                state.notice = Notice::PauseEnded;
                false
            }
            Notice::None | Notice::PauseEnded => state.update.as_ref().is_none_or(&may_wait),
        };
        let (state, _) = self
            .changed
            .wait_timeout_while(lock(&self.state), time, pauses)
            .unwrap_or_else(PoisonError::into_inner);
        state.notice != Notice::Closed
    }

    /// Blocks until there is something to encode, or until `deadline`; brings `into` up to date, also in size. One encoder
    /// calls this, and keeps `into` from call to call.
    pub fn wait(&self, into: &mut Option<I420>, deadline: Option<Instant>) -> Wake {
        let mut state = lock(&self.state);
        loop {
            if state.notice == Notice::Closed {
                return Wake::Closed;
            }
            if let Some(update) = state.update.take() {
                // Whoever notified gets this picture.
                state.notice = Notice::None;
                if let Some(Canvas { picture, .. }) = &state.canvas {
                    match into {
                        Some(into) if into.size() == picture.size() => {
                            into.copy_rows(picture, update.rows.clone());
                        }
                        _ => *into = Some(picture.clone()),
                    }
                }
                return Wake::Picture(update);
            }
            if state.notice != Notice::None {
                state.notice = Notice::None;
                return Wake::Notified;
            }
            state = match deadline.map(|at| at.saturating_duration_since(Instant::now())) {
                None => self
                    .changed
                    .wait(state)
                    .unwrap_or_else(PoisonError::into_inner),
                Some(Duration::ZERO) => return Wake::Notified,
                Some(left) => {
                    self.changed
                        .wait_timeout(state, left)
                        .unwrap_or_else(PoisonError::into_inner)
                        .0
                }
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::geometry::VideoSize;

    fn geometry(video: VideoSize, epoch: u16) -> Geometry {
        Geometry {
            epoch,
            ..Geometry::unscaled(video)
        }
    }

    fn paint(mailbox: &Mailbox, rows: Range<usize>, luma: u8) {
        mailbox.publish(geometry(VideoSize::HD, 0), Instant::now(), |canvas| {
            let stride = canvas.stride();
            canvas.planes_mut().0[rows.start * stride..rows.end * stride].fill(luma);
            rows
        });
    }

    #[test]
    fn the_newest_picture_wins_and_no_changed_row_is_forgotten() {
        let mailbox = Mailbox::new();
        let mut seen = None;
        paint(&mailbox, 0..2, 50);
        paint(&mailbox, 100..102, 60);
        let Wake::Picture(taken) = mailbox.wait(&mut seen, None) else {
            panic!("two pictures wait");
        };
        assert_eq!(taken.replaced, 1);
        let seen = seen.unwrap();
        assert_eq!((seen.y()[0], seen.y()[100 * seen.stride()]), (50, 60));
    }

    #[test]
    fn a_notification_and_a_close_end_the_wait() {
        let mailbox = Mailbox::new();
        let mut seen = None;
        mailbox.notify();
        assert!(matches!(mailbox.wait(&mut seen, None), Wake::Notified));
        let closer = mailbox.clone();
        let thread = std::thread::spawn(move || closer.close());
        assert!(matches!(mailbox.wait(&mut seen, None), Wake::Closed));
        thread.join().unwrap();
    }

    #[test]
    fn a_deadline_ends_the_wait_like_a_notification() {
        let mailbox = Mailbox::new();
        let mut seen = None;
        let soon = Instant::now() + Duration::from_millis(2);
        assert!(matches!(
            mailbox.wait(&mut seen, Some(soon)),
            Wake::Notified
        ));
        assert!(Instant::now() >= soon);
    }

    #[test]
    fn a_pause_ends_with_a_notification_and_not_with_pictures() {
        let mailbox = Mailbox::new();
        let mut seen = None;
        mailbox.notify();
        let hour = Duration::from_secs(3600);
        assert!(mailbox.pause(hour), "the notification ends the pause");
        assert!(matches!(mailbox.wait(&mut seen, None), Wake::Notified));
        paint(&mailbox, 0..2, 50);
        let began = Instant::now();
        assert!(mailbox.pause(Duration::from_millis(5)));
        assert!(began.elapsed() >= Duration::from_millis(5));
        mailbox.close();
        assert!(!mailbox.pause(hour));
    }

    #[test]
    fn drawing_nothing_wakes_nobody() {
        let mailbox = Mailbox::new();
        let mut seen = None;
        paint(&mailbox, 0..2, 50);
        assert!(matches!(mailbox.wait(&mut seen, None), Wake::Picture(_)));
        mailbox.publish(geometry(VideoSize::HD, 0), Instant::now(), |_| 0..0);
        mailbox.notify();
        assert!(matches!(mailbox.wait(&mut seen, None), Wake::Notified));
    }

    #[test]
    fn a_picture_of_another_size_is_new_from_top_to_bottom_and_replaces_the_one_before() {
        let mailbox = Mailbox::new();
        let mut seen = None;
        paint(&mailbox, 0..720, 50);
        assert!(matches!(mailbox.wait(&mut seen, None), Wake::Picture(_)));
        paint(&mailbox, 700..702, 60);
        let small = geometry(VideoSize::new(640, 480).unwrap(), 1);
        mailbox.publish(small, Instant::now(), |canvas| {
            canvas.planes_mut().0[0] = 70;
            0..2
        });
        let Wake::Picture(update) = mailbox.wait(&mut seen, None) else {
            panic!("a picture waits");
        };
        assert_eq!((update.geometry, update.rows), (small, 0..480));
        assert_eq!(update.replaced, 1);
        let seen = seen.unwrap();
        assert_eq!(seen.size(), small.video);
        assert_eq!((seen.y()[0], seen.y()[1]), (70, 16));
    }

    #[test]
    fn a_page_of_another_scale_is_a_new_picture_though_it_is_as_large() {
        let mailbox = Mailbox::new();
        let mut seen = None;
        paint(&mailbox, 0..720, 50);
        assert!(matches!(mailbox.wait(&mut seen, None), Wake::Picture(_)));
        let scaled = geometry(VideoSize::HD, 1);
        mailbox.publish(scaled, Instant::now(), |_| 0..2);
        let Wake::Picture(update) = mailbox.wait(&mut seen, None) else {
            panic!("a picture waits");
        };
        assert_eq!((update.geometry, update.rows), (scaled, 0..720));
        assert!(seen.unwrap().y().iter().all(|luma| *luma == 16));
    }
}
