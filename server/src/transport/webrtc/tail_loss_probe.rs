//! The last packet before a silence → the same packet again, byte for byte.
//!
//! A receiver that gets it asks for what it misses before it. A repetition of the usual kind (RTX) would not do: browsers
//! take one as the answer to a question, and look for no gap in front of it. Closest to the wire, so that it leaves as it
//! left before, transport-wide number included: one SRTP index must never protect two different packets.
//!
//! And before any other part hears of feedback, notes here which packets it speaks about.

use std::collections::VecDeque;
use std::time::Instant;

use rtc::interceptor::{AttributedPacket, Interceptor, Packet, Slot, StreamInfo, TaggedPacket};
use rtc::rtcp::transport_feedbacks::transport_layer_cc::TransportLayerCc;
use rtc::rtp;
use rtc::sansio::Protocol;
use rtc::shared::TransportContext;
use rtc::shared::error::Error;

use crate::transport::lock;
use crate::transport::webrtc::SharedSenderState;

/// Below `Slot::CongestionControl` (1000).
pub const SLOT: Slot = Slot::Custom(500);

pub struct TailLossProbe {
    flow: SharedSenderState,
    /// Of first transmissions.
    ssrc: u32,
    last: Option<rtp::Packet>,
    inbound: VecDeque<TaggedPacket>,
    outbound: VecDeque<TaggedPacket>,
}

impl TailLossProbe {
    pub fn new(flow: SharedSenderState, ssrc: u32) -> TailLossProbe {
        TailLossProbe {
            flow,
            ssrc,
            last: None,
            inbound: VecDeque::new(),
            outbound: VecDeque::new(),
        }
    }
}

impl Protocol<TaggedPacket, TaggedPacket, ()> for TailLossProbe {
    type Rout = TaggedPacket;
    type Wout = TaggedPacket;
    type Eout = ();
    type Error = Error;
    type Time = Instant;

    fn handle_read(&mut self, packet: TaggedPacket) -> Result<(), Error> {
        if let Packet::Rtcp(packets) = &packet.message.packet {
            let packets = packets.iter().map(|packet| packet.as_any());
            for feedback in packets.filter_map(|any| any.downcast_ref::<TransportLayerCc>()) {
                let (base, count) = (feedback.base_sequence_number, feedback.packet_status_count);
                lock(&self.flow).coverage.add(base, count);
            }
        }
        self.inbound.push_back(packet);
        Ok(())
    }

    fn poll_read(&mut self) -> Option<TaggedPacket> {
        self.inbound.pop_front()
    }

    fn handle_write(&mut self, packet: TaggedPacket) -> Result<(), Error> {
        if let Packet::Rtp(rtp) = &packet.message.packet
            && rtp.header.ssrc == self.ssrc
        {
            self.last = Some(rtp.clone());
        }
        self.outbound.push_back(packet);
        Ok(())
    }

    fn poll_write(&mut self) -> Option<TaggedPacket> {
        self.outbound.pop_front().or_else(|| {
            let last = self.last.as_ref()?;
            let now = lock(&self.flow)
                .repeats
                .take_tail(last.header.sequence_number)?;
            Some(TaggedPacket {
                now,
                transport: TransportContext::default(),
                message: AttributedPacket::new(Packet::Rtp(last.clone())),
            })
        })
    }
}

impl Interceptor for TailLossProbe {
    fn bind_local_stream(&mut self, _: &StreamInfo) {}
    fn unbind_local_stream(&mut self, _: &StreamInfo) {}
    fn bind_remote_stream(&mut self, _: &StreamInfo) {}
    fn unbind_remote_stream(&mut self, _: &StreamInfo) {}
}
