//! Pure: departures and arrivals → queuing delay (one-way delay above its base), although the two clocks do not agree.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::congestion::bandwidth::ReceivedPacket;

/// The base delay is the least one of this many slots. Together they are long enough to contain a moment with an empty
/// queue, and short enough for clocks that drift apart by 100 ppm and for a path that has become longer.
const SLOTS: usize = 6;
const SLOT: Duration = Duration::from_secs(3);
/// The present delay is the least one of arrivals within this time: a burst of ours is no standing queue.
const STANDING_WINDOW: Duration = Duration::from_millis(60);

/// One-way delays in seconds, each with the same unknown offset: they are differences of two clocks.
#[derive(Debug, Default)]
pub struct QueuingDelay {
    /// When a slot began, and the least delay in it.
    slots: VecDeque<(Instant, f64)>,
    /// Departures are counted from here.
    epoch: Option<Instant>,
    /// Arrivals, and the delays they had.
    recent: VecDeque<(Duration, f64)>,
}

impl QueuingDelay {
    /// In the order in which they left.
    pub fn add(&mut self, packet: ReceivedPacket) {
        let epoch = *self.epoch.get_or_insert(packet.departure);
        let departure = packet.departure.saturating_duration_since(epoch);
        let delay = packet.arrival.as_secs_f64() - departure.as_secs_f64();
        match self.slots.back_mut() {
            Some((began, least)) if packet.departure < *began + SLOT => *least = least.min(delay),
            _ => self.slots.push_back((packet.departure, delay)),
        }
        while self.slots.len() > SLOTS {
            self.slots.pop_front();
        }
        self.recent.push_back((packet.arrival, delay));
        while let Some((arrival, _)) = self.recent.front()
            && *arrival + STANDING_WINDOW < packet.arrival
        {
            self.recent.pop_front();
        }
    }

    /// The standing queue: the least time that one of the newest packets waited. Zero before the first packet.
    pub fn standing(&self) -> Duration {
        let least = |delays: &mut dyn Iterator<Item = f64>| delays.reduce(f64::min);
        let base = least(&mut self.slots.iter().map(|(_, delay)| *delay));
        let recent = least(&mut self.recent.iter().map(|(_, delay)| *delay));
        let above_base = recent.zip(base).map_or(0.0, |(recent, base)| recent - base);
        Duration::try_from_secs_f64(above_base).unwrap_or_default()
    }

    /// The path has become longer: the present delay is the new base.
    pub fn rebase(&mut self) {
        let last = self.slots.back().map(|(began, _)| *began);
        let recent = self.recent.iter().map(|(_, delay)| *delay);
        if let (Some(began), Some(least)) = (last, recent.reduce(f64::min)) {
            self.slots.clear();
            self.slots.push_back((began, least));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(start: Instant, sent: u64, delay: u64) -> ReceivedPacket {
        ReceivedPacket {
            departure: start + Duration::from_millis(sent),
            // The receiver's clock began long before ours.
            arrival: Duration::from_millis(7_777_000 + sent + delay),
            bytes: 1000,
        }
    }

    #[test]
    fn only_delay_above_its_base_is_queuing_delay() {
        let start = Instant::now();
        let mut queue = QueuingDelay::default();
        assert_eq!(queue.standing(), Duration::ZERO);
        for index in 0..10 {
            queue.add(packet(start, 10 * index, 40));
        }
        assert!(queue.standing() < Duration::from_millis(1));
        for index in 10..30 {
            queue.add(packet(start, 10 * index, 70));
        }
        assert!(queue.standing().abs_diff(Duration::from_millis(30)) < Duration::from_millis(1));
        queue.rebase();
        assert!(queue.standing() < Duration::from_millis(1));
    }

    #[test]
    fn one_late_packet_is_no_standing_queue() {
        let start = Instant::now();
        let mut queue = QueuingDelay::default();
        for index in 0..20 {
            let late = if index % 4 == 0 { 30 } else { 0 };
            queue.add(packet(start, 10 * index, 40 + late));
        }
        assert!(queue.standing() < Duration::from_millis(1));
    }
}
