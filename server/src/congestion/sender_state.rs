//! Pure: feedback about one viewer's packets → what its path carries, what is sent again, and how much duplication pays.
//!
//! The one place where estimator, retransmission buffer and duplication meet.

use std::time::{Duration, Instant};

use crate::bitrate::Bitrate;
use crate::congestion::bandwidth::{BandwidthEstimator, PacketResult, SendBudget};
use crate::congestion::loss_recovery::duplication::Duplication;
use crate::congestion::loss_recovery::rtx_buffer::{MediaPacket, RtxBuffer};

/// Congestion control and loss recovery of one viewer. `P` is a packet of the media stream.
pub struct SenderState<P> {
    bandwidth: BandwidthEstimator,
    ceiling: Bitrate,
    adapt: bool,
    /// Packets that may have to be sent again.
    pub rtx: RtxBuffer<P>,
    duplication: Duplication,
    has_new_feedback: bool,
    /// From receiver reports, which say for how long they were held; about once a second.
    rtcp_rtt: Option<Duration>,
    unpaced_bytes: usize,
}

impl<P: MediaPacket> SenderState<P> {
    /// Without `adapt` the estimate is always the ceiling, and packets leave as they come.
    pub fn new(ceiling: Bitrate, adapt: bool, now: Instant) -> SenderState<P> {
        SenderState {
            bandwidth: BandwidthEstimator::new(ceiling, now),
            ceiling,
            adapt,
            rtx: RtxBuffer::new(),
            duplication: Duplication::default(),
            has_new_feedback: false,
            rtcp_rtt: None,
            unpaced_bytes: 0,
        }
    }

    /// What the path carries.
    pub fn estimate(&self) -> Bitrate {
        match self.adapt {
            true => self.bandwidth.estimate(),
            false => self.ceiling,
        }
    }

    /// How packets may leave now.
    pub fn send_budget(&self, now: Instant) -> SendBudget {
        match self.adapt {
            true => self.bandwidth.send_budget(now),
            false => SendBudget {
                pacing_rate: Bitrate::bps(u32::MAX),
                burst: usize::MAX,
                paused_until: None,
                available_window: usize::MAX,
            },
        }
    }

    /// One-way delay above its base.
    pub fn queuing_delay(&self) -> Duration {
        self.bandwidth.queuing_delay()
    }

    /// What arrived in the last half second.
    pub fn acked_bitrate(&self, now: Instant) -> Bitrate {
        self.bandwidth.acked_bitrate(now)
    }

    /// How many duplicates of each packet are sent unasked.
    pub fn duplicates(&self) -> usize {
        self.duplication.duplicates()
    }

    /// Bytes of a probe cluster that is due. The caller sends them all with this very `now`.
    pub fn begin_probe(&mut self, now: Instant) -> Option<usize> {
        let bytes = self.adapt.then(|| self.bandwidth.due_probe(now))??;
        self.bandwidth.on_probe_sent(bytes, now);
        Some(bytes)
    }

    /// A packet of the media stream leaves for the first time. `bytes` is its size on the wire.
    pub fn on_media_sent(&mut self, packet: P, bytes: usize, now: Instant) {
        self.bandwidth.on_packet_sent(bytes, now);
        let duplicates = self.duplication.times(now);
        self.rtx.on_packet_sent(packet, now);
        self.rtx.schedule_duplicates(duplicates);
    }

    /// A retransmission, a duplicate or padding leaves, beside what the pacer lets go. `bytes` is its size on the wire.
    pub fn on_rtx_sent(&mut self, bytes: usize, now: Instant) {
        self.bandwidth.on_packet_sent(bytes, now);
        self.unpaced_bytes += bytes;
    }

    /// Bytes that left beside the pacer since the last call.
    pub fn take_unpaced_bytes(&mut self) -> usize {
        std::mem::take(&mut self.unpaced_bytes)
    }

    /// Transport-wide feedback came, about packets in the order in which they left.
    pub fn on_feedback(&mut self, results: &[PacketResult], now: Instant) {
        self.has_new_feedback = true;
        self.bandwidth.on_feedback(results, now);
        self.update_rtt();
        let is_uncongested = self.bandwidth.is_uncongested(now);
        if is_uncongested {
            self.duplication.on_feedback(results);
        }
        if self.adapt {
            self.duplication
                .update(self.rtt(), self.estimate(), !is_uncongested);
        }
    }

    /// Whether transport-wide feedback came since the last call.
    pub fn take_has_new_feedback(&mut self) -> bool {
        std::mem::take(&mut self.has_new_feedback)
    }

    /// A NACK names this sequence number of the media stream.
    pub fn on_nack(&mut self, sequence_number: u16, now: Instant) {
        let estimate = self.estimate();
        self.rtx.on_nack(sequence_number, estimate, now);
    }

    /// Round trip by RTCP (RFC 3550 §6.4.1).
    pub fn on_rtcp_rtt(&mut self, rtt: Duration) {
        self.rtcp_rtt = Some(rtt);
        self.update_rtt();
    }

    /// Packets take another path now.
    pub fn on_path_change(&mut self, now: Instant) {
        self.bandwidth.on_path_change(now);
    }

    /// It is known without transport-wide feedback that nothing is in flight.
    pub fn clear_in_flight(&mut self) {
        self.bandwidth.clear_in_flight();
    }

    /// The round trip that transport-wide feedback shows includes the time for which the browser collects arrivals, so
    /// the lesser one is closer.
    fn rtt(&self) -> Option<Duration> {
        let by_feedback = self.bandwidth.min_rtt().into_iter();
        by_feedback.chain(self.rtcp_rtt).min()
    }

    fn update_rtt(&mut self) {
        if let Some(rtt) = self.rtt() {
            self.rtx.set_rtt(rtt);
        }
    }
}
