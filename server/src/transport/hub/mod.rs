//! The thread that owns the sockets and all peers: one loop over commands, samples, datagrams and timers.
//!
//! It decides nothing about streams: facts go to each session's [`Stream`](crate::stream::machine::Stream), and what comes
//! out of it is performed.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::Poll;
use std::time::{Duration, Instant};

use bytes::Bytes;
use shared::message::ServerMessage;
use shared::session::{SessionId, ViewerId};
use shared::wire;
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::{mpsc, oneshot};

use crate::clock;
use crate::stream::event::{Delivery, Event};
use crate::stream::{Downlink, Sample, SubscriberId, Track};
use crate::sync::lock;
use crate::transport::ice_tcp::FromTcp;
use crate::transport::listen::Listeners;
use crate::transport::output::{Event as TransportEvent, Output};
use crate::transport::webrtc::connection::Connection;
use crate::transport::webrtc::offer::Offer;
use crate::transport::websocket::Socket;
use crate::transport::{PeerError, PeerEvent, Shared};
use peers::{Peers, Undelivered};
use sockets::{MAX_DATAGRAM, Received, Sockets};
use streams::{StreamId, Streams};
use transport::{Outgoing, Transport};

// Who is connected.
mod peers;
// How they are reached.
mod sockets;
mod transport;
// What they are sent.
mod streams;

/// What handles ask of the hub.
pub enum Command {
    /// Answered with `None` if the viewer has no peer that the offer continues.
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
        reply: oneshot::Sender<Result<SubscriberId, PeerError>>,
    },
    /// A binary message of a web socket.
    SocketMessage {
        subscriber: SubscriberId,
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
    Wake,
}

/// A timer that is due again at once must not keep the loop busy.
const SHORTEST_TIMER: Duration = Duration::from_millis(1);
/// Accepting fails when the process has no file descriptor left.
const ACCEPT_AGAIN: Duration = Duration::from_millis(100);
/// Datagrams taken in one turn, so that samples and timers have theirs during a flood.
const DATAGRAMS_PER_TURN: usize = 64;
/// What a viewer subscribes to.
const VIEWER_TRACKS: &[Track] = Track::ALL;

/// The thread's body. Returns when the last handle is gone.
pub fn run(
    listeners: Listeners,
    shared: Arc<Shared>,
    commands: mpsc::Receiver<Command>,
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
            tasks.block_on(&runtime, serve(shared, udp, tcp, commands, samples));
        }
    }
}

async fn serve(
    shared: Arc<Shared>,
    udp: Vec<(SocketAddr, UdpSocket)>,
    tcp: Vec<TcpListener>,
    mut commands: mpsc::Receiver<Command>,
    mut samples: mpsc::Receiver<(SessionId, Sample)>,
) {
    let udp = Rc::new(udp);
    // A full queue makes TCP senders wait.
    let (from_tcp, mut tcp_events) = mpsc::channel(256);
    let mut hub = Hub {
        shared,
        sockets: Sockets::new(udp.clone(), from_tcp),
        peers: Peers::default(),
        streams: Streams::default(),
        outputs: Vec::new(),
        subscribers: Vec::new(),
    };
    let mut accept_at = Instant::now();
    loop {
        let now = Instant::now();
        let deadline = hub.deadline(now).into();
        tokio::select! {
            // A sample is the most urgent thing there is.
            biased;
            sample = samples.recv() => match sample {
                Some((session, sample)) => hub.on_sample(&session, &sample),
                None => break,
            },
            command = commands.recv() => match command {
                Some(command) => hub.handle_command(command),
                None => break,
            },
            socket = readable(&udp) => hub.on_udp_readable(socket),
            Some(event) = tcp_events.recv() => hub.on_tcp_event(event),
            accepted = accept(&tcp), if accept_at <= now => match accepted {
                Ok(stream) => hub.sockets.accept(stream, Instant::now()),
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a TCP connection for media");
                    accept_at = now + ACCEPT_AGAIN;
                }
            },
            () = tokio::time::sleep_until(deadline) => {}
        }
        hub.handle_notices();
        hub.handle_timeouts(Instant::now());
    }
    for id in hub.peers.ids_where(|_| true) {
        hub.remove(id, None);
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

/// The thread's own state. Nothing of it needs a lock.
struct Hub {
    shared: Arc<Shared>,
    sockets: Sockets,
    peers: Peers,
    streams: Streams,
    /// Empty between two calls; kept so that a frame's packets need no new memory.
    outputs: Vec<Output>,
    subscribers: Vec<SubscriberId>,
}

impl Hub {
    /// When the next timer is due.
    fn deadline(&self, now: Instant) -> Instant {
        let peers = self.peers.deadline().into_iter();
        let all = peers
            .chain(self.sockets.deadline())
            .chain(self.streams.deadline(now));
        all.min()
            .unwrap_or(now + Duration::from_secs(3600))
            .max(now + SHORTEST_TIMER)
    }

    fn handle_timeouts(&mut self, now: Instant) {
        for id in self.peers.ids_where(|peer| peer.is_due(now)) {
            self.with(id, |transport| transport.handle_timeout(now));
        }
        for id in self.peers.ids_where(|peer| peer.is_late(now)) {
            self.remove(id, Some("no connection within half a minute"));
        }
        self.sockets.handle_timeout(now);
        for stream in self.streams.ids_where(|stream| stream.is_due(now)) {
            self.handle_stream_timeout(stream, now);
        }
    }

    fn handle_stream_timeout(&mut self, stream: StreamId, now: Instant) {
        let waiting = self.streams.get(stream).into_iter();
        self.subscribers.clear();
        self.subscribers
            .extend(waiting.flat_map(|stream| stream.waiting_for_room()));
        self.report_backlogs(now);
        self.streams.on(stream, Event::Time, now);
        self.perform(stream, None);
    }

    /// What handles leave without a queue that could be full.
    fn handle_notices(&mut self) {
        let leaving = std::mem::take(&mut *lock(&self.shared.leaving));
        for viewer in leaving {
            for id in self.peers.of(&viewer).to_vec() {
                self.remove(id, None);
            }
        }
        let closed = std::mem::take(&mut *lock(&self.shared.closed));
        for id in closed {
            self.remove(id, Some("the viewer's web socket was closed"));
        }
        if self.shared.samples_lost.swap(false, Ordering::AcqRel) {
            tracing::warn!("samples were lost on their way to the viewers");
            for stream in self.streams.ids_where(|_| true) {
                self.tell_stream(stream, Event::SamplesLost, Instant::now());
            }
        }
    }

    fn handle_command(&mut self, command: Command) {
        let now = Instant::now();
        match command {
            Command::Wake => {}
            Command::OpenStream { session, downlink } => {
                let stream = self.streams.open(session, &downlink, now);
                self.perform(stream, None);
            }
            Command::SetPacesetter { session, viewer } => {
                if let Some(stream) = self.streams.find(&session) {
                    self.tell_stream(stream, Event::PacesetterNamed(viewer), now);
                }
            }
            Command::SkipToLive { viewer } => {
                if let Some(stream) = self.stream_of(&viewer) {
                    self.tell_stream(stream, Event::SkipToLive(viewer), now);
                }
            }
            Command::Restart {
                viewer,
                offer,
                reply,
            } => {
                let _ = reply.send(self.restart(&viewer, &offer));
            }
            Command::Admit {
                session,
                viewer,
                connection,
                events,
                reply,
            } => {
                let _ = reply.send(self.admit(session, viewer, connection, events));
            }
            Command::Attach {
                session,
                viewer,
                socket,
                events,
                reply,
            } => {
                let attached = self.attach(session, viewer, socket, events);
                if let Err(Ok(id)) = reply.send(attached) {
                    // Nobody waits for it any more, so nobody would ever close it.
                    self.remove(id, Some("the viewer has gone"));
                }
            }
            Command::SocketMessage { subscriber, bytes } => {
                self.with(subscriber, |transport| {
                    if let Transport::WebSocket(socket) = transport {
                        socket.on_message(&bytes, now);
                    }
                });
            }
            Command::Message { viewer, message } => self.send_message(&viewer, message, now),
        }
    }

    // Viewers come, restart and go.

    /// `None` if the viewer has no peer that the offer continues.
    fn restart(&mut self, viewer: &ViewerId, offer: &Offer) -> Option<Result<String, PeerError>> {
        let id = self.peers.of_kind(viewer, Transport::is_web_rtc)?;
        let connection = self.peers.get_mut(id)?.transport.web_rtc()?;
        if !connection.belongs_to(offer) {
            return None;
        }
        let now = Instant::now();
        let answered = self.with(id, |transport| {
            let connection = transport.web_rtc()?;
            let answer = connection.answer_again(offer, now);
            Some(answer.map(|answer| (answer, connection.ufrag())))
        })??;
        let peer = self.peers.get(id)?;
        if !peer.transport.is_connected() {
            self.tell_stream(peer.stream, Event::Interrupted(id), now);
        }
        Some(answered.map(|(answer, ufrag)| {
            if let Some(ufrag) = ufrag {
                self.sockets.add_ufrag(ufrag, id);
            }
            answer
        }))
    }

    /// A viewer's WebRTC connection, in place of an older one.
    fn admit(
        &mut self,
        session: SessionId,
        viewer: ViewerId,
        connection: Box<Connection>,
        events: mpsc::Sender<(ViewerId, PeerEvent)>,
    ) -> Result<(), PeerError> {
        let older = self.peers.of_kind(&viewer, Transport::is_web_rtc);
        self.peers.admits(older)?;
        let ufrag = connection
            .ufrag()
            .ok_or_else(|| PeerError::Setup("the answer has no ice-ufrag".to_owned()))?;
        let id = self.add(session, viewer, Transport::WebRtc(connection), events);
        self.sockets.add_ufrag(ufrag, id);
        if let Some(older) = older {
            self.remove(older, None);
        }
        let now = Instant::now();
        self.with(id, |transport| transport.handle_timeout(now));
        Ok(())
    }

    /// A viewer's web socket, beside its WebRTC connection if there is one: that may still be on its way.
    fn attach(
        &mut self,
        session: SessionId,
        viewer: ViewerId,
        socket: Box<Socket>,
        events: mpsc::Sender<(ViewerId, PeerEvent)>,
    ) -> Result<SubscriberId, PeerError> {
        let older = self.peers.of_kind(&viewer, Transport::is_web_socket);
        self.peers.admits(older)?;
        let id = self.add(session, viewer, Transport::WebSocket(socket), events);
        if let Some(older) = older {
            self.remove(older, None);
        }
        // It is connected already, and says so.
        self.with(id, |_| ());
        Ok(id)
    }

    /// The newer of two peers comes before the older one goes: so a viewer who sets the pace goes on doing so.
    fn add(
        &mut self,
        session: SessionId,
        viewer: ViewerId,
        transport: Transport,
        events: mpsc::Sender<(ViewerId, PeerEvent)>,
    ) -> SubscriberId {
        let (now, link) = (Instant::now(), transport.link());
        let stream = self.streams.of(session);
        let subscriber = self
            .peers
            .add(stream, viewer.clone(), transport, events, now);
        let joined = Event::Joined {
            subscriber,
            viewer: Some(viewer),
            link,
            tracks: VIEWER_TRACKS,
        };
        self.tell_stream(stream, joined, now);
        subscriber
    }

    /// `reason` is told to the session; without one it knows already. What the stream says of it is performed with the
    /// next turn: this may be in the middle of one.
    fn remove(&mut self, id: SubscriberId, reason: Option<&str>) {
        let Some(mut peer) = self.peers.remove(id) else {
            return;
        };
        // Goodbye; whatever else comes out of it is of no interest any more.
        let _ = catch_unwind(AssertUnwindSafe(|| {
            peer.transport.close();
            peer.transport.poll(Instant::now(), |output| {
                if let Output::Datagram(datagram) = output {
                    self.sockets.send(id, &datagram);
                }
            });
        }));
        self.sockets.forget(id);
        self.streams
            .on(peer.stream, Event::Left(id), Instant::now());
        let stream = self.streams.get(peer.stream);
        let is_reachable = stream.is_some_and(|stream| stream.is_reachable(&peer.viewer));
        self.streams.close_if_over(peer.stream);
        if !is_reachable {
            lock(&self.shared.open).remove(&peer.viewer);
        }
        let Some(reason) = reason else { return };
        tracing::debug!(viewer = %peer.viewer, reason, "a viewer's connection ended");
        // On another way: for the session nothing has changed.
        if !is_reachable {
            peer.say_farewell(reason);
        }
    }

    // Datagrams and messages.

    fn on_udp_readable(&mut self, socket: usize) {
        let mut buffer = [0; MAX_DATAGRAM];
        for _ in 0..DATAGRAMS_PER_TURN {
            match self.sockets.receive(socket, &mut buffer) {
                Ok(Some(received)) => self.on_datagram(received),
                Ok(None) => {}
                Err(_) => return,
            }
        }
    }

    fn on_tcp_event(&mut self, event: FromTcp) {
        match event {
            FromTcp::Closed(id) => self.sockets.close(id),
            FromTcp::Drained(id) => {
                if let Some(owner) = self.sockets.owner(id) {
                    // It may send again, and may be wanted to.
                    self.with(owner, |_| ());
                }
            }
            FromTcp::Datagram(id, datagram) => {
                if let Some(received) = self.sockets.receive_tcp(id, datagram) {
                    self.on_datagram(received);
                }
            }
        }
    }

    fn on_datagram(&mut self, received: Received) {
        let Received {
            subscriber,
            datagram,
        } = received;
        let now = Instant::now();
        self.with(subscriber, |transport| {
            if let Some(connection) = transport.web_rtc() {
                connection.handle_datagram(datagram, now);
            }
        });
    }

    fn send_message(&mut self, viewer: &ViewerId, message: Vec<u8>, now: Instant) {
        let stream = self.stream_of(viewer);
        let Some(id) = stream.and_then(|stream| self.streams.best(stream, viewer)) else {
            return;
        };
        let written = self.with(id, |transport| transport.write_message(message, now));
        if let Some(Err(reason)) = written {
            self.remove(id, Some(reason));
        }
    }

    fn stream_of(&self, viewer: &ViewerId) -> Option<StreamId> {
        let id = self.peers.of(viewer).first()?;
        self.peers.get(*id).map(|peer| peer.stream)
    }

    // Samples.

    fn on_sample(&mut self, session: &SessionId, sample: &Sample) {
        let Some(stream) = self.streams.find(session) else {
            return;
        };
        let now = Instant::now();
        self.add_traces(stream, sample);
        let open = self.streams.get(stream).into_iter();
        self.subscribers.clear();
        let recipients =
            open.flat_map(|open| open.recipients(sample.track(), sample.is_keyframe()));
        self.subscribers.extend(recipients);
        self.report_backlogs(now);
        let event = Event::Sample {
            track: sample.track(),
            keyframe: sample.is_keyframe(),
            at: sample.at,
            encode_began: sample.encode_began(),
        };
        self.streams.on(stream, event, now);
        self.perform(stream, Some(&Outgoing::new(sample)));
    }

    /// Every viewer is told when its own inputs are shown, by the next frame that it is sent.
    fn add_traces(&mut self, stream: StreamId, sample: &Sample) {
        let traces = sample.traces();
        if traces.is_empty() {
            return;
        }
        for id in self.peers.ids_where(|peer| peer.stream == stream) {
            if let Some(peer) = self.peers.get_mut(id) {
                peer.unsent_traces.add(&peer.viewer, traces);
            }
        }
    }

    fn send_sample(&mut self, id: SubscriberId, timestamp: u32, outgoing: &Outgoing<'_>) {
        let now = Instant::now();
        self.act(id, |transport| {
            transport.queue_sample(outgoing, timestamp, now)
        });
        if outgoing.sample.track() != Track::Video {
            return;
        }
        let Some(peer) = self.peers.get_mut(id) else {
            return;
        };
        let presented = peer.unsent_traces.take();
        if presented.is_empty() {
            return;
        }
        let (unsent, is_full) = (self.sockets.unsent(id), self.sockets.is_full(id));
        // The pacer lets the frame's last packet go then.
        let sent_at = now + peer.transport.backlog(unsent, is_full, now).wait;
        for input in presented {
            let times = outgoing.sample.made();
            let presented = input.presented(timestamp, times, sent_at, clock::epoch());
            let message = wire::encode_server(&ServerMessage::InputPresented(presented));
            self.act(id, |transport| transport.write_message(message, now));
        }
    }

    // One peer's turn, step by step.

    /// Lets one connection do something, then carries out all that comes of it.
    fn with<T>(&mut self, id: SubscriberId, act: impl FnOnce(&mut Transport) -> T) -> Option<T> {
        let stream = self.peers.get(id)?.stream;
        let value = self.act(id, act);
        self.perform(stream, None);
        value
    }

    /// Lets one connection do something; what comes of it reaches the network, the session and the stream.
    fn act<T>(&mut self, id: SubscriberId, act: impl FnOnce(&mut Transport) -> T) -> Option<T> {
        let mut outputs = std::mem::take(&mut self.outputs);
        let acted = self.peers.act(id, &mut outputs, act);
        let value = match acted {
            Some(Ok(value)) => {
                for output in outputs.drain(..) {
                    self.on_output(id, output);
                }
                // What left may wait for the kernel.
                self.report_backlog(id, Instant::now());
                Some(value)
            }
            Some(Err(_)) => {
                self.remove(id, Some("the connection failed inside the server"));
                None
            }
            None => None,
        };
        outputs.clear();
        self.outputs = outputs;
        value
    }

    fn on_output(&mut self, id: SubscriberId, output: Output) {
        match output {
            Output::Datagram(datagram) => {
                self.sockets.send(id, &datagram);
            }
            Output::Event(event) => self.on_event(id, event),
        }
    }

    fn on_event(&mut self, id: SubscriberId, event: TransportEvent) {
        let now = Instant::now();
        match event {
            TransportEvent::Connected(transport) => {
                self.peers.on_connected(id);
                self.tell_session(id, PeerEvent::Connected { transport });
                self.tell_stream_of(id, Event::Connected(id), now);
            }
            TransportEvent::TransportChanged(transport) => {
                self.tell_session(id, PeerEvent::Connected { transport });
            }
            TransportEvent::Unrecoverable => self.on_unrepairable(id, now),
            TransportEvent::KeyframeNeeded => {
                self.tell_stream_of(id, Event::KeyframeRequested(id, Track::Video), now);
            }
            TransportEvent::ControlOpen => {
                if let Some(peer) = self.peers.get(id) {
                    lock(&self.shared.open).insert(peer.viewer.clone());
                }
                self.tell_stream_of(id, Event::ChannelOpen(id), now);
                self.tell_session(id, PeerEvent::ChannelOpen);
            }
            TransportEvent::Message { bytes, droppable } => {
                let told = self.peers.tell(id, PeerEvent::Message { bytes });
                if !(droppable && matches!(told, Err(Undelivered::Full))) {
                    self.on_told(id, told);
                }
            }
            TransportEvent::Feedback(feedback) => {
                self.tell_stream_of(id, Event::Feedback(id, feedback), now);
            }
            TransportEvent::Ended(reason) => self.remove(id, Some(reason)),
        }
    }

    /// Nothing that waits or comes before a keyframe is of use to the viewer; its way is free for the keyframe.
    fn on_unrepairable(&mut self, id: SubscriberId, now: Instant) {
        let peer = self.peers.get_mut(id);
        if peer.is_some_and(|peer| !peer.transport.start_over()) {
            self.report_backlog(id, now);
            self.tell_stream_of(id, Event::Unrepairable(id, Track::Video), now);
        }
    }

    fn tell_session(&mut self, id: SubscriberId, event: PeerEvent) {
        let told = self.peers.tell(id, event);
        self.on_told(id, told);
    }

    /// A viewer whose session misses something would be worse than one who has to connect again.
    fn on_told(&mut self, id: SubscriberId, told: Result<(), Undelivered>) {
        match told {
            Ok(()) => {}
            Err(Undelivered::Full) => {
                self.remove(id, Some("the session does not keep up with this viewer"));
            }
            Err(Undelivered::Closed) => self.remove(id, None),
        }
    }

    // Streams.

    fn tell_stream_of(&mut self, id: SubscriberId, event: Event, now: Instant) {
        if let Some(peer) = self.peers.get(id) {
            self.streams.on(peer.stream, event, now);
        }
    }

    fn tell_stream(&mut self, stream: StreamId, event: Event, now: Instant) {
        self.streams.on(stream, event, now);
        self.perform(stream, None);
    }

    fn report_backlog(&mut self, id: SubscriberId, now: Instant) {
        if let Some(peer) = self.peers.get(id) {
            let (unsent, is_full) = (self.sockets.unsent(id), self.sockets.is_full(id));
            let backlog = peer.transport.backlog(unsent, is_full, now);
            self.streams
                .on(peer.stream, Event::Backlog(id, backlog), now);
        }
    }

    /// Of those in `subscribers`.
    fn report_backlogs(&mut self, now: Instant) {
        let subscribers = std::mem::take(&mut self.subscribers);
        for id in &subscribers {
            self.report_backlog(*id, now);
        }
        self.subscribers = subscribers;
    }

    /// Does what the stream says; `outgoing` is the sample that it has just been told of.
    fn perform(&mut self, stream: StreamId, outgoing: Option<&Outgoing<'_>>) {
        while let Some((id, delivery)) = self.streams.poll(stream) {
            match (delivery, outgoing) {
                (Delivery::Send { timestamp }, Some(outgoing)) => {
                    self.send_sample(id, timestamp, outgoing);
                }
                // A sample is sent in the same turn in which it comes.
                (Delivery::Send { .. }, None) => {}
                (Delivery::Skip, _) => {
                    self.act(id, Transport::skip);
                }
                (Delivery::SkipToLive, _) => {
                    self.act(id, Transport::skip_to_live);
                }
            }
        }
    }
}
