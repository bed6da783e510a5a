//! Datagrams ↔ peers: the UDP sockets, the TCP links, and what proves that one belongs to a peer.

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use tokio::net::TcpStream;

use crate::transport::datagram::{Datagram, FiveTuple, Protocol};
use crate::transport::hub::peers::MAX_PEERS;
use crate::transport::hub::{Hub, PeerKey};
use crate::transport::ice_tcp::{FromLink, Link, LinkId};

/// A TCP connection that belongs to no peer yet must ask for one within this time.
const SPEAK_WITHIN: Duration = Duration::from_secs(10);
/// TCP connections that belong to no peer yet; each may hold some kilobytes.
const MAX_STRANGERS: usize = 64;
/// TCP connections of one peer: browsers open one per candidate.
const MAX_LINKS: usize = MAX_STRANGERS + 4 * MAX_PEERS;
/// Datagrams taken in one turn, so that frames and timers have theirs during a flood.
const DATAGRAMS_PER_TURN: usize = 64;
/// Larger than any datagram that crosses the internet.
const DATAGRAM: usize = 2048;

pub(super) struct OpenLink {
    pub(super) link: Link,
    pub(super) peer: Option<PeerKey>,
    pub(super) speak_by: Instant,
}

impl Hub {
    pub(super) fn read_udp(&mut self, socket: usize) {
        let sockets = self.udp.clone();
        let (ours, socket) = &sockets[socket];
        let mut buffer = [0; DATAGRAM];
        for _ in 0..DATAGRAMS_PER_TURN {
            match socket.try_recv_from(&mut buffer) {
                Ok((length, theirs)) => self.read(&buffer[..length], *ours, theirs),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                // An ICMP message about something sent before; the next datagram is readable all the same.
                Err(_) => {}
            }
        }
    }

    pub(super) fn read(&mut self, datagram: &[u8], ours: SocketAddr, theirs: SocketAddr) {
        if let Some(key) = self.routes.find(datagram, (ours, theirs)) {
            let path = FiveTuple {
                protocol: Protocol::Udp,
                local: ours,
                remote: theirs,
            };
            let payload = BytesMut::from(datagram);
            self.read_datagram(key, Datagram { path, payload });
        }
    }

    fn read_datagram(&mut self, key: PeerKey, datagram: Datagram) {
        let now = Instant::now();
        self.with(key, |way| {
            if let Some(connection) = way.web_rtc() {
                connection.handle_datagram(datagram, now);
            }
        });
    }

    pub(super) fn welcome(&mut self, stream: TcpStream) {
        let strangers = self.links.values().filter(|link| link.peer.is_none());
        if strangers.count() >= MAX_STRANGERS || self.links.len() >= MAX_LINKS {
            tracing::debug!("too many media connections that belong to nobody");
            return;
        }
        let id = self.next_key;
        self.next_key += 1;
        match Link::open(id, stream, self.from_links.clone()) {
            Ok(link) => {
                self.by_ends.insert((link.ours, link.theirs), id);
                let open = OpenLink {
                    link,
                    peer: None,
                    speak_by: Instant::now() + SPEAK_WITHIN,
                };
                self.links.insert(id, open);
            }
            Err(error) => tracing::debug!(%error, "a media connection ended at once"),
        }
    }

    pub(super) fn hear(&mut self, said: FromLink) {
        match said {
            FromLink::Closed(id) => self.forget_link(id),
            FromLink::Drained(id) => {
                if let Some(key) = self.links.get(&id).and_then(|open| open.peer) {
                    // It may send again, and may be wanted to.
                    self.with(key, |_| ());
                }
            }
            FromLink::Datagram(id, payload) => {
                let Some(open) = self.links.get(&id) else {
                    return;
                };
                let path = FiveTuple {
                    protocol: Protocol::Tcp,
                    local: open.link.ours,
                    remote: open.link.theirs,
                };
                // Until a peer has accepted it, only requests are looked at.
                let key = open.peer.or_else(|| self.routes.find_by_name(&payload));
                if let Some(key) = key {
                    self.read_datagram(key, Datagram { path, payload });
                }
            }
        }
    }

    pub(super) fn forget_link(&mut self, id: LinkId) {
        let Some(open) = self.links.remove(&id) else {
            return;
        };
        self.by_ends.remove(&(open.link.ours, open.link.theirs));
        if let Some(peer) = open.peer.and_then(|key| self.peers.get_mut(&key)) {
            peer.links.retain(|held| *held != id);
        }
    }

    /// The peer has accepted a request that came this way, so what else comes this way is its own.
    pub(super) fn prove(&mut self, key: PeerKey, path: &FiveTuple) {
        let way = (path.local, path.remote);
        match path.protocol {
            Protocol::Udp => self.routes.prove(way, key),
            Protocol::Tcp => {
                if let Some(id) = self.by_ends.get(&way)
                    && let Some(open) = self.links.get_mut(id)
                    && open.peer.is_none()
                    && let Some(peer) = self.peers.get_mut(&key)
                {
                    open.peer = Some(key);
                    peer.links.push(*id);
                }
            }
        }
    }

    pub(super) fn send(&self, datagram: &Datagram) {
        let (ours, theirs) = (datagram.path.local, datagram.path.remote);
        match datagram.path.protocol {
            Protocol::Udp => {
                let mut sockets = self.udp.iter();
                if let Some((_, socket)) = sockets.find(|(address, _)| *address == ours) {
                    // A full buffer loses it, as the network may; what matters is repeated.
                    let _ = socket.try_send_to(&datagram.payload, theirs);
                }
            }
            Protocol::Tcp => {
                let id = self.by_ends.get(&(ours, theirs));
                if let Some(open) = id.and_then(|id| self.links.get(id)) {
                    open.link.send(&datagram.payload);
                }
            }
        }
    }
}
