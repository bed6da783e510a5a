//! The thread that owns the sockets and all peers: one loop over orders, frames, datagrams and timers.

use std::collections::HashMap;
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::Poll;
use std::time::{Duration, Instant};

use bytes::Bytes;
use shared::session::{SessionId, ViewerId};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::{mpsc, oneshot};

use crate::clock;
use crate::stream::{Downlink, Sample};
use crate::transport::ice_tcp::{FromLink, LinkId};
use crate::transport::listen::Listeners;
use crate::transport::routes::Routes;
use crate::transport::webrtc::connection::Connection;
use crate::transport::webrtc::offer::Offer;
use crate::transport::websocket::Socket;
use crate::transport::{PeerError, PeerEvent, Shared, lock};
use peers::Peer;
use sockets::OpenLink;
use stream::Feed;
use transport::Transport;

mod peers;
mod sockets;
mod stream;
mod transport;

/// What handles ask of the hub.
pub enum Order {
    /// PresentedInput with `None` if the viewer has no peer that the offer continues.
    Restart {
        viewer: ViewerId,
        offer: Offer,
        reply: oneshot::Sender<Option<Result<String, PeerError>>>,
    },
    Admit {
        session: SessionId,
        viewer: ViewerId,
        connection: Box<Connection>,
        events: mpsc::Sender<(ViewerId, PeerEvent)>,
        reply: oneshot::Sender<Result<(), PeerError>>,
    },
    Message {
        viewer: ViewerId,
        message: Vec<u8>,
    },
    Attach {
        session: SessionId,
        viewer: ViewerId,
        socket: Box<Socket>,
        events: mpsc::Sender<(ViewerId, PeerEvent)>,
        reply: oneshot::Sender<Result<PeerKey, PeerError>>,
    },
    /// A binary message of a web socket.
    Heard {
        key: PeerKey,
        bytes: Bytes,
    },
    OpenStream {
        session: SessionId,
        downlink: Arc<Downlink>,
    },
    SetPacesetter {
        session: SessionId,
        viewer: ViewerId,
    },
    SkipToLive {
        viewer: ViewerId,
    },
    /// Something waits in [`Shared`].
    Look,
}

/// A timer that is due again at once must not keep the loop busy.
const SHORTEST_TIMER: Duration = Duration::from_millis(1);
/// Accepting fails when the process has no file descriptor left.
const ACCEPT_AGAIN: Duration = Duration::from_millis(100);

/// Names a peer or a link; never used twice.
pub type PeerKey = u64;

struct Hub {
    shared: Arc<Shared>,
    udp: Rc<Vec<(SocketAddr, UdpSocket)>>,
    peers: HashMap<PeerKey, Peer>,
    by_viewer: HashMap<ViewerId, PeerKey>,
    /// The same for web sockets; a viewer may have both for a while.
    sockets: HashMap<ViewerId, PeerKey>,
    feeds: HashMap<SessionId, Feed>,
    routes: Routes<PeerKey>,
    links: HashMap<LinkId, OpenLink>,
    by_ends: HashMap<(SocketAddr, SocketAddr), LinkId>,
    from_links: mpsc::Sender<FromLink>,
    next_key: u64,
    /// What 90 kHz timestamps count from.
    epoch: Instant,
}

/// The thread's body. Returns when the last handle is gone.
pub fn run(
    listeners: Listeners,
    shared: Arc<Shared>,
    orders: mpsc::Receiver<Order>,
    samples: mpsc::Receiver<(SessionId, Sample)>,
    started: oneshot::Sender<io::Result<()>>,
) {
    let start = || -> io::Result<_> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_io()
            .enable_time()
            .build()?;
        let guard = runtime.enter();
        let udp = listeners.udp.into_iter().map(|socket| {
            let address = socket.local_addr()?;
            Ok((address, UdpSocket::from_std(socket)?))
        });
        let udp = udp.collect::<io::Result<Vec<_>>>()?;
        let tcp = listeners.tcp.into_iter().map(TcpListener::from_std);
        let tcp = tcp.collect::<io::Result<Vec<_>>>()?;
        drop(guard);
        Ok((runtime, udp, tcp))
    };
    match start() {
        Err(error) => {
            let _ = started.send(Err(error));
        }
        Ok((runtime, udp, tcp)) => {
            let _ = started.send(Ok(()));
            let tasks = tokio::task::LocalSet::new();
            tasks.block_on(&runtime, serve(shared, udp, tcp, orders, samples));
        }
    }
}

async fn serve(
    shared: Arc<Shared>,
    udp: Vec<(SocketAddr, UdpSocket)>,
    tcp: Vec<TcpListener>,
    mut orders: mpsc::Receiver<Order>,
    mut samples: mpsc::Receiver<(SessionId, Sample)>,
) {
    let udp = Rc::new(udp);
    // A full queue makes TCP senders wait.
    let (from_links, mut links) = mpsc::channel(256);
    let mut hub = Hub {
        shared,
        udp: udp.clone(),
        peers: HashMap::new(),
        by_viewer: HashMap::new(),
        sockets: HashMap::new(),
        feeds: HashMap::new(),
        routes: Routes::new(),
        links: HashMap::new(),
        by_ends: HashMap::new(),
        from_links,
        next_key: 0,
        epoch: clock::epoch(),
    };
    let mut accept_at = Instant::now();
    loop {
        let now = Instant::now();
        let deadline = hub.deadline(now).into();
        tokio::select! {
            // A frame is the most urgent thing there is.
            biased;
            sample = samples.recv() => match sample {
                Some((session, sample)) => hub.send_frame(&session, &sample),
                None => break,
            },
            order = orders.recv() => match order {
                Some(order) => hub.obey(order),
                None => break,
            },
            socket = readable(&udp) => hub.read_udp(socket),
            Some(said) = links.recv() => hub.hear(said),
            accepted = accept(&tcp), if accept_at <= now => match accepted {
                Ok(stream) => hub.welcome(stream),
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a media connection");
                    accept_at = now + ACCEPT_AGAIN;
                }
            },
            () = tokio::time::sleep_until(deadline) => {}
        }
        hub.keep_time();
    }
    for key in hub.peers.keys().copied().collect::<Vec<_>>() {
        hub.remove(key, None);
    }
}

/// Index of a socket that has something to read.
async fn readable(sockets: &[(SocketAddr, UdpSocket)]) -> usize {
    poll_fn(|context| {
        let mut each = sockets.iter();
        match each.position(|(_, socket)| socket.poll_recv_ready(context).is_ready()) {
            Some(index) => Poll::Ready(index),
            None => Poll::Pending,
        }
    })
    .await
}

async fn accept(listeners: &[TcpListener]) -> io::Result<TcpStream> {
    poll_fn(|context| {
        for listener in listeners {
            if let Poll::Ready(accepted) = listener.poll_accept(context) {
                return Poll::Ready(accepted.map(|(stream, _)| stream));
            }
        }
        Poll::Pending
    })
    .await
}

impl Hub {
    /// When the next timer is due.
    fn deadline(&self, now: Instant) -> Instant {
        let peers = self.peers.values().map(|peer| {
            peer.give_up_at
                .map_or(peer.deadline, |at| at.min(peer.deadline))
        });
        let strangers = self.links.values().filter(|link| link.peer.is_none());
        let behind = self.peers.keys();
        let behind = behind.filter_map(|key| self.catch_up_at(*key, now));
        let keyframes = self.feeds.values();
        let keyframes = keyframes.filter_map(|feed| feed.keyframes.due_at(now));
        let all = peers
            .chain(strangers.map(|link| link.speak_by))
            .chain(behind)
            .chain(keyframes);
        all.min()
            .unwrap_or(now + Duration::from_secs(3600))
            .max(now + SHORTEST_TIMER)
    }

    fn keep_time(&mut self) {
        let now = Instant::now();
        let due: Vec<_> = self
            .peers
            .iter()
            .filter(|(_, peer)| peer.deadline <= now)
            .map(|(key, _)| *key)
            .collect();
        for key in due {
            self.with(key, |way| way.handle_timeout(now));
        }
        let behind: Vec<_> = self
            .peers
            .iter()
            .filter(|(_, peer)| peer.is_behind)
            .map(|(key, _)| *key)
            .collect();
        for key in behind {
            self.catch_up(key, now);
        }
        for feed in self.feeds.values_mut() {
            feed.request_keyframe(now);
        }
        let late: Vec<_> = self
            .peers
            .iter()
            .filter(|(_, peer)| peer.give_up_at.is_some_and(|at| at <= now))
            .map(|(key, _)| *key)
            .collect();
        for key in late {
            self.remove(key, Some("no connection within half a minute"));
        }
        let silent: Vec<_> = self
            .links
            .iter()
            .filter(|(_, link)| link.peer.is_none() && link.speak_by <= now)
            .map(|(id, _)| *id)
            .collect();
        for id in silent {
            tracing::debug!("closing a media connection that never asked for a viewer");
            self.forget_link(id);
        }
        let leaving = std::mem::take(&mut *lock(&self.shared.leaving));
        for viewer in leaving {
            for key in self.all_of(&viewer) {
                self.remove(key, None);
            }
        }
        let closed = std::mem::take(&mut *lock(&self.shared.closed));
        for key in closed {
            self.remove(key, Some("the viewer's web socket was closed"));
        }
        if self.shared.samples_lost.swap(false, Ordering::AcqRel) {
            tracing::warn!("frames were lost on their way to the viewers");
            for key in self.peers.keys().copied().collect::<Vec<_>>() {
                self.want_keyframe(key);
            }
        }
    }

    fn obey(&mut self, order: Order) {
        match order {
            Order::Look => {}
            Order::OpenStream { session, downlink } => self.open_feed(session, &downlink),
            Order::SetPacesetter { session, viewer } => self.lead(&session, viewer),
            Order::SkipToLive { viewer } => self.skip_to_keyframe(&viewer),
            Order::Restart {
                viewer,
                offer,
                reply,
            } => {
                let _ = reply.send(self.restart(&viewer, &offer));
            }
            Order::Admit {
                session,
                viewer,
                connection,
                events,
                reply,
            } => {
                let _ = reply.send(self.admit(session, viewer, connection, events));
            }
            Order::Attach {
                session,
                viewer,
                socket,
                events,
                reply,
            } => {
                let attached = self.attach(session, viewer, socket, events);
                if let Err(Ok(key)) = reply.send(attached) {
                    // Nobody waits for it any more, so nobody would ever close it.
                    self.remove(key, Some("the viewer has gone"));
                }
            }
            Order::Heard { key, bytes } => {
                let now = Instant::now();
                self.with(key, |way| {
                    if let Transport::WebSocket(socket) = way {
                        socket.on_message(&bytes, now);
                    }
                });
            }
            Order::Message { viewer, message } => {
                if let Some(key) = self.best_of(&viewer) {
                    let now = Instant::now();
                    let written = self.with(key, |way| way.write_message(message, now));
                    if let Some(Err(reason)) = written {
                        self.remove(key, Some(reason));
                    }
                }
            }
        }
    }
}
