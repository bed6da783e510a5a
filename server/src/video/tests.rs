//! The encoder's thread: pictures in, frames out, and its end.

use super::*;
use std::sync::mpsc;

pub(super) const OPTIONS: EncoderOptions = EncoderOptions {
    size: VideoSize::HD,
    bitrate: Bitrate::kbps(4000),
    frame_rate: 60,
    adapt: false,
};

fn start(latest: &Arc<Mailbox>) -> (Encoder, mpsc::Receiver<Frame>) {
    let (send, frames) = mpsc::channel();
    let options = OPTIONS;
    let gate = Arc::new(Backpressure::new(|| {}));
    let encoder = Encoder::start(options, latest.clone(), gate, move |frame| {
        let _ = send.send(frame);
    });
    (encoder.unwrap(), frames)
}

fn paint(latest: &Mailbox, luma: u8) -> Instant {
    let drawn_at = Instant::now();
    latest.publish(drawn_at, |canvas| {
        let height = canvas.size().usize().1;
        canvas.planes_mut().0.fill(luma);
        0..height
    });
    drawn_at
}

#[test]
fn a_picture_becomes_a_frame_and_stillness_becomes_nothing() {
    let latest = Mailbox::new(VideoSize::HD);
    let (encoder, frames) = start(&latest);
    let drawn_at = paint(&latest, 100);
    let frame = frames.recv().unwrap();
    assert!(frame.keyframe);
    assert_eq!((frame.drawn_at, frame.size), (drawn_at, VideoSize::HD));
    let drawn_at = paint(&latest, 120);
    let frame = frames.recv().unwrap();
    assert!(!frame.keyframe);
    assert_eq!(frame.drawn_at, drawn_at);
    drop(encoder);
    assert!(frames.recv().is_err(), "no further frame was made");
}

#[test]
fn requests_are_merged_and_the_last_one_is_answered_on_a_still_picture() {
    let latest = Mailbox::new(VideoSize::HD);
    let (encoder, frames) = start(&latest);
    encoder.request_keyframe();
    paint(&latest, 100);
    let first = frames.recv().unwrap();
    assert!(first.keyframe);
    encoder.request_keyframe();
    encoder.request_keyframe();
    let second = frames.recv().unwrap();
    assert!(second.keyframe);
    // The first one was stamped before it was encoded.
    assert!(second.drawn_at - first.drawn_at >= keyframe_throttle::QUIET);
    drop(encoder);
    assert!(frames.recv().is_err(), "one keyframe for both requests");
}

#[test]
fn the_mailbox_closing_ends_the_thread() {
    let latest = Mailbox::new(VideoSize::HD);
    let (_encoder, frames) = start(&latest);
    latest.close();
    assert!(frames.recv().is_err());
}
