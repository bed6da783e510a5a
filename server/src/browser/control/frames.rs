//! Pure: which page a frame belongs to that has a process, and so a CDP session, of its own.

use std::collections::BTreeMap;

use shared::session::TabId;

use crate::browser::cdp::{ActiveFrame, TargetSession};

/// Of one Chrome.
#[derive(Debug, Default)]
pub struct Frames {
    /// Of the latest.
    number: u32,
    by_session: BTreeMap<TargetSession, Attached>,
}

/// One such frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attached {
    /// Its page.
    pub tab: TabId,
    /// Its `Page.FrameId`.
    pub frame: String,
    /// Tells it from the others; never 0, which is the page itself.
    pub number: u32,
}

impl Frames {
    /// It is there now.
    pub fn attach(&mut self, session: TargetSession, tab: TabId, frame: String) {
        self.number += 1;
        let number = self.number;
        let attached = Attached { tab, frame, number };
        self.by_session.insert(session, attached);
    }

    /// It is gone, or it is of its page's own process again.
    pub fn detach(&mut self, session: &str) {
        self.by_session.remove(session);
    }

    /// The page is gone, and its frames with it.
    pub fn forget(&mut self, tab: &TabId) {
        self.by_session.retain(|_, attached| attached.tab != *tab);
    }

    /// Those of a page, in the order in which they came.
    pub fn of(&self, tab: &TabId) -> Vec<ActiveFrame> {
        let frames = self.by_session.iter();
        let mut frames: Vec<_> = frames
            .filter(|(_, attached)| attached.tab == *tab)
            .collect();
        frames.sort_by_key(|(_, attached)| attached.number);
        frames
            .into_iter()
            .map(|(session, attached)| ActiveFrame {
                session: session.clone(),
                frame: attached.frame.clone(),
            })
            .collect()
    }

    /// The session of [`Attached::number`].
    pub fn by_number(&self, number: u32) -> Option<&TargetSession> {
        let mut frames = self.by_session.iter();
        let frame = frames.find(|(_, attached)| attached.number == number);
        frame.map(|(session, _)| session)
    }

    pub fn by_session(&self, session: &str) -> Option<&Attached> {
        self.by_session.get(session)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_belongs_to_its_page_until_either_is_gone() {
        let tab = |name: &str| name.parse::<TabId>().unwrap();
        let mut frames = Frames::default();
        frames.attach("s".to_owned(), tab("a"), "f".to_owned());
        frames.attach("t".to_owned(), tab("a"), "g".to_owned());
        frames.attach("u".to_owned(), tab("b"), "h".to_owned());
        let number = |frames: &Frames, session| frames.by_session(session).map(|one| one.number);
        assert_eq!(number(&frames, "t"), Some(2));
        let of: Vec<_> = frames.of(&tab("a"));
        let of: Vec<_> = of.iter().map(|one| one.frame.as_str()).collect();
        assert_eq!(of, ["f", "g"]);
        assert_eq!(frames.by_number(2).map(String::as_str), Some("t"));
        frames.detach("s");
        assert_eq!(number(&frames, "s"), None);
        frames.forget(&tab("a"));
        assert_eq!(number(&frames, "t"), None);
        assert_eq!(number(&frames, "u"), Some(3));
    }
}
