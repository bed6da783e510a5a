//! A network between a viewer and the hub that loses, delays and narrows what the test tells it to.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::net::UdpSocket;
use tokio::task::JoinHandle;
use tokio::time::Instant;

/// What passes, as far as it can be seen from outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A packet of a frame, and its sequence number.
    Media(u16),
    /// Something again (RTX).
    Repetition,
    /// RTCP, STUN, DTLS.
    Other,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Towards {
    Viewer,
    Hub,
}

/// Whether a datagram is lost.
type Loses = Box<dyn FnMut(Towards, Kind) -> bool + Send>;

#[derive(Clone, Copy)]
struct Bottleneck {
    bits_per_second: f64,
    queue: Duration,
    free_at: Instant,
}

#[derive(Default)]
struct Rules {
    loses: Option<Loses>,
    delay: Duration,
    bottleneck: Option<Bottleneck>,
}

/// Ends with its handle.
pub struct Relay {
    /// Where the viewer finds it.
    pub port: u16,
    rules: Arc<Mutex<Rules>>,
    task: JoinHandle<()>,
}

impl Relay {
    pub async fn start(hub: SocketAddr) -> Relay {
        let near = Arc::new(UdpSocket::bind("127.0.0.1:0").await.unwrap());
        let far = Arc::new(UdpSocket::bind("127.0.0.1:0").await.unwrap());
        far.connect(hub).await.unwrap();
        let port = near.local_addr().unwrap().port();
        let rules = Arc::new(Mutex::new(Rules::default()));
        let task = tokio::spawn(forward(near, far, rules.clone()));
        Relay { port, rules, task }
    }

    /// Until further notice.
    pub fn lose(&self, loses: impl FnMut(Towards, Kind) -> bool + Send + 'static) {
        self.rules.lock().unwrap().loses = Some(Box::new(loses));
    }

    pub fn lose_nothing(&self) {
        self.rules.lock().unwrap().loses = None;
    }

    /// One way.
    pub fn delay(&self, delay: Duration) {
        self.rules.lock().unwrap().delay = delay;
    }

    /// Towards the viewer.
    pub fn narrow(&self, bits_per_second: f64, queue: Duration) {
        self.rules.lock().unwrap().bottleneck = Some(Bottleneck {
            bits_per_second,
            queue,
            free_at: Instant::now(),
        });
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn forward(near: Arc<UdpSocket>, far: Arc<UdpSocket>, rules: Arc<Mutex<Rules>>) {
    let (mut from_viewer, mut from_hub) = (vec![0; 2048], vec![0; 2048]);
    let mut viewer: Option<SocketAddr> = None;
    loop {
        tokio::select! {
            read = near.recv_from(&mut from_viewer) => {
                let Ok((length, address)) = read else { continue };
                viewer = Some(address);
                let datagram = from_viewer[..length].to_vec();
                if let Some(due) = due(&rules, Towards::Hub, &datagram) {
                    let far = far.clone();
                    at(due, async move { far.send(&datagram).await.map(drop) });
                }
            }
            read = far.recv(&mut from_hub) => {
                let (Ok(length), Some(viewer)) = (read, viewer) else { continue };
                let datagram = from_hub[..length].to_vec();
                if let Some(due) = due(&rules, Towards::Viewer, &datagram) {
                    let near = near.clone();
                    at(due, async move { near.send_to(&datagram, viewer).await.map(drop) });
                }
            }
        }
    }
}

fn at(due: Instant, send: impl Future<Output = std::io::Result<()>> + Send + 'static) {
    tokio::spawn(async move {
        if due > Instant::now() {
            tokio::time::sleep_until(due).await;
        }
        // Whoever has closed its socket does not miss it.
        let _ = send.await;
    });
}

/// When it arrives, if at all.
fn due(rules: &Mutex<Rules>, towards: Towards, datagram: &[u8]) -> Option<Instant> {
    let mut rules = rules.lock().unwrap();
    let kind = kind(datagram);
    if let Some(loses) = &mut rules.loses
        && loses(towards, kind)
    {
        return None;
    }
    let now = Instant::now();
    let delay = rules.delay;
    let Some(bottleneck) = rules
        .bottleneck
        .as_mut()
        .filter(|_| towards == Towards::Viewer)
    else {
        return Some(now + delay);
    };
    let begins = bottleneck.free_at.max(now);
    if begins - now > bottleneck.queue {
        return None;
    }
    let takes = (datagram.len() + 28) as f64 * 8.0 / bottleneck.bits_per_second;
    bottleneck.free_at = begins + Duration::from_secs_f64(takes);
    Some(bottleneck.free_at + delay)
}

/// RTP's header is in the clear, and the payload types are the viewer's own.
fn kind(datagram: &[u8]) -> Kind {
    match datagram {
        [128..=191, payload_type, high, low, ..] => match payload_type & 0x7f {
            109 => Kind::Media(u16::from_be_bytes([*high, *low])),
            114 => Kind::Repetition,
            _ => Kind::Other,
        },
        _ => Kind::Other,
    }
}
