//! What a picture costs before it is encoded: layers of pixels → the changed rows of an I420 canvas.

use std::{hint::black_box, ops::Range, time::Instant};

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use farpane::picture::{
    I420,
    compose::{Composer, Layer, Pixels},
    convert::Bgrx,
    damage::Damage,
    mailbox::Mailbox,
    rect::Rect,
    shrink::Shrink,
};
use shared::geometry::{Geometry, VideoSize};

/// A buffer as Chrome commits it.
struct Buffer {
    bytes: Vec<u8>,
    width: usize,
}

impl Pixels for &Buffer {
    fn with(&self, read: &mut dyn FnMut(Bgrx)) {
        read(Bgrx {
            bytes: &self.bytes,
            stride: self.width * 4,
        });
    }
}

impl Buffer {
    /// Lines of dark specks on white, like text scrolled by `offset` rows.
    fn text(width: usize, height: usize, offset: usize) -> Buffer {
        let mut bytes = vec![255; width * height * 4];
        for row in 0..height {
            let line = (row + offset) / 20;
            if (row + offset) % 20 > 13 {
                continue;
            }
            for column in (0..width).filter(|column| (column * 7 + line * 13) % 11 < 4) {
                bytes[(row * width + column) * 4..][..3].fill(40);
            }
        }
        Buffer { bytes, width }
    }

    fn fill(mut self, rect: Rect, pixel: [u8; 4]) -> Buffer {
        for row in rect.rows() {
            for column in rect.columns() {
                self.bytes[(row * self.width + column) * 4..][..4].copy_from_slice(&pixel);
            }
        }
        self
    }
}

struct Pattern {
    name: &'static str,
    /// Committed in turn, so that each picture differs from the one before.
    pages: [Buffer; 2],
    damage: Rect,
    popup: Option<(Buffer, Rect)>,
}

fn patterns(width: usize, height: usize) -> Vec<Pattern> {
    let whole = Rect::new(0, 0, width as i32, height as i32);
    let caret = Rect::new(401, 301, 1, 22);
    let box_at = |x| Rect::new(x, 200, 200, 200);
    let page = |offset| Buffer::text(width, height, offset);
    let blue = [255, 0, 0, 255];
    let menu = Rect::new(300, 100, 250, 400);
    let shaded = Buffer::text(menu.width(), menu.height(), 0).fill(
        Rect::new(0, 380, 250, 20),
        // A shadow: half transparent black.
        [0, 0, 0, 128],
    );
    vec![
        Pattern {
            name: "whole frame",
            pages: [page(0), page(3)],
            damage: whole,
            popup: None,
        },
        Pattern {
            name: "whole frame, nothing changed",
            pages: [page(0), page(0)],
            damage: whole,
            popup: None,
        },
        Pattern {
            name: "caret",
            pages: [page(0), page(0).fill(caret, [0, 0, 0, 255])],
            damage: caret,
            popup: None,
        },
        Pattern {
            name: "moving box",
            pages: [
                page(0).fill(box_at(500), blue),
                page(0).fill(box_at(504), blue),
            ],
            damage: Rect::new(500, 200, 204, 200),
            popup: None,
        },
        Pattern {
            name: "popup over a changing page",
            pages: [page(0), page(3)],
            damage: whole,
            popup: Some((shaded, menu)),
        },
    ]
}

fn pictures(criterion: &mut Criterion) {
    for (size, label) in [(VideoSize::HD, "720p"), (VideoSize::FULL_HD, "1080p")] {
        let (width, height) = size.usize();
        let mut group = criterion.benchmark_group(format!("compose and convert, {label}"));
        for pattern in patterns(width, height) {
            let mailbox = Mailbox::new();
            let mut composer = Composer::default();
            let mut turn = 0;
            let mut draw = |damage: Rect| {
                turn ^= 1;
                let mut layers = vec![Layer {
                    rect: Rect::new(0, 0, width as i32, height as i32),
                    opaque: true,
                    pixels: &pattern.pages[turn],
                }];
                layers.extend(pattern.popup.as_ref().map(|(pixels, rect)| Layer {
                    rect: *rect,
                    opaque: false,
                    pixels,
                }));
                let mut damaged = Damage::default();
                damaged.add(damage);
                mailbox.publish(Geometry::unscaled(size), Instant::now(), |canvas| {
                    black_box(composer.compose(canvas, &layers, &damaged))
                });
            };
            draw(Rect::new(0, 0, width as i32, height as i32));
            let id = BenchmarkId::from_parameter(pattern.name);
            group.bench_function(id, |bencher| bencher.iter(|| draw(pattern.damage)));
        }
        group.finish();
    }
}

fn shrunk(criterion: &mut Criterion) {
    let size = |width, height| VideoSize::new(width, height).expect("a size");
    for (from, label, into) in [
        (VideoSize::HD, "720p", [size(960, 540), size(640, 360)]),
        (
            VideoSize::FULL_HD,
            "1080p",
            [size(1440, 810), size(960, 540)],
        ),
    ] {
        let mut group = criterion.benchmark_group(format!("shrink, {label}"));
        let (width, height) = from.usize();
        let mut picture = I420::black(from);
        for (at, luma) in picture.planes_mut().0.iter_mut().enumerate() {
            *luma = 16 + (at % width * 7 / 3 + at / width * 5 % 200) as u8 % 200;
        }
        for into in into {
            let mut smaller = Shrink::new(into);
            let mut run = |name: String, rows: Range<usize>| {
                group.bench_function(name, |bencher| {
                    bencher.iter(|| smaller.update(black_box(&picture), rows.clone()))
                });
            };
            run(format!("to {into}"), 0..height);
            run(
                format!("to {into}, a tenth of the rows"),
                0..height / 20 * 2,
            );
        }
        group.finish();
    }
}

criterion_group!(benches, pictures, shrunk);
criterion_main!(benches);
