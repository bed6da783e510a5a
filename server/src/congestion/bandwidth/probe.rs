//! Pure: when to find out whether the link carries more, and what the answer was.
//!
//! A probe is a train of packets that leave together. The speed at which they come is what the narrowest place of the way
//! can carry, so one train tells what a slow rise would take many seconds to find.

use std::time::{Duration, Instant};

use crate::congestion::bandwidth::Outcome;

/// How much more is tried at once.
const STEP: f64 = 2.5;
/// … where a train has promised too much before: a link that lets bursts by does so every time.
const CAREFUL_STEP: f64 = 1.5;
/// A queue that grows within this time after a raise gives the train the lie.
const LIE: Duration = Duration::from_millis(1200);
/// A raise that was good for so long makes up for it.
const PROVEN: Duration = Duration::from_millis(600);
const AFTER_LIE: Duration = Duration::from_millis(2300);
/// A train lasts so long at the rate that is tried; longer ones fill the queues of slow links, shorter ones pass through
/// those that let bursts by.
const LENGTH: Duration = Duration::from_millis(15);
/// Bytes of a train. Seven packets, so that one that comes late does not decide.
const SHORTEST: f64 = 8_400.0;
const LONGEST: f64 = 48_000.0;
/// After a cut, after a success, and after a failure: a new chance must be found within seconds.
const AFTER_CUT: Duration = Duration::from_millis(1000);
const AFTER_SUCCESS: Duration = Duration::from_millis(300);
const AFTER_FAILURE: Duration = Duration::from_millis(1800);
/// A train whose end nobody reports tells nothing.
const PATIENCE: Duration = Duration::from_secs(1);
/// Part of what a train reached that is believed.
const BELIEVED: f64 = 0.85;
/// A smaller gain is none.
const GAIN: f64 = 1.1;
/// Packets of a train that must arrive.
const ENOUGH: usize = 5;

#[derive(Debug)]
pub struct Prober {
    next: Instant,
    train: Option<Train>,
    step: f64,
    raised_at: Option<Instant>,
}

#[derive(Debug)]
struct Train {
    departed: Instant,
    /// Bits per second.
    goal: f64,
    packets: usize,
    bytes: usize,
    first_bytes: usize,
    first: Duration,
    last: Duration,
}

impl Prober {
    pub fn new(now: Instant) -> Prober {
        Prober {
            next: now + AFTER_CUT,
            train: None,
            step: STEP,
            raised_at: None,
        }
    }

    /// Bytes of the train that may leave now.
    pub fn wanted(&self, target: f64, ceiling: f64, now: Instant) -> Option<usize> {
        let is_time = self.train.is_none() && now >= self.next;
        let bytes = self.goal(target, ceiling) * LENGTH.as_secs_f64() / 8.0;
        is_time.then_some(bytes.clamp(SHORTEST, LONGEST) as usize)
    }

    /// All packets of the train left at the same instant, by which they are known.
    pub fn sent(&mut self, target: f64, ceiling: f64, departed: Instant) {
        if self.raised_at.is_some_and(|at| departed > at + PROVEN) {
            self.step = STEP;
        }
        self.train = Some(Train {
            departed,
            goal: self.goal(target, ceiling),
            packets: 0,
            bytes: 0,
            first_bytes: 0,
            first: Duration::MAX,
            last: Duration::ZERO,
        });
    }

    /// When the last train left.
    pub fn departed(&self) -> Option<Instant> {
        self.train.as_ref().map(|train| train.departed)
    }

    pub fn cut(&mut self, now: Instant) {
        let is_lie = self.raised_at.take().is_some_and(|at| now < at + LIE);
        let wait = match is_lie {
            true => AFTER_LIE,
            false => AFTER_CUT,
        };
        if is_lie {
            self.step = CAREFUL_STEP;
        }
        self.next = self.next.max(now + wait);
    }

    /// Something that was reported, in the order in which it left. A rate in bits per second if a train reached it.
    pub fn reported(&mut self, outcome: &Outcome, target: f64, now: Instant) -> Option<f64> {
        let train = self.train.as_mut()?;
        if outcome.departure == train.departed {
            if let Some(arrival) = outcome.arrival {
                if arrival < train.first {
                    train.first = arrival;
                    train.first_bytes = outcome.bytes;
                }
                train.last = train.last.max(arrival);
                train.packets += 1;
                train.bytes += outcome.bytes;
            }
            return None;
        }
        if outcome.departure < train.departed {
            return None;
        }
        let reached = (train.packets >= ENOUGH).then(|| {
            let spread = train.last.saturating_sub(train.first).as_secs_f64();
            let bits = (train.bytes - train.first_bytes) as f64 * 8.0;
            (bits / spread.max(0.0005) * BELIEVED).min(train.goal)
        });
        self.train = None;
        let gained = reached.filter(|reached| *reached > target * GAIN);
        if gained.is_some() {
            self.raised_at = Some(now);
        }
        self.next = now
            + match gained {
                Some(_) => AFTER_SUCCESS,
                None => AFTER_FAILURE,
            };
        gained
    }

    fn goal(&self, target: f64, ceiling: f64) -> f64 {
        (target * self.step).min(ceiling * 1.2)
    }

    /// Gives a train up that nobody reports.
    pub fn expire(&mut self, now: Instant) {
        if let Some(train) = &self.train
            && now.saturating_duration_since(train.departed) > PATIENCE
        {
            self.train = None;
            self.next = now + AFTER_FAILURE;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a train of 1200-byte packets reaches on a link of this many bits per second.
    fn probe(link: f64) -> Option<f64> {
        let start = Instant::now();
        let mut prober = Prober::new(start);
        assert_eq!(prober.wanted(1e6, 10e6, start), None);
        let at = start + Duration::from_secs(2);
        assert_eq!(prober.wanted(1e6, 10e6, at), Some(8_400));
        prober.sent(1e6, 10e6, at);
        assert_eq!(prober.wanted(1e6, 10e6, at), None);
        let outcome = |departure: Instant, index: u32| Outcome {
            departure,
            arrival: Some(Duration::from_secs_f64(f64::from(index) * 9600.0 / link)),
            bytes: 1200,
            is_ambiguous: false,
        };
        for index in 0..7 {
            assert_eq!(prober.reported(&outcome(at, index), 1e6, at), None);
        }
        let after = outcome(at + Duration::from_millis(20), 12);
        prober.reported(&after, 1e6, at)
    }

    #[test]
    fn a_free_link_lets_a_train_reach_its_goal() {
        assert_eq!(probe(50e6), Some(2.5e6));
    }

    #[test]
    fn a_link_bounds_what_a_train_reaches() {
        let reached = probe(2e6).unwrap();
        assert!((reached - 1.7e6).abs() < 1e4, "{reached}");
        assert_eq!(probe(1.1e6), None);
    }
}
