//! Pure: when Chrome may draw its next frame.
//!
//! A frame callback answered is one frame drawn. Chrome always has the next frame ready behind an unanswered callback, one
//! interval old by the time it is let go; answered at once, the frame is fresh, and Chrome's own ticks
//! ([`beat`](super::beat)) keep the rate. So callbacks are answered at once, within a budget that bounds how often Chrome
//! draws.

use std::time::{Duration, Instant};

pub struct Pacing {
    interval: Duration,
    /// Callbacks that may be answered before the budget has earned them, and when that was worked out.
    credit: (f64, Option<Instant>),
    /// Callbacks that may still overdraw the budget because of the last input, and until when.
    hurried: Option<(u32, Instant)>,
}

/// The frame that was ready before the input, and the first one that can show it.
const FRAMES_TO_SHOW_AN_INPUT: u32 = 2;
/// An input whose effect is not drawn by then was not waiting for us.
const HURRY: Duration = Duration::from_millis(100);
/// Chrome's frames come in pairs now and then: a little more than the rate, so that it is the ticks that count.
const BUDGET: f64 = 1.02;
const MOST_CREDIT: f64 = 4.0;
/// For inputs, the credit goes down to here: a drag across a busy page draws at most this many frames more.
const OVERDRAFT: f64 = -4.0;

impl Pacing {
    pub fn new(frame_rate: u32) -> Pacing {
        Pacing {
            interval: Duration::from_secs(1) / frame_rate.clamp(1, 1000),
            credit: (MOST_CREDIT, None),
            hurried: None,
        }
    }

    /// A person did something that a frame may have to show.
    pub fn input(&mut self, now: Instant) {
        self.hurried = Some((FRAMES_TO_SHOW_AN_INPUT, now + HURRY));
    }

    /// When waiting callbacks are to be answered: now or later.
    pub fn due(&self, now: Instant) -> Instant {
        let credit = self.credit_at(now);
        let least = 1.0 + if self.hurries(now) { OVERDRAFT } else { 0.0 };
        let missing = (least - credit).max(0.0);
        now + self.interval.mul_f64(missing / BUDGET)
    }

    /// When callbacks were answered last.
    pub fn answered_at(&self) -> Option<Instant> {
        self.credit.1
    }

    /// Waiting callbacks have been answered.
    pub fn answered(&mut self, now: Instant) {
        self.credit = (self.credit_at(now) - 1.0, Some(now));
        self.hurried = self
            .hurried
            .and_then(|(frames, until)| Some((frames.checked_sub(1)?, until)));
    }

    fn hurries(&self, now: Instant) -> bool {
        self.hurried
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

    /// A page that has its next frame ready `work` after the last callback, for `length`: when callbacks were answered.
    fn draw(pacing: &mut Pacing, start: Instant, work: Duration, length: Duration) -> Vec<Instant> {
        let mut answers = Vec::new();
        let mut now = start;
        while now < start + length {
            now = pacing.due(now);
            pacing.answered(now);
            answers.push(now);
            now += work;
        }
        answers
    }

    #[test]
    fn a_page_is_not_held_up() {
        let start = Instant::now();
        let mut pacing = Pacing::new(60);
        let work = Duration::from_micros(16_666);
        let answers = draw(&mut pacing, start, work, 60_000 * MS);
        assert!(answers.windows(2).all(|pair| pair[1] - pair[0] == work));
    }

    #[test]
    fn a_page_that_could_draw_for_ever_is_held_to_the_rate() {
        let start = Instant::now();
        let mut pacing = Pacing::new(60);
        let answers = draw(&mut pacing, start, MS, 10_000 * MS);
        assert!((600..=670).contains(&answers.len()), "{}", answers.len());
    }

    #[test]
    fn an_input_overdraws_the_budget_for_two_frames() {
        let start = Instant::now();
        let mut pacing = Pacing::new(60);
        let last = draw(&mut pacing, start, MS, 500 * MS).pop().unwrap();
        assert!(pacing.due(last + MS) > last + MS);
        pacing.input(last + MS);
        for frame in 1..=2 {
            let now = last + frame * MS;
            assert_eq!(pacing.due(now), now);
            pacing.answered(now);
        }
        assert!(pacing.due(last + 3 * MS) > last + 3 * MS);
        assert_eq!(pacing.due(last + 300 * MS), last + 300 * MS);
    }

    proptest! {
        #[test]
        fn no_storm_of_inputs_draws_much_more_than_the_budget(gaps in prop::collection::vec(1..20u32, 200..400)) {
            let start = Instant::now();
            let mut pacing = Pacing::new(60);
            let mut now = start;
            let mut answered = 0u32;
            for gap in gaps {
                now += gap * MS;
                pacing.input(now);
                if pacing.due(now) == now {
                    pacing.answered(now);
                    answered += 1;
                }
            }
            let budget = (now - start).as_secs_f64() * 60.0 * BUDGET;
            prop_assert!(f64::from(answered) <= budget + MOST_CREDIT - OVERDRAFT + 2.0, "{} of {}", answered, budget);
        }
    }
}
