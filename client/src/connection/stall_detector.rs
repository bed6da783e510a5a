//! Pure: what waits on this side, twice a second → cut back to live.
//!
//! Frames are shown as they come, so nothing should wait anywhere. What does for longer than a moment is cut off: first
//! the server drops what it holds and sends a keyframe; if that does not help, a fresh peer begins with empty buffers.

use serde::Serialize;

/// How often [`StallDetector::look`] wants to be called.
pub const LOOK_MILLIS: f64 = 500.0;
/// Mean time of a frame between its first packet and its decoder. Repairing a loss on a bad link takes less.
const BUFFER_LIMIT: f64 = 300.0;
/// From Chrome's drawing to the screen; a narrow link in trouble is slow, but not that slow.
const AGE_LIMIT: f64 = 700.0;
/// Frames that come in half a second and are not decoded.
const UNDECODED_LIMIT: f64 = 8.0;
/// Frames decoded in half a second of which none was shown.
const UNSHOWN_LIMIT: f64 = 5.0;
/// A backlog that shrinks like this heals by itself.
const SHRINKS: f64 = 0.7;
/// What a recovery needs to show its effect.
const EFFECT_MILLIS: f64 = 2_000.0;
/// Recoveries that do not help become rare.
const FIRST_PAUSE_MILLIS: f64 = 10_000.0;
const LONGEST_PAUSE_MILLIS: f64 = 160_000.0;
/// Well for so long: the next backlog is a new one.
const WELL_MILLIS: f64 = 10_000.0;

/// What half a second was like; `None` where it cannot be known.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Look {
    /// Milliseconds of this page's clock.
    pub at: f64,
    pub buffer_millis: Option<f64>,
    /// Of a picture that was newly drawn; the least it can be.
    pub age_millis: Option<f64>,
    pub received: f64,
    pub decoded: f64,
    pub dropped: f64,
    /// `None` where nobody looks: a hidden page shows nothing.
    pub shown: Option<bool>,
}

/// Where it waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Backlog {
    Buffer,
    Decoder,
    Screen,
    /// Somewhere on the whole way.
    Age,
}

impl Backlog {
    pub fn name(self) -> &'static str {
        match self {
            Backlog::Buffer => "frames waited in the buffer",
            Backlog::Decoder => "frames waited for the decoder",
            Backlog::Screen => "frames were not shown",
            Backlog::Age => "the picture was old",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recovery {
    /// The server drops what waits, and a keyframe follows.
    SkipToLive,
    FreshPeer,
}

#[derive(Debug, Default)]
pub struct StallDetector {
    /// What was too much at the last look, and how much.
    before: Option<(Backlog, f64)>,
    /// The last recovery, and when.
    recovered: Option<(Recovery, f64)>,
    pause: f64,
    /// Since then nothing was too much.
    well_since: Option<f64>,
}

impl StallDetector {
    pub fn look(&mut self, look: Look) -> Option<(Backlog, Recovery)> {
        let found = found(&look);
        let before = std::mem::replace(&mut self.before, found);
        let Some((backlog, amount)) = found else {
            let since = *self.well_since.get_or_insert(look.at);
            if look.at - since >= WELL_MILLIS {
                (self.recovered, self.pause) = (None, 0.0);
            }
            return None;
        };
        self.well_since = None;
        let (_, former) = before.filter(|(former, _)| *former == backlog)?;
        if amount < former * SHRINKS {
            return None;
        }
        let recovery = match self.recovered {
            None => Recovery::SkipToLive,
            Some((_, at)) if look.at - at < EFFECT_MILLIS => return None,
            Some((Recovery::SkipToLive, _)) => Recovery::FreshPeer,
            Some((Recovery::FreshPeer, at)) if look.at - at < self.pause => return None,
            Some((Recovery::FreshPeer, _)) => Recovery::SkipToLive,
        };
        if recovery == Recovery::FreshPeer {
            self.pause = (self.pause * 2.0).clamp(FIRST_PAUSE_MILLIS, LONGEST_PAUSE_MILLIS);
        }
        self.recovered = Some((recovery, look.at));
        self.before = None;
        Some((backlog, recovery))
    }

    /// Another peer begins, with nothing in it.
    pub fn fresh_peer(&mut self) {
        (self.before, self.well_since) = (None, None);
    }
}

fn found(look: &Look) -> Option<(Backlog, f64)> {
    let over = |value: Option<f64>, limit: f64| value.filter(|value| *value > limit);
    let undecoded = look.received - look.decoded - look.dropped;
    let unshown = (look.shown == Some(false)).then_some(look.decoded);
    None.or_else(|| Some((Backlog::Buffer, over(look.buffer_millis, BUFFER_LIMIT)?)))
        .or_else(|| Some((Backlog::Decoder, over(Some(undecoded), UNDECODED_LIMIT)?)))
        .or_else(|| Some((Backlog::Screen, over(unshown, UNSHOWN_LIMIT)?)))
        .or_else(|| Some((Backlog::Age, over(look.age_millis, AGE_LIMIT)?)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn looks(
        stalls: &mut StallDetector,
        looks: impl IntoIterator<Item = Look>,
    ) -> Vec<(f64, Backlog, Recovery)> {
        let numbered = looks.into_iter().enumerate();
        numbered
            .filter_map(|(number, look)| {
                let at = number as f64 * LOOK_MILLIS;
                let (backlog, recovery) = stalls.look(Look { at, ..look })?;
                Some((at, backlog, recovery))
            })
            .collect()
    }

    fn buffer(millis: f64) -> Look {
        Look {
            buffer_millis: Some(millis),
            received: 30.0,
            decoded: 30.0,
            shown: Some(true),
            ..Look::default()
        }
    }

    #[test]
    fn a_growing_buffer_is_cut_within_a_second() {
        let recoveries = looks(
            &mut StallDetector::default(),
            [400.0, 700.0, 5.0, 5.0].map(buffer),
        );
        assert_eq!(recoveries, [(500.0, Backlog::Buffer, Recovery::SkipToLive)]);
    }

    #[test]
    fn one_late_frame_and_what_shrinks_by_itself_are_let_be() {
        let lates = [2.0, 900.0, 2.0, 800.0, 500.0, 320.0, 10.0];
        assert_eq!(looks(&mut StallDetector::default(), lates.map(buffer)), []);
    }

    #[test]
    fn what_does_not_help_is_followed_by_a_fresh_peer_and_becomes_rare() {
        let recoveries = looks(
            &mut StallDetector::default(),
            (0..240).map(|_| buffer(900.0)),
        );
        assert_eq!(
            recoveries[0],
            (500.0, Backlog::Buffer, Recovery::SkipToLive)
        );
        assert_eq!(
            recoveries[1],
            (2500.0, Backlog::Buffer, Recovery::FreshPeer)
        );
        assert!((recoveries[2].0 - recoveries[1].0) >= FIRST_PAUSE_MILLIS);
        assert!(
            recoveries.len() <= 8,
            "{} recoveries in two minutes",
            recoveries.len()
        );
    }

    #[test]
    fn every_stage_is_watched() {
        let decoder = Look {
            received: 30.0,
            decoded: 5.0,
            ..Look::default()
        };
        let screen = Look {
            received: 30.0,
            decoded: 30.0,
            shown: Some(false),
            ..Look::default()
        };
        let age = Look {
            age_millis: Some(2_000.0),
            ..Look::default()
        };
        for (look, backlog) in [
            (decoder, Backlog::Decoder),
            (screen, Backlog::Screen),
            (age, Backlog::Age),
        ] {
            let recoveries = looks(&mut StallDetector::default(), [look, look]);
            assert_eq!(recoveries, [(500.0, backlog, Recovery::SkipToLive)]);
        }
        let hidden = Look {
            shown: None,
            ..screen
        };
        assert_eq!(looks(&mut StallDetector::default(), [hidden; 4]), []);
    }

    #[test]
    fn a_still_page_is_well() {
        assert_eq!(
            looks(&mut StallDetector::default(), [Look::default(); 100]),
            []
        );
    }

    proptest! {
        #[test]
        fn cures_never_come_faster_than_they_can_help(
            millis in proptest::collection::vec(0.0..2000.0f64, 0..400),
        ) {
            let recoveries = looks(&mut StallDetector::default(), millis.into_iter().map(buffer));
            for pair in recoveries.windows(2) {
                prop_assert!(pair[1].0 - pair[0].0 >= EFFECT_MILLIS);
            }
        }
    }
}
