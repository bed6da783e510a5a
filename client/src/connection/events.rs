//! Pure: what the connection's [machine](super::machine) is told, and what it asks for.

use shared::api::IceServer;
use shared::error::ApiError;
use shared::message::ClientMessage;
use shared::session::{SessionState, ViewerId};

use super::fallback::SocketDecoder;
use super::stats_poller::Purpose;
use crate::stats::reading::Reading;

#[derive(Debug)]
pub enum Event {
    Joined {
        member: Member,
        state: Box<SessionState>,
    },
    JoinRefused(ApiError),
    /// Of the peer of that attempt.
    Peer {
        attempt: u32,
        event: PeerEvent,
    },
    /// Of the web socket with that number.
    Socket {
        number: u32,
        event: SocketEvent,
    },
    /// The server's answer to a ping.
    Pong {
        number: u32,
        accepted: u32,
        round_trip_millis: Option<f64>,
    },
    /// By whichever way.
    State(Box<SessionState>),
    LongPolled {
        membership: u32,
        outcome: Result<Box<SessionState>, ApiError>,
    },
    /// The batch that was under way has arrived, or has not.
    Posted(Delivery),
    Reachable {
        question: u32,
        reachable: bool,
    },
    /// What WebCodecs say of H.264.
    SocketDecoder(SocketDecoder),
    /// The network, or whether the page is seen, may have changed.
    SurroundingsChanged(Visibility),
    Timer,
    /// The page is left.
    Left,
}

#[derive(Debug)]
pub enum PeerEvent {
    /// It cannot be made or set up in this browser.
    Impossible {
        sentence: String,
    },
    OfferReady {
        takes_h264: bool,
    },
    Answered(Result<String, ApiError>),
    Ice(Ice),
    ControlOpened,
    ControlClosed,
    /// A message came.
    Heard,
    /// A picture of this peer was shown.
    Shown,
    /// `getStats`.
    Reported {
        reading: Box<Reading>,
        frames: FramesSeen,
    },
    ReportFailed,
}

/// `RTCPeerConnectionState`, as far as it matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ice {
    Connecting,
    Connected,
    Disconnected,
    Failed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SocketEvent {
    Opened,
    /// Anything came.
    Heard,
    /// A picture is on the canvas.
    Shown,
    Closed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    Arrived,
    Failed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Visibility {
    Visible,
    Hidden,
}

/// Of the frames on the screen since the last look.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct FramesSeen {
    /// `None` where the browser was not asked, or cannot tell.
    pub shown: Option<bool>,
    pub age_millis: Option<f64>,
}

#[derive(Debug, PartialEq)]
pub enum Action {
    Join,
    Leave(ViewerId),
    /// A peer and its offer.
    CreatePeer {
        attempt: u32,
    },
    ClosePeer,
    /// Sets the offer as local description and asks the server for its answer.
    SendOffer {
        attempt: u32,
    },
    AcceptAnswer {
        sdp: String,
    },
    OpenSocket {
        number: u32,
    },
    CloseSocket,
    /// Tells when the next picture of the present peer is shown.
    AwaitPicture,
    /// Looks at the next frames on the screen.
    ObserveFrames,
    ForgetFrames,
    /// One report of the present peer.
    PollStats(Purpose),
    Send(ClientMessage),
    /// By whichever channel is open.
    Ping {
        number: u32,
    },
    /// Past all that waits to be sent again on the reliable channel.
    Probe {
        number: u32,
    },
    /// What waited for a server function.
    Post(Vec<ClientMessage>),
    LongPoll {
        membership: u32,
        after: u64,
    },
    AskReachable {
        question: u32,
        within_millis: f64,
    },
    /// A second of statistics is over.
    Sample,
    /// Of what went to the former peer nothing comes back.
    ForgetInputs,
    /// This page's clock may have stood still.
    ForgetClock,
    Show(Box<SessionState>),
}

/// What becomes of a message that is about to be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// It is meant for a live picture, and there is none.
    Refused,
    /// By a channel, if one takes it; else it is enqueued.
    Channel,
    /// Behind others that wait for a server function.
    Queue,
}

/// Who this viewer is to the server.
#[derive(Clone, Debug, PartialEq)]
pub struct Member {
    pub viewer: ViewerId,
    pub ice_servers: Vec<IceServer>,
}
