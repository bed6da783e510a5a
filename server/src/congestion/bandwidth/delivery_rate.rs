//! Pure: when packets left and came → how fast they left and how fast they came, over the newest part of them.

use std::collections::VecDeque;
use std::time::Duration;

use crate::congestion::bandwidth::Arrived;

/// Nobody asks further back.
const KEPT: Duration = Duration::from_millis(600);
/// However fast: nobody asks for more.
const MOST: usize = 2000;

/// Packets that arrived, in the order in which they left.
#[derive(Debug, Default)]
pub struct Delivery {
    packets: VecDeque<Arrived>,
}

/// The same packets, seen from both ends.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Speed {
    /// Bits per second.
    pub sent: f64,
    /// Bits per second. While a queue stands on the way this is what the way can carry.
    pub delivered: f64,
    pub packets: usize,
}

impl Delivery {
    pub fn add(&mut self, packet: Arrived) {
        self.packets.push_back(packet);
        let newest = packet.arrival;
        while self.packets.len() > MOST
            || self
                .packets
                .front()
                .is_some_and(|first| first.arrival + KEPT < newest)
        {
            self.packets.pop_front();
        }
    }

    /// Bits per second, over the `window` before the newest departure that is known.
    pub fn rate(&self, window: Duration) -> f64 {
        let Some(last) = self.packets.back() else {
            return 0.0;
        };
        let recent = self.packets.iter().rev();
        let recent = recent.take_while(|packet| packet.departure + window > last.departure);
        let bytes: usize = recent.map(|packet| packet.bytes).sum();
        bytes as f64 * 8.0 / window.as_secs_f64()
    }

    /// Over the newest `window` of arrivals, and at least `least` packets.
    pub fn speed(&self, window: Duration, least: usize) -> Option<Speed> {
        let last = self.packets.back()?;
        let newest = self.packets.iter().rev().enumerate();
        let part = newest.take_while(|(index, packet)| {
            *index < least || packet.arrival + window >= last.arrival
        });
        let (mut bytes, mut packets) = (0, 0);
        let (mut left, mut came) = (last.departure, last.arrival);
        let mut first_bytes = 0;
        let mut latest = last.arrival;
        for (_, packet) in part {
            bytes += packet.bytes;
            packets += 1;
            first_bytes = packet.bytes;
            left = left.min(packet.departure);
            came = came.min(packet.arrival);
            latest = latest.max(packet.arrival);
        }
        if packets < least {
            return None;
        }
        // Between n packets there are n - 1 gaps.
        let bits = bytes.saturating_sub(first_bytes) as f64 * 8.0;
        let rate = |spread: Duration| bits / spread.as_secs_f64().max(0.001);
        Some(Speed {
            sent: rate(last.departure.saturating_duration_since(left)),
            delivered: rate(latest.saturating_sub(came)),
            packets,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Instant;

    #[test]
    fn a_bottleneck_shows_in_the_rate_of_arrival() {
        let start = Instant::now();
        let mut delivery = Delivery::default();
        for index in 0..50 {
            delivery.add(Arrived {
                departure: start + Duration::from_millis(index),
                arrival: Duration::from_secs(900) + Duration::from_millis(8 * index),
                bytes: 1000,
            });
        }
        let speed = delivery.speed(Duration::from_millis(160), 10).unwrap();
        assert!((speed.sent - 8e6).abs() < 1e5, "{speed:?}");
        assert!((speed.delivered - 1e6).abs() < 1e4, "{speed:?}");
        assert_eq!(speed.packets, 21);
        assert_eq!(delivery.speed(Duration::from_millis(160), 500), None);
    }
}
