//! Pure: when Chrome's pages are asked which of them is in front: one query at a time, a few a second, and once more a
//! little later.

use std::time::{Duration, Instant};

/// By then Chrome has heard from its display which of its windows has the focus.
const REPEAT_AFTER: Duration = Duration::from_millis(250);

/// At most this often.
const INTERVAL: Duration = Duration::from_millis(200);

/// When to ask which tab is active.
#[derive(Debug, Default)]
pub struct ActiveTabPoll {
    query: QueryState,
    /// When the next query may be, and when the last one was asked for.
    not_before: Option<Instant>,
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
        if self.query != QueryState::Idle {
            self.query = QueryState::InFlightOutdated;
            return false;
        }
        if let Some(at) = self.not_before.filter(|at| *at > now) {
            // A page can give itself titles as fast as it likes.
            self.repeat_at = Some(at);
            return false;
        }
        self.query = QueryState::InFlight;
        self.not_before = Some(now + INTERVAL);
        self.repeat_at.get_or_insert(now + REPEAT_AFTER);
        true
    }

    /// Whether the pages may have changed places since the query that is under way.
    pub fn is_outdated(&self) -> bool {
        self.query == QueryState::InFlightOutdated
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
        assert!(!poll.on_reply(now), "not at once");
        let later = poll.deadline().unwrap();
        assert_eq!(later, now + INTERVAL);
        assert!(poll.on_deadline(later), "asked once more for both");
        assert!(!poll.on_reply(later));
        assert_eq!(poll.deadline(), None);
    }

    #[test]
    fn however_often_it_is_requested_it_is_asked_a_few_times_a_second() {
        let start = Instant::now();
        let mut poll = ActiveTabPoll::default();
        let asked = (0..10_000u64).filter(|tenth| {
            let now = start + Duration::from_micros(100) * u32::try_from(*tenth).unwrap();
            let asked = poll.request(now) | poll.on_deadline(now);
            asked && {
                poll.on_reply(now);
                true
            }
        });
        assert!(asked.count() <= 6);
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
