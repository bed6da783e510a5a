//! Pure: when Chrome may draw its next frame.
//!
//! A frame callback answered is one frame drawn. Chrome keeps one frame ready behind an unanswered callback, so on a
//! busy page an input shows only in the second frame after it: those two are asked for at once.

use std::time::{Duration, Instant};

pub struct Pacing {
    interval: Duration,
    /// The next moment of the regular beat. In the past when Chrome has been idle.
    beat: Option<Instant>,
    /// Callbacks that may still come before the beat because of the last input.
    hurried: u32,
    /// How long ago an input still hurries.
    hurry_until: Option<Instant>,
    /// Callbacks ahead of the beat that are left to spend, and when that was worked out.
    credit: (f64, Option<Instant>),
}

/// The frame that was ready before the input, and the first one that can show it.
const FRAMES_TO_SHOW_AN_INPUT: u32 = 2;
/// An input whose effect is not drawn by then was not waiting for us.
const HURRY: Duration = Duration::from_millis(100);
const MOST_CREDIT: f64 = 4.0;
/// Of the frame rate: a drag across a busy page draws at most this much more often than the beat.
const CREDIT_PER_FRAME: f64 = 0.5;

impl Pacing {
    pub fn new(frame_rate: u32) -> Pacing {
        Pacing {
            interval: Duration::from_secs(1) / frame_rate.clamp(1, 1000),
            beat: None,
            hurried: 0,
            hurry_until: None,
            credit: (MOST_CREDIT, None),
        }
    }

    /// A person did something that a frame may have to show.
    pub fn input(&mut self, now: Instant) {
        self.hurried = FRAMES_TO_SHOW_AN_INPUT;
        self.hurry_until = Some(now + HURRY);
    }

    /// When waiting callbacks are to be answered: now or later.
    pub fn due(&self, now: Instant) -> Instant {
        let beat = self.beat.map_or(now, |beat| beat.max(now));
        if self.hurries(now) { now } else { beat }
    }

    /// Waiting callbacks have been answered.
    pub fn answered(&mut self, now: Instant) {
        let early = self.beat.is_some_and(|beat| now < beat);
        let credit = self.credit_at(now);
        self.credit = (if early { credit - 1.0 } else { credit }, Some(now));
        self.hurried = self.hurried.saturating_sub(1);
        let next = match self.beat {
            // A little late is the timer's doing: keeping the beat keeps the rate.
            Some(beat) if !early && now - beat < self.interval / 2 => beat,
            _ => now,
        };
        self.beat = Some(next + self.interval);
    }

    fn hurries(&self, now: Instant) -> bool {
        self.hurried > 0
            && self.hurry_until.is_some_and(|until| now < until)
            && self.credit_at(now) >= 1.0
    }

    fn credit_at(&self, now: Instant) -> f64 {
        let (credit, since) = self.credit;
        let elapsed = since.map_or(Duration::ZERO, |since| now.saturating_duration_since(since));
        let earned = elapsed.as_secs_f64() / self.interval.as_secs_f64() * CREDIT_PER_FRAME;
        (credit + earned).min(MOST_CREDIT)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn an_idle_page_draws_at_once_and_a_busy_one_on_the_beat() {
        let start = Instant::now();
        let mut pacing = Pacing::new(50);
        assert_eq!(pacing.due(start), start);
        pacing.answered(start);
        assert_eq!(pacing.due(start + 3 * MS), start + 20 * MS);
        assert_eq!(pacing.due(start + 900 * MS), start + 900 * MS);
    }

    #[test]
    fn a_timer_that_is_late_does_not_slow_the_beat() {
        let start = Instant::now();
        let mut pacing = Pacing::new(50);
        pacing.answered(start);
        pacing.answered(start + 21 * MS);
        assert_eq!(pacing.due(start + 22 * MS), start + 40 * MS);
        pacing.answered(start + 55 * MS);
        assert_eq!(pacing.due(start + 56 * MS), start + 75 * MS);
    }

    #[test]
    fn two_frames_follow_an_input_at_once() {
        let start = Instant::now();
        let mut pacing = Pacing::new(50);
        pacing.answered(start);
        pacing.input(start + 2 * MS);
        assert_eq!(pacing.due(start + 2 * MS), start + 2 * MS);
        pacing.answered(start + 2 * MS);
        assert_eq!(pacing.due(start + 6 * MS), start + 6 * MS);
        pacing.answered(start + 6 * MS);
        assert_eq!(pacing.due(start + 9 * MS), start + 26 * MS);
    }

    #[test]
    fn an_old_input_hurries_nothing() {
        let start = Instant::now();
        let mut pacing = Pacing::new(50);
        pacing.input(start);
        pacing.answered(start + 200 * MS);
        assert_eq!(pacing.due(start + 201 * MS), start + 220 * MS);
    }

    proptest! {
        #[test]
        fn no_storm_of_inputs_draws_more_than_half_as_often_again(gaps in prop::collection::vec(1..20u32, 200..400)) {
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
            let beats = (now - start).as_secs_f64() * 60.0;
            prop_assert!(f64::from(answered) <= beats * 1.5 + MOST_CREDIT + 2.0, "{} of {}", answered, beats);
        }
    }
}
