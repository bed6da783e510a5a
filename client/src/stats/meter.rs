//! Inputs, what the server says of them and of its clock, and frames on the screen → [`input_trace`](super::input_trace) and [`clock`](super::clock).

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;

use shared::latency::{InputId, InputPresented};
use web_sys::HtmlVideoElement;

use crate::connection::frames;
use crate::dom::now;
use crate::stats::clock::{Clock, Offset};
use crate::stats::input_trace::{InputKind, InputTraces, PresentedFrame};
use crate::stats::latency::Measured;

/// Pings without an answer: more wait only while nothing comes back at all.
const MOST_PINGS: usize = 16;
/// Two frames of one drawing are a tick of 1/90000 s apart; two drawings some milliseconds.
const DRAWN_ANEW_TICKS: i32 = 90;

pub struct Meter {
    video: HtmlVideoElement,
    traces: RefCell<InputTraces>,
    clock: RefCell<Clock>,
    /// Those that have not been answered, oldest first.
    pings: RefCell<VecDeque<Ping>>,
    round_trip: Cell<Option<f64>>,
    /// The next frame will be told.
    listens: Cell<bool>,
    /// The browser has shown a frame and did not say which.
    is_blind: Cell<bool>,
}

struct Ping {
    number: u32,
    sent: f64,
    /// Its answer helps to know the server's clock.
    for_clock: bool,
}

/// What a second has brought.
pub struct Second {
    pub inputs: Vec<Measured>,
    pub offset: Option<Offset>,
    pub is_blind: bool,
}

impl Meter {
    pub fn new(video: HtmlVideoElement) -> Rc<Meter> {
        Rc::new(Meter {
            video,
            traces: RefCell::default(),
            clock: RefCell::default(),
            pings: RefCell::default(),
            round_trip: Cell::new(None),
            listens: Cell::new(false),
            is_blind: Cell::new(false),
        })
    }

    /// A name for an input whose event happened then, if it is to be measured.
    pub fn name(&self, kind: InputKind, happened: f64) -> Option<InputId> {
        self.traces.borrow_mut().name(kind, happened)
    }

    /// It was handed to the network then.
    pub fn sent(self: &Rc<Self>, input: InputId, happened: f64, dispatched: f64) {
        self.traces.borrow_mut().sent(input, happened, dispatched);
        self.listen();
    }

    pub fn presented(&self, presented: InputPresented) {
        self.traces.borrow_mut().presented(presented, now());
    }

    /// A frame that no `<video>` tells of is on the screen.
    pub fn shown(&self, shown: PresentedFrame) {
        let mut traces = self.traces.borrow_mut();
        if traces.is_waiting() {
            traces.shown(shown);
        }
        self.is_blind.set(false);
    }

    /// Of the newest answer to a ping, in milliseconds.
    pub fn round_trip(&self) -> Option<f64> {
        self.round_trip.get()
    }

    /// A ping with this number is sent now.
    pub fn ping(&self, number: u32) {
        let for_clock = self.clock.borrow().wants_ping(now());
        self.note_ping(number, for_clock);
    }

    /// … for another reason.
    pub fn probe(&self, number: u32) {
        self.note_ping(number, false);
    }

    fn note_ping(&self, number: u32, for_clock: bool) {
        let mut pings = self.pings.borrow_mut();
        pings.push_back(Ping {
            number,
            sent: now(),
            for_clock,
        });
        if pings.len() > MOST_PINGS {
            pings.pop_front();
        }
    }

    /// How long it took, in milliseconds.
    pub fn pong(&self, number: u32, server_micros: u64) -> Option<f64> {
        let received = now();
        let mut pings = self.pings.borrow_mut();
        let place = pings.iter().position(|ping| ping.number == number)?;
        let ping = pings.remove(place)?;
        if ping.for_clock {
            let server = server_micros as f64 / 1000.0;
            self.clock
                .borrow_mut()
                .exchanged(ping.sent, server, received);
        }
        self.round_trip.set(Some(received - ping.sent));
        Some(received - ping.sent)
    }

    /// The server's clock at this time of ours, in microseconds: the latest that it can be.
    pub fn server_micros(&self, at: f64) -> Option<u64> {
        let offset = self.clock.borrow().offset(at)?;
        let millis = at + offset.millis + offset.uncertainty_millis;
        // Saturates: no clock is negative.
        Some((millis * 1000.0) as u64)
    }

    /// How old the second of two frames was when it was shown, in milliseconds: the least that can be. `None` if it is
    /// no new drawing, but the one before made sharper or sent again.
    pub fn age(&self, before: PresentedFrame, shown: PresentedFrame) -> Option<f64> {
        let ticks = shown
            .rtp_timestamp
            .wrapping_sub(before.rtp_timestamp)
            .cast_signed();
        if ticks < DRAWN_ANEW_TICKS {
            return None;
        }
        let offset = self.clock.borrow().offset(shown.presented)?;
        let millis = shown.presented + offset.millis - offset.uncertainty_millis;
        // Both count from the beginning of the server's clock; the timestamp wraps.
        let at = (millis * 90.0) as u64 as u32;
        let age = at.wrapping_sub(shown.rtp_timestamp).cast_signed();
        Some((f64::from(age) / 90.0).max(0.0))
    }

    /// This page's clock may have stood still.
    pub fn forget_clock(&self) {
        self.clock.borrow_mut().forget();
        self.pings.borrow_mut().clear();
    }

    /// Another peer begins: of what went to the former one nothing comes back.
    pub fn forget(&self) {
        self.traces.borrow_mut().forget();
        self.clock.borrow_mut().forget();
        self.pings.borrow_mut().clear();
    }

    /// What was seen since the last call.
    pub fn take_second(&self) -> Second {
        let now = now();
        let offset = self.clock.borrow().offset(now);
        let finished = self.traces.borrow_mut().finished(now);
        let inputs = finished.iter().filter_map(|trace| {
            Some(Measured {
                measurement: trace.measurement(offset)?,
                exact: trace.is_exact(),
            })
        });
        Second {
            inputs: inputs.collect(),
            offset,
            is_blind: self.is_blind.get(),
        }
    }

    /// Follows the frames for as long as an input waits to be seen: otherwise nobody needs to know.
    fn listen(self: &Rc<Self>) {
        if self.listens.replace(true) {
            return;
        }
        let this = self.clone();
        let asked = frames::on_next_frame(&self.video, move |shown| {
            this.listens.set(false);
            this.is_blind.set(shown.is_none());
            if let Some(shown) = shown {
                this.traces.borrow_mut().shown(shown);
            }
            if this.traces.borrow().is_waiting() {
                this.listen();
            }
        });
        if !asked {
            self.is_blind.set(true);
        }
    }
}
