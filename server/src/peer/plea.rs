//! Pure: does a viewer that asks for a keyframe lack anything?
//!
//! Chromium asks after every three seconds without a frame. On a still page nothing is missing then, and a keyframe each
//! time would cost more than the page ever did.

use std::time::{Duration, Instant};

/// A browser that cannot decode says so at once; one that only misses news asks later.
const AT_ONCE: Duration = Duration::from_secs(1);

/// What one viewer was sent, and what it says it got.
#[derive(Debug, Default)]
pub struct Pleas {
    /// RTP sequence number of the last packet, and when it left.
    sent: Option<(u16, Instant)>,
    /// The viewer's count of lost packets when the last keyframe left.
    lost_before_keyframe: u32,
    report: Option<Report>,
}

/// The part of an RTCP reception report block that counts (RFC 3550 §6.4.1).
#[derive(Clone, Copy, Debug)]
struct Report {
    highest: u16,
    total_lost: u32,
    at: Instant,
}

impl Pleas {
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

    /// No only when the viewer has said, after the last packet left, that it has that one, and either lost none since the
    /// last keyframe or has everything by now, be it repeated (`has_all`). A loss that was reported late costs one keyframe
    /// too many, never one too few.
    pub fn is_needed(&self, has_all: bool, now: Instant) -> bool {
        let (Some((last, sent_at)), Some(report)) = (self.sent, self.report) else {
            return true;
        };
        // What arrives before the browser knows the stream is not decoded: its report of the stream counts.
        let has_last = report.at > sent_at && report.highest == last;
        let lost_none = report.total_lost == self.lost_before_keyframe;
        !(has_last && (has_all || lost_none)) || now.duration_since(sent_at) < AT_ONCE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_viewer_of_a_still_page_that_has_everything_needs_nothing() {
        let start = Instant::now();
        let mut pleas = Pleas::default();
        assert!(pleas.is_needed(false, start), "nothing was sent yet");
        pleas.sent(7, true, start);
        assert!(
            pleas.is_needed(false, start + 3 * SECOND),
            "it has not said what it has"
        );
        assert!(!pleas.has_last());
        pleas.reported(7, 0, start + SECOND);
        assert!(pleas.has_last());
        assert!(!pleas.is_needed(false, start + 3 * SECOND));
    }

    #[test]
    fn a_lost_last_packet_and_a_hole_are_mended() {
        let start = Instant::now();
        let mut pleas = Pleas::default();
        pleas.sent(7, true, start);
        pleas.reported(6, 0, start + SECOND);
        assert!(
            pleas.is_needed(false, start + 3 * SECOND),
            "the last packet is missing"
        );
        pleas.reported(7, 1, start + SECOND);
        assert!(
            pleas.is_needed(false, start + 3 * SECOND),
            "one before it is missing"
        );
        pleas.sent(9, true, start + 4 * SECOND);
        pleas.reported(9, 1, start + 5 * SECOND);
        assert!(
            !pleas.is_needed(false, start + 7 * SECOND),
            "the keyframe mended it"
        );
    }

    #[test]
    fn what_was_lost_and_repaired_is_not_missing() {
        let start = Instant::now();
        let mut pleas = Pleas::default();
        pleas.sent(7, true, start);
        pleas.reported(7, 2, start + SECOND);
        assert!(pleas.is_needed(false, start + 3 * SECOND));
        assert!(!pleas.is_needed(true, start + 3 * SECOND));
        assert!(
            Pleas::default().is_needed(true, start),
            "it knows of no stream yet"
        );
        assert!(
            pleas.is_needed(true, start + SECOND / 5),
            "it cannot be decoded"
        );
    }

    #[test]
    fn a_decoder_that_fails_is_helped_at_once() {
        let start = Instant::now();
        let mut pleas = Pleas::default();
        pleas.sent(7, true, start);
        pleas.reported(7, 0, start + SECOND / 10);
        assert!(pleas.is_needed(false, start + SECOND / 5));
    }
}
