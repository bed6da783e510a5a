//! Pure: pages ask for files → which input gets what was uploaded, and until when it is kept.

use shared::file::FileChooser;
use shared::session::TabId;

use crate::browser::cdp::TargetSession;

/// Of one Chrome; the latest alone is open.
#[derive(Debug, Default)]
pub struct FileChoosers {
    number: u32,
    open: Option<Open>,
    /// Pages that were given files, and for which chooser.
    given: Vec<(TabId, u32)>,
}

/// A page waits for files.
#[derive(Clone, Debug, PartialEq)]
pub struct Open {
    pub tab: TabId,
    pub session: TargetSession,
    /// Its `DOM.BackendNodeId`.
    pub input: i64,
    pub asks: FileChooser,
}

impl FileChoosers {
    /// Gives what viewers are asked.
    pub fn open(
        &mut self,
        tab: TabId,
        session: TargetSession,
        input: i64,
        asks: FileChooser,
    ) -> FileChooser {
        self.number = self.number.wrapping_add(1);
        let asks = FileChooser {
            number: self.number,
            ..asks
        };
        self.open = Some(Open {
            tab,
            session,
            input,
            asks: asks.clone(),
        });
        asks
    }

    /// What viewers may upload for.
    pub fn asks(&self) -> Option<&FileChooser> {
        self.open.as_ref().map(|open| &open.asks)
    }

    /// The page of that chooser gets its files now, once.
    pub fn take(&mut self, number: u32) -> Option<Open> {
        let taken = self.open.take_if(|open| open.asks.number == number)?;
        self.give(taken.tab.clone(), number);
        Some(taken)
    }

    /// What was uploaded under that number is kept until the page is left.
    pub fn give(&mut self, tab: TabId, number: u32) {
        self.given.push((tab, number));
    }

    /// The page has not taken it.
    pub fn take_back(&mut self, number: u32) {
        self.given.retain(|(_, given)| *given != number);
    }

    /// The page shows another document, or is closed: gives the choosers whose files nobody reads any more.
    pub fn on_left(&mut self, tab: &TabId) -> Vec<u32> {
        let mut over = Vec::new();
        self.given.retain(|(given_to, number)| {
            let stays = given_to != tab;
            if !stays {
                over.push(*number);
            }
            stays
        });
        let open = self.open.take_if(|open| open.tab == *tab);
        over.extend(open.map(|open| open.asks.number));
        over
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tab(name: &str) -> TabId {
        name.parse().unwrap()
    }

    fn open(choosers: &mut FileChoosers, name: &str) -> u32 {
        let asked = choosers.open(tab(name), "s".to_owned(), 7, FileChooser::default());
        asked.number
    }

    #[test]
    fn the_latest_gets_its_files_once() {
        let mut choosers = FileChoosers::default();
        let (first, second) = (open(&mut choosers, "a"), open(&mut choosers, "a"));
        assert_eq!(choosers.take(first), None, "another was opened since");
        assert_eq!(choosers.asks().map(|asks| asks.number), Some(second));
        assert!(choosers.take(second).is_some());
        assert_eq!(choosers.take(second), None);
        assert_eq!(choosers.asks(), None);
    }

    #[test]
    fn files_are_kept_while_their_page_is_there() {
        let mut choosers = FileChoosers::default();
        let first = open(&mut choosers, "a");
        choosers.take(first);
        let second = open(&mut choosers, "b");
        choosers.take(second);
        let third = open(&mut choosers, "a");
        assert_eq!(choosers.on_left(&tab("a")), [first, third]);
        assert_eq!(choosers.asks(), None);
        assert_eq!(choosers.on_left(&tab("a")), [0; 0]);
        assert_eq!(choosers.on_left(&tab("b")), [second]);
    }
}
