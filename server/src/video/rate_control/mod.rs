//! Pure: how large and how fine the next frame is, and when a better one of an unchanged page is due.
//!
//! What a link carries becomes, in this order:
//! 1. coarser frames: the bitrate is shared among as many as the page draws (`rate`), and each gets the quantizer that
//!    fits its share (`cost`), as long as text stays readable;
//! 2. then fewer frames: each waits until the link is clear ([`crate::stream::backpressure`]);
//! 3. then, when too few are left to be motion, a smaller picture (`scale`).
//!
//! All of it comes back in the other order. A page at rest is whole and exact (`scale`, `sharpen`), whatever the link.
//! KeyframeThrottle are sized to the link (`size`).

// What a frame and a keyframe take, how large they are, when they are made better, and how often.
pub mod frame_interval;
mod keyframe_qp;
pub mod refinement;
pub mod resolution;
mod size_model;

use std::time::{Duration, Instant};

use shared::geometry::VideoSize;

use crate::bitrate::Bitrate;
use crate::video::rate_control::keyframe_qp::{KeyframeQp, ON_THE_WAY};
use crate::video::rate_control::refinement::{Qp, Refinement};
use crate::video::rate_control::resolution::{REST, Resolution, Scale};
use crate::video::rate_control::size_model::COARSEST;

/// Below this a 720p picture is mush.
const FLOOR: Bitrate = Bitrate::kbps(150);
/// A picture that comes so soon after the link became clear was waiting for it, or Chrome was.
const HELD: Duration = Duration::from_millis(34);
/// The first frame of a movement may be a new page: it should be on its way for no longer than this.
const LEAP: Duration = Duration::from_millis(100);
/// A frame that takes so many times as long as such a frame should is not worth sending if a keyframe can take its place …
const TOO_LONG: f64 = 2.5;
/// … by being so much coarser at least: about half as large.
const COARSER: Qp = 7;
/// A leap is not finer than this: what a person has just done is seen some milliseconds sooner, and sharp right after.
const LEAP_FINEST: Qp = 28;

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
    pub fn quantizer(self) -> Qp {
        match self {
            Quality::Keyframe(qp) | Quality::Moving(qp) | Quality::Sharp(qp) => qp,
        }
    }
}

/// Frame by frame: [`RateControl::resize`], [`RateControl::quality`], encode, seldom [`RateControl::instead`] and encode again, [`RateControl::made`].
#[derive(Clone, Copy, Debug)]
pub struct RateControl {
    ceiling: Bitrate,
    bitrate: Bitrate,
    resolution: Resolution,
    sharpen: Refinement,
    keyframe_size: KeyframeQp,
    /// When the link last became clear for a frame that had to wait.
    clear_at: Instant,
}

impl RateControl {
    /// Begins at the ceiling.
    pub fn new(size: VideoSize, ceiling: Bitrate, now: Instant) -> RateControl {
        let (width, height) = size.usize();
        RateControl {
            ceiling,
            bitrate: ceiling,
            resolution: Resolution::new(size),
            sharpen: Refinement::default(),
            keyframe_size: KeyframeQp::new(width * height),
            clear_at: now,
        }
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

    /// The frame that comes now had to wait for the link, so that its distance says nothing of the page.
    pub fn was_held(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.clear_at) < HELD
    }

    /// When a page that rests is to be encoded again, larger or finer.
    pub fn better_at(&self) -> Option<Instant> {
        self.sharper_at().into_iter().chain(self.whole_at()).min()
    }

    /// While the link was busy nobody could see whether the page rests.
    fn sharper_at(&self) -> Option<Instant> {
        let sharper = self.sharpen.due_at();
        let sharper = sharper.filter(|_| self.resolution.shown() == Scale::Full)?;
        match self.sharpen.waits_for_quiet() {
            true => Some(sharper.max(self.clear_at + self.sharpen.quiet())),
            false => Some(sharper),
        }
    }

    fn whole_at(&self) -> Option<Instant> {
        let whole = self.resolution.rests_at()?;
        Some(whole.max(self.clear_at + REST))
    }

    /// The size to encode from now on, if that is another one than before. `rows`: the changed part of the picture's
    /// rows, 0 to 1; nothing when only a better picture is due.
    pub fn resize(&mut self, rows: Option<f32>, now: Instant) -> Option<Scale> {
        let before = self.resolution.shown();
        match rows {
            Some(rows) => _ = self.resolution.choose(rows, self.bitrate, now),
            None if self.whole_at().is_some_and(|at| at <= now) => self.resolution.rest(),
            None => {}
        }
        let scale = self.resolution.shown();
        if scale == before {
            return None;
        }
        self.keyframe_size.resized(scale.pixels_per(before));
        Some(scale)
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
            return Quality::Keyframe(self.keyframe_size.quantizer(self.bitrate));
        }
        match self.sharpen.choose(rows, now) {
            Some(qp) => Quality::Sharp(qp),
            None => Quality::Moving(self.moving(rows.unwrap_or(1.0), share)),
        }
    }

    fn moving(&self, rows: f32, share: Duration) -> Qp {
        let qp = self
            .resolution
            .cost()
            .quantizer(self.bitrate.bytes_in(share));
        if self.sharpen.is_moving() {
            return qp;
        }
        // Nobody knows yet what it takes.
        let room = self.bitrate.bytes_in(LEAP);
        let leap = self.keyframe_size.of_part(rows.into(), room);
        qp.max(leap).clamp(LEAP_FINEST, COARSEST)
    }

    /// What to make instead of a frame that became so many bytes; nothing, if it is to be sent. What a moving page takes
    /// tells nothing of another page that comes all at once.
    pub fn instead(&mut self, bytes: usize, quality: Quality) -> Option<Quality> {
        let should_take = match quality {
            Quality::Keyframe(_) => ON_THE_WAY,
            Quality::Moving(_) => LEAP,
            Quality::Sharp(_) => return None,
        };
        if self.bitrate.time_for(bytes) <= should_take.mul_f64(TOO_LONG) {
            return None;
        }
        let (qp, mut size) = (quality.quantizer(), self.keyframe_size);
        size.made(bytes, qp);
        let coarser = size.of_part(1.0, self.bitrate.bytes_in(should_take));
        if coarser < qp + COARSER {
            return None;
        }
        if let Quality::Moving(qp) = quality {
            self.resolution.left_out(bytes, qp);
        }
        Some(Quality::Keyframe(coarser))
    }

    /// A frame became so many bytes. `changed`: it shows something new.
    pub fn made(&mut self, bytes: usize, quality: Quality, changed: bool, now: Instant) {
        let on_the_way = self.bitrate.time_for(bytes);
        let mut moved = None;
        match quality {
            Quality::Keyframe(qp) => {
                self.keyframe_size.made(bytes, qp);
                self.sharpen.begun(qp, on_the_way, now);
            }
            Quality::Sharp(qp) => self.sharpen.refined(qp, on_the_way, now),
            Quality::Moving(qp) => {
                self.sharpen.moved(qp, on_the_way, now);
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
    use proptest::prelude::*;

    const MS: Duration = Duration::from_millis(1);
    const SHARE: Duration = Duration::from_millis(17);

    /// A page, an encoder and a link, all of them arithmetic.
    struct Walk {
        plan: RateControl,
        now: Instant,
        link: Bitrate,
        scale: Scale,
        /// Of the whole picture at the quantizer 40.
        bytes: f64,
        /// Nothing of the picture before helps.
        cuts: bool,
    }

    impl Walk {
        fn on(link: Bitrate) -> Walk {
            let now = Instant::now();
            let mut walk = Walk {
                plan: RateControl::new(VideoSize::HD, Bitrate::kbps(6000), now),
                now,
                link,
                scale: Scale::Full,
                bytes: 8000.0,
                cuts: false,
            };
            walk.plan.follow(link);
            walk.frame(Some(1.0), true);
            walk
        }

        /// Encodes and sends one frame; the next may follow when the link is clear.
        fn frame(&mut self, rows: Option<f32>, keyframe: bool) -> (Quality, Duration) {
            let resized = self.plan.resize(rows, self.now);
            self.scale = resized.unwrap_or(self.scale);
            let keyframe = keyframe || resized.is_some();
            let mut quality = self.plan.quality(rows, keyframe, SHARE, self.now);
            let mut size = self.size(quality);
            if let Some(instead) = self.plan.instead(size, quality) {
                (quality, size) = (instead, self.size(instead));
            }
            self.plan.made(size, quality, rows.is_some(), self.now);
            let takes = self.link.time_for(size);
            self.now += takes.max(17 * MS);
            self.plan.cleared(self.now);
            (quality, takes)
        }

        fn size(&self, quality: Quality) -> usize {
            let finer = (40.0 - f64::from(quality.quantizer())) / 8.0;
            let is_new = matches!(quality, Quality::Keyframe(_)) || self.cuts;
            let part = if is_new { 3.0 } else { 1.0 };
            (self.bytes * part * finer.exp2() * self.scale.pixels_per(Scale::Full)) as usize
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
            while let Some(at) = self.plan.better_at() {
                self.now = self.now.max(at);
                shown.push(self.frame(None, false).0);
                assert!(shown.len() < 50, "{shown:?}");
            }
            (shown, self.now - began)
        }
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
        assert_eq!(narrower.scale, Scale::Full);
        let mut narrowest = Walk::on(Bitrate::kbps(250));
        narrowest.moves(6000 * MS);
        assert_ne!(narrowest.scale, Scale::Full);
        let (shown, _) = narrowest.rests();
        assert_eq!(narrowest.scale, Scale::Full, "whole at rest");
        assert_eq!(shown.last(), Some(&Quality::Sharp(8)));
    }

    #[test]
    fn a_keyframe_fits_the_link_as_it_is_now() {
        let mut walk = Walk::on(Bitrate::kbps(6000));
        walk.moves(1000 * MS);
        walk.link = Bitrate::kbps(1000);
        walk.plan.follow(walk.link);
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
        assert!(quality.quantizer() >= LEAP_FINEST, "{quality:?}");
        assert!(takes < LEAP, "{takes:?}");
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
        let mut plan = Walk::on(Bitrate::kbps(300)).plan;
        for quality in [
            Quality::Moving(COARSEST - 3),
            Quality::Keyframe(COARSEST),
            Quality::Sharp(8),
        ] {
            assert_eq!(plan.instead(200_000, quality), None);
        }
        assert_eq!(plan.instead(2000, Quality::Moving(20)), None);
    }

    #[test]
    fn a_page_that_could_not_draw_for_the_link_does_not_rest() {
        let walk = Walk::on(Bitrate::kbps(500));
        // The keyframe was on its way for long; the page may draw only now.
        let clear_at = walk.now;
        assert!(
            walk.plan
                .better_at()
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
            walk.plan.follow(Bitrate::kbps(kbps));
            walk.moves(moves * MS);
            walk.rests();
            prop_assert_eq!(walk.scale, Scale::Full);
        }
    }
}
