//! The last packet before a silence → the same packet again, byte for byte: a tail loss probe (as in RFC 8985).
//!
//! A receiver that gets it sends NACKs for what it misses before it. An RTX packet would not do: browsers take it as the
//! answer to a NACK, and look for no gap in front of it. This interceptor is the closest one to the wire, so that the packet
//! leaves as it left before, with the same transport-wide sequence number: one SRTP index must never protect two different
//! packets (RFC 3711 §9.1).
//!
//! For the same reason it is the first to see transport-wide feedback, and notes which packets that names.

use std::collections::VecDeque;
use std::time::Instant;

use rtc::interceptor::{AttributedPacket, Interceptor, Packet, Slot, StreamInfo, TaggedPacket};
use rtc::rtcp::transport_feedbacks::transport_layer_cc::TransportLayerCc;
use rtc::rtp;
use rtc::sansio::Protocol;
use rtc::shared::TransportContext;
use rtc::shared::error::Error;

use crate::sync::lock;
use crate::transport::webrtc::shared_state::SharedState;

/// Below `Slot::CongestionControl` (1000): nothing but SRTP comes after it.
pub const SLOT: Slot = Slot::Custom(500);

/// Keeps the last packet of the media stream, as it left.
pub struct TailLossProbe {
    state: SharedState,
    /// Of the media stream.
    ssrc: u32,
    last: Option<rtp::Packet>,
    inbound: VecDeque<TaggedPacket>,
    outbound: VecDeque<TaggedPacket>,
}

impl TailLossProbe {
    /// `ssrc` is the media stream's.
    pub fn new(state: SharedState, ssrc: u32) -> TailLossProbe {
        TailLossProbe {
            state,
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
                lock(&self.state).twcc_coverage.add(base, count);
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
            let now = lock(&self.state)
                .sender
                .rtx
                .take_tail_loss_probe(last.header.sequence_number)?;
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
