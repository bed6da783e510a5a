//! Frames and messages ↔ viewers' browsers: by WebRTC over one UDP and one TCP port, or by web sockets.

use std::collections::HashSet;
use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Instant;

use bytes::Bytes;
use shared::session::{SessionId, ViewerId};
use tokio::sync::{mpsc, oneshot};

use crate::bitrate::Bitrate;
use crate::stream::{Downlink, Sample};

// Before there is a peer: sockets.
mod datagram;
mod listen;
// A peer's transport.
mod webrtc;
mod websocket;
// All peers: which datagram is whose, frame → packets → everybody.
mod hub;
mod ice_tcp;
mod output;
mod routes;
mod stun;

#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;

use crate::congestion::sender_state::SenderState;
use crate::stream::SubscriberId;
use crate::sync::lock;
use hub::Command;
use listen::Listeners;
use webrtc::connection::Connection;
use webrtc::offer::Offer;
use websocket::Socket;

pub use websocket::SocketEnd;

/// Where the hub listens.
#[derive(Clone, Debug)]
pub struct HubOptions {
    /// `0.0.0.0` and `::` mean every address this machine has at the start.
    pub bind: IpAddr,
    /// The same number for UDP and TCP; 0 takes one that is free for both.
    pub port: u16,
    /// Addresses under which a router forwards the port to us (NAT 1:1).
    pub public_ips: Vec<IpAddr>,
}

/// Why there is no hub.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "its sentence says what each variant is")]
pub enum HubError {
    #[error(
        "port {0} is taken; stop what uses it, or choose another with --media-port (0 takes a free one)"
    )]
    PortTaken(u16),
    #[error("cannot listen on {address}: {source}")]
    Listen {
        address: std::net::SocketAddr,
        source: std::io::Error,
    },
    #[error("cannot list this machine's network addresses: {0}")]
    Addresses(std::io::Error),
    #[error("cannot start the media thread: {0}")]
    Thread(std::io::Error),
}

/// Why a viewer's offer is not answered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs, reason = "its sentence says what each variant is")]
pub enum PeerError {
    #[error("the offer cannot be read: {0}")]
    Malformed(String),
    #[error("the offer does not ask for video")]
    NoVideo,
    #[error("the viewer's browser does not take H.264, the only video format of this server")]
    NoH264,
    #[error("the server has no room for another viewer: {0} are connected")]
    TooManyPeers(usize),
    #[error("the connection cannot be set up: {0}")]
    Setup(String),
    #[error("the server is shutting down")]
    HubGone,
}

/// One viewer who wants to watch.
#[derive(Debug)]
pub struct PeerRequest {
    /// What the viewer watches.
    pub session: SessionId,
    /// Who it is.
    pub viewer: ViewerId,
    /// SDP.
    pub offer: String,
    /// The configured bitrate: the estimate begins there, and never exceeds it.
    pub ceiling: Bitrate,
    /// `false`: the estimate is always the ceiling, and packets leave as they come. For comparison.
    pub adapt: bool,
    /// Bounded. While it is full, pointer moves are dropped; anything else closes the peer, because a lost
    /// key or click would be worse.
    pub events: mpsc::Sender<(ViewerId, PeerEvent)>,
}

/// One viewer who wants to watch over a web socket.
#[derive(Debug)]
pub struct SocketRequest {
    /// What the viewer watches.
    pub session: SessionId,
    /// Who it is.
    pub viewer: ViewerId,
    /// As in [`PeerRequest`].
    pub ceiling: Bitrate,
    /// As in [`PeerRequest`].
    pub adapt: bool,
    /// As in [`PeerRequest`].
    pub events: mpsc::Sender<(ViewerId, PeerEvent)>,
}

/// What happens to a peer, in order.
#[derive(Clone, Debug, PartialEq)]
pub enum PeerEvent {
    /// Media flows, or flows on another way than before.
    Connected {
        /// By which way.
        transport: TransportKind,
    },
    /// [`Hub::send_message`] works from now on.
    ChannelOpen,
    /// From either data channel, or the web socket.
    Message {
        /// As it was sent; the viewer may be hostile.
        bytes: Bytes,
    },
    /// The last one. A peer that was replaced by its viewer's newer offer, or ended with [`Hub::disconnect`], sends none.
    Disconnected {
        /// A sentence for the log.
        reason: String,
    },
}

/// How media reaches a viewer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransportKind {
    /// WebRTC over UDP.
    Udp,
    /// WebRTC over TCP (RFC 6544).
    Tcp,
    /// On the port of the pages, where nothing else passes.
    WebSocket,
}

/// Samples that wait for the hub. It needs 0.1 ms for one, so more than a few means it is stuck.
const WAITING_SAMPLES: usize = 32;
/// Messages and offers that wait for the hub.
const WAITING_COMMANDS: usize = 1024;

/// Handle of the thread that owns the sockets and all peers. Cheap to clone; dropping the last clone closes every peer
/// and joins the thread.
#[derive(Clone)]
pub struct Hub {
    shared: Arc<Shared>,
    thread: Arc<Owner>,
}

/// What handles and the thread have in common.
#[derive(Default)]
struct Shared {
    /// A sample found the queue full: nobody can decode what follows without a keyframe.
    samples_lost: AtomicBool,
    /// Viewers whose control channel is open.
    open: Mutex<HashSet<ViewerId>>,
    /// Viewers to disconnect; a list, so that it never finds a queue full.
    leaving: Mutex<Vec<ViewerId>>,
    /// Web sockets that are no more; likewise.
    closed: Mutex<Vec<SubscriberId>>,
}

/// Ends the thread when the last handle goes.
struct Owner {
    port: u16,
    local: Arc<listen::Candidates>,
    /// `None` only while dropping.
    queues: Option<Queues>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

struct Queues {
    commands: mpsc::Sender<Command>,
    samples: mpsc::Sender<(SessionId, Sample)>,
}

impl Hub {
    /// Binds the sockets and starts the thread.
    ///
    /// A thread of its own rather than a task among others: a frame is sent within microseconds of its encoding however
    /// busy the server's other tasks are, and everything about peers stays on one thread, without locks.
    pub async fn start(options: HubOptions) -> Result<Hub, HubError> {
        let listeners = Listeners::bind(&options)?;
        let port = listeners.port;
        let local = Arc::new(listeners.candidates(&options.public_ips));
        let shared = Arc::new(Shared::default());
        let (commands, waiting_commands) = mpsc::channel(WAITING_COMMANDS);
        let (samples, waiting_samples) = mpsc::channel(WAITING_SAMPLES);
        let (started, start) = oneshot::channel();
        let thread = std::thread::Builder::new()
            .name("peers".to_owned())
            .spawn({
                let shared = shared.clone();
                move || {
                    hub::run(
                        listeners,
                        shared,
                        waiting_commands,
                        waiting_samples,
                        started,
                    )
                }
            })
            .map_err(HubError::Thread)?;
        match start.await {
            Ok(outcome) => outcome.map_err(HubError::Thread)?,
            Err(_) => return Err(HubError::Thread(std::io::ErrorKind::BrokenPipe.into())),
        }
        Ok(Hub {
            shared,
            thread: Arc::new(Owner {
                port,
                local,
                queues: Some(Queues { commands, samples }),
                thread: Mutex::new(Some(thread)),
            }),
        })
    }

    /// The number of both the UDP and the TCP port.
    pub fn port(&self) -> u16 {
        self.thread.port
    }

    /// Offer → answer with all candidates in it.
    ///
    /// A newer offer of the same viewer from the same `RTCPeerConnection` restarts ICE; from another one it replaces the
    /// older peer. The peer is given up, with [`PeerEvent::Disconnected`], if it does not connect within half a minute.
    pub async fn connect(&self, request: PeerRequest) -> Result<String, PeerError> {
        let offer = Offer::read(&request.offer)?;

        let (reply, restarted) = oneshot::channel();
        self.send(Command::Restart {
            viewer: request.viewer.clone(),
            offer: offer.clone(),
            reply,
        })
        .await?;
        if let Some(answer) = restarted.await.map_err(|_| PeerError::HubGone)? {
            return answer;
        }

        // Keys, certificate and SDP cost milliseconds that other viewers' frames must not wait for; and whatever an offer
        // may bring `rtc` to do happens away from them.
        let local = self.thread.local.clone();
        let flow = SenderState::new(request.ceiling, request.adapt, Instant::now());
        let answered = tokio::task::spawn_blocking(move || {
            Connection::answer(&offer, &local, flow, Instant::now())
        });
        let (connection, answer) = match answered.await {
            Ok(answered) => answered?,
            Err(panic) => return Err(PeerError::Setup(panic.to_string())),
        };

        let (reply, admitted) = oneshot::channel();
        self.send(Command::Admit {
            session: request.session,
            viewer: request.viewer,
            connection: Box::new(connection),
            events: request.events,
            reply,
        })
        .await?;
        admitted.await.map_err(|_| PeerError::HubGone)??;
        Ok(answer)
    }

    /// Attaches a viewer's web socket, beside its WebRTC peer if it has one; a newer one replaces the older. Gives its
    /// other end, and the binary messages to send, which end when the socket should be closed.
    pub async fn attach(
        &self,
        request: SocketRequest,
    ) -> Result<(SocketEnd, mpsc::Receiver<Bytes>), PeerError> {
        let SocketRequest {
            session,
            viewer,
            ceiling,
            adapt,
            events,
        } = request;
        let (socket, outgoing) = Socket::new(ceiling, adapt, Instant::now());
        let (reply, attached) = oneshot::channel();
        self.send(Command::Attach {
            session,
            viewer,
            socket: Box::new(socket),
            events,
            reply,
        })
        .await?;
        let subscriber = attached.await.map_err(|_| PeerError::HubGone)??;
        Ok((SocketEnd::new(self.clone(), subscriber), outgoing))
    }

    fn close_socket(&self, subscriber: SubscriberId) {
        lock(&self.shared.closed).push(subscriber);
        // If the queue is full, the hub comes by anyway.
        let _ = self.thread.queues().commands.try_send(Command::Wake);
    }

    /// Closes the viewer's peers, if there are any; not reported back.
    pub fn disconnect(&self, viewer: &ViewerId) {
        lock(&self.shared.leaving).push(viewer.clone());
        // If the queue is full, the hub comes by anyway.
        let _ = self.thread.queues().commands.try_send(Command::Wake);
    }

    /// From now on the downlink tells what the session's subscribers need of its encoder, who is a new one. Dropping it
    /// closes the stream again.
    pub async fn open_stream(
        &self,
        session: SessionId,
        downlink: Arc<Downlink>,
    ) -> Result<(), PeerError> {
        self.send(Command::OpenStream { session, downlink }).await
    }

    /// This viewer acts: from now on its link sets the pace of the session's stream. While it is not connected, the
    /// first who is does. Never blocks.
    pub fn set_pacesetter(&self, session: &SessionId, viewer: &ViewerId) {
        let command = Command::SetPacesetter {
            session: session.clone(),
            viewer: viewer.clone(),
        };
        // Overwhelmed: the downlink does not name it, so the next input asks again.
        let _ = self.thread.queues().commands.try_send(command);
    }

    /// To every subscriber of the session's stream, who each start with a keyframe. Never blocks.
    pub fn send_sample(&self, session: &SessionId, sample: Sample) {
        let samples = &self.thread.queues().samples;
        let needs_others = sample.track().has_keyframes();
        if samples.try_send((session.clone(), sample)).is_err() && needs_others {
            self.shared.samples_lost.store(true, Ordering::Release);
        }
    }

    /// What waits for this viewer is dropped, and its next frame is a keyframe. Never blocks.
    pub fn skip_to_live(&self, viewer: &ViewerId) {
        let viewer = viewer.clone();
        // Overwhelmed: the viewer asks again.
        let _ = self
            .thread
            .queues()
            .commands
            .try_send(Command::SkipToLive { viewer });
    }

    /// On the viewer's reliable `control` channel. `false` if that is not open, or the hub is overwhelmed; a viewer who
    /// does not take its messages is disconnected.
    pub fn send_message(&self, viewer: &ViewerId, message: Vec<u8>) -> bool {
        let send = || {
            let command = Command::Message {
                viewer: viewer.clone(),
                message,
            };
            self.thread.queues().commands.try_send(command).is_ok()
        };
        lock(&self.shared.open).contains(viewer) && send()
    }

    async fn send(&self, command: Command) -> Result<(), PeerError> {
        let sent = self.thread.queues().commands.send(command).await;
        sent.map_err(|_| PeerError::HubGone)
    }
}

impl Owner {
    fn queues(&self) -> &Queues {
        self.queues
            .as_ref()
            .expect("only dropping takes it, and a handle that is used is not being dropped")
    }
}

impl Drop for Owner {
    fn drop(&mut self) {
        // The thread ends when nobody can send it commands any more.
        self.queues = None;
        if let Some(thread) = lock(&self.thread).take() {
            // A panic there has been reported by the panic hook already.
            let _ = thread.join();
        }
    }
}
