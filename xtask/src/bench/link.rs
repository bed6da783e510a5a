//! Pure: words such as `rate=1500k queue=200ms loss=3%` → a link, and back.

use std::fmt;
use std::time::Duration;

/// What lies between server and viewer; the default is a cable without limits.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Link {
    /// Towards the viewer, in bits per second; `None` is as fast as the machine.
    pub rate: Option<u64>,
    /// How long a packet may wait in front of the bottleneck before the queue is full.
    pub queue: Duration,
    /// Each way, so half of what it adds to the round trip.
    pub delay: Duration,
    /// At most so much more delay, equally distributed; the order stays.
    pub jitter: Duration,
    /// Share of packets that arrive after those sent later, 0 to 1.
    pub reorder: f64,
    /// Share of packets that are lost, each way, 0 to 1; 1 is a cut.
    pub loss: f64,
}

impl Link {
    /// What is left out of the words is as on the cable; an error is a sentence.
    pub fn read<'a>(words: impl IntoIterator<Item = &'a str>) -> Result<Link, String> {
        let mut link = Link::default();
        for word in words {
            let wrong = || format!("`{word}` says nothing about a link.");
            let (name, value) = word.split_once('=').ok_or_else(wrong)?;
            let known = match name {
                "rate" => rate(value).map(|rate| link.rate = Some(rate)),
                "queue" => millis(value).map(|queue| link.queue = queue),
                "delay" => millis(value).map(|delay| link.delay = delay),
                "jitter" => millis(value).map(|jitter| link.jitter = jitter),
                "reorder" => share(value).map(|reorder| link.reorder = reorder),
                "loss" => share(value).map(|loss| link.loss = loss),
                _ => None,
            };
            known.ok_or_else(wrong)?;
        }
        Ok(link)
    }
}

impl fmt::Display for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(rate) = self.rate {
            write!(f, "rate={rate} ")?;
        }
        write!(
            f,
            "queue={}ms delay={}ms jitter={}ms reorder={}% loss={}%",
            self.queue.as_secs_f64() * 1000.0,
            self.delay.as_secs_f64() * 1000.0,
            self.jitter.as_secs_f64() * 1000.0,
            self.reorder * 100.0,
            self.loss * 100.0
        )
    }
}

/// Bits per second, with `k` or `M` behind.
fn rate(text: &str) -> Option<u64> {
    let (digits, factor) = match text.strip_suffix('k') {
        Some(digits) => (digits, 1_000),
        None => match text.strip_suffix('M') {
            Some(digits) => (digits, 1_000_000),
            None => (text, 1),
        },
    };
    // Slower than a modem, and a queue is no longer emulated but a wall.
    let rate = digits.parse::<u64>().ok()?.checked_mul(factor)?;
    (rate >= 8_000).then_some(rate)
}

fn millis(text: &str) -> Option<Duration> {
    let millis: f64 = text.strip_suffix("ms")?.parse().ok()?;
    (0.0..=60_000.0)
        .contains(&millis)
        .then(|| Duration::from_secs_f64(millis / 1000.0))
}

fn share(text: &str) -> Option<f64> {
    let percent: f64 = text.strip_suffix('%')?.parse().ok()?;
    (0.0..=100.0).contains(&percent).then_some(percent / 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Link, String> {
        Link::read(text.split_whitespace())
    }

    #[test]
    fn nothing_said_is_a_cable() {
        assert_eq!(read(""), Ok(Link::default()));
    }

    #[test]
    fn every_word_counts() {
        let link = read("rate=1500k queue=200ms delay=20ms jitter=2.5ms reorder=1% loss=3%");
        assert_eq!(
            link,
            Ok(Link {
                rate: Some(1_500_000),
                queue: Duration::from_millis(200),
                delay: Duration::from_millis(20),
                jitter: Duration::from_micros(2500),
                reorder: 0.01,
                loss: 0.03,
            })
        );
    }

    #[test]
    fn a_link_is_read_as_it_is_written() {
        for text in ["", "rate=10M queue=200ms delay=7ms", "loss=100%"] {
            let link = read(text).unwrap();
            assert_eq!(read(&link.to_string()), Ok(link), "{text}");
        }
    }

    #[test]
    fn nonsense_is_named() {
        for word in [
            "rate",
            "rate=",
            "rate=1",
            "rate=x",
            "loss=3",
            "loss=101%",
            "delay=-1ms",
            "delay=NaNms",
            "colour=red",
        ] {
            assert!(
                read(word).is_err_and(|sentence| sentence.contains(word)),
                "{word}"
            );
        }
    }
}
