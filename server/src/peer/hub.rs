//! The thread that owns the sockets and all peers: one loop over orders, frames, datagrams and timers.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::Poll;
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use rtc::shared::TransportContext;
use shared::message::ServerMessage;
use shared::session::{SessionId, ViewerId};
use shared::wire;
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::{mpsc, oneshot};

use super::connection::{Connection, Event, Output, came, transport_of};
use super::listen::Listeners;
use super::offer::Offer;
use super::packetize::packetize;
use super::routes::Routes;
use super::stun::{asked_transaction, is_binding_success};
use super::tcp::{FromLink, Link, LinkId};
use super::{PeerError, PeerEvent, Shared, Transport, lock};
use crate::clock;
use crate::encode::Frame;
use crate::mark::Untold;

/// What handles ask of the hub.
pub enum Order {
    /// Answered with `None` if the viewer has no peer that the offer continues.
    Restart {
        viewer: ViewerId,
        offer: Offer,
        reply: oneshot::Sender<Option<Result<String, PeerError>>>,
    },
    Admit {
        feed: SessionId,
        viewer: ViewerId,
        connection: Box<Connection>,
        events: mpsc::Sender<(ViewerId, PeerEvent)>,
        reply: oneshot::Sender<Result<(), PeerError>>,
    },
    Message {
        viewer: ViewerId,
        message: Vec<u8>,
    },
    /// Something waits in [`Shared`].
    Look,
}

/// One peer costs a few MB of history for repetitions.
const MAX_PEERS: usize = 256;
/// From the answer to media.
const CONNECT_WITHIN: Duration = Duration::from_secs(30);
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
/// A timer that is due again at once must not keep the loop busy.
const SHORTEST_TIMER: Duration = Duration::from_millis(1);
/// A session that does not take even the last event has its reasons.
const FAREWELL: Duration = Duration::from_secs(10);
/// Accepting fails when the process has no file descriptor left.
const ACCEPT_AGAIN: Duration = Duration::from_millis(100);

/// Names a peer; never used twice.
type PeerKey = u64;

struct Peer {
    feed: SessionId,
    viewer: ViewerId,
    connection: Box<Connection>,
    events: mpsc::Sender<(ViewerId, PeerEvent)>,
    /// Cannot decode anything but a keyframe.
    waits_for_keyframe: bool,
    /// Its TCP connection could not take a frame; a keyframe is asked for when it can again.
    behind: bool,
    give_up_at: Option<Instant>,
    deadline: Instant,
    /// The last accepted way over TCP leads to these.
    links: Vec<LinkId>,
    /// Inputs that a frame shows which has not left yet.
    untold: Untold,
}

struct OpenLink {
    link: Link,
    peer: Option<PeerKey>,
    speak_by: Instant,
}

struct Feed {
    peers: Vec<PeerKey>,
    last_timestamp: u32,
}

struct Hub {
    shared: Arc<Shared>,
    udp: Rc<Vec<(SocketAddr, UdpSocket)>>,
    peers: HashMap<PeerKey, Peer>,
    by_viewer: HashMap<ViewerId, PeerKey>,
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
    frames: mpsc::Receiver<(SessionId, Frame)>,
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
            tasks.block_on(&runtime, serve(shared, udp, tcp, orders, frames));
        }
    }
}

async fn serve(
    shared: Arc<Shared>,
    udp: Vec<(SocketAddr, UdpSocket)>,
    tcp: Vec<TcpListener>,
    mut orders: mpsc::Receiver<Order>,
    mut frames: mpsc::Receiver<(SessionId, Frame)>,
) {
    let udp = Rc::new(udp);
    // A full queue makes TCP senders wait.
    let (from_links, mut links) = mpsc::channel(256);
    let mut hub = Hub {
        shared,
        udp: udp.clone(),
        peers: HashMap::new(),
        by_viewer: HashMap::new(),
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
            frame = frames.recv() => match frame {
                Some((feed, frame)) => hub.send_frame(&feed, &frame),
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
        let all = peers.chain(strangers.map(|link| link.speak_by));
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
            self.with(key, |connection| connection.handle_timeout(now));
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
            if let Some(key) = self.by_viewer.get(&viewer).copied() {
                self.remove(key, None);
            }
        }
        if self.shared.frames_lost.swap(false, Ordering::AcqRel) {
            tracing::warn!("frames were lost on their way to the viewers");
            for key in self.peers.keys().copied().collect::<Vec<_>>() {
                self.want_keyframe(key);
            }
        }
    }

    fn obey(&mut self, order: Order) {
        match order {
            Order::Look => {}
            Order::Restart {
                viewer,
                offer,
                reply,
            } => {
                let _ = reply.send(self.restart(&viewer, &offer));
            }
            Order::Admit {
                feed,
                viewer,
                connection,
                events,
                reply,
            } => {
                let _ = reply.send(self.admit(feed, viewer, connection, events));
            }
            Order::Message { viewer, message } => {
                if let Some(key) = self.by_viewer.get(&viewer).copied() {
                    let now = Instant::now();
                    let written =
                        self.with(key, |connection| connection.write_message(message, now));
                    if let Some(Err(reason)) = written {
                        self.remove(key, Some(reason));
                    }
                }
            }
        }
    }

    fn restart(&mut self, viewer: &ViewerId, offer: &Offer) -> Option<Result<String, PeerError>> {
        let key = *self.by_viewer.get(viewer)?;
        if !self.peers.get(&key)?.connection.belongs_to(offer) {
            return None;
        }
        let answered = self.with(key, |connection| {
            let answer = connection.answer_again(offer)?;
            Ok((answer, connection.ufrag()))
        })?;
        Some(answered.map(|(answer, ufrag)| {
            if let Some(ufrag) = ufrag {
                self.routes.add_ufrag(ufrag, key);
            }
            answer
        }))
    }

    fn admit(
        &mut self,
        feed: SessionId,
        viewer: ViewerId,
        connection: Box<Connection>,
        events: mpsc::Sender<(ViewerId, PeerEvent)>,
    ) -> Result<(), PeerError> {
        let older = self.by_viewer.get(&viewer).copied();
        if older.is_none() && self.peers.len() >= MAX_PEERS {
            return Err(PeerError::TooManyPeers(self.peers.len()));
        }
        if let Some(older) = older {
            self.remove(older, None);
        }
        let ufrag = connection
            .ufrag()
            .ok_or_else(|| PeerError::Setup("the answer has no ice-ufrag".to_owned()))?;
        let now = Instant::now();
        let key = self.next_key;
        self.next_key += 1;
        self.routes.add_ufrag(ufrag, key);
        self.by_viewer.insert(viewer.clone(), key);
        let feed_state = self.feeds.entry(feed.clone()).or_insert_with(|| Feed {
            peers: Vec::new(),
            last_timestamp: 0,
        });
        feed_state.peers.push(key);
        let peer = Peer {
            feed,
            viewer,
            connection,
            events,
            waits_for_keyframe: true,
            behind: false,
            give_up_at: Some(now + CONNECT_WITHIN),
            deadline: now,
            links: Vec::new(),
            untold: Untold::default(),
        };
        self.peers.insert(key, peer);
        self.with(key, |connection| connection.handle_timeout(now));
        Ok(())
    }

    /// `reason` is told to the session; without one it knows already.
    fn remove(&mut self, key: PeerKey, reason: Option<&str>) {
        let Some(mut peer) = self.peers.remove(&key) else {
            return;
        };
        // Goodbye; whatever else comes out of it is of no interest any more.
        let _ = catch_unwind(AssertUnwindSafe(|| {
            peer.connection.close();
            peer.connection.poll(|output| {
                if let Output::Datagram(datagram) = output {
                    self.send(&datagram.message, &datagram.transport);
                }
            });
        }));
        self.routes.remove(key);
        if self.by_viewer.get(&peer.viewer) == Some(&key) {
            self.by_viewer.remove(&peer.viewer);
            lock(&self.shared.open).remove(&peer.viewer);
        }
        if let Entry::Occupied(mut feed) = self.feeds.entry(peer.feed) {
            feed.get_mut().peers.retain(|held| *held != key);
            if feed.get().peers.is_empty() {
                feed.remove();
            }
        }
        for id in peer.links {
            self.forget_link(id);
        }
        let Some(reason) = reason else { return };
        tracing::debug!(viewer = %peer.viewer, reason, "a viewer's connection ended");
        let last = (
            peer.viewer,
            PeerEvent::Disconnected {
                reason: reason.to_owned(),
            },
        );
        if let Err(mpsc::error::TrySendError::Full(last)) = peer.events.try_send(last) {
            let events = peer.events;
            tokio::task::spawn_local(async move {
                let _ = tokio::time::timeout(FAREWELL, events.send(last)).await;
            });
        }
    }

    fn send_frame(&mut self, feed: &SessionId, frame: &Frame) {
        let Some(feed) = self.feeds.get_mut(feed) else {
            return;
        };
        // Two frames must not have one timestamp, or they are taken for one.
        let ticks = frame
            .drawn_at
            .saturating_duration_since(self.epoch)
            .as_micros()
            * 9
            / 100;
        let mut timestamp = ticks as u32;
        if timestamp.wrapping_sub(feed.last_timestamp).wrapping_sub(1) > u32::MAX / 2 {
            timestamp = feed.last_timestamp.wrapping_add(1);
        }
        feed.last_timestamp = timestamp;
        let payloads = packetize(&frame.data);
        for key in feed.peers.clone() {
            self.send_frame_to(key, &payloads, timestamp, frame);
        }
    }

    fn send_frame_to(&mut self, key: PeerKey, payloads: &[Bytes], timestamp: u32, frame: &Frame) {
        let Some(peer) = self.peers.get_mut(&key) else {
            return;
        };
        peer.untold.add(&peer.viewer, &frame.marks);
        if !peer.connection.is_connected() || (peer.waits_for_keyframe && !frame.keyframe) {
            return;
        }
        if peer.connection.transport() == Some(Transport::Tcp) {
            let mut links = peer.links.iter().filter_map(|id| self.links.get(id));
            if links.any(|open| open.link.is_behind()) {
                peer.waits_for_keyframe = true;
                peer.behind = true;
                return;
            }
        }
        peer.waits_for_keyframe = false;
        let shown = peer.untold.take();
        let now = Instant::now();
        self.with(key, |connection| {
            connection.write_frame(payloads, timestamp, frame.keyframe, now)
        });
        let sent_at = Instant::now();
        for answered in shown {
            let marked = answered.told(timestamp, frame.made(), sent_at, self.epoch);
            let message = wire::encode_server(&ServerMessage::Marked(marked));
            self.with(key, |connection| connection.write_message(message, sent_at));
        }
    }

    fn read_udp(&mut self, socket: usize) {
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

    fn read(&mut self, datagram: &[u8], ours: SocketAddr, theirs: SocketAddr) {
        if let Some(key) = self.routes.find(datagram, (ours, theirs)) {
            let now = Instant::now();
            let came = came(ours, theirs, Transport::Udp);
            let datagram = BytesMut::from(datagram);
            self.with(key, |connection| connection.read(datagram, came, now));
        }
    }

    fn welcome(&mut self, stream: TcpStream) {
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

    fn hear(&mut self, said: FromLink) {
        match said {
            FromLink::Closed(id) => self.forget_link(id),
            FromLink::Drained(id) => {
                let peer = self.links.get(&id).and_then(|open| open.peer);
                if let Some(key) = peer
                    && let Some(peer) = self.peers.get_mut(&key)
                    && std::mem::take(&mut peer.behind)
                {
                    self.want_keyframe(key);
                }
            }
            FromLink::Datagram(id, datagram) => {
                let Some(open) = self.links.get(&id) else {
                    return;
                };
                let came = came(open.link.ours, open.link.theirs, Transport::Tcp);
                // Until a peer has accepted it, only requests are looked at.
                let key = open.peer.or_else(|| self.routes.find_by_name(&datagram));
                if let Some(key) = key {
                    let now = Instant::now();
                    self.with(key, |connection| connection.read(datagram, came, now));
                }
            }
        }
    }

    fn forget_link(&mut self, id: LinkId) {
        let Some(open) = self.links.remove(&id) else {
            return;
        };
        self.by_ends.remove(&(open.link.ours, open.link.theirs));
        if let Some(peer) = open.peer.and_then(|key| self.peers.get_mut(&key)) {
            peer.links.retain(|held| *held != id);
        }
    }

    fn want_keyframe(&mut self, key: PeerKey) {
        if let Some(peer) = self.peers.get_mut(&key) {
            peer.waits_for_keyframe = true;
            if peer.connection.is_connected() {
                self.tell(key, PeerEvent::KeyframeNeeded, false);
            }
        }
    }

    /// Lets one connection do something, then carries out what comes of it. A panic in there is that viewer's alone.
    fn with<T>(&mut self, key: PeerKey, act: impl FnOnce(&mut Connection) -> T) -> Option<T> {
        let peer = self.peers.get_mut(&key)?;
        let mut outputs = Vec::new();
        let acted = catch_unwind(AssertUnwindSafe(|| {
            let value = act(&mut peer.connection);
            peer.connection.poll(|output| outputs.push(output));
            (value, peer.connection.deadline())
        }));
        let Ok((value, deadline)) = acted else {
            self.remove(key, Some("the connection failed inside the server"));
            return None;
        };
        // Far away when there is none: whatever sets a timer comes through here.
        peer.deadline = deadline.unwrap_or_else(|| Instant::now() + Duration::from_secs(3600));
        for output in outputs {
            match output {
                Output::Datagram(datagram) => {
                    if is_binding_success(&datagram.message) {
                        self.prove(key, &datagram.transport);
                    } else if let Some(check) = asked_transaction(&datagram.message) {
                        self.routes.ask(check, key);
                    }
                    self.send(&datagram.message, &datagram.transport);
                }
                Output::Event(event) => self.take_event(key, event),
            }
        }
        Some(value)
    }

    /// The peer has accepted a request that came this way, so what else comes this way is its own.
    fn prove(&mut self, key: PeerKey, transport: &TransportContext) {
        let way = (transport.local_addr, transport.peer_addr);
        match transport_of(transport) {
            Transport::Udp => self.routes.prove(way, key),
            Transport::Tcp => {
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

    fn send(&self, datagram: &[u8], transport: &TransportContext) {
        let (ours, theirs) = (transport.local_addr, transport.peer_addr);
        match transport_of(transport) {
            Transport::Udp => {
                let mut sockets = self.udp.iter();
                if let Some((_, socket)) = sockets.find(|(address, _)| *address == ours) {
                    // A full buffer loses it, as the network may; what matters is repeated.
                    let _ = socket.try_send_to(datagram, theirs);
                }
            }
            Transport::Tcp => {
                let id = self.by_ends.get(&(ours, theirs));
                if let Some(open) = id.and_then(|id| self.links.get(id)) {
                    open.link.send(datagram);
                }
            }
        }
    }

    fn take_event(&mut self, key: PeerKey, event: Event) {
        match event {
            Event::Connected(transport) => {
                if let Some(peer) = self.peers.get_mut(&key) {
                    peer.give_up_at = None;
                }
                self.tell(key, PeerEvent::Connected { transport }, false);
                self.want_keyframe(key);
            }
            Event::Moved(transport) => self.tell(key, PeerEvent::Connected { transport }, false),
            Event::KeyframeNeeded => self.tell(key, PeerEvent::KeyframeNeeded, false),
            Event::ControlOpen => {
                if let Some(peer) = self.peers.get(&key) {
                    lock(&self.shared.open).insert(peer.viewer.clone());
                }
                self.tell(key, PeerEvent::ChannelOpen, false);
            }
            Event::Message { bytes, droppable } => {
                self.tell(key, PeerEvent::Message { bytes }, droppable);
            }
            Event::Feedback(feedback) => self.tell(key, PeerEvent::Feedback(feedback), true),
            Event::Ended(reason) => self.remove(key, Some(reason)),
        }
    }

    fn tell(&mut self, key: PeerKey, event: PeerEvent, droppable: bool) {
        let Some(peer) = self.peers.get(&key) else {
            return;
        };
        match peer.events.try_send((peer.viewer.clone(), event)) {
            Ok(()) => {}
            Err(mpsc::error::TrySendError::Full(_)) if droppable => {}
            Err(mpsc::error::TrySendError::Full(_)) => {
                self.remove(key, Some("the session does not keep up with this viewer"));
            }
            Err(mpsc::error::TrySendError::Closed(_)) => self.remove(key, None),
        }
    }
}
