//! Pure: frames sent on a web socket, and their acknowledgements → the backlog, and the bitrate that the path carries.
//!
//! TCP recovers and orders by itself and tells nobody, and the kernel and every proxy on the path buffer bytes of their own.
//! So the viewer acknowledges each frame. What is unacknowledged is the backlog, wherever it lies. The round trip grows when
//! more is sent than the path carries; what is acknowledged in that time is its capacity.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::bitrate::Bitrate;

/// The least the estimate can be: below it no page can be read.
const MIN_BITRATE: Bitrate = Bitrate::kbps(150);
/// A round trip that is longer than the least one by this much means a queue rather than jitter.
const MAX_QUEUING_DELAY: Duration = Duration::from_millis(80);
/// Fewer bytes in flight fill no path: that they are late is a busy machine's doing.
const MIN_IN_FLIGHT: usize = 12_000;
/// After overuse the estimate is this part of the acknowledged bitrate, so that the queue drains.
const BACKOFF_FACTOR: f64 = 0.9;
/// One back-off lowers the estimate to no less than this part: one lost packet holds up all that follow it (head-of-line
/// blocking), and looks like a narrow path for a moment.
const MIN_BACKOFF_STEP: f64 = 0.7;
/// Least time between two back-offs.
const BACKOFF_INTERVAL: Duration = Duration::from_millis(100);
/// Growth of the estimate per second, while it is used.
const INCREASE_PER_SECOND: f64 = 0.6;
/// The estimate is used while at least this part of it is acknowledged.
const MIN_UTILIZATION: f64 = 0.5;
/// The acknowledged bitrate is measured over this time.
const ACKED_BITRATE_WINDOW: Duration = Duration::from_millis(500);
/// The least round trip of the present and the previous interval of this length is the base.
const BASE_RTT_WINDOW: Duration = Duration::from_secs(15);
/// While nothing is acknowledged, the backlog is unknown; it is called no longer than this, and looked at again.
const MAX_BACKLOG: Duration = Duration::from_secs(1);

/// A frame that is not acknowledged yet.
struct InFlight {
    timestamp: u32,
    bytes: usize,
    sent_at: Instant,
    /// When it should be acknowledged.
    due: Instant,
    /// Bytes in flight when it was sent, its own included.
    in_flight: usize,
    /// Bytes acknowledged before it was sent …
    acked: u64,
    /// … and when the bytes after those began to arrive.
    since: Instant,
}

/// What is in flight on one web socket, and the estimate of its path.
pub struct AckWindow {
    ceiling: Bitrate,
    adapt: bool,
    estimate: Bitrate,
    frames: VecDeque<InFlight>,
    in_flight: usize,
    /// All bytes that were ever acknowledged, and when the last were.
    acked: u64,
    acked_at: Instant,
    recently_acked: VecDeque<(Instant, usize)>,
    base_rtt: MinRtt,
    queuing_delay: Duration,
    reduced_at: Instant,
    increased_at: Instant,
}

impl AckWindow {
    /// The estimate begins at the ceiling. Without `adapt` it stays there.
    pub fn new(ceiling: Bitrate, adapt: bool, now: Instant) -> AckWindow {
        AckWindow {
            ceiling,
            adapt,
            estimate: ceiling,
            frames: VecDeque::new(),
            in_flight: 0,
            acked: 0,
            acked_at: now,
            recently_acked: VecDeque::new(),
            base_rtt: MinRtt::new(now),
            queuing_delay: Duration::ZERO,
            reduced_at: now,
            increased_at: now,
        }
    }

    /// What the path carries.
    pub fn estimate(&self) -> Bitrate {
        self.estimate
    }

    /// By how much the last acknowledged frame's round trip exceeded the base.
    pub fn queuing_delay(&self) -> Duration {
        self.queuing_delay
    }

    /// A frame was given to the socket. `timestamp` names it.
    pub fn on_sent(&mut self, timestamp: u32, bytes: usize, now: Instant) {
        let since = match self.frames.is_empty() {
            true => now + self.base_rtt.get(),
            false => self.acked_at,
        };
        self.in_flight += bytes;
        self.frames.push_back(InFlight {
            timestamp,
            bytes,
            sent_at: now,
            in_flight: self.in_flight,
            due: now + self.base_rtt.get() + self.estimate.time_for(self.in_flight),
            acked: self.acked,
            since,
        });
    }

    /// The viewer has this frame, and all before it. `false` if no such frame is in flight.
    pub fn on_acked(&mut self, timestamp: u32, now: Instant) -> bool {
        let is_named = |frame: &InFlight| frame.timestamp == timestamp;
        let Some(place) = self.frames.iter().position(is_named) else {
            return false;
        };
        let Some(frame) = self.frames.drain(..=place).next_back() else {
            return false;
        };
        let in_flight = self.frames.iter().map(|frame| frame.bytes).sum();
        let bytes = self.in_flight - in_flight;
        self.in_flight = in_flight;
        self.acked += bytes as u64;
        self.acked_at = now;
        self.recently_acked.push_back((now, bytes));
        let rtt = now.saturating_duration_since(frame.sent_at);
        self.base_rtt.add(rtt, now);
        self.queuing_delay = rtt.saturating_sub(self.base_rtt.get());
        if self.adapt {
            self.update_estimate(&frame, now);
        }
        true
    }

    fn update_estimate(&mut self, frame: &InFlight, now: Instant) {
        if self.queuing_delay > MAX_QUEUING_DELAY {
            self.increased_at = now;
            let took = now.saturating_duration_since(frame.since).as_secs_f64();
            let bits = (self.acked - frame.acked) as f64 * 8.0;
            // A frame that was alone says nothing if it was as quick as the least round trip.
            let capacity = Bitrate::bps((bits / took.max(0.001)) as u32).part(BACKOFF_FACTOR);
            let may_reduce = now.saturating_duration_since(self.reduced_at) >= BACKOFF_INTERVAL;
            if capacity < self.estimate && may_reduce && frame.in_flight >= MIN_IN_FLIGHT {
                let least = self.estimate.part(MIN_BACKOFF_STEP).max(MIN_BITRATE);
                self.estimate = capacity.max(least);
                self.reduced_at = now;
            }
        } else if self.queuing_delay < MAX_QUEUING_DELAY / 2 {
            let passed = now.saturating_duration_since(self.increased_at);
            self.increased_at = now;
            if self.acked_bitrate(now) >= self.estimate.part(MIN_UTILIZATION) {
                let seconds = passed.min(ACKED_BITRATE_WINDOW).as_secs_f64();
                let growth = 1.0 + INCREASE_PER_SECOND * seconds;
                self.estimate = self.estimate.part(growth).min(self.ceiling);
            }
        }
    }

    /// What was acknowledged in the last half second.
    pub fn acked_bitrate(&mut self, now: Instant) -> Bitrate {
        let is_old = |at: Instant| now.saturating_duration_since(at) > ACKED_BITRATE_WINDOW;
        while self
            .recently_acked
            .front()
            .is_some_and(|(at, _)| is_old(*at))
        {
            self.recently_acked.pop_front();
        }
        let bytes: usize = self.recently_acked.iter().map(|(_, bytes)| bytes).sum();
        Bitrate::bps((bytes as f64 * 8.0 / ACKED_BITRATE_WINDOW.as_secs_f64()) as u32)
    }

    /// How long a frame that is sent now waits for others.
    pub fn backlog(&self, now: Instant) -> Duration {
        let Some(oldest) = self.frames.front() else {
            return Duration::ZERO;
        };
        let queued = self.estimate.time_for(self.in_flight);
        let late = now.saturating_duration_since(oldest.due);
        (queued.saturating_sub(self.base_rtt.get()) + late).min(MAX_BACKLOG)
    }
}

/// The least round trip of the last 15 to 30 seconds: a path may become longer.
struct MinRtt {
    /// When the present interval began.
    began: Instant,
    previous: Option<Duration>,
    present: Option<Duration>,
}

impl MinRtt {
    fn new(now: Instant) -> MinRtt {
        MinRtt {
            began: now,
            previous: None,
            present: None,
        }
    }

    fn add(&mut self, rtt: Duration, now: Instant) {
        if now.saturating_duration_since(self.began) > BASE_RTT_WINDOW {
            self.began = now;
            self.previous = self.present.take();
        }
        self.present = Some(self.present.map_or(rtt, |least| least.min(rtt)));
    }

    /// Zero before there is any.
    fn get(&self) -> Duration {
        self.present
            .into_iter()
            .chain(self.previous)
            .min()
            .unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const FRAME: Duration = Duration::from_micros(16_667);

    /// A path with a queue without end, as a proxy makes it.
    struct Path {
        rate: Bitrate,
        delay: Duration,
        free_at: Instant,
        arriving: VecDeque<(Instant, u32)>,
        timestamp: u32,
    }

    struct Outcome {
        /// Of each frame, from being wanted to being seen.
        ages: Vec<Duration>,
        estimate: Bitrate,
    }

    /// Sixty pictures a second, each as large as the estimate allows (`share` of it), sent while the backlog is short.
    fn stream(
        window: &mut AckWindow,
        path: &mut Path,
        from: Instant,
        length: Duration,
        share: f64,
    ) -> Outcome {
        let mut ages = Vec::new();
        let (mut now, mut next) = (from, from);
        let mut shown: VecDeque<(u32, Instant)> = VecDeque::new();
        while now < from + length {
            now += Duration::from_millis(1);
            while path.arriving.front().is_some_and(|(at, _)| *at <= now) {
                let (_, acked) = path.arriving.pop_front().unwrap();
                window.on_acked(acked, now);
                if let Some(place) = shown.iter().position(|(name, _)| *name == acked) {
                    let (_, wanted) = shown.remove(place).unwrap();
                    ages.push(now - path.delay / 2 - wanted);
                }
            }
            if now < next || window.backlog(now) > FRAME {
                continue;
            }
            next = now + FRAME;
            path.timestamp += 1500;
            let timestamp = path.timestamp;
            let bytes = (window.estimate().part(0.9 * share).bytes_in(FRAME) as usize).max(60);
            window.on_sent(timestamp, bytes, now);
            path.free_at = path.free_at.max(now) + path.rate.time_for(bytes);
            path.arriving
                .push_back((path.free_at + path.delay, timestamp));
            shown.push_back((timestamp, now));
        }
        ages.sort_unstable();
        Outcome {
            ages,
            estimate: window.estimate(),
        }
    }

    fn path(rate: u32, delay: u64, now: Instant) -> Path {
        Path {
            rate: Bitrate::kbps(rate),
            delay: Duration::from_millis(delay),
            free_at: now,
            arriving: VecDeque::new(),
            timestamp: 0,
        }
    }

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_wide_path_stays_at_the_ceiling_and_never_blocks() {
        let now = Instant::now();
        let mut window = AckWindow::new(Bitrate::kbps(6000), true, now);
        let mut path = path(100_000, 20, now);
        let outcome = stream(&mut window, &mut path, now, 5 * SECOND, 1.0);
        assert_eq!(outcome.estimate, Bitrate::kbps(6000));
        assert!(outcome.ages.len() > 280, "{} frames", outcome.ages.len());
    }

    #[test]
    fn a_narrow_path_is_found_and_its_queue_kept_short() {
        let now = Instant::now();
        let mut window = AckWindow::new(Bitrate::kbps(6000), true, now);
        let mut path = path(1500, 40, now);
        stream(&mut window, &mut path, now, 3 * SECOND, 1.0);
        let outcome = stream(&mut window, &mut path, now + 3 * SECOND, 10 * SECOND, 1.0);
        let kilobits = outcome.estimate.as_bps() / 1000;
        assert!((800..2600).contains(&kilobits), "{kilobits} kb/s");
        let p95 = outcome.ages[outcome.ages.len() * 95 / 100];
        assert!(p95 < Duration::from_millis(200), "{p95:?}");
        assert!(outcome.ages.len() > 250, "{} frames", outcome.ages.len());
    }

    #[test]
    fn it_recovers_when_the_path_becomes_wide_again() {
        let now = Instant::now();
        let mut window = AckWindow::new(Bitrate::kbps(6000), true, now);
        let mut path = path(1000, 30, now);
        stream(&mut window, &mut path, now, 5 * SECOND, 1.0);
        path.rate = Bitrate::kbps(20_000);
        let outcome = stream(&mut window, &mut path, now + 5 * SECOND, 6 * SECOND, 1.0);
        assert!(
            outcome.estimate >= Bitrate::kbps(4800),
            "{}",
            outcome.estimate
        );
    }

    #[test]
    fn an_idle_page_changes_nothing() {
        let now = Instant::now();
        let mut window = AckWindow::new(Bitrate::kbps(6000), true, now);
        let mut path = path(1500, 40, now);
        let before = stream(&mut window, &mut path, now, 5 * SECOND, 1.0).estimate;
        // Once what was sent has arrived.
        stream(&mut window, &mut path, now + 5 * SECOND, SECOND, 0.01);
        let before = before.max(window.estimate());
        let idle = stream(&mut window, &mut path, now + 6 * SECOND, 60 * SECOND, 0.01);
        assert!(
            idle.estimate <= before && idle.estimate >= before.part(0.7),
            "{} {before}",
            idle.estimate
        );
    }

    #[test]
    fn a_busy_machine_is_not_taken_for_a_narrow_path() {
        let mut now = Instant::now();
        let mut window = AckWindow::new(Bitrate::kbps(6000), true, now);
        window.on_sent(0, 1000, now);
        window.on_acked(0, now + Duration::from_millis(2));
        for timestamp in 1..200 {
            window.on_sent(timestamp, 2000, now);
            now += Duration::from_millis(150);
            window.on_acked(timestamp, now);
        }
        assert_eq!(window.estimate(), Bitrate::kbps(6000));
    }

    #[test]
    fn the_backlog_grows_while_no_acknowledgement_comes() {
        let now = Instant::now();
        let mut window = AckWindow::new(Bitrate::kbps(6000), true, now);
        window.on_sent(1, 1000, now);
        assert!(window.on_acked(1, now + Duration::from_millis(20)));
        window.on_sent(2, 1000, now + SECOND);
        assert!(window.backlog(now + SECOND) < Duration::from_millis(5));
        assert!(window.backlog(now + SECOND + SECOND / 2) > Duration::from_millis(400));
        assert_eq!(window.backlog(now + 20 * SECOND), MAX_BACKLOG);
        assert!(!window.on_acked(7, now + 20 * SECOND), "never sent");
        assert!(window.on_acked(2, now + 20 * SECOND));
        assert_eq!(window.backlog(now + 20 * SECOND), Duration::ZERO);
    }

    proptest! {
        #[test]
        fn whatever_a_viewer_claims_the_estimate_stays_within_its_bounds(
            claims in proptest::collection::vec((0u32..8, any::<bool>(), 0usize..1_000_000, 0u64..400), 0..200),
        ) {
            let mut now = Instant::now();
            let mut window = AckWindow::new(Bitrate::kbps(6000), true, now);
            for (timestamp, sends, bytes, millis) in claims {
                now += Duration::from_millis(millis);
                match sends {
                    true => window.on_sent(timestamp, bytes, now),
                    false => { window.on_acked(timestamp, now); }
                }
                prop_assert!(window.estimate() >= MIN_BITRATE && window.estimate() <= Bitrate::kbps(6000));
                prop_assert!(window.backlog(now) <= MAX_BACKLOG);
            }
        }
    }
}
