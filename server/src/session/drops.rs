//! Pure: files that the person drops on the page, or pastes, without being asked → where they go once they are there.

use std::collections::VecDeque;

use shared::file::FileChooser;

use crate::browser::DropPlace;

/// The oldest is given up for another.
const MOST_OPEN: usize = 8;

/// Those of pages begin at 1: what is uploaded names either.
const FIRST: u32 = 1 << 31;

/// Whatever the person has: only the page itself knows what it takes.
static ANYTHING: FileChooser = FileChooser {
    number: 0,
    multiple: true,
    directory: true,
    accept: String::new(),
};

/// Of one session.
#[derive(Debug, Default)]
pub struct Drops {
    begun: u32,
    /// The oldest first.
    open: VecDeque<(u32, DropPlace)>,
}

impl Drops {
    /// Gives its number, and that of one that is given up for it.
    pub fn begin(&mut self, place: DropPlace) -> (u32, Option<u32>) {
        let number = FIRST | self.begun;
        self.begun = self.begun.wrapping_add(1) & !FIRST;
        let full = self.open.len() >= MOST_OPEN;
        let given_up = if full { self.open.pop_front() } else { None };
        self.open.push_back((number, place));
        (number, given_up.map(|(number, _)| number))
    }

    /// What may be uploaded for it.
    pub fn asks(&self, number: u32) -> Option<&'static FileChooser> {
        let mut open = self.open.iter();
        open.any(|(known, _)| *known == number).then_some(&ANYTHING)
    }

    /// Its files are all there, or never will be; once.
    pub fn take(&mut self, number: u32) -> Option<DropPlace> {
        let at = self.open.iter().position(|(known, _)| *known == number)?;
        self.open.remove(at).map(|(_, place)| place)
    }

    /// Chrome is gone, and its pages with it. No later drop has the number of one of these.
    pub fn forget(&mut self) {
        self.open.clear();
    }
}

#[cfg(test)]
mod tests {
    use shared::geometry::PointInPage;

    use super::*;

    #[test]
    fn a_drop_is_taken_once() {
        let mut drops = Drops::default();
        let point = DropPlace::Point(PointInPage::new(1.0, 2.0));
        let (dropped, _) = drops.begin(point);
        let (pasted, _) = drops.begin(DropPlace::Focus);
        assert!(dropped != pasted && drops.asks(dropped).is_some());
        assert_eq!(drops.take(dropped), Some(point));
        assert_eq!(drops.take(dropped), None);
        assert!(drops.asks(dropped).is_none());
        assert_eq!(drops.take(pasted), Some(DropPlace::Focus));
    }

    #[test]
    fn what_another_chrome_was_to_get_is_not_taken_for_the_next_one_s() {
        let mut drops = Drops::default();
        let (before, _) = drops.begin(DropPlace::Focus);
        drops.forget();
        assert_ne!(drops.begin(DropPlace::Focus).0, before);
        assert_eq!(drops.take(before), None);
    }

    #[test]
    fn the_oldest_makes_room_and_no_page_has_its_number() {
        let mut drops = Drops {
            begun: !FIRST,
            ..Drops::default()
        };
        let first = drops.begin(DropPlace::Focus).0;
        let others: Vec<_> = (0..MOST_OPEN)
            .map(|_| drops.begin(DropPlace::Focus))
            .collect();
        let given_up: Vec<_> = others
            .iter()
            .filter_map(|(_, given_up)| *given_up)
            .collect();
        assert_eq!(given_up, [first]);
        assert!(
            others
                .iter()
                .all(|(number, _)| *number >= FIRST && *number != first)
        );
    }
}
