//! Pure: a viewer's PLI or FIR → is a keyframe needed?
//!
//! Chromium sends a PLI after every three seconds without a frame. On a page at rest nothing is missing then, and a keyframe
//! each time would cost more than the page ever did. While it waits for a keyframe it sends five PLIs a second.

use std::time::{Duration, Instant};

/// A browser that cannot decode sends a PLI within this time after the frame, and again within this time after the last
/// PLI; one that only waits for the next frame asks later, and once.
const URGENT_WITHIN: Duration = Duration::from_secs(1);

/// What one viewer was sent, and what it has reported.
#[derive(Debug, Default)]
pub struct KeyframeRequests {
    /// RTP sequence number of the last packet of the last frame, and when it left.
    last_packet: Option<(u16, Instant)>,
    /// Cumulative number of packets lost, as reported before the last keyframe left.
    lost_before_keyframe: u32,
    report: Option<Report>,
    /// The last PLI or FIR, granted or not.
    requested_at: Option<Instant>,
}

/// Of an RTCP report block (RFC 3550 §6.4.1).
#[derive(Clone, Copy, Debug)]
struct Report {
    highest: u16,
    total_lost: u32,
    at: Instant,
}

impl KeyframeRequests {
    /// The last packet of a frame left.
    pub fn on_frame_sent(&mut self, last_packet: u16, keyframe: bool, now: Instant) {
        self.last_packet = Some((last_packet, now));
        if keyframe {
            self.lost_before_keyframe = self.report.map_or(0, |report| report.total_lost);
        }
    }

    /// `highest` is the low half of the extended highest sequence number received, `total_lost` the cumulative number of
    /// packets lost.
    pub fn on_receiver_report(&mut self, highest: u16, total_lost: u32, now: Instant) {
        self.report = Some(Report {
            highest,
            total_lost,
            at: now,
        });
    }

    /// The viewer has reported that the last packet that left has arrived.
    pub fn has_last_packet(&self) -> bool {
        let last = self.last_packet.map(|(last, _)| last);
        last.is_some() && last == self.report.map(|report| report.highest)
    }

    /// A PLI or FIR came. Whether a keyframe is needed.
    ///
    /// It is not when three things hold: the viewer has reported, after the last packet left, that it has that packet; it
    /// has lost nothing since the last keyframe, or everything since then is acknowledged (`is_all_acked`, retransmissions
    /// included); and the request is not urgent. A loss that is reported late costs one keyframe too many, never one too
    /// few.
    pub fn on_request(&mut self, is_all_acked: bool, now: Instant) -> bool {
        let before = self.requested_at.replace(now);
        let (Some((last, sent_at)), Some(report)) = (self.last_packet, self.report) else {
            return true;
        };
        // What arrives before the browser knows the stream is not decoded, so only a report about the stream counts.
        let has_last = report.at > sent_at && report.highest == last;
        let lost_none = report.total_lost == self.lost_before_keyframe;
        let was_just = |at: Instant| now.saturating_duration_since(at) < URGENT_WITHIN;
        !(has_last && (is_all_acked || lost_none))
            || was_just(sent_at)
            || before.is_some_and(was_just)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// A keyframe left, its last packet was 7, and the viewer reported that one so much later.
    fn keyframe(total_lost: u32, reported: Duration) -> (KeyframeRequests, Instant) {
        let start = Instant::now();
        let mut requests = KeyframeRequests::default();
        requests.on_frame_sent(7, true, start);
        requests.on_receiver_report(7, total_lost, start + reported);
        (requests, start)
    }

    #[test]
    fn a_viewer_of_a_still_page_that_has_everything_needs_nothing() {
        let start = Instant::now();
        let mut requests = KeyframeRequests::default();
        assert!(requests.on_request(false, start), "nothing was sent yet");
        requests.on_frame_sent(7, true, start);
        assert!(
            requests.on_request(false, start + 3 * SECOND),
            "it has not reported what it has"
        );
        assert!(!requests.has_last_packet());
        requests.on_receiver_report(7, 0, start + SECOND);
        assert!(requests.has_last_packet());
        assert!(!requests.on_request(false, start + 6 * SECOND));
    }

    #[test]
    fn a_lost_last_packet_and_a_gap_need_a_keyframe() {
        let start = Instant::now();
        let mut requests = KeyframeRequests::default();
        requests.on_frame_sent(7, true, start);
        requests.on_receiver_report(6, 0, start + SECOND);
        assert!(
            requests.on_request(false, start + 3 * SECOND),
            "the last packet is missing"
        );
        requests.on_receiver_report(7, 1, start + 4 * SECOND);
        assert!(
            requests.on_request(false, start + 6 * SECOND),
            "one before it is missing"
        );
        requests.on_frame_sent(9, true, start + 7 * SECOND);
        requests.on_receiver_report(9, 1, start + 8 * SECOND);
        assert!(
            !requests.on_request(false, start + 10 * SECOND),
            "the keyframe mended it"
        );
    }

    #[test]
    fn what_was_lost_and_retransmitted_is_not_missing() {
        let (mut requests, start) = keyframe(2, SECOND);
        assert!(requests.on_request(false, start + 3 * SECOND));
        assert!(!requests.on_request(true, start + 6 * SECOND));
        assert!(
            KeyframeRequests::default().on_request(true, start),
            "it knows of no stream yet"
        );
    }

    #[test]
    fn a_decoder_that_fails_is_helped_at_once() {
        for is_all_acked in [false, true] {
            let (mut requests, start) = keyframe(0, SECOND / 10);
            assert!(requests.on_request(is_all_acked, start + SECOND / 5));
        }
    }

    #[test]
    fn a_repeated_request_is_urgent() {
        let (mut requests, start) = keyframe(0, SECOND);
        let asks = start + 3 * SECOND;
        assert!(!requests.on_request(true, asks));
        assert!(requests.on_request(true, asks + SECOND / 5));
        assert!(!requests.on_request(true, asks + 3 * SECOND));
    }
}
