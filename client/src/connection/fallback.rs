//! Pure: the web socket beside WebRTC: when it is opened, when it is given up, when it goes.
//!
//! A peer that is not connected after three seconds gets company: what works first shows pictures. WebRTC wins whenever
//! it shows one, for it is quicker.
//!
//! Times are milliseconds of this page's clock.

use super::backoff::Backoff;

/// ICE over UDP takes a tenth of a second, over TCP half a second.
const BESIDE_AFTER_MILLIS: f64 = 3_000.0;
/// How often a socket that shows pictures is asked for the time and what was accepted, and looked at.
const BEAT_MILLIS: f64 = 1_000.0;
/// The server says something each second.
const SILENT_MILLIS: f64 = 5_000.0;

#[derive(Debug, Default)]
pub struct Fallback {
    step: Step,
    /// Of the newest socket; what an older one says is ignored.
    number: u32,
    backoff: Backoff,
}

#[derive(Clone, Copy, Debug, Default, PartialEq)]
enum Step {
    /// WebRTC shows pictures, or nothing has begun.
    #[default]
    Unwanted,
    /// It is opened then, if it is still needed.
    Waiting { until: f64 },
    Open {
        stage: Stage,
        heard: f64,
        beat_at: f64,
    },
    /// This browser cannot decode what it would bring.
    Impossible,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Stage {
    Opening,
    /// Messages travel both ways.
    Open,
    /// Pictures too.
    Showing,
}

/// Whether this browser's WebCodecs decode what the server sends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SocketDecoder {
    /// It was asked, and has not answered yet.
    #[default]
    Unknown,
    Able,
    Unable,
}

/// What decides whether a socket is opened.
#[derive(Clone, Copy, Debug)]
pub struct Surroundings {
    /// The server knows this viewer.
    pub is_member: bool,
    /// WebRTC works, though it may have nothing to show yet.
    pub is_peer_connected: bool,
    pub decoder: SocketDecoder,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Verdict {
    Open {
        number: u32,
    },
    Ping,
    /// Nothing comes on it.
    GiveUp,
    Impossible,
}

impl Fallback {
    /// A peer begins; if it is not connected soon, a socket is opened beside it.
    pub fn want(&mut self, now: f64) {
        if self.step == Step::Unwanted {
            self.backoff.reset();
            self.step = Step::Waiting {
                until: now + BESIDE_AFTER_MILLIS,
            };
        }
    }

    /// WebRTC cannot help: there is nothing to wait for.
    pub fn want_now(&mut self, now: f64) {
        if let Step::Unwanted | Step::Waiting { .. } = self.step {
            self.step = Step::Waiting { until: now };
        }
    }

    /// WebRTC shows pictures. Says whether there was a socket.
    pub fn end(&mut self) -> bool {
        let before = std::mem::take(&mut self.step);
        matches!(before, Step::Open { .. })
    }

    pub fn on_timer(&mut self, around: Surroundings, now: f64) -> Option<Verdict> {
        match &mut self.step {
            Step::Waiting { until } if now >= *until => {
                let is_needed = around.is_member && !around.is_peer_connected;
                match around.decoder {
                    SocketDecoder::Able if is_needed => {
                        self.number = self.number.wrapping_add(1);
                        self.step = Step::Open {
                            stage: Stage::Opening,
                            heard: now,
                            beat_at: now + BEAT_MILLIS,
                        };
                        Some(Verdict::Open {
                            number: self.number,
                        })
                    }
                    SocketDecoder::Unable if is_needed => {
                        self.step = Step::Impossible;
                        Some(Verdict::Impossible)
                    }
                    _ => {
                        self.wait(now);
                        None
                    }
                }
            }
            Step::Open {
                stage,
                heard,
                beat_at,
            } if now >= *beat_at => {
                *beat_at = now + BEAT_MILLIS;
                if now - *heard > SILENT_MILLIS {
                    Some(Verdict::GiveUp)
                } else {
                    (*stage == Stage::Showing).then_some(Verdict::Ping)
                }
            }
            _ => None,
        }
    }

    /// The socket is over, or could not be opened; another one follows. Says since when nothing came, if it showed pictures.
    pub fn lost(&mut self, now: f64) -> Option<f64> {
        let silent_since = match self.step {
            Step::Open {
                stage: Stage::Showing,
                heard,
                ..
            } => Some(heard),
            _ => None,
        };
        if silent_since.is_some() {
            self.backoff.reset();
        }
        self.wait(now);
        silent_since
    }

    /// Messages can be sent on it. Says whether that is news.
    pub fn opened(&mut self) -> bool {
        self.reach(Stage::Opening, Stage::Open)
    }

    /// A picture is on the screen. Says whether it is this socket's first.
    pub fn shown(&mut self) -> bool {
        self.reach(Stage::Open, Stage::Showing) || self.reach(Stage::Opening, Stage::Showing)
    }

    /// Anything has come on it.
    pub fn heard(&mut self, now: f64) {
        if let Step::Open { heard, .. } = &mut self.step {
            *heard = now;
        }
    }

    /// Whether that socket is the present one.
    pub fn is_current(&self, number: u32) -> bool {
        self.number == number && matches!(self.step, Step::Open { .. })
    }

    /// Messages travel both ways.
    pub fn is_open(&self) -> bool {
        matches!(self.step, Step::Open { stage, .. } if stage != Stage::Opening)
    }

    pub fn shows(&self) -> bool {
        matches!(self.step, Step::Open { stage, .. } if stage == Stage::Showing)
    }

    pub fn deadline(&self) -> Option<f64> {
        match self.step {
            Step::Waiting { until } => Some(until),
            Step::Open { beat_at, .. } => Some(beat_at),
            Step::Unwanted | Step::Impossible => None,
        }
    }

    fn wait(&mut self, now: f64) {
        self.step = Step::Waiting {
            until: now + self.backoff.next_delay_millis(),
        };
    }

    fn reach(&mut self, from: Stage, to: Stage) -> bool {
        match &mut self.step {
            Step::Open { stage, .. } if *stage == from => {
                *stage = to;
                true
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEEDED: Surroundings = Surroundings {
        is_member: true,
        is_peer_connected: false,
        decoder: SocketDecoder::Able,
    };

    #[test]
    fn it_is_opened_three_seconds_after_the_first_peer() {
        let mut fallback = Fallback::default();
        fallback.want(0.0);
        fallback.want(2_000.0);
        assert_eq!(fallback.on_timer(NEEDED, 2_999.0), None);
        let opened = fallback.on_timer(NEEDED, 3_000.0);
        assert_eq!(opened, Some(Verdict::Open { number: 1 }));
        assert!(!fallback.is_open() && fallback.is_current(1));
        assert!(fallback.opened() && fallback.is_open() && !fallback.shows());
        assert!(fallback.shown() && fallback.shows());
        assert!(!fallback.shown(), "the second picture is none of its first");
        assert!(fallback.end() && !fallback.is_current(1));
    }

    #[test]
    fn a_connected_peer_keeps_it_waiting() {
        let mut fallback = Fallback::default();
        fallback.want(0.0);
        let connected = Surroundings {
            is_peer_connected: true,
            ..NEEDED
        };
        assert_eq!(fallback.on_timer(connected, 3_000.0), None);
        assert_eq!(fallback.deadline(), Some(3_100.0));
    }

    #[test]
    fn a_silent_socket_is_given_up_and_the_next_one_follows_soon() {
        let mut fallback = Fallback::default();
        fallback.want_now(0.0);
        fallback.on_timer(NEEDED, 0.0);
        fallback.shown();
        fallback.heard(500.0);
        let verdicts: Vec<_> = (1..=6)
            .map(|second| fallback.on_timer(NEEDED, f64::from(second) * 1_000.0))
            .collect();
        assert_eq!(verdicts[..5], [Some(Verdict::Ping); 5]);
        assert_eq!(verdicts[5], Some(Verdict::GiveUp));
        assert_eq!(fallback.lost(6_000.0), Some(500.0));
        assert_eq!(fallback.deadline(), Some(6_100.0));
    }

    #[test]
    fn without_a_decoder_it_is_said_once() {
        let mut fallback = Fallback::default();
        fallback.want(0.0);
        let unable = Surroundings {
            decoder: SocketDecoder::Unable,
            ..NEEDED
        };
        assert_eq!(
            fallback.on_timer(unable, 3_000.0),
            Some(Verdict::Impossible)
        );
        assert_eq!(fallback.deadline(), None);
        fallback.want(4_000.0);
        assert_eq!(fallback.deadline(), None);
    }
}
