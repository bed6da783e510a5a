//! Pure: how long a viewer without a peer counts as present.

use std::time::{Duration, Instant};

/// After its peer broke, a viewer has this long to come back before what it holds is released. Chrome's own ICE restart
/// takes up to five seconds to notice.
const AFTER_DISCONNECT: Duration = Duration::from_secs(10);

/// A viewer that has no peer calls server functions: the longest one waits 20 seconds.
const AFTER_CALL: Duration = Duration::from_secs(30);

/// One viewer: present as long as its peer is, and a while longer.
#[derive(Clone, Copy, Debug)]
pub struct Presence {
    /// `None` while the peer is up.
    expires_at: Option<Instant>,
}

impl Presence {
    /// A viewer that has just joined has no peer yet.
    pub fn new(now: Instant) -> Presence {
        Presence {
            expires_at: Some(now + AFTER_CALL),
        }
    }

    /// Its peer is up.
    pub fn on_connected(&mut self) {
        self.expires_at = None;
    }

    /// Its peer is gone.
    pub fn on_disconnected(&mut self, now: Instant) {
        self.expires_at = Some(now + AFTER_DISCONNECT);
    }

    /// A server function was called in its name.
    pub fn on_call(&mut self, now: Instant) {
        if let Some(at) = &mut self.expires_at {
            *at = (*at).max(now + AFTER_CALL);
        }
    }

    /// It counts as gone.
    pub fn has_expired(&self, now: Instant) -> bool {
        self.expires_at.is_some_and(|at| at <= now)
    }

    /// `None` while its peer is up.
    pub fn expires_at(&self) -> Option<Instant> {
        self.expires_at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_viewer_without_a_peer_is_there_while_it_calls() {
        let start = Instant::now();
        let mut presence = Presence::new(start);
        presence.on_connected();
        assert!(!presence.has_expired(start + 1000 * SECOND));
        presence.on_disconnected(start);
        assert!(presence.has_expired(start + AFTER_DISCONNECT));
        presence.on_call(start + 5 * SECOND);
        assert!(!presence.has_expired(start + 30 * SECOND));
    }
}
