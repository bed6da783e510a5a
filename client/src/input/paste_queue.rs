//! Pure: what is pasted takes a moment to reach the server, and what the person does meanwhile waits for it, in its order.
//! Else whoever pastes a picture into a chat and presses Enter would send the message without it.

use std::collections::VecDeque;

use shared::message::ClientMessage;

/// Nothing waits longer for what is pasted, in milliseconds.
const LONGEST: f64 = 10_000.0;

/// What waits. `P` is what is pasted.
#[derive(Debug)]
pub struct PasteQueue<P> {
    /// The paste that is on its way, and since when.
    running: Option<(u64, f64)>,
    /// What a person does within [`LONGEST`] at most.
    waiting: VecDeque<Entry<P>>,
    number: u64,
}

#[derive(Debug)]
enum Entry<P> {
    Paste(P),
    Message(ClientMessage),
}

/// What is to be done: the messages are sent, in this order, and then the paste is put on its way.
#[derive(Debug, PartialEq)]
pub struct Next<P> {
    pub messages: Vec<ClientMessage>,
    /// With the number for [`PasteQueue::pasted`].
    pub paste: Option<(u64, P)>,
}

impl<P> Default for PasteQueue<P> {
    fn default() -> PasteQueue<P> {
        PasteQueue {
            running: None,
            waiting: VecDeque::new(),
            number: 0,
        }
    }
}

impl<P> PasteQueue<P> {
    /// When [`PasteQueue::expire`] is due, in milliseconds.
    pub fn deadline(&self) -> Option<f64> {
        self.running.map(|(_, since)| since + LONGEST)
    }

    /// Gives the message back if it is to be sent at once.
    pub fn pass(&mut self, message: ClientMessage) -> Option<ClientMessage> {
        if self.running.is_none() || !is_in_order(&message) {
            return Some(message);
        }
        self.waiting.push_back(Entry::Message(message));
        None
    }

    /// Something is pasted. `now` is in milliseconds.
    pub fn paste(&mut self, paste: P, now: f64) -> Next<P> {
        self.waiting.push_back(Entry::Paste(paste));
        match self.running {
            Some(_) => Next::nothing(),
            None => self.go_on(now),
        }
    }

    /// That paste has arrived, or never will.
    pub fn pasted(&mut self, number: u64, now: f64) -> Next<P> {
        match self.running {
            Some((running, _)) if running == number => self.go_on(now),
            _ => Next::nothing(),
        }
    }

    /// [`PasteQueue::deadline`] has passed.
    pub fn expire(&mut self, now: f64) -> Next<P> {
        match self.deadline() {
            Some(deadline) if deadline <= now => self.go_on(now),
            _ => Next::nothing(),
        }
    }

    fn go_on(&mut self, now: f64) -> Next<P> {
        let mut next = Next::nothing();
        self.running = None;
        while let Some(entry) = self.waiting.pop_front() {
            match entry {
                Entry::Message(message) => next.messages.push(message),
                Entry::Paste(paste) => {
                    self.number += 1;
                    self.running = Some((self.number, now));
                    next.paste = Some((self.number, paste));
                    break;
                }
            }
        }
        next
    }
}

impl<P> Next<P> {
    fn nothing() -> Next<P> {
        Next {
            messages: Vec::new(),
            paste: None,
        }
    }
}

/// Whether it matters what it comes after. A pointer that only moves is always where it is now.
fn is_in_order(message: &ClientMessage) -> bool {
    !matches!(
        message,
        ClientMessage::PointerMove { .. }
            | ClientMessage::PointerMotion { .. }
            | ClientMessage::Ping { .. }
            | ClientMessage::LatencyReport { .. }
            | ClientMessage::VsyncOffset { .. }
            | ClientMessage::SkipToLive
            | ClientMessage::Viewport(_)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(text: &str) -> ClientMessage {
        ClientMessage::Text {
            text: text.to_owned(),
        }
    }

    #[test]
    fn what_is_typed_after_a_paste_comes_after_it_and_before_the_next() {
        let mut queue = PasteQueue::default();
        assert_eq!(
            queue.pass(typed("a")),
            Some(typed("a")),
            "nothing to wait for"
        );
        let first = queue.paste("first", 0.0);
        assert_eq!(first.paste, Some((1, "first")));
        assert_eq!(queue.pass(typed("b")), None);
        assert_eq!(queue.paste("second", 1.0), Next::nothing());
        assert_eq!(queue.pass(typed("c")), None);
        let next = queue.pasted(1, 2.0);
        assert_eq!(next.messages, [typed("b")]);
        assert_eq!(next.paste, Some((2, "second")));
        assert_eq!(queue.pasted(1, 3.0), Next::nothing(), "once");
        let next = queue.pasted(2, 4.0);
        assert_eq!((next.messages, next.paste), (vec![typed("c")], None));
        assert_eq!(queue.pass(typed("d")), Some(typed("d")));
    }

    #[test]
    fn nothing_waits_for_ever_and_what_comes_too_late_holds_nothing_up() {
        let mut queue = PasteQueue::default();
        queue.paste("picture", 0.0);
        queue.pass(typed("a"));
        assert_eq!(queue.deadline(), Some(LONGEST));
        assert_eq!(queue.expire(LONGEST - 1.0), Next::nothing());
        assert_eq!(queue.expire(LONGEST).messages, [typed("a")]);
        queue.paste("next", LONGEST);
        assert_eq!(queue.pasted(1, LONGEST), Next::nothing());
        assert_eq!(queue.pass(typed("b")), None, "the next one is on its way");
    }

    #[test]
    fn a_pointer_that_moves_waits_for_nothing() {
        let mut queue = PasteQueue::default();
        queue.paste((), 0.0);
        assert_eq!(
            queue.pass(ClientMessage::SkipToLive),
            Some(ClientMessage::SkipToLive)
        );
    }
}
