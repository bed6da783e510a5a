//! A port number → UDP sockets and a TCP listener on it, and the candidates that name them.

use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, UdpSocket};

use rustix::net::sockopt;

use crate::transport::{HubError, HubOptions};

/// One UDP socket per address rather than one for all: the kernel then answers from the address that was asked, and says
/// which one that was.
pub struct Listeners {
    pub port: u16,
    pub udp: Vec<UdpSocket>,
    pub tcp: Vec<TcpListener>,
}

/// What an answer advertises.
#[derive(Debug)]
pub struct Candidates {
    /// Addresses of our own sockets.
    pub host: Vec<SocketAddr>,
    /// Addresses that a router translates to one of those.
    pub public: Vec<SocketAddr>,
}

/// A keyframe leaves at once: 200 kB in packets of 1200 bytes, for several viewers.
const SEND_BUFFER: usize = 4 * 1024 * 1024;
/// Input and feedback of many viewers, while the hub sends a keyframe to all of them.
const RECEIVE_BUFFER: usize = 1024 * 1024;
/// Virtual bridges can add up.
const MAX_ADDRESSES: usize = 16;
/// How often a number that is free for UDP turns out to be taken for TCP before we give up.
const FREE_PORT_ATTEMPTS: usize = 64;

impl Listeners {
    pub fn bind(options: &HubOptions) -> Result<Listeners, HubError> {
        let addresses = if options.bind.is_unspecified() {
            every_address(options.bind.is_ipv6())?
        } else {
            vec![options.bind]
        };
        if options.port != 0 {
            return bind_all(&addresses, options.port);
        }
        let mut refused = HubError::PortTaken(0);
        for _ in 0..FREE_PORT_ATTEMPTS {
            let probe = bind_udp((addresses[0], 0).into())?;
            let address = probe.local_addr().map_err(|source| HubError::Listen {
                address: (addresses[0], 0).into(),
                source,
            })?;
            drop(probe);
            match bind_all(&addresses, address.port()) {
                Err(taken @ HubError::PortTaken(_)) => refused = taken,
                bound => return bound,
            }
        }
        Err(refused)
    }

    pub fn candidates(&self, public_ips: &[IpAddr]) -> Candidates {
        let host: Vec<_> = self
            .udp
            .iter()
            .filter_map(|socket| socket.local_addr().ok())
            .collect();
        let public = public_ips.iter().map(|ip| SocketAddr::new(*ip, self.port));
        let public = public.filter(|address| !host.contains(address)).collect();
        Candidates { host, public }
    }
}

fn bind_all(addresses: &[IpAddr], port: u16) -> Result<Listeners, HubError> {
    let sockets = addresses.iter().map(|ip| SocketAddr::new(*ip, port));
    Ok(Listeners {
        port,
        udp: sockets.clone().map(bind_udp).collect::<Result<_, _>>()?,
        tcp: sockets.map(bind_tcp).collect::<Result<_, _>>()?,
    })
}

fn bind_udp(address: SocketAddr) -> Result<UdpSocket, HubError> {
    let bind = || {
        let socket = UdpSocket::bind(address)?;
        socket.set_nonblocking(true)?;
        // The kernel may grant less (`net.core.wmem_max`); that only costs packets in bursts, which are repeated.
        let _ = sockopt::set_socket_send_buffer_size(&socket, SEND_BUFFER);
        let _ = sockopt::set_socket_recv_buffer_size(&socket, RECEIVE_BUFFER);
        Ok(socket)
    };
    bind().map_err(|source| refusal(address, source))
}

fn bind_tcp(address: SocketAddr) -> Result<TcpListener, HubError> {
    let bind = || {
        let listener = TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        Ok(listener)
    };
    bind().map_err(|source| refusal(address, source))
}

fn refusal(address: SocketAddr, source: std::io::Error) -> HubError {
    match source.kind() {
        ErrorKind::AddrInUse => HubError::PortTaken(address.port()),
        _ => HubError::Listen { address, source },
    }
}

/// Loopback only if the machine has nothing else: browsers elsewhere cannot reach it, and one here can reach the others.
fn every_address(with_ipv6: bool) -> Result<Vec<IpAddr>, HubError> {
    let interfaces = if_addrs::get_if_addrs().map_err(HubError::Addresses)?;
    let mut addresses: Vec<IpAddr> = interfaces
        .into_iter()
        .map(|interface| interface.ip())
        .filter(|ip| match ip {
            IpAddr::V4(ip) => !ip.is_loopback() && !ip.is_link_local(),
            // A link-local address means nothing without its interface.
            IpAddr::V6(ip) => with_ipv6 && !ip.is_loopback() && !ip.is_unicast_link_local(),
        })
        .collect();
    addresses.sort();
    addresses.dedup();
    addresses.truncate(MAX_ADDRESSES);
    if addresses.is_empty() {
        addresses.push(Ipv4Addr::LOCALHOST.into());
        if with_ipv6 {
            addresses.push(Ipv6Addr::LOCALHOST.into());
        }
    }
    Ok(addresses)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(bind: &str, port: u16) -> HubOptions {
        HubOptions {
            bind: bind.parse().unwrap(),
            port,
            public_ips: vec!["192.0.2.1".parse().unwrap()],
        }
    }

    #[test]
    fn a_free_port_is_the_same_for_udp_and_tcp() {
        let listeners = Listeners::bind(&options("127.0.0.1", 0)).unwrap();
        assert_ne!(listeners.port, 0);
        let tcp = listeners.tcp[0].local_addr().unwrap();
        assert_eq!(listeners.udp[0].local_addr().unwrap(), tcp);
    }

    #[test]
    fn a_taken_port_is_named() {
        let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
        let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
        for taken in [udp.local_addr(), tcp.local_addr()].map(|a| a.unwrap().port()) {
            let refused = Listeners::bind(&options("127.0.0.1", taken)).err().unwrap();
            assert!(matches!(refused, HubError::PortTaken(port) if port == taken));
            assert!(refused.to_string().contains(&taken.to_string()));
        }
    }

    #[test]
    fn every_address_is_concrete_and_public_ones_are_added() {
        let bound = options("0.0.0.0", 0);
        let listeners = Listeners::bind(&bound).unwrap();
        let candidates = listeners.candidates(&bound.public_ips);
        assert!(!candidates.host.is_empty());
        assert!(candidates.host.iter().all(|a| !a.ip().is_unspecified()));
        let public = SocketAddr::new(bound.public_ips[0], listeners.port);
        assert_eq!(candidates.public, [public]);
    }

    #[test]
    fn loopback_is_advertised_when_bound_to_it() {
        let listeners = Listeners::bind(&options("127.0.0.1", 0)).unwrap();
        let host = listeners.candidates(&[]).host;
        assert_eq!(host, [SocketAddr::from(([127, 0, 0, 1], listeners.port))]);
    }
}
