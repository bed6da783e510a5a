//! Pure: how large and how fine the next frame is, and when a better one of an unchanged page is due.
//!
//! What a link carries becomes, in this order:
//! 1. coarser frames: the bitrate is shared among as many as the page draws ([`frame_interval`]), and each gets the
//!    quantizer that fits its share ([`size_model`]), as long as text stays readable;
//! 2. then fewer frames: each waits until the link is ready ([`crate::stream::downlink`]);
//! 3. then, when too few are left to be motion, a smaller picture ([`resolution`]).
//!
//! All of it comes back in the other order. A page at rest is whole and exact ([`resolution`], [`refinement`]), whatever the link.
//! Keyframes are sized to the link.

// How often frames come, what one takes, and what it may be like.
pub mod frame_interval;
pub mod quantizer;
mod size_model;
// How large they are, and when they are made better.
pub mod refinement;
pub mod resolution;

use std::time::{Duration, Instant};

use shared::geometry::VideoSize;

use crate::bitrate::Bitrate;
use crate::video::rate_control::quantizer::{FIRST_OF_MOVEMENT, Qp};
use crate::video::rate_control::refinement::Refinement;
use crate::video::rate_control::resolution::{REST, Resolution, ResolutionStep};
use crate::video::rate_control::size_model::SizeModel;

/// Below this a 720p picture is mush.
const FLOOR: Bitrate = Bitrate::kbps(150);
/// A picture that comes within so many frame intervals of the link becoming clear was waiting for it, or Chrome was.
const WAITED_INTERVALS: f64 = 2.04;
/// A keyframe should be on its way for no longer than this.
const KEYFRAME_ON_THE_WAY: Duration = Duration::from_millis(250);
/// The first frame of a movement may be a new page: it should be on its way for no longer than this.
const FIRST_ON_THE_WAY: Duration = Duration::from_millis(100);
/// A frame that takes so many times as long as such a frame should is not worth sending if a keyframe can take its place …
const TOO_LONG: f64 = 2.5;
/// … by being so much coarser at least: about half as large.
const COARSER: Qp = 7;

/// What a frame is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quality {
    Keyframe(Qp),
    /// The page moves.
    Moving(Qp),
    /// Of a page at rest, or of a small change on it.
    Sharp(Qp),
}

impl Quality {
    /// What the codec is told.
    pub fn quantizer(self) -> Qp {
        match self {
            Quality::Keyframe(qp) | Quality::Moving(qp) | Quality::Sharp(qp) => qp,
        }
    }
}

/// Frame by frame: [`RateControl::choose_resolution`], [`RateControl::quality`], encode, seldom
/// [`RateControl::keyframe_in_place_of`] and encode again, [`RateControl::encoded`].
#[derive(Clone, Copy, Debug)]
pub struct RateControl {
    ceiling: Bitrate,
    bitrate: Bitrate,
    resolution: Resolution,
    refinement: Refinement,
    keyframe_sizes: SizeModel,
    /// When the link last became clear for a frame that had to wait.
    clear_at: Instant,
    /// So soon after that a picture has waited.
    waited: Duration,
    /// The picture has another size, and nothing but its keyframe has come: the page is about to be laid out anew.
    awaits_layout: bool,
}

impl RateControl {
    /// Begins at the ceiling.
    pub fn new(
        video: VideoSize,
        ceiling: Bitrate,
        frame_interval: Duration,
        now: Instant,
    ) -> RateControl {
        let (width, height) = video.usize();
        RateControl {
            ceiling,
            bitrate: ceiling,
            resolution: Resolution::new(video),
            refinement: Refinement::default(),
            keyframe_sizes: SizeModel::of_keyframes(width * height),
            clear_at: now,
            waited: frame_interval.mul_f64(WAITED_INTERVALS),
            awaits_layout: false,
        }
    }

    /// From now on whole pictures have another size. What the link carries stays known.
    pub fn video_resized(&mut self, before: VideoSize, video: VideoSize) {
        let pixels = |size: VideoSize| f64::from(size.width()) * f64::from(size.height());
        let encoded_before = ResolutionStep::Full.pixels_per(self.resolution.shown());
        let larger = pixels(video) / pixels(before) * encoded_before;
        self.keyframe_sizes.resized(larger);
        self.resolution = Resolution::new(video);
        self.refinement = Refinement::default();
        self.awaits_layout = true;
    }

    /// What the picture may take from now on.
    pub fn follow(&mut self, bitrate: Bitrate) {
        // The ceiling may lie below the floor: then it is both.
        self.bitrate = bitrate.max(FLOOR).min(self.ceiling);
    }

    /// The link became clear for a frame that had waited for it.
    pub fn cleared(&mut self, now: Instant) {
        self.clear_at = now;
    }

    /// The frame that comes now had to wait for the link, so that its interval says nothing of the page.
    pub fn waited_for_link(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.clear_at) < self.waited
    }

    /// When a page that rests is to be encoded again, larger or finer.
    pub fn refines_at(&self) -> Option<Instant> {
        self.finer_at().into_iter().chain(self.whole_at()).min()
    }

    /// While the link was busy nobody could see whether the page rests.
    fn finer_at(&self) -> Option<Instant> {
        let finer = self.refinement.due_at();
        let finer = finer.filter(|_| self.resolution.shown() == ResolutionStep::Full)?;
        match self.refinement.waits_for_quiet() {
            true => Some(finer.max(self.clear_at + self.refinement.quiet())),
            false => Some(finer),
        }
    }

    fn whole_at(&self) -> Option<Instant> {
        let whole = self.resolution.rests_at()?;
        Some(whole.max(self.clear_at + REST))
    }

    /// The size to encode from now on, if that is another one than before. `rows`: the changed part of the picture's
    /// rows, 0 to 1; nothing when only a refinement is due.
    pub fn choose_resolution(&mut self, rows: Option<f32>, now: Instant) -> Option<ResolutionStep> {
        let before = self.resolution.shown();
        match rows {
            Some(rows) => _ = self.resolution.choose(rows, self.bitrate, now),
            None if self.whole_at().is_some_and(|at| at <= now) => self.resolution.rest(),
            None => {}
        }
        let step = self.resolution.shown();
        if step == before {
            return None;
        }
        self.keyframe_sizes.resized(step.pixels_per(before));
        Some(step)
    }

    /// How finely to encode. `rows` as above; `share`: how long the frame may occupy the link.
    pub fn quality(
        &self,
        rows: Option<f32>,
        keyframe: bool,
        share: Duration,
        now: Instant,
    ) -> Quality {
        if keyframe {
            let room = self.bitrate.bytes_in(KEYFRAME_ON_THE_WAY);
            return Quality::Keyframe(self.keyframe_sizes.quantizer(room));
        }
        match self.refinement.choose(rows, now) {
            Some(qp) => Quality::Sharp(qp),
            None => Quality::Moving(self.moving(rows.unwrap_or(1.0), share)),
        }
    }

    fn moving(&self, rows: f32, share: Duration) -> Qp {
        let room = self.bitrate.bytes_in(share);
        let qp = self.resolution.sizes().quantizer(room);
        if self.refinement.is_moving() {
            return qp;
        }
        // Nobody knows yet what it takes.
        let room = self.bitrate.bytes_in(FIRST_ON_THE_WAY);
        let first = self.keyframe_sizes.quantizer_of_part(rows.into(), room);
        if self.awaits_layout {
            // No movement begins: it stays, and has to be as sharp as a new page.
            return first;
        }
        let limits = FIRST_OF_MOVEMENT;
        qp.max(first).clamp(limits.finest, limits.coarsest)
    }

    /// The keyframe to send in place of a frame that became so many bytes; nothing, if that is to be sent. What a moving
    /// page takes tells nothing of another page that comes all at once.
    pub fn keyframe_in_place_of(&mut self, bytes: usize, quality: Quality) -> Option<Quality> {
        let should_take = match quality {
            Quality::Keyframe(_) => KEYFRAME_ON_THE_WAY,
            Quality::Moving(_) => FIRST_ON_THE_WAY,
            Quality::Sharp(_) => return None,
        };
        if self.bitrate.time_for(bytes) <= should_take.mul_f64(TOO_LONG) {
            return None;
        }
        let (qp, mut sizes) = (quality.quantizer(), self.keyframe_sizes);
        sizes.encoded(bytes, qp);
        let coarser = sizes.quantizer(self.bitrate.bytes_in(should_take));
        if coarser < qp + COARSER {
            return None;
        }
        if let Quality::Moving(qp) = quality {
            self.resolution.left_out(bytes, qp);
        }
        Some(Quality::Keyframe(coarser))
    }

    /// A frame became so many bytes. `changed`: it shows something new.
    pub fn encoded(&mut self, bytes: usize, quality: Quality, changed: bool, now: Instant) {
        let on_the_way = self.bitrate.time_for(bytes);
        self.awaits_layout &= matches!(quality, Quality::Keyframe(_));
        let mut moved = None;
        match quality {
            Quality::Keyframe(qp) => {
                self.keyframe_sizes.encoded(bytes, qp);
                self.refinement.begun(qp, on_the_way, now);
            }
            Quality::Sharp(qp) => self.refinement.refined(qp, on_the_way, now),
            Quality::Moving(qp) => {
                self.refinement.moved(qp, on_the_way, now);
                moved = Some((bytes, qp));
            }
        }
        if changed {
            self.resolution
                .encoded(moved, on_the_way, self.bitrate, now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::video::rate_control::quantizer::{KEYFRAME, MOVING};
    use proptest::prelude::*;

    const MS: Duration = Duration::from_millis(1);
    const SHARE: Duration = Duration::from_millis(17);

    /// A page, an encoder and a link, all of them arithmetic.
    struct Walk {
        rate_control: RateControl,
        now: Instant,
        link: Bitrate,
        step: ResolutionStep,
        /// Of the whole picture at the quantizer 40.
        bytes: f64,
        /// Nothing of the picture before helps.
        cuts: bool,
    }

    impl Walk {
        fn on(link: Bitrate) -> Walk {
            let now = Instant::now();
            let mut walk = Walk {
                rate_control: RateControl::new(
                    VideoSize::HD,
                    Bitrate::kbps(6000),
                    Duration::from_secs(1) / 60,
                    now,
                ),
                now,
                link,
                step: ResolutionStep::Full,
                bytes: 8000.0,
                cuts: false,
            };
            walk.rate_control.follow(link);
            walk.frame(Some(1.0), true);
            walk
        }

        /// Encodes and sends one frame; the next may follow when the link is clear.
        fn frame(&mut self, rows: Option<f32>, keyframe: bool) -> (Quality, Duration) {
            let resized = self.rate_control.choose_resolution(rows, self.now);
            self.step = resized.unwrap_or(self.step);
            let keyframe = keyframe || resized.is_some();
            let mut quality = self.rate_control.quality(rows, keyframe, SHARE, self.now);
            let mut size = self.size(quality);
            if let Some(keyframe) = self.rate_control.keyframe_in_place_of(size, quality) {
                (quality, size) = (keyframe, self.size(keyframe));
            }
            self.rate_control
                .encoded(size, quality, rows.is_some(), self.now);
            let takes = self.link.time_for(size);
            self.now += takes.max(17 * MS);
            self.rate_control.cleared(self.now);
            (quality, takes)
        }

        fn size(&self, quality: Quality) -> usize {
            let finer = (40.0 - f64::from(quality.quantizer())) / 8.0;
            let is_new = matches!(quality, Quality::Keyframe(_)) || self.cuts;
            let part = if is_new { 3.0 } else { 1.0 };
            (self.bytes * part * finer.exp2() * self.step.pixels_per(ResolutionStep::Full)) as usize
        }

        fn moves(&mut self, time: Duration) -> u32 {
            let end = self.now + time;
            (0..)
                .take_while(|_| {
                    let goes_on = self.now < end;
                    if goes_on {
                        self.frame(Some(1.0), false);
                    }
                    goes_on
                })
                .count() as u32
        }

        /// Until nothing better is due: what was shown, and when the last of it had arrived.
        fn rests(&mut self) -> (Vec<Quality>, Duration) {
            let began = self.now;
            let mut shown = Vec::new();
            while let Some(at) = self.rate_control.refines_at() {
                self.now = self.now.max(at);
                shown.push(self.frame(None, false).0);
                assert!(shown.len() < 50, "{shown:?}");
            }
            (shown, self.now - began)
        }
    }

    #[test]
    fn a_page_laid_out_anew_for_another_size_is_as_sharp_as_a_new_page() {
        let mut walk = Walk::on(Bitrate::kbps(6000));
        walk.rests();
        let size = VideoSize::new(1000, 600).unwrap();
        walk.rate_control.video_resized(VideoSize::HD, size);
        walk.frame(Some(1.0), true);
        let (laid_out, _) = walk.frame(Some(1.0), false);
        assert!(
            laid_out.quantizer() < FIRST_OF_MOVEMENT.finest,
            "{laid_out:?}"
        );
        walk.rests();
        let (moves, _) = walk.frame(Some(1.0), false);
        assert!(moves.quantizer() >= FIRST_OF_MOVEMENT.finest, "{moves:?}");
    }

    #[test]
    fn a_link_that_carries_it_shows_every_frame_and_then_an_exact_page() {
        let mut walk = Walk::on(Bitrate::kbps(6000));
        assert!(walk.moves(5 * 1000 * MS) > 280);
        let (shown, took) = walk.rests();
        assert_eq!(shown.last(), Some(&Quality::Sharp(8)));
        assert!(took < 800 * MS, "{took:?}");
    }

    #[test]
    fn a_narrow_link_costs_sharpness_then_frames_then_resolution() {
        let mut narrow = Walk::on(Bitrate::kbps(3000));
        narrow.moves(2000 * MS);
        let frames = narrow.moves(2000 * MS);
        assert!(frames > 100, "coarser, and as many: {frames}");
        let mut narrower = Walk::on(Bitrate::kbps(700));
        narrower.moves(2000 * MS);
        let frames = narrower.moves(2000 * MS);
        assert!((20..60).contains(&frames), "fewer: {frames}");
        assert_eq!(narrower.step, ResolutionStep::Full);
        let mut narrowest = Walk::on(Bitrate::kbps(250));
        narrowest.moves(6000 * MS);
        assert_ne!(narrowest.step, ResolutionStep::Full);
        let (shown, _) = narrowest.rests();
        assert_eq!(narrowest.step, ResolutionStep::Full, "whole at rest");
        assert_eq!(shown.last(), Some(&Quality::Sharp(8)));
    }

    #[test]
    fn a_keyframe_fits_the_link_as_it_is_now() {
        let mut walk = Walk::on(Bitrate::kbps(6000));
        walk.moves(1000 * MS);
        walk.link = Bitrate::kbps(1000);
        walk.rate_control.follow(walk.link);
        let (quality, takes) = walk.frame(Some(1.0), true);
        assert!(matches!(quality, Quality::Keyframe(30..)), "{quality:?}");
        assert!(takes < 300 * MS, "{takes:?}");
    }

    #[test]
    fn the_first_frame_of_a_movement_is_soon_there_and_a_letter_is_sharp_at_once() {
        let mut walk = Walk::on(Bitrate::kbps(3000));
        walk.rests();
        walk.now += 1000 * MS;
        assert_eq!(walk.frame(Some(0.05), false).0, Quality::Sharp(8));
        walk.now += 1000 * MS;
        let (quality, takes) = walk.frame(Some(1.0), false);
        assert!(
            quality.quantizer() >= FIRST_OF_MOVEMENT.finest,
            "{quality:?}"
        );
        assert!(takes < FIRST_ON_THE_WAY, "{takes:?}");
    }

    #[test]
    fn another_page_in_the_middle_of_a_movement_is_soon_there() {
        let mut walk = Walk::on(Bitrate::kbps(1500));
        walk.bytes = 300.0;
        walk.moves(2000 * MS);
        walk.bytes = 4000.0;
        walk.cuts = true;
        let (quality, takes) = walk.frame(Some(1.0), false);
        assert!(matches!(quality, Quality::Keyframe(_)), "{quality:?}");
        assert!(takes < 150 * MS, "{takes:?}");
        // A page that goes on like this is known by then.
        let (quality, takes) = walk.frame(Some(1.0), false);
        assert!(matches!(quality, Quality::Moving(_)), "{quality:?}");
        assert!(takes < 150 * MS, "{takes:?}");
    }

    #[test]
    fn what_cannot_be_made_much_smaller_is_sent() {
        let mut rate_control = Walk::on(Bitrate::kbps(300)).rate_control;
        for quality in [
            Quality::Moving(MOVING.coarsest - 3),
            Quality::Keyframe(KEYFRAME.coarsest),
            Quality::Sharp(8),
        ] {
            assert_eq!(rate_control.keyframe_in_place_of(200_000, quality), None);
        }
        assert_eq!(
            rate_control.keyframe_in_place_of(2000, Quality::Moving(20)),
            None
        );
    }

    #[test]
    fn a_page_that_could_not_draw_for_the_link_does_not_rest() {
        let walk = Walk::on(Bitrate::kbps(500));
        // The keyframe was on its way for long; the page may draw only now.
        let clear_at = walk.now;
        assert!(
            walk.rate_control
                .refines_at()
                .is_some_and(|at| at >= clear_at + 70 * MS)
        );
    }

    proptest! {
        #[test]
        fn every_rest_ends_whole_exact_and_silent(
            kbps in 0u32..8000,
            bytes in 500.0..60_000.0f64,
            moves in 0u32..6000,
        ) {
            let mut walk = Walk::on(Bitrate::kbps(kbps.max(150)));
            walk.bytes = bytes;
            walk.rate_control.follow(Bitrate::kbps(kbps));
            walk.moves(moves * MS);
            walk.rests();
            prop_assert_eq!(walk.step, ResolutionStep::Full);
        }
    }
}
