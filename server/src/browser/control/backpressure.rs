//! Pure: when a page is stopped that sends Chrome's main process more than it can take in.
//!
//! What waits there is neither bounded nor ordered by importance: a page that sets its title in a loop makes it grow by
//! some hundred megabytes a second, and a command to leave that page waits behind it all. So the page's process is
//! stopped until Chrome answers again.

use std::time::{Duration, Instant};

/// How often Chrome's memory is looked at: one small file.
const INTERVAL: Duration = Duration::from_millis(250);

/// The same for a Chrome that was overwhelmed lately.
const WATCHFUL_INTERVAL: Duration = Duration::from_millis(50);

/// Chrome's main process does not grow by so much within [`INTERVAL`] but in a burst.
const BURST: u64 = 8 * 1024 * 1024;

/// A Chrome that was overwhelmed lately has memory to fill, so growth no longer tells; it answers at once, or what waits
/// is in its way.
const WATCHFUL_PATIENCE: Duration = Duration::from_millis(100);

/// For so long after a page was stopped.
const WATCHFUL_FOR: Duration = Duration::from_secs(10);

/// Chrome may answer before it has taken in the rest: whatever it says, it grows no faster than by so much per
/// [`INTERVAL`], beyond some slack.
const LEAK: u64 = 4 * 1024 * 1024;
const SLACK: u64 = 64 * 1024 * 1024;

/// What waits is being taken in while memory falls by so much from one look to the next.
const FALLING: u64 = 1024 * 1024;

/// A page is not stopped for longer at a time: it may not have been the reason.
const MOST_HELD: Duration = Duration::from_secs(2);

/// No page is so busy while it is loaded, without Chrome answering meanwhile.
const BUSY: Duration = Duration::from_millis(500);

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Ask Chrome's main process for a sign of life, and begin to compare what its pages consume.
    Suspect,
    /// Ask Chrome's main process for a sign of life.
    Ask,
    /// Stop the page that has consumed most, if that is more than so much, and ask Chrome for a sign of life. Answered by
    /// [`Backpressure::on_held`] when there is one.
    Hold { least: Duration },
    /// Let it go on.
    Release,
    /// End the process of the page that was stopped last.
    End,
}

/// One Chrome's main process, as its memory and its answers show it.
#[derive(Debug)]
pub struct Backpressure {
    state: State,
    /// In bytes, when it was looked at last.
    last: Option<u64>,
    /// What it would occupy had it grown slowly, and when that was reckoned.
    expected: Option<(u64, Instant)>,
    next: Instant,
    watchful_until: Option<Instant>,
    /// How often a page was stopped since then.
    holds: u32,
    /// A page's process was ended for the navigation that is under way: what is a little busy now is the page that comes.
    ended_to_leave: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Quiet,
    /// No answer yet.
    Asked {
        at: Instant,
        bytes: u64,
    },
    /// A page is stopped.
    Held {
        since: Instant,
        answered: bool,
    },
}

impl Backpressure {
    /// Of a Chrome that is being started.
    pub fn new(now: Instant) -> Backpressure {
        Backpressure {
            state: State::Quiet,
            last: None,
            expected: None,
            next: now + INTERVAL,
            watchful_until: None,
            holds: 0,
            ended_to_leave: false,
        }
    }

    /// When [`Backpressure::on_sample`] is due.
    pub fn deadline(&self) -> Instant {
        self.next
    }

    /// `bytes` is what Chrome's main process occupies; `is_leaving` says whether the page in front is being left.
    pub fn on_sample(&mut self, bytes: u64, is_leaving: bool, now: Instant) -> Option<Step> {
        self.ended_to_leave &= is_leaving;
        let watchful = self.watchful_until.is_some_and(|until| now < until);
        let last = self.last.replace(bytes).unwrap_or(bytes);
        self.next = now
            + match (watchful, self.state) {
                (false, State::Quiet) => INTERVAL,
                _ => WATCHFUL_INTERVAL,
            };
        if !watchful {
            self.holds = 0;
        }
        let grows_too_fast = self.grows_too_fast(bytes, now);
        match self.state {
            State::Held { since, answered } => {
                let is_done = answered && bytes + FALLING >= last;
                if is_done || now >= since + MOST_HELD {
                    self.state = State::Quiet;
                    self.expected = Some((bytes, now));
                    return Some(Step::Release);
                }
                None
            }
            State::Quiet | State::Asked { .. } if grows_too_fast => Some(self.hold(now)),
            State::Asked { at, bytes: before }
                if bytes >= before + BURST || (watchful && now >= at + WATCHFUL_PATIENCE) =>
            {
                Some(self.hold(now))
            }
            State::Quiet if watchful || bytes >= last + BURST => {
                self.state = State::Asked { at: now, bytes };
                self.next = now + WATCHFUL_INTERVAL;
                Some(match watchful {
                    true => Step::Ask,
                    false => Step::Suspect,
                })
            }
            State::Quiet | State::Asked { .. } => None,
        }
    }

    /// Whether what is known says that a page overwhelms Chrome, again and again or now.
    fn is_overwhelmed(&self, now: Instant) -> bool {
        let watchful = self.watchful_until.is_some_and(|until| now < until);
        watchful && (self.holds > 1 || matches!(self.state, State::Held { .. }))
    }

    /// The page that was to be stopped is.
    pub fn on_held(&mut self, is_leaving: bool, now: Instant) -> Option<Step> {
        is_leaving.then(|| self.end(now))
    }

    /// The page in front is to be left: its process is ended first if it overwhelms Chrome, for the navigation would wait
    /// behind what it has sent.
    pub fn on_leaving(&mut self, now: Instant) -> Option<Step> {
        self.is_overwhelmed(now).then(|| self.end(now))
    }

    /// What comes now is another page's.
    fn end(&mut self, now: Instant) -> Step {
        *self = Backpressure {
            ended_to_leave: true,
            ..Backpressure::new(now)
        };
        Step::End
    }

    /// Chrome has answered.
    pub fn on_answer(&mut self) {
        self.state = match self.state {
            State::Held { since, .. } => State::Held {
                since,
                answered: true,
            },
            State::Quiet | State::Asked { .. } => State::Quiet,
        };
    }

    fn hold(&mut self, now: Instant) -> Step {
        self.state = State::Held {
            since: now,
            answered: false,
        };
        self.watchful_until = Some(now + WATCHFUL_FOR);
        self.holds += 1;
        self.next = now + WATCHFUL_INTERVAL;
        Step::Hold {
            least: match self.ended_to_leave {
                true => BUSY,
                false => Duration::ZERO,
            },
        }
    }

    fn grows_too_fast(&mut self, bytes: u64, now: Instant) -> bool {
        let (before, at) = self.expected.unwrap_or((bytes, now));
        let passed = now.duration_since(at).as_secs_f64() / INTERVAL.as_secs_f64();
        let expected = bytes.min(before + (passed * LEAK as f64) as u64);
        self.expected = Some((expected, now));
        bytes > expected + SLACK
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MB: u64 = 1024 * 1024;
    const HOLD: Step = Step::Hold {
        least: Duration::ZERO,
    };

    fn quiet(now: Instant) -> Backpressure {
        let mut backpressure = Backpressure::new(now);
        assert_eq!(backpressure.on_sample(80 * MB, false, now), None);
        backpressure
    }

    fn sample(backpressure: &mut Backpressure, megabytes: u64) -> Option<Step> {
        backpressure.on_sample(megabytes * MB, false, backpressure.deadline())
    }

    #[test]
    fn a_chrome_at_rest_is_asked_nothing() {
        let mut backpressure = quiet(Instant::now());
        for _ in 0..100 {
            assert_eq!(sample(&mut backpressure, 80), None);
        }
    }

    #[test]
    fn a_chrome_that_grows_for_a_while_and_answers_is_left_alone() {
        let mut backpressure = quiet(Instant::now());
        for megabytes in [90, 100, 115, 130] {
            assert_eq!(sample(&mut backpressure, megabytes), Some(Step::Suspect));
            backpressure.on_answer();
        }
        assert!(!backpressure.is_overwhelmed(backpressure.deadline()));
    }

    #[test]
    fn a_page_that_overwhelms_chrome_is_stopped_until_chrome_has_taken_in_the_rest() {
        let mut backpressure = quiet(Instant::now());
        assert_eq!(sample(&mut backpressure, 120), Some(Step::Suspect));
        assert_eq!(sample(&mut backpressure, 121), None);
        assert_eq!(sample(&mut backpressure, 130), Some(HOLD));
        assert!(backpressure.is_overwhelmed(backpressure.deadline()));
        backpressure.on_answer();
        assert_eq!(sample(&mut backpressure, 110), None, "it falls");
        assert_eq!(sample(&mut backpressure, 110), Some(Step::Release));
        // It goes on: its memory need not grow any more to be noticed.
        assert_eq!(sample(&mut backpressure, 110), Some(Step::Ask));
        let steps = [(); 3].map(|()| sample(&mut backpressure, 110));
        assert!(steps.contains(&Some(HOLD)), "{steps:?}");
    }

    #[test]
    fn a_chrome_that_answers_and_grows_without_end_is_overwhelmed_too() {
        let mut backpressure = quiet(Instant::now());
        let held = (1..20).find(|round| {
            let step = sample(&mut backpressure, 80 + 20 * round);
            backpressure.on_answer();
            step == Some(HOLD)
        });
        assert!(held.is_some_and(|round| round <= 5), "{held:?}");
    }

    #[test]
    fn a_page_that_overwhelms_chrome_is_ended_when_it_is_left_and_the_next_is_not() {
        let mut backpressure = quiet(Instant::now());
        sample(&mut backpressure, 120);
        assert_eq!(sample(&mut backpressure, 140), Some(HOLD));
        let now = backpressure.deadline();
        assert_eq!(backpressure.on_held(false, now), None, "it stays");
        assert_eq!(backpressure.on_leaving(now), Some(Step::End));
        assert_eq!(backpressure.on_leaving(now), None, "once");

        let mut leaving = |megabytes| {
            let now = backpressure.deadline();
            backpressure.on_sample(megabytes * MB, true, now)
        };
        leaving(80);
        assert_eq!(leaving(100), Some(Step::Suspect));
        assert_eq!(
            leaving(120),
            Some(Step::Hold { least: BUSY }),
            "it may be loading"
        );
        let now = backpressure.deadline();
        assert_eq!(
            backpressure.on_held(true, now),
            Some(Step::End),
            "it was not"
        );
        backpressure.on_sample(80 * MB, false, backpressure.deadline());
        sample(&mut backpressure, 100);
        assert_eq!(sample(&mut backpressure, 120), Some(HOLD), "it was left");
    }

    #[test]
    fn a_page_that_leaves_chrome_alone_is_left_as_any_other() {
        let mut backpressure = quiet(Instant::now());
        assert_eq!(backpressure.on_leaving(backpressure.deadline()), None);
    }

    #[test]
    fn no_page_is_stopped_for_long() {
        let mut backpressure = quiet(Instant::now());
        sample(&mut backpressure, 120);
        let held_at = backpressure.deadline();
        assert_eq!(sample(&mut backpressure, 140), Some(HOLD));
        let mut samples = (0..100).map(|_| {
            let now = backpressure.deadline();
            (backpressure.on_sample(140 * MB, false, now), now)
        });
        let released = samples.find(|(step, _)| *step == Some(Step::Release));
        assert_eq!(released.map(|(_, at)| at - held_at), Some(MOST_HELD));
    }
}
