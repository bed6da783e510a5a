//! Pure: the hidden text field is kept equal to the text around the remote caret, and what an on-screen keyboard does to it
//! becomes what is to be done there.
//!
//! An on-screen keyboard corrects a word or deletes a character by changing a field that holds it; it presses no key.

use std::collections::VecDeque;

use shared::session::SurroundingText;

/// What a field holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Held {
    pub text: String,
    /// In bytes of it.
    pub caret: usize,
}

/// Text that takes the place of what is around the caret; lengths in bytes of UTF-8.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edit {
    pub before: usize,
    pub after: usize,
    pub text: String,
}

/// What the remote field says of our own edits comes within this time, in milliseconds. After that it is right.
const PATIENCE: f64 = 1000.0;
/// More edits under way than a hand makes.
const MOST_SENT: usize = 64;

/// The hidden field and the remote one.
#[derive(Debug, Default)]
pub struct Mirror {
    /// What the hidden field holds.
    held: Held,
    /// What it held before each edit that the remote field has not confirmed yet, oldest first.
    sent: VecDeque<Held>,
    /// The last edit.
    edited: f64,
    /// What the remote field says, if that is neither what we hold nor what we held.
    other: Option<Held>,
}

impl Mirror {
    /// An on-screen keyboard has changed the hidden field to this: what is to be done in the remote one.
    pub fn edited(&mut self, now_held: Held, now: f64) -> Option<Edit> {
        let edit = edit(&self.held, &now_held.text);
        let before = std::mem::replace(&mut self.held, now_held);
        if edit.is_some() {
            if self.sent.len() >= MOST_SENT {
                self.sent.pop_front();
            }
            self.sent.push_back(before);
            self.edited = now;
            self.other = None;
        }
        edit
    }

    /// The remote field holds this: what the hidden one is to hold, if it is to change.
    pub fn told(&mut self, remote: Held, now: f64) -> Option<Held> {
        if remote == self.held {
            self.sent.clear();
            self.other = None;
            return None;
        }
        if let Some(place) = self.sent.iter().position(|held| *held == remote) {
            // It does not know of the later edits yet.
            self.sent.drain(..place);
            return None;
        }
        self.other = Some(remote);
        self.expire(now)
    }

    /// When to call [`Mirror::expire`], in milliseconds.
    pub fn deadline(&self) -> Option<f64> {
        self.other.as_ref().map(|_| self.edited + PATIENCE)
    }

    /// The deadline may have passed: what the hidden field is to hold, if it is to change.
    pub fn expire(&mut self, now: f64) -> Option<Held> {
        if !self.sent.is_empty() && now < self.edited + PATIENCE {
            return None;
        }
        let remote = self.other.take()?;
        self.sent.clear();
        self.held = remote.clone();
        Some(remote)
    }

    /// Another field, or none.
    pub fn forget(&mut self) {
        *self = Mirror::default();
    }
}

impl Held {
    /// As a field is told of; a selection counts as its caret.
    pub fn of(surrounding: &SurroundingText) -> Held {
        let caret = surrounding
            .text
            .floor_char_boundary(surrounding.caret as usize);
        Held {
            text: surrounding.text.clone(),
            caret,
        }
    }

    /// From a place in UTF-16, as the DOM counts.
    pub fn from_dom(text: String, caret: usize) -> Held {
        let mut units = 0;
        let end = text.char_indices().find(|(_, character)| {
            let is_there = units >= caret;
            units += character.len_utf16();
            is_there
        });
        let caret = end.map_or(text.len(), |(place, _)| place);
        Held { text, caret }
    }

    /// The caret's place in UTF-16.
    pub fn caret_in_dom(&self) -> usize {
        self.text[..self.caret].encode_utf16().count()
    }
}

/// What makes `old` into `new`, around the caret; `None` if nothing does.
fn edit(old: &Held, new: &str) -> Option<Edit> {
    let Held { text, caret } = old;
    if text == new {
        return None;
    }
    // What is typed within equal letters is typed at the caret.
    let start = common(text.chars(), new.chars()).min(*caret);
    let most = (text.len() - start).min(new.len() - start);
    let end = common(text[start..].chars().rev(), new[start..].chars().rev()).min(most);
    let (old_end, new_end) = (text.len() - end, new.len() - end);
    // What lies between the caret and the change is deleted and written again.
    let between = text.get(old_end..*caret).unwrap_or_default();
    Some(Edit {
        before: caret - start,
        after: old_end.saturating_sub(*caret),
        text: format!("{}{between}", &new[start..new_end]),
    })
}

/// How many bytes both begin with.
fn common(one: impl Iterator<Item = char>, other: impl Iterator<Item = char>) -> usize {
    let both = one.zip(other).take_while(|(one, other)| one == other);
    both.map(|(one, _)| one.len_utf8()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The caret is at the `|`.
    fn held(text: &str) -> Held {
        let caret = text.find('|').expect("a caret");
        Held {
            text: text.replace('|', ""),
            caret,
        }
    }

    fn told(before: usize, after: usize, text: &str) -> Option<Edit> {
        let text = text.to_owned();
        Some(Edit {
            before,
            after,
            text,
        })
    }

    #[test]
    fn typing_deleting_and_correcting_are_edits_around_the_caret() {
        assert_eq!(edit(&held("hel|lo"), "helllo"), told(0, 0, "l"));
        assert_eq!(edit(&held("hell|o"), "helo"), told(1, 0, ""));
        assert_eq!(edit(&held("hel|lo"), "helo"), told(0, 1, ""));
        assert_eq!(edit(&held("teh|"), "the "), told(2, 0, "he "));
        assert_eq!(
            edit(&held("see teh cat|"), "see the cat"),
            told(6, 0, "he cat")
        );
        assert_eq!(edit(&held("naïve|"), "naïv"), told(1, 0, ""));
        assert_eq!(edit(&held("a😀|"), "a"), told(4, 0, ""));
        assert_eq!(edit(&held("same|"), "same"), None);
    }

    #[test]
    fn what_the_remote_field_says_of_earlier_edits_changes_nothing() {
        let mut mirror = Mirror::default();
        assert_eq!(mirror.told(held("a|"), 0.0), Some(held("a|")));
        mirror.edited(held("ab|"), 10.0);
        mirror.edited(held("abc|"), 20.0);
        assert_eq!(mirror.told(held("a|"), 30.0), None);
        assert_eq!(mirror.told(held("ab|"), 40.0), None);
        assert_eq!(mirror.told(held("abc|"), 50.0), None);
        // Now it is the page that changes it.
        assert_eq!(mirror.told(held("ab|"), 60.0), Some(held("ab|")));
    }

    #[test]
    fn a_field_that_makes_something_else_of_an_edit_is_right_after_a_second() {
        let mut mirror = Mirror::default();
        mirror.told(held("|"), 0.0);
        mirror.edited(held("a|"), 10.0);
        assert_eq!(mirror.told(held("A|"), 50.0), None);
        assert_eq!(mirror.deadline(), Some(1010.0));
        assert_eq!(mirror.expire(1009.0), None);
        assert_eq!(mirror.expire(1010.0), Some(held("A|")));
        assert_eq!(mirror.deadline(), None);
    }

    #[test]
    fn the_dom_counts_in_utf_16() {
        let held = Held::from_dom("a😀b".to_owned(), 3);
        assert_eq!((held.caret, held.caret_in_dom()), (5, 3));
        assert_eq!(Held::from_dom("a".to_owned(), 9).caret, 1);
    }

    proptest! {
        #[test]
        fn an_edit_makes_the_one_text_of_the_other(old in "[ab😀 ]{0,8}", new in "[ab😀 ]{0,8}", caret in 0usize..9) {
            let old = Held::from_dom(old, caret);
            let made = match edit(&old, &new) {
                None => old.text.clone(),
                Some(Edit { before, after, text }) => format!(
                    "{}{text}{}",
                    &old.text[..old.caret - before],
                    &old.text[old.caret + after..],
                ),
            };
            prop_assert_eq!(made, new);
        }
    }
}
