//! Pure: when Chrome may draw its next frame.
//!
//! A frame callback answered is one frame drawn. Chrome always has the next frame ready behind an unanswered callback, one
//! interval old by the time it is let go; answered at once, the frame is fresh, and Chrome's own ticks
//! ([`frame_clock`](super::frame_clock)) keep the rate. So callbacks are answered at once, within a budget that bounds how often Chrome
//! draws.

use std::time::{Duration, Instant};

use super::frame_clock::FrameClock;

/// How many frame callbacks may be answered.
pub struct CallbackBudget {
    interval: Duration,
    /// Callbacks that may be answered before the budget has earned them, and when that was worked out.
    credit: (f64, Option<Instant>),
    /// Callbacks that may still overdraw the budget because of the last input, and until when.
    overdraft: Option<(u32, Instant)>,
}

/// The frame that was ready before the input, and the first one that can show it.
const FRAMES_TO_SHOW_AN_INPUT: u32 = 2;
/// An input whose effect is not drawn by then was not waiting for us.
const OVERDRAFT_LASTS: Duration = Duration::from_millis(100);
/// Chrome's frames come in pairs now and then: a little more than the rate, so that it is the ticks that count.
const BUDGET: f64 = 1.02;
const MOST_CREDIT: f64 = 4.0;
/// For inputs, the credit goes down to here: a drag across a busy page draws at most this many frames more.
const LEAST_CREDIT: f64 = -4.0;
/// What Chrome needs for a frame.
const DRAWING: Duration = Duration::from_millis(16);
/// Chrome draws this often even while nothing can leave: the first picture after an outage must not show the page as it was
/// before.
const LONGEST_HELD: Duration = Duration::from_millis(150);

impl CallbackBudget {
    /// `frame_rate`: callbacks per second.
    pub fn new(frame_rate: u32) -> CallbackBudget {
        CallbackBudget {
            interval: Duration::from_secs(1) / frame_rate.clamp(1, 1000),
            credit: (MOST_CREDIT, None),
            overdraft: None,
        }
    }

    /// A person did something that a frame may have to show.
    pub fn input(&mut self, now: Instant) {
        self.overdraft = Some((FRAMES_TO_SHOW_AN_INPUT, now + OVERDRAFT_LASTS));
    }

    /// When waiting callbacks are to be answered: now or later. A picture that is drawn now can leave at `ready_at`, which
    /// is waited for as far as it can be.
    pub fn due(&self, now: Instant, ready_at: Instant, frame_clock: &FrameClock) -> Instant {
        let mut due = self.earned_at(now);
        if due > now {
            // What is held back comes as evenly as what is not.
            due = frame_clock.next_tick(due);
        }
        let drawn_to_leave = ready_at.checked_sub(DRAWING).unwrap_or(ready_at);
        let (_, answered_at) = self.credit;
        let held = answered_at.map_or(now, |at| at + LONGEST_HELD);
        due.max(drawn_to_leave.min(held))
    }

    /// When the budget has earned the next answer.
    fn earned_at(&self, now: Instant) -> Instant {
        let least = 1.0
            + if self.may_overdraw(now) {
                LEAST_CREDIT
            } else {
                0.0
            };
        let missing = (least - self.credit_at(now)).max(0.0);
        now + self.interval.mul_f64(missing / BUDGET)
    }

    /// Waiting callbacks have been answered.
    pub fn answered(&mut self, now: Instant) {
        self.credit = (self.credit_at(now) - 1.0, Some(now));
        self.overdraft = self
            .overdraft
            .and_then(|(frames, until)| Some((frames.checked_sub(1)?, until)));
    }

    fn may_overdraw(&self, now: Instant) -> bool {
        self.overdraft
            .is_some_and(|(frames, until)| frames > 0 && now < until)
    }

    fn credit_at(&self, now: Instant) -> f64 {
        let (credit, since) = self.credit;
        let elapsed = since.map_or(Duration::ZERO, |since| now.saturating_duration_since(since));
        let earned = elapsed.as_secs_f64() / self.interval.as_secs_f64() * BUDGET;
        (credit + earned).min(MOST_CREDIT)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MS: Duration = Duration::from_millis(1);

    struct Page {
        budget: CallbackBudget,
        frame_clock: FrameClock,
        ready_at: Instant,
    }

    impl Page {
        fn new(start: Instant) -> Page {
            Page {
                budget: CallbackBudget::new(60),
                frame_clock: FrameClock::new(60, start),
                ready_at: start,
            }
        }

        fn due(&self, now: Instant) -> Instant {
            self.budget.due(now, self.ready_at, &self.frame_clock)
        }

        /// Has its next frame ready `work` after the last callback, for `length`: when callbacks were answered.
        fn draw(&mut self, start: Instant, work: Duration, length: Duration) -> Vec<Instant> {
            let mut answers = Vec::new();
            let mut now = start;
            while now < start + length {
                now = self.due(now);
                self.budget.answered(now);
                answers.push(now);
                now += work;
            }
            answers
        }
    }

    fn are_apart(answers: &[Instant], gap: Duration) -> bool {
        answers.windows(2).all(|pair| pair[1] - pair[0] == gap)
    }

    #[test]
    fn a_page_is_not_held_up() {
        let start = Instant::now();
        let work = Duration::from_micros(16_666);
        let answers = Page::new(start).draw(start, work, 60_000 * MS);
        assert!(are_apart(&answers, work));
    }

    #[test]
    fn a_page_that_rests_by_itself_is_left_alone() {
        let start = Instant::now();
        let mut page = Page::new(start);
        for turn in 0..20 {
            let answers = page.draw(start + turn * 500 * MS, 16 * MS, 400 * MS);
            assert!(are_apart(&answers, 16 * MS));
        }
    }

    #[test]
    fn a_page_that_could_draw_for_ever_is_held_to_the_rate_and_nearly_always_to_a_tick() {
        let start = Instant::now();
        let mut page = Page::new(start);
        let answers = page.draw(start, MS, 10_000 * MS);
        assert!((600..=620).contains(&answers.len()), "{}", answers.len());
        let is_between = |at: &&Instant| page.frame_clock.next_tick(**at) > **at;
        let between = answers.iter().filter(is_between).count();
        assert!(between * 20 <= answers.len(), "{between}");
    }

    #[test]
    fn an_input_overdraws_the_budget_for_two_frames() {
        let start = Instant::now();
        let mut page = Page::new(start);
        let last = page.draw(start, MS, 500 * MS).pop().unwrap();
        assert!(page.due(last + MS) > last + MS);
        page.budget.input(last + MS);
        for frame in 1..=2 {
            let now = last + frame * MS;
            assert_eq!(page.due(now), now);
            page.budget.answered(now);
        }
        assert!(page.due(last + 3 * MS) > last + 3 * MS);
        assert_eq!(page.due(last + 300 * MS), last + 300 * MS);
    }

    #[test]
    fn a_picture_is_drawn_to_leave_at_once() {
        let now = Instant::now();
        let mut page = Page::new(now);
        page.budget.answered(now);
        page.ready_at = now + 100 * MS;
        assert_eq!(page.due(now + 20 * MS), now + 84 * MS);
    }

    #[test]
    fn a_way_that_is_blocked_is_not_waited_for_for_ever() {
        let now = Instant::now();
        let mut page = Page::new(now);
        page.ready_at = now + 60_000 * MS;
        let answers = page.draw(now, 5 * MS, 3000 * MS);
        assert_eq!(answers[0], now);
        assert!(are_apart(&answers, LONGEST_HELD));
    }

    proptest! {
        #[test]
        fn no_storm_of_inputs_draws_much_more_than_the_budget(gaps in prop::collection::vec(1..20u32, 200..400)) {
            let start = Instant::now();
            let mut page = Page::new(start);
            let mut now = start;
            let mut answered = 0u32;
            for gap in gaps {
                now += gap * MS;
                page.budget.input(now);
                if page.due(now) == now {
                    page.budget.answered(now);
                    answered += 1;
                }
            }
            let earned = (now - start).as_secs_f64() * 60.0 * BUDGET;
            prop_assert!(f64::from(answered) <= earned + MOST_CREDIT - LEAST_CREDIT + 2.0, "{} of {}", answered, earned);
        }
    }
}
