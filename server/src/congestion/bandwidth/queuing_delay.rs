//! Pure: when packets left and came → how long they waited in a queue on the way, without needing the clocks to agree.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::congestion::bandwidth::Arrived;

/// The emptiest moment of this many slots counts as an empty queue. Long enough to contain one, short enough for clocks
/// that drift apart by 100 ppm and for a way that became longer.
const SLOTS: usize = 6;
const SLOT: Duration = Duration::from_secs(3);
/// The queue stands as high as its lowest level within this time: a burst of ours is no standing queue.
const STANDING: Duration = Duration::from_millis(60);

#[derive(Debug, Default)]
pub struct Queue {
    /// Differences of two clocks in seconds: only their differences mean anything.
    slots: VecDeque<(Instant, f64)>,
    epoch: Option<Instant>,
    recent: VecDeque<(Duration, f64)>,
}

impl Queue {
    pub fn add(&mut self, packet: Arrived) {
        let epoch = *self.epoch.get_or_insert(packet.departure);
        let left = packet.departure.saturating_duration_since(epoch);
        let delay = packet.arrival.as_secs_f64() - left.as_secs_f64();
        match self.slots.back_mut() {
            Some((began, least)) if packet.departure < *began + SLOT => *least = least.min(delay),
            _ => self.slots.push_back((packet.departure, delay)),
        }
        while self.slots.len() > SLOTS {
            self.slots.pop_front();
        }
        self.recent.push_back((packet.arrival, delay));
        while let Some((arrival, _)) = self.recent.front()
            && *arrival + STANDING < packet.arrival
        {
            self.recent.pop_front();
        }
    }

    /// How long the newest packets waited at least.
    pub fn standing(&self) -> Duration {
        let least = |delays: &mut dyn Iterator<Item = f64>| delays.reduce(f64::min);
        let base = least(&mut self.slots.iter().map(|(_, delay)| *delay));
        let recent = least(&mut self.recent.iter().map(|(_, delay)| *delay));
        let waited = recent.zip(base).map_or(0.0, |(recent, base)| recent - base);
        Duration::try_from_secs_f64(waited).unwrap_or_default()
    }

    /// The way is longer than it was: what stands now is what an empty queue looks like.
    pub fn accept(&mut self) {
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

    fn packet(start: Instant, sent: u64, delay: u64) -> Arrived {
        Arrived {
            departure: start + Duration::from_millis(sent),
            // Their clock began long before ours.
            arrival: Duration::from_millis(7_777_000 + sent + delay),
            bytes: 1000,
        }
    }

    #[test]
    fn only_what_exceeds_the_emptiest_moment_is_a_queue() {
        let start = Instant::now();
        let mut queue = Queue::default();
        assert_eq!(queue.standing(), Duration::ZERO);
        for index in 0..10 {
            queue.add(packet(start, 10 * index, 40));
        }
        assert!(queue.standing() < Duration::from_millis(1));
        for index in 10..30 {
            queue.add(packet(start, 10 * index, 70));
        }
        assert!(queue.standing().abs_diff(Duration::from_millis(30)) < Duration::from_millis(1));
        queue.accept();
        assert!(queue.standing() < Duration::from_millis(1));
    }

    #[test]
    fn one_late_packet_is_no_standing_queue() {
        let start = Instant::now();
        let mut queue = Queue::default();
        for index in 0..20 {
            let late = if index % 4 == 0 { 30 } else { 0 };
            queue.add(packet(start, 10 * index, 40 + late));
        }
        assert!(queue.standing() < Duration::from_millis(1));
    }
}
