//! Pure: keys and drags in the tab strip → which tab comes to the front, and where a tab goes.

use shared::input::Modifiers;

/// What a key asks of the strip.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TabAction {
    /// The focus goes so many tabs to the right, round the ends.
    Focus(isize),
    FocusFirst,
    FocusLast,
    /// The tab goes so many places to the right.
    Move(isize),
    Close,
    /// The tab so many places to the right comes to the front, round the ends.
    Switch(isize),
}

/// While a tab has the focus.
pub fn on_tab(key: &str, modifiers: Modifiers) -> Option<TabAction> {
    if modifiers.ctrl {
        return None;
    }
    Some(match (key, modifiers.alt) {
        ("ArrowLeft", true) => TabAction::Move(-1),
        ("ArrowRight", true) => TabAction::Move(1),
        (_, true) => return None,
        ("ArrowLeft", _) => TabAction::Focus(-1),
        ("ArrowRight", _) => TabAction::Focus(1),
        ("Home", _) => TabAction::FocusFirst,
        ("End", _) => TabAction::FocusLast,
        ("Delete", _) => TabAction::Close,
        _ => return None,
    })
}

/// Wherever the focus is, also in the picture: the remote Chrome's own strip has another order. Most browsers keep these
/// for themselves.
pub fn anywhere(key: &str, modifiers: Modifiers) -> Option<TabAction> {
    if !modifiers.ctrl || modifiers.alt {
        return None;
    }
    Some(match (key, modifiers.shift) {
        ("Tab", false) | ("PageDown", false) => TabAction::Switch(1),
        ("Tab", true) | ("PageUp", false) => TabAction::Switch(-1),
        ("PageDown", true) => TabAction::Move(1),
        ("PageUp", true) => TabAction::Move(-1),
        _ => return None,
    })
}

/// So many places to the right, round the ends.
pub fn round(place: usize, step: isize, count: usize) -> usize {
    let count = count.max(1).cast_signed();
    (place.cast_signed() + step)
        .rem_euclid(count)
        .cast_unsigned()
}

/// So many places to the right, as far as there are any.
pub fn along(place: usize, step: isize, count: usize) -> usize {
    place
        .saturating_add_signed(step)
        .min(count.saturating_sub(1))
}

/// The place of a tab that is dragged to `x`, by the others' middles in their order.
pub fn place_at(x: f64, middles: &[f64]) -> usize {
    middles.iter().filter(|middle| **middle < x).count()
}

/// The same with that one moved.
pub fn with_moved<T: Clone + PartialEq>(all: &[T], moved: &T, place: usize) -> Vec<T> {
    let mut others: Vec<T> = all.iter().filter(|one| *one != moved).cloned().collect();
    if others.len() < all.len() {
        others.insert(place.min(others.len()), moved.clone());
    }
    others
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONE: Modifiers = Modifiers::NONE;
    const CTRL: Modifiers = Modifiers { ctrl: true, ..NONE };

    #[test]
    fn arrows_go_along_the_strip_and_with_alt_take_the_tab_along() {
        let alt = Modifiers { alt: true, ..NONE };
        assert_eq!(on_tab("ArrowRight", NONE), Some(TabAction::Focus(1)));
        assert_eq!(on_tab("ArrowLeft", alt), Some(TabAction::Move(-1)));
        assert_eq!(on_tab("x", NONE), None);
        assert_eq!(on_tab("ArrowLeft", CTRL), None);
    }

    #[test]
    fn ctrl_tab_follows_the_strip() {
        let shift = Modifiers {
            shift: true,
            ..CTRL
        };
        assert_eq!(anywhere("Tab", CTRL), Some(TabAction::Switch(1)));
        assert_eq!(anywhere("Tab", shift), Some(TabAction::Switch(-1)));
        assert_eq!(anywhere("PageUp", shift), Some(TabAction::Move(-1)));
        assert_eq!(anywhere("Tab", NONE), None);
    }

    #[test]
    fn focus_goes_round_and_a_tab_does_not() {
        assert_eq!((round(2, 1, 3), round(0, -1, 3), round(0, 1, 0)), (0, 2, 0));
        assert_eq!((along(2, 1, 3), along(0, -1, 3), along(0, 1, 3)), (2, 0, 1));
    }

    #[test]
    fn a_dragged_tab_takes_the_place_it_is_over() {
        let middles = [50.0, 150.0];
        assert_eq!(
            [10.0, 60.0, 400.0].map(|x| place_at(x, &middles)),
            [0, 1, 2]
        );
        assert_eq!(with_moved(&[1, 2, 3], &1, 2), [2, 3, 1]);
        assert_eq!(with_moved(&[1, 2, 3], &4, 0), [1, 2, 3]);
    }
}
