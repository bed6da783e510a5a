//! Feeds: one frame → packets, once → every viewer who can decode it.

use bytes::Bytes;
use std::time::Instant;

use shared::session::SessionId;

use super::{Hub, PeerKey};
use crate::encode::Frame;
use crate::peer::packetize::packetize;
use crate::peer::{PeerEvent, Transport};

pub(super) struct Feed {
    pub(super) peers: Vec<PeerKey>,
    pub(super) last_timestamp: u32,
}

impl Hub {
    pub(super) fn send_frame(&mut self, feed: &SessionId, frame: &Frame) {
        let Some(feed) = self.feeds.get_mut(feed) else {
            return;
        };
        // Two frames must not have one timestamp, or they are taken for one.
        let ticks = frame
            .drawn_at
            .saturating_duration_since(self.epoch)
            .as_micros()
            * 9
            / 100;
        let mut timestamp = ticks as u32;
        if timestamp.wrapping_sub(feed.last_timestamp).wrapping_sub(1) > u32::MAX / 2 {
            timestamp = feed.last_timestamp.wrapping_add(1);
        }
        feed.last_timestamp = timestamp;
        let payloads = packetize(&frame.data);
        for key in feed.peers.clone() {
            self.send_frame_to(key, &payloads, timestamp, frame.keyframe);
        }
    }

    pub(super) fn send_frame_to(
        &mut self,
        key: PeerKey,
        payloads: &[Bytes],
        timestamp: u32,
        keyframe: bool,
    ) {
        let Some(peer) = self.peers.get_mut(&key) else {
            return;
        };
        if !peer.connection.is_connected() || (peer.waits_for_keyframe && !keyframe) {
            return;
        }
        if peer.connection.transport() == Some(Transport::Tcp) {
            let mut links = peer.links.iter().filter_map(|id| self.links.get(id));
            if links.any(|open| open.link.is_behind()) {
                peer.waits_for_keyframe = true;
                peer.behind = true;
                return;
            }
        }
        peer.waits_for_keyframe = false;
        let now = Instant::now();
        self.with(key, |connection| {
            connection.write_frame(payloads, timestamp, keyframe, now)
        });
    }

    pub(super) fn want_keyframe(&mut self, key: PeerKey) {
        if let Some(peer) = self.peers.get_mut(&key) {
            peer.waits_for_keyframe = true;
            if peer.connection.is_connected() {
                self.tell(key, PeerEvent::KeyframeNeeded, false);
            }
        }
    }
}
