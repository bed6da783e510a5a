//! Pure: which of a person's inputs were not carried out: what was refused here, lost on the way, or came too late.
//!
//! The server counts what it takes, and says so with each pong. What was sent on the reliable channel before the ping has
//! then arrived, or never will.

use std::collections::VecDeque;

/// Pings whose answers still say something.
const MOST: usize = 16;

#[derive(Debug, Default)]
pub struct InputAccounting {
    /// Inputs on their way to the server, ever, with the present membership.
    sent: u32,
    /// Number of a ping, and what had been sent before it.
    asked: VecDeque<(u32, u32)>,
    accepted: u32,
    /// Of `sent` that did not arrive, as of the newest answer.
    lost: u32,
    /// With former memberships, or refused here.
    earlier: u32,
}

impl InputAccounting {
    /// An input is on its way.
    pub fn sent(&mut self) {
        self.sent = self.sent.wrapping_add(1);
    }

    /// An input was not sent at all.
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

    /// The server has accepted so many by then.
    pub fn answered(&mut self, number: u32, accepted: u32) {
        self.accepted = accepted;
        let place = self.asked.iter().position(|(asked, _)| *asked == number);
        if let Some(place) = place {
            let (_, sent) = self.asked[place];
            self.asked.drain(..=place);
            // More than that is what came after the ping.
            self.lost = (sent.wrapping_sub(accepted) as i32).max(0).unsigned_abs();
        }
    }

    /// Another peer: the answers to former pings do not come any more.
    pub fn forget_pings(&mut self) {
        self.asked.clear();
    }

    /// The server has forgotten this viewer: what it had not accepted is lost, and both count from 0.
    pub fn new_membership(&mut self) {
        let open = (self.sent.wrapping_sub(self.accepted) as i32)
            .max(0)
            .unsigned_abs();
        *self = InputAccounting {
            earlier: self.earlier.saturating_add(open),
            ..InputAccounting::default()
        };
    }

    /// Inputs that were not carried out, as far as is known.
    pub fn missing(&self) -> u32 {
        self.earlier.saturating_add(self.lost)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_server_took_is_not_missing() {
        let mut accounting = InputAccounting::default();
        for _ in 0..3 {
            accounting.sent();
        }
        accounting.asked(7);
        accounting.sent();
        accounting.answered(7, 3);
        assert_eq!(accounting.missing(), 0);
        accounting.asked(8);
        accounting.answered(8, 4);
        assert_eq!(accounting.missing(), 0);
    }

    #[test]
    fn what_was_lost_with_a_peer_is_known_after_the_next_pong() {
        let mut accounting = InputAccounting::default();
        accounting.sent();
        accounting.asked(1);
        accounting.answered(1, 1);
        accounting.sent();
        accounting.sent();
        accounting.asked(2);
        accounting.forget_pings();
        accounting.refused();
        assert_eq!(accounting.missing(), 1, "the others may still arrive");
        accounting.asked(3);
        accounting.answered(3, 1);
        assert_eq!(accounting.missing(), 3);
        accounting.sent();
        accounting.asked(4);
        accounting.answered(4, 2);
        assert_eq!(accounting.missing(), 3, "they are not counted twice");
    }

    #[test]
    fn a_new_membership_counts_from_zero() {
        let mut accounting = InputAccounting::default();
        for _ in 0..5 {
            accounting.sent();
        }
        accounting.asked(1);
        accounting.answered(1, 4);
        accounting.new_membership();
        assert_eq!(accounting.missing(), 1);
        accounting.sent();
        accounting.asked(2);
        accounting.answered(2, 1);
        assert_eq!(accounting.missing(), 1);
    }
}
