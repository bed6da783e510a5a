//! Pure: is an input too old to be carried out? A reliable channel delivers after an outage what was sent before it.

use std::time::Duration;

/// Somebody who typed, and saw nothing come of it for so long, has given up or tried again. Above what repairing a
/// packet takes on a bad link.
pub const TOO_LATE: Duration = Duration::from_secs(1);

/// Both in microseconds of the server's clock; what has no time is taken as new.
pub fn is_too_late(sent_micros: Option<u64>, received_micros: u64) -> bool {
    sent_micros
        .is_some_and(|sent| Duration::from_micros(received_micros.saturating_sub(sent)) > TOO_LATE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waited_for_an_outage_to_end_is_too_late() {
        let now = 10_000_000;
        assert!(is_too_late(Some(7_900_000), now));
        assert!(!is_too_late(Some(9_100_000), now));
    }

    #[test]
    fn no_time_or_one_in_the_future_is_no_reason_to_drop() {
        assert!(!is_too_late(None, u64::MAX));
        assert!(!is_too_late(Some(u64::MAX), 0));
    }
}
