//! Pure: what was sent, and what is known to have arrived → what is retransmitted, and when only a keyframe helps.
//!
//! A receiver asks (NACK, RFC 4585) for packets that are missing before a newer one. It cannot miss the last packets of a
//! frame before the next frame comes, so the last packet before a silence is sent again until it is known to have arrived:
//! a tail loss probe, as in RFC 8985.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::bitrate::Bitrate;
use crate::congestion::loss_recovery::rtx_budget::{RtxBudget, SHARE};

/// Packets that are kept: two seconds of a keyframe and the frames after it, at a few Mb/s.
const MAX_PACKETS: usize = 2048;
/// Retransmissions whose acknowledgement is still awaited.
const MAX_RTX_IN_FLIGHT: usize = 1024;
/// Least probe timeout: the silence after which the last packet is sent again. Almost three intervals of frames: while the
/// page moves, the next frame shows what is missing.
const MIN_PROBE_TIMEOUT: Duration = Duration::from_millis(45);
/// … when frames come less often, this factor of the time between the last two.
const FRAME_INTERVAL_FACTOR: f64 = 1.5;
/// Frames that are further apart than this do not belong to one movement.
const MAX_FRAME_INTERVAL: Duration = Duration::from_millis(120);
/// The probe timeout includes this factor of the round trip.
const RTT_FACTOR: f64 = 1.25;
/// The probe timeout doubles with each probe up to this: browsers collect arrivals for some 100 ms before they send
/// feedback.
const MAX_PROBE_TIMEOUT: Duration = Duration::from_millis(400);
/// Tail loss probes in a row, which take about five seconds: a viewer who is silent for so long is gone, or returns on
/// another path.
const MAX_PROBES: u32 = 16;
/// From the first NACK for a packet. Later (or later than two round trips) a keyframe is needed.
const RECOVERY_TIMEOUT: Duration = Duration::from_millis(250);
/// From departure to the first NACK, at most: a gap shows when a newer packet arrives. Later, the path was interrupted.
const NACK_TIMEOUT: Duration = Duration::from_millis(350);
/// A packet is not retransmitted again within this factor of the round trip.
const RTX_INTERVAL_FACTOR: f64 = 0.7;
/// Header bytes that count beside the payload.
const HEADER_BYTES: usize = 40;
/// Payloads smaller than this are no padding: a probe cluster needs bytes, not packets.
const MIN_PADDING: usize = 300;
/// How many of the newest packets may serve as padding.
const PADDING_PACKETS: usize = 64;

/// Counts packets since the beginning; its low 16 bits are the RTP sequence number.
type Index = u64;

/// What loss recovery needs to know of a packet of the media stream. Cloning it must not copy its payload.
pub trait MediaPacket: Clone {
    /// RTP sequence number (RFC 3550 §5.1).
    fn sequence_number(&self) -> u16;
    /// RTP timestamp: the same for all packets of a frame, different for neighbouring frames.
    fn timestamp(&self) -> u32;
    /// Bytes of RTP payload.
    fn payload_bytes(&self) -> usize;
}

/// A packet that is sent again.
#[derive(Clone, Debug)]
pub struct Retransmission<P> {
    /// As it left at first.
    pub packet: P,
    /// When it was decided.
    pub at: Instant,
}

#[derive(Debug)]
struct SentPacket<P> {
    packet: P,
    sent_at: Instant,
    retransmitted_at: Option<Instant>,
    /// The first NACK that has not been answered by an acknowledgement.
    nacked_at: Option<Instant>,
    acked: bool,
    /// It left once more, byte for byte, as a tail loss probe.
    was_probe: bool,
}

/// The newest packets of a media stream, and what is known of them.
#[derive(Debug)]
pub struct RtxBuffer<P> {
    packets: VecDeque<SentPacket<P>>,
    /// Index of the oldest packet that is kept.
    first: Index,
    last_sent_at: Option<Instant>,
    frame_interval: Duration,
    probes: u32,
    probe_due: Option<Instant>,
    /// A tail loss probe that was decided and has not left yet.
    probe: Option<Instant>,
    highest_acked: Option<Index>,
    /// First packet of the newest keyframe: what came before it is of no use any more.
    keyframe: Index,
    /// Sequence numbers of the RTX stream, and which packets they retransmit.
    rtx_in_flight: VecDeque<(u16, Index)>,
    budget: RtxBudget,
    queue: VecDeque<Retransmission<P>>,
    /// Duplicates, and when they leave.
    duplicates: VecDeque<(Instant, Index)>,
    is_unrecoverable: bool,
    /// At the last NACK.
    estimate: Bitrate,
    rtt: Option<Duration>,
}

impl<P: MediaPacket> Default for RtxBuffer<P> {
    fn default() -> RtxBuffer<P> {
        RtxBuffer::new()
    }
}

impl<P: MediaPacket> RtxBuffer<P> {
    /// Empty.
    pub fn new() -> RtxBuffer<P> {
        RtxBuffer {
            packets: VecDeque::new(),
            first: 0,
            last_sent_at: None,
            frame_interval: Duration::ZERO,
            probes: 0,
            probe_due: None,
            probe: None,
            highest_acked: None,
            keyframe: 0,
            rtx_in_flight: VecDeque::new(),
            budget: RtxBudget::new(),
            queue: VecDeque::new(),
            duplicates: VecDeque::new(),
            is_unrecoverable: false,
            estimate: Bitrate::bps(u32::MAX),
            rtt: None,
        }
    }

    /// The present round trip.
    pub fn set_rtt(&mut self, rtt: Duration) {
        self.rtt = Some(rtt);
    }

    /// A packet leaves for the first time. Sequence numbers have no gaps.
    pub fn on_packet_sent(&mut self, packet: P, now: Instant) {
        match self.packets.back() {
            None => self.first = u64::from(packet.sequence_number()) + (1 << 16),
            Some(last)
                if last.packet.sequence_number().wrapping_add(1) != packet.sequence_number() =>
            {
                // Not a packet of ours.
                return;
            }
            Some(_) => {}
        }
        let timestamp = |sent: &SentPacket<P>| sent.packet.timestamp();
        if self.packets.back().map(timestamp) != Some(packet.timestamp()) {
            let since = self
                .last_sent_at
                .map(|at| now.saturating_duration_since(at))
                .filter(|interval| *interval <= MAX_FRAME_INTERVAL);
            self.frame_interval = since.unwrap_or_default();
        }
        self.packets.push_back(SentPacket {
            packet,
            sent_at: now,
            retransmitted_at: None,
            nacked_at: None,
            acked: false,
            was_probe: false,
        });
        if self.packets.len() > MAX_PACKETS {
            self.packets.pop_front();
            self.first += 1;
        }
        self.last_sent_at = Some(now);
        self.probes = 0;
        self.probe = None;
        self.probe_due = Some(now + self.probe_timeout(0));
    }

    /// The packet that was sent last leaves again at these times, the earliest first.
    pub fn schedule_duplicates(&mut self, times: impl Iterator<Item = Instant>) {
        let Some(last) = self.end().checked_sub(1) else {
            return;
        };
        for at in times {
            let later = self.duplicates.iter().rev();
            let later = later.take_while(|(due, _)| *due > at);
            let place = self.duplicates.len() - later.count();
            self.duplicates.insert(place, (at, last));
        }
    }

    /// The next packet is the first one of a keyframe.
    pub fn on_keyframe_begin(&mut self) {
        self.keyframe = self.end();
        self.is_unrecoverable = false;
        self.queue.clear();
    }

    /// The receiver asks for a packet. `estimate` bounds how much may be retransmitted.
    pub fn on_nack(&mut self, sequence_number: u16, estimate: Bitrate, now: Instant) {
        let index = self.index(sequence_number);
        // What is no longer kept came before all that is kept.
        if index.unwrap_or_default() < self.keyframe && self.keyframe > self.first {
            return;
        }
        let Some(index) = index else {
            self.is_unrecoverable = true;
            return;
        };
        self.estimate = estimate;
        let timeout = self.recovery_timeout();
        let newest = self.packets.back().map(|sent| sent.packet.timestamp());
        // A retransmission that may still be in flight is not repeated.
        let in_flight_for = self.rtt.unwrap_or_default().mul_f64(RTX_INTERVAL_FACTOR);
        let Some(sent) = self.get(index) else { return };
        let nacked_at = *sent.nacked_at.get_or_insert(now);
        // All frames after it would be shown late as well: what an outage took is not played back.
        let is_past = newest != Some(sent.packet.timestamp())
            && now.saturating_duration_since(sent.sent_at) > timeout + NACK_TIMEOUT;
        if is_past || now.saturating_duration_since(nacked_at) > timeout {
            self.is_unrecoverable = true;
            return;
        }
        let is_in_flight = |at: Instant| now.saturating_duration_since(at) < in_flight_for;
        if sent.acked || sent.retransmitted_at.is_some_and(is_in_flight) {
            return;
        }
        let bytes = sent.packet.payload_bytes() + HEADER_BYTES;
        if self.budget.try_spend(bytes, estimate, now) {
            self.retransmit(index, now);
        }
    }

    /// Transport-wide feedback: the packet with this sequence number of the media stream arrived.
    pub fn on_media_acked(&mut self, sequence_number: u16) {
        if let Some(index) = self.index(sequence_number) {
            self.on_acked(index);
        }
    }

    /// Transport-wide feedback: the packet with this sequence number of the RTX stream arrived.
    pub fn on_rtx_acked(&mut self, sequence_number: u16) {
        let mut in_flight = self.rtx_in_flight.iter();
        let place = in_flight.position(|(number, _)| *number == sequence_number);
        if let Some((_, index)) = place.and_then(|place| self.rtx_in_flight.remove(place)) {
            self.on_acked(index);
        }
    }

    fn on_acked(&mut self, index: Index) {
        self.highest_acked = self.highest_acked.max(Some(index));
        if let Some(sent) = self.get(index) {
            sent.acked = true;
            sent.nacked_at = None;
        }
    }

    /// Every packet since the newest keyframe began is known to have arrived, itself or its retransmission.
    pub fn is_all_acked(&self) -> bool {
        let mut needed = self.packets.iter().skip(self.outdated());
        !self.packets.is_empty() && needed.all(|sent| sent.acked)
    }

    /// How many of the packets that are kept came before the newest keyframe.
    fn outdated(&self) -> usize {
        let keyframe = self.keyframe.max(self.first);
        usize::try_from(keyframe - self.first).unwrap_or(usize::MAX)
    }

    /// A receiver report names the highest sequence number that arrived.
    pub fn on_receiver_report(&mut self, highest: u16) {
        let index = self.index(highest);
        self.highest_acked = self.highest_acked.max(index);
    }

    /// A packet was retransmitted under this sequence number of the RTX stream.
    pub fn on_rtx_sent(&mut self, rtx_sequence_number: u16, sequence_number: u16) {
        if let Some(index) = self.index(sequence_number) {
            self.rtx_in_flight.push_back((rtx_sequence_number, index));
            if self.rtx_in_flight.len() > MAX_RTX_IN_FLIGHT {
                self.rtx_in_flight.pop_front();
            }
        }
    }

    /// Retransmits the newest packets, until a probe cluster has this many bytes more.
    pub fn send_padding(&mut self, mut bytes: usize, now: Instant) {
        let newest_first = (self.first..self.end()).rev();
        for index in newest_first.take(PADDING_PACKETS).collect::<Vec<_>>() {
            if bytes == 0 {
                break;
            }
            let size = self
                .get(index)
                .map_or(0, |sent| sent.packet.payload_bytes());
            if size > MIN_PADDING {
                self.retransmit(index, now);
                bytes = bytes.saturating_sub(size + HEADER_BYTES);
            }
        }
    }

    /// When [`RtxBuffer::handle_timeout`] must be called next: for a duplicate, or a tail loss probe.
    pub fn next_timeout(&self) -> Option<Instant> {
        let duplicate = self.duplicates.front().map(|(at, _)| *at);
        duplicate.into_iter().chain(self.probe_due).min()
    }

    /// Decides what is due.
    pub fn handle_timeout(&mut self, now: Instant) {
        while let Some((_, index)) = self.duplicates.pop_front_if(|(at, _)| *at <= now) {
            if index >= self.keyframe && self.get(index).is_some_and(|sent| !sent.acked) {
                self.retransmit(index, now);
            }
        }
        self.decide_probe(now);
    }

    fn decide_probe(&mut self, now: Instant) {
        if self.probe_due.is_none_or(|due| due > now) {
            return;
        }
        let (Some(last), has_any) = (self.end().checked_sub(1), !self.packets.is_empty()) else {
            return;
        };
        let is_last_acked = self.highest_acked >= Some(last);
        if is_last_acked || !has_any || self.probes >= MAX_PROBES {
            self.probe_due = None;
        } else {
            self.probe = Some(now);
            self.probes += 1;
            self.probe_due = Some(now + self.probe_timeout(self.probes));
        }
    }

    /// When the tail loss probe was decided that leaves now, if there is one. The caller has the last packet, as it left;
    /// `sequence_number` is its own.
    pub fn take_tail_loss_probe(&mut self, sequence_number: u16) -> Option<Instant> {
        let index = self.index(sequence_number)?;
        let decided_at = self.probe.take()?;
        self.get(index)?.was_probe = true;
        Some(decided_at)
    }

    /// The packet left twice with the same numbers: its arrival time says nothing about the path.
    pub fn is_ambiguous(&self, sequence_number: u16) -> bool {
        let at = self.index(sequence_number).map(|index| index - self.first);
        let sent = at.and_then(|at| self.packets.get(usize::try_from(at).ok()?));
        sent.is_some_and(|sent| sent.was_probe)
    }

    /// `true` once when what is missing will not arrive in time any more.
    ///
    /// An unacknowledged retransmission is not treated as lost: where packets are lost, feedback is lost too, and a
    /// receiver that still misses the packet asks again.
    pub fn take_unrecoverable(&mut self, now: Instant) -> bool {
        let unrecoverable = std::mem::take(&mut self.is_unrecoverable) || self.exceeds_budget(now);
        if unrecoverable {
            for sent in &mut self.packets {
                sent.nacked_at = None;
            }
        }
        unrecoverable
    }

    /// A congested path has lost so much that retransmitting it takes longer than a keyframe.
    fn exceeds_budget(&self, now: Instant) -> bool {
        let timeout = self.recovery_timeout();
        let is_missing = |sent: &&SentPacket<P>| {
            let since = sent.nacked_at.filter(|_| !sent.acked);
            since.is_some_and(|since| now.saturating_duration_since(since) <= timeout)
        };
        let missing = self.packets.iter().skip(self.outdated());
        let missing = missing.filter(is_missing);
        let bytes: usize = missing.map(|sent| sent.packet.payload_bytes()).sum();
        bytes > 0 && self.estimate.part(SHARE).time_for(bytes) > timeout
    }

    /// The next packet to be sent again.
    pub fn poll_retransmission(&mut self) -> Option<Retransmission<P>> {
        self.queue.pop_front()
    }

    fn retransmit(&mut self, index: Index, now: Instant) {
        if let Some(sent) = self.get(index) {
            sent.retransmitted_at = Some(now);
            let packet = sent.packet.clone();
            self.queue.push_back(Retransmission { packet, at: now });
        }
    }

    fn recovery_timeout(&self) -> Duration {
        RECOVERY_TIMEOUT.max(2 * self.rtt.unwrap_or_default())
    }

    /// How long it is silent before the next tail loss probe, after so many.
    fn probe_timeout(&self, probes: u32) -> Duration {
        let rtt = self.rtt.unwrap_or_default().mul_f64(RTT_FACTOR);
        let next_frame = self.frame_interval.mul_f64(FRAME_INTERVAL_FACTOR);
        let first = MIN_PROBE_TIMEOUT.max(rtt).max(next_frame);
        (first * (1 << probes.min(4))).min(MAX_PROBE_TIMEOUT.max(rtt))
    }

    fn end(&self) -> Index {
        self.first + self.packets.len() as u64
    }

    /// The newest packet with this sequence number, if it is kept.
    fn index(&self, sequence_number: u16) -> Option<Index> {
        let last = self.end().checked_sub(1)?;
        let back = (last as u16).wrapping_sub(sequence_number);
        let index = last.checked_sub(u64::from(back))?;
        (index >= self.first && !self.packets.is_empty()).then_some(index)
    }

    fn get(&mut self, index: Index) -> Option<&mut SentPacket<P>> {
        let at = index.checked_sub(self.first)?;
        self.packets.get_mut(usize::try_from(at).ok()?)
    }
}

#[cfg(test)]
mod tests;
