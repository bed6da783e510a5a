//! Pure: departures and arrivals → the rates at which the newest packets were sent and were delivered.

use std::collections::VecDeque;
use std::time::Duration;

use crate::congestion::bandwidth::ReceivedPacket;

/// Packets are kept for so long after they arrived: more than the longest window that is asked for.
const HISTORY: Duration = Duration::from_millis(600);
/// Bounds memory and time on the fastest path.
const MAX_PACKETS: usize = 2000;

/// Packets that arrived, in the order in which they left.
#[derive(Debug, Default)]
pub struct DeliveryRate {
    packets: VecDeque<ReceivedPacket>,
}

/// Send and delivery rate of the same packets.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rates {
    /// Bits per second.
    pub sent: f64,
    /// Bits per second. While a queue stands at the bottleneck, this is the bottleneck's capacity.
    pub delivered: f64,
    /// How many packets were looked at.
    pub packets: usize,
}

impl DeliveryRate {
    /// In the order in which they left.
    pub fn add(&mut self, packet: ReceivedPacket) {
        self.packets.push_back(packet);
        let newest = packet.arrival;
        while self.packets.len() > MAX_PACKETS
            || self
                .packets
                .front()
                .is_some_and(|first| first.arrival + HISTORY < newest)
        {
            self.packets.pop_front();
        }
    }

    /// Bits per second that arrived of what left in the `window` before the newest known departure.
    pub fn bitrate(&self, window: Duration) -> f64 {
        let Some(last) = self.packets.back() else {
            return 0.0;
        };
        let recent = self.packets.iter().rev();
        let recent = recent.take_while(|packet| packet.departure + window > last.departure);
        let bytes: usize = recent.map(|packet| packet.bytes).sum();
        bytes as f64 * 8.0 / window.as_secs_f64()
    }

    /// Over the newest `window` of arrivals, and at least `min_packets` packets. `None` if there are not so many.
    pub fn rates(&self, window: Duration, min_packets: usize) -> Option<Rates> {
        let last = self.packets.back()?;
        let newest = self.packets.iter().rev().enumerate();
        let recent = newest.take_while(|(index, packet)| {
            *index < min_packets || packet.arrival + window >= last.arrival
        });
        let (mut bytes, mut packets) = (0, 0);
        let (mut first_departure, mut first_arrival) = (last.departure, last.arrival);
        let mut first_bytes = 0;
        let mut last_arrival = last.arrival;
        for (_, packet) in recent {
            bytes += packet.bytes;
            packets += 1;
            first_bytes = packet.bytes;
            first_departure = first_departure.min(packet.departure);
            first_arrival = first_arrival.min(packet.arrival);
            last_arrival = last_arrival.max(packet.arrival);
        }
        if packets < min_packets {
            return None;
        }
        // Between n packets there are n - 1 gaps.
        let bits = bytes.saturating_sub(first_bytes) as f64 * 8.0;
        let bitrate = |time: Duration| bits / time.as_secs_f64().max(0.001);
        Some(Rates {
            sent: bitrate(last.departure.saturating_duration_since(first_departure)),
            delivered: bitrate(last_arrival.saturating_sub(first_arrival)),
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
        let mut delivery = DeliveryRate::default();
        for index in 0..50 {
            delivery.add(ReceivedPacket {
                departure: start + Duration::from_millis(index),
                arrival: Duration::from_secs(900) + Duration::from_millis(8 * index),
                bytes: 1000,
            });
        }
        let rates = delivery.rates(Duration::from_millis(160), 10).unwrap();
        assert!((rates.sent - 8e6).abs() < 1e5, "{rates:?}");
        assert!((rates.delivered - 1e6).abs() < 1e4, "{rates:?}");
        assert_eq!(rates.packets, 21);
        assert_eq!(delivery.rates(Duration::from_millis(160), 500), None);
    }
}
