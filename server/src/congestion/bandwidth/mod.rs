//! Pure: transport-wide feedback → the bitrate that the path to a viewer carries, and how packets may leave.
//!
//! Three signals, as in Google's congestion control (draft-ietf-rmcat-gcc-02): queuing delay shows that the bottleneck is
//! full, and the rate at which packets then arrive is its capacity; packet loss counts only above what a bad radio loses;
//! probe clusters find out whether the path carries more. A sender that has little to send is application-limited: its
//! feedback neither raises nor lowers the estimate. `docs/congestion-control.md` tells the differences and every constant.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::bitrate::Bitrate;

mod delay_trend;
mod delivery_rate;
mod loss_rate;
mod probe;
mod queuing_delay;
#[cfg(test)]
mod simulation;

use delay_trend::{BandwidthUsage, DelayTrend};
use delivery_rate::{DeliveryRate, Rates};
use loss_rate::LossRate;
use probe::ProbeController;
use queuing_delay::QueuingDelay;

/// The least the estimate can be: below it no picture moves.
pub const MIN_BITRATE: Bitrate = Bitrate::kbps(150);

/// Send and delivery rate are compared over this much of the newest arrivals: a few frames, and a few feedback messages.
const RATE_WINDOW: Duration = Duration::from_millis(120);
/// … and over at least so many packets.
const MIN_RATE_PACKETS: usize = 10;
/// After overuse the target is this part of the delivery rate, so that the queue drains.
const BACKOFF_FACTOR: f64 = 0.9;
/// Least time between two back-offs, so that the effect of the first is seen before the second.
const BACKOFF_INTERVAL: Duration = Duration::from_millis(150);
/// Less queuing delay than this is the noise of timers and radios.
const NOISE_QUEUING_DELAY: Duration = Duration::from_millis(12);
/// Above this, a delivery rate below the send rate is overuse without waiting for a trend.
const HIGH_QUEUING_DELAY: Duration = Duration::from_millis(50);
/// Above this a standing queue is overuse although it does not grow.
const MAX_QUEUING_DELAY: Duration = Duration::from_millis(100);
/// Least time between two back-offs because of a standing queue.
const STANDING_QUEUE_BACKOFF_INTERVAL: Duration = Duration::from_millis(600);
/// A queue above the maximum that has neither grown nor drained for so long is no queue: the path has become longer.
const NEW_BASE_DELAY_AFTER: Duration = Duration::from_secs(2);
/// A sender below this part of the target hardly fills a queue.
const MIN_UTILIZATION: f64 = 0.5;
/// Multiplicative increase per second, while the path is seen to carry all that is sent.
const INCREASE_PER_SECOND: f64 = 1.08;
/// No increase for so long after a back-off.
const INCREASE_AFTER_BACKOFF: Duration = Duration::from_millis(500);
/// For so long after a back-off losses may still be those of the full queue.
const UNCONGESTED_AFTER_BACKOFF: Duration = Duration::from_secs(1);
/// The acknowledged bitrate is measured over this time.
const ACKED_BITRATE_WINDOW: Duration = Duration::from_millis(500);
/// Below this part of the ceiling the path limits the estimate, not the configuration.
const NETWORK_LIMITED: f64 = 0.97;
/// For so long after a back-off packets are sent evenly, as on a narrow path.
const EVEN_PACING_AFTER_BACKOFF: Duration = Duration::from_secs(10);
/// The congestion window is what the target fills in a round trip and this: browsers send feedback at least so often.
const MAX_FEEDBACK_INTERVAL: Duration = Duration::from_millis(300);
/// Least congestion window in bytes: enough to measure anything.
const MIN_CONGESTION_WINDOW: f64 = 30_000.0;
/// After a back-off nothing leaves until the queue is expected to be no longer than this.
const DRAINED_QUEUING_DELAY: Duration = Duration::from_millis(30);
/// … but never longer than this.
const MAX_DRAIN: Duration = Duration::from_millis(1500);
/// A packet that no feedback has named after this time is not in flight any more.
const IN_FLIGHT_TIMEOUT: Duration = Duration::from_secs(5);

/// What feedback says of one packet that was sent. Results come in the order in which the packets left.
#[derive(Clone, Copy, Debug)]
pub struct PacketResult {
    /// When it left, by our clock.
    pub departure: Instant,
    /// When it arrived, by the receiver's clock, whose zero is unknown; `None` if it was lost.
    pub arrival: Option<Duration>,
    /// Size on the wire as counted when it was sent.
    pub bytes: usize,
    /// It was sent twice with the same number, so it is unknown which of the two arrived (Karn's retransmission
    /// ambiguity).
    pub is_ambiguous: bool,
}

/// A packet that is known to have arrived.
#[derive(Clone, Copy, Debug)]
struct ReceivedPacket {
    departure: Instant,
    arrival: Duration,
    bytes: usize,
}

/// How packets may leave just now.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SendBudget {
    /// Rate at which the token bucket of the pacer fills.
    pub pacing_rate: Bitrate,
    /// Depth of the token bucket in bytes: what may leave together.
    pub burst: usize,
    /// Nothing leaves before: a queue drains.
    pub paused_until: Option<Instant>,
    /// Bytes of the congestion window that are free.
    pub available_window: usize,
}

/// Sender-side bandwidth estimator of one path.
#[derive(Debug)]
pub struct BandwidthEstimator {
    /// Bits per second.
    ceiling: f64,
    /// The estimate, in bits per second.
    target: f64,
    delivery_rate: DeliveryRate,
    queuing_delay: QueuingDelay,
    trend: DelayTrend,
    loss_rate: LossRate,
    probes: ProbeController,
    path_changed_at: Option<Instant>,
    /// A probe cluster leaves a queue behind: delays of packets that left until then are of our own making.
    probe_queue_until: Option<Instant>,
    last_feedback: Option<Instant>,
    last_backoff: Option<Instant>,
    max_queuing_delay_since: Option<Instant>,
    drain_until: Option<Instant>,
    /// Bits per second.
    acked_bitrate: f64,
    min_rtt: MinRtt,
    /// When a packet left, and its bytes.
    in_flight: VecDeque<(Instant, usize)>,
    in_flight_bytes: usize,
}

impl BandwidthEstimator {
    /// Begins at the ceiling: most paths carry it, and the first feedback says so if not.
    pub fn new(ceiling: Bitrate, now: Instant) -> BandwidthEstimator {
        let ceiling = f64::from(ceiling.max(MIN_BITRATE).as_bps());
        BandwidthEstimator {
            ceiling,
            target: ceiling,
            delivery_rate: DeliveryRate::default(),
            queuing_delay: QueuingDelay::default(),
            trend: DelayTrend::default(),
            loss_rate: LossRate::default(),
            probes: ProbeController::new(now),
            path_changed_at: None,
            probe_queue_until: None,
            last_feedback: None,
            last_backoff: None,
            max_queuing_delay_since: None,
            drain_until: None,
            acked_bitrate: 0.0,
            min_rtt: MinRtt::default(),
            in_flight: VecDeque::new(),
            in_flight_bytes: 0,
        }
    }

    /// Between [`MIN_BITRATE`] and the ceiling.
    pub fn estimate(&self) -> Bitrate {
        Bitrate::bps(self.target as u32)
    }

    /// One-way delay above its base.
    pub fn queuing_delay(&self) -> Duration {
        self.queuing_delay.standing()
    }

    /// No queue overflows on the path: what gets lost is lost for another reason.
    pub fn is_uncongested(&self, now: Instant) -> bool {
        self.queuing_delay.standing() < HIGH_QUEUING_DELAY
            && since(self.last_backoff, now) > UNCONGESTED_AFTER_BACKOFF
    }

    /// What arrived in the last half second; little when little was sent, and zero without recent feedback.
    pub fn acked_bitrate(&self, now: Instant) -> Bitrate {
        let is_recent = since(self.last_feedback, now) < 2 * ACKED_BITRATE_WINDOW;
        Bitrate::bps(if is_recent {
            self.acked_bitrate as u32
        } else {
            0
        })
    }

    /// Least time from departure to feedback in the last ten seconds; includes the time for which browsers collect
    /// arrivals before they send feedback.
    pub fn min_rtt(&self) -> Option<Duration> {
        self.min_rtt.get()
    }

    /// How packets may leave now.
    pub fn send_budget(&self, now: Instant) -> SendBudget {
        let was_reduced = since(self.last_backoff, now) < EVEN_PACING_AFTER_BACKOFF;
        let (pacing_factor, burst) = match was_reduced || self.is_network_limited() {
            // On a free path a whole frame leaves at once, and only a keyframe is spread.
            false => (2.5, Duration::from_millis(40)),
            true if self.queuing_delay.standing() > 2 * NOISE_QUEUING_DELAY => {
                (0.8, Duration::from_millis(8))
            }
            true if was_reduced => (1.3, Duration::from_millis(12)),
            // It has crept up to what the path carries: hardly more can leave without a queue.
            true => (1.1, Duration::from_millis(12)),
        };
        let burst = self.target * burst.as_secs_f64() / 8.0;
        let rtt = self.min_rtt.get().unwrap_or_default();
        let window = self.target * (rtt + MAX_FEEDBACK_INTERVAL).as_secs_f64() / 8.0;
        let available_window = match self.last_feedback {
            Some(_) => {
                (window.max(MIN_CONGESTION_WINDOW) as usize).saturating_sub(self.in_flight_bytes)
            }
            // A browser may send no feedback at all.
            None => usize::MAX,
        };
        SendBudget {
            pacing_rate: Bitrate::bps((self.target * pacing_factor) as u32),
            burst: (burst as usize).max(2400),
            paused_until: self.drain_until.filter(|until| *until > now),
            available_window,
        }
    }

    /// The estimate is what the path carries, rather than the configured ceiling.
    fn is_network_limited(&self) -> bool {
        self.target < NETWORK_LIMITED * self.ceiling
    }

    /// A packet of any kind leaves: media, retransmission or padding.
    pub fn on_packet_sent(&mut self, bytes: usize, now: Instant) {
        self.in_flight.push_back((now, bytes));
        self.in_flight_bytes += bytes;
        self.remove_in_flight(now.checked_sub(IN_FLIGHT_TIMEOUT));
    }

    /// ICE selected another candidate pair: what is known of the old path's delays means nothing on the new one.
    pub fn on_path_change(&mut self, now: Instant) {
        self.path_changed_at = Some(now);
        self.queuing_delay = QueuingDelay::default();
        self.trend.reset();
        self.delivery_rate = DeliveryRate::default();
        self.min_rtt = MinRtt::default();
        self.drain_until = None;
        self.clear_in_flight();
    }

    /// It is known by other means than transport-wide feedback that nothing is in flight; feedback about what was may
    /// never come.
    pub fn clear_in_flight(&mut self) {
        self.in_flight.clear();
        self.in_flight_bytes = 0;
    }

    /// Bytes of the probe cluster that should leave now: media, or retransmissions for want of it. Ask only when there is
    /// a frame to send: a page at rest must not cost anything.
    pub fn due_probe(&self, now: Instant) -> Option<usize> {
        let may_probe = self.is_network_limited()
            && self.drain_until.is_none_or(|until| until <= now)
            && self.queuing_delay.standing() < 2 * NOISE_QUEUING_DELAY
            && self.trend.usage() != BandwidthUsage::Overuse
            && since(self.last_feedback, now) < Duration::from_secs(1)
            && self.target < 2.5 * self.acked_bitrate + 300_000.0;
        may_probe.then(|| self.probes.due_bytes(self.target, self.ceiling, now))?
    }

    /// The probe cluster left; all its packets have this departure.
    pub fn on_probe_sent(&mut self, bytes: usize, now: Instant) {
        self.probes.on_sent(self.target, self.ceiling, now);
        let queue = Duration::from_secs_f64(bytes as f64 * 8.0 / self.target);
        self.probe_queue_until = Some(now + queue);
    }

    /// Feedback came. Packets it does not name may be named by the next.
    pub fn on_feedback(&mut self, results: &[PacketResult], now: Instant) {
        let Some(newest) = results.iter().map(|result| result.departure).max() else {
            return;
        };
        let elapsed = since(self.last_feedback, now).min(Duration::from_millis(500));
        self.last_feedback = Some(now);
        self.remove_in_flight(Some(newest));
        self.min_rtt.add(now.saturating_duration_since(newest), now);
        self.loss_rate.add(results, now);
        self.probes.expire(now);
        let mut probed = None;
        for result in results {
            probed = self.probes.on_result(result, self.target, now).or(probed);
            let is_old_path = self.path_changed_at.is_some_and(|at| result.departure < at);
            let arrival = result.arrival;
            let arrival = arrival.filter(|_| !result.is_ambiguous && !is_old_path);
            let Some(arrival) = arrival else {
                continue;
            };
            let packet = ReceivedPacket {
                departure: result.departure,
                arrival,
                bytes: result.bytes,
            };
            self.delivery_rate.add(packet);
            let is_behind_probe = self.probe_queue_until.is_some_and(|until| {
                let departed = self.probes.departed().unwrap_or(until);
                (departed..=until).contains(&packet.departure)
            });
            if !is_behind_probe {
                self.queuing_delay.add(packet);
                self.trend.add(packet);
            }
        }
        self.acked_bitrate = self.delivery_rate.bitrate(ACKED_BITRATE_WINDOW);
        let has_backed_off = self.back_off_on_delay(now) | self.back_off_on_loss(now);
        if has_backed_off {
            self.probes.on_backoff(now);
        } else if let Some(probed) = probed {
            self.raise_to(probed);
        } else {
            self.increase(elapsed, now);
        }
        self.drain(now);
    }

    fn back_off_on_delay(&mut self, now: Instant) -> bool {
        let standing = self.queuing_delay.standing();
        if standing < MAX_QUEUING_DELAY {
            self.max_queuing_delay_since = None;
        } else if since(Some(*self.max_queuing_delay_since.get_or_insert(now)), now)
            > NEW_BASE_DELAY_AFTER
            && self.trend.usage() == BandwidthUsage::Normal
        {
            self.queuing_delay.rebase();
            self.max_queuing_delay_since = None;
            return false;
        }
        let Some(rates) = self.delivery_rate.rates(RATE_WINDOW, MIN_RATE_PACKETS) else {
            return false;
        };
        if since(self.last_backoff, now) < BACKOFF_INTERVAL
            || !self.is_overused(standing, rates, now)
        {
            return false;
        }
        self.reduce_to(rates.delivered * BACKOFF_FACTOR, now)
    }

    fn is_overused(&self, standing: Duration, rates: Rates, now: Instant) -> bool {
        let delivered_share = rates.delivered / rates.sent.max(1.0);
        if rates.sent < MIN_UTILIZATION * self.target {
            return standing > HIGH_QUEUING_DELAY
                && delivered_share < 0.85
                && rates.packets >= 2 * MIN_RATE_PACKETS;
        }
        let grows = self.trend.usage() == BandwidthUsage::Overuse && standing > NOISE_QUEUING_DELAY;
        let jumps = standing > HIGH_QUEUING_DELAY && delivered_share < 0.9;
        let stands = standing > MAX_QUEUING_DELAY
            && delivered_share < 1.05
            && since(self.last_backoff, now) > STANDING_QUEUE_BACKOFF_INTERVAL;
        grows || jumps || stands
    }

    fn back_off_on_loss(&mut self, now: Instant) -> bool {
        let Some(share) = self.loss_rate.excess() else {
            return false;
        };
        self.loss_rate.clear();
        let reduced = self.target * (1.0 - share / 2.0);
        self.reduce_to(self.acked_bitrate.max(reduced), now)
    }

    fn reduce_to(&mut self, rate: f64, now: Instant) -> bool {
        let rate = rate.max(f64::from(MIN_BITRATE.as_bps()));
        let is_less = rate < self.target;
        if is_less {
            self.target = rate;
            self.last_backoff = Some(now);
        }
        is_less
    }

    fn raise_to(&mut self, rate: f64) {
        self.target = self.target.max(rate.min(self.ceiling));
    }

    fn increase(&mut self, elapsed: Duration, now: Instant) {
        let may_increase = self.trend.usage() == BandwidthUsage::Normal
            && self.queuing_delay.standing() < 2 * NOISE_QUEUING_DELAY
            && since(self.last_backoff, now) > INCREASE_AFTER_BACKOFF
            && self.loss_rate.excess().is_none();
        // Application-limited: nothing is known about what was not sent.
        let is_used = self.target <= 1.5 * self.acked_bitrate + 100_000.0;
        if may_increase && is_used {
            self.raise_to(self.target * INCREASE_PER_SECOND.powf(elapsed.as_secs_f64()));
        }
    }

    /// After a back-off, waits until most of what is in flight has arrived: whatever leaves before only comes late.
    fn drain(&mut self, now: Instant) {
        let was_just_reduced = since(self.last_backoff, now) < Duration::from_secs(1);
        let rates = self.delivery_rate.rates(RATE_WINDOW, MIN_RATE_PACKETS);
        self.drain_until = match (was_just_reduced, rates) {
            (true, Some(rates)) => {
                let rate = rates.delivered.max(f64::from(MIN_BITRATE.as_bps()));
                let in_flight = Duration::from_secs_f64(self.in_flight_bytes as f64 * 8.0 / rate);
                let queued = in_flight.saturating_sub(self.min_rtt.get().unwrap_or_default());
                (queued > 2 * DRAINED_QUEUING_DELAY)
                    .then(|| now + (queued - DRAINED_QUEUING_DELAY).min(MAX_DRAIN))
            }
            _ => None,
        };
    }

    /// What left up to `departure` is not in flight any more.
    fn remove_in_flight(&mut self, departure: Option<Instant>) {
        while let Some((at, bytes)) = self.in_flight.front()
            && departure.is_some_and(|departure| *at <= departure)
        {
            self.in_flight_bytes -= bytes;
            self.in_flight.pop_front();
        }
    }
}

fn since(then: Option<Instant>, now: Instant) -> Duration {
    then.map_or(Duration::MAX, |then| now.saturating_duration_since(then))
}

/// The least round trip of the last eight to ten seconds.
#[derive(Debug, Default)]
struct MinRtt {
    /// When a slot began, and the least round trip in it.
    slots: VecDeque<(Instant, Duration)>,
}

impl MinRtt {
    const SLOTS: usize = 5;
    const SLOT: Duration = Duration::from_secs(2);

    fn add(&mut self, rtt: Duration, now: Instant) {
        match self.slots.back_mut() {
            Some((began, least)) if now < *began + Self::SLOT => *least = rtt.min(*least),
            _ => self.slots.push_back((now, rtt)),
        }
        if self.slots.len() > Self::SLOTS {
            self.slots.pop_front();
        }
    }

    fn get(&self) -> Option<Duration> {
        self.slots.iter().map(|(_, rtt)| *rtt).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_no_feedback_names_fills_the_window_until_it_is_known_to_have_arrived() {
        let start = Instant::now();
        let ms = |millis| start + Duration::from_millis(millis);
        let mut bandwidth = BandwidthEstimator::new(Bitrate::kbps(6000), start);
        bandwidth.on_packet_sent(1200, start);
        let arrived = PacketResult {
            departure: start,
            arrival: Some(Duration::from_millis(10)),
            bytes: 1200,
            is_ambiguous: false,
        };
        bandwidth.on_feedback(&[arrived], ms(20));
        let window = bandwidth.send_budget(ms(20)).available_window;
        assert!(window > 0 && window < usize::MAX);
        while bandwidth.send_budget(ms(21)).available_window > 0 {
            bandwidth.on_packet_sent(1200, ms(21));
        }
        bandwidth.clear_in_flight();
        assert_eq!(bandwidth.send_budget(ms(22)).available_window, window);
    }
}
