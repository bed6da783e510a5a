//! Whole streams, faster than real time: a page, an encoder and a link of arithmetic.

use super::*;
use proptest::prelude::*;

const MS: Duration = Duration::from_millis(1);
const OPTIONS: EncoderOptions = EncoderOptions {
    bitrate: Bitrate::kbps(6000),
    frame_rate: 60,
    adapt: true,
};

/// What was encoded, and when.
#[derive(Clone, Debug)]
struct Made {
    at: Instant,
    task: Task,
    shows: Update,
}

struct Thread {
    scheduler: Scheduler,
    link: Bitrate,
    now: Instant,
    ready_at: Instant,
    geometry: Geometry,
    /// Pictures that come, soonest first: when, and how many rows of them are new.
    pictures: Vec<(Instant, usize)>,
    /// Of the whole picture at the quantizer 40.
    bytes: f64,
    made: Vec<Made>,
}

impl Thread {
    fn new(options: EncoderOptions, link: Bitrate) -> Thread {
        let now = Instant::now();
        let mut scheduler = Scheduler::new(options);
        scheduler.follow(link);
        Thread {
            scheduler,
            link,
            now,
            ready_at: now,
            geometry: Geometry::unscaled(VideoSize::HD),
            pictures: Vec::new(),
            bytes: 8000.0,
            made: Vec::new(),
        }
    }

    /// The page is drawn anew so many times, as often as Chrome draws.
    fn moves(&mut self, pictures: u32) -> &mut Thread {
        let last = self.pictures.last().map_or(self.now, |(at, _)| *at);
        let begin = last.max(self.now) + 17 * MS;
        let times = (0..pictures).map(|picture| (begin + 17 * MS * picture, 720));
        self.pictures.extend(times);
        self
    }

    /// As the thread does, until nothing is due any more.
    fn run(&mut self) -> &mut Thread {
        loop {
            match self.scheduler.next(self.ready_at, self.now) {
                Step::PauseUntilInput(time) | Step::Pause(time) => self.now += time,
                Step::Wait(deadline) => {
                    let next = self.pictures.first().map(|(at, _)| *at);
                    let Some(until) = deadline.into_iter().chain(next).min() else {
                        return self;
                    };
                    self.now = self.now.max(until);
                    let passed = self.pictures.iter().filter(|(at, _)| *at <= self.now);
                    let passed: Vec<_> = passed.copied().collect();
                    self.pictures.drain(..passed.len());
                    for (drawn_at, rows) in passed {
                        let update = self.update(drawn_at, rows);
                        self.scheduler.picture(update, self.now);
                    }
                    self.scheduler.follow(self.link);
                    self.encode();
                }
            }
        }
    }

    fn update(&self, drawn_at: Instant, rows: usize) -> Update {
        Update {
            geometry: self.geometry,
            drawn_at,
            convert: MS,
            replaced: 0,
            rows: 0..rows,
            inputs: Vec::new(),
        }
    }

    fn encode(&mut self) {
        let Some(mut task) = self.scheduler.task(self.now) else {
            return;
        };
        loop {
            let Control::Quantizer(qp) = task.control else {
                panic!("it adapts");
            };
            let finer = (40.0 - f64::from(qp)) / 8.0;
            let part = if task.keyframe { 3.0 } else { 1.0 };
            let pixels = |size: VideoSize| f64::from(size.width()) * f64::from(size.height());
            let smaller = pixels(task.size) / pixels(VideoSize::HD);
            let bytes = (self.bytes * part * finer.exp2() * smaller) as usize;
            match self.scheduler.encoded(bytes, task.keyframe).unwrap() {
                Verdict::EncodeKeyframe(qp) => {
                    task.control = Control::Quantizer(qp);
                    task.keyframe = true;
                }
                Verdict::Deliver { update, .. } => {
                    let at = self.now;
                    self.made.push(Made {
                        at,
                        task,
                        shows: update,
                    });
                    self.now += 3 * MS;
                    self.ready_at = self.now.max(self.ready_at) + self.link.time_for(bytes);
                    return;
                }
            }
        }
    }

    fn keyframes(&self) -> usize {
        self.made.iter().filter(|made| made.task.keyframe).count()
    }

    fn last_quantizer(&self) -> Option<Qp> {
        match self.made.last()?.task.control {
            Control::Quantizer(qp) => Some(qp),
            Control::FixedBitrate { .. } => None,
        }
    }
}

#[test]
fn before_the_first_picture_nothing_is_due_whoever_asks() {
    let mut thread = Thread::new(OPTIONS, Bitrate::kbps(6000));
    thread.scheduler.keyframe_requested();
    assert_eq!(
        thread.scheduler.next(thread.now, thread.now),
        Step::Wait(None)
    );
    assert_eq!(thread.scheduler.task(thread.now), None);
}

#[test]
fn a_page_that_moves_and_rests_is_one_keyframe_then_exact_then_silence() {
    let mut thread = Thread::new(OPTIONS, Bitrate::kbps(6000));
    thread.moves(120).run();
    assert_eq!(thread.keyframes(), 1);
    assert!(thread.made.len() > 100, "{}", thread.made.len());
    assert_eq!(thread.last_quantizer(), Some(8));
}

#[test]
fn a_picture_of_another_size_is_a_keyframe_of_that_size_which_fits_the_link() {
    let mut thread = Thread::new(OPTIONS, Bitrate::kbps(3000));
    thread.moves(60).run();
    let before = thread.made.len();
    thread.geometry = Geometry {
        epoch: 1,
        ..Geometry::unscaled(VideoSize::FULL_HD)
    };
    thread.moves(60).run();
    let after = &thread.made[before..];
    let first = &after[0].task;
    assert!(first.keyframe && first.new_codec);
    assert_eq!((first.size, &first.rows), (VideoSize::FULL_HD, &(0..1080)));
    assert!(after[1].at - after[0].at < 350 * MS);
    assert!(after[1..].iter().all(|made| !made.task.new_codec));
    assert!(after.iter().all(|made| made.shows.geometry.epoch == 1));
    assert_eq!(thread.last_quantizer(), Some(8));
}

#[test]
fn a_page_of_another_scale_in_a_picture_as_large_needs_no_keyframe() {
    let mut thread = Thread::new(OPTIONS, Bitrate::kbps(6000));
    thread.moves(5).run();
    thread.geometry.epoch = 1;
    thread.moves(5).run();
    assert_eq!(thread.keyframes(), 1);
    assert!(
        thread
            .made
            .iter()
            .any(|made| made.shows.geometry.epoch == 1)
    );
}

#[test]
fn a_picture_that_was_left_out_is_tried_again_without_another_one() {
    let options = EncoderOptions {
        adapt: false,
        ..OPTIONS
    };
    let mut scheduler = Scheduler::new(options);
    let thread = Thread::new(options, Bitrate::kbps(6000));
    let now = thread.now;
    scheduler.picture(thread.update(now, 720), now);
    assert!(scheduler.task(now).unwrap().new_codec);
    scheduler.skipped();
    let Step::PauseUntilInput(pause) = scheduler.next(now, now) else {
        panic!("frames are not due twice at once");
    };
    let retry_at = now + Duration::from_secs(1) / 60;
    let step = scheduler.next(now, now + pause);
    assert_eq!(step, Step::Wait(Some(retry_at)));
    let again = scheduler.task(retry_at).unwrap();
    assert!(!again.new_codec && again.keyframe);
    assert_eq!(again.rows, 0..720);
    let Some(Verdict::Deliver { update, .. }) = scheduler.encoded(1000, true) else {
        panic!("a fixed bitrate sends what it made");
    };
    assert_eq!(update.drawn_at, now);
    let step = scheduler.next(retry_at, retry_at + 17 * MS);
    assert_eq!(step, Step::Wait(None));
}

#[test]
fn a_codec_that_failed_is_followed_by_a_new_one_with_a_keyframe_of_all_rows() {
    let mut thread = Thread::new(OPTIONS, Bitrate::kbps(6000));
    thread.moves(5).run();
    let now = thread.now + 100 * MS;
    thread.scheduler.picture(thread.update(now, 2), now);
    assert!(
        thread
            .scheduler
            .task(now)
            .is_some_and(|task| !task.keyframe)
    );
    thread.scheduler.codec_failed();
    let task = thread.scheduler.task(now).unwrap();
    assert!(task.new_codec && task.keyframe);
    assert_eq!(task.rows, 0..720);
}

#[test]
fn pictures_that_come_while_the_link_is_busy_become_one_frame() {
    let mut thread = Thread::new(OPTIONS, Bitrate::kbps(6000));
    thread.moves(1).run();
    thread.ready_at = thread.now + 500 * MS;
    let made = thread.made.len();
    thread.moves(20).run();
    let shows = &thread.made[made].shows;
    assert_eq!(shows.replaced, 19);
    assert!(thread.made[made].at >= shows.drawn_at);
}

proptest! {
    /// Whatever the link, the page and its sizes: every stream ends whole, exact and silent, with a keyframe wherever the size
    /// changes, and frames that show ever newer pictures.
    #[test]
    fn every_stream_ends_exact_and_each_change_of_size_is_a_keyframe(
        kbps in 150u32..8000,
        bytes in 500.0..40_000.0f64,
        parts in proptest::collection::vec((1u32..60, 0usize..3), 1..5),
    ) {
        let mut thread = Thread::new(OPTIONS, Bitrate::kbps(kbps));
        thread.bytes = bytes;
        let sizes = [VideoSize::HD, VideoSize::FULL_HD, VideoSize::new(640, 480).unwrap()];
        for (epoch, (pictures, size)) in (0..).zip(parts) {
            thread.geometry = Geometry { epoch, ..Geometry::unscaled(sizes[size]) };
            thread.moves(pictures).run();
            let last = thread.made.last().unwrap();
            prop_assert_eq!(last.task.size, thread.geometry.video);
            prop_assert_eq!(last.shows.geometry, thread.geometry);
            prop_assert_eq!(thread.last_quantizer(), Some(8));
        }
        for pair in thread.made.windows(2) {
            prop_assert!(pair[0].at < pair[1].at);
            let resized = pair[0].task.size != pair[1].task.size;
            prop_assert_eq!(resized && !pair[1].task.keyframe, false);
            prop_assert_eq!(resized && !pair[1].task.new_codec, false);
        }
    }
}
