//! The encoder's thread: pictures in, frames out, and its end.

use super::*;
use std::sync::mpsc;

pub(super) const OPTIONS: EncoderOptions = EncoderOptions {
    size: VideoSize::HD,
    bitrate: Bitrate::kbps(4000),
    frame_rate: 60,
    adapt: false,
};

/// What is asked of the encoder, the encoder, and what it makes.
fn start(latest: &Arc<Mailbox>) -> (Arc<Downlink>, Encoder, mpsc::Receiver<Sample>) {
    let (send, frames) = mpsc::channel();
    let options = OPTIONS;
    let downlink = Arc::new(Downlink::new(options.bitrate, options.frame_rate, {
        let latest = latest.clone();
        move || latest.nudge()
    }));
    let encoder = Encoder::start(options, latest.clone(), downlink.clone(), move |frame| {
        let _ = send.send(frame);
    });
    (downlink, encoder.unwrap(), frames)
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
    let (_, encoder, frames) = start(&latest);
    let drawn_at = paint(&latest, 100);
    let frame = frames.recv().unwrap();
    assert!(frame.keyframe);
    assert_eq!((frame.at, frame.size), (drawn_at, VideoSize::HD));
    let drawn_at = paint(&latest, 120);
    let frame = frames.recv().unwrap();
    assert!(!frame.keyframe);
    assert_eq!(frame.at, drawn_at);
    drop(encoder);
    assert!(frames.recv().is_err(), "no further frame was made");
}

#[test]
fn requests_before_a_keyframe_are_one_and_a_later_one_is_answered_on_a_still_picture() {
    let latest = Mailbox::new(VideoSize::HD);
    let (downlink, encoder, frames) = start(&latest);
    // Black is not worth one, so both wait for the picture.
    downlink.request_keyframe(KeyframeReason::Joined);
    downlink.request_keyframe(KeyframeReason::Requested);
    let drawn_at = paint(&latest, 100);
    let first = frames.recv().unwrap();
    assert!(first.keyframe);
    assert_eq!(first.at, drawn_at);
    downlink.request_keyframe(KeyframeReason::Requested);
    let second = frames.recv().unwrap();
    assert!(second.keyframe);
    assert!(second.at > first.at, "of the picture as it is now");
    drop(encoder);
    assert!(
        frames.try_iter().all(|frame| !frame.keyframe),
        "one keyframe for both"
    );
}

#[test]
fn the_mailbox_closing_ends_the_thread() {
    let latest = Mailbox::new(VideoSize::HD);
    let (_, _encoder, frames) = start(&latest);
    latest.close();
    assert!(frames.recv().is_err());
}
