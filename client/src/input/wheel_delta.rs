//! Pure: a `WheelEvent` → CSS pixels, and whether a notched wheel made it.

/// Firefox reports a notch as 3 lines where Chrome reports 120 pixels.
const PIXELS_PER_LINE: f64 = 40.0;
/// `wheelDelta` per notch, since Windows 95; touchpads report it in fractions.
const WHEEL_DELTA: f64 = 120.0;

/// `WheelEvent.deltaMode`.
const LINES: u32 = 1;
const PAGES: u32 = 2;

/// What a browser says of one turn.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct WheelDelta {
    pub delta_x: f64,
    pub delta_y: f64,
    pub delta_mode: u32,
    /// `wheelDeltaY`: not in the standard, but in every browser.
    pub wheel_delta_y: Option<f64>,
}

impl WheelDelta {
    /// `(x, y)` in CSS pixels; a page is as high as the picture.
    pub fn pixels(self, page_height: f64) -> (f32, f32) {
        let unit = match self.delta_mode {
            LINES => PIXELS_PER_LINE,
            PAGES => page_height,
            _ => 1.0,
        };
        let pixels = |delta: f64| {
            let pixels = (delta * unit) as f32;
            if pixels.is_finite() { pixels } else { 0.0 }
        };
        (pixels(self.delta_x), pixels(self.delta_y))
    }

    pub fn is_notched(self) -> bool {
        if self.delta_mode != 0 {
            return true;
        }
        let whole_notches = self
            .wheel_delta_y
            .is_some_and(|delta| delta != 0.0 && delta % WHEEL_DELTA == 0.0);
        self.delta_x == 0.0 && whole_notches
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOTCH: WheelDelta = WheelDelta {
        delta_x: 0.0,
        delta_y: 120.0,
        delta_mode: 0,
        wheel_delta_y: Some(-120.0),
    };

    #[test]
    fn a_notch_is_the_same_in_lines_and_in_pixels() {
        let in_lines = WheelDelta {
            delta_y: 3.0,
            delta_mode: LINES,
            ..NOTCH
        };
        assert_eq!(in_lines.pixels(720.0), NOTCH.pixels(720.0));
        assert!(in_lines.is_notched() && NOTCH.is_notched());
    }

    #[test]
    fn a_page_is_as_high_as_the_picture() {
        let page = WheelDelta {
            delta_y: -1.0,
            delta_mode: PAGES,
            ..NOTCH
        };
        assert_eq!(page.pixels(720.0), (0.0, -720.0));
    }

    #[test]
    fn a_touchpad_is_smooth() {
        let stroke = WheelDelta {
            delta_y: 4.0,
            wheel_delta_y: Some(-12.0),
            ..NOTCH
        };
        assert!(!stroke.is_notched());
        assert!(
            !WheelDelta {
                delta_x: 3.0,
                ..NOTCH
            }
            .is_notched()
        );
        assert!(
            !WheelDelta {
                wheel_delta_y: None,
                ..NOTCH
            }
            .is_notched()
        );
    }

    #[test]
    fn nonsense_does_not_turn() {
        let nonsense = WheelDelta {
            delta_y: f64::NAN,
            ..NOTCH
        };
        assert_eq!(nonsense.pixels(720.0), (0.0, 0.0));
    }
}
