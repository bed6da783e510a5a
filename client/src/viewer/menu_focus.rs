//! Pure: a key in a menu → which of its items has the focus next.

/// Where the focus goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    First,
    Last,
    Next,
    Previous,
}

/// What a key does, by its `KeyboardEvent.key`.
pub fn step(key: &str) -> Option<Step> {
    Some(match key {
        "Home" => Step::First,
        "End" => Step::Last,
        "ArrowDown" => Step::Next,
        "ArrowUp" => Step::Previous,
        _ => return None,
    })
}

impl Step {
    /// Round and round; `None` in an empty menu.
    pub fn from(self, place: Option<usize>, count: usize) -> Option<usize> {
        let last = count.checked_sub(1)?;
        Some(match (self, place) {
            (Step::First, _) | (Step::Next, None) => 0,
            (Step::Last, _) | (Step::Previous, None | Some(0)) => last,
            (Step::Next, Some(place)) => (place + 1) % count,
            (Step::Previous, Some(place)) => (place - 1).min(last),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_focus_goes_round() {
        let walk = |keys: &[&str]| {
            keys.iter().fold(None, |place, key| {
                step(key).and_then(|step| step.from(place, 3))
            })
        };
        assert_eq!(walk(&["ArrowDown"]), Some(0));
        assert_eq!(walk(&["ArrowUp"]), Some(2));
        assert_eq!(walk(&["End", "ArrowDown"]), Some(0));
        assert_eq!(walk(&["Home", "ArrowUp", "ArrowUp"]), Some(1));
        assert_eq!(step("a"), None);
        assert_eq!(Step::Next.from(None, 0), None);
    }
}
