//! Pure: rectangles of pixels, half open, in the space their owner names.

use std::ops::Range;

/// Pixels from `left..right` and `top..bottom`. Empty when an edge does not lie before its opposite.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rect {
    /// The first column.
    pub left: i32,
    /// The first row.
    pub top: i32,
    /// Behind the last column.
    pub right: i32,
    /// Behind the last row.
    pub bottom: i32,
}

impl Rect {
    /// No pixel.
    pub const EMPTY: Rect = Rect {
        left: 0,
        top: 0,
        right: 0,
        bottom: 0,
    };

    /// Edges beyond what an `i32` holds stop at its end: the numbers may come from a hostile client.
    pub fn new(left: i32, top: i32, width: i32, height: i32) -> Rect {
        Rect {
            left,
            top,
            right: left.saturating_add(width),
            bottom: top.saturating_add(height),
        }
    }

    /// Whether it has no pixel.
    pub fn is_empty(self) -> bool {
        self.left >= self.right || self.top >= self.bottom
    }

    /// 0 when empty.
    pub fn width(self) -> usize {
        length(self.left, self.right)
    }

    /// 0 when empty.
    pub fn height(self) -> usize {
        length(self.top, self.bottom)
    }

    /// Pixels.
    pub fn area(self) -> u64 {
        self.width() as u64 * self.height() as u64
    }

    /// To the right and down.
    pub fn moved(self, x: i32, y: i32) -> Rect {
        Rect {
            left: self.left.saturating_add(x),
            top: self.top.saturating_add(y),
            right: self.right.saturating_add(x),
            bottom: self.bottom.saturating_add(y),
        }
    }

    /// The pixels of both; [`Rect::EMPTY`] if there is none.
    pub fn intersection(self, other: Rect) -> Rect {
        let both = Rect {
            left: self.left.max(other.left),
            top: self.top.max(other.top),
            right: self.right.min(other.right),
            bottom: self.bottom.min(other.bottom),
        };
        if both.is_empty() { Rect::EMPTY } else { both }
    }

    /// The smallest rectangle around both.
    pub fn union(self, other: Rect) -> Rect {
        if self.is_empty() {
            return other;
        }
        if other.is_empty() {
            return self;
        }
        Rect {
            left: self.left.min(other.left),
            top: self.top.min(other.top),
            right: self.right.max(other.right),
            bottom: self.bottom.max(other.bottom),
        }
    }

    /// Whether it has all pixels of `inner`.
    pub fn contains(self, inner: Rect) -> bool {
        inner.is_empty() || self.intersection(inner) == inner
    }

    /// Whether a point, sub-pixel, lies in it.
    pub fn has_point(self, x: f64, y: f64) -> bool {
        f64::from(self.left) <= x
            && x < f64::from(self.right)
            && f64::from(self.top) <= y
            && y < f64::from(self.bottom)
    }

    /// Grown to even edges, because one chroma sample covers 2×2 pixels.
    pub fn even(self) -> Rect {
        Rect {
            left: self.left & !1,
            top: self.top & !1,
            right: self.right.saturating_add(1) & !1,
            bottom: self.bottom.saturating_add(1) & !1,
        }
    }

    /// This rectangle, with other rows.
    pub fn with_rows(self, top: i32, bottom: i32) -> Rect {
        Rect {
            top,
            bottom,
            ..self
        }
    }

    /// For slices; negative edges become 0.
    pub fn rows(self) -> Range<usize> {
        index(self.top)..index(self.bottom).max(index(self.top))
    }

    /// For slices; negative edges become 0.
    pub fn columns(self) -> Range<usize> {
        index(self.left)..index(self.right).max(index(self.left))
    }
}

fn length(from: i32, to: i32) -> usize {
    usize::try_from(i64::from(to) - i64::from(from)).unwrap_or(0)
}

fn index(edge: i32) -> usize {
    usize::try_from(edge).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn any_rect() -> impl Strategy<Value = Rect> {
        (-50..50i32, -50..50i32, -5..60i32, -5..60i32)
            .prop_map(|(x, y, width, height)| Rect::new(x, y, width, height))
    }

    #[test]
    fn hostile_edges_do_not_overflow() {
        let rect = Rect::new(i32::MAX, i32::MIN, i32::MAX, i32::MIN);
        assert!(rect.is_empty());
        assert_eq!((rect.even().area(), rect.moved(9, -9).area()), (0, 0));
        assert_eq!(
            Rect::new(i32::MIN, 0, i32::MAX, 1)
                .moved(i32::MIN, 0)
                .width(),
            0
        );
    }

    proptest! {
        #[test]
        fn the_union_holds_both_and_the_intersection_lies_in_both(a in any_rect(), b in any_rect()) {
            prop_assert!(a.union(b).contains(a) && a.union(b).contains(b));
            prop_assert!(a.contains(a.intersection(b)) && b.contains(a.intersection(b)));
        }

        #[test]
        fn even_edges_hold_the_rectangle(a in any_rect()) {
            let even = a.even();
            prop_assert!(even.contains(a));
            prop_assert_eq!((even.left % 2, even.top % 2, even.right % 2, even.bottom % 2), (0, 0, 0, 0));
        }
    }
}
