//! Pure: messages that wait for a server function while no data channel is open: in order, one batch under way.

use shared::input::TouchPhase;
use shared::message::ClientMessage;

/// Some seconds of a person's typing and clicking; what does not fit is too old to be meant any more.
const LONGEST: usize = 256;

#[derive(Debug, Default)]
pub struct Outbox {
    waiting: Vec<ClientMessage>,
    under_way: bool,
    /// Messages were lost, so that the server may believe a key or button to be down that is up.
    lost: bool,
}

impl Outbox {
    /// Nothing waits and nothing is under way: a message may take the data channel without overtaking another.
    pub fn is_idle(&self) -> bool {
        self.waiting.is_empty() && !self.under_way
    }

    pub fn push(&mut self, message: ClientMessage) {
        if self.waiting.len() >= LONGEST {
            self.lose();
        }
        if std::mem::take(&mut self.lost) {
            self.waiting.push(ClientMessage::ReleaseAll);
        }
        if let ClientMessage::Viewport(_) = message {
            // Only the newest counts.
            let is_size = |waits: &ClientMessage| matches!(waits, ClientMessage::Viewport(_));
            self.waiting.retain(|waits| !is_size(waits));
        }
        match (self.waiting.last_mut(), message) {
            (
                Some(last @ ClientMessage::PointerMove { .. }),
                newer @ ClientMessage::PointerMove { .. },
            ) => *last = newer,
            (
                Some(ClientMessage::Touch {
                    finger,
                    phase: TouchPhase::Move,
                    at,
                }),
                ClientMessage::Touch {
                    finger: same,
                    phase: TouchPhase::Move,
                    at: newer_at,
                },
            ) if *finger == same => *at = newer_at,
            (
                Some(ClientMessage::PointerMotion { x, y }),
                ClientMessage::PointerMotion {
                    x: more_x,
                    y: more_y,
                },
            ) => (*x, *y) = (*x + more_x, *y + more_y),
            (
                Some(ClientMessage::Wheel {
                    at,
                    delta_x,
                    delta_y,
                    notched,
                }),
                ClientMessage::Wheel {
                    at: newer_at,
                    delta_x: more_x,
                    delta_y: more_y,
                    notched: newer_notched,
                },
            ) if *notched == newer_notched => {
                *at = newer_at;
                *delta_x += more_x;
                *delta_y += more_y;
            }
            (_, message) => self.waiting.push(message),
        }
    }

    /// The next batch to send, if none is under way. [`Outbox::arrived`] or [`Outbox::failed`] must follow.
    pub fn take(&mut self) -> Option<Vec<ClientMessage>> {
        if self.under_way || self.waiting.is_empty() {
            return None;
        }
        self.under_way = true;
        Some(std::mem::take(&mut self.waiting))
    }

    pub fn arrived(&mut self) {
        self.under_way = false;
    }

    /// The batch did not arrive, and what waited behind it is no longer what the person wants.
    pub fn failed(&mut self) {
        self.under_way = false;
        self.lose();
    }

    fn lose(&mut self) {
        self.waiting.clear();
        self.lost = true;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::geometry::{AimedPoint, PointInVideo};

    fn moved(sequence: u32) -> ClientMessage {
        ClientMessage::PointerMove {
            sequence,
            at: PointInVideo::new(sequence as f32, 0.0).into(),
        }
    }

    fn text(text: &str) -> ClientMessage {
        ClientMessage::Text {
            text: text.to_owned(),
        }
    }

    #[test]
    fn the_newest_of_consecutive_moves_is_sent() {
        let mut outbox = Outbox::default();
        for sequence in 0..5 {
            outbox.push(moved(sequence));
        }
        outbox.push(text("a"));
        outbox.push(moved(5));
        assert_eq!(outbox.take(), Some(vec![moved(4), text("a"), moved(5)]));
    }

    #[test]
    fn the_newest_of_a_finger_s_consecutive_moves_is_sent() {
        let touch = |finger, phase, x| ClientMessage::Touch {
            finger,
            phase,
            at: PointInVideo::new(x, 0.0).into(),
        };
        let mut outbox = Outbox::default();
        outbox.push(touch(1, TouchPhase::Start, 0.0));
        outbox.push(touch(1, TouchPhase::Move, 1.0));
        outbox.push(touch(1, TouchPhase::Move, 2.0));
        outbox.push(touch(2, TouchPhase::Move, 3.0));
        outbox.push(touch(1, TouchPhase::End, 2.0));
        let sent = vec![
            touch(1, TouchPhase::Start, 0.0),
            touch(1, TouchPhase::Move, 2.0),
            touch(2, TouchPhase::Move, 3.0),
            touch(1, TouchPhase::End, 2.0),
        ];
        assert_eq!(outbox.take(), Some(sent));
    }

    #[test]
    fn consecutive_wheel_turns_add_up() {
        let turn = |delta_y| ClientMessage::Wheel {
            at: AimedPoint::default(),
            delta_x: 0.0,
            delta_y,
            notched: true,
        };
        let mut outbox = Outbox::default();
        outbox.push(turn(120.0));
        outbox.push(turn(120.0));
        assert_eq!(outbox.take(), Some(vec![turn(240.0)]));
    }

    #[test]
    fn one_batch_is_under_way_at_a_time() {
        let mut outbox = Outbox::default();
        outbox.push(text("a"));
        assert!(outbox.take().is_some());
        outbox.push(text("b"));
        assert_eq!(outbox.take(), None);
        assert!(!outbox.is_idle());
        outbox.arrived();
        assert_eq!(outbox.take(), Some(vec![text("b")]));
        outbox.arrived();
        assert!(outbox.is_idle());
    }

    #[test]
    fn after_a_loss_everything_is_released_first() {
        let mut outbox = Outbox::default();
        outbox.push(text("a"));
        outbox.take();
        outbox.push(text("b"));
        outbox.failed();
        assert!(outbox.is_idle());
        outbox.push(text("c"));
        assert_eq!(
            outbox.take(),
            Some(vec![ClientMessage::ReleaseAll, text("c")])
        );
    }

    #[test]
    fn what_waits_is_bounded() {
        let mut outbox = Outbox::default();
        for number in 0..10 * LONGEST {
            outbox.push(text(&number.to_string()));
        }
        assert!(outbox.waiting.len() <= LONGEST);
    }
}
