//! RTCP from the viewer → the connection's state; what that retransmits → RTP packets on their way out.
//!
//! An interceptor of `rtc`'s chain, above the one that gives transport-wide sequence numbers: a retransmission is a packet
//! like any other to transport-wide feedback.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

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
use crate::sync::lock;
use crate::transport::webrtc::rtx::RtxStream;
use crate::transport::webrtc::shared_state::SharedState;

/// Above `Slot::TwccSender` (2000).
pub const SLOT: Slot = Slot::Custom(3500);
/// Sender reports that a receiver report may still name; it names the newest that it has.
const MAX_SENDER_REPORTS: usize = 8;

/// A block of an RTCP receiver report (RFC 3550 §6.4.1), about once a second.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ReceptionReport {
    /// Part of the packets since the last report that did not arrive, 0 to 1.
    pub loss: f32,
    /// `None` until the viewer has received a sender report.
    pub rtt: Option<Duration>,
    /// The low half of the extended highest sequence number received.
    pub highest: u16,
    /// Packets that did not arrive, since the beginning.
    pub total_lost: u32,
}

/// Sees all RTCP of the connection and all RTP of its media stream.
pub struct RtcpInterceptor {
    state: SharedState,
    /// Of the media stream.
    ssrc: u32,
    /// `None` if RTX was not agreed: then packets are retransmitted as they were.
    rtx: Option<RtxStream>,
    /// Our last sender reports: the middle 32 bits of their NTP time, by which receivers name them, and when they left.
    sender_reports: VecDeque<(u32, Instant)>,
    inbound: VecDeque<TaggedPacket>,
    outbound: VecDeque<TaggedPacket>,
}

impl RtcpInterceptor {
    /// `ssrc` is the media stream's.
    pub fn new(state: SharedState, ssrc: u32) -> RtcpInterceptor {
        RtcpInterceptor {
            state,
            ssrc,
            rtx: None,
            sender_reports: VecDeque::new(),
            inbound: VecDeque::new(),
            outbound: VecDeque::new(),
        }
    }

    fn on_rtcp(&self, packets: &[Box<dyn rtc::rtcp::Packet>], now: Instant) {
        let mut state = lock(&self.state);
        for packet in packets {
            let packet = packet.as_any();
            if packet.is::<PictureLossIndication>() || packet.is::<FullIntraRequest>() {
                state.keyframe_requested = true;
            } else if let Some(nack) = packet.downcast_ref::<TransportLayerNack>() {
                let ours = nack.nacks.iter().filter(|_| nack.media_ssrc == self.ssrc);
                for sequence_number in ours.flat_map(|pair| pair.into_iter()) {
                    state.sender.on_nack(sequence_number, now);
                }
            } else if let Some(report) = packet.downcast_ref::<ReceiverReport>() {
                for block in report.reports.iter().filter(|b| b.ssrc == self.ssrc) {
                    let rtt = self.rtt(block.last_sender_report, block.delay, now);
                    let highest = block.last_sequence_number as u16;
                    state.sender.rtx.on_receiver_report(highest);
                    state.reception_reports.push(ReceptionReport {
                        loss: f32::from(block.fraction_lost) / 256.0,
                        rtt,
                        highest,
                        total_lost: block.total_lost,
                    });
                    if let Some(rtt) = rtt {
                        state.sender.on_rtcp_rtt(rtt);
                    }
                }
            }
        }
    }

    /// RFC 3550 §6.4.1, without needing the two clocks to agree: LSR names the sender report, DLSR says for how long the
    /// receiver held it, in 1/65536 s.
    fn rtt(&self, lsr: u32, dlsr: u32, now: Instant) -> Option<Duration> {
        let (_, sent_at) = self.sender_reports.iter().find(|(name, _)| *name == lsr)?;
        let held = Duration::from_secs_f64(f64::from(dlsr) / 65536.0);
        now.checked_duration_since(*sent_at)?.checked_sub(held)
    }

    fn on_sender_report(&mut self, report: &SenderReport, now: Instant) {
        let name = (report.ntp_time >> 16) as u32;
        self.sender_reports.push_back((name, now));
        while self.sender_reports.len() > MAX_SENDER_REPORTS {
            self.sender_reports.pop_front();
        }
    }

    fn retransmit(&mut self, retransmission: Retransmission<rtp::Packet>) -> TaggedPacket {
        let original = retransmission.packet;
        let mut state = lock(&self.state);
        let packet = match &mut self.rtx {
            None => original,
            Some(rtx) => {
                let packet = rtx.packet(&original);
                let sequence_number = packet.header.sequence_number;
                state
                    .sender
                    .rtx
                    .on_rtx_sent(sequence_number, original.header.sequence_number);
                packet
            }
        };
        state
            .sender
            .on_rtx_sent(packet.marshal_size(), retransmission.at);
        TaggedPacket {
            now: retransmission.at,
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
            self.on_rtcp(packets, packet.now);
        }
        self.inbound.push_back(packet);
        Ok(())
    }

    fn poll_read(&mut self) -> Option<TaggedPacket> {
        self.inbound.pop_front()
    }

    fn handle_write(&mut self, packet: TaggedPacket) -> Result<(), Error> {
        match &packet.message.packet {
            // Sound is neither paced nor sent again.
            Packet::Rtp(rtp) if rtp.header.ssrc != self.ssrc => {}
            Packet::Rtp(rtp) => {
                let bytes = rtp.marshal_size();
                let sender = &mut lock(&self.state).sender;
                sender.on_media_sent(rtp.clone(), bytes, packet.now);
            }
            Packet::Rtcp(packets) => {
                let reports = packets.iter();
                for report in reports.filter_map(|p| p.as_any().downcast_ref::<SenderReport>()) {
                    self.on_sender_report(report, packet.now);
                }
            }
            _ => {}
        }
        self.outbound.push_back(packet);
        Ok(())
    }

    fn poll_write(&mut self) -> Option<TaggedPacket> {
        self.outbound.pop_front().or_else(|| {
            let retransmission = lock(&self.state).sender.rtx.poll_retransmission()?;
            Some(self.retransmit(retransmission))
        })
    }
}

impl Interceptor for RtcpInterceptor {
    fn bind_local_stream(&mut self, info: &StreamInfo) {
        if info.ssrc == self.ssrc {
            self.rtx = RtxStream::negotiated(info, self.rtx.as_ref());
        }
    }

    fn unbind_local_stream(&mut self, _: &StreamInfo) {}
    fn bind_remote_stream(&mut self, _: &StreamInfo) {}
    fn unbind_remote_stream(&mut self, _: &StreamInfo) {}
}
