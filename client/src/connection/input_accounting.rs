//! Pure: which of a person's deeds were not carried out: what was refused here, lost on the way, or came too late.
//!
//! The server counts what it takes, and says so with each pong. What was sent on the reliable channel before the ping has
//! then arrived, or never will.

use std::collections::VecDeque;

/// Pings whose answers still say something.
const MOST: usize = 16;

#[derive(Debug, Default)]
pub struct InputAccounting {
    /// Deeds on their way to the server, ever, with the present seat.
    sent: u32,
    /// Number of a ping, and what had been sent before it.
    asked: VecDeque<(u32, u32)>,
    taken: u32,
    /// Of `sent` that did not arrive, as of the newest answer.
    lost: u32,
    /// With former seats, or refused here.
    earlier: u32,
}

impl InputAccounting {
    /// A deed is on its way.
    pub fn sent(&mut self) {
        self.sent = self.sent.wrapping_add(1);
    }

    /// A deed was not sent at all.
    pub fn refused(&mut self) {
        self.earlier = self.earlier.saturating_add(1);
    }

    /// A ping leaves behind all that was sent.
    pub fn asked(&mut self, number: u32) {
        self.asked.push_back((number, self.sent));
        if self.asked.len() > MOST {
            self.asked.pop_front();
        }
    }

    /// The server has taken so many by then.
    pub fn answered(&mut self, number: u32, taken: u32) {
        self.taken = taken;
        let place = self.asked.iter().position(|(asked, _)| *asked == number);
        if let Some(place) = place {
            let (_, sent) = self.asked[place];
            self.asked.drain(..=place);
            // More than that is what came after the ping.
            self.lost = (sent.wrapping_sub(taken) as i32).max(0).unsigned_abs();
        }
    }

    /// Another peer: the answers to former pings do not come any more.
    pub fn forget_pings(&mut self) {
        self.asked.clear();
    }

    /// The server has forgotten this viewer: what it had not taken is lost, and both count from 0.
    pub fn new_seat(&mut self) {
        let open = (self.sent.wrapping_sub(self.taken) as i32)
            .max(0)
            .unsigned_abs();
        *self = InputAccounting {
            earlier: self.earlier.saturating_add(open),
            ..InputAccounting::default()
        };
    }

    /// Deeds that were not carried out, as far as is known.
    pub fn missing(&self) -> u32 {
        self.earlier.saturating_add(self.lost)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_server_took_is_not_missing() {
        let mut ledger = InputAccounting::default();
        for _ in 0..3 {
            ledger.sent();
        }
        ledger.asked(7);
        ledger.sent();
        ledger.answered(7, 3);
        assert_eq!(ledger.missing(), 0);
        ledger.asked(8);
        ledger.answered(8, 4);
        assert_eq!(ledger.missing(), 0);
    }

    #[test]
    fn what_was_lost_with_a_peer_is_known_after_the_next_pong() {
        let mut ledger = InputAccounting::default();
        ledger.sent();
        ledger.asked(1);
        ledger.answered(1, 1);
        ledger.sent();
        ledger.sent();
        ledger.asked(2);
        ledger.forget_pings();
        ledger.refused();
        assert_eq!(ledger.missing(), 1, "the others may still arrive");
        ledger.asked(3);
        ledger.answered(3, 1);
        assert_eq!(ledger.missing(), 3);
        ledger.sent();
        ledger.asked(4);
        ledger.answered(4, 2);
        assert_eq!(ledger.missing(), 3, "they are not counted twice");
    }

    #[test]
    fn a_new_seat_counts_from_zero() {
        let mut ledger = InputAccounting::default();
        for _ in 0..5 {
            ledger.sent();
        }
        ledger.asked(1);
        ledger.answered(1, 4);
        ledger.new_seat();
        assert_eq!(ledger.missing(), 1);
        ledger.sent();
        ledger.asked(2);
        ledger.answered(2, 1);
        assert_eq!(ledger.missing(), 1);
    }
}
