//! Pure: how long to wait before the next attempt to connect.

/// Most losses are short: the first attempt follows at once.
const FIRST_MILLIS: f64 = 100.0;
/// A person who comes back to a page that has been waiting does not wait longer than this.
const LONGEST_MILLIS: f64 = 5_000.0;

/// Doubles from [`FIRST_MILLIS`] to [`LONGEST_MILLIS`].
#[derive(Debug, Default)]
pub struct Backoff {
    attempts: u32,
}

impl Backoff {
    pub fn next_delay_millis(&mut self) -> f64 {
        let doubled = FIRST_MILLIS * f64::from(2u32.saturating_pow(self.attempts));
        self.attempts = self.attempts.saturating_add(1);
        doubled.min(LONGEST_MILLIS)
    }

    /// Attempts since the last success.
    pub fn attempts(&self) -> u32 {
        self.attempts
    }

    /// The connection stood: the next loss is a new one.
    pub fn reset(&mut self) {
        self.attempts = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_delay_doubles_up_to_its_longest() {
        let mut backoff = Backoff::default();
        let delays: Vec<u32> = (0..8).map(|_| backoff.next_delay_millis() as u32).collect();
        assert_eq!(delays, [100, 200, 400, 800, 1600, 3200, 5000, 5000]);
        backoff.reset();
        assert_eq!(backoff.next_delay_millis(), FIRST_MILLIS);
    }

    #[test]
    fn any_number_of_attempts_is_fine() {
        let mut backoff = Backoff { attempts: u32::MAX };
        assert_eq!(backoff.next_delay_millis(), LONGEST_MILLIS);
    }
}
