//! RTCP on its way in → the [`SenderState`]; what is to be repeated → on its way out (RFC 4588).
//!
//! An interceptor of `rtc`'s chain, above the one that numbers packets: a repetition is a packet like any other to the
//! receiver's transport-wide feedback.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use bytes::{BufMut, BytesMut};
use rtc::interceptor::{
    Attribute, AttributedPacket, Interceptor, Packet, Slot, StreamInfo, TaggedPacket,
};
use rtc::rtcp::payload_feedbacks::full_intra_request::FullIntraRequest;
use rtc::rtcp::payload_feedbacks::picture_loss_indication::PictureLossIndication;
use rtc::rtcp::receiver_report::ReceiverReport;
use rtc::rtcp::sender_report::SenderReport;
use rtc::rtcp::transport_feedbacks::transport_layer_nack::TransportLayerNack;
use rtc::rtp;
use rtc::sansio::Protocol;
use rtc::shared::TransportContext;
use rtc::shared::error::Error;
use rtc::shared::marshal::MarshalSize;

use crate::congestion::loss_recovery::rtx_buffer::Retransmission;
use crate::congestion::sender_state::ReceptionReport;
use crate::transport::lock;
use crate::transport::webrtc::SharedSenderState;

/// Above `Slot::TwccSender` (2000).
pub const SLOT: Slot = Slot::Custom(3500);

pub struct RtcpInterceptor {
    flow: SharedSenderState,
    /// Of first transmissions.
    ssrc: u32,
    repeating: Option<Repeating>,
    /// The middle half of the NTP time in our last sender reports, by which receivers name them, and when they left.
    sent_reports: VecDeque<(u32, Instant)>,
    inbound: VecDeque<TaggedPacket>,
    outbound: VecDeque<TaggedPacket>,
}

/// The stream of repetitions; without one, packets are repeated as they were.
struct Repeating {
    ssrc: u32,
    payload_type: u8,
    next_sequence: u16,
}

/// Answers to older sender reports are of no use.
const REMEMBERED_REPORTS: usize = 8;

impl RtcpInterceptor {
    pub fn new(flow: SharedSenderState, ssrc: u32) -> RtcpInterceptor {
        RtcpInterceptor {
            flow,
            ssrc,
            repeating: None,
            sent_reports: VecDeque::new(),
            inbound: VecDeque::new(),
            outbound: VecDeque::new(),
        }
    }

    fn read(&self, packets: &[Box<dyn rtc::rtcp::Packet>], now: Instant) {
        let mut flow = lock(&self.flow);
        for packet in packets {
            let packet = packet.as_any();
            if packet.is::<PictureLossIndication>() || packet.is::<FullIntraRequest>() {
                flow.keyframe_needed = true;
            } else if let Some(nack) = packet.downcast_ref::<TransportLayerNack>() {
                let ours = nack.nacks.iter().filter(|_| nack.media_ssrc == self.ssrc);
                for sequence in ours.flat_map(|pair| pair.into_iter()) {
                    flow.missed(sequence, now);
                }
            } else if let Some(report) = packet.downcast_ref::<ReceiverReport>() {
                for block in report.reports.iter().filter(|b| b.ssrc == self.ssrc) {
                    let round_trip = self.round_trip(block.last_sender_report, block.delay, now);
                    let highest = block.last_sequence_number as u16;
                    flow.repeats.reported(highest);
                    flow.reports.push(ReceptionReport {
                        loss: f32::from(block.fraction_lost) / 256.0,
                        round_trip,
                        ssrc: block.ssrc,
                        highest,
                        total_lost: block.total_lost,
                    });
                    if let Some(round_trip) = round_trip {
                        flow.told_round_trip(round_trip);
                    }
                }
            }
        }
    }

    /// RFC 3550 §6.4.1, without needing the two clocks to agree. `held` is in 1/65536 s.
    fn round_trip(&self, named: u32, held: u32, now: Instant) -> Option<Duration> {
        let (_, sent_at) = self.sent_reports.iter().find(|(name, _)| *name == named)?;
        let held = Duration::from_secs_f64(f64::from(held) / 65536.0);
        now.checked_duration_since(*sent_at)?.checked_sub(held)
    }

    /// RFC 4588 §4: the original sequence number, then the original payload.
    fn repeat(&mut self, again: Retransmission) -> TaggedPacket {
        let original = again.packet;
        let packet = match &mut self.repeating {
            None => original,
            Some(repeating) => {
                let sequence = original.header.sequence_number;
                let mut payload = BytesMut::with_capacity(2 + original.payload.len());
                payload.put_u16(sequence);
                payload.put_slice(&original.payload);
                let number = repeating.next_sequence;
                repeating.next_sequence = number.wrapping_add(1);
                lock(&self.flow).repeats.numbered(number, sequence);
                rtp::Packet {
                    header: rtp::Header {
                        version: 2,
                        ssrc: repeating.ssrc,
                        payload_type: repeating.payload_type,
                        sequence_number: number,
                        timestamp: original.header.timestamp,
                        marker: original.header.marker,
                        ..rtp::Header::default()
                    },
                    payload: payload.freeze(),
                }
            }
        };
        let bytes = packet.marshal_size();
        let mut flow = lock(&self.flow);
        flow.sent(bytes, again.at);
        flow.beside += bytes;
        TaggedPacket {
            now: again.at,
            transport: TransportContext::default(),
            message: AttributedPacket::new(Packet::Rtp(packet)).with(Attribute::Retransmission),
        }
    }
}

impl Protocol<TaggedPacket, TaggedPacket, ()> for RtcpInterceptor {
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
                let mut flow = lock(&self.flow);
                flow.sent(rtp.marshal_size(), packet.now);
                flow.first_sent(rtp.clone(), packet.now);
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
        self.outbound.pop_front().or_else(|| {
            let again = lock(&self.flow).repeats.take();
            again.map(|again| self.repeat(again))
        })
    }
}

impl Interceptor for RtcpInterceptor {
    fn bind_local_stream(&mut self, info: &StreamInfo) {
        if info.ssrc == self.ssrc {
            let rtx = info.ssrc_rtx.zip(info.payload_type_rtx);
            self.repeating = rtx.map(|(ssrc, payload_type)| Repeating {
                ssrc,
                payload_type,
                next_sequence: self.repeating.as_ref().map_or(0, |r| r.next_sequence),
            });
        }
    }

    fn unbind_local_stream(&mut self, _: &StreamInfo) {}
    fn bind_remote_stream(&mut self, _: &StreamInfo) {}
    fn unbind_remote_stream(&mut self, _: &StreamInfo) {}
}
