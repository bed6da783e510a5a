//! Who is connected: each viewer's peers, and what they say to their session.

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use shared::session::ViewerId;
use tokio::sync::mpsc;

use crate::latency_trace::UnsentTraces;
use crate::stream::SubscriberId;
use crate::transport::hub::streams::StreamId;
use crate::transport::hub::transport::Transport;
use crate::transport::output::Output;
use crate::transport::{PeerError, PeerEvent};

/// One peer costs a few MB of history for repetitions.
pub const MAX_PEERS: usize = 256;
/// From the answer to media.
const CONNECT_WITHIN: Duration = Duration::from_secs(30);
/// A session that does not take even the last event has its reasons.
const FAREWELL: Duration = Duration::from_secs(10);
/// Whatever sets a timer is followed by a look at the timers.
const NO_TIMER: Duration = Duration::from_secs(3600);

/// One way to a viewer.
pub struct Peer {
    pub stream: StreamId,
    pub viewer: ViewerId,
    pub transport: Transport,
    events: mpsc::Sender<(ViewerId, PeerEvent)>,
    give_up_at: Option<Instant>,
    deadline: Instant,
    /// Inputs that a frame shows which has not left yet.
    pub unsent_traces: UnsentTraces,
}

/// Why a session was not told.
pub enum Undelivered {
    /// It does not keep up.
    Full,
    /// It is no more.
    Closed,
}

#[derive(Default)]
pub struct Peers {
    peers: HashMap<SubscriberId, Peer>,
    by_viewer: HashMap<ViewerId, Vec<SubscriberId>>,
    next_id: u64,
}

impl Peers {
    /// A viewer's newer peer, beside whatever it has.
    pub fn add(
        &mut self,
        stream: StreamId,
        viewer: ViewerId,
        transport: Transport,
        events: mpsc::Sender<(ViewerId, PeerEvent)>,
        now: Instant,
    ) -> SubscriberId {
        let id = SubscriberId(self.next_id);
        self.next_id += 1;
        let peer = Peer {
            stream,
            viewer: viewer.clone(),
            // A web socket is connected already, and says so at once.
            give_up_at: Some(now + CONNECT_WITHIN),
            transport,
            events,
            deadline: now,
            unsent_traces: UnsentTraces::default(),
        };
        self.by_viewer.entry(viewer).or_default().push(id);
        self.peers.insert(id, peer);
        id
    }

    /// Whether there is room for one more; a viewer's newer peer takes the place of its `older` one.
    pub fn admits(&self, older: Option<SubscriberId>) -> Result<(), PeerError> {
        match self.peers.len() {
            connected if older.is_none() && connected >= MAX_PEERS => {
                Err(PeerError::TooManyPeers(connected))
            }
            _ => Ok(()),
        }
    }

    pub fn remove(&mut self, id: SubscriberId) -> Option<Peer> {
        let peer = self.peers.remove(&id)?;
        if let Some(own) = self.by_viewer.get_mut(&peer.viewer) {
            own.retain(|held| *held != id);
            if own.is_empty() {
                self.by_viewer.remove(&peer.viewer);
            }
        }
        Some(peer)
    }

    pub fn get(&self, id: SubscriberId) -> Option<&Peer> {
        self.peers.get(&id)
    }

    pub fn get_mut(&mut self, id: SubscriberId) -> Option<&mut Peer> {
        self.peers.get_mut(&id)
    }

    /// Every peer of a viewer that there is.
    pub fn of(&self, viewer: &ViewerId) -> &[SubscriberId] {
        self.by_viewer.get(viewer).map_or(&[], Vec::as_slice)
    }

    /// The viewer's peer of this kind.
    pub fn of_kind(
        &self,
        viewer: &ViewerId,
        kind: impl Fn(&Transport) -> bool,
    ) -> Option<SubscriberId> {
        let mut own = self.of(viewer).iter().copied();
        own.find(|id| self.get(*id).is_some_and(|peer| kind(&peer.transport)))
    }

    /// Those for whom this holds.
    pub fn ids_where(&self, holds: impl Fn(&Peer) -> bool) -> Vec<SubscriberId> {
        let those = self.peers.iter().filter(|(_, peer)| holds(peer));
        those.map(|(id, _)| *id).collect()
    }

    /// Lets one connection do something; what comes of it is appended to `outputs`. `None` if there is no such peer, an
    /// error if it panics: that is this viewer's alone.
    pub fn act<T>(
        &mut self,
        id: SubscriberId,
        outputs: &mut Vec<Output>,
        act: impl FnOnce(&mut Transport) -> T,
    ) -> Option<std::thread::Result<T>> {
        let peer = self.peers.get_mut(&id)?;
        let now = Instant::now();
        let acted = catch_unwind(AssertUnwindSafe(|| {
            let value = act(&mut peer.transport);
            peer.transport.poll(now, |output| outputs.push(output));
            (value, peer.transport.deadline(now))
        }));
        Some(acted.map(|(value, deadline)| {
            peer.deadline = deadline.unwrap_or(now + NO_TIMER);
            value
        }))
    }

    /// Tells the peer's session.
    pub fn tell(&self, id: SubscriberId, event: PeerEvent) -> Result<(), Undelivered> {
        let Some(peer) = self.get(id) else {
            return Ok(());
        };
        let sent = peer.events.try_send((peer.viewer.clone(), event));
        sent.map_err(|error| match error {
            mpsc::error::TrySendError::Full(_) => Undelivered::Full,
            mpsc::error::TrySendError::Closed(_) => Undelivered::Closed,
        })
    }

    /// It is connected, and waited for no longer.
    pub fn on_connected(&mut self, id: SubscriberId) {
        if let Some(peer) = self.get_mut(id) {
            peer.give_up_at = None;
        }
    }

    /// When something of a peer is due.
    pub fn deadline(&self) -> Option<Instant> {
        let due_at = |peer: &Peer| {
            let give_up_at = peer.give_up_at.into_iter();
            give_up_at.fold(peer.deadline, Instant::min)
        };
        self.peers.values().map(due_at).min()
    }
}

impl Peer {
    /// A timer of its connection has run out.
    pub fn is_due(&self, now: Instant) -> bool {
        self.deadline <= now
    }

    /// It has not connected in time.
    pub fn is_late(&self, now: Instant) -> bool {
        self.give_up_at.is_some_and(|at| at <= now)
    }

    /// The last thing its session is told, if need be a little later.
    pub fn say_farewell(self, reason: &str) {
        let last = PeerEvent::Disconnected {
            reason: reason.to_owned(),
        };
        let sent = self.events.try_send((self.viewer, last));
        if let Err(mpsc::error::TrySendError::Full(last)) = sent {
            let events = self.events;
            tokio::task::spawn_local(async move {
                let _ = tokio::time::timeout(FAREWELL, events.send(last)).await;
            });
        }
    }
}
