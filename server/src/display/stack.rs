//! Pure: what must be drawn again when surfaces come, go, move or change places.

use crate::picture::rect::Rect;

/// Both stacks bottom first; a surface is in each at most once.
pub fn exposed<Id: PartialEq>(before: &[(Id, Rect)], after: &[(Id, Rect)]) -> Vec<Rect> {
    let stays = |item: &(Id, Rect), other: &[(Id, Rect)]| other.contains(item);
    let kept_before: Vec<_> = before.iter().filter(|item| stays(item, after)).collect();
    let kept_after: Vec<_> = after.iter().filter(|item| stays(item, before)).collect();
    let reordered = kept_before != kept_after;
    let left = before
        .iter()
        .filter(|item| reordered || !stays(item, after));
    let came = after
        .iter()
        .filter(|item| reordered || !stays(item, before));
    left.chain(came).map(|(_, rect)| *rect).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: (u8, Rect) = (1, rect(0, 100));
    const MENU: (u8, Rect) = (2, rect(10, 30));

    const fn rect(from: i32, to: i32) -> Rect {
        Rect {
            left: from,
            top: from,
            right: to,
            bottom: to,
        }
    }

    #[test]
    fn the_same_stack_exposes_nothing() {
        assert!(exposed(&[PAGE, MENU], &[PAGE, MENU]).is_empty());
    }

    #[test]
    fn a_menu_that_opens_or_closes_exposes_its_own_place() {
        assert_eq!(exposed(&[PAGE], &[PAGE, MENU]), [MENU.1]);
        assert_eq!(exposed(&[PAGE, MENU], &[PAGE]), [MENU.1]);
    }

    #[test]
    fn a_menu_that_moves_exposes_both_places() {
        let moved = (2, rect(40, 60));
        assert_eq!(exposed(&[PAGE, MENU], &[PAGE, moved]), [MENU.1, moved.1]);
    }

    #[test]
    fn changing_places_exposes_all_of_them() {
        assert_eq!(exposed(&[PAGE, MENU], &[MENU, PAGE]).len(), 4);
    }
}
