//! Pure: what had to be mended, how often and when: for the Statistics panel and a bug report.

use serde::Serialize;

use crate::connection::stall_detector::Backlog;

/// What is kept one by one.
const LATEST: usize = 20;

/// Times are milliseconds of this page's clock.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Repairs {
    /// Backlogs that were cut off.
    pub cuts: u32,
    /// Times that nothing came any more.
    pub interruptions: u32,
    /// Keys, clicks and texts that were not carried out because of these.
    pub missing_inputs: u32,
    /// The newest last.
    pub latest: Vec<Repair>,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Repair {
    pub at_millis: f64,
    #[serde(flatten)]
    pub kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    Cut {
        backlog: Backlog,
        fresh_peer: bool,
    },
    /// From the last word of the server to a live picture.
    Interruption {
        millis: f64,
    },
}

impl Repairs {
    pub fn cut(&mut self, backlog: Backlog, fresh_peer: bool, at_millis: f64) {
        self.cuts += 1;
        let kind = Kind::Cut {
            backlog,
            fresh_peer,
        };
        self.keep(Repair { at_millis, kind });
    }

    /// It began then and is over now.
    pub fn interruption(&mut self, since_millis: f64, at_millis: f64) {
        self.interruptions += 1;
        let kind = Kind::Interruption {
            millis: at_millis - since_millis,
        };
        self.keep(Repair { at_millis, kind });
    }

    /// How often it was cut back to live, and what the last time was about.
    pub fn cuts_told(&self, now: f64) -> String {
        let last = self
            .latest
            .iter()
            .rev()
            .find_map(|repair| match repair.kind {
                Kind::Cut { backlog, .. } => Some((backlog.name().to_owned(), repair.at_millis)),
                Kind::Interruption { .. } => None,
            });
        told(self.cuts, last, now)
    }

    pub fn interruptions_told(&self, now: f64) -> String {
        let last = self
            .latest
            .iter()
            .rev()
            .find_map(|repair| match repair.kind {
                Kind::Interruption { millis } => {
                    Some((format!("for {:.1} s", millis / 1000.0), repair.at_millis))
                }
                Kind::Cut { .. } => None,
            });
        told(self.interruptions, last, now)
    }

    fn keep(&mut self, repair: Repair) {
        if self.latest.len() == LATEST {
            self.latest.remove(0);
        }
        self.latest.push(repair);
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
        let mut repairs = Repairs::default();
        assert_eq!(repairs.cuts_told(0.0), "never");
        repairs.cut(Backlog::Buffer, false, 1_000.0);
        assert_eq!(
            repairs.cuts_told(4_000.0),
            "once, last 3 s ago: frames waited in the buffer"
        );
        repairs.interruption(5_000.0, 7_500.0);
        repairs.cut(Backlog::Age, true, 9_000.0);
        assert_eq!(
            repairs.cuts_told(9_000.0),
            "2 times, last 0 s ago: the picture was old"
        );
        assert_eq!(
            repairs.interruptions_told(9_500.0),
            "once, last 2 s ago: for 2.5 s"
        );
    }

    #[test]
    fn a_bad_day_is_bounded() {
        let mut repairs = Repairs::default();
        for number in 0..1000 {
            repairs.interruption(f64::from(number), f64::from(number) + 1.0);
        }
        assert_eq!(
            (repairs.interruptions, repairs.latest.len()),
            (1000, LATEST)
        );
    }
}
