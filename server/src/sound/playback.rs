//! Pure: one stream that a page plays: what it has written, what it is asked for, and what is heard of it.

use std::collections::VecDeque;

use pulseaudio::protocol::{SampleFormat, SampleSpec};

/// Frames of 10 ms.
pub const PERIOD: usize = 480;
/// 10 ms of stereo, left and right in turn.
pub type Period = [f32; 2 * PERIOD];

/// Of the sink. Chrome resamples what pages play at another rate.
pub const RATE: u32 = 48_000;
/// What a stream has ahead at first, in frames: Chrome has a period's time to answer.
const FIRST_TARGET: usize = 2 * PERIOD;
/// Each time that it runs dry it has a period more, up to this: more would be heard too late, in frames.
const MOST_TARGET: usize = 6 * PERIOD;
/// What is written unasked is dropped beyond it, in frames.
const MOST_BUFFERED: usize = RATE as usize;
/// Of any stream.
const MOST_CHANNELS: u8 = 8;

/// One stream.
#[derive(Debug)]
pub struct Playback {
    spec: SampleSpec,
    /// It waits, and gives nothing.
    corked: bool,
    /// It has had its first full buffer since it began, or since it ran dry: so it does not run dry at once again.
    primed: bool,
    buffer: VecDeque<[f32; 2]>,
    /// What it is to have ahead, in frames.
    target: usize,
    /// Frames that it was asked for and has not written.
    asked: usize,
    /// Bytes, since it was made.
    written: u64,
    /// Bytes, since it was made.
    played: u64,
}

/// A stream as nobody plays it here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unsupported;

impl Playback {
    /// It plays at once, unless it is corked.
    pub fn new(spec: SampleSpec, corked: bool) -> Result<Playback, Unsupported> {
        let is_known = matches!(spec.format, SampleFormat::Float32Le | SampleFormat::S16Le);
        if !is_known || spec.sample_rate != RATE || !(1..=MOST_CHANNELS).contains(&spec.channels) {
            return Err(Unsupported);
        }
        Ok(Playback {
            spec,
            corked,
            primed: false,
            buffer: VecDeque::new(),
            target: FIRST_TARGET,
            asked: 0,
            written: 0,
            played: 0,
        })
    }

    /// What it is to have ahead, in bytes.
    pub fn target_bytes(&self) -> u32 {
        self.bytes(self.target)
    }

    pub fn is_corked(&self) -> bool {
        self.corked
    }

    /// It waits, or goes on.
    pub fn cork(&mut self, corked: bool) {
        self.corked = corked;
        if corked {
            self.primed = false;
        }
    }

    /// What waits is not heard.
    pub fn flush(&mut self) {
        self.played += u64::from(self.bytes(self.buffer.len()));
        self.buffer.clear();
        self.primed = false;
    }

    /// `Err` if that is no whole number of frames.
    pub fn write(&mut self, pcm: &[u8]) -> Result<(), Unsupported> {
        let frame_bytes = self.frame_bytes();
        if !pcm.len().is_multiple_of(frame_bytes) {
            return Err(Unsupported);
        }
        let room = MOST_BUFFERED.saturating_sub(self.buffer.len());
        let frames = pcm.chunks_exact(frame_bytes);
        self.asked = self.asked.saturating_sub(frames.len());
        self.written += pcm.len() as u64;
        let dropped = frames.len().saturating_sub(room);
        self.played += u64::from(self.bytes(dropped));
        let format = self.spec.format;
        self.buffer
            .extend(frames.take(room).map(|frame| stereo(frame, format)));
        self.primed |= self.buffer.len() >= self.target;
        Ok(())
    }

    /// How many bytes it is to write now, if any.
    pub fn ask(&mut self) -> Option<u32> {
        if self.corked {
            return None;
        }
        let missing = self.target.saturating_sub(self.buffer.len() + self.asked);
        self.asked += missing;
        (missing > 0).then(|| self.bytes(missing))
    }

    /// Adds its next 10 ms to what is heard.
    pub fn mix_into(&mut self, period: &mut Period) {
        if self.corked || !self.primed {
            return;
        }
        let frames = self.buffer.len().min(PERIOD);
        for (heard, frame) in period.chunks_exact_mut(2).zip(self.buffer.drain(..frames)) {
            heard[0] += frame[0];
            heard[1] += frame[1];
        }
        self.played += u64::from(self.bytes(frames));
        self.primed = frames == PERIOD;
        if !self.primed {
            self.target = (self.target + PERIOD).min(MOST_TARGET);
        }
    }

    /// The rest of what waits is heard though no more comes.
    pub fn drain(&mut self) {
        self.primed = !self.buffer.is_empty();
    }

    pub fn is_empty(&self) -> bool {
        self.buffer.is_empty()
    }

    /// How many bytes were written, and how many of them are played.
    pub fn offsets(&self) -> (u64, u64) {
        (self.written, self.played)
    }

    fn frame_bytes(&self) -> usize {
        self.spec.format.bytes_per_sample() * usize::from(self.spec.channels)
    }

    fn bytes(&self, frames: usize) -> u32 {
        u32::try_from(frames * self.frame_bytes()).unwrap_or(u32::MAX)
    }
}

/// The first two channels; one is heard on both sides. Of surround the centre is heard too, as ITU-R BS.775 has it.
fn stereo(frame: &[u8], format: SampleFormat) -> [f32; 2] {
    let sample = |channel: usize| match format {
        SampleFormat::S16Le => frame
            .as_chunks()
            .0
            .get(channel)
            .map(|bytes| f32::from(i16::from_le_bytes(*bytes)) / 32_768.0),
        _ => frame
            .as_chunks()
            .0
            .get(channel)
            .map(|bytes| f32::from_le_bytes(*bytes)),
    };
    // What is no number is heard as nothing.
    let sample = |channel| sample(channel).filter(|sample| sample.is_finite());
    let left = sample(0).unwrap_or(0.0);
    let right = sample(1).unwrap_or(left);
    let centre = std::f32::consts::FRAC_1_SQRT_2 * sample(2).unwrap_or(0.0);
    [left + centre, right + centre]
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const STEREO: SampleSpec = SampleSpec {
        format: SampleFormat::Float32Le,
        channels: 2,
        sample_rate: RATE,
    };
    const FRAME: u32 = 8;

    fn playback() -> Playback {
        Playback::new(STEREO, false).unwrap()
    }

    fn pcm(frames: usize, value: f32) -> Vec<u8> {
        [value.to_le_bytes(), (-value).to_le_bytes()]
            .concat()
            .repeat(frames)
    }

    fn heard(playback: &mut Playback) -> Period {
        let mut period = [0.0; 2 * PERIOD];
        playback.mix_into(&mut period);
        period
    }

    #[test]
    fn it_is_heard_once_its_buffer_is_full_and_asked_for_as_much_as_was_heard() {
        let mut playback = playback();
        let full = playback.target_bytes();
        assert_eq!(playback.ask(), Some(full));
        assert_eq!(playback.ask(), None, "it was asked already");
        playback.write(&pcm(PERIOD, 0.5)).unwrap();
        assert_eq!(heard(&mut playback), [0.0; 2 * PERIOD], "not yet");
        playback.write(&pcm(PERIOD, 0.5)).unwrap();
        let period = heard(&mut playback);
        assert_eq!((period[0], period[1]), (0.5, -0.5));
        assert_eq!(playback.ask(), Some(PERIOD as u32 * FRAME));
        assert_eq!(playback.offsets(), (u64::from(full), 3840));
    }

    #[test]
    fn who_runs_dry_has_more_ahead_from_then_on_and_who_waits_gives_nothing() {
        let mut playback = playback();
        playback.write(&pcm(2 * PERIOD, 0.5)).unwrap();
        for _ in 0..2 {
            assert_eq!(heard(&mut playback)[0], 0.5);
        }
        assert_eq!(heard(&mut playback)[0], 0.0);
        assert_eq!(playback.target_bytes(), 3 * PERIOD as u32 * FRAME);
        playback.write(&pcm(2 * PERIOD, 0.5)).unwrap();
        assert_eq!(heard(&mut playback)[0], 0.0);
        playback.write(&pcm(PERIOD, 0.5)).unwrap();
        assert_eq!(heard(&mut playback)[0], 0.5);
        for _ in 0..100 {
            playback.write(&pcm(MOST_TARGET, 0.5)).unwrap();
            for _ in 0..8 {
                heard(&mut playback);
            }
        }
        assert_eq!(playback.target, MOST_TARGET);
        playback.cork(true);
        assert_eq!((heard(&mut playback)[0], playback.ask()), (0.0, None));
        playback.flush();
        playback.cork(false);
        assert_eq!(playback.ask(), Some(playback.target_bytes()));
    }

    #[test]
    fn one_channel_is_heard_on_both_sides_and_the_centre_too() {
        let of = |channels, format| SampleSpec {
            channels,
            format,
            sample_rate: RATE,
        };
        let heard_of = |spec, pcm: Vec<u8>| {
            let mut playback = Playback::new(spec, false).unwrap();
            playback.write(&pcm.repeat(3 * PERIOD)).unwrap();
            let period = heard(&mut playback);
            [period[0], period[1]]
        };
        let half = 16_384_i16.to_le_bytes().to_vec();
        assert_eq!(heard_of(of(1, SampleFormat::S16Le), half), [0.5, 0.5]);
        let surround = [0.25_f32, 0.0, 0.5, 1.0, 1.0, 1.0];
        let surround = surround.map(f32::to_le_bytes).concat();
        let [left, right] = heard_of(of(6, SampleFormat::Float32Le), surround);
        assert!((left - 0.6035).abs() < 0.001 && (right - 0.3535).abs() < 0.001);
        for unknown in [
            of(0, SampleFormat::S16Le),
            of(9, SampleFormat::S16Le),
            of(2, SampleFormat::U8),
            SampleSpec {
                sample_rate: 44_100,
                ..STEREO
            },
        ] {
            assert_eq!(Playback::new(unknown, false).err(), Some(Unsupported));
        }
    }

    proptest! {
        /// Whatever is written, and however late.
        #[test]
        fn it_is_bounded_and_loses_nothing_that_it_asked_for(
            writes in proptest::collection::vec((0usize..3000, any::<bool>()), 0..200),
        ) {
            let mut playback = playback();
            let mut owed = 0;
            for (frames, answers) in writes {
                owed += playback.ask().unwrap_or(0);
                if answers {
                    playback.write(&pcm(owed as usize / 8, 0.1)).unwrap();
                    owed = 0;
                } else {
                    playback.write(&pcm(frames, f32::NAN)).unwrap();
                }
                heard(&mut playback);
                let (written, played) = playback.offsets();
                prop_assert!(played <= written);
                prop_assert!(playback.buffer.len() <= MOST_BUFFERED);
                prop_assert_eq!(written - played, 8 * playback.buffer.len() as u64);
            }
        }
    }
}
