//! Pure: which commit of Chrome answers which input.
//!
//! Nothing in Wayland says so. What is known: a commit can show an input only if it comes after Chrome was told, and if
//! Chrome had not begun to draw it before. On a still page that is the first commit. While a page draws all the time
//! Chrome begins a frame on one tick of its clock and commits it after another ([`frame_clock`](super::frame_clock)): the first commit
//! counts if it leaves time for that, else the second. Chrome itself changes now and then how many frames it has under
//! way, so there a trace may be one frame off, and says so.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::latency_trace::{InputTrace, PresentedInput};
use crate::picture::{damage::Damage, rect::Rect};

/// Inputs that wait for a commit, and what is known of the page's pace.
#[derive(Debug)]
pub struct InputAttribution {
    /// A page whose frames are closer than this together is not held back.
    as_it_can: Duration,
    waiting: Vec<Waiting>,
    /// Oldest first, no older than [`RECENT`] and no more than [`MOST_RECENT`].
    commits: VecDeque<Instant>,
    inputs: VecDeque<Instant>,
}

#[derive(Debug)]
struct Waiting {
    trace: InputTrace,
    /// `None` until the display has written to Chrome.
    seated_at: Option<Instant>,
    /// The page moved by itself: Chrome may have begun the next commit before it was told.
    was_moving: bool,
    /// A commit that was perhaps begun too early has been taken for the answer.
    presented_at: Option<Instant>,
}

/// An input without an answer by then has changed nothing.
const PATIENCE: Duration = Duration::from_millis(500);
/// Chrome needs 6 ms to answer on a still page. An input that often changes nothing, and has not after this time, is
/// forgotten when another one follows: what comes then is the other's answer.
const TENTATIVE: Duration = Duration::from_millis(40);
/// While a page draws, its frames are closer than this together, also at the lowest frame rate.
const FOLLOWS: Duration = Duration::from_millis(100);
/// Frame intervals between frames of a page that is held back.
const HELD_BACK: f64 = 1.5;
/// More commits in this time than inputs that could have caused them: the page moves by itself.
const RECENT: Duration = Duration::from_millis(300);
/// A third of a second at 90 frames a second.
const MOST_RECENT: usize = 32;
/// More inputs than this in half a second are not measured.
const MOST_WAITING: usize = 32;
/// A caret is not wider, and blinks for nobody.
const CARET_WIDTH: usize = 2;
const CARET_HEIGHT: usize = 120;

impl InputAttribution {
    /// For pictures that come so often a second, at most.
    pub fn new(frame_rate: u32) -> InputAttribution {
        let interval = Duration::from_secs(1) / frame_rate.max(1);
        InputAttribution {
            as_it_can: interval.mul_f64(HELD_BACK).min(FOLLOWS),
            waiting: Vec::new(),
            commits: VecDeque::new(),
            inputs: VecDeque::new(),
        }
    }

    /// The seat has queued an input for Chrome.
    pub fn expect(&mut self, trace: InputTrace, now: Instant) {
        self.forget_old(now);
        // Two events of one act (a click's down and up, sent together) are shown by one commit.
        self.waiting.retain(|older| {
            let waited = older
                .seated_at
                .map_or(Duration::ZERO, |at| now.saturating_duration_since(at));
            !(older.trace.tentative && older.presented_at.is_none() && waited >= TENTATIVE)
        });
        if self.waiting.len() < MOST_WAITING {
            self.waiting.push(Waiting {
                trace,
                seated_at: None,
                was_moving: false,
                presented_at: None,
            });
        }
    }

    /// Everything queued has been written to Chrome.
    pub fn flushed(&mut self, now: Instant) {
        if self
            .waiting
            .iter()
            .all(|waiting| waiting.seated_at.is_some())
        {
            return;
        }
        forget_before(&mut self.commits, now);
        forget_before(&mut self.inputs, now);
        let was_moving = self.commits.len() > self.inputs.len() + 1;
        for waiting in &mut self.waiting {
            if waiting.seated_at.is_none() {
                waiting.seated_at = Some(now);
                waiting.was_moving = was_moving;
                remember(&mut self.inputs, now);
            }
        }
    }

    /// A commit has changed the picture: the inputs that it shows. On a page that draws all the time Chrome began it
    /// `begun_before`, as far as its ticks tell.
    pub fn committed(
        &mut self,
        damage: &Damage,
        begun_before: Duration,
        now: Instant,
    ) -> Vec<PresentedInput> {
        if damage.rects().iter().all(is_caret) {
            return Vec::new();
        }
        let before = self.commits.back().copied();
        remember(&mut self.commits, now);
        if self.waiting.is_empty() {
            return Vec::new();
        }
        self.forget_old(now);
        // A page that is let draw more rarely begins its frames earlier.
        let gap = before.map(|before| now.saturating_duration_since(before));
        let held_back = gap.filter(|gap| (self.as_it_can..FOLLOWS).contains(gap));
        let begun_before = held_back.map_or(begun_before, |gap| begun_before.max(gap * 9 / 10));
        let mut presented = Vec::new();
        self.waiting.retain_mut(|waiting| {
            let Some(seated_at) = waiting.seated_at else {
                return true;
            };
            presented.push(PresentedInput {
                trace: waiting.trace.clone(),
                seated_at,
                drawn_at: now,
                exact: !waiting.was_moving,
            });
            // Perhaps too early: the next commit is looked at as well.
            let begun_early = now.saturating_duration_since(seated_at) < begun_before;
            let again = waiting.was_moving && begun_early && waiting.presented_at.is_none();
            waiting.presented_at = Some(now);
            again
        });
        presented
    }

    fn forget_old(&mut self, now: Instant) {
        self.waiting.retain(|waiting| {
            let since = |at: Option<Instant>| at.map(|at| now.saturating_duration_since(at));
            match since(waiting.presented_at) {
                Some(age) => age < FOLLOWS,
                None => since(waiting.seated_at).is_none_or(|age| age < PATIENCE),
            }
        });
    }
}

fn remember(times: &mut VecDeque<Instant>, now: Instant) {
    if times.len() == MOST_RECENT {
        times.pop_front();
    }
    times.push_back(now);
}

fn forget_before(times: &mut VecDeque<Instant>, now: Instant) {
    let is_old = |at: &Instant| now.saturating_duration_since(*at) > RECENT;
    while times.front().is_some_and(is_old) {
        times.pop_front();
    }
}

fn is_caret(rect: &Rect) -> bool {
    rect.width() <= CARET_WIDTH && rect.height() <= CARET_HEIGHT
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::latency_trace::tests::trace;
    use proptest::prelude::*;

    const MS: Duration = Duration::from_millis(1);
    const BEGUN_BEFORE: Duration = Duration::from_millis(15);

    fn damage() -> Damage {
        let mut damage = Damage::default();
        damage.add(Rect::new(10, 10, 30, 22));
        damage
    }

    fn inputs(presented: &[PresentedInput]) -> Vec<u32> {
        presented
            .iter()
            .map(|presented| presented.trace.input.0)
            .collect()
    }

    fn press(attribution: &mut InputAttribution, input: u32, tentative: bool, now: Instant) {
        let trace = InputTrace {
            tentative,
            ..trace(input, now)
        };
        attribution.expect(trace, now);
        attribution.flushed(now);
    }

    #[test]
    fn on_a_still_page_the_first_commit_answers() {
        let start = Instant::now();
        let mut attribution = InputAttribution::new(60);
        press(&mut attribution, 1, false, start);
        let presented = attribution.committed(&damage(), BEGUN_BEFORE, start + 6 * MS);
        assert_eq!(inputs(&presented), [1]);
        assert_eq!(
            (presented[0].seated_at, presented[0].drawn_at),
            (start, start + 6 * MS)
        );
        assert!(
            attribution
                .committed(&damage(), BEGUN_BEFORE, start + 9 * MS)
                .is_empty()
        );
    }

    #[test]
    fn what_was_not_written_to_chrome_is_not_answered() {
        let start = Instant::now();
        let mut attribution = InputAttribution::new(60);
        attribution.expect(trace(1, start), start);
        assert!(
            attribution
                .committed(&damage(), BEGUN_BEFORE, start)
                .is_empty()
        );
        attribution.flushed(start);
        assert_eq!(
            inputs(&attribution.committed(&damage(), BEGUN_BEFORE, start + MS)),
            [1]
        );
    }

    /// A page that moves by itself for a while; gives when it last did.
    fn moving(attribution: &mut InputAttribution, start: Instant) -> Instant {
        for frame in 0..20 {
            attribution.committed(&damage(), BEGUN_BEFORE, start + 16 * MS * frame);
        }
        start + 16 * MS * 19
    }

    #[test]
    fn on_a_page_that_never_rests_the_second_commit_answers_unless_the_first_is_late() {
        let mut attribution = InputAttribution::new(60);
        let start = moving(&mut attribution, Instant::now());
        press(&mut attribution, 1, false, start + 12 * MS);
        // Told twice, and the second replaces the first.
        assert_eq!(
            inputs(&attribution.committed(&damage(), BEGUN_BEFORE, start + 16 * MS)),
            [1]
        );
        assert_eq!(
            inputs(&attribution.committed(&damage(), BEGUN_BEFORE, start + 32 * MS)),
            [1]
        );
        assert!(
            attribution
                .committed(&damage(), BEGUN_BEFORE, start + 48 * MS)
                .is_empty()
        );
        press(&mut attribution, 2, false, start + 49 * MS);
        let late = attribution.committed(&damage(), BEGUN_BEFORE, start + 65 * MS);
        assert_eq!(inputs(&late), [2]);
        assert!(!late[0].exact);
        assert!(
            attribution
                .committed(&damage(), BEGUN_BEFORE, start + 81 * MS)
                .is_empty()
        );
    }

    #[test]
    fn a_page_that_comes_to_rest_was_answered_by_its_first_commit() {
        let mut attribution = InputAttribution::new(60);
        let start = moving(&mut attribution, Instant::now());
        press(&mut attribution, 1, false, start + 12 * MS);
        assert_eq!(
            inputs(&attribution.committed(&damage(), BEGUN_BEFORE, start + 17 * MS)),
            [1]
        );
        assert!(
            attribution
                .committed(&damage(), BEGUN_BEFORE, start + 400 * MS)
                .is_empty()
        );
    }

    #[test]
    fn a_held_key_moves_a_page_but_not_by_itself() {
        let start = Instant::now();
        let mut attribution = InputAttribution::new(60);
        for repeat in 0..30 {
            let pressed = start + 33 * MS * repeat;
            press(&mut attribution, repeat, false, pressed);
            let presented = attribution.committed(&damage(), BEGUN_BEFORE, pressed + 6 * MS);
            assert_eq!(inputs(&presented), [repeat]);
        }
    }

    #[test]
    fn an_input_that_changes_nothing_is_forgotten() {
        let start = Instant::now();
        let mut attribution = InputAttribution::new(60);
        press(&mut attribution, 1, false, start);
        assert!(
            attribution
                .committed(&damage(), BEGUN_BEFORE, start + PATIENCE)
                .is_empty()
        );
    }

    #[test]
    fn a_blinking_caret_answers_nobody() {
        let start = Instant::now();
        let mut attribution = InputAttribution::new(60);
        press(&mut attribution, 1, false, start);
        let mut caret = Damage::default();
        caret.add(Rect::new(100, 100, 1, 22));
        assert!(
            attribution
                .committed(&caret, BEGUN_BEFORE, start + 3 * MS)
                .is_empty()
        );
        assert_eq!(
            inputs(&attribution.committed(&damage(), BEGUN_BEFORE, start + 9 * MS)),
            [1]
        );
    }

    #[test]
    fn a_button_that_did_nothing_when_it_went_down_leaves_the_answer_to_its_release() {
        let start = Instant::now();
        let mut attribution = InputAttribution::new(60);
        press(&mut attribution, 1, true, start);
        press(&mut attribution, 2, true, start + 90 * MS);
        assert_eq!(
            inputs(&attribution.committed(&damage(), BEGUN_BEFORE, start + 97 * MS)),
            [2]
        );
        // Sent together they are one act.
        press(&mut attribution, 3, true, start + 900 * MS);
        press(&mut attribution, 4, true, start + 901 * MS);
        assert_eq!(
            inputs(&attribution.committed(&damage(), BEGUN_BEFORE, start + 907 * MS)),
            [3, 4]
        );
    }

    proptest! {
        /// Whatever happens when: at most twice, never before Chrome was told, never after the patience is over.
        #[test]
        fn an_answer_comes_after_its_input_and_in_time(
            events in proptest::collection::vec((0u8..4, 0u64..80, any::<bool>()), 1..200),
        ) {
            let mut now = Instant::now();
            let mut attribution = InputAttribution::new(60);
            let mut presented = std::collections::HashMap::<u32, u32>::new();
            for (number, (event, gap, flag)) in events.into_iter().enumerate() {
                now += MS * gap as u32;
                match event {
                    0 | 1 => {
                        let trace = InputTrace { tentative: flag, ..trace(number as u32, now) };
                        attribution.expect(trace, now);
                    }
                    2 => attribution.flushed(now),
                    _ => for answer in attribution.committed(&damage(), BEGUN_BEFORE, now) {
                        prop_assert!(answer.trace.received_at <= answer.seated_at);
                        prop_assert!(answer.seated_at <= now);
                        prop_assert!(now - answer.seated_at < PATIENCE + FOLLOWS);
                        let times = presented.entry(answer.trace.input.0).or_default();
                        *times += 1;
                        prop_assert!(*times <= 2);
                    }
                }
                prop_assert!(attribution.waiting.len() <= MOST_WAITING);
                prop_assert!(attribution.commits.len() <= MOST_RECENT && attribution.inputs.len() <= MOST_RECENT);
            }
        }
    }
}
