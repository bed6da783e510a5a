//! Pure: how often each packet is sent again before anybody misses it.
//!
//! A repair takes a round trip, and all frames after the lost packet wait for it: a link that loses every tenth packet
//! stands still most of the time. Where the round trip is longer than a few frames and the link has room, packets are sent
//! again unasked, a little later, as losses come in groups. What this costs is taken from the picture's bitrate.

use std::time::{Duration, Instant};

use crate::bitrate::Bitrate;
use crate::congestion::bandwidth::Outcome;

/// Each packet counts this much: a second or so of a page that scrolls.
const NEWEST: f64 = 1.0 / 250.0;
/// From this part lost on, and back below that one: one copy, two copies.
const BEGINS: [f64; 2] = [0.015, 0.06];
const ENDS: [f64; 2] = [0.007, 0.04];
/// A repair over a shorter way is there before two frames are.
const SHORT_WAY: Duration = Duration::from_millis(25);
/// A picture does not get less than this for the sake of copies.
const LEAST: Bitrate = Bitrate::kbps(1000);
/// When everything is lost for so long, the way was cut: copies would not help.
const OUTAGE: Duration = Duration::from_millis(250);
/// When the copies leave after their packet: the first so soon that frames keep their distance, the second so late that what
/// took both is over.
const AFTER: [Duration; 2] = [Duration::from_millis(2), Duration::from_millis(14)];

#[derive(Debug, Default)]
pub struct Duplication {
    loss: f64,
    copies: usize,
}

impl Duplication {
    /// Outcomes in the order in which the packets left.
    pub fn add(&mut self, outcomes: &[Outcome]) {
        for run in outcomes.chunk_by(|a, b| a.arrival.is_none() == b.arrival.is_none()) {
            let lasted = run[run.len() - 1].departure - run[0].departure;
            let lost = f64::from(run[0].arrival.is_none());
            if lost == 1.0 && lasted >= OUTAGE {
                continue;
            }
            let weight = 1.0 - (1.0 - NEWEST).powf(run.len() as f64);
            self.loss += (lost - self.loss) * weight;
        }
    }

    /// Works out anew how many copies are worth it. `is_full`: packets queue on the way, and losses come from there.
    pub fn decide(&mut self, round_trip: Option<Duration>, estimate: Bitrate, is_full: bool) {
        let wanted = (0..BEGINS.len())
            .take_while(|&step| {
                let limit = if step < self.copies { ENDS } else { BEGINS };
                self.loss > limit[step]
            })
            .count();
        let affordable = estimate.as_bps() / LEAST.as_bps().max(1);
        let affordable = usize::try_from(affordable).unwrap_or(0).saturating_sub(1);
        let is_far = round_trip.is_some_and(|round_trip| round_trip > SHORT_WAY);
        self.copies = match is_far && !is_full {
            true => wanted.min(affordable),
            false => 0,
        };
    }

    pub fn copies(&self) -> usize {
        self.copies
    }

    /// When the copies of a packet leave that leaves now.
    pub fn times(&self, now: Instant) -> impl Iterator<Item = Instant> + use<> {
        AFTER
            .into_iter()
            .take(self.copies)
            .map(move |after| now + after)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FAR: Option<Duration> = Some(Duration::from_millis(40));
    const WIDE: Bitrate = Bitrate::kbps(6000);

    /// Two seconds of packets, of which so many in a thousand are lost, and then those of the third argument.
    fn seen(redundancy: &mut Duplication, lost_of_1000: u64) {
        let start = Instant::now();
        let outcomes: Vec<_> = (0..1000u64)
            .map(|index| Outcome {
                departure: start + Duration::from_millis(4 * index),
                arrival: ((index * 377) % 1000 >= lost_of_1000)
                    .then(|| Duration::from_millis(4 * index + 20)),
                bytes: 1200,
                is_ambiguous: false,
            })
            .collect();
        redundancy.add(&outcomes);
    }

    fn copies(lost_of_1000: u64, round_trip: Option<Duration>, estimate: Bitrate) -> usize {
        let mut redundancy = Duplication::default();
        seen(&mut redundancy, lost_of_1000);
        redundancy.decide(round_trip, estimate, false);
        assert_eq!(
            redundancy.times(Instant::now()).count(),
            redundancy.copies()
        );
        redundancy.copies()
    }

    #[test]
    fn the_more_is_lost_the_more_is_sent_again() {
        let each = [0, 3, 30, 100, 200].map(|lost| copies(lost, FAR, WIDE));
        assert_eq!(each, [0, 0, 1, 2, 2]);
    }

    #[test]
    fn a_near_viewer_asks_instead_and_a_narrow_link_keeps_its_picture() {
        assert_eq!(copies(100, Some(Duration::from_millis(3)), WIDE), 0);
        assert_eq!(copies(100, None, WIDE), 0);
        assert_eq!(copies(100, FAR, Bitrate::kbps(1500)), 0);
        assert_eq!(copies(100, FAR, Bitrate::kbps(2500)), 1);
    }

    #[test]
    fn a_full_link_is_not_filled_further() {
        let mut redundancy = Duplication::default();
        seen(&mut redundancy, 100);
        redundancy.decide(FAR, WIDE, true);
        assert_eq!(redundancy.copies(), 0);
        redundancy.decide(FAR, WIDE, false);
        assert_eq!(redundancy.copies(), 2);
    }

    #[test]
    fn it_ends_later_than_it_begins() {
        let mut redundancy = Duplication::default();
        seen(&mut redundancy, 30);
        redundancy.decide(FAR, WIDE, false);
        seen(&mut redundancy, 10);
        redundancy.decide(FAR, WIDE, false);
        assert_eq!(redundancy.copies(), 1);
        seen(&mut redundancy, 1);
        redundancy.decide(FAR, WIDE, false);
        assert_eq!(redundancy.copies(), 0);
    }

    #[test]
    fn an_outage_is_no_reason() {
        let start = Instant::now();
        let mut redundancy = Duplication::default();
        let outcomes: Vec<_> = (0..500)
            .map(|index| Outcome {
                departure: start + Duration::from_millis(4 * index),
                arrival: None,
                bytes: 1200,
                is_ambiguous: false,
            })
            .collect();
        redundancy.add(&outcomes);
        redundancy.decide(FAR, WIDE, false);
        assert_eq!(redundancy.copies(), 0);
    }
}
