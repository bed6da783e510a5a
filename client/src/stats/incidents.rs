//! Pure: what had to be mended, how often and when: for the Statistics panel and a bug report.

use serde::Serialize;

use crate::connection::stall_detector::Backlog;

/// What is kept one by one.
const LATEST: usize = 20;

/// Times are milliseconds of this page's clock.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Incidents {
    /// Backlogs that were cut off.
    pub skips: u32,
    /// Times that nothing came any more.
    pub interruptions: u32,
    /// Keys, clicks and texts that were not carried out because of these.
    pub missing_inputs: u32,
    /// The newest last.
    pub latest: Vec<Incident>,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Incident {
    pub at_millis: f64,
    #[serde(flatten)]
    pub kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    SkippedToLive {
        backlog: Backlog,
        fresh_peer: bool,
    },
    /// From the last word of the server to a live picture.
    Interruption {
        millis: f64,
    },
}

impl Incidents {
    pub fn skipped_to_live(&mut self, backlog: Backlog, fresh_peer: bool, at_millis: f64) {
        self.skips += 1;
        let kind = Kind::SkippedToLive {
            backlog,
            fresh_peer,
        };
        self.keep(Incident { at_millis, kind });
    }

    /// It began then and is over now.
    pub fn interruption(&mut self, since_millis: f64, at_millis: f64) {
        self.interruptions += 1;
        let kind = Kind::Interruption {
            millis: at_millis - since_millis,
        };
        self.keep(Incident { at_millis, kind });
    }

    /// How often it was cut back to live, and what the last time was about.
    pub fn skips_told(&self, now: f64) -> String {
        let last = self
            .latest
            .iter()
            .rev()
            .find_map(|incident| match incident.kind {
                Kind::SkippedToLive { backlog, .. } => {
                    Some((backlog.name().to_owned(), incident.at_millis))
                }
                Kind::Interruption { .. } => None,
            });
        told(self.skips, last, now)
    }

    pub fn interruptions_told(&self, now: f64) -> String {
        let last = self
            .latest
            .iter()
            .rev()
            .find_map(|incident| match incident.kind {
                Kind::Interruption { millis } => {
                    Some((format!("for {:.1} s", millis / 1000.0), incident.at_millis))
                }
                Kind::SkippedToLive { .. } => None,
            });
        told(self.interruptions, last, now)
    }

    fn keep(&mut self, incident: Incident) {
        if self.latest.len() == LATEST {
            self.latest.remove(0);
        }
        self.latest.push(incident);
    }
}

fn told(count: u32, last: Option<(String, f64)>, now: f64) -> String {
    let times = match count {
        0 => return "never".to_owned(),
        1 => "once".to_owned(),
        more => format!("{more} times"),
    };
    match last {
        Some((what, at)) => {
            format!(
                "{times}, last {:.0} s ago: {what}",
                (now - at).max(0.0) / 1000.0
            )
        }
        None => times,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_panel_says_how_often_and_when() {
        let mut incidents = Incidents::default();
        assert_eq!(incidents.skips_told(0.0), "never");
        incidents.skipped_to_live(Backlog::Buffer, false, 1_000.0);
        assert_eq!(
            incidents.skips_told(4_000.0),
            "once, last 3 s ago: frames waited in the buffer"
        );
        incidents.interruption(5_000.0, 7_500.0);
        incidents.skipped_to_live(Backlog::Age, true, 9_000.0);
        assert_eq!(
            incidents.skips_told(9_000.0),
            "2 times, last 0 s ago: the picture was old"
        );
        assert_eq!(
            incidents.interruptions_told(9_500.0),
            "once, last 2 s ago: for 2.5 s"
        );
    }

    #[test]
    fn a_bad_day_is_bounded() {
        let mut incidents = Incidents::default();
        for number in 0..1000 {
            incidents.interruption(f64::from(number), f64::from(number) + 1.0);
        }
        assert_eq!(
            (incidents.interruptions, incidents.latest.len()),
            (1000, LATEST)
        );
    }
}
