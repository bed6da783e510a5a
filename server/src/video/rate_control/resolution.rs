//! Pure: how large the encoded picture is: smaller while a page moves that its link cannot carry otherwise, and as large
//! as the page when it rests.

use std::time::{Duration, Instant};

use shared::geometry::VideoSize;

use crate::bitrate::Bitrate;
use crate::video::rate_control::quantizer::Qp;
use crate::video::rate_control::refinement::SMALL;
use crate::video::rate_control::size_model::SizeModel;

/// Fewer frames a second are no motion any more: better small than so slow.
const FEW: f64 = 10.0;
/// A larger picture must promise as many, or it would not stay.
const PLENTY: f64 = 2.0 * FEW;
/// So long it must have been needed. A page that is opened is a few large frames, and no reason.
const NARROW: Duration = Duration::from_secs(1);
/// So long a larger picture must have seemed possible. Twice as long whenever that was wrong.
const PATIENCE: Duration = Duration::from_secs(4);
const MOST_PATIENCE: Duration = Duration::from_secs(64);
/// A page rests when nothing changed for this long. The whole picture costs a keyframe: a pause between two turns of a
/// wheel is not worth it.
pub const REST: Duration = Duration::from_millis(250);

/// Which part of each side of the picture is encoded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum ResolutionStep {
    #[default]
    Full,
    ThreeQuarters,
    Half,
}

impl ResolutionStep {
    const ALL: [ResolutionStep; 3] = [
        ResolutionStep::Full,
        ResolutionStep::ThreeQuarters,
        ResolutionStep::Half,
    ];

    fn quarters(self) -> u16 {
        match self {
            ResolutionStep::Full => 4,
            ResolutionStep::ThreeQuarters => 3,
            ResolutionStep::Half => 2,
        }
    }

    /// The size that a picture of this size is encoded at; `None` if that is too small to be one.
    pub fn of(self, size: VideoSize) -> Option<VideoSize> {
        let side = |side: u16| (u32::from(side) * u32::from(self.quarters()) / 8 * 2) as u16;
        VideoSize::new(side(size.width()), side(size.height())).ok()
    }

    /// How many times as many pixels it has as `other`.
    pub fn pixels_per(self, other: ResolutionStep) -> f64 {
        (f64::from(self.quarters()) / f64::from(other.quarters())).powi(2)
    }
}

/// Frame by frame: [`Resolution::choose`], encode, [`Resolution::encoded`].
#[derive(Clone, Copy, Debug)]
pub struct Resolution {
    /// The smallest that is possible.
    smallest: ResolutionStep,
    shown: ResolutionStep,
    /// What a page is shown at while it moves; remembered while it rests.
    moving: ResolutionStep,
    /// What the next change is shown at.
    next: ResolutionStep,
    /// Of frames at what is shown, and of those when the page last moved.
    sizes: SizeModel,
    moving_sizes: SizeModel,
    changed_at: Option<Instant>,
    narrow_since: Option<Instant>,
    wide_since: Option<Instant>,
    /// When a larger picture was last tried.
    raised_at: Option<Instant>,
    lowered_at: Option<Instant>,
    patience: Duration,
}

impl Resolution {
    /// Of a picture that is `size` when it is whole.
    pub fn new(size: VideoSize) -> Resolution {
        let possible = |step: &ResolutionStep| step.of(size).is_some();
        let smallest = ResolutionStep::ALL.into_iter().rfind(possible);
        Resolution {
            smallest: smallest.unwrap_or_default(),
            shown: ResolutionStep::Full,
            moving: ResolutionStep::Full,
            next: ResolutionStep::Full,
            sizes: SizeModel::of_changes(),
            moving_sizes: SizeModel::of_changes(),
            changed_at: None,
            narrow_since: None,
            wide_since: None,
            raised_at: None,
            lowered_at: None,
            patience: PATIENCE,
        }
    }

    /// What was chosen last.
    pub fn shown(&self) -> ResolutionStep {
        self.shown
    }

    /// What frames take at what is shown.
    pub fn sizes(&self) -> SizeModel {
        self.sizes
    }

    /// From when on nothing new means that the page rests and wants to be seen whole; `None` if it is.
    pub fn rests_at(&self) -> Option<Instant> {
        let is_small = self.shown != ResolutionStep::Full;
        self.changed_at.filter(|_| is_small).map(|at| at + REST)
    }

    /// The page rests.
    pub fn rest(&mut self) {
        self.next = ResolutionStep::Full;
        (self.narrow_since, self.wide_since) = (None, None);
        self.show();
    }

    /// How large to encode a change of this part of the picture's rows, 0 to 1.
    pub fn choose(&mut self, rows: f32, bitrate: Bitrate, now: Instant) -> ResolutionStep {
        let goes_on = self.shown == ResolutionStep::Full && rows > SMALL;
        if goes_on && self.moving != ResolutionStep::Full {
            // It costs a keyframe in any case, so that it may as well be a larger one.
            let waited = self
                .lowered_at
                .is_none_or(|at| now.saturating_duration_since(at) >= self.patience);
            if let (true, Some(larger)) = (waited, self.larger(&self.moving_sizes, bitrate)) {
                self.raise(larger, now);
            }
        }
        // A letter that is typed, a caret that blinks: the whole picture can stay.
        if rows > SMALL || self.shown == self.moving {
            self.next = self.moving;
        }
        self.show();
        self.shown
    }

    /// A frame of the moving page became so many bytes, and was left out.
    pub fn left_out(&mut self, bytes: usize, qp: Qp) {
        self.sizes.encoded(bytes, qp);
    }

    /// A change was encoded, which takes `on_the_way` to be sent; `moved` says, of a moving page, how many bytes it
    /// became with which quantizer.
    pub fn encoded(
        &mut self,
        moved: Option<(usize, Qp)>,
        on_the_way: Duration,
        bitrate: Bitrate,
        now: Instant,
    ) {
        self.changed_at = Some(now);
        let Some((bytes, qp)) = moved else {
            return;
        };
        self.sizes.encoded(bytes, qp);
        if self.shown == self.moving {
            self.moving_sizes = self.sizes;
        }
        let few = self
            .sizes
            .frame_rate(bitrate)
            .is_some_and(|rate| rate < FEW);
        let narrow_since = few.then(|| self.narrow_since.unwrap_or(now));
        self.narrow_since = narrow_since;
        let until = now + on_the_way;
        if narrow_since.is_some_and(|since| until.saturating_duration_since(since) >= NARROW) {
            self.lower(bitrate, now);
            return;
        }
        let larger = self
            .larger(&self.sizes, bitrate)
            .filter(|_| self.shown == self.moving);
        self.wide_since = larger.map(|_| self.wide_since.unwrap_or(now));
        let waited = self
            .wide_since
            .is_some_and(|since| now.saturating_duration_since(since) >= self.patience);
        if let (true, Some(larger)) = (waited, larger) {
            self.raise(larger, now);
        }
    }

    /// The largest picture above that of the moving page that promises plenty of frames.
    fn larger(&self, sizes: &SizeModel, bitrate: Bitrate) -> Option<ResolutionStep> {
        let rate = sizes.frame_rate(bitrate)?;
        let promises = |step: &ResolutionStep| rate / step.pixels_per(self.moving) >= PLENTY;
        let larger = ResolutionStep::ALL
            .into_iter()
            .filter(|step| *step < self.moving);
        larger.into_iter().find(promises)
    }

    fn raise(&mut self, larger: ResolutionStep, now: Instant) {
        (self.moving, self.next) = (larger, larger);
        (self.narrow_since, self.wide_since) = (None, None);
        self.raised_at = Some(now);
    }

    fn lower(&mut self, bitrate: Bitrate, now: Instant) {
        let rate = self.sizes.frame_rate(bitrate).unwrap_or_default();
        let promises = |step: &ResolutionStep| rate / step.pixels_per(self.shown) >= FEW;
        let mut smaller = ResolutionStep::ALL
            .into_iter()
            .filter(|step| *step > self.shown && *step <= self.smallest);
        let Some(first) = smaller.clone().next() else {
            return;
        };
        let enough = smaller.find(promises).unwrap_or(self.smallest);
        // The whole picture was tried while the page rested: what it moves at is known.
        self.moving = self.moving.max(first).max(enough);
        self.next = self.moving;
        (self.narrow_since, self.wide_since) = (None, None);
        // It was tried too soon.
        let tried = |at: Instant| now.saturating_duration_since(at) < 4 * self.patience;
        self.patience = match self.raised_at.take().is_some_and(tried) {
            true => (2 * self.patience).min(MOST_PATIENCE),
            false => PATIENCE,
        };
        self.lowered_at = Some(now);
    }

    fn show(&mut self) {
        if self.shown != self.next {
            self.shown = self.next;
            self.sizes = SizeModel::of_changes();
            self.narrow_since = None;
        }
    }
}

#[cfg(test)]
#[path = "resolution/tests.rs"]
mod tests;
