//! Pure: a drag, an arrow key → where the floating panel lies within the space around the picture. All in CSS pixels.

/// So far does an arrow key move the panel.
const KEY_STEP: f64 = 24.0;
/// What of the panel stays visible, so that it can be dragged back.
const VISIBLE: f64 = 48.0;

/// Width and height.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Extent {
    pub width: f64,
    pub height: f64,
}

/// The panel's left and top edge within that space.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Position {
    pub left: f64,
    pub top: f64,
}

impl Position {
    /// Moved by so much; the panel's header stays within reach.
    pub fn moved(self, by_x: f64, by_y: f64, panel: Extent, space: Extent) -> Position {
        let within = |value: f64, least: f64, most: f64| value.min(most.max(least)).max(least);
        Position {
            left: within(
                self.left + by_x,
                VISIBLE - panel.width,
                space.width - VISIBLE,
            ),
            top: within(self.top + by_y, 0.0, space.height - VISIBLE),
        }
    }
}

/// How far a `KeyboardEvent.key` moves the panel, right and down.
pub fn key_step(key: &str) -> Option<(f64, f64)> {
    match key {
        "ArrowLeft" => Some((-KEY_STEP, 0.0)),
        "ArrowRight" => Some((KEY_STEP, 0.0)),
        "ArrowUp" => Some((0.0, -KEY_STEP)),
        "ArrowDown" => Some((0.0, KEY_STEP)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn arrow_keys_move_and_other_keys_do_not() {
        assert_eq!(key_step("ArrowLeft"), Some((-KEY_STEP, 0.0)));
        assert_eq!(key_step("a"), None);
    }

    proptest! {
        #[test]
        fn wherever_it_is_dragged_its_header_can_be_reached(
            drags in proptest::collection::vec((-5e3..5e3f64, -5e3..5e3f64), 1..8),
            width in 200.0..600.0f64,
            space in (100.0..4e3f64, 100.0..4e3f64),
        ) {
            let panel = Extent { width, height: 400.0 };
            let space = Extent { width: space.0, height: space.1 };
            let mut position = Position { left: 0.0, top: 0.0 };
            for (x, y) in drags {
                position = position.moved(x, y, panel, space);
                prop_assert!(position.left + panel.width >= VISIBLE);
                prop_assert!(position.left <= space.width - VISIBLE);
                prop_assert!((0.0..=space.height - VISIBLE).contains(&position.top));
            }
        }
    }
}
