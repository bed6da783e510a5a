//! Arguments and results of the server functions, which are in the client's `api`.

use serde::{Deserialize, Serialize};

use crate::session::{SessionId, SessionState, ViewerId};

/// Where a small JPEG of a session is, with its id as `session`.
pub const THUMBNAIL: &str = "/api/thumbnail";

/// Result of `open`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Opened {
    /// The new session's id; its page is `/s/{id}`.
    pub session: SessionId,
}

/// An item of `sessions`' result.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionSummary {
    /// Its id.
    pub session: SessionId,
    /// Of the active tab.
    pub title: String,
    /// Of the active tab.
    pub url: String,
    /// How many watch.
    pub viewers: u32,
}

/// Result of `join`: what a viewer needs to connect.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Joined {
    /// The new viewer's id.
    pub viewer: ViewerId,
    /// For `RTCConfiguration.iceServers`.
    pub ice_servers: Vec<IceServer>,
    /// The session's present state.
    pub state: SessionState,
}

/// `RTCIceServer`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IceServer {
    /// `stun:` or `turn:` URLs.
    pub urls: Vec<String>,
    /// For TURN.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// The password, for TURN.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credential: Option<String>,
}

/// Result of `offer`: an SDP answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// With all of the server's candidates: no trickle ICE.
    pub sdp: String,
}

/// Result of `find`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Found {
    /// How often the text stands on the page.
    pub count: u32,
    /// Which of them is shown; 1 is the first, 0 is none.
    pub current: u32,
}

/// Result of `image`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoadedImage {
    /// Its media type, such as `image/png`.
    pub media_type: String,
    /// Its bytes, in Base64.
    pub base64: String,
}
