//! What a connection shares with its interceptors, which are out of reach once the connection is built.

use std::sync::{Arc, Mutex};

use rtc::rtp;

use crate::congestion::loss_recovery::rtx_buffer::MediaPacket;
use crate::congestion::sender_state::SenderState;
use crate::transport::webrtc::rtcp::ReceptionReport;
use crate::transport::webrtc::twcc_coverage::TwccCoverage;

/// Congestion control of one connection, and feedback that it has not looked at yet.
pub struct ConnectionState {
    /// Congestion control and loss recovery.
    pub sender: SenderState<rtp::Packet>,
    /// Which packets transport-wide feedback has named.
    pub twcc_coverage: TwccCoverage,
    /// A PLI (RFC 4585) or FIR (RFC 5104) came.
    pub keyframe_requested: bool,
    /// In the order in which they came.
    pub reception_reports: Vec<ReceptionReport>,
}

/// Never contended: a connection and its interceptors are only ever used by one thread at a time.
pub type SharedState = Arc<Mutex<ConnectionState>>;

impl ConnectionState {
    pub fn new(sender: SenderState<rtp::Packet>) -> ConnectionState {
        ConnectionState {
            sender,
            twcc_coverage: TwccCoverage::default(),
            keyframe_requested: false,
            reception_reports: Vec::new(),
        }
    }
}

impl MediaPacket for rtp::Packet {
    fn sequence_number(&self) -> u16 {
        self.header.sequence_number
    }

    fn timestamp(&self) -> u32 {
        self.header.timestamp
    }

    fn payload_bytes(&self) -> usize {
        self.payload.len()
    }
}
