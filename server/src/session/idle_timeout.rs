//! Pure: when a session without viewers ends.

use std::time::{Duration, Instant};

/// How long a session is kept without a viewer.
#[derive(Clone, Copy, Debug)]
pub struct IdleLimits {
    /// A viewer was lost, or none has come yet, or a script knows the session's name: somebody may come back.
    pub lost: Duration,
    /// The last viewer closed its page, and no script ever named the session. Long enough for a page that is reloaded,
    /// which leaves and joins again.
    pub closed: Duration,
}

/// How a viewer went away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Departure {
    /// It said so: its page was closed, or left.
    Closed,
    /// It was not heard of any more.
    Lost,
}

/// Who knows the name of a session, and could come back to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum KnownTo {
    /// Only the pages that showed it.
    Pages,
    /// A script opened it, controlled it or joined it. It keeps the name for as long as it likes.
    Scripts,
}

/// When a session without viewers ends.
#[derive(Clone, Copy, Debug)]
pub struct IdleTimeout {
    limits: IdleLimits,
    known_to: KnownTo,
    /// `None` while somebody watches.
    expires_at: Option<Instant>,
}

impl IdleTimeout {
    /// A new session has no viewer yet.
    pub fn new(limits: IdleLimits, now: Instant) -> IdleTimeout {
        IdleTimeout {
            limits,
            known_to: KnownTo::Pages,
            expires_at: Some(now + limits.lost),
        }
    }

    /// Somebody watches.
    pub fn on_join(&mut self) {
        self.expires_at = None;
    }

    /// Nobody watches any more: the last viewer went away like this.
    pub fn on_last_departure(&mut self, departure: Departure, now: Instant) {
        let limit = match (departure, self.known_to) {
            (Departure::Closed, KnownTo::Pages) => self.limits.closed.min(self.limits.lost),
            _ => self.limits.lost,
        };
        self.expires_at = Some(now + limit);
    }

    /// Somebody controls the session without watching it: it is not abandoned.
    pub fn on_control(&mut self, now: Instant) {
        if self.expires_at.is_some() {
            self.expires_at = Some(now + self.limits.lost);
        }
    }

    /// A script named the session.
    pub fn on_script(&mut self) {
        self.known_to = KnownTo::Scripts;
    }

    /// The session ends now.
    pub fn has_expired(&self, now: Instant) -> bool {
        self.expires_at.is_some_and(|at| at <= now)
    }

    /// When to look again; `None` while somebody watches.
    pub fn expires_at(&self) -> Option<Instant> {
        self.expires_at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);
    const LIMITS: IdleLimits = IdleLimits {
        lost: Duration::from_secs(60),
        closed: Duration::from_secs(20),
    };

    #[test]
    fn a_session_ends_when_nobody_came_back_in_time() {
        let start = Instant::now();
        let mut idle = IdleTimeout::new(LIMITS, start);
        idle.on_join();
        assert!(!idle.has_expired(start + 1000 * SECOND), "somebody watches");
        idle.on_last_departure(Departure::Lost, start + 1000 * SECOND);
        assert!(!idle.has_expired(start + 1059 * SECOND));
        assert!(idle.has_expired(start + 1060 * SECOND));
        idle.on_join();
        assert!(!idle.has_expired(start + 2000 * SECOND), "resumed");
    }

    #[test]
    fn a_script_keeps_its_session_alive() {
        let start = Instant::now();
        let mut idle = IdleTimeout::new(LIMITS, start);
        idle.on_control(start + 50 * SECOND);
        assert!(!idle.has_expired(start + 100 * SECOND));
        assert!(idle.has_expired(start + 110 * SECOND));
    }

    #[test]
    fn a_closed_page_leaves_less_time_than_a_lost_one() {
        let start = Instant::now();
        let mut idle = IdleTimeout::new(LIMITS, start);
        idle.on_join();
        idle.on_last_departure(Departure::Closed, start);
        assert!(!idle.has_expired(start + 19 * SECOND));
        assert!(idle.has_expired(start + 20 * SECOND));
    }

    #[test]
    fn a_page_that_is_reloaded_finds_its_session() {
        let start = Instant::now();
        let mut idle = IdleTimeout::new(LIMITS, start);
        idle.on_join();
        idle.on_last_departure(Departure::Closed, start);
        idle.on_join();
        assert!(!idle.has_expired(start + 1000 * SECOND));
    }

    #[test]
    fn a_session_that_a_script_named_outlives_the_page_that_showed_it() {
        let start = Instant::now();
        let mut idle = IdleTimeout::new(LIMITS, start);
        idle.on_script();
        idle.on_join();
        idle.on_last_departure(Departure::Closed, start);
        assert!(!idle.has_expired(start + 59 * SECOND));
        assert!(idle.has_expired(start + 60 * SECOND));
    }

    #[test]
    fn a_closed_page_never_leaves_more_time_than_a_lost_one() {
        let start = Instant::now();
        let short = IdleLimits {
            lost: 5 * SECOND,
            ..LIMITS
        };
        let mut idle = IdleTimeout::new(short, start);
        idle.on_join();
        idle.on_last_departure(Departure::Closed, start);
        assert!(idle.has_expired(start + 5 * SECOND));
    }
}
