//! Pure: bits per second, as people write and read them.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// Bits per second.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bitrate(u32);

impl Bitrate {
    /// So many bits per second.
    pub const fn bps(bits: u32) -> Bitrate {
        Bitrate(bits)
    }

    /// So many times 1000 bits per second; the largest bitrate if that is too many.
    pub const fn kbps(kilobits: u32) -> Bitrate {
        Bitrate(kilobits.saturating_mul(1000))
    }

    /// Bits per second.
    pub const fn as_bps(self) -> u32 {
        self.0
    }

    /// How long this many bytes take to flow.
    pub fn time_for(self, bytes: usize) -> Duration {
        let seconds = bytes as f64 * 8.0 / f64::from(self.0.max(1));
        Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)
    }

    /// This part of it, from 0 to 1.
    pub fn part(self, part: f64) -> Bitrate {
        Bitrate((f64::from(self.0) * part) as u32)
    }

    /// What flows in this time.
    pub fn bytes_in(self, time: Duration) -> u64 {
        (f64::from(self.0) * time.as_secs_f64() / 8.0) as u64
    }
}

impl fmt::Display for Bitrate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.1} Mb/s", f64::from(self.0) / 1e6)
    }
}

impl FromStr for Bitrate {
    type Err = String;

    /// `4M`, `4.5M`, `4000k` or plain bits per second.
    fn from_str(text: &str) -> Result<Bitrate, String> {
        let wrong = || format!("{text:?} is not a bitrate; write it like 4M or 4000k");
        let text = text.trim();
        let (number, unit) = match text.strip_suffix(['M', 'm']) {
            Some(number) => (number, 1e6),
            None => match text.strip_suffix(['k', 'K']) {
                Some(number) => (number, 1e3),
                None => (text, 1.0),
            },
        };
        let bits = number.trim().parse::<f64>().map_err(|_| wrong())? * unit;
        if bits.is_finite() && (1.0..=f64::from(u32::MAX)).contains(&bits) {
            Ok(Bitrate(bits.round() as u32))
        } else {
            Err(wrong())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_bitrate_is_written_as_people_write_it() {
        for text in ["4M", "4000k", "4000000", " 4.0M ", "4m", "4000K"] {
            assert_eq!(text.parse(), Ok(Bitrate::kbps(4000)), "{text:?}");
        }
        assert_eq!(Bitrate::kbps(4000).to_string(), "4.0 Mb/s");
        for wrong in ["", "M", "0", "-1k", "NaN", "infM", "9999M", "4 cows"] {
            assert!(wrong.parse::<Bitrate>().is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn a_bitrate_over_time_is_an_amount() {
        let bytes = Bitrate::kbps(8).bytes_in(Duration::from_millis(500));
        assert_eq!(bytes, 500);
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_panic(text in ".*") {
            let _ = text.parse::<Bitrate>();
        }

        #[test]
        fn bits_written_out_are_read_back(bits in 1u32..) {
            prop_assert_eq!(bits.to_string().parse(), Ok(Bitrate::bps(bits)));
        }
    }
}
