//! Pure: logical pixels of the page → pixels of the picture, which are those of Chrome's buffers.
//!
//! What Wayland says in logical pixels has smithay's type for it (`Logical`); a [`Rect`] here is in pixels of the picture.

use shared::geometry::{PointInPage, Scale};
use smithay::utils::{Logical, Point, Rectangle};

use crate::picture::rect::Rect;

/// The pixel at which what begins at this logical one begins.
pub fn pixel_from_page(scale: Scale, at: Point<i32, Logical>) -> (i32, i32) {
    let pixel = |logical: i32| (f64::from(logical) * scale.as_f64()).round() as i32;
    (pixel(at.x), pixel(at.y))
}

/// All pixels that the rectangle touches.
pub fn picture_from_page(scale: Scale, rect: Rectangle<i32, Logical>) -> Rect {
    let scaled = |logical: i32| f64::from(logical) * scale.as_f64();
    let end = |start: i32, length: i32| scaled(start.saturating_add(length)).ceil() as i32;
    Rect {
        left: scaled(rect.loc.x).floor() as i32,
        top: scaled(rect.loc.y).floor() as i32,
        right: end(rect.loc.x, rect.size.w),
        bottom: end(rect.loc.y, rect.size.h),
    }
}

/// Sub-pixel.
pub fn subpixel_from_page(scale: Scale, point: Point<f64, Logical>) -> (f64, f64) {
    (point.x * scale.as_f64(), point.y * scale.as_f64())
}

/// In smithay's terms.
pub fn logical(point: PointInPage) -> Point<f64, Logical> {
    (f64::from(point.x), f64::from(point.y)).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn page_rect(x: i32, y: i32, width: i32, height: i32) -> Rectangle<i32, Logical> {
        Rectangle::new((x, y).into(), (width, height).into())
    }

    #[test]
    fn at_one_and_a_half_a_rectangle_covers_every_pixel_it_touches() {
        let scale = Scale::from_120ths(180).unwrap();
        let rect = picture_from_page(scale, page_rect(1, 2, 3, 3));
        assert_eq!(
            rect,
            Rect {
                left: 1,
                top: 3,
                right: 6,
                bottom: 8
            }
        );
        assert_eq!(pixel_from_page(scale, (10, 3).into()), (15, 5));
    }

    proptest! {
        #[test]
        fn at_scale_1_nothing_moves(x in any::<i32>(), y in -9..9i32, width in 0..5000i32, height in 0..5000i32) {
            let rect = page_rect(x, y, width, height);
            prop_assert_eq!(picture_from_page(Scale::ONE, rect), Rect::new(x, y, width, height));
            prop_assert_eq!(pixel_from_page(Scale::ONE, (x, y).into()), (x, y));
        }
    }
}
