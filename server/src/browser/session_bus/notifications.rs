//! Pure: what Chrome asks of a desktop's notifications → which the person is shown, and what becomes of each.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use shared::notification::Notification;

/// That wait for the person: beyond it the oldest is taken back.
const MOST_OPEN: usize = 20;

/// A page can make any number: so many at once, and then one in [`BETWEEN`].
const BURST: u32 = 5;
const BETWEEN: Duration = Duration::from_secs(2);

/// A page chooses them: so many characters are shown.
const MAX_TITLE: usize = 200;
const MAX_BODY: usize = 1000;

/// What the Desktop Notifications Specification numbers so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClosedReason {
    Expired = 1,
    Dismissed = 2,
    Withdrawn = 3,
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// The person is shown it, in place of one with the same number.
    Show(Notification),
    /// The person is shown it no more.
    Withdraw(u32),
    /// The person has followed it: `ActionInvoked`, to that connection of Chrome's.
    Invoked { connection: u32, number: u32 },
    /// It is over: `NotificationClosed`, likewise.
    Closed {
        connection: u32,
        number: u32,
        reason: ClosedReason,
    },
}

/// Of one Chrome.
#[derive(Debug)]
pub struct Notifications {
    number: u32,
    /// The oldest first: its connection of Chrome's, and its number.
    open: VecDeque<(u32, u32)>,
    left: u32,
    /// Since then `left` has not grown.
    grown: Instant,
}

impl Notifications {
    pub fn new(now: Instant) -> Notifications {
        Notifications {
            number: 0,
            open: VecDeque::new(),
            left: BURST,
            grown: now,
        }
    }

    /// `Notify`: gives its number, which is `replaces` if that is open.
    pub fn notify(
        &mut self,
        connection: u32,
        replaces: u32,
        title: &str,
        body: &str,
        now: Instant,
    ) -> (u32, Vec<Effect>) {
        let replaced = self.place(replaces);
        let number = match replaced {
            Some(_) => replaces,
            None => {
                // 0 is none.
                self.number = self.number.checked_add(1).unwrap_or(1);
                self.number
            }
        };
        if !self.is_due(now) {
            let reason = ClosedReason::Expired;
            let closed = Effect::Closed {
                connection,
                number,
                reason,
            };
            return (number, vec![closed]);
        }
        let mut effects = Vec::new();
        if replaced.is_none() {
            if self.open.len() >= MOST_OPEN
                && let Some((connection, number)) = self.open.pop_front()
            {
                effects.push(Effect::Withdraw(number));
                effects.push(Effect::Closed {
                    connection,
                    number,
                    reason: ClosedReason::Expired,
                });
            }
            self.open.push_back((connection, number));
        }
        let cut = |text: &str, most| text.chars().take(most).collect();
        effects.push(Effect::Show(Notification {
            number,
            title: cut(title, MAX_TITLE),
            body: cut(body, MAX_BODY),
        }));
        (number, effects)
    }

    /// `CloseNotification`: the page has taken it back.
    pub fn close(&mut self, number: u32) -> Vec<Effect> {
        self.end(number, ClosedReason::Withdrawn)
    }

    /// The person has followed it, or put it away.
    pub fn answer(&mut self, number: u32, is_followed: bool) -> Vec<Effect> {
        let Some(place) = self.place(number) else {
            return Vec::new();
        };
        let (connection, _) = self.open[place];
        let invoked = is_followed.then_some(Effect::Invoked { connection, number });
        let ended = self.end(number, ClosedReason::Dismissed);
        invoked.into_iter().chain(ended).collect()
    }

    /// Chrome has closed that connection.
    pub fn on_disconnected(&mut self, connection: u32) -> Vec<Effect> {
        let of_it = |open: &&(u32, u32)| open.0 == connection;
        let gone: Vec<_> = self.open.iter().filter(of_it).copied().collect();
        self.open.retain(|open| open.0 != connection);
        let gone = gone.into_iter();
        gone.map(|(_, number)| Effect::Withdraw(number)).collect()
    }

    fn end(&mut self, number: u32, reason: ClosedReason) -> Vec<Effect> {
        let Some((connection, _)) = self.place(number).and_then(|place| self.open.remove(place))
        else {
            return Vec::new();
        };
        let closed = Effect::Closed {
            connection,
            number,
            reason,
        };
        vec![Effect::Withdraw(number), closed]
    }

    fn place(&self, number: u32) -> Option<usize> {
        self.open.iter().position(|(_, open)| *open == number)
    }

    fn is_due(&mut self, now: Instant) -> bool {
        let passed = now.saturating_duration_since(self.grown);
        let grown = u32::try_from(passed.as_millis() / BETWEEN.as_millis()).unwrap_or(u32::MAX);
        if self.left == BURST || grown >= BURST - self.left {
            (self.left, self.grown) = (BURST, now);
        } else {
            self.left += grown;
            self.grown += BETWEEN * grown;
        }
        let is_due = self.left > 0;
        self.left = self.left.saturating_sub(1);
        is_due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(effects: &[Effect]) -> Option<&Notification> {
        effects.iter().find_map(|effect| match effect {
            Effect::Show(notification) => Some(notification),
            _ => None,
        })
    }

    #[test]
    fn what_the_person_does_with_it_chrome_is_told() {
        let now = Instant::now();
        let mut notifications = Notifications::new(now);
        let (first, effects) = notifications.notify(7, 0, "Dinner", "Come down", now);
        assert_eq!(shown(&effects).unwrap().title, "Dinner");
        let (second, _) = notifications.notify(7, 0, "Tea", "", now);
        let closed = |number, reason| Effect::Closed {
            connection: 7,
            number,
            reason,
        };
        let invoked = Effect::Invoked {
            connection: 7,
            number: first,
        };
        assert_eq!(
            notifications.answer(first, true),
            [
                invoked,
                Effect::Withdraw(first),
                closed(first, ClosedReason::Dismissed)
            ]
        );
        assert_eq!(notifications.answer(first, true), [], "once");
        assert_eq!(
            notifications.close(second),
            [
                Effect::Withdraw(second),
                closed(second, ClosedReason::Withdrawn)
            ]
        );
    }

    #[test]
    fn one_that_replaces_another_keeps_its_number() {
        let now = Instant::now();
        let mut notifications = Notifications::new(now);
        let (first, _) = notifications.notify(1, 0, "1 message", "", now);
        let (again, effects) = notifications.notify(1, first, "2 messages", "", now);
        assert_eq!(again, first);
        assert_eq!(shown(&effects).unwrap().title, "2 messages");
        let (other, _) = notifications.notify(1, 99, "3 messages", "", now);
        assert_ne!(other, 99, "that one is not open");
        assert_eq!(
            notifications.on_disconnected(1),
            [Effect::Withdraw(first), Effect::Withdraw(other)]
        );
    }

    #[test]
    fn a_page_that_makes_them_without_end_shows_a_few() {
        let begin = Instant::now();
        let mut notifications = Notifications::new(begin);
        let mut count = 0;
        for number in 0..60_000_u32 {
            let now = begin + Duration::from_millis(u64::from(number));
            let (_, effects) = notifications.notify(1, 0, &"x".repeat(5000), "", now);
            if let Some(notification) = shown(&effects) {
                count += 1;
                assert_eq!(notification.title.len(), MAX_TITLE);
            }
            assert!(notifications.open.len() <= MOST_OPEN);
        }
        assert!((30..=36).contains(&count), "{count} in a minute");
    }
}
