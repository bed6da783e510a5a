//! Pure: the last minute's inputs, each with what it took to be seen.

use std::collections::VecDeque;

use serde::Serialize;
use serde::ser::{SerializeMap, Serializer};
use shared::latency::{Measurement, Stage, Stages};

use crate::stats::clock::Offset;
use crate::stats::history::LENGTH;

/// What one input took.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Measured {
    pub measurement: Measurement,
    /// The page was at rest. While it moves by itself the figures may be a frame off.
    pub exact: bool,
}

/// What the Statistics panel shows of it, and what is copied.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Latency {
    /// One for each second, oldest first.
    seconds: VecDeque<Vec<Measured>>,
    /// How well the server's clock is known.
    offset: Option<Offset>,
    /// The browser does not tell which frame it shows.
    pub is_blind: bool,
}

/// For a bug report.
#[derive(Clone, Debug, Serialize, PartialEq)]
pub struct Summary {
    pub p50_millis: Option<f64>,
    pub p95_millis: Option<f64>,
    pub inputs: usize,
    /// How far the two networks' shares may be off; their sum is exact.
    pub clock: Option<Offset>,
    /// Medians; what cannot be known is null.
    pub stages_millis: StageMillis,
    pub measurements: Vec<Single>,
}

/// One input.
#[derive(Clone, Debug, Serialize, PartialEq)]
pub struct Single {
    pub seconds_ago: usize,
    /// On a page that moves by itself it may be a frame off.
    pub exact: bool,
    pub total_millis: f64,
    pub stages_millis: StageMillis,
    /// What no stage that is known accounts for.
    pub remainder_millis: f64,
}

/// Written with the stages' labels, in the order of the way.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StageMillis(pub [Option<f64>; Stage::COUNT]);

impl Serialize for StageMillis {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(Stage::COUNT))?;
        for (stage, millis) in Stage::ALL.into_iter().zip(self.0) {
            map.serialize_entry(stage.label(), &millis)?;
        }
        map.end()
    }
}

impl Latency {
    /// A second has passed, in which these inputs were seen.
    pub fn push(&mut self, second: Vec<Measured>, offset: Option<Offset>, is_blind: bool) {
        if self.seconds.len() == LENGTH {
            self.seconds.pop_front();
        }
        self.seconds.push_back(second);
        (self.offset, self.is_blind) = (offset, is_blind);
    }

    /// Below which that share of the last minute's inputs was seen; milliseconds.
    pub fn quantile(&self, share: f64) -> Option<f64> {
        quantile(
            self.all().map(|measurement| measurement.total).collect(),
            share,
        )
    }

    /// Each stage's median where it is known, in milliseconds.
    pub fn stages(&self) -> StageMillis {
        StageMillis(Stage::ALL.map(|stage| {
            let known = self
                .all()
                .filter_map(|measurement| measurement.stages.get(stage));
            quantile(known.collect(), 0.5)
        }))
    }

    /// The median of what no known stage accounts for, in milliseconds.
    pub fn remainder(&self) -> Option<f64> {
        quantile(self.all().map(Measurement::remainder).collect(), 0.5)
    }

    /// The median of each second, oldest first; `None` where nothing was done.
    pub fn medians(&self) -> Vec<Option<f64>> {
        let median = |second: &Vec<Measured>| {
            quantile(
                second.iter().map(|input| input.measurement.total).collect(),
                0.5,
            )
        };
        self.seconds.iter().map(median).collect()
    }

    pub fn uncertainty_millis(&self) -> Option<f64> {
        self.offset.map(|offset| offset.uncertainty_millis)
    }

    pub fn summary(&self) -> Summary {
        let ago = |place: usize| self.seconds.len() - 1 - place;
        let measurements = self.seconds.iter().enumerate().flat_map(|(place, second)| {
            second
                .iter()
                .map(move |Measured { measurement, exact }| Single {
                    seconds_ago: ago(place),
                    exact: *exact,
                    total_millis: millis(measurement.total),
                    stages_millis: of(&measurement.stages),
                    remainder_millis: millis(measurement.remainder()),
                })
        });
        Summary {
            p50_millis: self.quantile(0.5),
            p95_millis: self.quantile(0.95),
            inputs: self.all().count(),
            clock: self.offset,
            stages_millis: self.stages(),
            measurements: measurements.collect(),
        }
    }

    /// How many of the last minute's inputs met a page that moved by itself.
    pub fn inexact(&self) -> usize {
        let inputs = self.seconds.iter().flatten();
        inputs.filter(|input| !input.exact).count()
    }

    fn all(&self) -> impl Iterator<Item = &Measurement> {
        let inputs = self.seconds.iter().flatten();
        inputs.map(|input| &input.measurement)
    }
}

fn of(stages: &Stages) -> StageMillis {
    StageMillis(Stage::ALL.map(|stage| stages.get(stage).map(millis)))
}

fn millis(micros: u32) -> f64 {
    f64::from(micros) / 1000.0
}

fn quantile(mut micros: Vec<u32>, share: f64) -> Option<f64> {
    micros.sort_unstable();
    let place = (micros.len() as f64 * share) as usize;
    let place = place.min(micros.len().checked_sub(1)?);
    Some(millis(micros[place]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measured(total: u32, encode: Option<u32>) -> Measured {
        let mut stages = Stages::default();
        stages.set(Stage::Encode, encode);
        Measured {
            measurement: Measurement { total, stages },
            exact: encode.is_some(),
        }
    }

    #[test]
    fn quantiles_are_of_the_last_minute() {
        let mut latency = Latency::default();
        assert_eq!(latency.quantile(0.5), None);
        latency.push(vec![measured(900_000, None)], None, false);
        for second in 0..LENGTH as u32 {
            latency.push(vec![measured(second * 1000, None)], None, false);
        }
        assert_eq!(latency.quantile(0.5), Some(30.0));
        assert_eq!(latency.quantile(0.95), Some(57.0));
        assert_eq!(latency.quantile(1.0), Some(59.0));
    }

    #[test]
    fn an_unknown_stage_is_null_and_what_is_left_is_said() {
        let mut latency = Latency::default();
        latency.push(
            vec![measured(20_000, Some(3_000)), measured(30_000, None)],
            None,
            false,
        );
        latency.push(Vec::new(), None, false);
        let json = serde_json::to_value(latency.summary()).expect("it has a JSON form");
        assert_eq!(json["stages_millis"]["encode"], 3.0);
        assert!(json["stages_millis"]["network"].is_null());
        assert_eq!(json["measurements"][0]["remainder_millis"], 17.0);
        assert_eq!(json["measurements"][1]["seconds_ago"], 1);
        assert_eq!(latency.medians(), [Some(30.0), None]);
        assert_eq!(latency.inexact(), 1);
    }
}
