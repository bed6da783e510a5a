//! Pure: two readings of a peer's counters → what happened between them.

use serde::Serialize;
use shared::message::ServerStatistics;

use crate::connection::stall_detector::Look;

/// Counters of `inbound-rtp` and the candidate pair in use; `RTCStatsReport`'s names, times in seconds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Reading {
    /// `timestamp`, milliseconds since 1970.
    pub at_millis: f64,
    pub frames_received: f64,
    pub frames_decoded: f64,
    pub frames_dropped: f64,
    pub freeze_count: f64,
    pub bytes_received: f64,
    pub packets_received: f64,
    /// `None` where the transport repairs losses by itself and tells nobody.
    pub packets_lost: Option<f64>,
    pub jitter_buffer_delay: f64,
    pub jitter_buffer_emitted_count: f64,
    pub total_decode_time: f64,
    pub frame_width: f64,
    pub frame_height: f64,
    /// Of all kinds, but for ICE's own.
    pub transport_packets: f64,
    pub current_round_trip_time: Option<f64>,
    /// `udp`, `tcp`, `relay over …` or `web socket`.
    pub protocol: Option<String>,
    pub decoder: Option<String>,
}

/// One second of the stream. `None`: nothing happened that could be measured.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Sample {
    pub at_millis: f64,
    pub frames_per_second: f64,
    pub kilobits_per_second: f64,
    pub round_trip_millis: Option<f64>,
    /// Mean time of a frame between its arrival and its decoder.
    pub buffer_millis: Option<f64>,
    pub decode_millis: Option<f64>,
    pub loss_percent: Option<f64>,
    pub frames_dropped: f64,
    pub freezes: f64,
    pub width: u32,
    pub height: u32,
    pub protocol: Option<String>,
    pub decoder: Option<String>,
    /// What the server said of its last second.
    pub server: Option<ServerStatistics>,
}

impl Reading {
    /// `None` if the two are not of the same peer, or not apart.
    pub fn since(&self, before: &Reading, server: Option<ServerStatistics>) -> Option<Sample> {
        let seconds = (self.at_millis - before.at_millis) / 1000.0;
        let same_peer = self.bytes_received >= before.bytes_received
            && self.frames_decoded >= before.frames_decoded;
        if seconds <= 0.0 || !same_peer {
            return None;
        }
        let frames = self.frames_decoded - before.frames_decoded;
        let emitted = self.jitter_buffer_emitted_count - before.jitter_buffer_emitted_count;
        let received = (self.packets_received - before.packets_received).max(0.0);
        let loss = self
            .packets_lost
            .zip(before.packets_lost)
            .map(|(now, before)| {
                // Lost can shrink: a late packet is taken off again.
                let lost = (now - before).max(0.0);
                match lost + received {
                    expected if expected > 0.0 => 100.0 * lost / expected,
                    _ => 0.0,
                }
            });
        Some(Sample {
            at_millis: self.at_millis,
            frames_per_second: frames / seconds,
            kilobits_per_second: (self.bytes_received - before.bytes_received) * 8.0
                / 1000.0
                / seconds,
            round_trip_millis: self.current_round_trip_time.map(|time| time * 1000.0),
            buffer_millis: mean_millis(
                self.jitter_buffer_delay - before.jitter_buffer_delay,
                emitted,
            ),
            decode_millis: mean_millis(self.total_decode_time - before.total_decode_time, frames),
            loss_percent: loss,
            frames_dropped: (self.frames_dropped - before.frames_dropped).max(0.0),
            freezes: (self.freeze_count - before.freeze_count).max(0.0),
            width: self.frame_width as u32,
            height: self.frame_height as u32,
            protocol: self.protocol.clone(),
            decoder: self.decoder.clone(),
            server,
        })
    }

    /// What this side's buffers did meanwhile; the same conditions.
    pub fn look_since(&self, before: &Reading) -> Option<Look> {
        let grown = |of: fn(&Reading) -> f64| of(self) - of(before);
        let decoded = grown(|reading| reading.frames_decoded);
        let same_peer = decoded >= 0.0 && grown(|reading| reading.bytes_received) >= 0.0;
        (same_peer && self.at_millis > before.at_millis).then(|| Look {
            buffer_millis: mean_millis(
                grown(|reading| reading.jitter_buffer_delay),
                grown(|reading| reading.jitter_buffer_emitted_count),
            ),
            received: grown(|reading| reading.frames_received),
            decoded,
            dropped: grown(|reading| reading.frames_dropped),
            ..Look::default()
        })
    }
}

fn mean_millis(seconds: f64, count: f64) -> Option<f64> {
    (count > 0.0).then(|| (seconds * 1000.0 / count).max(0.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(at_millis: f64, frames: f64) -> Reading {
        Reading {
            at_millis,
            frames_decoded: frames,
            bytes_received: frames * 1000.0,
            packets_received: frames * 2.0,
            packets_lost: Some(0.0),
            jitter_buffer_delay: frames * 0.002,
            jitter_buffer_emitted_count: frames,
            total_decode_time: frames * 0.004,
            ..Reading::default()
        }
    }

    #[test]
    fn counters_become_rates_and_means() {
        let sample = reading(3000.0, 220.0)
            .since(&reading(1000.0, 100.0), None)
            .expect("same peer");
        assert_eq!(sample.frames_per_second, 60.0);
        assert_eq!(sample.kilobits_per_second, 480.0);
        assert!((sample.buffer_millis.expect("frames came") - 2.0).abs() < 1e-9);
        assert!((sample.decode_millis.expect("frames came") - 4.0).abs() < 1e-9);
    }

    #[test]
    fn a_still_page_has_no_times() {
        let sample = reading(2000.0, 100.0)
            .since(&reading(1000.0, 100.0), None)
            .expect("same peer");
        assert_eq!(sample.frames_per_second, 0.0);
        assert_eq!(sample.buffer_millis, None);
        assert_eq!(sample.loss_percent, Some(0.0));
    }

    #[test]
    fn loss_is_a_share_of_what_was_expected() {
        let before = reading(1000.0, 0.0);
        let now = Reading {
            packets_received: 75.0,
            packets_lost: Some(25.0),
            ..reading(2000.0, 10.0)
        };
        assert_eq!(
            now.since(&before, None).expect("same peer").loss_percent,
            Some(25.0)
        );
        assert_eq!(before.since(&now, None), None);
    }

    #[test]
    fn a_fresh_peer_starts_over() {
        assert_eq!(
            reading(2000.0, 5.0).since(&reading(1000.0, 100.0), None),
            None
        );
        assert_eq!(
            reading(1000.0, 5.0).since(&reading(1000.0, 5.0), None),
            None
        );
    }
}
