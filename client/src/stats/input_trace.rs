//! Pure: inputs, what the server says of them, and frames on the screen → how long each input took to be seen, and where.

use std::collections::VecDeque;

use shared::latency::{InputId, InputPresented, LONGEST_MICROS, Measurement, Stage, Stages};

use crate::stats::clock::Offset;

/// What was done; decides how often it is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InputKind {
    Move,
    Button,
    Key,
    Wheel,
    Text,
    /// A finger comes down or is lifted; its moves are moves.
    Touch,
}

/// A frame as `requestVideoFrameCallback` tells of it; times in milliseconds of `performance.now()`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PresentedFrame {
    pub rtp_timestamp: u32,
    /// `receiveTime`: the last packet came.
    pub received: Option<f64>,
    /// `processingDuration`: what its decoder took.
    pub decode: Option<f64>,
    /// `presentationTime`: handed to the browser's compositor.
    pub presented: f64,
    /// The callback's own time: the refresh of the screen that shows it was begun.
    pub refresh: f64,
    /// The callback ran. `expectedDisplayTime` would be nearer to the person's eye, but of a live stream with pauses
    /// Chrome gives one that is seconds off, also before `presentationTime`.
    pub told: f64,
}

/// An input and the frame that shows it, still in both clocks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct InputTrace {
    /// The event's `timeStamp`, and when its message was handed to the network.
    happened: f64,
    dispatched: f64,
    message: InputPresented,
    shown: PresentedFrame,
}

/// The server forgets what nothing answers within half a second; the rest is for a slow trace.
const PATIENCE_MILLIS: f64 = 5_000.0;
/// A second message about the same input comes at most 100 ms after the first, and the way may stretch that.
const SETTLED_MILLIS: f64 = 250.0;
/// Frames that may arrive before the message about them.
const MOST_FRAMES: usize = 128;
const MOST_OPEN: usize = 128;
/// `receiveTime` and the clocks are read apart, each rounded.
const READING_MILLIS: f64 = 1.0;

/// Moves and turns come a hundred times a second; some of them tell as much.
fn least_gap_millis(kind: InputKind) -> f64 {
    match kind {
        InputKind::Move => 250.0,
        InputKind::Wheel => 100.0,
        InputKind::Button | InputKind::Key | InputKind::Text | InputKind::Touch => 0.0,
    }
}

struct Open {
    input: InputId,
    happened: f64,
    dispatched: f64,
    /// The newest message about it, and when the first came.
    message: Option<(InputPresented, f64)>,
}

/// The inputs whose pictures are waited for.
#[derive(Default)]
pub struct InputTraces {
    next: u32,
    open: VecDeque<Open>,
    /// In the order in which they were shown.
    frames: VecDeque<PresentedFrame>,
    last_move: Option<f64>,
    last_wheel: Option<f64>,
}

impl InputTraces {
    /// A name for an input that is about to be sent, if it is to be measured.
    pub fn name(&mut self, kind: InputKind, happened: f64) -> Option<InputId> {
        let last = match kind {
            InputKind::Move => &mut self.last_move,
            InputKind::Wheel => &mut self.last_wheel,
            InputKind::Button | InputKind::Key | InputKind::Text | InputKind::Touch => &mut None,
        };
        let gap = least_gap_millis(kind);
        if last.is_some_and(|last| happened - last < gap) || self.open.len() >= MOST_OPEN {
            return None;
        }
        *last = Some(happened);
        self.next = self.next.wrapping_add(1);
        Some(InputId(self.next))
    }

    /// It has been sent. `happened` is its event's `timeStamp`.
    pub fn sent(&mut self, input: InputId, happened: f64, dispatched: f64) {
        // A browser may date an event otherwise than from the page's start.
        let is_sound = (dispatched - PATIENCE_MILLIS..=dispatched).contains(&happened);
        self.open.push_back(Open {
            input,
            happened: if is_sound { happened } else { dispatched },
            dispatched,
            message: None,
        });
    }

    /// The server says which frame shows an input.
    pub fn presented(&mut self, message: InputPresented, now: f64) {
        if let Some(open) = self
            .open
            .iter_mut()
            .find(|open| open.input == message.input)
        {
            let first = open.message.map_or(now, |(_, first)| first);
            open.message = Some((message, first));
        }
    }

    /// A frame is on the screen.
    pub fn shown(&mut self, frame: PresentedFrame) {
        if self.frames.len() == MOST_FRAMES {
            self.frames.pop_front();
        }
        self.frames.push_back(frame);
    }

    /// Whether it matters what is shown next.
    pub fn is_waiting(&self) -> bool {
        !self.open.is_empty()
    }

    /// Another peer: nothing that was sent to the former one comes back.
    pub fn forget(&mut self) {
        self.open.clear();
        self.frames.clear();
    }

    /// The inputs that have been seen.
    pub fn finished(&mut self, now: f64) -> Vec<InputTrace> {
        let mut finished = Vec::new();
        let frames = &self.frames;
        self.open.retain(|open| {
            let in_time = now - open.happened < PATIENCE_MILLIS;
            let Some((message, first)) = open.message else {
                return in_time;
            };
            if now - first < SETTLED_MILLIS {
                return true;
            }
            let shown = frames
                .iter()
                .find(|frame| message.is_shown_by(frame.rtp_timestamp));
            let Some(shown) = shown else {
                return in_time;
            };
            finished.push(InputTrace {
                happened: open.happened,
                dispatched: open.dispatched,
                message,
                shown: *shown,
            });
            false
        });
        if self.open.is_empty() {
            self.frames.clear();
        }
        finished
    }
}

impl InputTrace {
    /// `None` if the times contradict each other so much that one of them is wrong.
    pub fn measurement(&self, offset: Option<Offset>) -> Option<Measurement> {
        let InputTrace {
            happened,
            dispatched,
            message,
            shown,
        } = self;
        let mut stages = Stages::default();
        stages.set(Stage::Dispatch, micros(dispatched - happened));
        for (stage, taken) in message.stages() {
            stages.set(stage, Some(taken));
        }
        let here = shown
            .received
            .unwrap_or(shown.presented)
            .min(shown.presented);
        if let Some((there, back)) = self.networks(here, offset) {
            stages.set(Stage::InputNetwork, micros(there));
            // Without the time of arrival it is one with what follows, and neither is known.
            stages.set(Stage::Network, shown.received.and(micros(back)));
        }
        if let Some(received) = shown.received {
            let until_presented = (shown.presented - received).max(0.0);
            let decode = shown
                .decode
                .map(|decode| decode.clamp(0.0, until_presented));
            stages.set(Stage::Decode, decode.and_then(micros));
            stages.set(
                Stage::Buffer,
                decode.and_then(|decode| micros(until_presented - decode)),
            );
        }
        stages.set(Stage::Present, micros(shown.told - shown.presented));
        let measurement = Measurement {
            total: micros(shown.told - happened)?,
            stages,
        };
        measurement.is_plausible().then_some(measurement)
    }

    /// Whether it is certain that this frame is the first to show it, rather than its neighbour.
    pub fn is_exact(&self) -> bool {
        self.message.exact
    }

    /// Milliseconds on the network, there and back. Their sum is known without any clock in common; the offset says how
    /// they share it, within what is possible.
    fn networks(&self, here: f64, offset: Option<Offset>) -> Option<(f64, f64)> {
        let offset = offset?;
        let received = self.message.received_micros as f64 / 1000.0;
        let sent = self.message.sent_micros() as f64 / 1000.0;
        // Nothing arrives before it leaves.
        let (least, most) = (sent - here, received - self.dispatched);
        let both = most - least;
        if !both.is_finite() || both < -READING_MILLIS {
            return None;
        }
        let both = both.max(0.0);
        let possible = offset.millis.max(most - both).min(most);
        let contradiction = (possible - offset.millis).abs() - offset.uncertainty_millis;
        let there = most - possible;
        (contradiction <= READING_MILLIS).then_some((there, both - there))
    }
}

/// `None` for what is not a time that passed.
fn micros(millis: f64) -> Option<u32> {
    let micros = (millis * 1000.0).round();
    (micros >= 0.0 && micros <= f64::from(LONGEST_MICROS)).then_some(micros as u32)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn message(input: InputId, rtp_timestamp: u32) -> InputPresented {
        InputPresented {
            input,
            rtp_timestamp,
            exact: true,
            received_micros: 5_101_000,
            seat: 200,
            chrome: 6_000,
            convert: 500,
            wait: 100,
            encode: 3_000,
            send: 200,
        }
    }

    fn shown(rtp_timestamp: u32, presented: f64) -> PresentedFrame {
        PresentedFrame {
            rtp_timestamp,
            received: Some(presented - 4.0),
            decode: Some(2.0),
            presented,
            refresh: presented,
            told: presented + 5.0,
        }
    }

    const OFFSET: Offset = Offset {
        millis: 5000.0,
        uncertainty_millis: 0.5,
    };

    /// Sends a button at 99 ms, its message at 100 ms.
    fn press(traces: &mut InputTraces) -> InputId {
        let input = traces
            .name(InputKind::Button, 99.0)
            .expect("buttons always have one");
        traces.sent(input, 99.0, 100.0);
        input
    }

    #[test]
    fn stages_add_up() {
        let mut traces = InputTraces::default();
        let input = press(&mut traces);
        traces.shown(shown(890, 105.0));
        traces.shown(shown(900, 116.0));
        traces.shown(shown(901, 132.0));
        traces.presented(message(input, 900), 112.0);
        assert!(
            traces.finished(113.0).is_empty(),
            "another message may follow"
        );
        let finished = traces.finished(1000.0);
        assert!(!traces.is_waiting());
        let measurement = finished[0].measurement(Some(OFFSET)).expect("sound");
        assert_eq!(measurement.total, 22_000);
        assert_eq!(measurement.remainder(), 0);
        let of = |stage| measurement.stages.get(stage);
        assert_eq!(of(Stage::InputNetwork), Some(1_000));
        assert_eq!(of(Stage::Network), Some(1_000));
        assert_eq!(
            (of(Stage::Buffer), of(Stage::Decode)),
            (Some(2_000), Some(2_000))
        );
    }

    #[test]
    fn a_frame_that_was_never_shown_is_represented_by_the_next() {
        let mut traces = InputTraces::default();
        let input = press(&mut traces);
        traces.presented(message(input, u32::MAX - 3), 112.0);
        traces.shown(shown(u32::MAX - 10, 110.0));
        assert!(traces.finished(1000.0).is_empty());
        traces.shown(shown(5, 126.0));
        assert_eq!(traces.finished(1000.0)[0].shown.presented, 126.0);
    }

    #[test]
    fn a_second_message_replaces_the_first() {
        let mut traces = InputTraces::default();
        let input = press(&mut traces);
        traces.presented(message(input, 900), 112.0);
        traces.presented(message(input, 2400), 128.0);
        traces.shown(shown(900, 116.0));
        traces.shown(shown(2400, 132.0));
        assert_eq!(traces.finished(1000.0)[0].shown.rtp_timestamp, 2400);
    }

    #[test]
    fn without_a_clock_in_common_the_networks_are_unknown_and_the_total_is_not() {
        let mut traces = InputTraces::default();
        let input = press(&mut traces);
        traces.presented(message(input, 900), 112.0);
        traces.shown(shown(900, 116.0));
        let measurement = traces.finished(1000.0)[0].measurement(None).expect("sound");
        assert_eq!(measurement.total, 22_000);
        assert_eq!(measurement.stages.get(Stage::InputNetwork), None);
        assert_eq!(measurement.remainder(), 2_000);
    }

    #[test]
    fn a_browser_that_tells_less_leaves_more_unknown() {
        let mut traces = InputTraces::default();
        let input = press(&mut traces);
        traces.presented(message(input, 900), 112.0);
        traces.shown(PresentedFrame {
            received: None,
            decode: None,
            ..shown(900, 116.0)
        });
        let measurement = traces.finished(1000.0)[0]
            .measurement(Some(OFFSET))
            .expect("sound");
        for unknown in [Stage::Network, Stage::Buffer, Stage::Decode] {
            assert_eq!(measurement.stages.get(unknown), None);
        }
        assert_eq!(measurement.stages.get(Stage::InputNetwork), Some(1_000));
        assert_eq!(measurement.remainder(), 5_000);
    }

    #[test]
    fn moves_and_turns_are_sampled() {
        let mut traces = InputTraces::default();
        let named = |kind, traces: &mut InputTraces| {
            (0..100)
                .filter(|ten| traces.name(kind, f64::from(*ten) * 10.0).is_some())
                .count()
        };
        assert_eq!(named(InputKind::Move, &mut traces), 4);
        assert_eq!(named(InputKind::Wheel, &mut traces), 10);
        assert_eq!(named(InputKind::Key, &mut traces), 100);
    }

    #[test]
    fn what_is_never_answered_is_forgotten() {
        let mut traces = InputTraces::default();
        press(&mut traces);
        assert!(traces.finished(1000.0).is_empty() && traces.is_waiting());
        assert!(traces.finished(6000.0).is_empty() && !traces.is_waiting());
    }

    proptest! {
        /// Whatever the clocks say: parts never exceed the whole, and with everything known they are the whole.
        #[test]
        fn parts_are_the_whole(
            there in 0.0..200.0f64,
            back in 0.0..200.0f64,
            error in -100.0..100.0f64,
            uncertainty in 0.0..100.0f64,
            waits in (0.0..20.0f64, 0.0..40.0f64, 0.0..40.0f64, 0.0..40.0f64),
            known in any::<(bool, bool)>(),
        ) {
            let (dispatch, buffer, decode, present) = waits;
            let dispatched = 1000.0 + dispatch;
            let message = InputPresented {
                received_micros: ((dispatched + there + 5000.0) * 1000.0) as u64,
                ..message(InputId(1), 900)
            };
            let received = dispatched + there + 10.0 + back;
            let presented = received + buffer + decode;
            let trace = InputTrace {
                happened: 1000.0,
                dispatched,
                message,
                shown: PresentedFrame {
                    rtp_timestamp: 900,
                    received: known.0.then_some(received),
                    decode: known.1.then_some(decode),
                    presented,
                    refresh: presented,
                    told: presented + present,
                },
            };
            let offset = Offset { millis: 5000.0 + error, uncertainty_millis: uncertainty };
            let measurement = trace.measurement(Some(offset)).expect("it happened");
            prop_assert!(measurement.is_plausible());
            let all_known = Stage::ALL.iter().all(|stage| measurement.stages.get(*stage).is_some());
            if all_known {
                prop_assert!(measurement.stages.sum().abs_diff(measurement.total.into()) <= 20);
            }
            if error.abs() <= uncertainty {
                prop_assert!(measurement.stages.get(Stage::InputNetwork).is_some());
            }
        }

        #[test]
        fn no_numbers_break_it(numbers in proptest::collection::vec(any::<f64>(), 8), told in any::<(u64, u32, u32)>()) {
            let trace = InputTrace {
                happened: numbers[0],
                dispatched: numbers[1],
                message: InputPresented { received_micros: told.0, seat: told.1, encode: told.2, ..message(InputId(1), 0) },
                shown: PresentedFrame {
                    rtp_timestamp: 0,
                    received: Some(numbers[2]),
                    decode: Some(numbers[3]),
                    presented: numbers[4],
                    refresh: numbers[4],
                    told: numbers[5],
                },
            };
            let offset = Offset { millis: numbers[6], uncertainty_millis: numbers[7] };
            if let Some(measurement) = trace.measurement(Some(offset)) {
                prop_assert!(measurement.is_plausible());
            }
        }
    }
}
