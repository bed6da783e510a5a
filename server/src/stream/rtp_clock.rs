//! Pure: when a sample was made → its RTP timestamp (RFC 3550 §5.1).

use std::time::Instant;

/// One track's. Two samples must not have one timestamp, or they are taken for one.
#[derive(Clone, Copy, Debug)]
pub struct RtpClock {
    /// Ticks per second.
    rate: u32,
    /// When it began to tick.
    epoch: Instant,
    last: u32,
}

impl RtpClock {
    /// Begins to tick at `epoch`, `rate` times a second.
    pub fn new(rate: u32, epoch: Instant) -> RtpClock {
        RtpClock {
            rate,
            epoch,
            last: 0,
        }
    }

    /// Always later than the one before, modulo 2³².
    pub fn timestamp(&mut self, at: Instant) -> u32 {
        let since = at.saturating_duration_since(self.epoch);
        let ticks = since.as_micros() * u128::from(self.rate) / 1_000_000;
        let mut timestamp = ticks as u32;
        if timestamp.wrapping_sub(self.last).wrapping_sub(1) > u32::MAX / 2 {
            timestamp = self.last.wrapping_add(1);
        }
        self.last = timestamp;
        timestamp
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::time::Duration;

    #[test]
    fn it_ticks_at_its_rate() {
        let epoch = Instant::now();
        let mut clock = RtpClock::new(90_000, epoch);
        let second = Duration::from_secs(1);
        assert_eq!(clock.timestamp(epoch + second), 90_000);
        assert_eq!(clock.timestamp(epoch + 3 * second / 2), 135_000);
    }

    proptest! {
        /// Over many hours, so that it wraps around.
        #[test]
        fn every_timestamp_is_later_than_the_one_before(
            steps in proptest::collection::vec(0u64..7_200_000, 1..100),
            back in 0u64..100,
        ) {
            let epoch = Instant::now();
            let mut clock = RtpClock::new(90_000, epoch);
            let mut millis = 0;
            let mut last = None;
            for step in steps {
                millis += step;
                // A sample may be of an older picture than the one before.
                let at = epoch + Duration::from_millis(millis.saturating_sub(step % 2 * back));
                let timestamp = clock.timestamp(at);
                if let Some(last) = last.replace(timestamp) {
                    let ahead = timestamp.wrapping_sub(last);
                    prop_assert!((1..=u32::MAX / 2 + 1).contains(&ahead), "{ahead}");
                }
            }
        }
    }
}
