//! Layers of pixels (page, menus) → the damaged parts of one I420 picture.

use std::ops::Range;

use super::{
    I420, blend,
    convert::{Bgrx, Converter},
    damage::Damage,
    rect::Rect,
};

/// Where a layer's pixels come from.
pub trait Pixels {
    /// Calls `read` with all pixels, or not at all when they cannot be read.
    fn with(&self, read: &mut dyn FnMut(Bgrx));
}

/// Pixels at their place in the picture.
pub struct Layer<P> {
    /// In pixels of the picture.
    pub rect: Rect,
    /// No alpha: the layer hides what lies below it.
    pub opaque: bool,
    /// As many as `rect` has.
    pub pixels: P,
}

/// Draws layers; keeps its scratch memory from picture to picture.
#[derive(Default)]
pub struct Composer {
    scratch: Vec<u8>,
    converter: Converter,
}

impl Composer {
    /// Brings the damaged parts of `canvas` up to date with `layers`, bottom first, over black.
    /// Gives the rows that changed by it, even at both ends.
    pub fn compose<P: Pixels>(
        &mut self,
        canvas: &mut I420,
        layers: &[Layer<P>],
        damage: &Damage,
    ) -> Range<usize> {
        let size = canvas.size();
        let bounds = Rect::new(0, 0, size.width().into(), size.height().into());
        let mut changed = 0..0;
        for rect in damage.rects() {
            let rect = rect.intersection(bounds).even();
            if !rect.is_empty() {
                changed = around(changed, self.compose_rect(canvas, layers, rect));
            }
        }
        changed
    }

    fn compose_rect<P: Pixels>(
        &mut self,
        canvas: &mut I420,
        layers: &[Layer<P>],
        rect: Rect,
    ) -> Range<usize> {
        // Premultiplied pixels over black are the pixels themselves, so the bottom layer needs no blending.
        let page = layers.first().filter(|page| page.rect.contains(rect));
        let Some(page) = page else {
            return self.mix(canvas, layers, rect);
        };
        let above = layers[1..]
            .iter()
            .map(|layer| layer.rect.intersection(rect))
            .fold(Rect::EMPTY, Rect::union)
            .even();
        if above.is_empty() {
            return self.straight(canvas, page, rect);
        }
        // Only the rows that a menu reaches take the longer way.
        let over = self.straight(canvas, page, rect.with_rows(rect.top, above.top));
        let beside = self.mix(canvas, layers, rect.with_rows(above.top, above.bottom));
        let below = self.straight(canvas, page, rect.with_rows(above.bottom, rect.bottom));
        around(around(over, beside), below)
    }

    /// From the layer's own memory, without a copy in between.
    fn straight<P: Pixels>(
        &mut self,
        canvas: &mut I420,
        page: &Layer<P>,
        rect: Rect,
    ) -> Range<usize> {
        let mut changed = 0..0;
        if rect.is_empty() {
            return changed;
        }
        page.pixels.with(&mut |pixels| {
            if let Some(part) = pixels.part(rect.moved(-page.rect.left, -page.rect.top)) {
                changed = self.converter.convert(canvas, part, rect);
            }
        });
        changed
    }

    /// Blends all layers in scratch memory, then converts that.
    fn mix<P: Pixels>(
        &mut self,
        canvas: &mut I420,
        layers: &[Layer<P>],
        rect: Rect,
    ) -> Range<usize> {
        let stride = rect.width() * 4;
        self.scratch.clear();
        self.scratch.resize(stride * rect.height(), 0);
        for (depth, layer) in layers.iter().enumerate() {
            let part = layer.rect.intersection(rect);
            if part.is_empty() {
                continue;
            }
            let replaces = layer.opaque || depth == 0;
            let within_scratch = part.moved(-rect.left, -rect.top);
            layer.pixels.with(&mut |pixels| {
                let Some(pixels) = pixels.part(part.moved(-layer.rect.left, -layer.rect.top))
                else {
                    return;
                };
                for (row, to) in within_scratch.rows().enumerate() {
                    let from = pixels.row(row, part.width());
                    let start = to * stride + within_scratch.columns().start * 4;
                    let below = &mut self.scratch[start..start + from.len()];
                    if replaces {
                        below.copy_from_slice(from);
                    } else {
                        blend::over(below, from);
                    }
                }
            });
        }
        let mixed = Bgrx {
            bytes: &self.scratch,
            stride,
        };
        self.converter.convert(canvas, mixed, rect)
    }
}

/// The smallest range around both.
fn around(a: Range<usize>, b: Range<usize>) -> Range<usize> {
    match (a.is_empty(), b.is_empty()) {
        (true, _) => b,
        (_, true) => a,
        _ => a.start.min(b.start)..a.end.max(b.end),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use shared::geometry::VideoSize;

    struct Solid(Vec<u8>, usize);

    impl Pixels for Solid {
        fn with(&self, read: &mut dyn FnMut(Bgrx)) {
            read(Bgrx {
                bytes: &self.0,
                stride: self.1,
            });
        }
    }

    fn layer(rect: Rect, pixel: [u8; 4]) -> Layer<Solid> {
        Layer {
            rect,
            opaque: false,
            pixels: Solid(pixel.repeat(rect.width() * rect.height()), rect.width() * 4),
        }
    }

    fn size() -> VideoSize {
        VideoSize::new(256, 128).unwrap()
    }

    const PAGE: Rect = Rect {
        left: 0,
        top: 0,
        right: 256,
        bottom: 128,
    };
    const WHITE: [u8; 4] = [255; 4];
    const BLACK: [u8; 4] = [0, 0, 0, 255];

    fn damage(rect: Rect) -> Damage {
        let mut damage = Damage::default();
        damage.add(rect);
        damage
    }

    #[test]
    fn a_menu_hides_the_page_until_it_is_gone() {
        let menu = Rect::new(20, 30, 50, 40);
        let mut canvas = I420::black(size());
        let mut composer = Composer::default();
        let with_menu = [layer(PAGE, WHITE), layer(menu, BLACK)];
        composer.compose(&mut canvas, &with_menu, &damage(PAGE));
        assert_eq!((canvas.y()[0], canvas.y()[50 * 256 + 40]), (235, 16));
        let rows = composer.compose(&mut canvas, &with_menu[..1], &damage(menu));
        assert_eq!(rows, 30..70);
        assert!(canvas.y().iter().all(|luma| *luma == 235));
    }

    #[test]
    fn what_no_layer_covers_is_black() {
        let mut canvas = I420::black(size());
        let small = [layer(Rect::new(0, 0, 100, 100), WHITE)];
        Composer::default().compose(&mut canvas, &small, &damage(PAGE));
        assert_eq!((canvas.y()[0], canvas.y()[101]), (235, 16));
    }

    #[test]
    fn damage_outside_the_picture_touches_nothing() {
        let mut canvas = I420::black(size());
        let rows = Composer::default().compose(
            &mut canvas,
            &[layer(PAGE, WHITE)],
            &damage(Rect::new(-500, 9000, 100, 100)),
        );
        assert!(rows.is_empty());
    }

    proptest! {
        #[test]
        fn a_damaged_part_looks_as_in_the_whole_picture(
            menu in (-40..256i32, -40..128i32, 1..90i32, 1..90i32),
            part in (-10..256i32, -10..128i32, 1..200i32, 1..100i32),
            alpha in any::<u8>(),
        ) {
            let menu = Rect::new(menu.0, menu.1, menu.2, menu.3);
            let part = Rect::new(part.0, part.1, part.2, part.3);
            let layers = [layer(PAGE, [200, 100, 50, 255]), layer(menu, [alpha / 2, alpha, 0, alpha])];
            let (mut whole, mut partly) = (I420::black(size()), I420::black(size()));
            let mut composer = Composer::default();
            composer.compose(&mut whole, &layers, &damage(PAGE));
            let rows = composer.compose(&mut partly, &layers, &damage(part));
            let seen = part.intersection(PAGE).even();
            prop_assert!(rows.is_empty() || (seen.rows().start <= rows.start && rows.end <= seen.rows().end));
            for row in seen.rows() {
                for column in seen.columns() {
                    let at = row * 256 + column;
                    prop_assert!(whole.y()[at].abs_diff(partly.y()[at]) <= 1, "row {} column {}", row, column);
                }
            }
        }
    }
}
