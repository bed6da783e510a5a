//! Pure: when a finger did something by its viewer's clock → when by Chrome's. How quick a stroke is, is told by its times:
//! what the network holds back and lets go at once must not look like a finger that stopped and leapt.

/// Times older than this are none, in milliseconds.
const OLDEST: u32 = 500;

/// Milliseconds on both clocks; both wrap.
#[derive(Debug, Default)]
pub struct TouchClock {
    /// Added to the viewer's time it gives Chrome's.
    offset: u32,
    last: u32,
}

impl TouchClock {
    /// The first finger comes down.
    pub fn begin(&mut self, told: Option<u32>, now: u32) -> u32 {
        self.offset = now.wrapping_sub(told.unwrap_or(now));
        self.last = now;
        now
    }

    /// Of what follows: neither before what came last nor after `now`.
    pub fn at(&mut self, told: Option<u32>, now: u32) -> u32 {
        let at = told.map_or(now, |told| told.wrapping_add(self.offset));
        if let Some(told) = told.filter(|_| is_after(at, now)) {
            // It was quicker on its way than the first one.
            self.offset = now.wrapping_sub(told);
        }
        let least = [self.last, now.wrapping_sub(OLDEST)];
        let at = least.into_iter().fold(at, later);
        self.last = if is_after(at, now) { now } else { at };
        self.last
    }
}

fn is_after(one: u32, other: u32) -> bool {
    one.wrapping_sub(other).cast_signed() > 0
}

fn later(one: u32, other: u32) -> u32 {
    if is_after(other, one) { other } else { one }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_comes_in_a_burst_keeps_its_pace() {
        let mut clock = TouchClock::default();
        assert_eq!(clock.begin(Some(7000), 100), 100);
        assert_eq!(clock.at(Some(7016), 116), 116);
        // Held back for a while.
        let burst = [7032, 7048, 7064].map(|told| clock.at(Some(told), 170));
        assert_eq!(burst, [132, 148, 164]);
    }

    #[test]
    fn a_first_one_that_was_slow_does_not_date_the_others_ahead() {
        let mut clock = TouchClock::default();
        clock.begin(Some(7000), 150);
        assert_eq!(clock.at(Some(7016), 151), 151);
        assert_eq!(clock.at(Some(7032), 170), 167);
    }

    #[test]
    fn who_tells_no_time_means_now() {
        let mut clock = TouchClock::default();
        assert_eq!(clock.begin(None, 5), 5);
        assert_eq!(clock.at(None, 9), 9);
    }

    proptest! {
        #[test]
        fn times_never_go_back_nor_ahead(
            start in any::<u32>(), steps in proptest::collection::vec((any::<Option<u32>>(), 0u32..2000), 1..40),
        ) {
            let mut clock = TouchClock::default();
            let mut now = start;
            let mut last = clock.begin(Some(0), now);
            for (told, later) in steps {
                now = now.wrapping_add(later);
                let at = clock.at(told, now);
                prop_assert!(!is_after(last, at) && !is_after(at, now), "{last} {at} {now}");
                last = at;
            }
        }
    }
}
