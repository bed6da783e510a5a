//! Pure: with which quantizer a keyframe fits the link.
//!
//! Rate control has no idea of a keyframe's size: at 720p it makes 70 to 190 kB of it, a second of a narrow link.

use std::time::Duration;

use crate::bitrate::Bitrate;
use crate::video::rate_control::refinement::Qp;

/// A keyframe should be on its way for no longer than this.
pub const ON_THE_WAY: Duration = Duration::from_millis(250);
/// Finer only delays the first picture; the page is sharpened as soon as it rests.
const FINEST: Qp = 24;
/// Coarser is no page any more.
const COARSEST: Qp = 44;
/// Before the first one: bytes per pixel of a page full of text, at [`COARSE_GUESS`].
const GUESS: f64 = 0.1;
const GUESS_AT: Qp = 30;
/// So much more quantization halves a keyframe.
const HALVES: f64 = 7.0;

/// What is known of this page's keyframes.
#[derive(Clone, Copy, Debug)]
pub struct KeyframeQp {
    /// Bytes of the last one, or what is guessed of the first.
    bytes: f64,
    at: Qp,
}

impl KeyframeQp {
    /// Before the first keyframe of a picture with so many pixels.
    pub fn new(pixels: usize) -> KeyframeQp {
        KeyframeQp {
            bytes: pixels as f64 * GUESS,
            at: GUESS_AT,
        }
    }

    pub fn quantizer(&self, bitrate: Bitrate) -> Qp {
        self.of_part(1.0, bitrate.bytes_in(ON_THE_WAY))
    }

    /// For a picture of which this part is new, 0 to 1, and which may take so many bytes.
    pub fn of_part(&self, part: f64, bytes: u64) -> Qp {
        let room = bytes.max(1) as f64;
        let more = (self.bytes * part.clamp(1e-3, 1.0) / room).log2() * HALVES;
        let qp = f64::from(self.at) + more;
        qp.clamp(FINEST.into(), COARSEST.into()).ceil() as Qp
    }

    /// From now on pictures have so many times the pixels.
    pub fn resized(&mut self, pixels: f64) {
        self.bytes = (self.bytes * pixels).max(1.0);
    }

    pub fn made(&mut self, bytes: usize, quantizer: Qp) {
        self.bytes = (bytes.max(1)) as f64;
        self.at = quantizer;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_narrow_link_gets_a_small_keyframe_and_a_wide_one_a_fine_one() {
        let size = KeyframeQp::new(1280 * 720);
        assert_eq!(size.quantizer(Bitrate::kbps(20_000)), FINEST);
        assert!((28..36).contains(&size.quantizer(Bitrate::kbps(3000))));
        assert!(size.quantizer(Bitrate::kbps(1500)) > size.quantizer(Bitrate::kbps(3000)));
        assert_eq!(size.quantizer(Bitrate::kbps(150)), COARSEST);
    }

    #[test]
    fn what_the_last_one_took_tells_what_the_next_one_takes() {
        let mut size = KeyframeQp::new(1280 * 720);
        size.made(20_000, 30);
        assert_eq!(size.quantizer(Bitrate::kbps(1500)), FINEST);
        size.made(200_000, 30);
        assert!(size.quantizer(Bitrate::kbps(1500)) > 40);
    }

    proptest! {
        #[test]
        fn any_size_has_a_quantizer(bytes in any::<usize>(), at in 0u8..=51, bits in any::<u32>()) {
            let mut size = KeyframeQp::new(0);
            size.made(bytes, at);
            prop_assert!((FINEST..=COARSEST).contains(&size.quantizer(Bitrate::bps(bits))));
        }
    }
}
