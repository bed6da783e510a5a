//! Estimator and pacer on simulated links, faster than real time.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::*;
use crate::congestion::pacer::Pacer;
use proptest::prelude::*;

const MS: Duration = Duration::from_millis(1);
const PACKET: usize = 1200;

/// A bottleneck with a queue in front of it.
#[derive(Clone)]
struct Link {
    /// Bits per second from these seconds on; 0 is an outage.
    rates: Vec<(f64, f64)>,
    queue: Duration,
    delay: Duration,
    jitter: Duration,
    loss: f64,
    feedback_interval: Duration,
    /// Depth of the link's token bucket in bytes: what it lets by at once after it was idle.
    bucket: f64,
}

impl Link {
    fn of(mbps: f64) -> Link {
        Link::changing(vec![(0.0, mbps * 1e6)])
    }

    fn changing(rates: Vec<(f64, f64)>) -> Link {
        Link {
            rates,
            queue: 200 * MS,
            delay: 10 * MS,
            jitter: Duration::ZERO,
            loss: 0.0,
            feedback_interval: 100 * MS,
            bucket: 0.0,
        }
    }

    fn rate(&self, at: Duration) -> f64 {
        let past = self.rates.iter().rev();
        let mut past = past.skip_while(|(from, _)| *from > at.as_secs_f64());
        past.next().map_or(1e6, |(_, rate)| *rate)
    }
}

/// What is on the screen.
#[derive(Clone, Copy, PartialEq)]
enum Page {
    Scrolls,
    /// A few packets now and then.
    Types,
    Still,
}

struct World {
    link: Link,
    start: Instant,
    now: Duration,
    bandwidth: BandwidthEstimator,
    pacer: Pacer<(usize, Duration, bool)>,
    /// What the encoder was last told, and when.
    encoder: (f64, Duration),
    /// When the bottleneck will have sent all it has.
    busy_until: f64,
    in_flight: Vec<PacketResult>,
    feedback: VecDeque<(Duration, Vec<PacketResult>)>,
    next_feedback: Duration,
    random: u64,
    /// When frames were drawn, and when their last packet came.
    frames: Vec<(Duration, Option<Duration>)>,
    estimates: Vec<f64>,
}

impl World {
    fn new(link: Link, ceiling_mbps: f64) -> World {
        let start = Instant::now();
        let ceiling = Bitrate::bps((ceiling_mbps * 1e6) as u32);
        World {
            link,
            start,
            now: Duration::ZERO,
            bandwidth: BandwidthEstimator::new(ceiling, start),
            pacer: Pacer::new(start),
            encoder: (ceiling_mbps * 1e6, Duration::ZERO),
            busy_until: 0.0,
            in_flight: Vec::new(),
            feedback: VecDeque::new(),
            next_feedback: Duration::ZERO,
            random: 88_172_645_463_325_252,
            frames: Vec::new(),
            estimates: Vec::new(),
        }
    }

    fn random(&mut self) -> f64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        (self.random >> 11) as f64 / (1u64 << 53) as f64
    }

    fn at(&self, time: Duration) -> Instant {
        self.start + time
    }

    fn run(&mut self, until: f64, page: Page) {
        let mut next_frame = self.now;
        while self.now < Duration::from_secs_f64(until) {
            if self.now >= next_frame {
                next_frame += Duration::from_micros(16_667);
                self.draw(page);
            }
            self.deliver_feedback();
            self.pump();
            if (self.now.as_millis() as u64).is_multiple_of(10) {
                self.estimates.push(self.mbps());
            }
            self.now += MS;
        }
    }

    fn mbps(&self) -> f64 {
        f64::from(self.bandwidth.estimate().as_bps()) / 1e6
    }

    /// The newest picture is encoded when the pacer has hardly anything left.
    fn draw(&mut self, page: Page) {
        let estimate = f64::from(self.bandwidth.estimate().as_bps());
        let (told, since) = self.encoder;
        let settle = if estimate > told { 500 } else { 100 } * MS;
        if (estimate / told - 1.0).abs() > 0.08 && self.now >= since + settle {
            self.encoder = (estimate, self.now);
        }
        let budget = self.bandwidth.send_budget(self.at(self.now));
        if self.pacer.queue_time(&budget, self.at(self.now)) > 16 * MS
            || budget.available_window == 0
        {
            return;
        }
        let size = self.encoder.0 / 60.0 / 8.0 * (0.6 + 0.8 * self.random());
        let last = self.frames.last();
        let rested = last.is_some_and(|(drawn, _)| self.now > *drawn + 500 * MS);
        let bytes = match page {
            Page::Scrolls if last.is_none() => 60_000.0,
            // The first frame of a movement takes a tenth of a second of the link.
            Page::Scrolls if rested => self.encoder.0 / 8.0 / 10.0,
            Page::Scrolls => size,
            Page::Types if self.random() < 0.1 => 1500.0,
            Page::Types | Page::Still => return,
        };
        let mut left = bytes as usize;
        self.frames.push((self.now, None));
        while left > 0 {
            let part = left.min(PACKET);
            left -= part;
            self.pacer.push(part, (part, self.now, left == 0));
        }
    }

    fn pump(&mut self) {
        let now = self.at(self.now);
        if !self.pacer.is_empty()
            && let Some(mut wanted) = self.bandwidth.due_probe(now)
        {
            self.bandwidth.on_probe_sent(wanted, now);
            while wanted > 0 {
                let (bytes, drawn, last) =
                    self.pacer
                        .pop_for_probe()
                        .unwrap_or((PACKET, Duration::MAX, false));
                self.send(bytes, drawn, last);
                wanted = wanted.saturating_sub(bytes);
            }
        }
        loop {
            let budget = self.bandwidth.send_budget(now);
            let Some((bytes, drawn, last)) = self.pacer.pop(&budget, now) else {
                break;
            };
            self.send(bytes, drawn, last);
        }
    }

    fn send(&mut self, bytes: usize, drawn: Duration, last: bool) {
        self.bandwidth.on_packet_sent(bytes, self.at(self.now));
        let now = self.now.as_secs_f64();
        let rate = self.link.rate(self.now);
        // A full bucket: as if the link had begun earlier.
        let saved = self.link.bucket * 8.0 / rate.max(1.0);
        let begins = self.busy_until.max(now - saved);
        let is_lost = rate == 0.0
            || begins - now > self.link.queue.as_secs_f64()
            || self.random() < self.link.loss;
        let mut arrival = None;
        if !is_lost {
            self.busy_until = begins + bytes as f64 * 8.0 / rate;
            let jitter = self.link.jitter.mul_f64(self.random());
            let came = Duration::from_secs_f64(self.busy_until.max(now)) + self.link.delay + jitter;
            arrival = Some(came);
            if last && let Some(frame) = self.frames.iter_mut().rev().find(|f| f.0 == drawn) {
                frame.1 = Some(came);
            }
        }
        self.in_flight.push(PacketResult {
            departure: self.at(self.now),
            arrival,
            bytes,
            is_ambiguous: false,
        });
    }

    /// The receiver's clock is an hour ahead, and runs 50 ppm fast.
    fn deliver_feedback(&mut self) {
        if self.now >= self.next_feedback {
            self.next_feedback += self.link.feedback_interval;
            let came = |o: &PacketResult| o.arrival.is_some_and(|arrival| arrival <= self.now);
            if let Some(last) = self.in_flight.iter().rposition(came) {
                let mut results: Vec<_> = self.in_flight.drain(..=last).collect();
                for result in &mut results {
                    result.arrival = result
                        .arrival
                        .map(|arrival| Duration::from_secs(3600) + arrival.mul_f64(1.000_05));
                }
                self.feedback
                    .push_back((self.now + self.link.delay, results));
            }
        }
        while let Some((at, _)) = self.feedback.front()
            && *at <= self.now
        {
            let (_, results) = self.feedback.pop_front().unwrap();
            self.bandwidth.on_feedback(&results, self.at(self.now));
        }
    }

    /// Of frames drawn in this time, in ms: the age of which the `share` part is younger; lost ones do not count.
    fn age(&self, from: f64, to: f64, share: f64) -> f64 {
        let drawn = self
            .frames
            .iter()
            .filter(|(drawn, _)| (from..to).contains(&drawn.as_secs_f64()));
        let mut ages: Vec<_> = drawn
            .filter_map(|(drawn, came)| Some((*came)? - *drawn))
            .map(|age| age.as_secs_f64() * 1000.0)
            .collect();
        ages.sort_by(f64::total_cmp);
        ages[((ages.len() - 1) as f64 * share) as usize]
    }

    fn mean_estimate(&self, from: f64, to: f64) -> f64 {
        let part = &self.estimates[(from * 100.0) as usize..(to * 100.0) as usize];
        part.iter().sum::<f64>() / part.len() as f64
    }
}

#[test]
fn a_free_link_shows_full_quality_at_once_and_always() {
    let mut world = World::new(Link::of(100.0), 6.0);
    world.run(20.0, Page::Scrolls);
    assert!(world.estimates.iter().all(|mbps| *mbps >= 6.0));
    assert!(
        world.age(1.0, 20.0, 0.99) < 14.0,
        "{}",
        world.age(1.0, 20.0, 0.99)
    );
}

#[test]
fn a_narrow_link_settles_and_stays_young() {
    for (mbps, every) in [(1.5, 50), (1.5, 100), (1.5, 250), (3.0, 100), (0.5, 100)] {
        let mut link = Link::of(mbps);
        link.feedback_interval = every * MS;
        let mut world = World::new(link, 6.0);
        world.run(60.0, Page::Scrolls);
        let (p50, p95) = (world.age(3.0, 60.0, 0.5), world.age(3.0, 60.0, 0.95));
        let mean = world.mean_estimate(3.0, 60.0);
        assert!((0.75 * mbps..1.1 * mbps).contains(&mean), "{mean}");
        assert!(p50 < 50.0 && p95 < 150.0, "{mbps} Mb/s: {p50} {p95}");
    }
}

#[test]
fn a_step_down_is_followed_within_two_seconds_and_a_step_up_within_five() {
    for (queue, every) in [(200, 100), (1000, 100), (200, 250), (200, 50), (3000, 100)] {
        let mut link = Link::changing(vec![(0.0, 10e6), (10.0, 1e6), (25.0, 10e6)]);
        link.queue = queue * MS;
        link.feedback_interval = every * MS;
        let mut world = World::new(link, 10.0);
        world.run(40.0, Page::Scrolls);
        let down = world.age(12.0, 14.0, 0.95);
        assert!(down < 200.0, "{down}");
        assert!(world.mean_estimate(30.0, 40.0) > 8.0);
    }
}

#[test]
fn a_lossy_link_keeps_its_rate() {
    for (loss, least) in [(0.03, 5.6), (0.10, 4.5)] {
        let mut link = Link::of(20.0);
        link.loss = loss;
        link.delay = 25 * MS;
        let mut world = World::new(link, 6.0);
        world.run(60.0, Page::Scrolls);
        assert!(world.mean_estimate(1.0, 60.0) > least);
    }
}

#[test]
fn a_policer_that_queues_nothing_is_noticed() {
    let mut link = Link::of(1.5);
    link.queue = 12 * MS;
    let mut world = World::new(link, 6.0);
    world.run(30.0, Page::Scrolls);
    assert!(world.mean_estimate(5.0, 30.0) < 2.0);
    assert!(world.mean_estimate(5.0, 30.0) > 0.7);
}

#[test]
fn jitter_is_no_congestion() {
    for jitter in [5, 15, 30] {
        let mut link = Link::of(20.0);
        link.jitter = jitter * MS;
        let mut world = World::new(link, 6.0);
        world.run(60.0, Page::Scrolls);
        assert!(world.mean_estimate(1.0, 60.0) > 5.4);
    }
}

#[test]
fn a_page_that_begins_to_move_changes_nothing() {
    for (mbps, delay) in [(1.5, 10), (4.0, 20), (4.0, 60), (5.5, 20)] {
        let mut link = Link::of(mbps);
        link.delay = delay * MS;
        let mut world = World::new(link, 6.0);
        world.run(12.0, Page::Scrolls);
        world.run(72.0, Page::Still);
        let before = world.mbps();
        let known = world.estimates.len();
        world.run(73.0, Page::Scrolls);
        let least = world.estimates[known..].iter().copied().reduce(f64::min);
        let least = least.unwrap() / before;
        assert!(least > 0.95, "{mbps} Mb/s: {least}");
    }
}

#[test]
fn an_idle_page_and_a_quiet_one_change_nothing() {
    for (mbps, ceiling) in [(20.0, 6.0), (2.0, 6.0)] {
        let mut world = World::new(Link::of(mbps), ceiling);
        world.run(10.0, Page::Scrolls);
        // The last feedback about it.
        world.run(11.0, Page::Still);
        let before = world.mbps();
        world.run(70.0, Page::Still);
        assert_eq!(world.mbps(), before);
        world.run(100.0, Page::Types);
        assert!(
            (world.mbps() - before).abs() < 0.15 * before,
            "{} {before}",
            world.mbps()
        );
        world.run(130.0, Page::Scrolls);
        assert!(world.age(100.5, 130.0, 0.95) < 150.0);
        assert!(world.mean_estimate(100.0, 130.0) > 0.75 * mbps.min(ceiling));
    }
}

#[test]
fn a_longer_path_is_no_congestion() {
    let mut world = World::new(Link::of(20.0), 6.0);
    world.run(10.0, Page::Scrolls);
    world.link.delay = 90 * MS;
    world.bandwidth.on_path_change(world.at(world.now));
    world.run(20.0, Page::Scrolls);
    assert!(world.estimates.iter().all(|mbps| *mbps == 6.0));
    // Longer without anybody telling.
    world.link.delay = 210 * MS;
    world.run(40.0, Page::Scrolls);
    assert!(
        world.mean_estimate(20.0, 40.0) > 4.0,
        "{}",
        world.mean_estimate(20.0, 40.0)
    );
    assert!(world.mbps() > 5.4, "{}", world.mbps());
}

#[test]
fn an_outage_leaves_the_estimate_and_no_backlog() {
    let mut link = Link::changing(vec![(0.0, 10e6), (10.0, 0.0), (12.0, 10e6)]);
    link.queue = 500 * MS;
    let mut world = World::new(link, 6.0);
    world.run(20.0, Page::Scrolls);
    assert!(world.estimates.iter().all(|mbps| *mbps >= 5.4));
    // Nothing can be sent into it, and what is sent afterwards is new.
    let sent = |from: f64, to: f64| {
        let drawn = world.frames.iter().map(|(drawn, _)| drawn.as_secs_f64());
        drawn.filter(|drawn| (from..to).contains(drawn)).count()
    };
    assert!(sent(10.0, 12.0) < 40, "{}", sent(10.0, 12.0));
}

#[test]
fn a_link_that_lets_bursts_by_is_not_taken_for_a_wide_one() {
    for bucket in [10e3, 16e3, 32e3] {
        let mut link = Link::of(1.5);
        link.bucket = bucket;
        let mut world = World::new(link, 6.0);
        world.run(60.0, Page::Scrolls);
        assert!(
            world.age(3.0, 60.0, 0.95) < 120.0,
            "{}",
            world.age(3.0, 60.0, 0.95)
        );
        let mut link = Link::changing(vec![(0.0, 10e6), (10.0, 1e6), (25.0, 10e6)]);
        link.bucket = bucket;
        let mut world = World::new(link, 10.0);
        world.run(32.0, Page::Scrolls);
        assert!(world.age(12.0, 25.0, 0.95) < 150.0);
        assert!(world.mean_estimate(30.0, 32.0) > 8.0);
    }
}

#[test]
fn a_radio_that_is_narrow_jitters_and_loses_is_used() {
    for (mbps, jitter, loss, delay) in [
        (3.0, 15, 0.0, 20),
        (3.0, 5, 0.1, 50),
        (1.5, 30, 0.0, 10),
        (1.5, 0, 0.03, 50),
    ] {
        let mut link = Link::of(mbps);
        link.jitter = jitter * MS;
        link.loss = loss;
        link.delay = delay * MS;
        let mut world = World::new(link, 6.0);
        world.run(60.0, Page::Scrolls);
        let mean = world.mean_estimate(3.0, 60.0);
        assert!((0.75 * mbps..1.15 * mbps).contains(&mean), "{mean}");
        assert!(world.age(3.0, 60.0, 0.95) < 150.0);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn no_link_brings_the_estimate_out_of_its_bounds(
        rates in proptest::collection::vec((0.0f64..10.0, prop_oneof![Just(0.0), 1e4..3e7]), 0..6),
        queue in 0u32..3000, delay in 0u32..500, jitter in 0u32..200,
        loss in 0.0f64..1.0, every in 20u32..400, ceiling in 0.1f64..50.0,
    ) {
        let mut rates = rates;
        rates.sort_by(|a, b| a.0.total_cmp(&b.0));
        let link = Link {
            rates, queue: queue * MS, delay: delay * MS, jitter: jitter * MS, loss, feedback_interval: every * MS, bucket: 0.0,
        };
        let mut world = World::new(link, ceiling);
        for (until, page) in [(3.0, Page::Scrolls), (4.0, Page::Still), (6.0, Page::Types), (10.0, Page::Scrolls)] {
            world.run(until, page);
        }
        let floor = f64::from(MIN_BITRATE.as_bps()) / 1e6;
        for mbps in &world.estimates {
            prop_assert!(*mbps >= floor - 0.001 && *mbps <= ceiling.max(floor) + 0.001, "{}", mbps);
        }
    }

    #[test]
    fn no_feedback_makes_it_panic(
        steps in proptest::collection::vec((0u64..3_000, proptest::option::of(0u64..100_000), 0usize..3000, 0u64..3_000), 0..300),
    ) {
        let start = Instant::now();
        let mut bandwidth = BandwidthEstimator::new(Bitrate::kbps(4000), start);
        let mut now = start;
        for (left, came, size, later) in steps {
            bandwidth.on_packet_sent(size, now);
            if let Some(bytes) = bandwidth.due_probe(now) {
                bandwidth.on_probe_sent(bytes, now);
            }
            now += Duration::from_millis(later);
            let result = PacketResult {
                departure: start + Duration::from_millis(left),
                arrival: came.map(Duration::from_millis),
                bytes: size,
                is_ambiguous: false,
            };
            bandwidth.on_feedback(&[result, result], now);
            let budget = bandwidth.send_budget(now);
            prop_assert!(budget.pacing_rate.as_bps() > 0 && bandwidth.estimate() >= MIN_BITRATE);
        }
    }
}
