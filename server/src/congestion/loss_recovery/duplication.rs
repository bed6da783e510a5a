//! Pure: loss rate, round trip and estimate → how many duplicates of each packet are sent before anybody asks.
//!
//! A retransmission takes a round trip, and all frames after the lost packet wait for it: a path that loses every tenth
//! packet stands still most of the time. Where the round trip is longer than a few frames and the estimate allows it,
//! packets are sent again unasked, a little later, because losses come in bursts. What this costs is taken from the
//! bitrate of the video.

use std::time::{Duration, Instant};

use crate::bitrate::Bitrate;
use crate::congestion::bandwidth::PacketResult;

/// Weight of a packet in the moving average of the loss rate: it remembers a second or so of a page that scrolls.
const WEIGHT: f64 = 1.0 / 250.0;
/// Loss rates above which one duplicate is sent, and two.
const BEGIN_ABOVE: [f64; 2] = [0.015, 0.06];
/// Loss rates below which that ends.
const END_BELOW: [f64; 2] = [0.007, 0.04];
/// Up to this round trip, a retransmission is there before two frames are.
const SHORT_RTT: Duration = Duration::from_millis(25);
/// The video does not get less than this for the sake of duplicates.
const MIN_VIDEO_BITRATE: Bitrate = Bitrate::kbps(1000);
/// When everything is lost for so long, the path was interrupted: duplicates would be lost too.
const OUTAGE: Duration = Duration::from_millis(250);
/// When the duplicates leave after their packet: the first soon, so that frames keep their distance; the second after
/// a burst of losses that took both would be over.
const DELAYS: [Duration; 2] = [Duration::from_millis(2), Duration::from_millis(14)];

/// Decides how often each packet is duplicated.
#[derive(Debug, Default)]
pub struct Duplication {
    loss_rate: f64,
    duplicates: usize,
}

impl Duplication {
    /// Results in the order in which the packets left.
    pub fn on_feedback(&mut self, results: &[PacketResult]) {
        for run in results.chunk_by(|a, b| a.arrival.is_none() == b.arrival.is_none()) {
            let lasted = run[run.len() - 1].departure - run[0].departure;
            let lost = f64::from(run[0].arrival.is_none());
            if lost == 1.0 && lasted >= OUTAGE {
                continue;
            }
            let weight = 1.0 - (1.0 - WEIGHT).powf(run.len() as f64);
            self.loss_rate += (lost - self.loss_rate) * weight;
        }
    }

    /// Works out anew how many duplicates are worth it: none while the path `is_congested`, since losses come from there.
    pub fn update(&mut self, rtt: Option<Duration>, estimate: Bitrate, is_congested: bool) {
        let wanted = (0..BEGIN_ABOVE.len())
            .take_while(|&step| {
                let limits = if step < self.duplicates {
                    END_BELOW
                } else {
                    BEGIN_ABOVE
                };
                self.loss_rate > limits[step]
            })
            .count();
        let affordable = estimate.as_bps() / MIN_VIDEO_BITRATE.as_bps().max(1);
        let affordable = usize::try_from(affordable).unwrap_or(0).saturating_sub(1);
        let is_long = rtt.is_some_and(|rtt| rtt > SHORT_RTT);
        self.duplicates = match is_long && !is_congested {
            true => wanted.min(affordable),
            false => 0,
        };
    }

    /// Of each packet: 0, 1 or 2.
    pub fn duplicates(&self) -> usize {
        self.duplicates
    }

    /// When the duplicates of a packet leave that leaves `now`, the earliest first.
    pub fn times(&self, now: Instant) -> impl Iterator<Item = Instant> + use<> {
        DELAYS
            .into_iter()
            .take(self.duplicates)
            .map(move |delay| now + delay)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const FAR: Option<Duration> = Some(Duration::from_millis(40));
    const WIDE: Bitrate = Bitrate::kbps(6000);

    /// Four seconds of packets, of which so many in a thousand are lost.
    fn seen(duplication: &mut Duplication, lost_of_1000: u64) {
        let start = Instant::now();
        let results: Vec<_> = (0..1000u64)
            .map(|index| PacketResult {
                departure: start + Duration::from_millis(4 * index),
                arrival: ((index * 377) % 1000 >= lost_of_1000)
                    .then(|| Duration::from_millis(4 * index + 20)),
                bytes: 1200,
                is_ambiguous: false,
            })
            .collect();
        duplication.on_feedback(&results);
    }

    fn duplicates(lost_of_1000: u64, round_trip: Option<Duration>, estimate: Bitrate) -> usize {
        let mut duplication = Duplication::default();
        seen(&mut duplication, lost_of_1000);
        duplication.update(round_trip, estimate, false);
        assert_eq!(
            duplication.times(Instant::now()).count(),
            duplication.duplicates()
        );
        duplication.duplicates()
    }

    #[test]
    fn the_more_is_lost_the_more_is_duplicated() {
        let each = [0, 3, 30, 100, 200].map(|lost| duplicates(lost, FAR, WIDE));
        assert_eq!(each, [0, 0, 1, 2, 2]);
    }

    #[test]
    fn a_short_round_trip_and_a_narrow_path_get_no_duplicates() {
        assert_eq!(duplicates(100, Some(Duration::from_millis(3)), WIDE), 0);
        assert_eq!(duplicates(100, None, WIDE), 0);
        assert_eq!(duplicates(100, FAR, Bitrate::kbps(1500)), 0);
        assert_eq!(duplicates(100, FAR, Bitrate::kbps(2500)), 1);
    }

    #[test]
    fn a_congested_path_is_not_filled_further() {
        let mut duplication = Duplication::default();
        seen(&mut duplication, 100);
        duplication.update(FAR, WIDE, true);
        assert_eq!(duplication.duplicates(), 0);
        duplication.update(FAR, WIDE, false);
        assert_eq!(duplication.duplicates(), 2);
    }

    #[test]
    fn it_ends_later_than_it_begins() {
        let mut duplication = Duplication::default();
        seen(&mut duplication, 30);
        duplication.update(FAR, WIDE, false);
        seen(&mut duplication, 10);
        duplication.update(FAR, WIDE, false);
        assert_eq!(duplication.duplicates(), 1);
        seen(&mut duplication, 1);
        duplication.update(FAR, WIDE, false);
        assert_eq!(duplication.duplicates(), 0);
    }

    #[test]
    fn an_outage_is_no_reason() {
        let start = Instant::now();
        let mut duplication = Duplication::default();
        let results: Vec<_> = (0..500)
            .map(|index| PacketResult {
                departure: start + Duration::from_millis(4 * index),
                arrival: None,
                bytes: 1200,
                is_ambiguous: false,
            })
            .collect();
        duplication.on_feedback(&results);
        duplication.update(FAR, WIDE, false);
        assert_eq!(duplication.duplicates(), 0);
    }

    proptest! {
        #[test]
        fn the_video_keeps_its_share_whatever_is_lost(
            lost in proptest::collection::vec(any::<bool>(), 0..500),
            rtt in proptest::option::of(0u64..1000),
            kbps in 0u32..20_000,
            is_congested: bool,
        ) {
            let start = Instant::now();
            let results: Vec<_> = lost.iter().map(|lost| PacketResult {
                departure: start,
                arrival: (!lost).then_some(Duration::ZERO),
                bytes: 1200,
                is_ambiguous: false,
            }).collect();
            let mut duplication = Duplication::default();
            duplication.on_feedback(&results);
            let (rtt, estimate) = (rtt.map(Duration::from_millis), Bitrate::kbps(kbps));
            duplication.update(rtt, estimate, is_congested);
            let times: Vec<_> = duplication.times(start).collect();
            prop_assert_eq!(times.len(), duplication.duplicates());
            prop_assert!(times.is_sorted() && times.len() <= DELAYS.len());
            if !times.is_empty() {
                prop_assert!(!is_congested && rtt > Some(SHORT_RTT));
                prop_assert!(estimate.as_bps() / (1 + times.len() as u32) >= MIN_VIDEO_BITRATE.as_bps());
            }
        }
    }
}
