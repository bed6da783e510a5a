//! All sessions' streams, and the downlinks to their encoders.

use std::collections::HashMap;
use std::sync::{Arc, Weak};
use std::time::Instant;

use shared::session::{SessionId, ViewerId};

use crate::clock;
use crate::stream::event::{Action, Change, Delivery, Event};
use crate::stream::machine::Stream;
use crate::stream::{Downlink, SubscriberId};

/// Names a session's stream; never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct StreamId(u64);

struct Open {
    stream: Stream,
    /// Held by the session.
    downlink: Weak<Downlink>,
}

/// A stream lives while somebody watches or something is encoded.
#[derive(Default)]
pub struct Streams {
    by_session: HashMap<SessionId, StreamId>,
    streams: HashMap<StreamId, Open>,
    next_id: u64,
}

impl Streams {
    /// The session has a new encoder.
    pub fn open(&mut self, session: SessionId, downlink: &Arc<Downlink>, now: Instant) -> StreamId {
        let id = self.of(session);
        if let Some(open) = self.streams.get_mut(&id) {
            open.downlink = Arc::downgrade(downlink);
            let frame_interval = downlink.frame_interval();
            open.stream.on(Event::Opened { frame_interval }, now);
        }
        // Encoders end without a word.
        self.streams.retain(|_, open| !open.is_over());
        let streams = &self.streams;
        self.by_session.retain(|_, id| streams.contains_key(id));
        id
    }

    /// The session's stream; a new one if there is none yet.
    pub fn of(&mut self, session: SessionId) -> StreamId {
        *self.by_session.entry(session).or_insert_with(|| {
            let id = StreamId(self.next_id);
            self.next_id += 1;
            let open = Open {
                stream: Stream::new(clock::epoch()),
                downlink: Weak::new(),
            };
            self.streams.insert(id, open);
            id
        })
    }

    /// The session's stream, if there is one.
    pub fn find(&self, session: &SessionId) -> Option<StreamId> {
        self.by_session.get(session).copied()
    }

    /// A fact for a stream. What is to be done about it comes out of [`Streams::poll`].
    pub fn on(&mut self, id: StreamId, event: Event, now: Instant) {
        if let Some(open) = self.streams.get_mut(&id) {
            open.stream.on(event, now);
        }
    }

    /// Tells the encoder what it is to be told, up to the next thing to do for a subscriber.
    pub fn poll(&mut self, id: StreamId) -> Option<(SubscriberId, Delivery)> {
        let open = self.streams.get_mut(&id)?;
        loop {
            match open.stream.poll_action()? {
                Action::Deliver(subscriber, delivery) => return Some((subscriber, delivery)),
                Action::Tell(change) => open.tell(change),
            }
        }
    }

    /// The stream itself, to ask it something.
    pub fn get(&self, id: StreamId) -> Option<&Stream> {
        self.streams.get(&id).map(|open| &open.stream)
    }

    /// By which of its links a viewer of this stream is reached now.
    pub fn best(&self, id: StreamId, viewer: &ViewerId) -> Option<SubscriberId> {
        self.get(id)?.best(viewer)
    }

    /// Those for which this holds.
    pub fn ids_where(&self, holds: impl Fn(&Stream) -> bool) -> Vec<StreamId> {
        let those = self.streams.iter().filter(|(_, open)| holds(&open.stream));
        those.map(|(id, _)| *id).collect()
    }

    /// Forgets a stream that nobody watches and nothing is encoded for.
    pub fn close_if_over(&mut self, id: StreamId) {
        if self.streams.get(&id).is_some_and(Open::is_over) {
            self.streams.remove(&id);
            self.by_session.retain(|_, known| *known != id);
        }
    }

    /// When [`Event::Time`] is to be told to some of them.
    pub fn deadline(&self, now: Instant) -> Option<Instant> {
        let deadlines = self
            .streams
            .values()
            .filter_map(|open| open.stream.deadline(now));
        deadlines.map(|(at, _)| at).min()
    }
}

impl Open {
    fn is_over(&self) -> bool {
        self.stream.is_empty() && self.downlink.strong_count() == 0
    }

    fn tell(&self, change: Change) {
        let Some(downlink) = self.downlink.upgrade() else {
            return;
        };
        match change {
            Change::RequestKeyframe(track, reason) => {
                tracing::debug!(?track, ?reason, "a keyframe is requested");
                downlink.request_keyframe(reason);
            }
            Change::WithdrawKeyframe(_) => downlink.withdraw_keyframe(),
            Change::ReadyAt(ready_at) => downlink.set_ready_at(ready_at),
            Change::Rate(rate) => downlink.set_rate(rate),
            Change::Pacesetter(pacesetter) => downlink.set_pacesetter(pacesetter),
            Change::Feedback(feedback) => downlink.update_feedback(feedback),
        }
    }
}
