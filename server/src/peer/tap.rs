//! RTCP on its way in → what the hub must know; repetitions on their way out → within their budget.
//!
//! An interceptor of `rtc`'s chain, between the one that answers NACKs and the one that numbers packets: a repetition that
//! is held back here is never missed by the receiver's transport-wide feedback.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rtc::interceptor::{Attribute, Interceptor, Packet, Slot, StreamInfo, TaggedPacket};
use rtc::rtcp::payload_feedbacks::full_intra_request::FullIntraRequest;
use rtc::rtcp::payload_feedbacks::picture_loss_indication::PictureLossIndication;
use rtc::rtcp::receiver_report::ReceiverReport;
use rtc::rtcp::sender_report::SenderReport;
use rtc::sansio::Protocol;
use rtc::shared::error::Error;
use rtc::shared::marshal::MarshalSize;

use super::retransmit::RetransmitBudget;

/// Between `Slot::TwccSender` (2000) and `Slot::NackResponder` (4000).
pub const SLOT: Slot = Slot::Custom(3500);

/// From an RTCP receiver report, about once a second.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Report {
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

/// What has been seen since the hub last looked.
#[derive(Default)]
pub struct Seen {
    pub keyframe_needed: bool,
    pub reports: Vec<Report>,
}

#[derive(Default)]
pub struct Tap {
    seen: Arc<Mutex<Seen>>,
    budget: RetransmitBudget,
    /// The middle half of the NTP time in our last sender reports, by which receivers name them, and when they left.
    sent_reports: VecDeque<(u32, Instant)>,
    inbound: VecDeque<TaggedPacket>,
    outbound: VecDeque<TaggedPacket>,
}

/// Answers to older sender reports are of no use.
const REMEMBERED_REPORTS: usize = 8;

impl Tap {
    pub fn new(seen: Arc<Mutex<Seen>>) -> Tap {
        Tap {
            seen,
            ..Tap::default()
        }
    }

    fn read(&self, packets: &[Box<dyn rtc::rtcp::Packet>], now: Instant) {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        for packet in packets {
            let packet = packet.as_any();
            if packet.is::<PictureLossIndication>() || packet.is::<FullIntraRequest>() {
                seen.keyframe_needed = true;
            } else if let Some(report) = packet.downcast_ref::<ReceiverReport>() {
                seen.reports
                    .extend(report.reports.iter().map(|block| Report {
                        loss: f32::from(block.fraction_lost) / 256.0,
                        round_trip: self.round_trip(block.last_sender_report, block.delay, now),
                        ssrc: block.ssrc,
                        highest: block.last_sequence_number as u16,
                        total_lost: block.total_lost,
                    }));
            }
        }
    }

    /// RFC 3550 §6.4.1, without needing the two clocks to agree. `held` is in 1/65536 s.
    fn round_trip(&self, named: u32, held: u32, now: Instant) -> Option<Duration> {
        let (_, sent_at) = self.sent_reports.iter().find(|(name, _)| *name == named)?;
        let held = Duration::from_secs_f64(f64::from(held) / 65536.0);
        now.checked_duration_since(*sent_at)?.checked_sub(held)
    }
}

impl Protocol<TaggedPacket, TaggedPacket, ()> for Tap {
    type Rout = TaggedPacket;
    type Wout = TaggedPacket;
    type Eout = ();
    type Error = Error;
    type Time = Instant;

    fn handle_read(&mut self, packet: TaggedPacket) -> Result<(), Error> {
        if let Packet::Rtcp(packets) = &packet.message.packet {
            self.read(packets, packet.now);
        }
        self.inbound.push_back(packet);
        Ok(())
    }

    fn poll_read(&mut self) -> Option<TaggedPacket> {
        self.inbound.pop_front()
    }

    fn handle_write(&mut self, packet: TaggedPacket) -> Result<(), Error> {
        match &packet.message.packet {
            Packet::Rtp(rtp) => {
                let bytes = rtp.marshal_size();
                if !packet.message.has(&Attribute::Retransmission) {
                    self.budget.sent(bytes);
                } else if !self.budget.repeat(bytes) {
                    return Ok(());
                }
            }
            Packet::Rtcp(packets) => {
                let reports = packets.iter();
                for report in reports.filter_map(|p| p.as_any().downcast_ref::<SenderReport>()) {
                    let name = (report.ntp_time >> 16) as u32;
                    self.sent_reports.push_back((name, packet.now));
                }
                while self.sent_reports.len() > REMEMBERED_REPORTS {
                    self.sent_reports.pop_front();
                }
            }
            _ => {}
        }
        self.outbound.push_back(packet);
        Ok(())
    }

    fn poll_write(&mut self) -> Option<TaggedPacket> {
        self.outbound.pop_front()
    }
}

impl Interceptor for Tap {
    fn bind_local_stream(&mut self, _: &StreamInfo) {}
    fn unbind_local_stream(&mut self, _: &StreamInfo) {}
    fn bind_remote_stream(&mut self, _: &StreamInfo) {}
    fn unbind_remote_stream(&mut self, _: &StreamInfo) {}
}
