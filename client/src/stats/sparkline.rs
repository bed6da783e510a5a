//! Pure: values → the path of a small plot.

use std::fmt::Write;

/// The plot's own units; the stylesheet gives it its size.
pub const WIDTH: f64 = 120.0;
pub const HEIGHT: f64 = 28.0;

/// An SVG path over `length` places, the newest value at the right edge, from 0 to the greatest value or `at_least`.
/// A gap where there is no value.
pub fn path(values: &[Option<f64>], length: usize, at_least: f64) -> String {
    let top = values
        .iter()
        .flatten()
        .fold(at_least, |top, value| top.max(*value));
    let step = WIDTH / (length.max(2) - 1) as f64;
    let first = length.saturating_sub(values.len());
    let mut path = String::new();
    let mut pen_down = false;
    for (place, value) in values.iter().enumerate() {
        match value.filter(|value| value.is_finite()) {
            Some(value) => {
                let x = (first + place) as f64 * step;
                let y = HEIGHT - (value.max(0.0) / top) * HEIGHT;
                let point = match pen_down {
                    true => format_args!("L{x:.1} {y:.1}"),
                    // A line of no length: a value without neighbours is a dot.
                    false => format_args!("M{x:.1} {y:.1}h0"),
                };
                path.write_fmt(point).expect("a String takes everything");
                pen_down = true;
            }
            None => pen_down = false,
        }
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_value_is_at_the_right_edge() {
        assert_eq!(
            path(&[Some(0.0), Some(10.0)], 3, 1.0),
            "M60.0 28.0h0L120.0 0.0"
        );
    }

    #[test]
    fn a_missing_value_is_a_gap() {
        assert_eq!(
            path(&[Some(1.0), None, Some(1.0)], 3, 1.0),
            "M0.0 0.0h0M120.0 0.0h0"
        );
    }

    #[test]
    fn nothing_and_nonsense_draw_nothing() {
        assert_eq!(path(&[], 60, 1.0), "");
        assert_eq!(path(&[Some(f64::NAN)], 60, 1.0), "");
    }
}
