//! Pure: departures and arrivals of packet groups → does the queue at the bottleneck grow?
//!
//! The trendline estimator and the overuse detector of Google's congestion control, with libwebrtc's constants.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::congestion::bandwidth::ReceivedPacket;

/// Packets that leave within this time are one group: a frame is a burst, and delays within it say nothing.
const BURST_INTERVAL: Duration = Duration::from_millis(5);
/// Groups on the trendline.
const WINDOW_GROUPS: usize = 20;
/// Weight of the newest accumulated delay in its moving average.
const SMOOTHING: f64 = 0.1;
/// The slope counts in full from so many groups on: the first ones say little.
const FULL_WEIGHT_GROUPS: f64 = 60.0;
/// Factor of the slope before it is compared with the threshold.
const THRESHOLD_GAIN: f64 = 4.0;
/// The adaptive threshold follows the noise of the path, within these bounds, in ms.
const THRESHOLD_BOUNDS: (f64, f64) = (6.0, 600.0);
const INITIAL_THRESHOLD: f64 = 12.5;
/// How fast the threshold rises and falls, per ms.
const K_UP: f64 = 0.0087;
const K_DOWN: f64 = 0.039;
/// A trend further above the threshold than this is an outlier, and does not move the threshold. In ms.
const MAX_ADAPT_OFFSET: f64 = 15.0;
/// The trend must be above the threshold for longer than this, in ms.
const OVERUSE_TIME: f64 = 10.0;
/// After a pause in sending, the delays before it say nothing about now.
const RESET_AFTER: Duration = Duration::from_millis(500);

/// Signal of the overuse detector.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BandwidthUsage {
    /// The queue neither grows nor drains.
    Normal,
    /// The queue grows.
    Overuse,
    /// The queue drains.
    Underuse,
}

#[derive(Clone, Copy, Debug)]
struct PacketGroup {
    first_departure: Instant,
    last_departure: Instant,
    last_arrival: Duration,
}

/// Delay variation between packet groups, and the line through it.
#[derive(Debug)]
pub struct DelayTrend {
    current: Option<PacketGroup>,
    previous: Option<PacketGroup>,
    /// Arrival and smoothed delay of a group, in ms.
    points: VecDeque<(f64, f64)>,
    groups: usize,
    accumulated_delay: f64,
    smoothed_delay: f64,
    threshold: f64,
    /// For how long the trend has been above the threshold, in ms.
    over_threshold: f64,
    last_slope: f64,
    usage: BandwidthUsage,
}

impl Default for DelayTrend {
    fn default() -> Self {
        DelayTrend {
            current: None,
            previous: None,
            points: VecDeque::new(),
            groups: 0,
            accumulated_delay: 0.0,
            smoothed_delay: 0.0,
            threshold: INITIAL_THRESHOLD,
            over_threshold: 0.0,
            last_slope: 0.0,
            usage: BandwidthUsage::Normal,
        }
    }
}

impl DelayTrend {
    /// After the newest complete group.
    pub fn usage(&self) -> BandwidthUsage {
        self.usage
    }

    /// In the order in which they left.
    pub fn add(&mut self, packet: ReceivedPacket) {
        let Some(group) = &mut self.current else {
            self.begin_group(packet);
            return;
        };
        let since = packet
            .departure
            .saturating_duration_since(group.first_departure);
        if since <= BURST_INTERVAL {
            group.last_departure = group.last_departure.max(packet.departure);
            group.last_arrival = group.last_arrival.max(packet.arrival);
            return;
        }
        let complete = *group;
        self.begin_group(packet);
        if since > RESET_AFTER {
            self.reset();
            return;
        }
        if let Some(previous) = self.previous.replace(complete) {
            let millis = |duration: Duration| duration.as_secs_f64() * 1000.0;
            let inter_departure = millis(
                complete
                    .last_departure
                    .saturating_duration_since(previous.last_departure),
            );
            let inter_arrival = millis(complete.last_arrival) - millis(previous.last_arrival);
            let delay_variation = inter_arrival - inter_departure;
            self.update(
                delay_variation,
                inter_departure,
                millis(complete.last_arrival),
            );
        }
    }

    /// Starts anew. The threshold stays: the noise of the path has not changed.
    pub fn reset(&mut self) {
        self.previous = None;
        self.points.clear();
        self.groups = 0;
        self.accumulated_delay = 0.0;
        self.smoothed_delay = 0.0;
        self.over_threshold = 0.0;
        self.last_slope = 0.0;
        self.usage = BandwidthUsage::Normal;
    }

    fn begin_group(&mut self, packet: ReceivedPacket) {
        self.current = Some(PacketGroup {
            first_departure: packet.departure,
            last_departure: packet.departure,
            last_arrival: packet.arrival,
        });
    }

    /// All in ms.
    fn update(&mut self, delay_variation: f64, inter_departure: f64, arrival: f64) {
        self.groups += 1;
        self.accumulated_delay += delay_variation;
        self.smoothed_delay += SMOOTHING * (self.accumulated_delay - self.smoothed_delay);
        self.points.push_back((arrival, self.smoothed_delay));
        if self.points.len() > WINDOW_GROUPS {
            self.points.pop_front();
        }
        let slope = match self.points.len() {
            WINDOW_GROUPS.. => slope(&self.points).unwrap_or(self.last_slope),
            _ => 0.0,
        };
        let modified_trend = (self.groups as f64).min(FULL_WEIGHT_GROUPS) * slope * THRESHOLD_GAIN;
        self.usage = if modified_trend > self.threshold {
            self.over_threshold += inter_departure;
            match self.over_threshold > OVERUSE_TIME && slope >= self.last_slope {
                true => BandwidthUsage::Overuse,
                false => self.usage,
            }
        } else {
            self.over_threshold = 0.0;
            match modified_trend < -self.threshold {
                true => BandwidthUsage::Underuse,
                false => BandwidthUsage::Normal,
            }
        };
        self.last_slope = slope;
        self.adapt_threshold(modified_trend.abs(), inter_departure);
    }

    fn adapt_threshold(&mut self, trend: f64, elapsed: f64) {
        if trend > self.threshold + MAX_ADAPT_OFFSET {
            return;
        }
        let k = if trend < self.threshold { K_DOWN } else { K_UP };
        let step = k * (trend - self.threshold) * elapsed.min(100.0);
        self.threshold = (self.threshold + step).clamp(THRESHOLD_BOUNDS.0, THRESHOLD_BOUNDS.1);
    }
}

/// Of the line through the points, by least squares. `None` if all have the same abscissa.
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
    fn run(trend: &mut DelayTrend, start: Instant, from: u64, count: u64, growth: f64) {
        for index in 0..count {
            let sent = Duration::from_millis(10 * (from + index));
            let late = Duration::from_secs_f64((growth * index as f64).max(0.0) / 1000.0);
            trend.add(ReceivedPacket {
                departure: start + sent,
                arrival: Duration::from_secs(5) + sent + late,
                bytes: 1200,
            });
        }
    }

    #[test]
    fn a_growing_queue_is_overuse_and_a_steady_one_is_not() {
        let start = Instant::now();
        let mut trend = DelayTrend::default();
        run(&mut trend, start, 0, 100, 0.0);
        assert_eq!(trend.usage(), BandwidthUsage::Normal);
        run(&mut trend, start, 100, 30, 2.0);
        assert_eq!(trend.usage(), BandwidthUsage::Overuse);
    }

    #[test]
    fn a_pause_in_sending_resets_the_trend() {
        let start = Instant::now();
        let mut trend = DelayTrend::default();
        run(&mut trend, start, 0, 30, 3.0);
        assert_eq!(trend.usage(), BandwidthUsage::Overuse);
        run(&mut trend, start, 200, 2, 0.0);
        assert_eq!(trend.usage(), BandwidthUsage::Normal);
    }
}
