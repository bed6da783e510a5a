//! Pure: what one frame of a moving page takes → how finely the next one is encoded, and how many a second a link carries.

use crate::bitrate::Bitrate;
use crate::video::rate_control::refinement::Qp;

/// While a page moves, no quantizer is coarser: text of a usual size can still be guessed at 44, and is smeared at 48.
pub const COARSEST: Qp = 44;
/// None is finer: it could not be seen while the page moves, and takes longer to encode, to send and to decode.
const FINEST: Qp = 20;
/// So much less quantization doubles a frame: 6 to 7 for one that is all new, up to 12 for one that is mostly motion.
/// Between half and twice the truth, what is chosen settles.
const DOUBLES: f64 = 8.0;
/// How much the newest frame counts when it is larger than expected, and when it is smaller. A large one delays the next.
const NEWEST: [f64; 2] = [0.8, 0.25];

#[derive(Clone, Copy, Debug, Default)]
pub struct SizeModel {
    /// Binary logarithm of bytes, were it encoded at [`COARSEST`].
    size: Option<f64>,
}

impl SizeModel {
    /// A frame of a moving page that was encoded with this quantizer.
    pub fn made(&mut self, bytes: usize, qp: Qp) {
        let coarser = f64::from(COARSEST) - f64::from(qp);
        let size = (bytes.max(1) as f64).log2() - coarser / DOUBLES;
        self.size = Some(match self.size {
            None => size,
            Some(before) => {
                let newest = NEWEST[usize::from(size < before)];
                before + (size - before) * newest
            }
        });
    }

    /// How finely to encode the next frame, if it may take so many bytes.
    pub fn quantizer(&self, bytes: u64) -> Qp {
        let Some(size) = self.size else {
            return FINEST;
        };
        let room = (bytes.max(1) as f64).log2() - size;
        let qp = f64::from(COARSEST) - room * DOUBLES;
        qp.clamp(FINEST.into(), COARSEST.into()).round() as Qp
    }

    /// Frames per second that this bitrate carries, however coarse; `None` before the first frame.
    pub fn frame_rate(&self, bitrate: Bitrate) -> Option<f64> {
        Some(f64::from(bitrate.as_bps()) / 8.0 / self.size?.exp2())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_fine_frame_tells_what_a_coarse_one_would_take() {
        let mut cost = SizeModel::default();
        assert_eq!(cost.frame_rate(Bitrate::kbps(800)), None);
        cost.made(8192, COARSEST);
        assert_eq!(cost.frame_rate(Bitrate::bps(8 * 81_920)), Some(10.0));
        let mut fine = SizeModel::default();
        fine.made(16_384, COARSEST - 8);
        assert_eq!(fine.frame_rate(Bitrate::bps(8 * 81_920)), Some(10.0));
    }

    #[test]
    fn a_larger_frame_counts_at_once_and_is_forgotten_later() {
        let mut cost = SizeModel::default();
        let mut chosen = |bytes| {
            let qp = cost.quantizer(2000);
            cost.made(bytes, qp);
            cost.quantizer(2000)
        };
        let calm = (0..20).map(|_| chosen(2000)).last().unwrap();
        let hurt = chosen(16_000);
        assert!(hurt > calm + 10, "{hurt} after {calm}");
        let later = (0..3).map(|_| chosen(1000)).last().unwrap();
        assert!(later > calm + 2, "{later}");
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
            let mut cost = SizeModel::default();
            for _ in 0..60 {
                let qp = cost.quantizer(room);
                cost.made(bytes(qp), qp);
            }
            let qp = cost.quantizer(room);
            let share = bytes(qp) as f64 / room as f64;
            prop_assert!((FINEST..=COARSEST).contains(&qp));
            prop_assert!(share < 1.3 || qp == COARSEST, "{share} at {qp}");
            prop_assert!(share > 0.7 || qp == FINEST, "{share} at {qp}");
        }
    }
}
