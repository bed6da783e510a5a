//! Pure: how loud the page is heard, as the person chose it.

use std::fmt;
use std::num::ParseIntError;
use std::str::FromStr;

/// The loudest.
const MOST: u8 = 100;

/// A muted one knows how loud it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Volume {
    percent: u8,
    muted: bool,
}

impl Default for Volume {
    fn default() -> Volume {
        Volume {
            percent: MOST,
            muted: false,
        }
    }
}

impl Volume {
    /// 0 to 100.
    pub fn percent(self) -> u8 {
        self.percent
    }

    pub fn is_muted(self) -> bool {
        self.muted || self.percent == 0
    }

    /// What samples are multiplied by. An ear hears half of it as much more than half.
    pub fn gain(self) -> f64 {
        let part = f64::from(self.percent) / f64::from(MOST);
        part * part
    }

    /// Who chooses how loud wants to hear it.
    pub fn with_percent(self, percent: u8) -> Volume {
        Volume {
            percent: percent.min(MOST),
            muted: false,
        }
    }

    /// Mutes, or undoes it; what was turned down to nothing is heard in full.
    pub fn turned(self) -> Volume {
        match self.is_muted() {
            true if self.percent == 0 => Volume::default(),
            true => self.with_percent(self.percent),
            false => Volume {
                muted: true,
                ..self
            },
        }
    }
}

/// A number, with a sign if it is muted.
impl fmt::Display for Volume {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.muted { "-" } else { "" };
        write!(f, "{sign}{}", self.percent)
    }
}

impl FromStr for Volume {
    type Err = ParseIntError;

    fn from_str(text: &str) -> Result<Volume, ParseIntError> {
        let percent = text.strip_prefix('-').unwrap_or(text).parse()?;
        Ok(Volume {
            muted: text.starts_with('-'),
            ..Volume::default().with_percent(percent)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_mutes_comes_back_to_what_it_was() {
        let half = Volume::default().with_percent(50);
        let muted = half.turned();
        assert!(muted.is_muted() && !half.is_muted());
        assert_eq!(muted.turned(), half);
        assert_eq!(muted.with_percent(20), half.with_percent(20), "heard");
        let nothing = half.with_percent(0);
        assert!(nothing.is_muted());
        assert_eq!(nothing.turned(), Volume::default());
        assert_eq!((half.gain(), nothing.gain()), (0.25, 0.0));
    }

    #[test]
    fn what_is_kept_is_read_again() {
        for volume in [
            Volume::default(),
            Volume::default().with_percent(7),
            Volume::default().with_percent(7).turned(),
            Volume::default().with_percent(255),
        ] {
            assert_eq!(volume.to_string().parse(), Ok(volume));
        }
        assert!("loud".parse::<Volume>().is_err());
    }
}
