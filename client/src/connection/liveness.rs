//! Pure: what is heard of the server, and when → ping, look closer, or take the way for dead.
//!
//! ICE needs five seconds and more to say so. Here a way is silent when nothing at all has come over it for a second
//! although it was asked again and again. A still page sends nothing by itself, so that only asking tells.
//!
//! Times are milliseconds of this page's clock.

/// How often [`Liveness::tick`] wants to be called; a hidden page's timers fire once a second.
pub const TICK_MILLIS: f64 = 200.0;
/// After so long without a word it is asked for one.
const ASK_AFTER: f64 = 500.0;
/// After so long it is asked with every tick, and all packets are counted: an answer alone may have been lost.
const DOUBT_AFTER: f64 = 600.0;
/// After so long it is silent, if it was asked often enough.
const SILENT_AFTER: f64 = 1000.0;
/// … and that much longer for each millisecond of the round trip.
const PATIENCE: f64 = 2.0;
/// One question and its answer may both be lost.
const QUESTIONS: u32 = 3;
/// Something happened to the network: it has so long to prove itself, less than otherwise.
const PROOF_WITHIN: f64 = 600.0;
/// Timers that are this late: the machine slept, or the browser had stopped the page.
const SLEPT_AFTER: f64 = 3000.0;

#[derive(Debug, Default)]
pub struct Liveness {
    /// `None` before the first word of this peer.
    heard: Option<f64>,
    ticked: Option<f64>,
    /// Since it was heard last: how often it was asked, and since when.
    questions: u32,
    asked_since: f64,
    /// Packets of all kinds, when it was first doubted.
    packets: Option<f64>,
    round_trip: f64,
    silent: bool,
}

/// What a tick asks for.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Beat {
    pub ask: bool,
    /// Count all packets that came, for [`Liveness::counted`].
    pub count: bool,
    /// It has just become silent.
    pub fell_silent: bool,
    /// No timer fired for a while.
    pub slept: bool,
}

impl Liveness {
    /// Something of this peer came. Says whether it had been silent.
    pub fn heard(&mut self, now: f64) -> bool {
        self.heard = Some(now);
        (self.questions, self.packets) = (0, None);
        std::mem::take(&mut self.silent)
    }

    /// An answer took this long.
    pub fn answered_within(&mut self, round_trip: f64) {
        // The latest alone would let one quick answer shorten the patience.
        self.round_trip = round_trip.max(self.round_trip * 0.9);
    }

    /// So many packets have ever come. Says what [`Liveness::heard`] does, if there are more than when it was doubted.
    pub fn counted(&mut self, packets: f64, now: f64) -> bool {
        match self.packets {
            Some(before) if packets > before => self.heard(now),
            None if self.questions > 0 => {
                self.packets = Some(packets);
                false
            }
            _ => false,
        }
    }

    /// The network changed, the page woke, ICE lost its pair: does it still answer?
    pub fn doubt(&mut self, now: f64) {
        if let (Some(heard), false) = (&mut self.heard, self.silent) {
            let allowed = now - (self.round_trip * PATIENCE + SILENT_AFTER - PROOF_WITHIN);
            *heard = heard.min(allowed);
        }
    }

    pub fn tick(&mut self, now: f64) -> Beat {
        let gap = self.ticked.replace(now).map_or(0.0, |ticked| now - ticked);
        let slept = gap > SLEPT_AFTER;
        if slept && let Some(heard) = &mut self.heard {
            // Whatever was asked before is long answered, or lost.
            (*heard, self.questions, self.packets) = (now - DOUBT_AFTER, 0, None);
        }
        let Some(heard) = self.heard else {
            return Beat {
                slept,
                ..Beat::default()
            };
        };
        let quiet = now - heard;
        let ask = quiet >= ASK_AFTER && (self.questions == 0 || quiet >= DOUBT_AFTER);
        if ask {
            if self.questions == 0 {
                self.asked_since = now;
            }
            self.questions = self.questions.saturating_add(1);
        }
        let patience = self.round_trip * PATIENCE;
        let asked_in_vain = self.questions > QUESTIONS
            && now - self.asked_since >= SILENT_AFTER - ASK_AFTER - TICK_MILLIS + patience;
        let fell_silent = !self.silent && quiet >= SILENT_AFTER + patience && asked_in_vain;
        self.silent |= fell_silent;
        Beat {
            ask,
            count: quiet >= DOUBT_AFTER,
            fell_silent,
            slept,
        }
    }

    pub fn is_silent(&self) -> bool {
        self.silent
    }

    /// When it was heard last.
    pub fn last_heard(&self) -> Option<f64> {
        self.heard
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Ticks until it falls silent; the time from the last word until then.
    fn silent_after(liveness: &mut Liveness, from: f64) -> Option<f64> {
        (1..100).find_map(|tick| {
            let now = from + f64::from(tick) * TICK_MILLIS;
            liveness.tick(now).fell_silent.then_some(now - from)
        })
    }

    #[test]
    fn a_dead_way_is_noticed_within_little_more_than_a_second() {
        let mut liveness = Liveness::default();
        liveness.heard(0.0);
        let after = silent_after(&mut liveness, 0.0).expect("nothing answers");
        assert!((1000.0..=1400.0).contains(&after), "{after}");
        assert!(liveness.is_silent());
        assert!(liveness.heard(3000.0), "and it is noticed when it is back");
        assert!(!liveness.is_silent());
    }

    #[test]
    fn a_slow_way_has_more_time() {
        let mut liveness = Liveness::default();
        liveness.heard(0.0);
        liveness.answered_within(600.0);
        let after = silent_after(&mut liveness, 0.0).expect("nothing answers");
        assert!((2200.0..=2600.0).contains(&after), "{after}");
    }

    #[test]
    fn any_packet_is_a_sign_of_life() {
        let mut liveness = Liveness::default();
        liveness.heard(0.0);
        for tick in 1..200 {
            let now = f64::from(tick) * TICK_MILLIS;
            let beat = liveness.tick(now);
            assert!(!beat.fell_silent, "at {now}");
            if beat.count {
                // No answer comes, but acknowledgements do.
                liveness.counted(f64::from(tick), now);
            }
        }
    }

    #[test]
    fn packets_from_before_the_silence_are_none() {
        let mut liveness = Liveness::default();
        liveness.heard(0.0);
        let after = (1..20).find_map(|tick| {
            let now = f64::from(tick) * TICK_MILLIS;
            let beat = liveness.tick(now);
            if beat.count {
                liveness.counted(700.0, now);
            }
            beat.fell_silent.then_some(now)
        });
        assert!(after.is_some_and(|after| after <= 1400.0));
    }

    #[test]
    fn a_network_that_changed_has_less_time() {
        let mut liveness = Liveness::default();
        liveness.heard(0.0);
        liveness.tick(200.0);
        liveness.doubt(210.0);
        let after = silent_after(&mut liveness, 210.0).expect("nothing answers");
        assert!(after <= 1000.0, "{after}");
    }

    #[test]
    fn a_sleeper_is_no_dead_way() {
        let mut liveness = Liveness::default();
        liveness.heard(0.0);
        liveness.tick(100.0);
        let beat = liveness.tick(60_000.0);
        assert!(beat.slept && beat.ask && !beat.fell_silent);
        liveness.heard(60_020.0);
        assert!(!liveness.tick(60_200.0).fell_silent);
    }

    #[test]
    fn nothing_is_expected_of_a_peer_that_never_spoke() {
        let mut liveness = Liveness::default();
        assert_eq!(silent_after(&mut liveness, 0.0), None);
    }

    proptest! {
        /// Whatever the timers do: who answers each question within the round trip is never taken for dead.
        #[test]
        fn who_answers_is_alive(
            gaps in proptest::collection::vec(150.0..1100.0f64, 1..100),
            round_trip in 0.0..900.0f64,
        ) {
            let mut liveness = Liveness::default();
            liveness.heard(0.0);
            liveness.answered_within(round_trip);
            let (mut now, mut answers) = (0.0, Vec::new());
            for gap in gaps {
                now += gap;
                answers.retain(|at: &f64| {
                    if *at <= now {
                        liveness.heard(*at);
                        liveness.answered_within(round_trip);
                    }
                    *at > now
                });
                let beat = liveness.tick(now);
                prop_assert!(!beat.fell_silent, "at {}", now);
                if beat.ask {
                    answers.push(now + round_trip);
                }
            }
        }
    }
}
