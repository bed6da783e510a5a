//! Pure: who watches a session, and what each of them holds.

use std::collections::BTreeMap;
use std::time::Instant;

use shared::latency::Measurement;
use shared::session::ViewerId;

use super::latency::ReportLimit;
use super::presence::Presence;
use crate::display::SeatEvent;
use crate::input::ViewerInput;

/// More would not fit on a screen, and each costs a peer.
const MAX_VIEWERS: usize = 50;

/// Whether messages reach a viewer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Channel {
    Closed,
    Open,
}

/// One person who watches, or the script that does.
#[derive(Debug)]
pub struct Viewer {
    pub input: ViewerInput,
    pub presence: Presence,
    /// It has to know where text fields are.
    pub watches_text_fields: bool,
    channel: Channel,
    report_limit: ReportLimit,
    /// Counted inputs so far; see `Pong`.
    accepted: u32,
}

impl Viewer {
    /// Its messages can be sent from now on.
    pub fn on_channel_open(&mut self) {
        self.channel = Channel::Open;
    }

    /// Its peer is gone; gives what releases all that it held.
    pub fn on_disconnected(&mut self, now: Instant) -> Vec<SeatEvent> {
        self.channel = Channel::Closed;
        self.presence.on_disconnected(now);
        self.input.release_all()
    }

    /// Counts an input that both sides count.
    pub fn count_accepted(&mut self) {
        self.accepted = self.accepted.wrapping_add(1);
    }

    /// Counted inputs so far; wraps.
    pub fn accepted(&self) -> u32 {
        self.accepted
    }

    /// Those of its measurements that are taken.
    pub fn accept_report(
        &mut self,
        measurements: Vec<Measurement>,
        now: Instant,
    ) -> Vec<Measurement> {
        self.report_limit.accept(measurements, now)
    }
}

/// All viewers of one session.
#[derive(Debug, Default)]
pub struct Viewers(BTreeMap<ViewerId, Viewer>);

impl Viewers {
    /// A new viewer, who has no peer yet.
    pub fn insert(&mut self, id: ViewerId, now: Instant) {
        let viewer = Viewer {
            input: ViewerInput::default(),
            presence: Presence::new(now),
            watches_text_fields: false,
            channel: Channel::Closed,
            report_limit: ReportLimit::default(),
            accepted: 0,
        };
        self.0.insert(id, viewer);
    }

    pub fn contains(&self, id: &ViewerId) -> bool {
        self.0.contains_key(id)
    }

    pub fn get_mut(&mut self, id: &ViewerId) -> Option<&mut Viewer> {
        self.0.get_mut(id)
    }

    /// Gives what releases all that the viewer held; `None` if it was no viewer.
    pub fn remove(&mut self, id: &ViewerId) -> Option<Vec<SeatEvent>> {
        let mut viewer = self.0.remove(id)?;
        Some(viewer.input.release_all())
    }

    /// The session ends: gives all their names.
    pub fn remove_all(&mut self) -> impl Iterator<Item = ViewerId> {
        std::mem::take(&mut self.0).into_keys()
    }

    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Those that messages reach.
    pub fn reachable(&self) -> Vec<ViewerId> {
        self.reachable_if(|_| true)
    }

    /// Those of them that have to know where text fields are.
    pub fn text_field_watchers(&self) -> Vec<ViewerId> {
        self.reachable_if(|viewer| viewer.watches_text_fields)
    }

    fn reachable_if(&self, is_meant: impl Fn(&Viewer) -> bool) -> Vec<ViewerId> {
        let is_one = |viewer: &Viewer| viewer.channel == Channel::Open && is_meant(viewer);
        let meant = self.0.iter().filter(|(_, viewer)| is_one(viewer));
        meant.map(|(id, _)| id.clone()).collect()
    }

    /// Whether anybody has to know where text fields are.
    pub fn watch_text_fields(&self) -> bool {
        self.0.values().any(|viewer| viewer.watches_text_fields)
    }

    /// Whether messages reach anybody.
    pub fn is_anybody_reachable(&self) -> bool {
        self.0
            .values()
            .any(|viewer| viewer.channel == Channel::Open)
    }

    /// Who has to go before one more can join: the one that is gone longest. People who watch keep their place.
    pub fn to_make_room(&self) -> Option<ViewerId> {
        if self.0.len() < MAX_VIEWERS {
            return None;
        }
        let absent = self
            .0
            .iter()
            .filter_map(|(id, viewer)| Some((viewer.presence.expires_at()?, id)));
        absent.min().map(|(_, id)| id.clone())
    }

    /// Those that were not heard of for too long.
    pub fn expired(&self, now: Instant) -> Vec<ViewerId> {
        let has_expired = |(_, viewer): &(&ViewerId, &Viewer)| viewer.presence.has_expired(now);
        let expired = self.0.iter().filter(has_expired);
        expired.map(|(id, _)| id.clone()).collect()
    }

    /// When the next one expires.
    pub fn next_expiry(&self) -> Option<Instant> {
        let expiries = self
            .0
            .values()
            .filter_map(|viewer| viewer.presence.expires_at());
        expiries.min()
    }

    /// Chrome is gone: there is nothing left that could be held.
    pub fn forget_held(&mut self) {
        for viewer in self.0.values_mut() {
            viewer.input = ViewerInput::default();
        }
    }
}
