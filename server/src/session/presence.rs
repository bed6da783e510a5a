//! Pure: how long a viewer without a peer counts as present, and how long a session without a viewer lives on.

use std::time::{Duration, Instant};

/// After its peer broke, a viewer has this long to come back before its hands are forgotten. Chrome's own ICE restart
/// takes up to five seconds to notice.
const AFTER_DISCONNECT: Duration = Duration::from_secs(10);

/// A viewer that has no peer is heard of by server functions: the longest one waits 20 seconds.
const AFTER_CALL: Duration = Duration::from_secs(30);

/// One viewer: there as long as its peer is, and a while longer.
#[derive(Clone, Copy, Debug)]
pub struct Presence {
    /// `None` while the peer is up.
    until: Option<Instant>,
}

impl Presence {
    pub fn new(now: Instant) -> Presence {
        Presence {
            until: Some(now + AFTER_CALL),
        }
    }

    pub fn connected(&mut self) {
        self.until = None;
    }

    pub fn disconnected(&mut self, now: Instant) {
        self.until = Some(now + AFTER_DISCONNECT);
    }

    /// A server function was called in its name.
    pub fn called(&mut self, now: Instant) {
        if let Some(until) = &mut self.until {
            *until = (*until).max(now + AFTER_CALL);
        }
    }

    pub fn is_over(&self, now: Instant) -> bool {
        self.until.is_some_and(|until| until <= now)
    }

    pub fn until(&self) -> Option<Instant> {
        self.until
    }
}

/// When a session without viewers ends.
#[derive(Clone, Copy, Debug)]
pub struct Grace {
    length: Duration,
    /// `None` while somebody is there.
    until: Option<Instant>,
}

impl Grace {
    /// A new session has no viewer yet.
    pub fn new(length: Duration, now: Instant) -> Grace {
        Grace {
            length,
            until: Some(now + length),
        }
    }

    pub fn viewers(&mut self, count: usize, now: Instant) {
        match (count, self.until) {
            (0, None) => self.until = Some(now + self.length),
            (0, Some(_)) => {}
            _ => self.until = None,
        }
    }

    /// A script controls the session: it is not abandoned.
    pub fn used(&mut self, now: Instant) {
        if self.until.is_some() {
            self.until = Some(now + self.length);
        }
    }

    pub fn is_over(&self, now: Instant) -> bool {
        self.until.is_some_and(|until| until <= now)
    }

    pub fn until(&self) -> Option<Instant> {
        self.until
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_session_ends_when_nobody_came_back_in_time() {
        let start = Instant::now();
        let mut grace = Grace::new(60 * SECOND, start);
        grace.viewers(1, start);
        assert!(!grace.is_over(start + 1000 * SECOND), "somebody watches");
        grace.viewers(0, start + 1000 * SECOND);
        grace.viewers(0, start + 1050 * SECOND);
        assert!(!grace.is_over(start + 1059 * SECOND));
        assert!(
            grace.is_over(start + 1060 * SECOND),
            "still nobody does not start it anew"
        );
        grace.viewers(1, start + 1059 * SECOND);
        assert!(!grace.is_over(start + 2000 * SECOND), "resumed");
    }

    #[test]
    fn a_script_keeps_its_session_alive() {
        let start = Instant::now();
        let mut grace = Grace::new(60 * SECOND, start);
        grace.used(start + 50 * SECOND);
        assert!(!grace.is_over(start + 100 * SECOND));
        assert!(grace.is_over(start + 110 * SECOND));
    }

    #[test]
    fn a_viewer_without_a_peer_is_there_while_it_calls() {
        let start = Instant::now();
        let mut presence = Presence::new(start);
        presence.connected();
        assert!(!presence.is_over(start + 1000 * SECOND));
        presence.disconnected(start);
        assert!(presence.is_over(start + AFTER_DISCONNECT));
        presence.called(start + 5 * SECOND);
        assert!(!presence.is_over(start + 30 * SECOND));
    }
}
