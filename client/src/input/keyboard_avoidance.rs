//! Pure: how far the picture is moved up so that an on-screen keyboard does not cover the remote caret.

/// From a top to a bottom, in CSS pixels of the viewer's page.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Span {
    pub top: f64,
    pub bottom: f64,
}

/// Room below the caret, for the rest of its line and the next one, in CSS pixels.
const MARGIN: f64 = 28.0;

/// In CSS pixels, 0 or more. `stage` is where the picture is when it is not moved, `caret` where the caret is then, and
/// `visible` what neither the keyboard nor the edge of the screen hides.
pub fn shift(stage: Span, caret: Option<Span>, visible: Span) -> f64 {
    let Some(caret) = caret else {
        return 0.0;
    };
    let hidden = (stage.bottom - visible.bottom).max(0.0);
    let wanted = caret.bottom + MARGIN - visible.bottom;
    // The caret itself does not leave at the top.
    let most = caret.top - stage.top.max(visible.top);
    let shift = wanted.min(most).min(hidden);
    if shift.is_finite() {
        shift.max(0.0)
    } else {
        0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(top: f64, bottom: f64) -> Span {
        Span { top, bottom }
    }

    const STAGE: Span = Span {
        top: 100.0,
        bottom: 740.0,
    };

    #[test]
    fn without_a_keyboard_or_a_caret_it_stays() {
        let whole = span(0.0, 740.0);
        assert_eq!(shift(STAGE, Some(span(700.0, 720.0)), whole), 0.0);
        assert_eq!(shift(STAGE, None, span(0.0, 400.0)), 0.0);
    }

    #[test]
    fn a_caret_behind_the_keyboard_comes_above_it() {
        let visible = span(0.0, 400.0);
        assert_eq!(shift(STAGE, Some(span(200.0, 220.0)), visible), 0.0);
        assert_eq!(shift(STAGE, Some(span(500.0, 520.0)), visible), 148.0);
        // No farther than to the picture's end.
        assert_eq!(shift(STAGE, Some(span(710.0, 735.0)), visible), 340.0);
    }

    #[test]
    fn a_browser_that_has_scrolled_to_it_needs_no_more() {
        let panned = span(340.0, 740.0);
        assert_eq!(shift(STAGE, Some(span(700.0, 720.0)), panned), 0.0);
    }

    #[test]
    fn a_caret_higher_than_the_room_keeps_its_top() {
        let visible = span(0.0, 400.0);
        assert_eq!(shift(STAGE, Some(span(150.0, 700.0)), visible), 50.0);
    }

    #[test]
    fn nonsense_moves_nothing() {
        let nowhere = span(f64::NAN, f64::NAN);
        assert_eq!(shift(STAGE, Some(nowhere), span(0.0, f64::NAN)), 0.0);
    }
}
