//! Pure: what one frame of a moving page takes at the coarsest quantizer that leaves its text readable, and so how many
//! frames a second a link carries.

use super::sharpen::Qp;
use crate::bitrate::Bitrate;

/// While a page moves, no quantizer is coarser: text of a usual size can still be read at 40, is ragged from 44 on, and
/// smeared at 48.
pub const COARSEST: Qp = 40;

/// So much less quantization doubles a frame. For keyframes it is 7, but a page that scrolls is mostly motion, which
/// costs the same at any quantizer.
const DOUBLES: f64 = 12.0;
/// How much the newest frame counts.
const NEWEST: f64 = 0.2;

#[derive(Clone, Copy, Debug, Default)]
pub struct Cost {
    /// Bytes, were it encoded at [`COARSEST`].
    bytes: Option<f64>,
}

impl Cost {
    /// A frame that rate control encoded with this quantizer.
    pub fn made(&mut self, bytes: usize, qp: Qp) {
        let finer = f64::from(COARSEST.saturating_sub(qp));
        let bytes = bytes.max(1) as f64 / (finer / DOUBLES).exp2();
        self.bytes = Some(match self.bytes {
            None => bytes,
            Some(before) => before + (bytes - before) * NEWEST,
        });
    }

    /// Frames per second that this bitrate carries, however coarse; `None` before the first frame.
    pub fn frame_rate(&self, bitrate: Bitrate) -> Option<f64> {
        Some(f64::from(bitrate.as_bps()) / 8.0 / self.bytes?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fine_frame_tells_what_a_coarse_one_would_take() {
        let mut cost = Cost::default();
        assert_eq!(cost.frame_rate(Bitrate::kbps(800)), None);
        cost.made(10_000, COARSEST);
        assert_eq!(cost.frame_rate(Bitrate::kbps(800)), Some(10.0));
        let mut fine = Cost::default();
        fine.made(20_000, COARSEST - 12);
        assert_eq!(fine.frame_rate(Bitrate::kbps(800)), Some(10.0));
    }

    #[test]
    fn one_large_frame_among_small_ones_is_not_what_frames_take() {
        let mut cost = Cost::default();
        for _ in 0..20 {
            cost.made(1000, COARSEST);
        }
        cost.made(10_000, COARSEST);
        let rate = cost.frame_rate(Bitrate::kbps(800)).unwrap();
        assert!((30.0..100.0).contains(&rate), "{rate}");
    }
}
