//! Pure: a drag of files over the picture → what the page is told of it, one thing at a time and the newest last.

use shared::geometry::AimedPoint;

/// Between two that the page hears of, in milliseconds: a drag moves with every frame.
const INTERVAL: f64 = 80.0;

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Event {
    /// It is over that point.
    Over(AimedPoint),
    /// It is over the picture no more.
    Left,
    /// It has ended there.
    Dropped,
    /// The page was told; whether it takes the files there.
    Told { accepts: bool },
    /// [`DragRelay::deadline`] has passed.
    Deadline,
}

/// Tell the page that files are over that point, or, without one, that they have left. Answered by [`Event::Told`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tell(pub Option<AimedPoint>);

/// One drag at a time.
#[derive(Debug)]
pub struct DragRelay {
    /// What the page is to be told next.
    next: Option<Tell>,
    is_telling: bool,
    /// It knows of a drag.
    knows: bool,
    /// Where it is over the picture.
    at: Option<AimedPoint>,
    /// What the page was told last, and whether it takes the files there.
    told: Tell,
    answer: Option<bool>,
    /// When it may be told where the drag is.
    due: f64,
}

impl Default for DragRelay {
    fn default() -> DragRelay {
        DragRelay {
            next: None,
            is_telling: false,
            knows: false,
            at: None,
            told: Tell(None),
            answer: None,
            due: 0.0,
        }
    }
}

impl DragRelay {
    /// Whether the page takes the files where they are. What it has not said yet is no refusal: a hand may be quick.
    pub fn accepts(&self) -> bool {
        self.told.0 != self.at || self.answer.unwrap_or(true)
    }

    /// When [`Event::Deadline`] is due, in milliseconds.
    pub fn deadline(&self) -> Option<f64> {
        (self.next.is_some() && !self.is_telling).then_some(self.due)
    }

    /// `now` is in milliseconds.
    pub fn on(&mut self, event: Event, now: f64) -> Option<Tell> {
        match event {
            Event::Over(at) => {
                self.at = Some(at);
                self.next = Some(Tell(Some(at)));
            }
            Event::Left => {
                // It never learns of one that has been over it for a moment.
                self.next = self.knows.then_some(Tell(None));
                self.at = None;
            }
            Event::Dropped => {
                (self.next, self.knows, self.at) = (None, false, None);
            }
            Event::Told { accepts } => {
                self.is_telling = false;
                self.answer = Some(accepts);
            }
            Event::Deadline => {}
        }
        let is_due = |tell: &Tell| tell.0.is_none() || now >= self.due;
        if self.is_telling || !self.next.as_ref().is_some_and(is_due) {
            return None;
        }
        let tell = self.next.take()?;
        if tell != self.told {
            (self.told, self.answer) = (tell, None);
        }
        self.is_telling = true;
        self.knows = tell.0.is_some();
        self.due = now + INTERVAL;
        Some(tell)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use shared::geometry::PointInVideo;

    use super::*;

    fn at(x: f32) -> AimedPoint {
        AimedPoint::new(PointInVideo::new(x, 0.0), None)
    }

    fn over(x: f32) -> Event {
        Event::Over(at(x))
    }

    const TOLD: Event = Event::Told { accepts: false };

    #[test]
    fn the_newest_place_is_told_and_what_lies_between_is_not() {
        let mut relay = DragRelay::default();
        assert_eq!(relay.on(over(1.0), 0.0), Some(Tell(Some(at(1.0)))));
        assert_eq!(relay.on(over(2.0), 10.0), None);
        assert_eq!(relay.on(over(3.0), 20.0), None);
        assert_eq!(relay.on(TOLD, 30.0), None, "too soon");
        assert!(relay.accepts(), "it was asked of another place");
        let deadline = relay.deadline().expect("it waits");
        assert_eq!(
            relay.on(Event::Deadline, deadline),
            Some(Tell(Some(at(3.0))))
        );
        assert_eq!(relay.deadline(), None);
    }

    #[test]
    fn where_the_page_takes_nothing_a_drag_that_rests_is_refused() {
        let mut relay = DragRelay::default();
        relay.on(over(1.0), 0.0);
        assert!(relay.accepts());
        relay.on(TOLD, 10.0);
        assert!(!relay.accepts());
        assert_eq!(relay.on(over(1.0), 90.0), Some(Tell(Some(at(1.0)))));
        assert!(!relay.accepts());
        relay.on(over(2.0), 95.0);
        assert!(relay.accepts());
    }

    #[test]
    fn a_page_that_knows_of_a_drag_learns_that_it_has_left() {
        let mut relay = DragRelay::default();
        relay.on(over(1.0), 0.0);
        assert_eq!(relay.on(Event::Left, 1.0), None, "it is being told");
        assert_eq!(relay.on(TOLD, 2.0), Some(Tell(None)));
        assert_eq!(relay.on(TOLD, 3.0), None);
        assert_eq!(relay.on(Event::Left, 4.0), None, "it knows of none");
    }

    #[test]
    fn what_is_dropped_is_no_drag_any_more() {
        let mut relay = DragRelay::default();
        relay.on(over(1.0), 0.0);
        relay.on(over(2.0), 1.0);
        assert_eq!(relay.on(Event::Dropped, 2.0), None);
        assert_eq!(relay.on(TOLD, 3.0), None);
    }

    proptest! {
        #[test]
        fn one_thing_is_told_at_a_time_and_in_the_end_the_truth(
            events in prop::collection::vec((0u8..4, 0.0..60.0), 0..60),
        ) {
            let mut relay = DragRelay::default();
            let (mut now, mut told, mut telling) = (0.0, None, false);
            let mut truth = None;
            let mut step = |relay: &mut DragRelay, event, now, telling: &mut bool| {
                if let Some(Tell(place)) = relay.on(event, now) {
                    assert!(!*telling, "two at a time");
                    *telling = true;
                    told = place;
                }
                told
            };
            for (number, (kind, later)) in events.into_iter().enumerate() {
                now += later;
                let event = match kind {
                    0 => over(number as f32),
                    1 => Event::Left,
                    2 if telling => TOLD,
                    _ => Event::Deadline,
                };
                match event {
                    Event::Over(place) => truth = Some(place),
                    Event::Left => truth = None,
                    Event::Told { .. } => telling = false,
                    _ => {}
                }
                step(&mut relay, event, now, &mut telling);
            }
            let mut last = None;
            for _ in 0..4 {
                now += INTERVAL;
                let event = if std::mem::take(&mut telling) { TOLD } else { Event::Deadline };
                last = step(&mut relay, event, now, &mut telling);
            }
            prop_assert_eq!(last, truth);
        }
    }
}
