//! What a server function takes and gives; the functions themselves are in the client's `api`.

use serde::{Deserialize, Serialize};

use crate::session::{SessionId, SessionState, ViewerId};

/// A running session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Opened {
    pub session: SessionId,
}

/// One line of the home page's list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionSummary {
    pub session: SessionId,
    pub title: String,
    pub url: String,
    pub viewers: u32,
}

/// What a viewer needs before it can connect.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Joined {
    pub viewer: ViewerId,
    /// For `RTCConfiguration.iceServers`.
    pub ice_servers: Vec<IceServer>,
    pub state: SessionState,
}

/// `RTCIceServer`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IceServer {
    pub urls: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credential: Option<String>,
}

/// The server's complete answer: all its candidates are in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    pub sdp: String,
}
