//! Pure: what was sent, and what is known to have arrived → what to send again, and when only a keyframe helps.
//!
//! A receiver asks (NACK) for what it misses, but it cannot miss a frame's last packets before something newer comes. So the
//! last packet before a silence is repeated until it is known to have arrived.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use rtc::rtp::Packet;

use crate::bitrate::Bitrate;
use crate::congestion::loss_recovery::rtx_budget::{RtxBudget, SHARE};

/// Packets kept for repetition: 2 s of a keyframe and the frames after it, at a few Mb/s.
const KEPT: usize = 2048;
/// Repetitions whose arrival is still awaited.
const AWAITED: usize = 1024;
/// Silence after which the last packet is repeated, if no round trip is known or it is short. Twice the time between
/// frames: while the page moves, the next frame tells what is missing.
const SILENCE: Duration = Duration::from_millis(45);
/// … when frames come less often than that, so much longer than the time between the last two; up to a limit.
const BETWEEN_FRAMES: f64 = 1.5;
const LONGEST_BETWEEN: Duration = Duration::from_millis(120);
/// Browsers collect what arrived for so long before they say so.
const LONGEST_SILENCE: Duration = Duration::from_millis(400);
/// About five seconds: who says nothing for so long has gone, or comes back by another way.
const TAIL_REPETITIONS: u32 = 16;
/// A frame that is not whole after this time, or two round trips, needs a keyframe.
const REPAIR_WITHIN: Duration = Duration::from_millis(250);
/// A gap is seen as soon as something newer arrives; nothing newer came for so long, or it was lost as well.
const NOTICED_WITHIN: Duration = Duration::from_millis(350);

/// Counts packets since the beginning; its low half is the RTP sequence number.
type Index = u64;

/// A packet that leaves again.
#[derive(Clone, Debug)]
pub struct Retransmission {
    pub packet: Packet,
    pub at: Instant,
}

#[derive(Debug)]
struct Sent {
    packet: Packet,
    sent_at: Instant,
    repeated_at: Option<Instant>,
    missed_at: Option<Instant>,
    arrived: bool,
    left_twice: bool,
}

#[derive(Debug)]
pub struct RtxBuffer {
    kept: VecDeque<Sent>,
    first: Index,
    /// The newest packet of all left then, and was repeated so often.
    last_sent: Option<Instant>,
    between_frames: Duration,
    tail_repetitions: u32,
    tail_due: Option<Instant>,
    tail_wanted: Option<Instant>,
    highest_arrived: Option<Index>,
    /// What came before the newest keyframe is of no use any more.
    keyframe: Index,
    /// RTX sequence numbers → what they repeat.
    awaited: VecDeque<(u16, Index)>,
    budget: RtxBudget,
    waiting: VecDeque<Retransmission>,
    /// Copies that nobody has asked for, and when they leave.
    copies: VecDeque<(Instant, Index)>,
    hopeless: bool,
    /// Of the link, when something was missed last.
    estimate: Bitrate,
    round_trip: Option<Duration>,
}

impl RtxBuffer {
    pub fn new() -> RtxBuffer {
        RtxBuffer {
            kept: VecDeque::new(),
            first: 0,
            last_sent: None,
            between_frames: Duration::ZERO,
            tail_repetitions: 0,
            tail_due: None,
            tail_wanted: None,
            highest_arrived: None,
            keyframe: 0,
            awaited: VecDeque::new(),
            budget: RtxBudget::new(),
            waiting: VecDeque::new(),
            copies: VecDeque::new(),
            hopeless: false,
            estimate: Bitrate::bps(u32::MAX),
            round_trip: None,
        }
    }

    pub fn measured(&mut self, round_trip: Duration) {
        self.round_trip = Some(round_trip);
    }

    /// A packet leaves for the first time. Sequence numbers have no gaps.
    pub fn sent(&mut self, packet: Packet, now: Instant) {
        match self.kept.back() {
            None => self.first = u64::from(packet.header.sequence_number) + (1 << 16),
            Some(last)
                if last.packet.header.sequence_number.wrapping_add(1)
                    != packet.header.sequence_number =>
            {
                // Not ours to repair.
                return;
            }
            Some(_) => {}
        }
        let timestamp = |sent: &Sent| sent.packet.header.timestamp;
        if self.kept.back().map(timestamp) != Some(packet.header.timestamp) {
            let since = self
                .last_sent
                .map(|at| now.saturating_duration_since(at))
                .filter(|between| *between <= LONGEST_BETWEEN);
            self.between_frames = since.unwrap_or_default();
        }
        self.kept.push_back(Sent {
            packet,
            sent_at: now,
            repeated_at: None,
            missed_at: None,
            arrived: false,
            left_twice: false,
        });
        if self.kept.len() > KEPT {
            self.kept.pop_front();
            self.first += 1;
        }
        self.last_sent = Some(now);
        self.tail_repetitions = 0;
        self.tail_wanted = None;
        self.tail_due = Some(now + self.silence(0));
    }

    /// The packet that was sent last leaves again at these times, the earliest first.
    pub fn copy_last(&mut self, times: impl Iterator<Item = Instant>) {
        let Some(last) = self.end().checked_sub(1) else {
            return;
        };
        for at in times {
            let later = self.copies.iter().rev().take_while(|(due, _)| *due > at);
            let place = self.copies.len() - later.count();
            self.copies.insert(place, (at, last));
        }
    }

    /// The next packet is the first one of a keyframe.
    pub fn keyframe_begins(&mut self) {
        self.keyframe = self.end();
        self.hopeless = false;
        self.waiting.clear();
    }

    /// The receiver asks for it.
    pub fn missed(&mut self, sequence: u16, estimate: Bitrate, now: Instant) {
        let index = self.index(sequence);
        // What is forgotten came before all that is kept.
        if index.unwrap_or_default() < self.keyframe && self.keyframe > self.first {
            return;
        }
        let Some(index) = index else {
            self.hopeless = true;
            return;
        };
        self.estimate = estimate;
        let patience = self.patience();
        let newest = self.kept.back().map(|sent| sent.packet.header.timestamp);
        // A repetition that is on its way need not be sent twice.
        let on_way = self.round_trip.unwrap_or_default().mul_f64(0.7);
        let Some(sent) = self.get(index) else { return };
        let since = *sent.missed_at.get_or_insert(now);
        // Whatever came after it would be shown late as well: an outage is not played back.
        let is_past = newest != Some(sent.packet.header.timestamp)
            && now.saturating_duration_since(sent.sent_at) > patience + NOTICED_WITHIN;
        if is_past || now.saturating_duration_since(since) > patience {
            self.hopeless = true;
            return;
        }
        let is_on_way = |at: Instant| now.saturating_duration_since(at) < on_way;
        if sent.arrived || sent.repeated_at.is_some_and(is_on_way) {
            return;
        }
        let bytes = sent.packet.payload.len() + 40;
        if self.budget.repeat(bytes, estimate, now) {
            self.repeat(index, now);
        }
    }

    /// A packet is known to have arrived: one of ours, or one that repeats one of ours.
    pub fn arrived(&mut self, sequence: u16, is_repetition: bool) {
        let index = match is_repetition {
            false => self.index(sequence),
            true => {
                let mut awaited = self.awaited.iter();
                awaited
                    .position(|(number, _)| *number == sequence)
                    .and_then(|at| self.awaited.remove(at))
                    .map(|(_, index)| index)
            }
        };
        let Some(index) = index else { return };
        self.highest_arrived = self.highest_arrived.max(Some(index));
        if let Some(sent) = self.get(index) {
            sent.arrived = true;
            sent.missed_at = None;
        }
    }

    /// All since the newest keyframe is known to have arrived, by itself or repeated.
    pub fn has_all(&self) -> bool {
        let mut needed = self.kept.iter().skip(self.outdated());
        !self.kept.is_empty() && needed.all(|sent| sent.arrived)
    }

    /// How many of those that are kept came before the newest keyframe.
    fn outdated(&self) -> usize {
        let keyframe = self.keyframe.max(self.first);
        usize::try_from(keyframe - self.first).unwrap_or(usize::MAX)
    }

    /// A receiver report names the highest sequence number that arrived.
    pub fn reported(&mut self, highest: u16) {
        let index = self.index(highest);
        self.highest_arrived = self.highest_arrived.max(index);
    }

    /// The repetition left under this number of the repeating stream.
    pub fn numbered(&mut self, number: u16, sequence: u16) {
        if let Some(index) = self.index(sequence) {
            self.awaited.push_back((number, index));
            if self.awaited.len() > AWAITED {
                self.awaited.pop_front();
            }
        }
    }

    /// RtxBuffer so many bytes of the newest packets, to fill a train.
    pub fn pad(&mut self, mut bytes: usize, now: Instant) {
        let newest = (self.first..self.end()).rev();
        for index in newest.take(64).collect::<Vec<_>>() {
            if bytes == 0 {
                break;
            }
            let size = self.get(index).map_or(0, |sent| sent.packet.payload.len());
            // Small ones make no train.
            if size > 300 {
                self.repeat(index, now);
                bytes = bytes.saturating_sub(size + 40);
            }
        }
    }

    /// When to come back: a copy leaves, or the last packet may have been lost.
    pub fn due(&self) -> Option<Instant> {
        let copy = self.copies.front().map(|(at, _)| *at);
        copy.into_iter().chain(self.tail_due).min()
    }

    pub fn handle_timeout(&mut self, now: Instant) {
        while let Some((_, index)) = self.copies.pop_front_if(|(at, _)| *at <= now) {
            if index >= self.keyframe && self.get(index).is_some_and(|sent| !sent.arrived) {
                self.repeat(index, now);
            }
        }
        self.repeat_tail(now);
    }

    fn repeat_tail(&mut self, now: Instant) {
        if self.tail_due.is_none_or(|due| due > now) {
            return;
        }
        let (Some(last), has_any) = (self.end().checked_sub(1), !self.kept.is_empty()) else {
            return;
        };
        let has_last = self.highest_arrived >= Some(last);
        if has_last || !has_any || self.tail_repetitions >= TAIL_REPETITIONS {
            self.tail_due = None;
        } else {
            self.tail_wanted = Some(now);
            self.tail_repetitions += 1;
            self.tail_due = Some(now + self.silence(self.tail_repetitions));
        }
    }

    /// When the last packet is to leave once more, as it was; `sequence` is the one that whoever asks has.
    pub fn take_tail(&mut self, sequence: u16) -> Option<Instant> {
        let index = self.index(sequence)?;
        let wanted = self.tail_wanted.take()?;
        self.get(index)?.left_twice = true;
        Some(wanted)
    }

    /// When such a packet came says nothing about the way.
    pub fn left_twice(&self, sequence: u16) -> bool {
        let at = self.index(sequence).map(|index| index - self.first);
        let sent = at.and_then(|at| self.kept.get(usize::try_from(at).ok()?));
        sent.is_some_and(|sent| sent.left_twice)
    }

    /// `true` once when what is missing will not come any more. Who was sent it again and does not ask again has it: that
    /// no report says so means little where reports are lost too.
    pub fn take_hopeless(&mut self, now: Instant) -> bool {
        let hopeless = std::mem::take(&mut self.hopeless) || self.is_too_much(now);
        if hopeless {
            for sent in &mut self.kept {
                sent.missed_at = None;
            }
        }
        hopeless
    }

    /// A full link has lost so much that repeating it takes longer than a keyframe.
    fn is_too_much(&self, now: Instant) -> bool {
        let patience = self.patience();
        let is_awaited = |sent: &&Sent| {
            let since = sent.missed_at.filter(|_| !sent.arrived);
            since.is_some_and(|since| now.saturating_duration_since(since) <= patience)
        };
        let missing = self.kept.iter().skip(self.outdated()).filter(is_awaited);
        let bytes: usize = missing.map(|sent| sent.packet.payload.len()).sum();
        bytes > 0 && self.estimate.part(SHARE).time_for(bytes) > patience
    }

    /// The next one that leaves again.
    pub fn take(&mut self) -> Option<Retransmission> {
        self.waiting.pop_front()
    }

    fn repeat(&mut self, index: Index, now: Instant) {
        if let Some(sent) = self.get(index) {
            sent.repeated_at = Some(now);
            let packet = sent.packet.clone();
            self.waiting.push_back(Retransmission { packet, at: now });
        }
    }

    fn patience(&self) -> Duration {
        REPAIR_WITHIN.max(2 * self.round_trip.unwrap_or_default())
    }

    /// How long it is quiet before the last packet is repeated (again).
    fn silence(&self, repetitions: u32) -> Duration {
        let round_trip = self.round_trip.unwrap_or_default().mul_f64(1.25);
        let expected = self.between_frames.mul_f64(BETWEEN_FRAMES);
        let first = SILENCE.max(round_trip).max(expected);
        (first * (1 << repetitions.min(4))).min(LONGEST_SILENCE.max(round_trip))
    }

    fn end(&self) -> Index {
        self.first + self.kept.len() as u64
    }

    /// The newest packet with this sequence number, if it is kept.
    fn index(&self, sequence: u16) -> Option<Index> {
        let last = self.end().checked_sub(1)?;
        let back = (last as u16).wrapping_sub(sequence);
        let index = last.checked_sub(u64::from(back))?;
        (index >= self.first && !self.kept.is_empty()).then_some(index)
    }

    fn get(&mut self, index: Index) -> Option<&mut Sent> {
        let at = index.checked_sub(self.first)?;
        self.kept.get_mut(usize::try_from(at).ok()?)
    }
}

#[cfg(test)]
mod tests;
