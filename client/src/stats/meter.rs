//! Inputs, the server's marks and pongs, and frames on the screen → [`way`](super::way) and [`clock`](super::clock).

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;

use shared::latency::{InputId, Marked};
use web_sys::HtmlVideoElement;

use crate::connection::frames;
use crate::dom::now;
use crate::stats::clock::{Clock, Offset};
use crate::stats::latency::Measured;
use crate::stats::way::{Act, Ways};

/// Pings without an answer: more wait only while nothing comes back at all.
const MOST_PINGS: usize = 16;

pub struct Meter {
    video: HtmlVideoElement,
    ways: RefCell<Ways>,
    clock: RefCell<Clock>,
    /// Number and time of each ping that has not been answered, oldest first.
    pings: RefCell<VecDeque<(u32, f64)>>,
    next_ping: Cell<u32>,
    /// The next frame will be told.
    listens: Cell<bool>,
    /// The browser has shown a frame and did not say which.
    is_blind: Cell<bool>,
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
            ways: RefCell::default(),
            clock: RefCell::default(),
            pings: RefCell::default(),
            next_ping: Cell::new(0),
            listens: Cell::new(false),
            is_blind: Cell::new(false),
        })
    }

    /// A name for an input whose event happened then, if it is to be measured.
    pub fn name(&self, act: Act, happened: f64) -> Option<InputId> {
        self.ways.borrow_mut().name(act, happened)
    }

    /// It was handed to the network then.
    pub fn sent(self: &Rc<Self>, input: InputId, happened: f64, dispatched: f64) {
        self.ways.borrow_mut().sent(input, happened, dispatched);
        self.listen();
    }

    pub fn marked(&self, marked: Marked) {
        self.ways.borrow_mut().marked(marked, now());
    }

    /// The number of a ping that should be sent now.
    pub fn ping(&self) -> Option<u32> {
        let now = now();
        if !self.clock.borrow().wants_ping(now) {
            return None;
        }
        let number = self.next_ping.get();
        self.next_ping.set(number.wrapping_add(1));
        let mut pings = self.pings.borrow_mut();
        pings.push_back((number, now));
        if pings.len() > MOST_PINGS {
            pings.pop_front();
        }
        Some(number)
    }

    pub fn pong(&self, number: u32, server_micros: u64) {
        let received = now();
        let mut pings = self.pings.borrow_mut();
        if let Some(place) = pings.iter().position(|(sent, _)| *sent == number)
            && let Some((_, sent)) = pings.remove(place)
        {
            let server = server_micros as f64 / 1000.0;
            self.clock.borrow_mut().exchanged(sent, server, received);
        }
    }

    /// Another peer begins: of what went to the former one nothing comes back.
    pub fn forget(&self) {
        self.ways.borrow_mut().forget();
        self.clock.borrow_mut().forget();
        self.pings.borrow_mut().clear();
    }

    /// What was seen since the last call.
    pub fn take_second(&self) -> Second {
        let now = now();
        let offset = self.clock.borrow().offset(now);
        let finished = self.ways.borrow_mut().finished(now);
        let inputs = finished.iter().filter_map(|way| {
            Some(Measured {
                measurement: way.measurement(offset)?,
                exact: way.is_exact(),
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
                this.ways.borrow_mut().shown(shown);
            }
            if this.ways.borrow().is_waiting() {
                this.listen();
            }
        });
        if !asked {
            self.is_blind.set(true);
        }
    }
}
