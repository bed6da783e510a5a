//! Pure: transport-wide feedback → one summary per report. The place where a bandwidth estimate will be made.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rtc::interceptor::{BandwidthEstimator, PacketReport};

/// What a viewer's browser reports about the packets of the last 50 to 250 ms (transport-wide congestion control).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TransportFeedback {
    pub packets: u32,
    pub lost: u32,
    /// Of the packets that arrived.
    pub bytes: u64,
    /// From the first to the last departure of those that arrived.
    pub sent_within: Duration,
    /// From the first to the last arrival; longer than `sent_within` means that a queue grows.
    pub received_within: Duration,
}

/// Where the newest summaries wait for the hub.
pub(super) type Summaries = Arc<Mutex<Vec<TransportFeedback>>>;

/// Sees every report; estimates nothing yet, and paces nothing.
pub(super) struct Observer {
    pub(super) summaries: Summaries,
}

impl BandwidthEstimator for Observer {
    fn on_reports(&mut self, _now: Instant, reports: &[PacketReport]) {
        if !reports.is_empty() {
            let mut summaries = self
                .summaries
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            summaries.push(summary(reports));
        }
    }

    /// Never read: there is no pacer.
    fn target_bitrate(&self) -> f64 {
        0.0
    }
}

fn summary(reports: &[PacketReport]) -> TransportFeedback {
    let arrived = || reports.iter().filter(|report| report.arrived);
    let departures = || arrived().map(|report| report.departure);
    let arrivals = || arrived().filter_map(|report| report.arrival);
    let sent_within = departures()
        .min()
        .zip(departures().max())
        .map(|(first, last)| last - first);
    let received_within = arrivals()
        .min()
        .zip(arrivals().max())
        .map(|(first, last)| last - first);
    let count = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
    TransportFeedback {
        packets: count(reports.len()),
        lost: count(reports.len() - arrived().count()),
        bytes: arrived().map(|report| report.size as u64).sum(),
        sent_within: sent_within.unwrap_or_default(),
        received_within: received_within.unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rtc::rtcp::transport_feedbacks::cc_feedback_report::Ecn;

    #[test]
    fn a_growing_queue_and_a_loss_are_told() {
        let start = Instant::now();
        let millis = Duration::from_millis;
        let report = |id: u64, sent: u64, arrival: Option<u64>| PacketReport {
            ssrc: 1,
            id,
            rtp_sequence_number: 0,
            is_twcc: true,
            twcc_sequence_number: 0,
            size: 1000,
            arrived: arrival.is_some(),
            departure: start + millis(sent),
            arrival: arrival.map(millis),
            ecn: Ecn::NotEct,
        };
        let reports = [
            report(1, 0, Some(500)),
            report(2, 10, None),
            report(3, 20, Some(560)),
        ];
        let expected = TransportFeedback {
            packets: 3,
            lost: 1,
            bytes: 2000,
            sent_within: millis(20),
            received_within: millis(60),
        };
        assert_eq!(summary(&reports), expected);
    }
}
