//! Pure: two masks of pressed buttons → what was pressed and released.
//!
//! A second button of the same pointer has no `pointerdown` of its own: only `PointerEvent.buttons` tells.

use shared::input::PointerButton;

/// `PointerEvent.buttons`: one bit per button, in its own order.
const BITS: [(u16, PointerButton); 5] = [
    (1, PointerButton::Left),
    (2, PointerButton::Right),
    (4, PointerButton::Middle),
    (8, PointerButton::Back),
    (16, PointerButton::Forward),
];

/// The buttons that differ, each with whether it is pressed now; releases first.
pub fn changes(before: u16, now: u16) -> Vec<(PointerButton, bool)> {
    let of = |mask: u16, pressed: bool| {
        BITS.into_iter()
            .filter(move |(bit, _)| mask & bit != 0)
            .map(move |(_, button)| (button, pressed))
    };
    of(before & !now, false)
        .chain(of(now & !before, true))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_button_is_noticed() {
        assert_eq!(changes(0, 1), [(PointerButton::Left, true)]);
        assert_eq!(changes(1, 3), [(PointerButton::Right, true)]);
        assert_eq!(changes(3, 1), [(PointerButton::Right, false)]);
        assert_eq!(changes(1, 1), []);
    }

    #[test]
    fn whatever_happened_unseen_is_released_first() {
        assert_eq!(
            changes(1, 4),
            [(PointerButton::Left, false), (PointerButton::Middle, true)]
        );
    }

    #[test]
    fn unknown_bits_are_ignored() {
        assert_eq!(changes(0, 32), []);
    }
}
