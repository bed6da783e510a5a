//! Pure: does a viewer that asks for a keyframe lack anything?
//!
//! Chromium asks after every three seconds without a frame. On a still page nothing is missing then, and a keyframe each
//! time would cost more than the page ever did. While it waits for a keyframe it asks five times a second.

use std::time::{Duration, Instant};

/// A browser that cannot decode says so at once, and again and again; one that only misses news asks later, and once.
const AT_ONCE: Duration = Duration::from_secs(1);

/// What one viewer was sent, and what it says it got.
#[derive(Debug, Default)]
pub struct KeyframeRequests {
    /// RTP sequence number of the last packet, and when it left.
    sent: Option<(u16, Instant)>,
    /// The viewer's count of lost packets when the last keyframe left.
    lost_before_keyframe: u32,
    report: Option<Report>,
    /// When it asked last, granted or not.
    asked: Option<Instant>,
}

/// The part of an RTCP reception report block that counts (RFC 3550 §6.4.1).
#[derive(Clone, Copy, Debug)]
struct Report {
    highest: u16,
    total_lost: u32,
    at: Instant,
}

impl KeyframeRequests {
    pub fn sent(&mut self, last_sequence: u16, keyframe: bool, now: Instant) {
        self.sent = Some((last_sequence, now));
        if keyframe {
            self.lost_before_keyframe = self.report.map_or(0, |report| report.total_lost);
        }
    }

    /// `highest` is the low half of the extended highest sequence number received.
    pub fn reported(&mut self, highest: u16, total_lost: u32, now: Instant) {
        self.report = Some(Report {
            highest,
            total_lost,
            at: now,
        });
    }

    /// The viewer says that the last packet that left has arrived.
    pub fn has_last(&self) -> bool {
        let last = self.sent.map(|(last, _)| last);
        last.is_some() && last == self.report.map(|report| report.highest)
    }

    /// The viewer asks. No only when it has said, after the last packet left, that it has that one, and either lost none
    /// since the last keyframe or has everything by now, be it repeated (`has_all`), and when it does not insist. A loss
    /// that was reported late costs one keyframe too many, never one too few.
    pub fn asked(&mut self, has_all: bool, now: Instant) -> bool {
        let before = self.asked.replace(now);
        let (Some((last, sent_at)), Some(report)) = (self.sent, self.report) else {
            return true;
        };
        // What arrives before the browser knows the stream is not decoded: its report of the stream counts.
        let has_last = report.at > sent_at && report.highest == last;
        let lost_none = report.total_lost == self.lost_before_keyframe;
        let was_just = |at: Instant| now.saturating_duration_since(at) < AT_ONCE;
        !(has_last && (has_all || lost_none)) || was_just(sent_at) || before.is_some_and(was_just)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// A keyframe left, its last packet was 7, and the viewer reported that one so much later.
    fn keyframe(total_lost: u32, reported: Duration) -> (KeyframeRequests, Instant) {
        let start = Instant::now();
        let mut pleas = KeyframeRequests::default();
        pleas.sent(7, true, start);
        pleas.reported(7, total_lost, start + reported);
        (pleas, start)
    }

    #[test]
    fn a_viewer_of_a_still_page_that_has_everything_needs_nothing() {
        let start = Instant::now();
        let mut pleas = KeyframeRequests::default();
        assert!(pleas.asked(false, start), "nothing was sent yet");
        pleas.sent(7, true, start);
        assert!(
            pleas.asked(false, start + 3 * SECOND),
            "it has not said what it has"
        );
        assert!(!pleas.has_last());
        pleas.reported(7, 0, start + SECOND);
        assert!(pleas.has_last());
        assert!(!pleas.asked(false, start + 6 * SECOND));
    }

    #[test]
    fn a_lost_last_packet_and_a_hole_are_mended() {
        let start = Instant::now();
        let mut pleas = KeyframeRequests::default();
        pleas.sent(7, true, start);
        pleas.reported(6, 0, start + SECOND);
        assert!(
            pleas.asked(false, start + 3 * SECOND),
            "the last packet is missing"
        );
        pleas.reported(7, 1, start + 4 * SECOND);
        assert!(
            pleas.asked(false, start + 6 * SECOND),
            "one before it is missing"
        );
        pleas.sent(9, true, start + 7 * SECOND);
        pleas.reported(9, 1, start + 8 * SECOND);
        assert!(
            !pleas.asked(false, start + 10 * SECOND),
            "the keyframe mended it"
        );
    }

    #[test]
    fn what_was_lost_and_repaired_is_not_missing() {
        let (mut pleas, start) = keyframe(2, SECOND);
        assert!(pleas.asked(false, start + 3 * SECOND));
        assert!(!pleas.asked(true, start + 6 * SECOND));
        assert!(
            KeyframeRequests::default().asked(true, start),
            "it knows of no stream yet"
        );
    }

    #[test]
    fn a_decoder_that_fails_is_helped_at_once() {
        for has_all in [false, true] {
            let (mut pleas, start) = keyframe(0, SECOND / 10);
            assert!(pleas.asked(has_all, start + SECOND / 5));
        }
    }

    #[test]
    fn whoever_insists_lacks_something() {
        let (mut pleas, start) = keyframe(0, SECOND);
        let asks = start + 3 * SECOND;
        assert!(!pleas.asked(true, asks));
        assert!(pleas.asked(true, asks + SECOND / 5));
        assert!(!pleas.asked(true, asks + 3 * SECOND));
    }
}
