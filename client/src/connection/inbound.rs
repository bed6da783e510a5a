//! What comes from the server: pictures, messages, and the state by long polls while nothing else brings it.

use std::rc::Rc;

use leptos::task::spawn_local;
use shared::error::ApiError;
use shared::message::ServerMessage;
use shared::session::{Phase, SessionState};
use web_sys::MediaStreamTrack;

use super::Connection;
use super::backoff::Backoff;
use super::peer::Arrivals;
use crate::api;
use crate::dom::sleep;

impl Connection {
    pub(super) fn arrivals(self: &Rc<Self>) -> Arrivals {
        let (on_track, on_message) = (Rc::downgrade(self), Rc::downgrade(self));
        Arrivals {
            track: Box::new(move |track| {
                if let Some(connection) = on_track.upgrade() {
                    connection.show(track);
                }
            }),
            message: Box::new(move |message| {
                if let Some(connection) = on_message.upgrade() {
                    connection.heard();
                    connection.take_message(message);
                }
            }),
        }
    }

    pub(super) fn show(self: &Rc<Self>, track: MediaStreamTrack) {
        for old in self.stream.get_tracks().iter() {
            self.stream.remove_track(&MediaStreamTrack::from(old));
        }
        self.stream.add_track(&track);
        // The element may have shown another session before.
        if self.video.src_object().as_ref() != Some(&self.stream) {
            self.video.set_src_object(Some(&self.stream));
        }
        // Muted video may always play; where it may not, the first click starts it.
        let _ = self.video.play();
        let Some(peer) = self.peer.borrow().clone() else {
            return;
        };
        self.tell_next_picture(&peer);
    }

    pub(super) fn take_message(&self, message: ServerMessage) {
        match message {
            ServerMessage::State(state) => self.take_state(*state),
            ServerMessage::InputPresented(marked) => self.meter.marked(marked),
            ServerMessage::Pong {
                number,
                server_micros,
                accepted,
            } => {
                if let Some(round_trip) = self.meter.pong(number, server_micros) {
                    (self.health.pulse.borrow_mut()).answered_within(round_trip);
                }
                self.health.ledger.borrow_mut().answered(number, accepted);
                self.tell_missing();
            }
            other => self.watch.take_message(other),
        }
    }

    pub(super) fn take_state(&self, state: SessionState) {
        let ended = matches!(state.phase, Phase::Ended { .. });
        self.watch.take_state(state);
        if ended {
            // There is nobody left to say goodbye to.
            *self.seat.borrow_mut() = None;
            self.close();
        }
    }

    /// Messages travel both ways without a server function.
    pub(super) fn is_open(&self) -> bool {
        let peer = self.peer.borrow();
        let by_peer = peer.as_ref().is_some_and(|peer| peer.is_open());
        by_peer || (self.spare.socket()).is_some_and(|socket| socket.is_open())
    }

    /// Follows the state by long polls until the control channel is open.
    pub(super) fn poll(self: &Rc<Self>) {
        if self.polling.replace(true) {
            return;
        }
        let this = self.clone();
        spawn_local(async move {
            let mut backoff = Backoff::default();
            loop {
                let open = this.is_open();
                let seat = this.seat.borrow().clone();
                let (Some(seat), false, false) = (seat, open, this.closed.get()) else {
                    break;
                };
                let version = this.watch.version();
                match api::updates(this.session.clone(), seat.viewer, version).await {
                    Ok(state) => {
                        backoff.reset();
                        this.take_state(state);
                    }
                    Err(ApiError::NotFound(_)) => {
                        this.forget_seat();
                        break;
                    }
                    Err(_) => sleep(backoff.next_delay()).await,
                }
            }
            this.polling.set(false);
        });
    }
}
