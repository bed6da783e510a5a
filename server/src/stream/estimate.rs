//! Pure: what is known of a subscriber's link.

use std::time::Duration;

use crate::bitrate::Bitrate;

/// What a viewer's browser says about the packets it gets. Each report fills in what it knows.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Feedback {
    /// Part of the packets that were lost since the last such report, 0 to 1; about once a second.
    pub loss: Option<f32>,
    /// As measured by RTCP reports.
    pub round_trip: Option<Duration>,
    /// Four to twenty times a second while frames flow.
    pub estimate: Option<Estimate>,
}

impl Feedback {
    /// What a newer report says replaces what was known.
    pub fn update(&mut self, newer: Feedback) {
        self.loss = newer.loss.or(self.loss);
        self.round_trip = newer.round_trip.or(self.round_trip);
        self.estimate = newer.estimate.or(self.estimate);
    }
}

/// How much a link carries, as far as is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Estimate {
    /// What may be sent. Never above the configured ceiling; an idle page does not change it.
    pub bitrate: Bitrate,
    /// How long a frame that is sent now would wait in the pacer.
    pub backlog: Duration,
    /// One-way delay above its base: how long packets wait in a queue on the way.
    pub queuing_delay: Duration,
    /// What arrived in the last half second.
    pub acked_bitrate: Bitrate,
    /// How many duplicates of each packet are sent unasked, because so many get lost.
    pub duplicates: usize,
}

impl Estimate {
    /// What is left for the picture.
    pub fn for_video(&self) -> Bitrate {
        self.bitrate.part(FOR_VIDEO / (1 + self.duplicates) as f64)
    }
}

/// Of what a link carries: what is repeated, and what the encoder overshoots, needs room too.
const FOR_VIDEO: f64 = 0.9;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_replaces_only_what_it_knows() {
        let loss = Feedback {
            loss: Some(0.5),
            ..Feedback::default()
        };
        let round_trip = Some(Duration::from_millis(7));
        let mut known = loss;
        known.update(Feedback {
            round_trip,
            ..Feedback::default()
        });
        assert_eq!((known.loss, known.round_trip), (Some(0.5), round_trip));
    }

    #[test]
    fn packets_that_are_sent_twice_leave_half_for_the_picture() {
        let estimate = |duplicates| Estimate {
            bitrate: Bitrate::kbps(1000),
            backlog: Duration::ZERO,
            queuing_delay: Duration::ZERO,
            acked_bitrate: Bitrate::kbps(0),
            duplicates,
        };
        assert_eq!(estimate(0).for_video(), Bitrate::kbps(900));
        assert_eq!(estimate(1).for_video(), Bitrate::kbps(450));
    }
}
