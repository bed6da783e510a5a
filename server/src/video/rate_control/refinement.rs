//! Pure: when a page that has come to rest is encoded again, better each time, until it cannot be told from the original.
//!
//! While a page moves, its link decides how sharp it is. When it rests, the bits that nobody else needs go into what is
//! shown; then there is silence.

use std::time::{Duration, Instant};

use crate::video::rate_control::quantizer::{Qp, REFINEMENT};

/// Nothing changed for this long: the page rests. Longer than two frames of a slow animation.
const QUIET: Duration = Duration::from_millis(70);
/// … and, on a link that takes long for a frame, longer than this many of them: such a page moves as fast as it can.
const FRAMES: u32 = 2;
const LONGEST_QUIET: Duration = Duration::from_millis(500);
/// Between two steps, so that a person who goes on is never behind a row of them.
const BETWEEN: Duration = Duration::from_millis(20);
/// Nothing finer follows.
const EXACT: Qp = REFINEMENT.finest;
/// The first step is one below what a movement has left, which is taken to be this at most.
const COARSE: Qp = REFINEMENT.coarsest;
/// Each step costs about as much as the one before: a large one is over sooner, a small one can be followed by news
/// sooner.
const STEP: Qp = 8;
const SMALLEST_STEP: Qp = 2;
/// A step should be on its way for no longer than this.
const SHORT: Duration = Duration::from_millis(120);
/// A change of no more than this part of the picture's rows is encoded sharply at once, if the page rested before: a
/// letter that was typed, a caret that blinks.
pub const SMALL: f32 = 0.1;

/// How far a page at rest has been refined.
#[derive(Clone, Copy, Debug)]
pub struct Refinement {
    /// How finely all of the picture has been encoded at least; `None` while it moves.
    shown: Option<Qp>,
    /// The last change, or the last step.
    at: Option<Instant>,
    /// The next step is due.
    due_at: Option<Instant>,
    /// Steps get smaller when the link takes long for one.
    step: Qp,
    /// How long nothing changes on a page that rests.
    quiet: Duration,
    /// The last frame was such a step.
    refining: bool,
    /// How coarse a movement has left some of the picture, at most.
    left: Qp,
}

impl Default for Refinement {
    fn default() -> Refinement {
        Refinement {
            shown: None,
            at: None,
            due_at: None,
            step: STEP,
            quiet: QUIET,
            refining: false,
            left: COARSE,
        }
    }
}

impl Refinement {
    /// When the resting picture wants to be encoded again.
    pub fn due_at(&self) -> Option<Instant> {
        self.due_at
    }

    /// With which quantizer to encode at `now`, or (`None`) as the link carries it. `rows` is the changed part of the picture's
    /// rows, 0 to 1; nothing when only the next step is due.
    pub fn choose(&self, rows: Option<f32>, now: Instant) -> Option<Qp> {
        match rows {
            None => {
                let due = self.due_at.is_some_and(|due_at| due_at <= now);
                let shown = self.shown.unwrap_or(self.left.min(COARSE));
                due.then(|| shown.saturating_sub(self.step).clamp(EXACT, 51))
            }
            Some(rows) => {
                let rested = self
                    .at
                    .is_some_and(|at| now.saturating_duration_since(at) >= QUIET);
                (rows <= SMALL && rested && self.shown == Some(EXACT)).then_some(EXACT)
            }
        }
    }

    /// How long nothing changes on a page that rests.
    pub fn quiet(&self) -> Duration {
        self.quiet
    }

    /// While the page moves, others choose.
    pub fn is_moving(&self) -> bool {
        self.shown.is_none()
    }

    /// The page may draw as soon as the link is clear: only then does its silence begin.
    pub fn waits_for_quiet(&self) -> bool {
        !self.refining
    }

    /// All of the picture was encoded anew, with this quantizer.
    pub fn begun(&mut self, qp: Qp, on_the_way: Duration, now: Instant) {
        self.changed(on_the_way, now);
        self.shown = Some(qp);
        self.due_at = self.due_at.filter(|_| qp > EXACT);
    }

    /// A frame of a moving page was encoded with this quantizer.
    pub fn moved(&mut self, qp: Qp, on_the_way: Duration, now: Instant) {
        self.left = self.shown.unwrap_or(self.left).max(qp);
        self.changed(on_the_way, now);
    }

    fn changed(&mut self, on_the_way: Duration, now: Instant) {
        self.at = Some(now);
        self.shown = None;
        self.refining = false;
        self.quiet = (FRAMES * on_the_way).clamp(QUIET, LONGEST_QUIET);
        self.due_at = Some(now + self.quiet);
        if on_the_way > SHORT {
            self.step = SMALLEST_STEP;
        }
    }

    /// The resting picture, or a small change on it, was encoded with this quantizer.
    pub fn refined(&mut self, qp: Qp, on_the_way: Duration, now: Instant) {
        self.at = Some(now);
        self.shown = Some(qp);
        self.refining = true;
        self.due_at = (qp > EXACT).then_some(now + BETWEEN);
        if on_the_way > SHORT {
            self.step = (self.step / 2).max(SMALLEST_STEP);
        } else if on_the_way < SHORT / 4 {
            self.step = (self.step + 1).min(STEP);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MS: Duration = Duration::from_millis(1);

    /// What is encoded after one change, on a link that takes `on_the_way` for each step: when, and how.
    fn rest(on_the_way: Duration) -> Vec<(Duration, Qp)> {
        let start = Instant::now();
        let mut refinement = Refinement::default();
        refinement.moved(COARSE, MS, start);
        let mut steps = Vec::new();
        while let Some(due_at) = refinement.due_at() {
            let now = due_at.max(
                steps
                    .last()
                    .map_or(start, |(at, _)| start + *at + on_the_way),
            );
            let qp = refinement.choose(None, now).unwrap();
            refinement.refined(qp, on_the_way, now);
            steps.push((now - start, qp));
        }
        steps
    }

    #[test]
    fn a_page_at_rest_becomes_sharp_in_half_a_second_and_silent_after_that() {
        let steps = rest(10 * MS);
        assert_eq!(steps.last().unwrap().1, EXACT);
        assert!(steps.last().unwrap().0 < 300 * MS, "{steps:?}");
    }

    #[test]
    fn a_narrow_link_gets_smaller_steps() {
        let (wide, narrow) = (rest(10 * MS), rest(300 * MS));
        assert!(narrow.len() > wide.len(), "{narrow:?}");
        assert_eq!(narrow.last().unwrap().1, EXACT);
    }

    #[test]
    fn what_moved_finely_needs_fewer_steps() {
        let start = Instant::now();
        let mut refinement = Refinement::default();
        refinement.begun(24, MS, start);
        refinement.moved(20, MS, start);
        assert_eq!(refinement.choose(None, start + QUIET), Some(24 - STEP));
        refinement.moved(30, MS, start);
        assert_eq!(refinement.choose(None, start + QUIET), Some(30 - STEP));
    }

    #[test]
    fn a_page_that_moves_as_fast_as_its_link_is_no_page_at_rest() {
        let start = Instant::now();
        let mut refinement = Refinement::default();
        refinement.moved(COARSE, 120 * MS, start);
        assert_eq!(refinement.due_at(), Some(start + 240 * MS));
        refinement.moved(COARSE, 3000 * MS, start);
        assert_eq!(refinement.due_at(), Some(start + LONGEST_QUIET));
    }

    #[test]
    fn a_page_that_moves_is_not_refinemented() {
        let start = Instant::now();
        let mut refinement = Refinement::default();
        for frame in 0..60 {
            let now = start + frame * 16 * MS;
            assert_eq!(refinement.choose(None, now), None);
            assert_eq!(refinement.choose(Some(1.0), now), None);
            refinement.moved(COARSE, MS, now);
        }
    }

    #[test]
    fn a_letter_on_a_sharp_page_is_sharp_at_once_and_an_animation_is_not() {
        let start = Instant::now();
        let mut refinement = Refinement::default();
        refinement.refined(EXACT, MS, start);
        assert_eq!(refinement.choose(Some(0.05), start + 100 * MS), Some(EXACT));
        assert_eq!(refinement.choose(Some(0.5), start + 100 * MS), None);
        assert_eq!(refinement.choose(Some(0.05), start + 16 * MS), None);
    }

    proptest! {
        #[test]
        fn every_rest_ends_sharp_and_silent(on_the_way in 0u64..2000) {
            let start = Instant::now();
            let mut refinement = Refinement::default();
            refinement.moved(COARSE, MS, start);
            let mut frames = 0;
            while let Some(now) = refinement.due_at() {
                let qp = refinement.choose(None, now).unwrap();
                refinement.refined(qp, Duration::from_millis(on_the_way), now);
                frames += 1;
                prop_assert!(frames <= 20);
            }
            prop_assert_eq!(refinement.shown, Some(EXACT));
        }
    }
}
