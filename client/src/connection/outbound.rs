//! What goes to the server: by a data channel or the web socket, or else by a server function, in order.

use std::rc::Rc;

use js_sys::Array;
use leptos::prelude::*;
use leptos::task::spawn_local;
use shared::message::{ClientMessage, MOST_MEASUREMENTS, Stamped};
use wasm_bindgen::JsValue;
use web_sys::{Blob, BlobPropertyBag, Event};

use super::Connection;
use crate::api;
use crate::dom::now;
use crate::stats::way::Act;

/// Moves that have not left yet, in bytes: more would only be late ones, and the next is never far.
pub(super) const WAITING_MOVES: u32 = 1024;

impl Connection {
    /// Sends now, in the caller's own turn: a DOM handler's message leaves before the handler returns.
    pub fn send(self: &Rc<Self>, message: ClientMessage) {
        self.send_stamped(Stamped {
            input: None,
            sent_micros: self.meter.server_micros(now()),
            message,
        });
    }

    /// Sends what the person did with this event, and measures when that is seen.
    pub fn act(self: &Rc<Self>, act: Act, event: &Event, message: ClientMessage) {
        let happened = event.time_stamp();
        let input = self.meter.name(act, happened);
        // Before it is sent: afterwards the server may have it already.
        let dispatched = now();
        let direct = self.send_stamped(Stamped {
            input,
            sent_micros: self.meter.server_micros(dispatched),
            message,
        });
        if let (Some(input), true) = (input, direct) {
            self.meter.sent(input, happened, dispatched);
        }
    }

    /// `false` if no data channel took it: then it waits for a server function, if it may, and is not measured.
    pub(super) fn send_stamped(self: &Rc<Self>, stamped: Stamped) -> bool {
        let is_counted = stamped.message.is_counted();
        if stamped.message.expires() && !self.takes_deeds() {
            if is_counted {
                self.health.ledger.borrow_mut().refused();
                self.tell_missing();
            }
            return false;
        }
        if is_counted && self.seat.borrow().is_some() {
            self.health.ledger.borrow_mut().sent();
        }
        let direct = self.outbox.borrow().is_idle() && self.send_directly(&stamped);
        if !direct && !self.closed.get() && self.seat.borrow().is_some() {
            self.outbox.borrow_mut().push(stamped.message);
            self.post();
        }
        direct
    }

    pub(super) fn send_directly(&self, stamped: &Stamped) -> bool {
        let peer = self.peer.borrow();
        let by_peer = peer.as_ref().is_some_and(|peer| peer.send(stamped));
        by_peer || (self.spare.socket()).is_some_and(|socket| socket.send(stamped))
    }

    /// What may as well be lost, for it is about this very moment.
    pub(super) fn mention(&self, message: ClientMessage) {
        self.send_directly(&Stamped {
            input: None,
            sent_micros: None,
            message,
        });
    }

    /// A second is over: tells what its inputs took to be seen, and asks the server for the time.
    pub fn measure(&self) {
        let second = self.meter.take_second();
        if !second.inputs.is_empty() {
            let measurements = second.inputs.iter().map(|input| input.measurement);
            let measurements = measurements.take(MOST_MEASUREMENTS).collect();
            self.mention(ClientMessage::LatencyReport { measurements });
        }
        self.watch.latency.update(|latency| {
            latency.push(second.inputs, second.offset, second.is_blind);
        });
    }

    /// Asks for the time, whether anybody is there, and what was taken.
    pub(super) fn ping(&self) {
        let number = self.meter.ping();
        self.health.ledger.borrow_mut().asked(number);
        self.mention(ClientMessage::Ping { number });
    }

    /// Sends what waits by the server function, batch after batch.
    pub(super) fn post(self: &Rc<Self>) {
        let Some(seat) = self.seat.borrow().clone() else {
            return;
        };
        let Some(batch) = self.outbox.borrow_mut().take() else {
            return;
        };
        let this = self.clone();
        spawn_local(async move {
            match api::send_input(this.session.clone(), seat.viewer, batch).await {
                Ok(replies) => {
                    this.outbox.borrow_mut().arrived();
                    for reply in replies {
                        this.take_message(reply);
                    }
                    this.post();
                }
                Err(_) => this.outbox.borrow_mut().failed(),
            }
        });
    }
}

/// A request would be cut off with the page; this is not.
pub(super) fn beacon(url: &str, json: &str) {
    let kind = BlobPropertyBag::new();
    kind.set_type("application/json");
    let parts = Array::of1(&JsValue::from_str(json));
    if let Ok(body) = Blob::new_with_str_sequence_and_options(&parts, &kind) {
        // Full queues refuse it; the server notices the closed channel all the same.
        let _ = window()
            .navigator()
            .send_beacon_with_opt_blob(url, Some(&body));
    }
}
