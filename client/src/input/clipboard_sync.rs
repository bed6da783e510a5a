//! Pure: what the person pastes, what the page copies, and what the browser allows → what is sent, fetched and written, and
//! when.
//!
//! Never the stale one: while the page's newest is not in the person's clipboard, what is there is older.

use shared::clipboard::{ClipboardContent, MOST_INLINE};
use shared::input::Key;

use crate::connection::view_state::Copied;

/// A browser that has not said by then what is pasted will not, in milliseconds: the page pastes what it has.
const PATIENCE: f64 = 1000.0;

/// What the page copies with a key is known here by then, in milliseconds; a paste that comes before is of that copy.
const COPY_PATIENCE: f64 = 500.0;

/// What happened.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// Keys that paste: the browser says in a moment what.
    PasteKeys(Vec<Key>),
    /// The browser says what is pasted; of a picture only that there is one.
    Pasted {
        texts: ClipboardContent,
        has_picture: bool,
    },
    /// What is pasted are files: the page has them without these keys.
    FilesPasted,
    /// Keys that copy went to the page.
    CopyKeys,
    /// The page has copied something.
    Copied(Copied),
    /// The answer to [`Action::Fetch`]; `None` if it is gone.
    Fetched {
        number: u64,
        content: Option<ClipboardContent>,
    },
    /// The answer to [`Action::Write`].
    Written { number: u64, done: bool },
    /// A click or a key of the person, which browsers take for a permission.
    Gesture,
    /// The person goes elsewhere, and may copy something there, which is newer.
    Left,
    /// [`ClipboardSync::deadline`] has passed.
    Deadline,
}

/// What is to be done, in this order.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// To the page.
    Press(Vec<Key>),
    /// To the page, before the keys that paste it.
    Send(ClipboardContent),
    /// The same by a server function, with the picture if there is one; then the keys.
    Put {
        texts: ClipboardContent,
        keys: Vec<Key>,
    },
    /// By a server function.
    Fetch { number: u64 },
    /// Into the person's clipboard.
    Write {
        number: u64,
        content: ClipboardContent,
        /// While a click or a key is handled.
        in_gesture: bool,
    },
    /// What the page has copied cannot be written by itself; told once.
    TellToClick,
}

/// How far what the page has copied last has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Stage {
    /// It is here, or given up, or the page has copied nothing.
    #[default]
    Settled,
    Fetching,
    Writing {
        has_been_told: bool,
    },
    /// The browser wants a click or a key.
    Refused,
}

/// Both clipboards, as far as they are known here.
#[derive(Debug, Default)]
pub struct ClipboardSync {
    /// Pressed, and until when the browser may say what they paste.
    keys: Option<(Vec<Key>, f64)>,
    /// Keys that copy were pressed, and until when it may take to hear what the page has copied.
    copying_until: Option<f64>,
    /// Tells what the page has copied last from what it copied before.
    number: u64,
    copied: Option<ClipboardContent>,
    stage: Stage,
}

impl ClipboardSync {
    /// When [`Event::Deadline`] is due, in milliseconds.
    pub fn deadline(&self) -> Option<f64> {
        self.keys.as_ref().map(|(_, until)| *until)
    }

    /// `now` is in milliseconds.
    pub fn on(&mut self, event: Event, now: f64) -> Vec<Action> {
        match event {
            Event::PasteKeys(keys) => {
                self.keys = Some((keys, now + PATIENCE));
                Vec::new()
            }
            Event::FilesPasted => {
                self.keys = None;
                Vec::new()
            }
            Event::Pasted { texts, has_picture } => self.on_pasted(texts, has_picture, now),
            Event::CopyKeys => {
                self.copying_until = Some(now + COPY_PATIENCE);
                Vec::new()
            }
            Event::Copied(copied) => self.on_copied(copied),
            Event::Fetched { number, content } if self.is_newest(number, Stage::Fetching) => {
                match content {
                    Some(content) => self.write_first(content),
                    None => {
                        self.stage = Stage::Settled;
                        Vec::new()
                    }
                }
            }
            Event::Written { number, done } => self.on_written(number, done),
            Event::Gesture if self.stage == Stage::Refused => {
                self.stage = Stage::Writing {
                    has_been_told: true,
                };
                self.write(true)
            }
            Event::Left => {
                self.copying_until = None;
                self.stage = Stage::Settled;
                Vec::new()
            }
            Event::Deadline => {
                let keys = self.keys.take_if(|(_, until)| *until <= now);
                keys.map(|(keys, _)| Action::Press(keys))
                    .into_iter()
                    .collect()
            }
            Event::Fetched { .. } | Event::Gesture => Vec::new(),
        }
    }

    fn on_pasted(&mut self, texts: ClipboardContent, has_picture: bool, now: f64) -> Vec<Action> {
        // Without keys of ours: by the browser's own menu.
        let keys = match self.keys.take() {
            Some((keys, _)) => keys,
            None => super::chords::keys("Ctrl+V"),
        };
        if self.is_of_page(&texts, now) || (texts.is_empty() && !has_picture) {
            // Chrome has it, in more formats than any browser hands out.
            return vec![Action::Press(keys)];
        }
        if has_picture || texts.bytes() > MOST_INLINE {
            return vec![Action::Put { texts, keys }];
        }
        vec![Action::Send(texts), Action::Press(keys)]
    }

    /// What the page has copied is pasted there again, or is newer than what is pasted.
    fn is_of_page(&self, texts: &ClipboardContent, now: f64) -> bool {
        let copied = self.copied.as_ref();
        let is_same =
            copied.is_some_and(|copied| copied.text.is_some() && copied.text == texts.text);
        let is_copying = self.copying_until.is_some_and(|until| now < until);
        is_same || is_copying || self.stage != Stage::Settled
    }

    fn on_copied(&mut self, copied: Copied) -> Vec<Action> {
        self.copying_until = None;
        self.number += 1;
        match copied {
            Copied::Inline(content) => self.write_first(content),
            Copied::Elsewhere => {
                self.copied = None;
                self.stage = Stage::Fetching;
                vec![Action::Fetch {
                    number: self.number,
                }]
            }
        }
    }

    fn write_first(&mut self, content: ClipboardContent) -> Vec<Action> {
        self.copied = Some(content);
        self.stage = Stage::Writing {
            has_been_told: false,
        };
        self.write(false)
    }

    fn write(&self, in_gesture: bool) -> Vec<Action> {
        let write = |content: &ClipboardContent| Action::Write {
            number: self.number,
            content: content.clone(),
            in_gesture,
        };
        self.copied.iter().map(write).collect()
    }

    fn on_written(&mut self, number: u64, done: bool) -> Vec<Action> {
        let Stage::Writing { has_been_told } = self.stage else {
            return Vec::new();
        };
        if number != self.number {
            return Vec::new();
        }
        self.stage = match done {
            true => Stage::Settled,
            false => Stage::Refused,
        };
        match done || has_been_told {
            true => Vec::new(),
            false => vec![Action::TellToClick],
        }
    }

    fn is_newest(&self, number: u64, stage: Stage) -> bool {
        (number, stage) == (self.number, self.stage)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn text(text: &str) -> ClipboardContent {
        ClipboardContent::of_text(text)
    }

    fn keys() -> Vec<Key> {
        super::super::chords::keys("Ctrl+V")
    }

    fn pasted(text: &str) -> Event {
        Event::Pasted {
            texts: ClipboardContent::of_text(text),
            has_picture: false,
        }
    }

    fn copied(text: &str) -> Event {
        Event::Copied(Copied::Inline(ClipboardContent::of_text(text)))
    }

    fn written(number: u64, done: bool) -> Event {
        Event::Written { number, done }
    }

    #[test]
    fn who_copies_and_pastes_at_once_pastes_what_they_have_copied() {
        let mut sync = ClipboardSync::default();
        sync.on(Event::CopyKeys, 0.0);
        sync.on(Event::PasteKeys(keys()), 5.0);
        let keys_alone = [Action::Press(keys())];
        assert_eq!(
            sync.on(pasted("older"), 6.0),
            keys_alone,
            "the copy is on its way"
        );
        sync.on(copied("copied"), 20.0);
        sync.on(written(1, true), 30.0);
        sync.on(Event::PasteKeys(keys()), 40.0);
        assert_eq!(
            sync.on(pasted("mine"), 41.0).len(),
            2,
            "copied elsewhere since"
        );
        // Keys that copied nothing.
        sync.on(Event::CopyKeys, 100.0);
        sync.on(Event::PasteKeys(keys()), 100.0 + COPY_PATIENCE);
        assert_eq!(sync.on(pasted("mine"), 100.0 + COPY_PATIENCE).len(), 2);
        sync.on(Event::CopyKeys, 1000.0);
        sync.on(Event::Left, 1001.0);
        assert_eq!(sync.on(pasted("from elsewhere"), 1002.0).len(), 2);
    }

    #[test]
    fn what_is_pasted_goes_before_the_keys_that_paste_it() {
        let mut sync = ClipboardSync::default();
        assert_eq!(sync.on(Event::PasteKeys(keys()), 0.0), []);
        let sent = sync.on(pasted("mine"), 5.0);
        assert_eq!(sent, [Action::Send(text("mine")), Action::Press(keys())]);
        assert_eq!(sync.deadline(), None);
        let nothing = Event::Pasted {
            texts: ClipboardContent::default(),
            has_picture: false,
        };
        let keys_alone = [Action::Press(keys())];
        assert_eq!(sync.on(nothing, 9.0), keys_alone, "the page has its own");
    }

    #[test]
    fn what_is_long_or_a_picture_takes_a_server_function() {
        let mut sync = ClipboardSync::default();
        let long = text(&"x".repeat(MOST_INLINE + 1));
        let put = |texts: ClipboardContent| Action::Put {
            texts,
            keys: keys(),
        };
        for (texts, has_picture) in [(long, false), (ClipboardContent::default(), true)] {
            let event = Event::Pasted {
                texts: texts.clone(),
                has_picture,
            };
            assert_eq!(sync.on(event, 0.0), [put(texts)]);
        }
    }

    #[test]
    fn files_come_without_keys() {
        let mut sync = ClipboardSync::default();
        sync.on(Event::PasteKeys(keys()), 0.0);
        assert_eq!(sync.on(Event::FilesPasted, 5.0), []);
        assert_eq!(sync.deadline(), None);
    }

    #[test]
    fn a_browser_that_says_nothing_is_not_waited_for() {
        let mut sync = ClipboardSync::default();
        sync.on(Event::PasteKeys(keys()), 0.0);
        assert_eq!(sync.on(Event::Deadline, PATIENCE - 1.0), []);
        let deadline = sync.deadline().expect("it waits");
        assert_eq!(sync.on(Event::Deadline, deadline), [Action::Press(keys())]);
        assert_eq!(sync.on(Event::Deadline, deadline), []);
    }

    #[test]
    fn what_the_page_copied_it_pastes_itself() {
        let mut sync = ClipboardSync::default();
        sync.on(copied("theirs"), 0.0);
        assert_eq!(sync.on(pasted("older"), 0.0), [Action::Press(keys())]);
        sync.on(written(1, true), 1.0);
        assert_eq!(sync.on(pasted("theirs"), 2.0), [Action::Press(keys())]);
        assert_eq!(sync.on(pasted("mine"), 2.0).len(), 2);
    }

    #[test]
    fn a_browser_that_refuses_is_asked_again_with_each_click_and_told_of_once() {
        let mut sync = ClipboardSync::default();
        let write = |in_gesture| Action::Write {
            number: 1,
            content: text("theirs"),
            in_gesture,
        };
        assert_eq!(sync.on(copied("theirs"), 0.0), [write(false)]);
        assert_eq!(sync.on(Event::Gesture, 0.0), [], "one is under way");
        assert_eq!(sync.on(written(1, false), 1.0), [Action::TellToClick]);
        assert_eq!(sync.on(Event::Gesture, 2.0), [write(true)]);
        assert_eq!(sync.on(written(1, false), 3.0), []);
        assert_eq!(sync.on(Event::Gesture, 4.0), [write(true)]);
        assert_eq!(sync.on(written(1, true), 5.0), []);
        assert_eq!(sync.on(Event::Gesture, 6.0), []);
    }

    #[test]
    fn whoever_has_been_elsewhere_keeps_what_they_copied_there() {
        let mut sync = ClipboardSync::default();
        sync.on(copied("theirs"), 0.0);
        sync.on(written(1, false), 1.0);
        sync.on(Event::Left, 2.0);
        assert_eq!(sync.on(Event::Gesture, 3.0), []);
        assert_eq!(sync.on(pasted("mine"), 4.0).len(), 2);
    }

    #[test]
    fn an_earlier_answer_is_not_taken_for_the_newest() {
        let mut sync = ClipboardSync::default();
        let fetch = sync.on(Event::Copied(Copied::Elsewhere), 0.0);
        assert_eq!(fetch, [Action::Fetch { number: 1 }]);
        sync.on(copied("newer"), 1.0);
        let late = Event::Fetched {
            number: 1,
            content: Some(text("older")),
        };
        assert_eq!(sync.on(late, 2.0), []);
        assert_eq!(sync.on(written(1, true), 2.0), []);
        assert_eq!(sync.on(pasted("mine"), 3.0), [Action::Press(keys())]);
        sync.on(written(2, true), 4.0);
        assert_eq!(sync.on(pasted("mine"), 5.0).len(), 2);
        // What is gone is given up.
        sync.on(Event::Copied(Copied::Elsewhere), 6.0);
        let gone = Event::Fetched {
            number: 3,
            content: None,
        };
        assert_eq!(sync.on(gone, 7.0), []);
        assert_eq!(sync.on(pasted("mine"), 8.0).len(), 2);
    }

    fn event() -> impl Strategy<Value = Event> {
        prop_oneof![
            Just(Event::PasteKeys(keys())),
            "[ab]".prop_map(|text| pasted(&text)),
            "[ab]".prop_map(|text| copied(&text)),
            Just(Event::Copied(Copied::Elsewhere)),
            (0u64..5, prop::option::of(Just(text("c"))))
                .prop_map(|(number, content)| Event::Fetched { number, content }),
            (0u64..5, any::<bool>()).prop_map(|(number, done)| written(number, done)),
            Just(Event::Gesture),
            Just(Event::Left),
            Just(Event::CopyKeys),
            Just(Event::Deadline),
        ]
    }

    proptest! {
        #[test]
        fn keys_that_paste_are_pressed_once_and_soon(
            events in prop::collection::vec((event(), 0.0..400.0), 0..40),
        ) {
            let mut sync = ClipboardSync::default();
            let (mut now, mut waits_since) = (0.0, None);
            for (event, later) in events {
                now += later;
                let is_paste = matches!(event, Event::Pasted { .. });
                let begins = matches!(event, Event::PasteKeys(_));
                let actions = sync.on(event, now);
                let presses = actions
                    .iter()
                    .filter(|action| matches!(action, Action::Press(_) | Action::Put { .. }))
                    .count();
                if is_paste {
                    prop_assert_eq!(presses, 1);
                } else if presses > 0 {
                    prop_assert!(waits_since.is_some_and(|since| now - since >= PATIENCE));
                }
                if begins {
                    waits_since = Some(now);
                } else if presses > 0 {
                    waits_since = None;
                }
                prop_assert_eq!(sync.deadline().is_some(), waits_since.is_some());
            }
        }
    }
}
