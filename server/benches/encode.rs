//! What one frame costs: converting what changed, and encoding it, for typical changes of a page.
//!
//! `cargo bench -p server --bench encode`. After each figure it prints the bitrate at 60 frames per second.

use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::{Criterion, criterion_group, criterion_main};
use farpane::bitrate::Bitrate;
use farpane::picture::I420;
use farpane::picture::convert::{Bgrx, Converter};
use farpane::picture::rect::Rect;
use farpane::video::h264::{Encoded, H264, Settings};
use shared::geometry::VideoSize;

/// What a browser would have drawn.
struct Screen {
    size: VideoSize,
    bgrx: Vec<u8>,
    /// A page of text, three screens high.
    page: Vec<u8>,
}

#[derive(Clone, Copy, Debug)]
enum Change {
    /// The whole picture moves up by some pixels.
    ScrollingText,
    /// One pixel wide, one line high.
    Caret,
    /// 200 pixels wide and high, over text.
    MovingBox,
    /// The whole page turns another colour.
    Flash,
}

const PAPER: [u8; 4] = [255, 255, 255, 255];
const INK: [u8; 4] = [40, 30, 20, 255];
const BOX: [u8; 4] = [200, 120, 40, 255];

impl Screen {
    fn new(size: VideoSize) -> Screen {
        let (width, height) = size.usize();
        let mut page = vec![0; width * height * 3 * 4];
        page.chunks_exact_mut(4)
            .for_each(|pixel| pixel.copy_from_slice(&PAPER));
        // Letters of 7×11 pixels with random strokes, in lines of 20.
        let mut random = 12345u32;
        for line in (8..height * 3 - 20).step_by(20) {
            for letter in (20..width - 40).step_by(9) {
                random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                // A space now and then.
                let strokes = if random >> 29 == 0 { 0 } else { random };
                for stroke in 0..6 {
                    if strokes >> (8 + stroke) & 1 == 0 {
                        continue;
                    }
                    let (x, y, w, h) = match stroke {
                        0 => (0, 0, 7, 1),
                        1 => (0, 5, 7, 1),
                        2 => (0, 10, 7, 1),
                        3 => (0, 0, 2, 11),
                        4 => (5, 0, 2, 11),
                        _ => (3, 2, 1, 7),
                    };
                    fill(&mut page, width, (letter + x, line + y, w, h), INK);
                }
            }
        }
        let bgrx = page[..width * height * 4].to_vec();
        Screen { size, bgrx, page }
    }

    /// Draws the next state, and says which part changed.
    fn step(&mut self, change: Change, number: usize) -> Rect {
        let (width, height) = self.size.usize();
        let row = width * 4;
        match change {
            Change::ScrollingText => {
                let top = number * 8 % (height * 2);
                let shown = &self.page[top * row..(top + height) * row];
                self.bgrx.copy_from_slice(shown);
                rect(0, 0, width, height)
            }
            Change::Caret => {
                let colour = if number.is_multiple_of(2) { INK } else { PAPER };
                fill(&mut self.bgrx, width, (300, 206, 1, 22), colour);
                rect(300, 206, 1, 22)
            }
            Change::Flash => {
                let colour = if number.is_multiple_of(2) { BOX } else { PAPER };
                fill(&mut self.bgrx, width, (0, 0, width, height), colour);
                rect(0, 0, width, height)
            }
            Change::MovingBox => {
                let x_at = |number: usize| number * 4 % (width - 200);
                let (before, now) = (x_at(number.saturating_sub(1)), x_at(number));
                for y in 100..300 {
                    let line = y * row + before * 4..y * row + (before + 200) * 4;
                    self.bgrx[line.clone()].copy_from_slice(&self.page[line]);
                }
                fill(&mut self.bgrx, width, (now, 100, 200, 200), BOX);
                let (left, right) = (before.min(now), before.max(now) + 200);
                rect(left, 100, right - left, 200)
            }
        }
    }
}

fn fill(pixels: &mut [u8], width: usize, part: (usize, usize, usize, usize), colour: [u8; 4]) {
    let (left, top, columns, rows) = part;
    for y in top..top + rows {
        let line = &mut pixels[(y * width + left) * 4..][..columns * 4];
        line.chunks_exact_mut(4)
            .for_each(|pixel| pixel.copy_from_slice(&colour));
    }
}

fn rect(left: usize, top: usize, width: usize, height: usize) -> Rect {
    let [left, top, width, height] =
        [left, top, width, height].map(|side| i32::try_from(side).expect("fits a screen"));
    Rect::new(left, top, width, height).even()
}

fn frame(criterion: &mut Criterion) {
    for (name, size) in [("720p", VideoSize::HD), ("1080p", VideoSize::FULL_HD)] {
        for change in [
            Change::Caret,
            Change::MovingBox,
            Change::ScrollingText,
            Change::Flash,
        ] {
            for slices in [1, 2] {
                measure(criterion, name, size, change, slices);
            }
        }
    }
}

fn measure(criterion: &mut Criterion, name: &str, size: VideoSize, change: Change, slices: u32) {
    let (mut frames, mut bytes, mut skipped) = (0usize, 0usize, 0usize);
    let mut screen = Screen::new(size);
    let mut picture = I420::black(size);
    let settings = Settings {
        size,
        ceiling: Bitrate::kbps(4000),
        frame_rate: 60,
        slices,
        smooth: false,
    };
    let mut converter = Converter::default();
    let mut codec = H264::open(settings).expect("openh264 opens");
    let mut number = 0;
    let mut next = |convert_only: bool| {
        let rect = screen.step(change, number);
        let pixels = Bgrx {
            bytes: &screen.bgrx,
            stride: size.usize().0 * 4,
        };
        let began = Instant::now();
        converter.convert(&mut picture, pixels.part(rect).expect("inside"), rect);
        if !convert_only {
            let at = Duration::from_micros(16_667) * u32::try_from(number).expect("few frames");
            match codec.encode(&picture, at).expect("encodes") {
                Encoded::AccessUnit { data, keyframe } => {
                    if !keyframe {
                        bytes += black_box(data.len());
                        frames += 1;
                    }
                }
                Encoded::Skipped => skipped += 1,
            }
        }
        let took = began.elapsed();
        number += 1;
        took
    };
    let mut group = criterion.benchmark_group(format!("{name} {change:?}"));
    if slices == 1 {
        group.bench_function("convert", |bencher| {
            bencher.iter_custom(|times| (0..times).map(|_| next(true)).sum());
        });
    }
    group.bench_function(format!("convert + encode, {slices} slice(s)"), |bencher| {
        bencher.iter_custom(|times| (0..times).map(|_| next(false)).sum());
    });
    group.finish();
    if frames > 0 {
        let rate = bytes as f64 / frames as f64 * 60.0 * 8.0 / 1e6;
        println!(
            "  {rate:.2} Mb/s at 60 frames per second, {skipped} of {} frames skipped",
            frames + skipped
        );
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default().measurement_time(Duration::from_secs(3)).warm_up_time(Duration::from_millis(500)).sample_size(20);
    targets = frame
}
criterion_main!(benches);
