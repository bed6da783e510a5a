//! The viewers' UDP packets ↔ the server, through the two ways of a link. A process of its own, inside a namespace.
//!
//! stdin: one link per line (`link.rs`), answered by `ok`; its end is the relay's end.

use std::collections::HashMap;
use std::io::{BufRead, Write};
use std::net::{SocketAddr, UdpSocket};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use super::line::Line;
use super::link::Link;
use crate::shell::{Failure, Result};

/// The largest UDP packet.
const LARGEST: usize = 65_536;

/// `LISTEN SERVER`: where viewers send to, and where the server's media port is. Returns at the end of stdin.
pub fn run(args: &[String]) -> Result<()> {
    let [listen, server] = args else {
        return Err(Failure::new("The relay needs two addresses."));
    };
    let listen: SocketAddr = listen.parse().map_err(Failure::of("The relay's address"))?;
    let server: SocketAddr = server
        .parse()
        .map_err(Failure::of("The server's address"))?;
    let down = Way::start()?;
    let up = Way::start()?;
    let socket = UdpSocket::bind(listen).map_err(Failure::of(format!("Cannot bind {listen}")))?;
    {
        let (up, down) = (up.clone(), down.clone());
        // Detached, as all threads here: they end with the process, which lives as long as stdin.
        thread::spawn(move || from_viewers(Arc::new(socket), server, &up, &down));
    }
    for line in std::io::stdin().lock().lines() {
        let line = line.map_err(Failure::of("Cannot read the next link"))?;
        let link = Link::read(line.split_whitespace()).map_err(Failure)?;
        down.become_link(link);
        // A bottleneck towards the viewer: what viewers send is little.
        up.become_link(Link { rate: None, ..link });
        let mut out = std::io::stdout().lock();
        writeln!(out, "ok")
            .and_then(|()| out.flush())
            .map_err(Failure::of("Cannot answer"))?;
    }
    Ok(())
}

/// Each viewer's address gets a socket of its own towards the server, as behind a router that translates.
fn from_viewers(socket: Arc<UdpSocket>, server: SocketAddr, up: &Way, down: &Way) {
    let mut towards_server: HashMap<SocketAddr, Arc<UdpSocket>> = HashMap::new();
    let mut buffer = vec![0; LARGEST];
    loop {
        // An error here is the news that some packet was refused: nobody listens yet, or no more.
        let Ok((length, viewer)) = socket.recv_from(&mut buffer) else {
            continue;
        };
        let own = match towards_server.get(&viewer) {
            Some(own) => own.clone(),
            None => match open(server) {
                Ok(own) => {
                    towards_server.insert(viewer, own.clone());
                    let (back, socket, down) = (own.clone(), socket.clone(), down.clone());
                    thread::spawn(move || from_server(&back, &socket, viewer, &down));
                    own
                }
                Err(problem) => {
                    eprintln!("relay: no socket for {viewer}: {problem}");
                    continue;
                }
            },
        };
        up.enter(Packet {
            bytes: buffer[..length].to_vec(),
            from: own,
            to: server,
        });
    }
}

fn open(server: SocketAddr) -> std::io::Result<Arc<UdpSocket>> {
    let unspecified: SocketAddr = if server.is_ipv4() {
        ([0, 0, 0, 0], 0).into()
    } else {
        ([0u16; 8], 0).into()
    };
    UdpSocket::bind(unspecified).map(Arc::new)
}

fn from_server(own: &UdpSocket, socket: &Arc<UdpSocket>, viewer: SocketAddr, down: &Way) {
    let mut buffer = vec![0; LARGEST];
    loop {
        let Ok((length, _)) = own.recv_from(&mut buffer) else {
            continue;
        };
        down.enter(Packet {
            bytes: buffer[..length].to_vec(),
            from: socket.clone(),
            to: viewer,
        });
    }
}

struct Packet {
    bytes: Vec<u8>,
    from: Arc<UdpSocket>,
    to: SocketAddr,
}

impl AsRef<[u8]> for Packet {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

/// One way of the link with the thread that lets its packets out in time.
#[derive(Clone)]
struct Way(Arc<(Mutex<Line<Packet>>, Condvar)>);

impl Way {
    fn start() -> Result<Way> {
        let way = Way(Arc::new((
            Mutex::new(Line::new(Link::default())),
            Condvar::new(),
        )));
        let own = way.clone();
        thread::Builder::new()
            .spawn(move || own.let_out())
            .map_err(Failure::of("Cannot start a thread"))?;
        Ok(way)
    }

    fn line(&self) -> MutexGuard<'_, Line<Packet>> {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn become_link(&self, link: Link) {
        self.line().become_link(link, Instant::now());
        self.0.1.notify_one();
    }

    fn enter(&self, packet: Packet) {
        let chances = [chance(), chance()];
        self.line().enter(packet, chances, Instant::now());
        self.0.1.notify_one();
    }

    fn let_out(&self) {
        let mut line = self.line();
        loop {
            let now = Instant::now();
            if let Some(packet) = line.leave(now) {
                drop(line);
                // Refused by a full buffer or a closed port: lost, as on any network.
                let _ = packet.from.send_to(&packet.bytes, packet.to);
                line = self.line();
                continue;
            }
            let wait = line.next().map_or(Duration::MAX, |next| next - now);
            line = self
                .0
                .1
                .wait_timeout(line, wait)
                .map_or_else(|poisoned| poisoned.into_inner().0, |(line, _)| line);
        }
    }
}

/// At least 0 and below 1. The standard library's own source of randomness is its hash maps' seed.
fn chance() -> f64 {
    use std::hash::{BuildHasher, RandomState};
    let bits = RandomState::new().hash_one(0) >> 11;
    bits as f64 / (1u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_go_to_the_server_and_back_to_the_viewer_they_are_for() {
        let bind = || UdpSocket::bind("127.0.0.1:0").unwrap();
        let (server, front, one, other) = (bind(), bind(), bind(), bind());
        let front_address = front.local_addr().unwrap();
        let server_address = server.local_addr().unwrap();
        let (up, down) = (Way::start().unwrap(), Way::start().unwrap());
        thread::spawn(move || from_viewers(Arc::new(front), server_address, &up, &down));
        let mut buffer = [0; 16];
        for (viewer, word) in [(&one, b"one"), (&other, b"two")] {
            viewer.send_to(word, front_address).unwrap();
            let (length, from) = server.recv_from(&mut buffer).unwrap();
            assert_eq!(&buffer[..length], word);
            server.send_to(&buffer[..length], from).unwrap();
            let (length, from) = viewer.recv_from(&mut buffer).unwrap();
            assert_eq!((&buffer[..length], from), (&word[..], front_address));
        }
    }
}
