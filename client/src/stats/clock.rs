//! Pure: the server's clock read on this side's, from pings; and how far wrong that may be.
//!
//! A ping and its answer bound the offset for certain: the server's time lies between sending and receiving. All bounds
//! of the last minute hold together, each a little wider the older it is, because clocks drift; the narrowest part that
//! all of them leave is known. Nothing is said about how the way there and the way back share the time.

use std::collections::VecDeque;

use serde::Serialize;

/// Quartz drifts by some 20 in a million, and the two sides may drift apart.
const DRIFT: f64 = 1e-4;
/// Older ones have drifted too far to help.
const WINDOW_MILLIS: f64 = 60_000.0;
/// As many as a minute has seconds.
const MOST_EXCHANGES: usize = 60;
/// The first few quickly, for a first estimate; then enough to follow the drift.
const EAGER_EXCHANGES: usize = 8;
const EAGER_EVERY_MILLIS: f64 = 900.0;
const EVERY_MILLIS: f64 = 3_900.0;

/// The server's time minus ours.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Offset {
    #[serde(skip)]
    pub millis: f64,
    /// The true one is not further away than this.
    pub uncertainty_millis: f64,
}

/// What one ping says: the offset lies between these, at this time of ours.
#[derive(Clone, Copy, Debug)]
struct Exchange {
    at: f64,
    low: f64,
    high: f64,
}

#[derive(Clone, Debug, Default)]
pub struct Clock {
    /// Newest first.
    exchanges: VecDeque<Exchange>,
}

impl Clock {
    /// Times in milliseconds, ours but for `server`.
    pub fn exchanged(&mut self, sent: f64, server: f64, received: f64) {
        let bounds = Exchange {
            at: received,
            low: server - received,
            high: server - sent,
        };
        let is_sound = bounds.low.is_finite() && bounds.high.is_finite() && sent <= received;
        if !is_sound {
            return;
        }
        self.exchanges.push_front(bounds);
        self.exchanges.truncate(MOST_EXCHANGES);
        // What cannot be true together with the newest was true before a clock stood still (a sleeping laptop) or jumped.
        let kept = self.agreeing(received).1;
        self.exchanges.truncate(kept);
    }

    /// Another peer may be another server.
    pub fn forget(&mut self) {
        self.exchanges.clear();
    }

    pub fn offset(&self, now: f64) -> Option<Offset> {
        let (bounds, kept) = self.agreeing(now);
        (kept > 0).then(|| {
            let (low, high) = bounds;
            Offset {
                millis: (low + high) / 2.0,
                uncertainty_millis: (high - low) / 2.0,
            }
        })
    }

    /// Whether another ping would help.
    pub fn wants_ping(&self, now: f64) -> bool {
        let every = match self.exchanges.len() < EAGER_EXCHANGES {
            true => EAGER_EVERY_MILLIS,
            false => EVERY_MILLIS,
        };
        let newest = self.exchanges.front();
        newest.is_none_or(|newest| now - newest.at >= every)
    }

    /// The bounds that the newest exchanges leave together, and how many these are.
    fn agreeing(&self, now: f64) -> ((f64, f64), usize) {
        let mut left = (f64::NEG_INFINITY, f64::INFINITY);
        let mut kept = 0;
        for exchange in &self.exchanges {
            let age = (now - exchange.at).max(0.0);
            let drift = age * DRIFT;
            let both = (
                left.0.max(exchange.low - drift),
                left.1.min(exchange.high + drift),
            );
            if age > WINDOW_MILLIS && kept > 0 || both.0 > both.1 {
                break;
            }
            (left, kept) = (both, kept + 1);
        }
        (left, kept)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// However the ways there and back share the time, whatever the drift within its bound.
        #[test]
        fn the_true_offset_lies_within_the_stated_uncertainty(
            start in -1e9..1e9f64,
            drift in -DRIFT..DRIFT,
            pings in proptest::collection::vec((0.0..300.0f64, 0.0..300.0f64, 0.0..9_000.0f64), 1..80),
            later in 0.0..30_000.0f64,
        ) {
            let mut clock = Clock::default();
            let offset = |at: f64| start + drift * at;
            let mut now = 1000.0;
            for (there, back, pause) in pings {
                let (sent, answered) = (now, now + there);
                now = answered + back;
                clock.exchanged(sent, answered + offset(answered), now);
                now += pause;
            }
            now += later;
            let estimate = clock.offset(now).expect("pings were answered");
            prop_assert!(estimate.uncertainty_millis >= 0.0);
            let error = (estimate.millis - offset(now)).abs();
            // The last term is what an f64 resolves at such offsets.
            prop_assert!(error <= estimate.uncertainty_millis + 1e-6, "{} of ±{}", error, estimate.uncertainty_millis);
        }

        #[test]
        fn no_numbers_break_it(
            numbers in proptest::collection::vec((any::<f64>(), any::<f64>(), any::<f64>()), 0..20),
            now in any::<f64>(),
        ) {
            let mut clock = Clock::default();
            for (sent, server, received) in numbers {
                clock.exchanged(sent, server, received);
            }
            let _ = (clock.offset(now), clock.wants_ping(now));
        }
    }

    #[test]
    fn quick_answers_narrow_it() {
        let mut clock = Clock::default();
        assert_eq!(clock.offset(0.0), None);
        clock.exchanged(0.0, 5050.0, 100.0);
        clock.exchanged(1000.0, 6001.0, 1002.0);
        clock.exchanged(2000.0, 7080.0, 2100.0);
        let offset = clock.offset(2100.0).expect("answered");
        assert!((offset.millis - 5000.0).abs() <= 1.2);
        assert!(offset.uncertainty_millis <= 1.2);
    }

    #[test]
    fn a_clock_that_stood_still_is_noticed_at_once() {
        let mut clock = Clock::default();
        clock.exchanged(0.0, 5001.0, 2.0);
        clock.exchanged(1000.0, 66_001.0, 1002.0);
        let offset = clock.offset(1002.0).expect("answered");
        assert!((offset.millis - 65_000.0).abs() <= 1.0);
        assert_eq!(clock.exchanges.len(), 1);
    }

    #[test]
    fn pings_become_rare() {
        let mut clock = Clock::default();
        assert!(clock.wants_ping(0.0));
        for second in 0..EAGER_EXCHANGES {
            let at = second as f64 * 1000.0;
            assert!(clock.wants_ping(at + 950.0));
            clock.exchanged(at, at, at + 1.0);
        }
        let last = (EAGER_EXCHANGES - 1) as f64 * 1000.0;
        assert!(!clock.wants_ping(last + 2000.0));
        assert!(clock.wants_ping(last + 4000.0));
    }
}
