//! Datagrams ↔ peers: the UDP sockets, the TCP connections (RFC 6544), and what proves that one belongs to a peer.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use tokio::net::{TcpStream, UdpSocket};
use tokio::sync::mpsc;

use crate::stream::SubscriberId;
use crate::transport::datagram::{Datagram, FiveTuple, Protocol};
use crate::transport::hub::peers::MAX_PEERS;
use crate::transport::ice_tcp::{FromTcp, TcpConnection, TcpConnectionId};
use crate::transport::routes::Routes;
use crate::transport::stun::{is_binding_success, request_transaction};

/// A TCP connection that belongs to no peer yet must ask for one within this time.
const AUTHENTICATE_WITHIN: Duration = Duration::from_secs(10);
/// TCP connections that belong to no peer yet; each may hold some kilobytes.
const MAX_UNAUTHENTICATED: usize = 64;
/// TCP connections of one peer: browsers open one per candidate.
const MAX_TCP: usize = MAX_UNAUTHENTICATED + 4 * MAX_PEERS;
/// Larger than any datagram that crosses the internet.
pub const MAX_DATAGRAM: usize = 2048;

/// A datagram, whose it is and how it came.
pub struct Received {
    pub subscriber: SubscriberId,
    pub datagram: Datagram,
}

struct TcpSocket {
    connection: TcpConnection,
    owner: Owner,
}

/// Whose a TCP connection is.
enum Owner {
    Nobody {
        /// It is closed then.
        until: Instant,
    },
    Peer(SubscriberId),
}

pub struct Sockets {
    udp: Rc<Vec<(SocketAddr, UdpSocket)>>,
    tcp: HashMap<TcpConnectionId, TcpSocket>,
    tcp_by_ends: HashMap<(SocketAddr, SocketAddr), TcpConnectionId>,
    /// Only of peers that have any.
    tcp_of: HashMap<SubscriberId, Vec<TcpConnectionId>>,
    routes: Routes<SubscriberId>,
    from_tcp: mpsc::Sender<FromTcp>,
    next_id: TcpConnectionId,
}

impl Sockets {
    /// What comes over TCP is told to `from_tcp`.
    pub fn new(udp: Rc<Vec<(SocketAddr, UdpSocket)>>, from_tcp: mpsc::Sender<FromTcp>) -> Sockets {
        Sockets {
            udp,
            tcp: HashMap::new(),
            tcp_by_ends: HashMap::new(),
            tcp_of: HashMap::new(),
            routes: Routes::new(),
            from_tcp,
            next_id: 0,
        }
    }

    /// Takes one datagram off a UDP socket; it may be nobody's. Fails when there is none.
    pub fn receive(
        &self,
        socket: usize,
        buffer: &mut [u8; MAX_DATAGRAM],
    ) -> io::Result<Option<Received>> {
        let (local, socket) = &self.udp[socket];
        let (length, remote) = match socket.try_recv_from(buffer) {
            Ok(received) => received,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Err(error),
            // An ICMP message about something sent before; the next datagram is readable all the same.
            Err(_) => return Ok(None),
        };
        let payload = &buffer[..length];
        let found = self.routes.find(payload, (*local, remote));
        Ok(found.map(|subscriber| {
            let path = FiveTuple {
                protocol: Protocol::Udp,
                local: *local,
                remote,
            };
            let payload = BytesMut::from(payload);
            let datagram = Datagram { path, payload };
            Received {
                subscriber,
                datagram,
            }
        }))
    }

    /// Whose a datagram is that came over TCP. Until a peer has accepted the connection, only requests are looked at.
    pub fn receive_tcp(&self, id: TcpConnectionId, payload: BytesMut) -> Option<Received> {
        let socket = self.tcp.get(&id)?;
        let subscriber = match socket.owner {
            Owner::Peer(subscriber) => subscriber,
            Owner::Nobody { .. } => self.routes.find_by_name(&payload)?,
        };
        let path = FiveTuple {
            protocol: Protocol::Tcp,
            local: socket.connection.ours,
            remote: socket.connection.theirs,
        };
        let datagram = Datagram { path, payload };
        Some(Received {
            subscriber,
            datagram,
        })
    }

    /// Somebody has connected.
    pub fn accept(&mut self, stream: TcpStream, now: Instant) {
        let is_unauthenticated = |socket: &&TcpSocket| matches!(socket.owner, Owner::Nobody { .. });
        let unauthenticated = self.tcp.values().filter(is_unauthenticated).count();
        if unauthenticated >= MAX_UNAUTHENTICATED || self.tcp.len() >= MAX_TCP {
            tracing::debug!("unauthenticated TCP connection limit reached");
            return;
        }
        let id = self.next_id;
        self.next_id += 1;
        match TcpConnection::open(id, stream, self.from_tcp.clone()) {
            Ok(connection) => {
                self.tcp_by_ends
                    .insert((connection.ours, connection.theirs), id);
                let until = now + AUTHENTICATE_WITHIN;
                let owner = Owner::Nobody { until };
                self.tcp.insert(id, TcpSocket { connection, owner });
            }
            Err(error) => tracing::debug!(%error, "a TCP connection failed at once"),
        }
    }

    /// Closes a TCP connection, if it still is one.
    pub fn close(&mut self, id: TcpConnectionId) {
        let Some(socket) = self.tcp.remove(&id) else {
            return;
        };
        self.tcp_by_ends
            .remove(&(socket.connection.ours, socket.connection.theirs));
        if let Owner::Peer(subscriber) = socket.owner
            && let Some(held) = self.tcp_of.get_mut(&subscriber)
        {
            held.retain(|held| *held != id);
            if held.is_empty() {
                self.tcp_of.remove(&subscriber);
            }
        }
    }

    /// Whose a TCP connection is.
    pub fn owner(&self, id: TcpConnectionId) -> Option<SubscriberId> {
        match self.tcp.get(&id)?.owner {
            Owner::Peer(subscriber) => Some(subscriber),
            Owner::Nobody { .. } => None,
        }
    }

    /// The peer is reached by this `ice-ufrag` from now on.
    pub fn add_ufrag(&mut self, ufrag: String, subscriber: SubscriberId) {
        self.routes.add_ufrag(ufrag, subscriber);
    }

    /// Sends a peer's datagram, and learns from it what belongs to that peer.
    pub fn send(&mut self, subscriber: SubscriberId, datagram: &Datagram) {
        let Datagram { path, payload } = datagram;
        if is_binding_success(payload) {
            self.on_accepted(subscriber, path);
        } else if let Some(check) = request_transaction(payload) {
            self.routes.ask(check, subscriber);
        }
        match path.protocol {
            Protocol::Udp => {
                let mut sockets = self.udp.iter();
                if let Some((_, socket)) = sockets.find(|(address, _)| *address == path.local) {
                    // A full buffer loses it, as the network may; what matters is repeated.
                    let _ = socket.try_send_to(payload, path.remote);
                }
            }
            Protocol::Tcp => {
                let id = self.tcp_by_ends.get(&(path.local, path.remote));
                if let Some(socket) = id.and_then(|id| self.tcp.get(id)) {
                    socket.connection.send(payload);
                }
            }
        }
    }

    /// The peer has accepted a request that came this way, so what else comes this way is its own.
    fn on_accepted(&mut self, subscriber: SubscriberId, path: &FiveTuple) {
        let ends = (path.local, path.remote);
        match path.protocol {
            Protocol::Udp => self.routes.prove(ends, subscriber),
            Protocol::Tcp => {
                if let Some(id) = self.tcp_by_ends.get(&ends)
                    && let Some(socket) = self.tcp.get_mut(id)
                    && let Owner::Nobody { .. } = socket.owner
                {
                    socket.owner = Owner::Peer(subscriber);
                    self.tcp_of.entry(subscriber).or_default().push(*id);
                }
            }
        }
    }

    /// The peer is no more: nothing leads to it, and its TCP connections are closed.
    pub fn forget(&mut self, subscriber: SubscriberId) {
        self.routes.remove(subscriber);
        for id in self.tcp_of.remove(&subscriber).unwrap_or_default() {
            self.close(id);
        }
    }

    /// Bytes of this peer that the kernel has not taken yet.
    pub fn unsent(&self, subscriber: SubscriberId) -> usize {
        self.connections_of(subscriber)
            .map(TcpConnection::unsent)
            .sum()
    }

    /// So much of this peer's waits for the kernel that nothing more should be begun.
    pub fn is_full(&self, subscriber: SubscriberId) -> bool {
        self.connections_of(subscriber)
            .any(TcpConnection::is_behind)
    }

    fn connections_of(&self, subscriber: SubscriberId) -> impl Iterator<Item = &TcpConnection> {
        let ids = self.tcp_of.get(&subscriber).into_iter().flatten();
        ids.filter_map(|id| self.tcp.get(id).map(|socket| &socket.connection))
    }

    /// When [`Sockets::handle_timeout`] is to be called.
    pub fn deadline(&self) -> Option<Instant> {
        let until = |socket: &TcpSocket| match socket.owner {
            Owner::Nobody { until } => Some(until),
            Owner::Peer(_) => None,
        };
        self.tcp.values().filter_map(until).min()
    }

    /// Closes the TCP connections that still are nobody's.
    pub fn handle_timeout(&mut self, now: Instant) {
        let is_late = |socket: &TcpSocket| match socket.owner {
            Owner::Nobody { until } => until <= now,
            Owner::Peer(_) => false,
        };
        let late = self.tcp.iter().filter(|(_, socket)| is_late(socket));
        for id in late.map(|(id, _)| *id).collect::<Vec<_>>() {
            tracing::debug!("closing a TCP connection that belongs to no viewer");
            self.close(id);
        }
    }
}
