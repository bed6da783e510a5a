//! Peers: how they come, what they do in the hub's turns, how they end.

use std::collections::hash_map::Entry;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use shared::session::{SessionId, ViewerId};
use tokio::sync::mpsc;

use crate::latency_trace::UnsentTraces;
use crate::transport::hub::transport::Transport;
use crate::transport::hub::{Hub, PeerKey};
use crate::transport::ice_tcp::LinkId;
use crate::transport::output::{Event, Output};
use crate::transport::stun::{is_binding_success, request_transaction};
use crate::transport::webrtc::connection::Connection;
use crate::transport::webrtc::offer::Offer;
use crate::transport::websocket::Socket;
use crate::transport::{PeerError, PeerEvent, lock};

/// One peer costs a few MB of history for repetitions.
pub(super) const MAX_PEERS: usize = 256;
/// From the answer to media.
const CONNECT_WITHIN: Duration = Duration::from_secs(30);
/// A session that does not take even the last event has its reasons.
const FAREWELL: Duration = Duration::from_secs(10);

pub(super) struct Peer {
    pub(super) feed: SessionId,
    pub(super) viewer: ViewerId,
    pub(super) way: Transport,
    pub(super) events: mpsc::Sender<(ViewerId, PeerEvent)>,
    /// Cannot decode anything but a keyframe.
    pub(super) waits_for_keyframe: bool,
    /// It cannot go on, or its link could not take a frame: a keyframe is asked for when it can.
    pub(super) is_behind: bool,
    pub(super) keyframe_asked: Option<Instant>,
    /// Messages can be sent to it.
    pub(super) has_channel: bool,
    pub(super) give_up_at: Option<Instant>,
    pub(super) deadline: Instant,
    /// The last accepted way over TCP leads to these.
    pub(super) links: Vec<LinkId>,
    /// Inputs that a frame shows which has not left yet.
    pub(super) untold: UnsentTraces,
}

impl Hub {
    pub(super) fn restart(
        &mut self,
        viewer: &ViewerId,
        offer: &Offer,
    ) -> Option<Result<String, PeerError>> {
        let key = *self.by_viewer.get(viewer)?;
        let connection = self.peers.get_mut(&key)?.way.web_rtc()?;
        if !connection.belongs_to(offer) {
            return None;
        }
        let now = Instant::now();
        let answered = self.with(key, |way| {
            let connection = way.web_rtc()?;
            let answer = connection.answer_again(offer, now);
            Some(answer.map(|answer| (answer, connection.ufrag())))
        })??;
        Some(answered.map(|(answer, ufrag)| {
            if let Some(ufrag) = ufrag {
                self.routes.add_ufrag(ufrag, key);
            }
            answer
        }))
    }

    pub(super) fn admit(
        &mut self,
        feed: SessionId,
        viewer: ViewerId,
        connection: Box<Connection>,
        events: mpsc::Sender<(ViewerId, PeerEvent)>,
    ) -> Result<(), PeerError> {
        let older = self.by_viewer.get(&viewer).copied();
        if older.is_none() && self.peers.len() >= MAX_PEERS {
            return Err(PeerError::TooManyPeers(self.peers.len()));
        }
        if let Some(older) = older {
            self.remove(older, None);
        }
        let ufrag = connection
            .ufrag()
            .ok_or_else(|| PeerError::Setup("the answer has no ice-ufrag".to_owned()))?;
        let now = Instant::now();
        let key = self.add(feed, viewer.clone(), Transport::WebRtc(connection), events);
        self.routes.add_ufrag(ufrag, key);
        self.by_viewer.insert(viewer, key);
        if let Some(peer) = self.peers.get_mut(&key) {
            peer.give_up_at = Some(now + CONNECT_WITHIN);
        }
        self.with(key, |way| way.handle_timeout(now));
        Ok(())
    }

    /// A viewer's web socket, beside its WebRTC connection if there is one: that may still be on its way.
    pub(super) fn attach(
        &mut self,
        feed: SessionId,
        viewer: ViewerId,
        socket: Box<Socket>,
        events: mpsc::Sender<(ViewerId, PeerEvent)>,
    ) -> Result<PeerKey, PeerError> {
        let older = self.sockets.get(&viewer).copied();
        if older.is_none() && self.peers.len() >= MAX_PEERS {
            return Err(PeerError::TooManyPeers(self.peers.len()));
        }
        let key = self.add(feed, viewer.clone(), Transport::WebSocket(socket), events);
        self.sockets.insert(viewer, key);
        if let Some(older) = older {
            self.remove(older, None);
        }
        self.with(key, |_| ());
        Ok(key)
    }

    fn add(
        &mut self,
        feed: SessionId,
        viewer: ViewerId,
        way: Transport,
        events: mpsc::Sender<(ViewerId, PeerEvent)>,
    ) -> PeerKey {
        let key = self.next_key;
        self.next_key += 1;
        self.feeds.entry(feed.clone()).or_default().peers.push(key);
        let peer = Peer {
            feed,
            viewer,
            way,
            events,
            waits_for_keyframe: true,
            is_behind: false,
            keyframe_asked: None,
            has_channel: false,
            give_up_at: None,
            deadline: Instant::now(),
            links: Vec::new(),
            untold: UnsentTraces::default(),
        };
        self.peers.insert(key, peer);
        key
    }

    /// The way by which a viewer is reached now: WebRTC where there is both.
    pub(super) fn best_of(&self, viewer: &ViewerId) -> Option<PeerKey> {
        let has_channel = |key: &&PeerKey| {
            let peer = self.peers.get(*key);
            peer.is_some_and(|peer| peer.has_channel && peer.way.is_connected())
        };
        let web_rtc = self.by_viewer.get(viewer);
        let socket = self.sockets.get(viewer);
        let best = web_rtc.filter(has_channel).or(socket).or(web_rtc);
        best.copied()
    }

    /// Every way of a viewer that there is.
    pub(super) fn all_of(&self, viewer: &ViewerId) -> Vec<PeerKey> {
        let ways = [self.by_viewer.get(viewer), self.sockets.get(viewer)];
        ways.into_iter().flatten().copied().collect()
    }

    /// `reason` is told to the session; without one it knows already.
    pub(super) fn remove(&mut self, key: PeerKey, reason: Option<&str>) {
        let Some(mut peer) = self.peers.remove(&key) else {
            return;
        };
        // Goodbye; whatever else comes out of it is of no interest any more.
        let _ = catch_unwind(AssertUnwindSafe(|| {
            peer.way.close();
            peer.way.poll(Instant::now(), |output| {
                if let Output::Datagram(datagram) = output {
                    self.send(&datagram);
                }
            });
        }));
        self.routes.remove(key);
        for ways in [&mut self.by_viewer, &mut self.sockets] {
            if ways.get(&peer.viewer) == Some(&key) {
                ways.remove(&peer.viewer);
            }
        }
        let mut others = self.all_of(&peer.viewer).into_iter();
        let is_reached = others.any(|other| {
            let other = self.peers.get(&other);
            other.is_some_and(|other| other.has_channel)
        });
        if !is_reached {
            lock(&self.shared.open).remove(&peer.viewer);
        }
        if let Entry::Occupied(mut feed) = self.feeds.entry(peer.feed.clone()) {
            feed.get_mut().peers.retain(|held| *held != key);
            if feed.get().is_over() {
                feed.remove();
            }
        }
        self.set_gate(&peer.feed, Instant::now());
        for id in peer.links {
            self.forget_link(id);
        }
        let Some(reason) = reason else { return };
        tracing::debug!(viewer = %peer.viewer, reason, "a viewer's connection ended");
        if is_reached {
            // On another way: for the session nothing has changed.
            return;
        }
        let last = (
            peer.viewer,
            PeerEvent::Disconnected {
                reason: reason.to_owned(),
            },
        );
        if let Err(mpsc::error::TrySendError::Full(last)) = peer.events.try_send(last) {
            let events = peer.events;
            tokio::task::spawn_local(async move {
                let _ = tokio::time::timeout(FAREWELL, events.send(last)).await;
            });
        }
    }

    /// Lets one connection do something, then carries out what comes of it. A panic in there is that viewer's alone.
    pub(super) fn with<T>(
        &mut self,
        key: PeerKey,
        act: impl FnOnce(&mut Transport) -> T,
    ) -> Option<T> {
        let peer = self.peers.get_mut(&key)?;
        let (now, mut outputs) = (Instant::now(), Vec::new());
        let acted = catch_unwind(AssertUnwindSafe(|| {
            let value = act(&mut peer.way);
            peer.way.poll(now, |output| outputs.push(output));
            (value, peer.way.deadline(now))
        }));
        let Ok((value, deadline)) = acted else {
            self.remove(key, Some("the connection failed inside the server"));
            return None;
        };
        // Far away when there is none: whatever sets a timer comes through here.
        peer.deadline = deadline.unwrap_or(now + Duration::from_secs(3600));
        for output in outputs {
            match output {
                Output::Datagram(datagram) => {
                    if is_binding_success(&datagram.payload) {
                        self.prove(key, &datagram.path);
                    } else if let Some(check) = request_transaction(&datagram.payload) {
                        self.routes.ask(check, key);
                    }
                    self.send(&datagram);
                }
                Output::Event(event) => self.take_event(key, event),
            }
        }
        self.catch_up(key, now);
        if let Some(feed) = self.peers.get(&key).map(|peer| peer.feed.clone()) {
            self.set_gate(&feed, now);
        }
        Some(value)
    }

    pub(super) fn take_event(&mut self, key: PeerKey, event: Event) {
        match event {
            Event::Connected(transport) => {
                if let Some(peer) = self.peers.get_mut(&key) {
                    peer.give_up_at = None;
                }
                self.tell(key, PeerEvent::Connected { transport }, false);
                self.want_keyframe(key);
            }
            Event::TransportChanged(transport) => {
                self.tell(key, PeerEvent::Connected { transport }, false)
            }
            Event::Unrecoverable => self.start_over(key, Instant::now()),
            Event::KeyframeNeeded => self.ask_for_keyframe(key, Instant::now()),
            Event::ControlOpen => {
                if let Some(peer) = self.peers.get_mut(&key) {
                    peer.has_channel = true;
                    lock(&self.shared.open).insert(peer.viewer.clone());
                }
                self.tell(key, PeerEvent::ChannelOpen, false);
            }
            Event::Message { bytes, droppable } => {
                self.tell(key, PeerEvent::Message { bytes }, droppable);
            }
            Event::Feedback(feedback) => self.follow(key, feedback),
            Event::Ended(reason) => self.remove(key, Some(reason)),
        }
    }

    pub(super) fn tell(&mut self, key: PeerKey, event: PeerEvent, droppable: bool) {
        let Some(peer) = self.peers.get(&key) else {
            return;
        };
        match peer.events.try_send((peer.viewer.clone(), event)) {
            Ok(()) => {}
            Err(mpsc::error::TrySendError::Full(_)) if droppable => {}
            Err(mpsc::error::TrySendError::Full(_)) => {
                self.remove(key, Some("the session does not keep up with this viewer"));
            }
            Err(mpsc::error::TrySendError::Closed(_)) => self.remove(key, None),
        }
    }
}
