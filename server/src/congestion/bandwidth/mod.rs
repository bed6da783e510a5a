//! Pure: what became of the packets → how many bits per second the way to a viewer carries.
//!
//! Delay says when a queue grows on the way, and the rate at which packets then arrive is what the way can carry; loss
//! counts only when it is more than a bad radio has; trains of packets find out whether there is more. A sender that has
//! little to send neither raises nor lowers the estimate: it has learnt nothing.

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

use delay_trend::{Trend, Usage};
use delivery_rate::{Delivery, Speed};
use loss_rate::Loss;
use probe::Prober;
use queuing_delay::Queue;

/// Below this no picture moves.
pub const FLOOR: Bitrate = Bitrate::kbps(150);

/// The newest packets that tell how fast things arrive: some frames, some reports' worth.
const SPEED_WINDOW: Duration = Duration::from_millis(120);
const SPEED_PACKETS: usize = 10;
/// Part of what arrives that is sent after a cut, so that the queue empties.
const CUT: f64 = 0.9;
/// From one cut to the next, so that the first one is seen to work.
const CUT_AGAIN: Duration = Duration::from_millis(150);
/// Less than this is the noise of timers and radios.
const SMALL_QUEUE: Duration = Duration::from_millis(12);
/// A queue that stands this high while less arrives than leaves needs no trend.
const HIGH_QUEUE: Duration = Duration::from_millis(50);
/// A queue of this height is cut although it does not grow; if that does not help, the way became longer.
const FULL_QUEUE: Duration = Duration::from_millis(100);
const STAYS_AGAIN: Duration = Duration::from_millis(600);
const FULL_FOR: Duration = Duration::from_secs(2);
/// A sender below this part of the estimate hardly fills a queue.
const LITTLE: f64 = 0.5;
/// Growth per second while the way is seen to carry all.
const GROWTH: f64 = 1.08;
const GROW_AFTER_CUT: Duration = Duration::from_millis(500);
const CALM_AFTER_CUT: Duration = Duration::from_secs(1);
/// "Carried" is measured over this time.
const ACKED_WINDOW: Duration = Duration::from_millis(500);
/// Part of the ceiling.
const LIMITED: f64 = 0.97;
/// Who was cut within this time shares a narrow link, and sends evenly.
const NARROW_FOR: Duration = Duration::from_secs(10);
/// Bytes may be on their way for a round trip, and for as long as a browser collects before it reports.
const REPORT_INTERVAL: Duration = Duration::from_millis(300);
/// Enough to find out anything.
const LEAST_WINDOW: f64 = 30_000.0;
/// After a cut nothing leaves until only this much of a queue is left.
const DRAINED: Duration = Duration::from_millis(30);
const LONGEST_HOLD: Duration = Duration::from_millis(1500);
/// What is never reported is gone.
const FORGOTTEN: Duration = Duration::from_secs(5);

/// What became of one packet, in the order in which the packets left.
#[derive(Clone, Copy, Debug)]
pub struct Outcome {
    pub departure: Instant,
    /// By the receiver's clock, which began at any time; `None` if it did not arrive.
    pub arrival: Option<Duration>,
    pub bytes: usize,
    /// It left more than once, so nobody knows which one came.
    pub is_ambiguous: bool,
}

/// One that arrived.
#[derive(Clone, Copy, Debug)]
struct Arrived {
    departure: Instant,
    arrival: Duration,
    bytes: usize,
}

/// How packets may leave just now.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SendBudget {
    pub rate: Bitrate,
    /// Bytes that may leave together.
    pub burst: usize,
    /// Nothing before.
    pub hold: Option<Instant>,
    /// Bytes that may be on their way more than there are.
    pub room: usize,
}

#[derive(Debug)]
pub struct Bandwidth {
    ceiling: f64,
    target: f64,
    delivery: Delivery,
    queue: Queue,
    trend: Trend,
    loss: Loss,
    prober: Prober,
    moved_at: Option<Instant>,
    /// Trains leave queues behind that are no news, until then.
    echo_until: Option<Instant>,
    last_report: Option<Instant>,
    last_cut: Option<Instant>,
    full_since: Option<Instant>,
    hold: Option<Instant>,
    acked: f64,
    round_trip: RoundTrip,
    in_flight: VecDeque<(Instant, usize)>,
    in_flight_bytes: usize,
}

impl Bandwidth {
    /// Begins at the ceiling: most links carry it, and the first report says so if not.
    pub fn new(ceiling: Bitrate, now: Instant) -> Bandwidth {
        let ceiling = f64::from(ceiling.max(FLOOR).as_bps());
        Bandwidth {
            ceiling,
            target: ceiling,
            delivery: Delivery::default(),
            queue: Queue::default(),
            trend: Trend::default(),
            loss: Loss::default(),
            prober: Prober::new(now),
            moved_at: None,
            echo_until: None,
            last_report: None,
            last_cut: None,
            full_since: None,
            hold: None,
            acked: 0.0,
            round_trip: RoundTrip::default(),
            in_flight: VecDeque::new(),
            in_flight_bytes: 0,
        }
    }

    pub fn estimate(&self) -> Bitrate {
        Bitrate::bps(self.target as u32)
    }

    /// One-way delay above its base.
    pub fn queue(&self) -> Duration {
        self.queue.standing()
    }

    /// No queue overflows on the way: what gets lost is lost for another reason.
    pub fn is_calm(&self, now: Instant) -> bool {
        self.queue.standing() < HIGH_QUEUE && since(self.last_cut, now) > CALM_AFTER_CUT
    }

    /// What arrived lately; little when little was sent.
    pub fn acked(&self, now: Instant) -> Bitrate {
        let is_recent = since(self.last_report, now) < 2 * ACKED_WINDOW;
        Bitrate::bps(if is_recent { self.acked as u32 } else { 0 })
    }

    /// From departure to report, with what the browser collects before it reports.
    pub fn round_trip(&self) -> Option<Duration> {
        self.round_trip.least()
    }

    pub fn pace(&self, now: Instant) -> SendBudget {
        let was_cut = since(self.last_cut, now) < NARROW_FOR;
        let (factor, burst) = match was_cut || self.is_limited() {
            // On a free link a whole frame leaves at once, and only a keyframe is spread.
            false => (2.5, Duration::from_millis(40)),
            true if self.queue.standing() > 2 * SMALL_QUEUE => (0.8, Duration::from_millis(8)),
            true if was_cut => (1.3, Duration::from_millis(12)),
            // It has crept up to what the link carries: hardly more can leave without a queue.
            true => (1.1, Duration::from_millis(12)),
        };
        let burst = self.target * burst.as_secs_f64() / 8.0;
        let round_trip = self.round_trip.least().unwrap_or_default();
        let window = self.target * (round_trip + REPORT_INTERVAL).as_secs_f64() / 8.0;
        let room = match self.last_report {
            Some(_) => (window.max(LEAST_WINDOW) as usize).saturating_sub(self.in_flight_bytes),
            // A browser may report nothing at all.
            None => usize::MAX,
        };
        SendBudget {
            rate: Bitrate::bps((self.target * factor) as u32),
            burst: (burst as usize).max(2400),
            hold: self.hold.filter(|until| *until > now),
            room,
        }
    }

    /// The estimate is what the way carries, rather than what may be sent at most.
    fn is_limited(&self) -> bool {
        self.target < LIMITED * self.ceiling
    }

    /// A packet leaves, whatever kind it is.
    pub fn sent(&mut self, bytes: usize, now: Instant) {
        self.in_flight.push_back((now, bytes));
        self.in_flight_bytes += bytes;
        self.land(now.checked_sub(FORGOTTEN));
    }

    /// Packets go another way now: what is known of the delays of the old one means nothing.
    pub fn moved(&mut self, now: Instant) {
        self.moved_at = Some(now);
        self.queue = Queue::default();
        self.trend.forget();
        self.delivery = Delivery::default();
        self.round_trip = RoundTrip::default();
        self.hold = None;
        self.all_landed();
    }

    /// The receiver has said in another way that nothing is on its way any more; a report about that may never come.
    pub fn all_landed(&mut self) {
        self.in_flight.clear();
        self.in_flight_bytes = 0;
    }

    /// Bytes of a train of packets that should leave together now, with something useful or, for want of that, with
    /// something again. Ask only when there is a frame to send: an idle page must not cost anything.
    pub fn train(&self, now: Instant) -> Option<usize> {
        let may = self.is_limited()
            && self.hold.is_none_or(|until| until <= now)
            && self.queue.standing() < 2 * SMALL_QUEUE
            && self.trend.usage() != Usage::Over
            && since(self.last_report, now) < Duration::from_secs(1)
            && self.target < 2.5 * self.acked + 300_000.0;
        may.then(|| self.prober.wanted(self.target, self.ceiling, now))?
    }

    /// The train left; its packets all have this departure.
    pub fn train_sent(&mut self, bytes: usize, now: Instant) {
        self.prober.sent(self.target, self.ceiling, now);
        let echo = Duration::from_secs_f64(bytes as f64 * 8.0 / self.target);
        self.echo_until = Some(now + echo);
    }

    /// A report came. What it does not mention may follow.
    pub fn on_outcomes(&mut self, outcomes: &[Outcome], now: Instant) {
        let Some(newest) = outcomes.iter().map(|outcome| outcome.departure).max() else {
            return;
        };
        let elapsed = since(self.last_report, now).min(Duration::from_millis(500));
        self.last_report = Some(now);
        self.land(Some(newest));
        self.round_trip
            .add(now.saturating_duration_since(newest), now);
        self.loss.add(outcomes, now);
        self.prober.expire(now);
        let mut reached = None;
        for outcome in outcomes {
            reached = self.prober.reported(outcome, self.target, now).or(reached);
            let is_old = self.moved_at.is_some_and(|at| outcome.departure < at);
            let arrival = outcome.arrival;
            let arrival = arrival.filter(|_| !outcome.is_ambiguous && !is_old);
            let Some(arrival) = arrival else {
                continue;
            };
            let packet = Arrived {
                departure: outcome.departure,
                arrival,
                bytes: outcome.bytes,
            };
            self.delivery.add(packet);
            let is_echo = self.echo_until.is_some_and(|until| {
                let train = self.prober.departed().unwrap_or(until);
                (train..=until).contains(&packet.departure)
            });
            if !is_echo {
                self.queue.add(packet);
                self.trend.add(packet);
            }
        }
        self.acked = self.delivery.rate(ACKED_WINDOW);
        let was_cut = self.cut_for_delay(now) | self.cut_for_loss(now);
        if was_cut {
            self.prober.cut(now);
        } else if let Some(reached) = reached {
            self.raise(reached);
        } else {
            self.grow(elapsed, now);
        }
        self.drain(now);
    }

    fn cut_for_delay(&mut self, now: Instant) -> bool {
        let standing = self.queue.standing();
        if standing < FULL_QUEUE {
            self.full_since = None;
        } else if since(Some(*self.full_since.get_or_insert(now)), now) > FULL_FOR
            && self.trend.usage() == Usage::Steady
        {
            self.queue.accept();
            self.full_since = None;
            return false;
        }
        let Some(speed) = self.delivery.speed(SPEED_WINDOW, SPEED_PACKETS) else {
            return false;
        };
        if since(self.last_cut, now) < CUT_AGAIN || !self.is_congested(standing, speed, now) {
            return false;
        }
        self.cut_to(speed.delivered * CUT, now)
    }

    fn is_congested(&self, standing: Duration, speed: Speed, now: Instant) -> bool {
        let stretched = speed.delivered / speed.sent.max(1.0);
        if speed.sent < LITTLE * self.target {
            return standing > HIGH_QUEUE && stretched < 0.85 && speed.packets >= 2 * SPEED_PACKETS;
        }
        let grows = self.trend.usage() == Usage::Over && standing > SMALL_QUEUE;
        let jumps = standing > HIGH_QUEUE && stretched < 0.9;
        let stays =
            standing > FULL_QUEUE && stretched < 1.05 && since(self.last_cut, now) > STAYS_AGAIN;
        grows || jumps || stays
    }

    fn cut_for_loss(&mut self, now: Instant) -> bool {
        let Some(share) = self.loss.excess() else {
            return false;
        };
        self.loss.forget();
        self.cut_to(self.acked.max(self.target * (1.0 - share / 2.0)), now)
    }

    fn cut_to(&mut self, rate: f64, now: Instant) -> bool {
        let rate = rate.max(f64::from(FLOOR.as_bps()));
        let is_less = rate < self.target;
        if is_less {
            self.target = rate;
        }
        if is_less {
            self.last_cut = Some(now);
        }
        is_less
    }

    fn raise(&mut self, rate: f64) {
        self.target = self.target.max(rate.min(self.ceiling));
    }

    fn grow(&mut self, elapsed: Duration, now: Instant) {
        let is_calm = self.trend.usage() == Usage::Steady
            && self.queue.standing() < 2 * SMALL_QUEUE
            && since(self.last_cut, now) > GROW_AFTER_CUT
            && self.loss.excess().is_none();
        // Nothing is known about what was not sent.
        let is_used = self.target <= 1.5 * self.acked + 100_000.0;
        if is_calm && is_used {
            self.raise(self.target * GROWTH.powf(elapsed.as_secs_f64()));
        }
    }

    /// After a cut, waits until what is on its way has nearly arrived: whatever leaves before only comes late.
    fn drain(&mut self, now: Instant) {
        let was_cut = since(self.last_cut, now) < Duration::from_secs(1);
        let speed = self.delivery.speed(SPEED_WINDOW, SPEED_PACKETS);
        self.hold = match (was_cut, speed) {
            (true, Some(speed)) => {
                let rate = speed.delivered.max(f64::from(FLOOR.as_bps()));
                let on_way = Duration::from_secs_f64(self.in_flight_bytes as f64 * 8.0 / rate);
                let waits = on_way.saturating_sub(self.round_trip.least().unwrap_or_default());
                (waits > 2 * DRAINED).then(|| now + (waits - DRAINED).min(LONGEST_HOLD))
            }
            _ => None,
        };
    }

    /// What left up to then is not on its way any more.
    fn land(&mut self, departure: Option<Instant>) {
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

/// The least of the last seconds.
#[derive(Debug, Default)]
struct RoundTrip {
    slots: VecDeque<(Instant, Duration)>,
}

impl RoundTrip {
    const SLOTS: usize = 5;
    const SLOT: Duration = Duration::from_secs(2);

    fn add(&mut self, took: Duration, now: Instant) {
        match self.slots.back_mut() {
            Some((began, least)) if now < *began + Self::SLOT => *least = took.min(*least),
            _ => self.slots.push_back((now, took)),
        }
        if self.slots.len() > Self::SLOTS {
            self.slots.pop_front();
        }
    }

    fn least(&self) -> Option<Duration> {
        self.slots.iter().map(|(_, took)| *took).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_never_is_reported_leaves_no_room_until_it_is_known_to_have_landed() {
        let start = Instant::now();
        let ms = |millis| start + Duration::from_millis(millis);
        let mut bandwidth = Bandwidth::new(Bitrate::kbps(6000), start);
        bandwidth.sent(1200, start);
        let arrived = Outcome {
            departure: start,
            arrival: Some(Duration::from_millis(10)),
            bytes: 1200,
            is_ambiguous: false,
        };
        bandwidth.on_outcomes(&[arrived], ms(20));
        let room = bandwidth.pace(ms(20)).room;
        assert!(room > 0 && room < usize::MAX);
        while bandwidth.pace(ms(21)).room > 0 {
            bandwidth.sent(1200, ms(21));
        }
        bandwidth.all_landed();
        assert_eq!(bandwidth.pace(ms(22)).room, room);
    }
}
