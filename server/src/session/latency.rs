//! What viewers report of their inputs' latency → `/metrics`. Reports are bounded: anybody can send them.

use std::time::{Duration, Instant};

use metrics::Histogram;
use shared::input::Key;
use shared::latency::{Measurement, Stage};
use shared::message::{ClientMessage, MOST_MEASUREMENTS};
use shared::session::SessionId;

/// The histograms of one session.
pub struct LatencyMetrics {
    total: Histogram,
    stages: [Histogram; Stage::COUNT],
}

impl LatencyMetrics {
    /// Registers the session's histograms.
    pub fn new(session: &SessionId) -> LatencyMetrics {
        let session = session.to_string();
        LatencyMetrics {
            total: metrics::histogram!("farpane_input_latency_seconds", "session" => session.clone()),
            stages: Stage::ALL.map(|stage| {
                metrics::histogram!(
                    "farpane_latency_stage_seconds",
                    "session" => session.clone(),
                    "stage" => stage.label()
                )
            }),
        }
    }

    /// Adds accepted measurements.
    pub fn record(&self, measurements: &[Measurement]) {
        for measurement in measurements {
            self.total.record(seconds(measurement.total));
            for (stage, histogram) in Stage::ALL.into_iter().zip(&self.stages) {
                if let Some(micros) = measurement.stages.get(stage) {
                    histogram.record(seconds(micros));
                }
            }
        }
    }
}

fn seconds(micros: u32) -> f64 {
    Duration::from_micros(micros.into()).as_secs_f64()
}

/// Pure: how many measurements of one viewer are accepted.
#[derive(Debug)]
pub struct ReportLimit {
    left: usize,
    since: Option<Instant>,
}

/// A viewer's page reports once a second.
const REPORT_EVERY: Duration = Duration::from_secs(1);

impl Default for ReportLimit {
    fn default() -> ReportLimit {
        ReportLimit {
            left: MOST_MEASUREMENTS,
            since: None,
        }
    }
}

impl ReportLimit {
    /// Those that can have happened, and no more than a hand makes.
    pub fn accept(&mut self, mut reported: Vec<Measurement>, now: Instant) -> Vec<Measurement> {
        let is_over = |since: Instant| now.saturating_duration_since(since) >= REPORT_EVERY;
        if self.since.is_none_or(is_over) {
            self.left = MOST_MEASUREMENTS;
            self.since = Some(now);
        }
        reported.retain(Measurement::is_plausible);
        reported.truncate(self.left);
        self.left -= reported.len();
        reported
    }
}

/// Whether this input often changes nothing that is seen; `None`: it is no input that can change the picture.
pub fn is_tentative(message: &ClientMessage) -> Option<bool> {
    match message {
        // A click acts when the button goes down, or when it comes up again.
        ClientMessage::PointerMove { .. }
        | ClientMessage::PointerButton { .. }
        | ClientMessage::PointerMotion { .. }
        | ClientMessage::Touch { .. } => Some(true),
        ClientMessage::Key(Key { pressed, .. }) => Some(!pressed),
        ClientMessage::Wheel { .. }
        | ClientMessage::Text { .. }
        | ClientMessage::Compose { .. }
        | ClientMessage::Replace { .. } => Some(false),
        ClientMessage::HeldKeys { .. }
        | ClientMessage::ReleaseAll
        | ClientMessage::LeavePointerLock
        | ClientMessage::Ping { .. }
        | ClientMessage::LatencyReport { .. }
        | ClientMessage::VsyncOffset { .. }
        | ClientMessage::SkipToLive
        | ClientMessage::WatchTextFields
        | ClientMessage::Paste(_)
        | ClientMessage::Viewport(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use shared::latency::{LONGEST_MICROS, Stages};

    fn measurement(total: u32, encode: Option<u32>) -> Measurement {
        let mut stages = Stages::default();
        stages.set(Stage::Encode, encode);
        Measurement { total, stages }
    }

    #[test]
    fn what_cannot_have_happened_is_not_counted() {
        let mut limit = ReportLimit::default();
        let honest = measurement(20_000, Some(3_000));
        let reported = vec![
            measurement(u32::MAX, None),
            measurement(20_000, Some(50_000)),
            honest,
        ];
        assert_eq!(limit.accept(reported, Instant::now()), [honest]);
    }

    proptest! {
        #[test]
        fn a_flood_counts_no_more_than_a_hand(
            batches in proptest::collection::vec((0usize..500, 0u64..400), 1..40),
        ) {
            let start = Instant::now();
            let mut now = start;
            let mut limit = ReportLimit::default();
            let mut accepted = 0;
            for (count, gap) in batches {
                now += Duration::from_millis(gap);
                let reported = vec![measurement(LONGEST_MICROS, None); count];
                accepted += limit.accept(reported, now).len();
            }
            let seconds = (now - start).as_secs() as usize + 1;
            prop_assert!(accepted <= seconds * MOST_MEASUREMENTS);
        }
    }
}
