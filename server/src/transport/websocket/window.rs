//! Pure: frames that were sent on a web socket and which of them the viewer has → what waits on the way, and what the way
//! carries.
//!
//! TCP repairs and orders by itself and tells nobody, the kernel and every proxy on the way keep bytes of their own, so
//! the viewer says of each frame that it has come. What has not come is the backlog, wherever it lies. The round trip
//! grows when more is sent than the way carries; then what arrives in that time is what it does carry.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::bitrate::Bitrate;

/// Below this no page can be read.
const LEAST: Bitrate = Bitrate::kbps(150);
/// A round trip that is longer than the shortest by this much means a queue rather than jitter.
const QUEUE: Duration = Duration::from_millis(80);
/// Less than this on the way does not fill any: that it is late is a busy machine's doing.
const TELLING: usize = 12_000;
/// A part of what arrived, so that the queue becomes empty again.
const BELOW_ARRIVED: f64 = 0.9;
/// One lost packet holds up all that follow it, and looks like a narrow way for a moment.
const LEAST_STEP: f64 = 0.7;
const STEP_EVERY: Duration = Duration::from_millis(100);
/// Growth per second, while what is believed is also used.
const GROWTH: f64 = 0.6;
const USED: f64 = 0.5;
/// What arrived in this time is the present rate.
const PRESENT: Duration = Duration::from_millis(500);
/// The shortest round trip of one to two of these is the base.
const BASE_WINDOW: Duration = Duration::from_secs(15);
/// Nothing moves: for how long is unknown, so it is looked at again after this.
const LONGEST_WAIT: Duration = Duration::from_secs(1);

struct Flight {
    timestamp: u32,
    bytes: usize,
    sent_at: Instant,
    /// When it should have been taken.
    due: Instant,
    /// All that was on its way then.
    flying: usize,
    /// What had arrived when it was sent, and since when that or nothing was on its way.
    arrived: u64,
    since: Instant,
}

pub struct Window {
    ceiling: Bitrate,
    adapt: bool,
    estimate: Bitrate,
    flights: VecDeque<Flight>,
    flying: usize,
    /// All bytes that ever arrived, and when the last did.
    arrived: u64,
    arrived_at: Instant,
    lately: VecDeque<(Instant, usize)>,
    base: Shortest,
    queue: Duration,
    lowered_at: Instant,
    grown_at: Instant,
}

impl Window {
    pub fn new(ceiling: Bitrate, adapt: bool, now: Instant) -> Window {
        Window {
            ceiling,
            adapt,
            estimate: ceiling,
            flights: VecDeque::new(),
            flying: 0,
            arrived: 0,
            arrived_at: now,
            lately: VecDeque::new(),
            base: Shortest::new(now),
            queue: Duration::ZERO,
            lowered_at: now,
            grown_at: now,
        }
    }

    pub fn estimate(&self) -> Bitrate {
        self.estimate
    }

    /// How much longer than at best the last frame was on its way.
    pub fn queue(&self) -> Duration {
        self.queue
    }

    pub fn sent(&mut self, timestamp: u32, bytes: usize, now: Instant) {
        let since = match self.flights.is_empty() {
            true => now + self.base.get(),
            false => self.arrived_at,
        };
        self.flying += bytes;
        self.flights.push_back(Flight {
            timestamp,
            bytes,
            sent_at: now,
            flying: self.flying,
            due: now + self.base.get() + self.estimate.time_for(self.flying),
            arrived: self.arrived,
            since,
        });
    }

    /// The viewer has this frame, and all before it. `false` if it cannot have it.
    pub fn taken(&mut self, timestamp: u32, now: Instant) -> bool {
        let named = |flight: &Flight| flight.timestamp == timestamp;
        let Some(place) = self.flights.iter().position(named) else {
            return false;
        };
        let Some(last) = self.flights.drain(..=place).next_back() else {
            return false;
        };
        let flying = self.flights.iter().map(|flight| flight.bytes).sum();
        let bytes = self.flying - flying;
        self.flying = flying;
        self.arrived += bytes as u64;
        self.arrived_at = now;
        self.lately.push_back((now, bytes));
        let round_trip = now.saturating_duration_since(last.sent_at);
        self.base.push(round_trip, now);
        self.queue = round_trip.saturating_sub(self.base.get());
        if self.adapt {
            self.learn(&last, now);
        }
        true
    }

    fn learn(&mut self, last: &Flight, now: Instant) {
        if self.queue > QUEUE {
            self.grown_at = now;
            let took = now.saturating_duration_since(last.since).as_secs_f64();
            let bits = (self.arrived - last.arrived) as f64 * 8.0;
            // A frame that was alone tells nothing if it was as quick as the shortest.
            let carried = Bitrate::bps((bits / took.max(0.001)) as u32).part(BELOW_ARRIVED);
            let again = now.saturating_duration_since(self.lowered_at) >= STEP_EVERY;
            if carried < self.estimate && again && last.flying >= TELLING {
                self.estimate = carried.max(self.estimate.part(LEAST_STEP)).max(LEAST);
                self.lowered_at = now;
            }
        } else if self.queue < QUEUE / 2 {
            let passed = now.saturating_duration_since(self.grown_at);
            self.grown_at = now;
            if self.acked(now) >= self.estimate.part(USED) {
                let growth = 1.0 + GROWTH * passed.min(PRESENT).as_secs_f64();
                self.estimate = self.estimate.part(growth).min(self.ceiling);
            }
        }
    }

    /// What arrives at present.
    pub fn acked(&mut self, now: Instant) -> Bitrate {
        let is_old = |at: Instant| now.saturating_duration_since(at) > PRESENT;
        while self.lately.front().is_some_and(|(at, _)| is_old(*at)) {
            self.lately.pop_front();
        }
        let bytes: usize = self.lately.iter().map(|(_, bytes)| bytes).sum();
        Bitrate::bps((bytes as f64 * 8.0 / PRESENT.as_secs_f64()) as u32)
    }

    /// How long a frame that is sent now waits for others.
    pub fn backlog(&self, now: Instant) -> Duration {
        let Some(oldest) = self.flights.front() else {
            return Duration::ZERO;
        };
        let waits = self.estimate.time_for(self.flying);
        let late = now.saturating_duration_since(oldest.due);
        (waits.saturating_sub(self.base.get()) + late).min(LONGEST_WAIT)
    }
}

/// The shortest of the last 15 to 30 seconds: a way may become longer.
struct Shortest {
    began: Instant,
    before: Option<Duration>,
    now: Option<Duration>,
}

impl Shortest {
    fn new(now: Instant) -> Shortest {
        Shortest {
            began: now,
            before: None,
            now: None,
        }
    }

    fn push(&mut self, value: Duration, now: Instant) {
        if now.saturating_duration_since(self.began) > BASE_WINDOW {
            self.began = now;
            self.before = self.now.take();
        }
        self.now = Some(self.now.map_or(value, |known| known.min(value)));
    }

    /// Zero before there is any.
    fn get(&self) -> Duration {
        self.now
            .into_iter()
            .chain(self.before)
            .min()
            .unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const FRAME: Duration = Duration::from_micros(16_667);

    /// A way with a queue without end, as a proxy makes it.
    struct Way {
        rate: Bitrate,
        delay: Duration,
        free_at: Instant,
        coming: VecDeque<(Instant, u32)>,
        timestamp: u32,
    }

    struct Outcome {
        /// Of each frame, from being wanted to being seen.
        ages: Vec<Duration>,
        estimate: Bitrate,
    }

    /// Sixty pictures a second, each as large as the estimate allows (`share` of it), held back as the gate does.
    fn stream(
        window: &mut Window,
        way: &mut Way,
        from: Instant,
        length: Duration,
        share: f64,
    ) -> Outcome {
        let mut ages = Vec::new();
        let (mut now, mut next) = (from, from);
        let mut shown: VecDeque<(u32, Instant)> = VecDeque::new();
        while now < from + length {
            now += Duration::from_millis(1);
            while way.coming.front().is_some_and(|(at, _)| *at <= now) {
                let (_, taken) = way.coming.pop_front().unwrap();
                window.taken(taken, now);
                if let Some(place) = shown.iter().position(|(name, _)| *name == taken) {
                    let (_, wanted) = shown.remove(place).unwrap();
                    ages.push(now - way.delay / 2 - wanted);
                }
            }
            if now < next || window.backlog(now) > FRAME {
                continue;
            }
            next = now + FRAME;
            way.timestamp += 1500;
            let timestamp = way.timestamp;
            let bytes = (window.estimate().part(0.9 * share).bytes_in(FRAME) as usize).max(60);
            window.sent(timestamp, bytes, now);
            way.free_at = way.free_at.max(now) + way.rate.time_for(bytes);
            way.coming.push_back((way.free_at + way.delay, timestamp));
            shown.push_back((timestamp, now));
        }
        ages.sort_unstable();
        Outcome {
            ages,
            estimate: window.estimate(),
        }
    }

    fn way(rate: u32, delay: u64, now: Instant) -> Way {
        Way {
            rate: Bitrate::kbps(rate),
            delay: Duration::from_millis(delay),
            free_at: now,
            coming: VecDeque::new(),
            timestamp: 0,
        }
    }

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_wide_way_stays_at_the_ceiling_and_never_holds_back() {
        let now = Instant::now();
        let mut window = Window::new(Bitrate::kbps(6000), true, now);
        let mut way = way(100_000, 20, now);
        let outcome = stream(&mut window, &mut way, now, 5 * SECOND, 1.0);
        assert_eq!(outcome.estimate, Bitrate::kbps(6000));
        assert!(outcome.ages.len() > 280, "{} frames", outcome.ages.len());
    }

    #[test]
    fn a_narrow_way_is_found_and_its_queue_kept_short() {
        let now = Instant::now();
        let mut window = Window::new(Bitrate::kbps(6000), true, now);
        let mut way = way(1500, 40, now);
        stream(&mut window, &mut way, now, 3 * SECOND, 1.0);
        let outcome = stream(&mut window, &mut way, now + 3 * SECOND, 10 * SECOND, 1.0);
        let kilobits = outcome.estimate.as_bps() / 1000;
        assert!((800..2600).contains(&kilobits), "{kilobits} kb/s");
        let p95 = outcome.ages[outcome.ages.len() * 95 / 100];
        assert!(p95 < Duration::from_millis(200), "{p95:?}");
        assert!(outcome.ages.len() > 250, "{} frames", outcome.ages.len());
    }

    #[test]
    fn it_recovers_when_the_way_becomes_wide_again() {
        let now = Instant::now();
        let mut window = Window::new(Bitrate::kbps(6000), true, now);
        let mut way = way(1000, 30, now);
        stream(&mut window, &mut way, now, 5 * SECOND, 1.0);
        way.rate = Bitrate::kbps(20_000);
        let outcome = stream(&mut window, &mut way, now + 5 * SECOND, 6 * SECOND, 1.0);
        assert!(
            outcome.estimate >= Bitrate::kbps(4800),
            "{}",
            outcome.estimate
        );
    }

    #[test]
    fn an_idle_page_changes_nothing() {
        let now = Instant::now();
        let mut window = Window::new(Bitrate::kbps(6000), true, now);
        let mut way = way(1500, 40, now);
        let before = stream(&mut window, &mut way, now, 5 * SECOND, 1.0).estimate;
        // Once what was sent has arrived.
        stream(&mut window, &mut way, now + 5 * SECOND, SECOND, 0.01);
        let before = before.max(window.estimate());
        let idle = stream(&mut window, &mut way, now + 6 * SECOND, 60 * SECOND, 0.01);
        assert!(
            idle.estimate <= before && idle.estimate >= before.part(0.7),
            "{} {before}",
            idle.estimate
        );
    }

    #[test]
    fn a_busy_machine_is_not_taken_for_a_narrow_way() {
        let mut now = Instant::now();
        let mut window = Window::new(Bitrate::kbps(6000), true, now);
        window.sent(0, 1000, now);
        window.taken(0, now + Duration::from_millis(2));
        for timestamp in 1..200 {
            window.sent(timestamp, 2000, now);
            now += Duration::from_millis(150);
            window.taken(timestamp, now);
        }
        assert_eq!(window.estimate(), Bitrate::kbps(6000));
    }

    #[test]
    fn what_does_not_arrive_grows_old() {
        let now = Instant::now();
        let mut window = Window::new(Bitrate::kbps(6000), true, now);
        window.sent(1, 1000, now);
        assert!(window.taken(1, now + Duration::from_millis(20)));
        window.sent(2, 1000, now + SECOND);
        assert!(window.backlog(now + SECOND) < Duration::from_millis(5));
        assert!(window.backlog(now + SECOND + SECOND / 2) > Duration::from_millis(400));
        assert_eq!(window.backlog(now + 20 * SECOND), LONGEST_WAIT);
        assert!(!window.taken(7, now + 20 * SECOND), "never sent");
        assert!(window.taken(2, now + 20 * SECOND));
        assert_eq!(window.backlog(now + 20 * SECOND), Duration::ZERO);
    }

    proptest! {
        #[test]
        fn whatever_a_viewer_claims_the_estimate_stays_within_its_bounds(
            claims in proptest::collection::vec((0u32..8, any::<bool>(), 0usize..1_000_000, 0u64..400), 0..200),
        ) {
            let mut now = Instant::now();
            let mut window = Window::new(Bitrate::kbps(6000), true, now);
            for (timestamp, sends, bytes, millis) in claims {
                now += Duration::from_millis(millis);
                match sends {
                    true => window.sent(timestamp, bytes, now),
                    false => { window.taken(timestamp, now); }
                }
                prop_assert!(window.estimate() >= LEAST && window.estimate() <= Bitrate::kbps(6000));
                prop_assert!(window.backlog(now) <= LONGEST_WAIT);
            }
        }
    }
}
