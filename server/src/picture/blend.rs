//! Pure: one row of premultiplied BGRA over one row of opaque BGRX.

/// `below = above + below × (1 − alpha)`; both rows hold 4 bytes per pixel, and the shorter one ends it.
pub fn over(below: &mut [u8], above: &[u8]) {
    for (below, above) in below
        .as_chunks_mut::<4>()
        .0
        .iter_mut()
        .zip(above.as_chunks::<4>().0)
    {
        match above[3] {
            255 => *below = *above,
            0 if *above == [0; 4] => {}
            alpha => {
                let rest = u16::from(255 - alpha);
                for (below, above) in below.iter_mut().zip(above) {
                    // Dividing by 255 rounded to the nearest, without a division.
                    let scaled = u16::from(*below) * rest + 128;
                    let scaled = (scaled + (scaled >> 8)) >> 8;
                    // A client may send colours brighter than their alpha allows.
                    *below = above.saturating_add(scaled as u8);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn opaque_replaces_and_transparent_leaves() {
        let mut row = [10, 20, 30, 255, 40, 50, 60, 255];
        over(&mut row, &[1, 2, 3, 255, 0, 0, 0, 0]);
        assert_eq!(row, [1, 2, 3, 255, 40, 50, 60, 255]);
    }

    #[test]
    fn half_of_white_over_black_is_grey() {
        let mut row = [0, 0, 0, 255];
        over(&mut row, &[128, 128, 128, 128]);
        assert_eq!(row, [128, 128, 128, 255]);
    }

    proptest! {
        #[test]
        fn a_blend_lies_within_half_a_step_of_the_exact_value(below in any::<u8>(), colour in any::<u8>(), alpha in any::<u8>()) {
            let above = (u16::from(colour) * u16::from(alpha) / 255) as u8;
            let mut row = [below, below, below, 255];
            over(&mut row, &[above, above, above, alpha]);
            let exact = f64::from(above) + f64::from(below) * f64::from(255 - alpha) / 255.0;
            prop_assert!((f64::from(row[0]) - exact).abs() <= 0.51, "{} {}", row[0], exact);
        }
    }
}
