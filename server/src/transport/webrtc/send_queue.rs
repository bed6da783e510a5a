//! Pure: frames in RTP payloads → packets that wait in the pacer, and which of them are dropped.

use bytes::Bytes;

use crate::congestion::pacer::Pacer;

/// Bytes of an RTP header with its extensions, SRTP tag, UDP and IPv4 header, beside the payload.
pub const OVERHEAD: usize = 66;

/// A packet of a frame that has not left yet.
#[derive(Clone, Debug, PartialEq)]
pub struct QueuedPacket {
    /// RTP payload.
    pub payload: Bytes,
    /// RTP timestamp of its frame, in 1/90000 s.
    pub timestamp: u32,
    /// The first packet of its frame.
    pub first: bool,
    /// The last packet of its frame.
    pub last: bool,
    /// Its frame is a keyframe.
    pub keyframe: bool,
}

impl QueuedPacket {
    /// Size on the wire.
    pub fn bytes(&self) -> usize {
        self.payload.len() + OVERHEAD
    }

    fn begins_keyframe(&self) -> bool {
        self.first && self.keyframe
    }
}

/// Queues the packets of one frame.
pub fn push_frame(
    pacer: &mut Pacer<QueuedPacket>,
    payloads: &[Bytes],
    timestamp: u32,
    keyframe: bool,
) {
    for (index, payload) in payloads.iter().enumerate() {
        let packet = QueuedPacket {
            payload: payload.clone(),
            timestamp,
            first: index == 0,
            last: index + 1 == payloads.len(),
            keyframe,
        };
        pacer.push(packet.bytes(), packet);
    }
}

/// Drops the frames of which nothing has left yet.
pub fn drop_unsent_frames(pacer: &mut Pacer<QueuedPacket>) {
    let begun = pacer.front().filter(|packet| !packet.first);
    let begun = begun.map(|packet| packet.timestamp);
    pacer.retain(|packet| Some(packet.timestamp) == begun);
}

/// Drops all before the newest keyframe. `false` if there is none: then everything is dropped.
pub fn drop_before_keyframe(pacer: &mut Pacer<QueuedPacket>) -> bool {
    let mut keyframes = pacer.count(QueuedPacket::begins_keyframe);
    let has_keyframe = keyframes > 0;
    pacer.retain(|packet| {
        let begins = packet.begins_keyframe();
        let is_reached = keyframes == 0 || begins && keyframes == 1;
        keyframes -= usize::from(begins).min(keyframes);
        has_keyframe && is_reached
    });
    has_keyframe
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;
    use proptest::prelude::*;

    /// Frames, each with its number of packets and whether it is a keyframe; some packets have left already.
    fn queue(frames: &[(usize, bool)], left: usize) -> Pacer<QueuedPacket> {
        let mut pacer = Pacer::new(Instant::now());
        for (timestamp, (packets, keyframe)) in (0..).zip(frames) {
            let payloads = vec![Bytes::from_static(b"payload"); *packets];
            push_frame(&mut pacer, &payloads, timestamp, *keyframe);
        }
        (0..left).for_each(|_| drop(pacer.pop_for_probe()));
        pacer
    }

    fn drain(mut pacer: Pacer<QueuedPacket>) -> Vec<QueuedPacket> {
        std::iter::from_fn(|| pacer.pop_for_probe()).collect()
    }

    proptest! {
        #[test]
        fn only_the_rest_of_a_frame_that_has_left_in_part_survives(
            frames in proptest::collection::vec((1usize..5, any::<bool>()), 0..8),
            left in 0usize..20,
        ) {
            let before = drain(queue(&frames, left));
            let mut pacer = queue(&frames, left);
            drop_unsent_frames(&mut pacer);
            let begun = before.first().filter(|packet| !packet.first).map(|packet| packet.timestamp);
            let expected: Vec<_> = before.into_iter().filter(|packet| Some(packet.timestamp) == begun).collect();
            prop_assert_eq!(drain(pacer), expected);
        }

        #[test]
        fn the_newest_whole_keyframe_and_what_follows_it_survive(
            frames in proptest::collection::vec((1usize..5, any::<bool>()), 0..8),
            left in 0usize..20,
        ) {
            let before = drain(queue(&frames, left));
            let mut pacer = queue(&frames, left);
            let newest = before.iter().rposition(|packet| packet.first && packet.keyframe);
            prop_assert_eq!(drop_before_keyframe(&mut pacer), newest.is_some());
            prop_assert_eq!(drain(pacer), newest.map_or(Vec::new(), |newest| before[newest..].to_vec()));
        }
    }
}
