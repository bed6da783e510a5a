//! What keeps a connection live: listens for silence, looks for what waits, and mends it without the person's doing.
//!
//! Silent ([`pulse`](super::liveness)): the picture is dimmed, and nothing that the person does is sent, so that nothing is
//! carried out long after. Once the server can be reached again either the same peer is heard within a moment, or a
//! fresh one takes its place. Late ([`lag`](super::stall_detector)): what waits is dropped.

use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};
use std::time::Duration;

use leptos::prelude::*;
use leptos::task::spawn_local;
use shared::message::ClientMessage;
use shared::session::Phase;
use web_sys::{Event, VisibilityState};

use super::input_accounting::InputAccounting;
use super::liveness::{Liveness, TICK_MILLIS};
use super::peer::{Peer, PeerEvent};
use super::stall_detector::{LOOK_MILLIS, Recovery, StallDetector};
use super::view_state::Link;
use super::{Connection, frames};
use crate::dom::{Interval, Listener, answers, every, listen, now, sleep, window};
use crate::stats::reading::Reading;
use crate::stats::report;

/// What the first question whether the server can be reached may take, and the longest.
const REACH_WITHIN: Duration = Duration::from_millis(800);
const REACH_WITHIN_LONGEST: Duration = Duration::from_secs(5);
const REACH_AGAIN: Duration = Duration::from_millis(100);
const REACH_AGAIN_LONGEST: Duration = Duration::from_secs(2);
/// The server answers, so the way is there: the peer has so long to be heard too.
const LAST_CHANCE: Duration = Duration::from_millis(400);
/// A peer that is heard again shows a picture at once, unless nobody looks at the page.
const SHOWN_WITHIN: Duration = Duration::from_millis(1500);

/// What is known of the present peer's health, and of what went wrong.
#[derive(Default)]
pub(super) struct Health {
    pub pulse: RefCell<Liveness>,
    pub ledger: RefCell<InputAccounting>,
    lag: RefCell<StallDetector>,
    reading: RefCell<Option<Reading>>,
    looked: Cell<f64>,
    /// Since when nothing came; `None` while something does.
    interrupted: Cell<Option<f64>>,
}

/// The timer and the listeners; they end with the connection.
pub(super) struct Listeners {
    _tick: Interval,
    _listeners: Vec<Listener>,
}

impl Connection {
    pub(super) fn keep_vigil(self: &Rc<Self>) -> Listeners {
        let weak = Rc::downgrade(self);
        let on = |act: fn(&Rc<Connection>)| {
            let weak = weak.clone();
            move |_: Event| {
                if let Some(connection) = weak.upgrade() {
                    act(&connection);
                }
            }
        };
        let window = window();
        let mut listeners = vec![
            listen(&window, "online", on(Connection::network_changed)),
            listen(&window, "offline", on(Connection::network_changed)),
        ];
        if let Some(document) = window.document() {
            listeners.push(listen(&document, "resume", on(Connection::network_changed)));
            listeners.push(listen(
                &document,
                "visibilitychange",
                on(Connection::network_changed),
            ));
        }
        let ticking = weak.clone();
        let tick = every(Duration::from_millis(TICK_MILLIS as u64), move || {
            if let Some(connection) = ticking.upgrade() {
                connection.tick();
            }
        });
        Listeners {
            _tick: tick,
            _listeners: listeners,
        }
    }

    /// The browser says that something happened; whether the way still holds, only the way itself tells.
    fn network_changed(self: &Rc<Self>) {
        self.health.pulse.borrow_mut().doubt(now());
        self.hurry();
        self.tick();
    }

    fn tick(self: &Rc<Self>) {
        let Some(peer) = self.peer.borrow().clone() else {
            return;
        };
        let now = now();
        let beat = self.health.pulse.borrow_mut().tick(now);
        if beat.slept {
            // This page's clock may have stood still, and what came meanwhile is old.
            self.meter.forget_clock();
            self.hurry();
            self.send(ClientMessage::SkipToLive);
        }
        if beat.fell_silent {
            peer.tell(PeerEvent::Silent);
        }
        if beat.ask && peer.is_open() {
            self.ping();
            if beat.count {
                // The reliable channel waits for what was lost before; this one does not.
                peer.probe(self.meter.ping_beside());
            }
        }
        if beat.count {
            self.count_packets(&peer);
        }
        if now - self.health.looked.get() >= LOOK_MILLIS {
            self.health.looked.set(now);
            self.look(&peer);
        }
    }

    fn count_packets(self: &Rc<Self>, peer: &Rc<Peer>) {
        let (this, peer) = (self.clone(), peer.clone());
        spawn_local(async move {
            let Ok(report) = peer.report().await else {
                return;
            };
            let packets = report::read(&report).transport_packets;
            if this.is_current(&peer) {
                let was_silent = this.health.pulse.borrow_mut().counted(packets, now());
                this.heard_again(was_silent, &peer);
            }
        });
    }

    /// Something came over this peer.
    pub(super) fn heard(self: &Rc<Self>) {
        let was_silent = self.health.pulse.borrow_mut().heard(now());
        if was_silent && let Some(peer) = self.peer.borrow().clone() {
            self.heard_again(was_silent, &peer);
        }
    }

    fn heard_again(&self, was_silent: bool, peer: &Rc<Peer>) {
        if was_silent {
            peer.tell(PeerEvent::Heard);
        }
    }

    pub(super) fn is_current(&self, peer: &Rc<Peer>) -> bool {
        let current = self.peer.borrow();
        current
            .as_ref()
            .is_some_and(|current| Rc::ptr_eq(current, peer))
    }

    /// A peer begins: nothing is known of it.
    pub(super) fn forget_health(&self) {
        *self.health.pulse.borrow_mut() = Liveness::default();
        self.health.ledger.borrow_mut().forget_pings();
        self.health.lag.borrow_mut().fresh_peer();
        *self.health.reading.borrow_mut() = None;
        self.sight.forget();
    }

    /// Nothing comes any more. Returns at once; what helps comes as an event of the peer.
    pub(super) fn find_way_back(self: &Rc<Self>, peer: &Rc<Peer>) {
        let (this, peer) = (self.clone(), Rc::downgrade(peer));
        spawn_local(async move { this.reach(peer).await });
    }

    async fn reach(self: Rc<Self>, peer: Weak<Peer>) {
        let (mut within, mut pause) = (REACH_WITHIN, REACH_AGAIN);
        let is_needed = || {
            let current = peer.upgrade().filter(|peer| self.is_current(peer));
            current.filter(|_| self.health.pulse.borrow().is_silent())
        };
        while is_needed().is_some() {
            if answers("/healthz", within).await {
                sleep(LAST_CHANCE).await;
                if let Some(peer) = is_needed() {
                    peer.tell(PeerEvent::Replace);
                }
                return;
            }
            self.rest(pause).await;
            within = (within * 5 / 4).min(REACH_WITHIN_LONGEST);
            pause = (pause * 5 / 4).min(REACH_AGAIN_LONGEST);
        }
    }

    /// The same peer is heard again: what it shows now must be of now.
    pub(super) fn resume(self: &Rc<Self>, peer: &Rc<Peer>) {
        self.send(ClientMessage::SkipToLive);
        self.tell_next_picture(peer);
        let peer = peer.clone();
        spawn_local(async move {
            sleep(SHOWN_WITHIN).await;
            peer.tell(PeerEvent::Shown);
        });
    }

    pub(super) fn tell_next_picture(&self, peer: &Rc<Peer>) {
        let peer = peer.clone();
        frames::on_next_picture(&self.video, move || peer.tell(PeerEvent::Shown));
    }

    // Interruptions, for the person.

    pub(super) fn interrupted(&self) {
        if self.health.interrupted.get().is_none() {
            let heard = self.health.pulse.borrow().last_heard();
            self.health.interrupted.set(Some(heard.unwrap_or_else(now)));
        }
    }

    pub(super) fn live_again(&self) {
        if let Some(since) = self.health.interrupted.take() {
            (self.watch.repairs).update(|repairs| repairs.interruption(since, now()));
        }
    }

    /// Whether what the person does now may be sent: it is meant for the picture that is shown, and that is a live one.
    pub(super) fn takes_deeds(&self) -> bool {
        let link = self.watch.link.try_get_untracked();
        let phase = self.watch.state.try_with_untracked(|state| {
            let phase = state.as_ref().map(|state| &state.phase);
            phase.is_none_or(|phase| *phase == Phase::Running)
        });
        !matches!(link, Some(Link::Reconnecting | Link::Over { .. })) && phase != Some(false)
    }

    pub(super) fn tell_missing(&self) {
        let missing = self.health.ledger.borrow().missing();
        let told = (self.watch.repairs).try_with_untracked(|repairs| repairs.missing_inputs);
        if told.is_some_and(|told| told != missing) {
            (self.watch.repairs).update(|repairs| repairs.missing_inputs = missing);
        }
    }

    // Backlogs.

    fn look(self: &Rc<Self>, peer: &Rc<Peer>) {
        let is_live = self.watch.link.try_get_untracked() == Some(Link::Connected);
        if !is_live || !is_visible() {
            *self.health.reading.borrow_mut() = None;
            self.sight.forget();
            return;
        }
        let (this, peer) = (self.clone(), peer.clone());
        spawn_local(async move {
            let Ok(report) = peer.report().await else {
                return;
            };
            if this.is_current(&peer) {
                this.judge(report::read(&report), &peer);
            }
        });
    }

    fn judge(self: &Rc<Self>, reading: Reading, peer: &Rc<Peer>) {
        let seen = self.sight.take();
        self.see(peer);
        let before = self.health.reading.replace(Some(reading.clone()));
        let Some(mut look) = before.and_then(|before| reading.look_since(&before)) else {
            return;
        };
        look.at = now();
        look.age_millis = seen.age_millis;
        look.shown = seen.asked.then_some(seen.shown);
        let Some((backlog, cure)) = self.health.lag.borrow_mut().look(look) else {
            return;
        };
        (self.watch.repairs)
            .update(|repairs| repairs.cut(backlog, cure == Recovery::FreshPeer, look.at));
        match cure {
            Recovery::SkipToLive => self.send(ClientMessage::SkipToLive),
            Recovery::FreshPeer => {
                self.interrupted();
                peer.tell(PeerEvent::Replace);
            }
        }
    }
}

pub(super) fn is_visible() -> bool {
    let document = window().document();
    document.is_some_and(|document| document.visibility_state() == VisibilityState::Visible)
}
