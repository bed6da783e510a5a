//! Pure: a datagram (STUN, DTLS, SRTP, SRTCP) and the path it takes: what passes between sockets and connections.

use std::net::SocketAddr;

use bytes::BytesMut;

use crate::transport::TransportKind;

/// Transport protocol of an ICE candidate (RFC 8445, RFC 6544).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// One datagram is one UDP packet.
    Udp,
    /// Datagrams are framed by their length (RFC 4571).
    Tcp,
}

/// Transport protocol, local and remote address (RFC 8489 §4: the 5-tuple).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FiveTuple {
    /// How datagrams travel between the two addresses.
    pub protocol: Protocol,
    /// Our socket's address; the answer names it as a host candidate.
    pub local: SocketAddr,
    /// The viewer's address, as seen from here.
    pub remote: SocketAddr,
}

/// One datagram, received or to be sent.
#[derive(Debug)]
pub struct Datagram {
    /// How it came, or how it is to leave.
    pub path: FiveTuple,
    /// Without the framing that TCP adds.
    pub payload: BytesMut,
}

impl From<Protocol> for TransportKind {
    fn from(protocol: Protocol) -> TransportKind {
        match protocol {
            Protocol::Udp => TransportKind::Udp,
            Protocol::Tcp => TransportKind::Tcp,
        }
    }
}
