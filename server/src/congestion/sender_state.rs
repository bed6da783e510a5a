//! Pure: what the parts of one viewer's connection know in common about its packets: what the way carries, what may have
//! to be sent again, what was reported.

use std::time::{Duration, Instant};

use rtc::rtp::Packet;

use crate::bitrate::Bitrate;
use crate::congestion::bandwidth::{Bandwidth, Outcome, SendBudget};
use crate::congestion::feedback_coverage::FeedbackCoverage;
use crate::congestion::loss_recovery::duplication::Duplication;
use crate::congestion::loss_recovery::rtx_buffer::RtxBuffer;

/// From an RTCP receiver report, about once a second.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ReceptionReport {
    /// Part of the packets since the last report that did not arrive, 0 to 1.
    pub loss: f32,
    /// Unknown until a sender report has been answered.
    pub round_trip: Option<Duration>,
    /// Which stream it is about.
    pub ssrc: u32,
    /// The low half of the highest sequence number that arrived.
    pub highest: u16,
    /// Packets that did not arrive, since the beginning.
    pub total_lost: u32,
}

pub struct SenderState {
    bandwidth: Bandwidth,
    ceiling: Bitrate,
    adapt: bool,
    pub repeats: RtxBuffer,
    redundancy: Duplication,
    pub coverage: FeedbackCoverage,
    pub keyframe_needed: bool,
    pub reports: Vec<ReceptionReport>,
    /// TransportKind-wide feedback came since somebody looked.
    pub has_news: bool,
    /// By receiver reports, which say how long they were held; about once a second.
    told_round_trip: Option<Duration>,
    /// Bytes that left without waiting in the pacer.
    pub beside: usize,
}

impl SenderState {
    pub fn new(ceiling: Bitrate, adapt: bool, now: Instant) -> SenderState {
        SenderState {
            bandwidth: Bandwidth::new(ceiling, now),
            ceiling,
            adapt,
            repeats: RtxBuffer::new(),
            redundancy: Duplication::default(),
            coverage: FeedbackCoverage::default(),
            keyframe_needed: false,
            reports: Vec::new(),
            has_news: false,
            told_round_trip: None,
            beside: 0,
        }
    }

    pub fn estimate(&self) -> Bitrate {
        match self.adapt {
            true => self.bandwidth.estimate(),
            false => self.ceiling,
        }
    }

    pub fn pace(&self, now: Instant) -> SendBudget {
        match self.adapt {
            true => self.bandwidth.pace(now),
            false => SendBudget {
                rate: Bitrate::bps(u32::MAX),
                burst: usize::MAX,
                hold: None,
                room: usize::MAX,
            },
        }
    }

    pub fn queue(&self) -> Duration {
        self.bandwidth.queue()
    }

    pub fn acked(&self, now: Instant) -> Bitrate {
        self.bandwidth.acked(now)
    }

    /// Bytes of a train that should leave now. The caller sends them all at this very instant.
    pub fn begin_train(&mut self, now: Instant) -> Option<usize> {
        let bytes = self.adapt.then(|| self.bandwidth.train(now))??;
        self.bandwidth.train_sent(bytes, now);
        Some(bytes)
    }

    pub fn sent(&mut self, bytes: usize, now: Instant) {
        self.bandwidth.sent(bytes, now);
    }

    pub fn on_outcomes(&mut self, outcomes: &[Outcome], now: Instant) {
        self.has_news = true;
        self.bandwidth.on_outcomes(outcomes, now);
        self.measure();
        let is_calm = self.bandwidth.is_calm(now);
        if is_calm {
            self.redundancy.add(outcomes);
        }
        if self.adapt {
            self.redundancy
                .decide(self.round_trip(), self.estimate(), !is_calm);
        }
    }

    /// How often each packet is sent again unasked.
    pub fn copies(&self) -> usize {
        self.redundancy.copies()
    }

    /// A packet of a frame leaves for the first time.
    pub fn first_sent(&mut self, packet: Packet, now: Instant) {
        let copies = self.redundancy.times(now);
        self.repeats.sent(packet, now);
        self.repeats.copy_last(copies);
    }

    pub fn moved(&mut self, now: Instant) {
        self.bandwidth.moved(now);
    }

    pub fn all_landed(&mut self) {
        self.bandwidth.all_landed();
    }

    pub fn told_round_trip(&mut self, round_trip: Duration) {
        self.told_round_trip = Some(round_trip);
        self.measure();
    }

    fn round_trip(&self) -> Option<Duration> {
        let measured = self.bandwidth.round_trip().into_iter();
        measured.chain(self.told_round_trip).min()
    }

    /// What the bandwidth's side measures includes what the browser collects before it reports.
    fn measure(&mut self) {
        if let Some(round_trip) = self.round_trip() {
            self.repeats.measured(round_trip);
        }
    }

    pub fn missed(&mut self, sequence: u16, now: Instant) {
        let estimate = self.estimate();
        self.repeats.missed(sequence, estimate, now);
    }
}
