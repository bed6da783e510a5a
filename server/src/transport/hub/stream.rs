//! Feeds: one frame → packets, once → every viewer who can decode it; and the gate that its leader's link opens.

use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use shared::message::ServerMessage;
use shared::session::{SessionId, ViewerId};
use shared::wire;

use crate::latency_trace::PresentedInput;
use crate::stream::downlink::Pacesetter;
use crate::stream::keyframe_throttle::KeyframeThrottle;
use crate::stream::{Downlink, Feedback, KeyframeReason, Sample};
use crate::transport::hub::peers::Peer;
use crate::transport::hub::transport::{Outgoing, Transport};
use crate::transport::hub::{Hub, PeerKey};

/// A keyframe for one viewer costs the others: those who do not lead get it at most so often.
const KEYFRAME_AGAIN: Duration = Duration::from_secs(2);
const LEADER_KEYFRAME_AGAIN: Duration = Duration::from_millis(500);
/// So much may wait when the next frame comes: it is one interval of frames away from leaving.
const FRAME: Duration = Duration::from_millis(16);

#[derive(Default)]
pub(super) struct Feed {
    pub(super) peers: Vec<PeerKey>,
    last_timestamp: u32,
    downlink: Weak<Downlink>,
    leader: Option<ViewerId>,
    pub(super) keyframes: KeyframeThrottle,
}

impl Feed {
    pub(super) fn is_over(&self) -> bool {
        self.peers.is_empty() && self.downlink.strong_count() == 0
    }

    pub(super) fn request_keyframe(&mut self, now: Instant) {
        if let Some(reason) = self.keyframes.poll(now)
            && let Some(downlink) = self.downlink.upgrade()
        {
            downlink.request_keyframe(reason);
        }
    }
}

impl Hub {
    pub(super) fn open_feed(&mut self, feed: SessionId, downlink: &Arc<Downlink>) {
        self.feeds.retain(|_, feed| !feed.is_over());
        let opened = self.feeds.entry(feed.clone()).or_default();
        opened.downlink = Arc::downgrade(downlink);
        opened.keyframes.on_lost();
        if !opened.peers.is_empty() {
            opened.keyframes.request(KeyframeReason::Joined);
            opened.request_keyframe(Instant::now());
        }
        self.set_gate(&feed, Instant::now());
    }

    pub(super) fn lead(&mut self, feed: &SessionId, viewer: ViewerId) {
        if let Some(known) = self.feeds.get_mut(feed) {
            known.leader = Some(viewer);
            self.set_gate(feed, Instant::now());
        }
    }

    /// The one who leads; before anybody did, or while that one is away, the first who is connected.
    fn leading(&self, feed: &Feed) -> Option<PeerKey> {
        let is_connected = |key: &PeerKey| {
            let peer = self.peers.get(key);
            peer.is_some_and(|peer| peer.way.is_connected())
        };
        let named = feed.leader.as_ref().and_then(|id| self.best_of(id));
        let named = named.filter(|key| feed.peers.contains(key) && is_connected(key));
        let mut peers = feed.peers.iter();
        named.or_else(|| peers.find(|key| is_connected(key)).copied())
    }

    fn leads(&self, key: PeerKey) -> bool {
        let feed = self.peers.get(&key).and_then(|p| self.feeds.get(&p.feed));
        feed.is_some_and(|feed| self.leading(feed) == Some(key))
    }

    pub(super) fn set_gate(&self, feed: &SessionId, now: Instant) {
        let Some(feed) = self.feeds.get(feed) else {
            return;
        };
        if let Some(downlink) = feed.downlink.upgrade() {
            let leader = self.leading(feed).and_then(|key| self.peers.get(&key));
            let waits = leader.map_or(Duration::ZERO, |peer| self.backlog(peer, now));
            downlink.set_ready_at(now + waits.saturating_sub(FRAME));
            let is_named = |peer: &Peer| feed.leader.as_ref() == Some(&peer.viewer);
            let is_known = match leader {
                Some(peer) if is_named(peer) => downlink.is_named_pacesetter(&peer.viewer),
                Some(peer) => downlink.is_pacesetter(&peer.viewer),
                None => false,
            };
            if !is_known {
                downlink.set_pacesetter(leader.map(|peer| Pacesetter {
                    viewer: peer.viewer.clone(),
                    is_named: is_named(peer),
                    feedback: Feedback::default(),
                }));
            }
        }
    }

    pub(super) fn follow(&mut self, key: PeerKey, feedback: Feedback) {
        let feed = self.peers.get(&key).and_then(|p| self.feeds.get(&p.feed));
        if let Some(downlink) = feed.and_then(|feed| feed.downlink.upgrade())
            && self.leads(key)
        {
            downlink.update_feedback(feedback);
            if let Some(estimate) = feedback.estimate {
                downlink.set_rate(estimate.for_video());
            }
        }
    }

    fn request_keyframe(&mut self, key: PeerKey, reason: KeyframeReason, now: Instant) {
        if let Some(peer) = self.peers.get(&key)
            && let Some(feed) = self.feeds.get_mut(&peer.feed)
        {
            feed.keyframes.request(reason);
            feed.request_keyframe(now);
        }
    }

    /// How long a frame that comes now waits on our side.
    fn backlog(&self, peer: &Peer, now: Instant) -> Duration {
        peer.way.backlog(self.unsent(peer), now)
    }

    /// Bytes that wait for the kernel.
    fn unsent(&self, peer: &Peer) -> usize {
        let links = peer.links.iter().filter_map(|id| self.links.get(id));
        links.map(|open| open.link.unsent()).sum()
    }

    pub(super) fn send_frame(&mut self, feed: &SessionId, frame: &Sample) {
        let Some(feed) = self.feeds.get_mut(feed) else {
            return;
        };
        // Two frames must not have one timestamp, or they are taken for one.
        let ticks = frame.at.saturating_duration_since(self.epoch).as_micros() * 9 / 100;
        let mut timestamp = ticks as u32;
        if timestamp.wrapping_sub(feed.last_timestamp).wrapping_sub(1) > u32::MAX / 2 {
            timestamp = feed.last_timestamp.wrapping_add(1);
        }
        feed.last_timestamp = timestamp;
        if frame.keyframe
            && feed.keyframes.on_keyframe(frame.encode_began())
            && let Some(downlink) = feed.downlink.upgrade()
        {
            downlink.withdraw_keyframe();
        }
        let outgoing = Outgoing::new(frame, timestamp);
        for key in feed.peers.clone() {
            self.send_frame_to(key, &outgoing);
        }
    }

    fn send_frame_to(&mut self, key: PeerKey, outgoing: &Outgoing<'_>) {
        let frame = outgoing.frame;
        let keyframe = frame.keyframe;
        let now = Instant::now();
        let leads = self.leads(key);
        if let Some(peer) = self.peers.get_mut(&key) {
            peer.untold.add(&peer.viewer, &frame.traces);
        }
        let Some(peer) = self.peers.get(&key) else {
            return;
        };
        if !peer.way.is_connected() || (peer.waits_for_keyframe && !keyframe) {
            return;
        }
        let is_behind = peer.way.is_behind(leads, self.unsent(peer), now);
        let links = peer.links.iter().filter_map(|id| self.links.get(id));
        let is_stuck = links.into_iter().any(|open| open.link.is_behind());
        let Some(peer) = self.peers.get_mut(&key) else {
            return;
        };
        if is_behind {
            peer.way.skip();
        }
        if is_stuck || is_behind && !keyframe {
            peer.waits_for_keyframe = true;
            peer.is_behind = true;
            return;
        }
        peer.waits_for_keyframe = false;
        if keyframe {
            // Whoever had asked for one has it.
            peer.is_behind = false;
        }
        let shown = peer.untold.take();
        self.with(key, |way| way.queue_frame(outgoing, now));
        if !shown.is_empty() {
            self.tell_shown(key, shown, outgoing.timestamp, frame);
        }
    }

    /// Tells the viewer which of its inputs the frame shows, beside the frame itself.
    fn tell_shown(
        &mut self,
        key: PeerKey,
        shown: Vec<PresentedInput>,
        timestamp: u32,
        frame: &Sample,
    ) {
        let now = Instant::now();
        let waits = self.peers.get(&key).map(|peer| self.backlog(peer, now));
        // The pacer lets the frame's last packet go then.
        let sent_at = now + waits.unwrap_or_default();
        for answered in shown {
            let marked = answered.told(timestamp, frame.made(), sent_at, self.epoch);
            let message = wire::encode_server(&ServerMessage::InputPresented(marked));
            self.with(key, |way| way.write_message(message, now));
        }
    }

    /// The viewer cannot go on: it gets a keyframe, now or as soon as its turn has come.
    pub(super) fn ask_for_keyframe(&mut self, key: PeerKey, now: Instant) {
        if let Some(peer) = self.peers.get_mut(&key) {
            peer.is_behind = true;
            self.catch_up(key, now);
        }
    }

    /// Nothing that waits or comes before a keyframe is of use to the viewer; its way is free for the keyframe.
    pub(super) fn start_over(&mut self, key: PeerKey, now: Instant) {
        if let Some(peer) = self.peers.get_mut(&key) {
            if peer.way.start_over() {
                return;
            }
            peer.waits_for_keyframe = true;
            peer.is_behind = true;
        }
        self.catch_up(key, now);
    }

    /// What the viewer sees is late: what waits here would only be later still.
    pub(super) fn skip_to_keyframe(&mut self, viewer: &ViewerId) {
        let Some(key) = self.best_of(viewer) else {
            return;
        };
        let peer = self.peers.get_mut(&key);
        if let Some(peer) = peer.filter(|peer| peer.way.is_connected()) {
            (peer.waits_for_keyframe, peer.is_behind) = (true, true);
            // Asks for the keyframe, and opens the gate, as soon as it can.
            self.with(key, Transport::catch_up);
        }
    }

    /// Who fell behind gets a keyframe when nothing waits any more, and the last one is long enough ago.
    pub(super) fn catch_up(&mut self, key: PeerKey, now: Instant) {
        let leads = self.leads(key);
        let Some(peer) = self.peers.get(&key) else {
            return;
        };
        let is_time = peer
            .keyframe_asked
            .is_none_or(|at| now >= at + again(leads));
        let has_room = leads || self.backlog(peer, now) <= FRAME;
        if !peer.is_behind || !is_time || !has_room {
            return;
        }
        if let Some(peer) = self.peers.get_mut(&key) {
            peer.is_behind = false;
            peer.keyframe_asked = Some(now);
            self.request_keyframe(key, KeyframeReason::Requested, now);
        }
    }

    /// When [`Hub::catch_up`] should be called, because nothing else may happen until then.
    pub(super) fn catch_up_at(&self, key: PeerKey, now: Instant) -> Option<Instant> {
        let peer = self.peers.get(&key).filter(|peer| peer.is_behind)?;
        let at = peer.keyframe_asked? + again(self.leads(key));
        (at > now).then_some(at)
    }

    /// What the viewer was sent is lost: nothing but a keyframe is of any use.
    pub(super) fn want_keyframe(&mut self, key: PeerKey) {
        let now = Instant::now();
        if let Some(peer) = self.peers.get_mut(&key) {
            peer.waits_for_keyframe = true;
            if peer.way.is_connected() {
                peer.keyframe_asked = Some(now);
                if let Some(feed) = self.feeds.get_mut(&peer.feed) {
                    feed.keyframes.on_lost();
                }
                self.request_keyframe(key, KeyframeReason::Joined, now);
            }
        }
    }
}

fn again(leads: bool) -> Duration {
    match leads {
        true => LEADER_KEYFRAME_AGAIN,
        false => KEYFRAME_AGAIN,
    }
}
