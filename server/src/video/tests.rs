//! The encoder's thread: pictures in, frames out, and its end.

use super::*;
use crate::stream::KeyframeReason;
use openh264::decoder::Decoder;
use openh264::formats::YUVSource;
use shared::geometry::Geometry;
use std::sync::mpsc;

pub(super) const OPTIONS: EncoderOptions = EncoderOptions {
    bitrate: Bitrate::kbps(4000),
    frame_rate: 60,
    adapt: false,
};

/// What is asked of the encoder, the encoder, and what it makes.
fn start(mailbox: &Arc<Mailbox>) -> (Arc<Downlink>, Encoder, mpsc::Receiver<Sample>) {
    let (send, frames) = mpsc::channel();
    let options = OPTIONS;
    let downlink = Arc::new(Downlink::new(options.bitrate, options.frame_rate, {
        let mailbox = mailbox.clone();
        move || mailbox.notify()
    }));
    let encoder = Encoder::start(options, mailbox.clone(), downlink.clone(), move |frame| {
        let _ = send.send(frame);
    });
    (downlink, encoder.unwrap(), frames)
}

fn paint(mailbox: &Mailbox, luma: u8) -> Instant {
    paint_at(mailbox, Geometry::unscaled(VideoSize::HD), luma)
}

fn paint_at(mailbox: &Mailbox, geometry: Geometry, luma: u8) -> Instant {
    let drawn_at = Instant::now();
    mailbox.publish(geometry, drawn_at, |canvas| {
        let height = canvas.size().usize().1;
        canvas.planes_mut().0.fill(luma);
        0..height
    });
    drawn_at
}

#[test]
fn a_picture_becomes_a_frame_and_stillness_becomes_nothing() {
    let mailbox = Mailbox::new();
    let (_, encoder, frames) = start(&mailbox);
    let drawn_at = paint(&mailbox, 100);
    let frame = frames.recv().unwrap();
    assert!(frame.video().keyframe);
    assert_eq!((frame.at, frame.video().size), (drawn_at, VideoSize::HD));
    let drawn_at = paint(&mailbox, 120);
    let frame = frames.recv().unwrap();
    assert!(!frame.video().keyframe);
    assert_eq!(frame.at, drawn_at);
    drop(encoder);
    assert!(frames.recv().is_err(), "no further frame was made");
}

#[test]
fn requests_before_a_keyframe_are_one_and_a_later_one_is_answered_on_a_still_picture() {
    let mailbox = Mailbox::new();
    let (downlink, encoder, frames) = start(&mailbox);
    // Black is not worth one, so both wait for the picture.
    downlink.request_keyframe(KeyframeReason::Joined);
    downlink.request_keyframe(KeyframeReason::Requested);
    let drawn_at = paint(&mailbox, 100);
    let first = frames.recv().unwrap();
    assert!(first.video().keyframe);
    assert_eq!(first.at, drawn_at);
    downlink.request_keyframe(KeyframeReason::Requested);
    let second = frames.recv().unwrap();
    assert!(second.video().keyframe);
    assert!(second.at > first.at, "of the picture as it is now");
    drop(encoder);
    assert!(
        frames.try_iter().all(|frame| !frame.video().keyframe),
        "one keyframe for both"
    );
}

#[test]
fn the_mailbox_closing_ends_the_thread() {
    let mailbox = Mailbox::new();
    let (_, _encoder, frames) = start(&mailbox);
    mailbox.close();
    assert!(frames.recv().is_err());
}

#[test]
fn frames_follow_the_size_of_their_pictures_with_one_keyframe_each() {
    let mailbox = Mailbox::new();
    let (_, encoder, frames) = start(&mailbox);
    let mut decoder = Decoder::new().unwrap();
    let size = |width, height| VideoSize::new(width, height).unwrap();
    let sizes = [size(640, 480), size(1280, 720), size(800, 1200)];
    for (epoch, video) in (0..).zip(sizes) {
        let geometry = Geometry {
            epoch,
            ..Geometry::unscaled(video)
        };
        let mut keyframes = Vec::new();
        for luma in [60, 90, 120] {
            paint_at(&mailbox, geometry, luma);
            let frame = frames.recv().unwrap();
            assert_eq!(
                (frame.video().geometry, frame.video().size),
                (geometry, video)
            );
            let shown = decoder.decode(&frame.data).unwrap().expect("a picture");
            assert_eq!(shown.dimensions(), video.usize());
            let middle = shown.strides().0 * 200 + 300;
            assert!(shown.y()[middle].abs_diff(luma) <= 3);
            keyframes.push(frame.video().keyframe);
        }
        assert_eq!(keyframes, [true, false, false]);
    }
    drop(encoder);
    assert!(frames.recv().is_err(), "no further frame was made");
}
