//! Pure: what the parts of one viewer's connection know in common about its packets: what the way carries, what may have
//! to be sent again, what was reported.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rtc::rtp::Packet;

use super::bandwidth::{Bandwidth, Outcome, Pace};
use super::coverage::Coverage;
use super::redundancy::Redundancy;
use super::repeat::Repeats;
use super::tap::Report;
use crate::bitrate::Bitrate;

/// Interceptors are out of reach once a connection is built; this is what they share with it.
pub type SharedFlow = Arc<Mutex<Flow>>;

pub struct Flow {
    bandwidth: Bandwidth,
    ceiling: Bitrate,
    adapt: bool,
    pub repeats: Repeats,
    redundancy: Redundancy,
    pub coverage: Coverage,
    pub keyframe_needed: bool,
    pub reports: Vec<Report>,
    /// Transport-wide feedback came since somebody looked.
    pub has_news: bool,
    /// By receiver reports, which say how long they were held; about once a second.
    told_round_trip: Option<Duration>,
    /// Bytes that left without waiting in the pacer.
    pub beside: usize,
}

impl Flow {
    pub fn new(ceiling: Bitrate, adapt: bool, now: Instant) -> Flow {
        Flow {
            bandwidth: Bandwidth::new(ceiling, now),
            ceiling,
            adapt,
            repeats: Repeats::new(),
            redundancy: Redundancy::default(),
            coverage: Coverage::default(),
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

    pub fn pace(&self, now: Instant) -> Pace {
        match self.adapt {
            true => self.bandwidth.pace(now),
            false => Pace {
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
