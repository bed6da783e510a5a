//! Pure: when the active page is asked whether it is responsive: after input, one query at a time, not too often.

use std::time::{Duration, Instant};

/// By then a page has handled an input, or it hangs in it.
const AFTER_INPUT: Duration = Duration::from_millis(500);

/// At most this often.
const INTERVAL: Duration = Duration::from_secs(2);

/// When to ask the active page whether it is responsive.
#[derive(Debug)]
pub enum ResponsivenessCheck {
    /// `last` is when it was asked, or replied, last.
    Idle { last: Option<Instant> },
    /// To be asked at that time.
    Due(Instant),
    /// Asked, and no reply yet.
    InFlight,
}

impl ResponsivenessCheck {
    /// Input was sent to the page.
    pub fn on_input(&mut self, now: Instant) {
        if let ResponsivenessCheck::Idle { last } = *self {
            let soon = now + AFTER_INPUT;
            let due = last.map_or(soon, |last| soon.max(last + INTERVAL));
            *self = ResponsivenessCheck::Due(due);
        }
    }

    /// When [`ResponsivenessCheck::on_deadline`] is to be called.
    pub fn deadline(&self) -> Option<Instant> {
        match *self {
            ResponsivenessCheck::Due(due) => Some(due),
            ResponsivenessCheck::Idle { .. } | ResponsivenessCheck::InFlight => None,
        }
    }

    /// `can_ask`: there is a page, and nothing keeps it rightly from answering. Says whether to ask now.
    pub fn on_deadline(&mut self, can_ask: bool, now: Instant) -> bool {
        if self.deadline().is_none_or(|due| due > now) {
            return false;
        }
        *self = match can_ask {
            true => ResponsivenessCheck::InFlight,
            false => ResponsivenessCheck::Idle { last: Some(now) },
        };
        can_ask
    }

    /// The reply is there, or its timeout has passed.
    pub fn on_reply(&mut self, now: Instant) {
        *self = ResponsivenessCheck::Idle { last: Some(now) };
    }

    /// An unresponsive page is asked until it responds, so that its trouble ends when it is over.
    pub fn repeat(&mut self, now: Instant) {
        *self = ResponsivenessCheck::Due(now + INTERVAL);
    }
}

impl Default for ResponsivenessCheck {
    fn default() -> ResponsivenessCheck {
        ResponsivenessCheck::Idle { last: None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn many_inputs_are_one_check() {
        let now = Instant::now();
        let mut check = ResponsivenessCheck::default();
        check.on_input(now);
        let due = check.deadline().unwrap();
        check.on_input(now + AFTER_INPUT / 2);
        assert_eq!(check.deadline(), Some(due));
        assert!(!check.on_deadline(true, now), "not yet");
        assert!(check.on_deadline(true, due));
        check.on_input(due);
        assert_eq!(check.deadline(), None, "one at a time");
    }

    #[test]
    fn checks_keep_their_distance() {
        let now = Instant::now();
        let mut check = ResponsivenessCheck::default();
        check.on_input(now);
        let first = check.deadline().unwrap();
        check.on_deadline(true, first);
        check.on_reply(first);
        check.on_input(first);
        assert_eq!(check.deadline(), Some(first + INTERVAL));
        assert!(!check.on_deadline(false, first + INTERVAL), "nobody to ask");
        assert_eq!(check.deadline(), None);
    }
}
