//! TransportKind-wide feedback, as `rtc` joins it with what was sent → the [`SenderState`].

use std::time::Instant;

use rtc::interceptor::{BandwidthEstimator, PacketReport};

use crate::congestion::bandwidth::Outcome;
use crate::transport::lock;
use crate::transport::webrtc::SharedSenderState;

/// Sees every report. The pacing is done before packets enter the chain, so nobody in there asks for a rate.
pub(super) struct TwccFeedback {
    pub(super) flow: SharedSenderState,
    /// The stream of first transmissions; anything else repeats it.
    pub(super) ssrc: u32,
}

impl BandwidthEstimator for TwccFeedback {
    fn on_reports(&mut self, now: Instant, reports: &[PacketReport]) {
        if reports.is_empty() {
            return;
        }
        let mut flow = lock(&self.flow);
        let outcome = |report: &PacketReport| Outcome {
            departure: report.departure,
            // A packet that arrived at an unknown time is of no use to anybody.
            arrival: report.arrival.filter(|_| report.arrived),
            bytes: report.size,
            is_ambiguous: report.ssrc == self.ssrc
                && flow.repeats.left_twice(report.rtp_sequence_number),
        };
        // `rtc` takes for lost what no feedback has spoken about.
        let known = |report: &&PacketReport| {
            report.arrived || flow.coverage.contains(report.twcc_sequence_number)
        };
        let outcomes: Vec<_> = reports.iter().filter(known).map(outcome).collect();
        for report in reports.iter().filter(|report| report.arrived) {
            let is_repetition = report.ssrc != self.ssrc;
            flow.repeats
                .arrived(report.rtp_sequence_number, is_repetition);
        }
        flow.on_outcomes(&outcomes, now);
    }

    fn target_bitrate(&self) -> f64 {
        0.0
    }
}
