//! 10 ms of stereo → one Opus packet (RFC 6716).

use opus::{Application, Bitrate, Channels, Encoder, Error, SoftClip};

use super::playback::{PERIOD, Period};

/// In bits per second: no difference is heard, and 1 % of what a page takes.
const BITRATE: i32 = 96_000;
/// Of 10: more costs more than it gains at this bitrate.
const COMPLEXITY: i32 = 5;
/// In bytes; RFC 6716 §3.2 has the largest frame at 1275.
const MOST: usize = 1276;

pub struct Opus {
    encoder: Encoder,
    clip: SoftClip,
    input: Box<Period>,
    packet: Box<[u8; MOST]>,
}

impl Opus {
    pub fn new() -> Result<Opus, Error> {
        let mut encoder = Encoder::new(48_000, Channels::Stereo, Application::LowDelay)?;
        encoder.set_bitrate(Bitrate::Bits(BITRATE))?;
        encoder.set_complexity(COMPLEXITY)?;
        Ok(Opus {
            encoder,
            clip: SoftClip::new(Channels::Stereo),
            input: Box::new([0.0; 2 * PERIOD]),
            packet: Box::new([0; MOST]),
        })
    }

    /// What is louder than full scale, as several streams at once may be, is bent and not cut.
    pub fn encode(&mut self, period: &Period) -> Result<&[u8], Error> {
        self.input.copy_from_slice(period);
        self.clip.apply(&mut self.input[..]);
        let length = self
            .encoder
            .encode_float(&self.input[..], &mut self.packet[..])?;
        Ok(&self.packet[..length])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use opus::Decoder;

    #[test]
    fn left_stays_left_and_what_is_too_loud_is_bent() {
        let mut opus = Opus::new().unwrap();
        let mut decoder = Decoder::new(48_000, Channels::Stereo).unwrap();
        let (mut left, mut right) = (0.0_f32, 0.0_f32);
        for period in 0..20 {
            let mut pcm = [0.0; 2 * PERIOD];
            for (index, frame) in pcm.chunks_exact_mut(2).enumerate() {
                let at = (period * PERIOD + index) as f32 / 48_000.0;
                frame[0] = 1.5 * (std::f32::consts::TAU * 1000.0 * at).sin();
            }
            let packet = opus.encode(&pcm).unwrap().to_vec();
            assert!(packet.len() < 400, "{}", packet.len());
            let mut decoded = [0.0; 2 * PERIOD];
            let frames = decoder.decode_float(&packet, &mut decoded, false).unwrap();
            assert_eq!(frames, PERIOD);
            for frame in decoded.chunks_exact(2) {
                (left, right) = (left.max(frame[0].abs()), right.max(frame[1].abs()));
            }
        }
        assert!((0.8..1.2).contains(&left) && right < 0.05, "{left} {right}");
    }
}
