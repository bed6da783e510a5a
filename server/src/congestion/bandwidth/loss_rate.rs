//! Pure: which packets were lost → is that more than a bad radio, and no mere outage?

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::congestion::bandwidth::Outcome;

/// Losses are counted over this time.
const WINDOW: Duration = Duration::from_secs(1);
/// With fewer packets a share means nothing.
const LEAST: u32 = 20;
/// Radios lose this much without being full.
const TOLERATED: f64 = 0.12;
/// When everything is lost for so long, the way was cut rather than full.
const OUTAGE: Duration = Duration::from_millis(250);

#[derive(Debug, Default)]
pub struct Loss {
    batches: VecDeque<(Instant, u32, u32)>,
}

impl Loss {
    /// Outcomes in the order in which the packets left.
    pub fn add(&mut self, outcomes: &[Outcome], now: Instant) {
        let (mut lost, mut all) = (0u32, 0u32);
        for run in outcomes.chunk_by(|a, b| a.arrival.is_none() == b.arrival.is_none()) {
            let count = u32::try_from(run.len()).unwrap_or(u32::MAX);
            let is_lost = run[0].arrival.is_none();
            let lasted = run[run.len() - 1]
                .departure
                .saturating_duration_since(run[0].departure);
            if !is_lost || lasted < OUTAGE {
                all = all.saturating_add(count);
                lost += if is_lost { count } else { 0 };
            }
        }
        self.batches.push_back((now, lost, all));
        while self
            .batches
            .front()
            .is_some_and(|(at, _, _)| *at + WINDOW < now)
        {
            self.batches.pop_front();
        }
    }

    /// What was counted is dealt with.
    pub fn forget(&mut self) {
        self.batches.clear();
    }

    /// The share of the packets that was lost, if it is surely more than a radio loses.
    pub fn excess(&self) -> Option<f64> {
        let sum = |pick: fn(&(Instant, u32, u32)) -> u32| {
            self.batches
                .iter()
                .map(pick)
                .fold(0u32, u32::saturating_add)
        };
        let (lost, all) = (sum(|batch| batch.1), sum(|batch| batch.2));
        if all < LEAST {
            return None;
        }
        let share = f64::from(lost) / f64::from(all);
        let doubt = 2.0 * (share * (1.0 - share) / f64::from(all)).sqrt();
        (share - doubt > TOLERATED).then_some(share)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcomes(start: Instant, count: u64, lost: impl Fn(u64) -> bool) -> Vec<Outcome> {
        let each = (0..count).map(|index| Outcome {
            departure: start + Duration::from_millis(index),
            arrival: (!lost(index)).then(|| Duration::from_millis(50 + index)),
            bytes: 1200,
            is_ambiguous: false,
        });
        each.collect()
    }

    #[test]
    fn a_bad_radio_is_tolerated_and_a_full_link_is_not() {
        let start = Instant::now();
        let mut loss = Loss::default();
        loss.add(&outcomes(start, 200, |index| index % 10 == 0), start);
        assert_eq!(loss.excess(), None);
        loss.add(&outcomes(start, 200, |index| index % 3 == 0), start);
        assert!(loss.excess().is_some_and(|share| share > 0.2));
        loss.forget();
        assert_eq!(loss.excess(), None);
    }

    #[test]
    fn an_outage_says_nothing_about_the_rate() {
        let start = Instant::now();
        let mut loss = Loss::default();
        loss.add(
            &outcomes(start, 500, |index| (100..400).contains(&index)),
            start,
        );
        assert_eq!(loss.excess(), None);
    }
}
