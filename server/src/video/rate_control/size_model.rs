//! Pure: how many bytes a frame takes at a quantizer → how finely the next one is encoded, and how many a second a link carries.

use crate::bitrate::Bitrate;
use crate::video::rate_control::quantizer::{KEYFRAME, Limits, MOVING, Qp};

/// Sizes are remembered as they would be at this one.
const REFERENCE: Qp = 44;
/// Before the first keyframe: bytes per pixel of a page full of text, at [`GUESS_AT`].
const GUESS: f64 = 0.1;
const GUESS_AT: Qp = 30;

/// Which frames are alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// Frames of a moving page, told from the one before.
    Changes,
    /// Frames that need none before them. The codec's own rate control has no idea of their size: at 720p it makes 70 to
    /// 190 kB of one, a second of a narrow link.
    Keyframes,
}

impl Kind {
    /// So much less quantization doubles a frame: 6 to 7 for one that is all new, up to 12 for one that is mostly motion.
    /// Between half and twice the truth, what is chosen settles.
    fn doubles(self) -> f64 {
        match self {
            Kind::Changes => 8.0,
            Kind::Keyframes => 7.0,
        }
    }

    /// How much the newest frame counts. Of a moving page a frame that is larger than expected delays the next, so that it
    /// counts more than a smaller one; keyframes are so rare that only the last one says anything.
    fn newest(self, is_larger: bool) -> f64 {
        match (self, is_larger) {
            (Kind::Keyframes, _) => 1.0,
            (Kind::Changes, true) => 0.8,
            (Kind::Changes, false) => 0.25,
        }
    }

    fn limits(self) -> Limits {
        match self {
            Kind::Changes => MOVING,
            Kind::Keyframes => KEYFRAME,
        }
    }

    /// A keyframe that is a little too large is so for long.
    fn round(self, qp: f64) -> Qp {
        match self {
            Kind::Changes => qp.round() as Qp,
            Kind::Keyframes => qp.ceil() as Qp,
        }
    }
}

/// What is known of the frames of one page.
#[derive(Clone, Copy, Debug)]
pub struct SizeModel {
    kind: Kind,
    /// Binary logarithm of bytes, were it encoded at [`REFERENCE`]; `None` before the first.
    size: Option<f64>,
}

impl SizeModel {
    /// Of frames of a moving page, before the first.
    pub fn of_changes() -> SizeModel {
        SizeModel {
            kind: Kind::Changes,
            size: None,
        }
    }

    /// Of keyframes of a picture with so many pixels, before the first.
    pub fn of_keyframes(pixels: usize) -> SizeModel {
        let mut model = SizeModel {
            kind: Kind::Keyframes,
            size: None,
        };
        model.encoded((pixels as f64 * GUESS) as usize, GUESS_AT);
        model
    }

    /// Such a frame became so many bytes with this quantizer.
    pub fn encoded(&mut self, bytes: usize, qp: Qp) {
        let coarser = f64::from(REFERENCE) - f64::from(qp);
        let size = (bytes.max(1) as f64).log2() - coarser / self.kind.doubles();
        self.size = Some(match self.size {
            None => size,
            Some(before) => before + (size - before) * self.kind.newest(size >= before),
        });
    }

    /// From now on pictures have so many times the pixels.
    pub fn resized(&mut self, pixels: f64) {
        self.size = self.size.map(|size| size + pixels.log2());
    }

    /// How finely to encode the next frame, if it may take so many bytes.
    pub fn quantizer(&self, bytes: u64) -> Qp {
        self.quantizer_of_part(1.0, bytes)
    }

    /// As [`SizeModel::quantizer`], of a frame that is this part of one such frame, 0 to 1.
    pub fn quantizer_of_part(&self, part: f64, bytes: u64) -> Qp {
        let limits = self.kind.limits();
        let Some(size) = self.size else {
            return limits.finest;
        };
        let size = size + part.clamp(1e-3, 1.0).log2();
        let room = (bytes.max(1) as f64).log2() - size;
        let qp = f64::from(REFERENCE) - room * self.kind.doubles();
        self.kind.round(limits.clamp(qp))
    }

    /// Frames per second that this bitrate carries, however coarse; `None` before the first frame.
    pub fn frame_rate(&self, bitrate: Bitrate) -> Option<f64> {
        Some(f64::from(bitrate.as_bps()) / 8.0 / self.size?.exp2())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use proptest::prelude::*;

    const COARSEST: Qp = MOVING.coarsest;

    #[test]
    fn a_fine_frame_tells_what_a_coarse_one_would_take() {
        let mut model = SizeModel::of_changes();
        assert_eq!(model.frame_rate(Bitrate::kbps(800)), None);
        model.encoded(8192, COARSEST);
        assert_eq!(model.frame_rate(Bitrate::bps(8 * 81_920)), Some(10.0));
        let mut fine = SizeModel::of_changes();
        fine.encoded(16_384, COARSEST - 8);
        assert_eq!(fine.frame_rate(Bitrate::bps(8 * 81_920)), Some(10.0));
    }

    #[test]
    fn a_larger_frame_counts_at_once_and_is_forgotten_later() {
        let mut model = SizeModel::of_changes();
        let mut chosen = |bytes| {
            let qp = model.quantizer(2000);
            model.encoded(bytes, qp);
            model.quantizer(2000)
        };
        let calm = (0..20).map(|_| chosen(2000)).last().unwrap();
        let hurt = chosen(16_000);
        assert!(hurt > calm + 10, "{hurt} after {calm}");
        let later = (0..3).map(|_| chosen(1000)).last().unwrap();
        assert!(later > calm + 2, "{later}");
    }

    /// On its way for a quarter of a second.
    fn of_keyframe(model: &SizeModel, bitrate: Bitrate) -> Qp {
        model.quantizer(bitrate.bytes_in(Duration::from_millis(250)))
    }

    #[test]
    fn a_narrow_link_gets_a_small_keyframe_and_a_wide_one_a_fine_one() {
        let model = SizeModel::of_keyframes(1280 * 720);
        let quantizer = |kbps| of_keyframe(&model, Bitrate::kbps(kbps));
        assert_eq!(quantizer(20_000), KEYFRAME.finest);
        assert!((28..36).contains(&quantizer(3000)));
        assert!(quantizer(1500) > quantizer(3000));
        assert_eq!(quantizer(150), KEYFRAME.coarsest);
    }

    #[test]
    fn what_the_last_keyframe_took_tells_what_the_next_one_takes() {
        let mut model = SizeModel::of_keyframes(1280 * 720);
        model.encoded(20_000, 30);
        assert_eq!(of_keyframe(&model, Bitrate::kbps(1500)), KEYFRAME.finest);
        model.encoded(200_000, 30);
        assert!(of_keyframe(&model, Bitrate::kbps(1500)) > 40);
    }

    proptest! {
        /// Whatever halves a frame of this page, its frames soon have the size they may have.
        #[test]
        fn frames_settle_at_their_share(
            doubles in 5.0..14.0f64,
            at_coarsest in 100.0..20_000.0f64,
            room in 500u64..30_000,
        ) {
            let bytes = |qp: Qp| (at_coarsest * ((f64::from(COARSEST) - f64::from(qp)) / doubles).exp2()) as usize;
            let mut model = SizeModel::of_changes();
            for _ in 0..60 {
                let qp = model.quantizer(room);
                model.encoded(bytes(qp), qp);
            }
            let qp = model.quantizer(room);
            let share = bytes(qp) as f64 / room as f64;
            prop_assert!(MOVING.contain(qp));
            prop_assert!(share < 1.3 || qp == MOVING.coarsest, "{share} at {qp}");
            prop_assert!(share > 0.7 || qp == MOVING.finest, "{share} at {qp}");
        }

        #[test]
        fn any_keyframe_has_a_quantizer(bytes in any::<usize>(), at in 0u8..=51, bits in any::<u32>()) {
            let mut model = SizeModel::of_keyframes(0);
            model.encoded(bytes, at);
            prop_assert!(KEYFRAME.contain(of_keyframe(&model, Bitrate::bps(bits))));
        }
    }
}
