//! Pure: when groups of packets left and came → is a queue growing? (The trendline of Google's congestion control.)

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::congestion::bandwidth::Arrived;

/// Packets that leave within this time are one group: a frame is a burst, and says nothing within itself.
const GROUP: Duration = Duration::from_millis(5);
/// Groups on the line.
const POINTS: usize = 20;
/// What the newest delay weighs against the smoothed one.
const SMOOTHING: f64 = 0.1;
/// A slope of this many groups counts in full: the first groups say little.
const FULL_WEIGHT: f64 = 60.0;
const GAIN: f64 = 4.0;
/// The threshold follows the noise of the link, between these, in ms.
const THRESHOLD: (f64, f64) = (6.0, 600.0);
const FIRST_THRESHOLD: f64 = 12.5;
/// Per ms; down faster than up, or the estimate would starve beside a TCP stream.
const RISE: f64 = 0.0087;
const FALL: f64 = 0.039;
/// An outlier does not move the threshold.
const OUTLIER: f64 = 15.0;
/// A queue must have grown for this long, in ms.
const SUSTAINED: f64 = 10.0;
/// After a pause the delays before it say nothing about now.
const PAUSE: Duration = Duration::from_millis(500);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Usage {
    Steady,
    /// The queue grows.
    Over,
    /// The queue empties.
    Under,
}

#[derive(Clone, Copy, Debug)]
struct Group {
    first_departure: Instant,
    departure: Instant,
    arrival: Duration,
}

#[derive(Debug)]
pub struct Trend {
    current: Option<Group>,
    previous: Option<Group>,
    /// When a group came, and its smoothed delay; ms both.
    points: VecDeque<(f64, f64)>,
    groups: usize,
    delay: f64,
    smoothed: f64,
    threshold: f64,
    growing: f64,
    last_slope: f64,
    usage: Usage,
}

impl Default for Trend {
    fn default() -> Self {
        Trend {
            current: None,
            previous: None,
            points: VecDeque::new(),
            groups: 0,
            delay: 0.0,
            smoothed: 0.0,
            threshold: FIRST_THRESHOLD,
            growing: 0.0,
            last_slope: 0.0,
            usage: Usage::Steady,
        }
    }
}

impl Trend {
    pub fn usage(&self) -> Usage {
        self.usage
    }

    pub fn add(&mut self, packet: Arrived) {
        let Some(group) = &mut self.current else {
            self.begin(packet);
            return;
        };
        let since = packet
            .departure
            .saturating_duration_since(group.first_departure);
        if since <= GROUP {
            group.departure = group.departure.max(packet.departure);
            group.arrival = group.arrival.max(packet.arrival);
            return;
        }
        let closed = *group;
        self.begin(packet);
        if since > PAUSE {
            self.forget();
            return;
        }
        if let Some(previous) = self.previous.replace(closed) {
            let millis = |duration: Duration| duration.as_secs_f64() * 1000.0;
            let left = millis(
                closed
                    .departure
                    .saturating_duration_since(previous.departure),
            );
            let came = millis(closed.arrival) - millis(previous.arrival);
            self.measure(came - left, left, millis(closed.arrival));
        }
    }

    /// Starts anew, for example after delays of our own making; what it learnt about the link's noise stays.
    pub fn forget(&mut self) {
        self.previous = None;
        self.points.clear();
        self.groups = 0;
        self.delay = 0.0;
        self.smoothed = 0.0;
        self.growing = 0.0;
        self.last_slope = 0.0;
        self.usage = Usage::Steady;
    }

    fn begin(&mut self, packet: Arrived) {
        self.current = Some(Group {
            first_departure: packet.departure,
            departure: packet.departure,
            arrival: packet.arrival,
        });
    }

    fn measure(&mut self, gradient: f64, elapsed: f64, came_at: f64) {
        self.groups += 1;
        self.delay += gradient;
        self.smoothed += SMOOTHING * (self.delay - self.smoothed);
        self.points.push_back((came_at, self.smoothed));
        if self.points.len() > POINTS {
            self.points.pop_front();
        }
        let slope = match self.points.len() {
            POINTS.. => slope(&self.points).unwrap_or(self.last_slope),
            _ => 0.0,
        };
        let weighed = (self.groups as f64).min(FULL_WEIGHT) * slope * GAIN;
        self.usage = if weighed > self.threshold {
            self.growing += elapsed;
            match self.growing > SUSTAINED && slope >= self.last_slope {
                true => Usage::Over,
                false => self.usage,
            }
        } else {
            self.growing = 0.0;
            match weighed < -self.threshold {
                true => Usage::Under,
                false => Usage::Steady,
            }
        };
        self.last_slope = slope;
        self.adapt(weighed.abs(), elapsed);
    }

    fn adapt(&mut self, noise: f64, elapsed: f64) {
        if noise > self.threshold + OUTLIER {
            return;
        }
        let speed = if noise < self.threshold { FALL } else { RISE };
        let step = speed * (noise - self.threshold) * elapsed.min(100.0);
        self.threshold = (self.threshold + step).clamp(THRESHOLD.0, THRESHOLD.1);
    }
}

/// Least squares.
fn slope(points: &VecDeque<(f64, f64)>) -> Option<f64> {
    let count = points.len() as f64;
    let mean = |pick: fn(&(f64, f64)) -> f64| points.iter().map(pick).sum::<f64>() / count;
    let (x, y) = (mean(|point| point.0), mean(|point| point.1));
    let over: f64 = points
        .iter()
        .map(|point| (point.0 - x) * (point.1 - y))
        .sum();
    let under: f64 = points.iter().map(|point| (point.0 - x).powi(2)).sum();
    (under > 0.0).then(|| over / under)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Packets every 10 ms; each comes later than the one before by `growth` ms more.
    fn run(trend: &mut Trend, start: Instant, from: u64, count: u64, growth: f64) {
        for index in 0..count {
            let sent = Duration::from_millis(10 * (from + index));
            let late = Duration::from_secs_f64((growth * index as f64).max(0.0) / 1000.0);
            trend.add(Arrived {
                departure: start + sent,
                arrival: Duration::from_secs(5) + sent + late,
                bytes: 1200,
            });
        }
    }

    #[test]
    fn a_growing_queue_is_seen_and_a_steady_one_is_none() {
        let start = Instant::now();
        let mut trend = Trend::default();
        run(&mut trend, start, 0, 100, 0.0);
        assert_eq!(trend.usage(), Usage::Steady);
        run(&mut trend, start, 100, 30, 2.0);
        assert_eq!(trend.usage(), Usage::Over);
    }

    #[test]
    fn a_pause_forgets_what_was_before() {
        let start = Instant::now();
        let mut trend = Trend::default();
        run(&mut trend, start, 0, 30, 3.0);
        assert_eq!(trend.usage(), Usage::Over);
        run(&mut trend, start, 200, 2, 0.0);
        assert_eq!(trend.usage(), Usage::Steady);
    }
}
