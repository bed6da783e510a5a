//! Pure: a packet's timestamp → when it is heard. TCP delivers late what it repeats, and the two clocks are not one.

/// Of timestamps, per second.
const RATE: f64 = 48_000.0;
/// What one is heard for, in seconds.
const PACKET: f64 = 0.01;
/// What is heard first is heard so much later than it came, in seconds: what comes after it may be as much later.
const LEAD: f64 = 0.06;
/// More that waits is no lead any more: packets are left out until it is as it was, in seconds.
const MOST: f64 = 0.25;
/// After so long a silence nobody hears that the lead is made anew, in seconds.
const SILENCE: f64 = 0.15;

/// Of one stream of packets.
#[derive(Clone, Copy, Debug, Default)]
pub struct Schedule {
    last: Option<Last>,
    /// Too much waits.
    is_catching_up: bool,
}

/// The packet that came last, and when the last one is heard that is.
#[derive(Clone, Copy, Debug)]
struct Last {
    timestamp: u32,
    /// In seconds.
    at: f64,
}

impl Schedule {
    /// When this packet is heard, in seconds on `now`'s clock; `None` if never.
    pub fn at(&mut self, timestamp: u32, now: f64) -> Option<f64> {
        let anew = now + LEAD;
        let at = self.last.map_or(anew, |last| {
            let since = f64::from(timestamp.wrapping_sub(last.timestamp).cast_signed()) / RATE;
            let even = last.at + since;
            // What is older than what came before it is of another server's clock.
            match since > 0.0 && since < SILENCE && even > now {
                true => even,
                false => anew.max(last.at + PACKET),
            }
        });
        let most = if self.is_catching_up { LEAD } else { MOST };
        self.is_catching_up = at > now + most;
        let heard_at = match (self.is_catching_up, self.last) {
            // The next one is heard in its place.
            (true, Some(last)) => last.at,
            _ => at,
        };
        self.last = Some(Last {
            timestamp,
            at: heard_at,
        });
        (!self.is_catching_up).then_some(at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TICKS: u32 = 480;

    #[test]
    fn packets_are_heard_evenly_however_they_come() {
        let mut schedule = Schedule::default();
        let first = schedule.at(0, 10.0).unwrap();
        assert!((first - 10.06).abs() < 1e-9);
        for (index, late) in [(1, 0.0), (2, 0.05), (3, 0.045), (4, 0.01)] {
            let now = 10.0 + f64::from(index) * 0.01 + late;
            let at = schedule.at(index * TICKS, now).unwrap();
            assert!((at - first - f64::from(index) * 0.01).abs() < 1e-9);
        }
    }

    #[test]
    fn after_a_silence_or_a_stall_there_is_a_lead_again() {
        let mut schedule = Schedule::default();
        schedule.at(0, 10.0);
        let after_silence = schedule.at(48_000, 10.99).unwrap();
        assert!((after_silence - 11.05).abs() < 1e-9);
        let after_stall = schedule.at(48_000 + TICKS, 11.5).unwrap();
        assert!((after_stall - 11.56).abs() < 1e-9);
        let after_restart = schedule.at(3, 12.0).unwrap();
        assert!((after_restart - 12.06).abs() < 1e-9);
    }

    #[test]
    fn what_came_in_a_heap_is_not_heard_late_for_ever() {
        let mut schedule = Schedule::default();
        let (mut leads, mut times) = (Vec::new(), Vec::new());
        // Half a second at once, then as it is played.
        for index in 0..200_u32 {
            let now = 10.0 + f64::from(index.saturating_sub(50)) * 0.01;
            let at = schedule.at(index * TICKS, now);
            leads.extend(at.map(|at| at - now));
            times.extend(at);
        }
        assert!(leads.iter().all(|lead| (0.0..=MOST + 1e-9).contains(lead)));
        assert!(*leads.last().unwrap() < 0.1, "{leads:?}");
        let is_even = |pair: &[f64]| pair[1] - pair[0] > PACKET - 1e-9;
        assert!(times.windows(2).all(is_even), "no two at once");
    }
}
