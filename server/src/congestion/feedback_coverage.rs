//! Pure: which packets the receiver's feedback has spoken about.
//!
//! Feedback gets lost as packets do. What it would have said of a packet is unknown then: that is no loss on the way to the
//! viewer.

use std::collections::VecDeque;

/// Ranges that are remembered: seconds of them.
const REMEMBERED: usize = 64;

#[derive(Debug, Default)]
pub struct FeedbackCoverage {
    /// First transport-wide sequence number, and how many from there on.
    ranges: VecDeque<(u16, u16)>,
}

impl FeedbackCoverage {
    /// Feedback came.
    pub fn add(&mut self, base: u16, count: u16) {
        self.ranges.push_back((base, count));
        if self.ranges.len() > REMEMBERED {
            self.ranges.pop_front();
        }
    }

    pub fn contains(&self, sequence: u16) -> bool {
        let mut newest_first = self.ranges.iter().rev();
        newest_first.any(|(base, count)| sequence.wrapping_sub(*base) < *count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lost_feedback_would_have_told_is_unknown() {
        let mut coverage = FeedbackCoverage::default();
        coverage.add(65_500, 20);
        // One about 65_520 to 65_530 was lost.
        coverage.add(65_531, 10);
        let known = |sequence| coverage.contains(sequence);
        assert_eq!(
            [65_499, 65_500, 65_519, 65_525, 65_535, 4, 5].map(known),
            [false, true, true, false, true, true, false]
        );
    }

    #[test]
    fn old_ranges_are_forgotten_before_their_numbers_come_again() {
        let mut coverage = FeedbackCoverage::default();
        (0..1000u16).for_each(|turn| coverage.add(turn * 10, 10));
        assert!(coverage.contains(9_999) && !coverage.contains(5));
        assert_eq!(coverage.ranges.len(), REMEMBERED);
    }
}
