//! Pure: a peer fell silent; can the server be reached over HTTP? → ask again later, or replace the peer.
//!
//! Times are milliseconds of this page's clock.

/// What the first question may take, and the longest.
const WITHIN_MILLIS: f64 = 800.0;
const LONGEST_WITHIN_MILLIS: f64 = 5_000.0;
/// Between two questions.
const PAUSE_MILLIS: f64 = 100.0;
const LONGEST_PAUSE_MILLIS: f64 = 2_000.0;
/// Each question may take so much longer than the one before, and comes so much later.
const GROWTH: f64 = 1.25;
/// The server answers, so the way is there: the peer has so long to be heard too.
const LAST_CHANCE_MILLIS: f64 = 400.0;

#[derive(Debug, Default)]
pub struct Reachability {
    step: Step,
    /// Of the newest question; an older one's answer says nothing.
    question: u32,
    within: f64,
    pause: f64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
enum Step {
    /// The peer is heard.
    #[default]
    Idle,
    Asked,
    Pausing {
        until: f64,
    },
    LastChance {
        until: f64,
    },
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Verdict {
    Ask { question: u32, within_millis: f64 },
    ReplacePeer,
}

impl Reachability {
    /// The peer has fallen silent.
    pub fn start(&mut self) -> Verdict {
        (self.within, self.pause) = (WITHIN_MILLIS, PAUSE_MILLIS);
        self.ask()
    }

    /// The peer is heard again, or gone.
    pub fn stop(&mut self) {
        self.step = Step::Idle;
    }

    pub fn answered(&mut self, question: u32, reachable: bool, now: f64) {
        if self.step != Step::Asked || question != self.question {
            return;
        }
        self.step = match reachable {
            true => Step::LastChance {
                until: now + LAST_CHANCE_MILLIS,
            },
            false => Step::Pausing {
                until: now + self.pause,
            },
        };
    }

    /// Something happened that makes an answer likely.
    pub fn hurry(&mut self, now: f64) {
        if let Step::Pausing { until } = &mut self.step {
            *until = now;
        }
    }

    pub fn deadline(&self) -> Option<f64> {
        match self.step {
            Step::Pausing { until } | Step::LastChance { until } => Some(until),
            Step::Idle | Step::Asked => None,
        }
    }

    pub fn on_timer(&mut self, now: f64) -> Option<Verdict> {
        if self.deadline().is_none_or(|until| now < until) {
            return None;
        }
        if let Step::LastChance { .. } = self.step {
            self.stop();
            return Some(Verdict::ReplacePeer);
        }
        self.within = (self.within * GROWTH).min(LONGEST_WITHIN_MILLIS);
        self.pause = (self.pause * GROWTH).min(LONGEST_PAUSE_MILLIS);
        Some(self.ask())
    }

    fn ask(&mut self) -> Verdict {
        self.step = Step::Asked;
        self.question = self.question.wrapping_add(1);
        Verdict::Ask {
            question: self.question,
            within_millis: self.within,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_answers_gives_the_peer_a_last_chance() {
        let mut reachability = Reachability::default();
        let Verdict::Ask { question, .. } = reachability.start() else {
            panic!("it is asked first")
        };
        reachability.answered(question, true, 50.0);
        assert_eq!(reachability.on_timer(449.0), None);
        assert_eq!(reachability.on_timer(450.0), Some(Verdict::ReplacePeer));
        assert_eq!(reachability.deadline(), None);
    }

    #[test]
    fn questions_become_patient_and_rare() {
        let mut reachability = Reachability::default();
        let mut verdict = reachability.start();
        let mut now = 0.0;
        for _ in 0..30 {
            let Verdict::Ask { question, .. } = verdict else {
                panic!("nothing answers")
            };
            reachability.answered(question, false, now);
            now = reachability.deadline().expect("it is asked again");
            verdict = reachability.on_timer(now).expect("it is due");
        }
        let Verdict::Ask { within_millis, .. } = verdict else {
            panic!("nothing answers")
        };
        assert_eq!(within_millis, LONGEST_WITHIN_MILLIS);
        assert_eq!(reachability.pause, LONGEST_PAUSE_MILLIS);
    }

    #[test]
    fn the_answer_to_an_older_question_says_nothing() {
        let mut reachability = Reachability::default();
        let Verdict::Ask { question, .. } = reachability.start() else {
            panic!("it is asked first")
        };
        reachability.stop();
        reachability.start();
        reachability.answered(question, true, 10.0);
        assert_eq!(
            reachability.deadline(),
            None,
            "the newer one is not answered"
        );
    }
}
