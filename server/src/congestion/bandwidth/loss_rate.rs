//! Pure: which packets were lost → is that more than a bad radio loses, and no outage?

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::congestion::bandwidth::PacketResult;

/// Losses are counted over this time.
const WINDOW: Duration = Duration::from_secs(1);
/// Of fewer packets a loss rate means nothing.
const MIN_PACKETS: u32 = 20;
/// Radios lose this much without being full.
const TOLERATED: f64 = 0.12;
/// When everything is lost for so long, the path was interrupted rather than full.
const OUTAGE: Duration = Duration::from_millis(250);

/// Losses of the last second.
#[derive(Debug, Default)]
pub struct LossRate {
    /// When feedback came, how many packets it called lost, and how many it named.
    feedback: VecDeque<(Instant, u32, u32)>,
}

impl LossRate {
    /// Results in the order in which the packets left.
    pub fn add(&mut self, results: &[PacketResult], now: Instant) {
        let (mut lost, mut all) = (0u32, 0u32);
        for run in results.chunk_by(|a, b| a.arrival.is_none() == b.arrival.is_none()) {
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
        self.feedback.push_back((now, lost, all));
        while self
            .feedback
            .front()
            .is_some_and(|(at, _, _)| *at + WINDOW < now)
        {
            self.feedback.pop_front();
        }
    }

    /// The losses counted so far have been answered.
    pub fn clear(&mut self) {
        self.feedback.clear();
    }

    /// The part of the packets that was lost (0 to 1), if it is significantly more than is tolerated.
    pub fn excess(&self) -> Option<f64> {
        let sum = |pick: fn(&(Instant, u32, u32)) -> u32| {
            self.feedback
                .iter()
                .map(pick)
                .fold(0u32, u32::saturating_add)
        };
        let (lost, all) = (sum(|batch| batch.1), sum(|batch| batch.2));
        if all < MIN_PACKETS {
            return None;
        }
        let share = f64::from(lost) / f64::from(all);
        // Twice the standard error of a proportion.
        let margin = 2.0 * (share * (1.0 - share) / f64::from(all)).sqrt();
        (share - margin > TOLERATED).then_some(share)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn results(start: Instant, count: u64, lost: impl Fn(u64) -> bool) -> Vec<PacketResult> {
        let each = (0..count).map(|index| PacketResult {
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
        let mut loss = LossRate::default();
        loss.add(&results(start, 200, |index| index % 10 == 0), start);
        assert_eq!(loss.excess(), None);
        loss.add(&results(start, 200, |index| index % 3 == 0), start);
        assert!(loss.excess().is_some_and(|share| share > 0.2));
        loss.clear();
        assert_eq!(loss.excess(), None);
    }

    #[test]
    fn an_outage_says_nothing_about_the_rate() {
        let start = Instant::now();
        let mut loss = LossRate::default();
        loss.add(
            &results(start, 500, |index| (100..400).contains(&index)),
            start,
        );
        assert_eq!(loss.excess(), None);
    }
}
