//! Pure: which parts of a picture have to be drawn again.

use super::rect::Rect;

/// A few rectangles that together cover everything that changed.
///
/// A blinking caret above and a menu below should not redraw what lies between them; more than a few rectangles
/// would cost more than they save, and a client must not be able to grow the list.
#[derive(Clone, Debug, Default)]
pub struct Damage {
    rects: Vec<Rect>,
}

impl Damage {
    const AT_MOST: usize = 4;

    /// Whether nothing has to be drawn.
    pub fn is_empty(&self) -> bool {
        self.rects.is_empty()
    }

    /// No two overlap.
    pub fn rects(&self) -> &[Rect] {
        &self.rects
    }

    /// All of it; nothing is left.
    pub fn take(&mut self) -> Damage {
        std::mem::take(self)
    }

    /// This part has changed as well.
    pub fn add(&mut self, rect: Rect) {
        if rect.is_empty() {
            return;
        }
        let mut rect = rect;
        // What touches becomes one, so that no pixel is drawn twice; the result may touch yet another.
        while let Some(at) = self
            .rects
            .iter()
            .position(|other| !other.intersection(rect).is_empty())
        {
            rect = rect.union(self.rects.swap_remove(at));
        }
        self.rects.push(rect);
        if self.rects.len() > Damage::AT_MOST {
            self.merge_nearest();
        }
    }

    /// Joins the two whose union adds the fewest pixels.
    fn merge_nearest(&mut self) {
        let mut best = (u64::MAX, 0, 1);
        for (i, a) in self.rects.iter().enumerate() {
            for (j, b) in self.rects.iter().enumerate().skip(i + 1) {
                let added = a.union(*b).area().saturating_sub(a.area() + b.area());
                if added < best.0 {
                    best = (added, i, j);
                }
            }
        }
        let (_, i, j) = best;
        // `j` lies behind `i`, so removing it first leaves `i` in place.
        let b = self.rects.swap_remove(j);
        let a = self.rects.swap_remove(i);
        self.add(a.union(b));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn far_apart_changes_stay_apart_and_touching_ones_join() {
        let mut damage = Damage::default();
        damage.add(Rect::new(0, 0, 10, 10));
        damage.add(Rect::new(500, 500, 10, 10));
        assert_eq!(damage.rects().len(), 2);
        damage.add(Rect::new(5, 5, 600, 600));
        assert_eq!(damage.rects(), [Rect::new(0, 0, 605, 605)]);
    }

    proptest! {
        #[test]
        fn everything_added_is_covered_by_few_rectangles_that_do_not_overlap(
            added in prop::collection::vec((0..900i32, 0..900i32, 0..90i32, 0..90i32), 0..40)
        ) {
            let added: Vec<Rect> = added.into_iter().map(|(x, y, w, h)| Rect::new(x, y, w, h)).collect();
            let mut damage = Damage::default();
            for rect in &added {
                damage.add(*rect);
            }
            prop_assert!(damage.rects().len() <= Damage::AT_MOST);
            for rect in added {
                prop_assert!(rect.is_empty() || damage.rects().iter().any(|cover| cover.contains(rect)));
            }
            for (i, a) in damage.rects().iter().enumerate() {
                for b in &damage.rects()[i + 1..] {
                    prop_assert!(a.intersection(*b).is_empty());
                }
            }
        }
    }
}
