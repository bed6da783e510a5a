//! Pure: the ticks that Chrome draws on, and how they are moved.
//!
//! Chrome takes the time and the interval that `wp_presentation` tells it for those of the screen, and begins each frame on
//! such a tick. Without them it follows the moments at which its frame callbacks are answered, too quickly, and its frames
//! wait for the encoder's next turn.
//!
//! A Chrome that keeps its pages to half of that (`ThrottleMainFrameTo60Hz`) is told of a screen twice as quick as pictures
//! are wanted: what a page draws on one tick is on the screen with the next, and a frame that was late once has a free
//! tick to catch up. On a screen as quick as the page each such frame makes all later ones an interval older, two or three
//! times, until the page rests.
//!
//! Where the ticks lie is free. The viewer says how long pictures wait for a refresh of its own screen; moving the ticks
//! by that much makes them younger when they are seen, and keeps two of them out of one refresh.

use std::time::{Duration, Instant};

/// A tick is moved by this part of the interval at most, so that no frame is left out or comes twice.
const STEP: i64 = 32;

/// Sixty pictures a second, or nearly.
const LONGEST_QUICK: Duration = Duration::from_millis(20);

/// The ticks of a screen that Chrome believes in.
#[derive(Clone, Copy, Debug)]
pub struct FrameClock {
    /// From picture to picture.
    interval: Duration,
    /// Refreshes in it.
    refreshes: u32,
    /// One of them.
    tick: Instant,
    /// How much later the ticks are still to become, in nanoseconds.
    shift: i64,
}

impl FrameClock {
    /// The first tick is `now`.
    pub fn new(frame_rate: u32, now: Instant) -> FrameClock {
        // Two of whole microseconds, as Chrome counts.
        let half = Duration::from_micros((500_000 / frame_rate.clamp(1, 1000)).into());
        FrameClock {
            interval: 2 * half,
            refreshes: 1,
            tick: now,
            shift: 0,
        }
    }

    /// What Chrome takes for the screen's interval.
    pub fn refresh(&self) -> Duration {
        self.interval / self.refreshes
    }

    /// The screen is twice as quick from now on. Chrome keeps its pages to 60 frames a second, so where fewer are wanted
    /// it is of no use.
    pub fn quicken(&mut self) {
        if self.interval < LONGEST_QUICK {
            self.refreshes = 2;
        }
    }

    /// The ticks are to be so much later; the shorter way is taken, whatever is asked. Replaces what was asked before.
    pub fn delay(&mut self, micros: i32) {
        let interval = self.nanos();
        let later = (i64::from(micros) * 1000).rem_euclid(interval);
        self.shift = if later > interval / 2 {
            later - interval
        } else {
            later
        };
    }

    /// The last tick that is not after `now`, which never goes back.
    pub fn tick(&mut self, now: Instant) -> Instant {
        let passed = self.passed(now);
        if passed > 0 {
            self.tick += self.interval * passed;
            // Over a long rest nobody draws: then any step is a small one.
            let most = (self.nanos() / STEP).saturating_mul(passed.into());
            let step = self.shift.clamp(-most, most);
            self.shift -= step;
            let moved = Duration::from_nanos(step.unsigned_abs());
            match step >= 0 {
                true => self.tick += moved,
                false => self.tick -= moved,
            }
        }
        match self.tick > now {
            true => self.tick - self.interval,
            false => self.tick,
        }
    }

    /// How long ago Chrome began what it commits now: it draws on the last refresh, as soon as that has come, what it
    /// began on the one before.
    pub fn since_last_but_one(&mut self, now: Instant) -> Duration {
        let since = now.saturating_duration_since(self.tick(now)).as_nanos();
        let since = since % self.refresh().as_nanos();
        self.refresh() + Duration::from_nanos(u64::try_from(since).unwrap_or_default())
    }

    /// The first tick that is not before `at`.
    pub fn next_tick(&self, at: Instant) -> Instant {
        let passed = self.passed(at);
        let tick = self.tick + self.interval * passed;
        match tick < at {
            true => tick + self.interval,
            false => tick,
        }
    }

    /// Whole intervals since the tick that was worked out last.
    fn passed(&self, at: Instant) -> u32 {
        let since = at.saturating_duration_since(self.tick).as_nanos();
        u32::try_from(since / self.interval.as_nanos()).unwrap_or(u32::MAX)
    }

    fn nanos(&self) -> i64 {
        i64::try_from(self.interval.as_nanos()).unwrap_or(i64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const INTERVAL: Duration = Duration::from_micros(16_666);

    #[test]
    fn ticks_keep_their_distance() {
        let mut clock = FrameClock::new(60, Instant::now());
        assert_eq!(clock.refresh(), INTERVAL);
        clock.quicken();
        assert_eq!(clock.refresh() * 2, INTERVAL);
        let first = clock.tick(clock.tick + Duration::from_secs(100));
        for tick in 1..100 {
            let now = first + INTERVAL * tick + Duration::from_millis(u64::from(tick) % 16);
            assert_eq!(clock.tick(now), first + INTERVAL * tick);
            assert_eq!(
                clock.next_tick(now - Duration::from_millis(16)),
                first + INTERVAL * tick
            );
        }
    }

    #[test]
    fn what_is_committed_was_begun_a_refresh_before_the_last() {
        let first = Instant::now();
        let mut clock = FrameClock::new(60, first);
        let after = |micros| first + Duration::from_micros(micros);
        let since = Duration::from_micros;
        assert_eq!(clock.since_last_but_one(after(3500)), since(20_166));
        clock.quicken();
        assert_eq!(clock.since_last_but_one(after(3500)), since(11_833));
        assert_eq!(clock.since_last_but_one(after(11_833)), since(11_833));
    }

    #[test]
    fn a_slow_screen_stays_slow() {
        let mut clock = FrameClock::new(30, Instant::now());
        clock.quicken();
        assert_eq!(clock.refresh(), Duration::from_micros(33_332));
    }

    #[test]
    fn they_are_moved_little_by_little_the_shorter_way() {
        for (asked, moved) in [(3000, 3000), (-3000, -3000), (12_000, -4666)] {
            let first = Instant::now();
            let mut clock = FrameClock::new(60, first);
            clock.delay(asked);
            let mut last = first;
            for tick in 1..=60u32 {
                // Late enough that the tick has passed, wherever it was moved.
                let now = first + INTERVAL * tick + Duration::from_millis(8);
                let distance = (clock.tick(now) - last).as_micros().abs_diff(16_666);
                assert!(distance <= 521, "{distance}");
                last = clock.tick(now);
            }
            let shift = (last - first).as_micros() as i64 - (INTERVAL * 60).as_micros() as i64;
            assert_eq!(shift, moved);
        }
    }

    #[test]
    fn a_page_that_rested_has_its_ticks_moved_at_once() {
        let first = Instant::now();
        let mut clock = FrameClock::new(60, first);
        clock.delay(5000);
        let tick = clock.tick(first + INTERVAL * 60 + Duration::from_millis(8));
        assert_eq!(tick, first + INTERVAL * 60 + Duration::from_micros(5000));
    }

    proptest! {
        #[test]
        fn the_tick_has_just_passed_whatever_is_asked(
            rate in 0u32..2000,
            steps in prop::collection::vec((0u64..100_000_000, any::<i32>()), 1..100),
        ) {
            let mut now = Instant::now();
            let mut clock = FrameClock::new(rate, now);
            for (nanos, asked) in steps {
                now += Duration::from_nanos(nanos);
                clock.delay(asked);
                let tick = clock.tick(now);
                prop_assert!(tick <= now);
                prop_assert!(now - tick <= 2 * clock.refresh());
                prop_assert!(clock.next_tick(now) >= now);
                prop_assert!(clock.next_tick(now) - now < clock.refresh());
            }
        }
    }
}
