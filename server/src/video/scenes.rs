//! Whole scenes: pictures of a page, the encoder, a link of arithmetic, and a decoder.

use std::sync::mpsc;

use openh264::decoder::Decoder;
use openh264::formats::YUVSource;

use shared::geometry::Geometry;
use std::time::Duration;

use super::*;
use crate::video::testing::{psnr, text};
use crate::video::tests::OPTIONS;

/// A page of text that scrolls by so many rows a frame for so long, and then rests, on a link of that bitrate.
struct Scene {
    scroll: usize,
    link: Bitrate,
    moves: Duration,
    /// It comes to rest by becoming another page.
    cut: bool,
}

struct Played {
    /// That the viewer saw, one after the other.
    sizes: Vec<VideoSize>,
    /// The first frame after the movement: how long it was on its way, and how alike to the page, in dB.
    first: (Duration, f64),
}

impl Scene {
    fn play(&self) -> Played {
        let mailbox = Mailbox::new();
        let gate = Arc::new(Downlink::new(self.link.part(0.9), OPTIONS.frame_rate, {
            let mailbox = mailbox.clone();
            move || mailbox.notify()
        }));
        let (send, frames) = mpsc::channel();
        let (link, way) = (self.link, gate.clone());
        let options = EncoderOptions {
            adapt: true,
            ..OPTIONS
        };
        let encoder = Encoder::start(options, mailbox.clone(), gate.clone(), move |frame| {
            way.set_ready_at(frame.encoded_at + link.time_for(frame.data.len()));
            let _ = send.send(frame);
        })
        .unwrap();
        let began = Instant::now();
        let mut page = I420::black(VideoSize::HD);
        let mut step = 0;
        while began.elapsed() < self.moves {
            // As Chrome, which is given frame callbacks no sooner.
            if let Some(wait) = gate.wait(Instant::now()) {
                std::thread::sleep(wait);
                continue;
            }
            let drawn_at = Instant::now();
            step += 1;
            page = text(step * self.scroll);
            show(&mailbox, &page);
            std::thread::sleep(Duration::from_millis(16).saturating_sub(drawn_at.elapsed()));
        }
        let mut rests = Instant::now();
        if self.cut {
            // What moved has arrived.
            std::thread::sleep(gate.wait(rests).unwrap_or_default());
            rests = Instant::now();
            page = text(1_000_000);
            show(&mailbox, &page);
        }
        let mut decoder = Decoder::new().unwrap();
        let (mut sizes, mut exact) = (Vec::new(), false);
        let mut first = None;
        // A step towards exactness may be on its way for seconds.
        let patience = Duration::from_secs(15);
        while !exact && let Ok(frame) = frames.recv_timeout(patience) {
            let shown = decoder.decode(&frame.data).unwrap().expect("a picture");
            let (width, height) = frame.video().size.usize();
            assert_eq!(shown.dimensions(), (width, height));
            if sizes.last() != Some(&frame.video().size) {
                sizes.push(frame.video().size);
            }
            let on_the_way = link.time_for(frame.data.len());
            let arrives = frame.encoded_at + on_the_way;
            if frame.video().size == VideoSize::HD && arrives > rests {
                let now = psnr(shown.y(), shown.strides().0, &page);
                first = first.or((frame.at >= rests).then_some((on_the_way, now)));
                exact = now >= 48.0;
            }
        }
        drop(encoder);
        assert!(exact, "a page at rest becomes exact");
        let first = first.unwrap_or_default();
        Played { sizes, first }
    }
}

fn show(mailbox: &Mailbox, page: &I420) {
    mailbox.publish(
        Geometry::unscaled(VideoSize::HD),
        Instant::now(),
        |canvas| {
            canvas.copy_rows(page, 0..720);
            0..720
        },
    );
}

#[test]
fn on_a_very_narrow_link_a_page_moves_small_and_rests_whole_and_exact() {
    let Played { sizes, .. } = Scene {
        scroll: 24,
        link: Bitrate::kbps(200),
        moves: Duration::from_secs(8),
        cut: false,
    }
    .play();
    assert!(sizes.iter().any(|size| *size != VideoSize::HD), "{sizes:?}");
    assert_eq!(sizes.last(), Some(&VideoSize::HD));
    assert!(sizes.len() <= 4, "{sizes:?}");
}

#[test]
fn on_a_narrow_link_the_picture_stays_whole() {
    let Played { sizes, .. } = Scene {
        scroll: 4,
        link: Bitrate::kbps(1500),
        moves: Duration::from_secs(4),
        cut: false,
    }
    .play();
    assert_eq!(sizes, [VideoSize::HD]);
}

#[test]
fn another_page_after_a_movement_does_not_come_as_fine_as_the_movement() {
    let Played { first, .. } = Scene {
        scroll: 1,
        link: Bitrate::kbps(4000),
        moves: Duration::from_secs(3),
        cut: true,
    }
    .play();
    let (on_the_way, likeness) = first;
    assert!(on_the_way > Duration::ZERO && on_the_way < Duration::from_millis(400));
    assert!(likeness > 20.0, "{likeness}");
}
