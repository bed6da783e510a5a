//! Pure: which transport-wide sequence numbers feedback has named, as arrived or as lost.
//!
//! Feedback gets lost as packets do. What it would have said of a packet is unknown then, which does not mean that the
//! packet was lost.

use std::collections::VecDeque;

/// Feedback messages that are remembered: several seconds.
const MAX_RANGES: usize = 64;

/// The ranges of the newest feedback messages.
#[derive(Debug, Default)]
pub struct TwccCoverage {
    /// Base sequence number and packet status count, the oldest first.
    ranges: VecDeque<(u16, u16)>,
}

impl TwccCoverage {
    /// Feedback came: its base sequence number and packet status count.
    pub fn add(&mut self, base: u16, count: u16) {
        self.ranges.push_back((base, count));
        if self.ranges.len() > MAX_RANGES {
            self.ranges.pop_front();
        }
    }

    /// Whether feedback has named this packet.
    pub fn contains(&self, sequence: u16) -> bool {
        let mut newest_first = self.ranges.iter().rev();
        newest_first.any(|(base, count)| sequence.wrapping_sub(*base) < *count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_lost_feedback_would_have_named_is_unknown() {
        let mut coverage = TwccCoverage::default();
        coverage.add(65_500, 20);
        // One about 65_520 to 65_530 was lost.
        coverage.add(65_531, 10);
        let known = |sequence| coverage.contains(sequence);
        assert_eq!(
            [65_499, 65_500, 65_519, 65_525, 65_535, 4, 5].map(known),
            [false, true, true, false, true, true, false]
        );
    }

    proptest! {
        #[test]
        fn exactly_what_the_newest_feedback_named_is_known(
            ranges in proptest::collection::vec((any::<u16>(), 0u16..200), 0..100),
            sequence_number: u16,
        ) {
            let mut coverage = TwccCoverage::default();
            ranges.iter().for_each(|(base, count)| coverage.add(*base, *count));
            let newest = &ranges[ranges.len().saturating_sub(MAX_RANGES)..];
            let is_named = newest.iter().any(|(base, count)| {
                (0..*count).any(|offset| base.wrapping_add(offset) == sequence_number)
            });
            prop_assert_eq!(coverage.contains(sequence_number), is_named);
        }
    }

    #[test]
    fn old_ranges_are_forgotten_before_their_numbers_come_again() {
        let mut coverage = TwccCoverage::default();
        (0..1000u16).for_each(|turn| coverage.add(turn * 10, 10));
        assert!(coverage.contains(9_999) && !coverage.contains(5));
        assert_eq!(coverage.ranges.len(), MAX_RANGES);
    }
}
