//! Pure: an input on its way through the server: received → written to Chrome → shown by a commit → encoded → sent.
//!
//! What is known of it travels with the picture, and with the frame, that shows it.

use std::time::{Duration, Instant};

use shared::latency::{InputId, InputPresented};
use shared::session::ViewerId;

/// An input whose effect a viewer waits to see.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InputTrace {
    /// Who waits.
    pub viewer: ViewerId,
    /// Which of that viewer's.
    pub input: InputId,
    /// Often changes nothing: a pointer that only passes, a button that goes down before the click.
    pub tentative: bool,
    /// When the session took it.
    pub received_at: Instant,
}

/// A trace whose input a commit of Chrome shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PresentedInput {
    /// The input.
    pub trace: InputTrace,
    /// When Chrome was told.
    pub seated_at: Instant,
    /// When it committed.
    pub drawn_at: Instant,
    /// The page was at rest, so that nothing else can have caused the commit.
    pub exact: bool,
}

/// When a frame was made.
#[derive(Clone, Copy, Debug)]
pub struct EncodeTimes {
    /// What composing and converting its newest picture cost.
    pub convert: Duration,
    /// When the encoder took the picture.
    pub encode_began: Instant,
    /// When it had the frame.
    pub encoded_at: Instant,
}

impl PresentedInput {
    /// What the viewer is told when the frame's last packet leaves. `epoch` is where the server's clock begins.
    pub fn presented(
        &self,
        rtp_timestamp: u32,
        made: EncodeTimes,
        sent_at: Instant,
        epoch: Instant,
    ) -> InputPresented {
        let PresentedInput {
            trace,
            seated_at,
            drawn_at,
            exact,
        } = self;
        let between = |from: Instant, to: Instant| micros(to.saturating_duration_since(from));
        // A frame can be of a newer picture than the one that showed it first: then this one's waiting includes the other's
        // composing, which ends before the encoder begins.
        let converted_at = (*drawn_at + made.convert).min(made.encode_began.max(*drawn_at));
        InputPresented {
            input: trace.input,
            rtp_timestamp,
            exact: *exact,
            received_micros: clock_micros(trace.received_at, epoch),
            seat: between(trace.received_at, *seated_at),
            chrome: between(*seated_at, *drawn_at),
            convert: between(*drawn_at, converted_at),
            wait: between(converted_at, made.encode_began),
            encode: between(made.encode_began, made.encoded_at),
            send: between(made.encoded_at, sent_at),
        }
    }
}

/// The server's clock as viewers are told it, in microseconds.
pub fn clock_micros(at: Instant, epoch: Instant) -> u64 {
    let since = at.saturating_duration_since(epoch);
    u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
}

fn micros(duration: Duration) -> u32 {
    u32::try_from(duration.as_micros()).unwrap_or(u32::MAX)
}

/// What one viewer has to be told of frames that it was not sent: a frame that is left out because the viewer is behind
/// does not make its inputs' way shorter, so their traces wait for the next one.
#[derive(Debug, Default)]
pub struct UnsentTraces {
    traces: Vec<PresentedInput>,
}

/// More inputs than this wait only for a viewer that gets no frames at all.
const MOST_UNSENT: usize = 64;

impl UnsentTraces {
    /// A frame came, with the traces of all viewers' inputs that it shows.
    pub fn add(&mut self, viewer: &ViewerId, traces: &[PresentedInput]) {
        let own = traces
            .iter()
            .filter(|presented| presented.trace.viewer == *viewer);
        let room = MOST_UNSENT.saturating_sub(self.traces.len());
        self.traces.extend(own.take(room).cloned());
    }

    /// A frame has been sent: what is to be told of it.
    pub fn take(&mut self) -> Vec<PresentedInput> {
        std::mem::take(&mut self.traces)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use proptest::prelude::*;

    pub fn trace(input: u32, received_at: Instant) -> InputTrace {
        InputTrace {
            viewer: "someone".parse().expect("letters"),
            input: InputId(input),
            tentative: false,
            received_at,
        }
    }

    proptest! {
        /// Whatever the picture and the frame went through.
        #[test]
        fn the_stages_lead_from_taking_it_to_sending_it(
            steps in proptest::collection::vec(0u64..50_000, 7),
            convert in 0u64..20_000,
        ) {
            let step = |index: usize| Duration::from_micros(steps[index]);
            let epoch = Instant::now();
            let received_at = epoch + step(0);
            let seated_at = received_at + step(1);
            let drawn_at = seated_at + step(2);
            let encode_began = drawn_at + step(3);
            let encoded_at = encode_began + step(4);
            let sent_at = encoded_at + step(5);
            let input = PresentedInput { trace: trace(7, received_at), seated_at, drawn_at, exact: true };
            let made = EncodeTimes { convert: Duration::from_micros(convert), encode_began, encoded_at };
            let told = input.presented(90, made, sent_at, epoch);
            prop_assert_eq!(told.received_micros, steps[0]);
            prop_assert_eq!(told.sent_micros(), clock_micros(sent_at, epoch));
        }
    }

    #[test]
    fn a_viewer_is_told_of_its_own_inputs_with_the_next_frame_it_gets() {
        let now = Instant::now();
        let presented = |input| PresentedInput {
            trace: trace(input, now),
            seated_at: now,
            drawn_at: now,
            exact: true,
        };
        let mut other = presented(9);
        other.trace.viewer = "another".parse().expect("letters");
        let mut unsent = UnsentTraces::default();
        let someone = presented(1).trace.viewer;
        unsent.add(&someone, &[presented(1), other]);
        unsent.add(&someone, &[presented(2)]);
        assert_eq!(unsent.take(), [presented(1), presented(2)]);
        assert!(unsent.take().is_empty());
    }

    #[test]
    fn a_viewer_that_gets_no_frames_fills_no_memory() {
        let now = Instant::now();
        let presented = PresentedInput {
            trace: trace(1, now),
            seated_at: now,
            drawn_at: now,
            exact: true,
        };
        let mut unsent = UnsentTraces::default();
        for _ in 0..1000 {
            unsent.add(&presented.trace.viewer, std::slice::from_ref(&presented));
        }
        assert_eq!(unsent.take().len(), MOST_UNSENT);
    }
}
