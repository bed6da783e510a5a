//! Transport-wide feedback, joined by `rtc` with what was sent → the connection's state.

use std::time::Instant;

use rtc::interceptor::{BandwidthEstimator, PacketReport};

use crate::congestion::bandwidth::PacketResult;
use crate::sync::lock;
use crate::transport::webrtc::shared_state::SharedState;

/// Stands where `rtc` has its bandwidth estimator, to see every report. The pacer comes before the interceptors, so none
/// of them asks for a bitrate.
pub(super) struct TwccFeedback {
    pub(super) state: SharedState,
    /// Of the media stream; any other is the RTX stream.
    pub(super) ssrc: u32,
}

impl BandwidthEstimator for TwccFeedback {
    fn on_reports(&mut self, now: Instant, reports: &[PacketReport]) {
        if reports.is_empty() {
            return;
        }
        let mut state = lock(&self.state);
        let result = |report: &PacketReport| PacketResult {
            departure: report.departure,
            // A packet that arrived at an unknown time is of no use to the estimator.
            arrival: report.arrival.filter(|_| report.arrived),
            bytes: report.size,
            is_ambiguous: report.ssrc == self.ssrc
                && state.sender.rtx.is_ambiguous(report.rtp_sequence_number),
        };
        // `rtc` takes for lost what no feedback has named.
        let is_named = |report: &&PacketReport| {
            report.arrived || state.twcc_coverage.contains(report.twcc_sequence_number)
        };
        let results: Vec<_> = reports.iter().filter(is_named).map(result).collect();
        for report in reports.iter().filter(|report| report.arrived) {
            let rtx = &mut state.sender.rtx;
            match report.ssrc == self.ssrc {
                true => rtx.on_media_acked(report.rtp_sequence_number),
                false => rtx.on_rtx_acked(report.rtp_sequence_number),
            }
        }
        state.sender.on_feedback(&results, now);
    }

    fn target_bitrate(&self) -> f64 {
        0.0
    }
}
