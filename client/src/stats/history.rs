//! Pure: the last minute of samples.

use std::collections::VecDeque;

use serde::Serialize;

use crate::stats::incidents::Incidents;
use crate::stats::latency::{Latency, Summary};
use crate::stats::reading::Sample;

/// Seconds that the plots show.
pub const LENGTH: usize = 60;

#[derive(Clone, Debug, Default, PartialEq)]
pub struct History {
    samples: VecDeque<Sample>,
}

impl History {
    pub fn push(&mut self, sample: Sample) {
        if self.samples.len() == LENGTH {
            self.samples.pop_front();
        }
        self.samples.push_back(sample);
    }

    pub fn newest(&self) -> Option<&Sample> {
        self.samples.back()
    }

    /// One value per second, oldest first.
    pub fn values(&self, of: impl Fn(&Sample) -> Option<f64>) -> Vec<Option<f64>> {
        self.samples.iter().map(of).collect()
    }

    /// For a bug report, together with what inputs took to be seen.
    pub fn to_json(&self, latency: &Latency, incidents: &Incidents) -> String {
        #[derive(Serialize)]
        struct Report<'a> {
            input_to_picture: Summary,
            incidents: &'a Incidents,
            samples: &'a VecDeque<Sample>,
        }
        let report = Report {
            input_to_picture: latency.summary(),
            incidents,
            samples: &self.samples,
        };
        serde_json::to_string_pretty(&report).expect("numbers and texts have a JSON form")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::reading::Reading;

    fn sample(second: usize) -> Sample {
        let reading = |at: usize| Reading {
            at_millis: at as f64 * 1000.0,
            ..Reading::default()
        };
        reading(second + 1)
            .since(&reading(second), None)
            .expect("a second apart")
    }

    #[test]
    fn a_minute_is_kept() {
        let mut history = History::default();
        for second in 0..2 * LENGTH {
            history.push(sample(second));
        }
        let times = history.values(|sample| Some(sample.at_millis));
        assert_eq!(times.len(), LENGTH);
        assert_eq!(times.last(), Some(&Some(120_000.0)));
    }

    #[test]
    fn it_is_json() {
        let mut history = History::default();
        history.push(sample(1));
        let json = history.to_json(&Latency::default(), &Incidents::default());
        assert!(json.contains("\"frames_per_second\": 0.0"));
        assert!(json.contains("\"p50_millis\": null"));
    }
}
