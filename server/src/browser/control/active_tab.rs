//! Pure: when Chrome's pages are asked which of them is in front: one query at a time, and once more a little later.

use std::time::{Duration, Instant};

/// By then Chrome has heard from its display which of its windows has the focus.
const REPEAT_AFTER: Duration = Duration::from_millis(250);

/// When to ask which tab is active.
#[derive(Debug, Default)]
pub struct ActiveTabPoll {
    query: QueryState,
    repeat_at: Option<Instant>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum QueryState {
    #[default]
    Idle,
    InFlight,
    /// Something happened meanwhile, so the reply may be out of date.
    InFlightOutdated,
}

impl ActiveTabPoll {
    /// Another tab may be in front. Says whether to ask now.
    pub fn request(&mut self, now: Instant) -> bool {
        let ask = self.query == QueryState::Idle;
        if ask {
            self.query = QueryState::InFlight;
            self.repeat_at.get_or_insert(now + REPEAT_AFTER);
        } else {
            self.query = QueryState::InFlightOutdated;
        }
        ask
    }

    /// The reply is there. Says whether to ask again.
    pub fn on_reply(&mut self, now: Instant) -> bool {
        let outdated = self.query == QueryState::InFlightOutdated;
        self.query = QueryState::Idle;
        outdated && self.request(now)
    }

    /// When [`ActiveTabPoll::on_deadline`] is to be called.
    pub fn deadline(&self) -> Option<Instant> {
        self.repeat_at
    }

    /// Says whether to ask now.
    pub fn on_deadline(&mut self, now: Instant) -> bool {
        if self.repeat_at.is_none_or(|at| at > now) {
            return false;
        }
        let ask = self.request(now);
        // Once more is enough.
        self.repeat_at = None;
        ask
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_during_a_query_is_a_query_of_its_own_afterwards() {
        let now = Instant::now();
        let mut poll = ActiveTabPoll::default();
        assert!(poll.request(now));
        assert!(!poll.request(now));
        assert!(!poll.request(now));
        assert!(poll.on_reply(now), "asked once more for both");
        assert!(!poll.on_reply(now));
    }

    #[test]
    fn it_is_asked_once_more_and_then_no_more() {
        let now = Instant::now();
        let mut poll = ActiveTabPoll::default();
        poll.request(now);
        poll.on_reply(now);
        let later = poll.deadline().unwrap();
        assert!(!poll.on_deadline(now), "not yet");
        assert!(poll.on_deadline(later));
        poll.on_reply(later);
        assert_eq!(poll.deadline(), None);
    }
}
