//! Pure: which of what is played can be heard (RFC 3551 §4.1: a talkspurt is what lies between two silences).

use super::playback::Period;

/// After so many silent periods nothing is sent. Shorter pauses are a part of what is heard.
const PAUSE: u32 = 20;

/// Of one sink.
#[derive(Debug, Default)]
pub struct Talkspurt {
    /// Silent periods since the last that was not; `None` before a talkspurt.
    silent: Option<u32>,
}

impl Talkspurt {
    /// Whether that period is sent, and if so whether a talkspurt begins with it.
    pub fn on_period(&mut self, period: &Period) -> Option<bool> {
        let is_silent = period.iter().all(|sample| *sample == 0.0);
        match (self.silent, is_silent) {
            (None, true) => None,
            (None, false) => {
                self.silent = Some(0);
                Some(true)
            }
            (Some(_), false) => {
                self.silent = Some(0);
                Some(false)
            }
            (Some(silent), true) => {
                self.silent = (silent + 1 < PAUSE).then_some(silent + 1);
                Some(false)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::playback::PERIOD;
    use super::*;

    #[test]
    fn silence_ends_after_a_while_and_is_not_sent() {
        let (silence, mut tone) = ([0.0; 2 * PERIOD], [0.0; 2 * PERIOD]);
        tone[7] = 0.001;
        let mut talkspurt = Talkspurt::default();
        assert_eq!(talkspurt.on_period(&silence), None);
        for _ in 0..2 {
            assert_eq!(talkspurt.on_period(&tone), Some(true), "it begins");
            assert_eq!(talkspurt.on_period(&tone), Some(false));
            for _ in 0..PAUSE - 1 {
                assert_eq!(talkspurt.on_period(&silence), Some(false), "a pause");
            }
            assert_eq!(talkspurt.on_period(&tone), Some(false), "it goes on");
            for _ in 0..PAUSE {
                assert_eq!(talkspurt.on_period(&silence), Some(false));
            }
            assert_eq!(talkspurt.on_period(&silence), None, "it has ended");
        }
    }
}
