//! Pure: packets of one viewer → when each may leave. Small frames leave at once; a keyframe is spread.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::congestion::bandwidth::SendBudget;

/// Packets that wait, the oldest first.
#[derive(Debug)]
pub struct Pacer<P> {
    waiting: VecDeque<(usize, P)>,
    bytes: usize,
    /// Bytes that may leave now; below zero after the last one of a burst.
    credit: f64,
    counted_at: Instant,
}

impl<P> Pacer<P> {
    pub fn new(now: Instant) -> Pacer<P> {
        Pacer {
            waiting: VecDeque::new(),
            bytes: 0,
            credit: f64::MAX,
            counted_at: now,
        }
    }

    pub fn push(&mut self, bytes: usize, packet: P) {
        self.bytes += bytes;
        self.waiting.push_back((bytes, packet));
    }

    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// What waits.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    pub fn front(&self) -> Option<&P> {
        self.waiting.front().map(|(_, packet)| packet)
    }

    /// The next packet that may leave now.
    pub fn take(&mut self, pace: &SendBudget, now: Instant) -> Option<P> {
        self.earn(pace, now);
        let may = pace.hold.is_none() && pace.room > 0 && self.credit > 0.0;
        may.then(|| self.take_at_once())?
    }

    /// The next packet, as part of a train.
    pub fn take_at_once(&mut self) -> Option<P> {
        let (bytes, packet) = self.waiting.pop_front()?;
        self.bytes -= bytes;
        self.spend(bytes);
        Some(packet)
    }

    /// Something else left that must not leave beside.
    pub fn spend(&mut self, bytes: usize) {
        self.credit -= bytes as f64;
    }

    /// How many of those that wait are like this.
    pub fn count(&self, like: impl Fn(&P) -> bool) -> usize {
        let waiting = self.waiting.iter();
        waiting.filter(|(_, packet)| like(packet)).count()
    }

    /// Drops all but the packets that `keep` wants, asked from the oldest on.
    pub fn retain(&mut self, mut keep: impl FnMut(&P) -> bool) {
        self.waiting.retain(|(_, packet)| keep(packet));
        self.bytes = self.waiting.iter().map(|(bytes, _)| bytes).sum();
    }

    /// When to come back. Nothing if nothing waits, or only a report can make room.
    pub fn due(&self, pace: &SendBudget, now: Instant) -> Option<Instant> {
        if self.waiting.is_empty() || pace.room == 0 {
            return None;
        }
        if let Some(hold) = pace.hold {
            return Some(hold);
        }
        let rate = f64::from(pace.rate.as_bps().max(1)) / 8.0;
        let lack = (1.0 - self.credit).max(0.0) / rate;
        Some((self.counted_at + Duration::from_secs_f64(lack.min(10.0))).max(now))
    }

    /// How long what waits now will wait.
    pub fn backlog(&self, pace: &SendBudget, now: Instant) -> Duration {
        let held = pace
            .hold
            .map_or(Duration::ZERO, |until| until.saturating_duration_since(now));
        if self.waiting.is_empty() {
            return held;
        }
        held + pace.rate.time_for(self.bytes)
    }

    fn earn(&mut self, pace: &SendBudget, now: Instant) {
        let elapsed = now.saturating_duration_since(self.counted_at).as_secs_f64();
        self.counted_at = now;
        let rate = f64::from(pace.rate.as_bps()) / 8.0;
        self.credit = (self.credit + elapsed * rate).min(pace.burst as f64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bitrate::Bitrate;
    use proptest::prelude::*;

    fn pace(kbps: u32) -> SendBudget {
        SendBudget {
            rate: Bitrate::kbps(kbps),
            burst: 20_000,
            hold: None,
            room: usize::MAX,
        }
    }

    fn drain(pacer: &mut Pacer<u32>, pace: &SendBudget, now: Instant) -> usize {
        std::iter::from_fn(|| pacer.take(pace, now)).count()
    }

    #[test]
    fn a_frame_leaves_at_once_and_a_keyframe_is_spread() {
        let start = Instant::now();
        let (mut pacer, pace) = (Pacer::new(start), pace(10_000));
        for index in 0..8 {
            pacer.push(1200, index);
        }
        assert_eq!(drain(&mut pacer, &pace, start), 8);
        assert_eq!(pacer.due(&pace, start), None);
        let later = start + Duration::from_millis(100);
        for index in 0..100 {
            pacer.push(1200, index);
        }
        assert_eq!(drain(&mut pacer, &pace, later), 17);
        let due = pacer.due(&pace, later).unwrap();
        assert!(due > later && due < later + Duration::from_millis(2));
        assert_eq!(drain(&mut pacer, &pace, due), 1);
        // 10 Mb/s are 1042 packets per second.
        let soon = later + Duration::from_millis(20);
        assert!((16..22).contains(&drain(&mut pacer, &pace, soon)));
        let backlog = pacer.backlog(&pace, soon);
        assert!(backlog.abs_diff(Duration::from_millis(61)) < Duration::from_millis(5));
    }

    #[test]
    fn nothing_leaves_while_held_or_while_the_way_is_full() {
        let start = Instant::now();
        let mut pacer = Pacer::new(start);
        pacer.push(1200, 1);
        let full = SendBudget {
            room: 0,
            ..pace(1000)
        };
        assert_eq!(
            (pacer.take(&full, start), pacer.due(&full, start)),
            (None, None)
        );
        let until = start + Duration::from_millis(50);
        let held = SendBudget {
            hold: Some(until),
            ..pace(1000)
        };
        assert_eq!(
            (pacer.take(&held, start), pacer.due(&held, start)),
            (None, Some(until))
        );
        assert!(pacer.backlog(&held, start) > Duration::from_millis(50));
        assert_eq!(pacer.take(&pace(1000), until), Some(1));
    }

    proptest! {
        #[test]
        fn packets_leave_in_order_and_never_faster_than_the_pace(
            sizes in proptest::collection::vec(1usize..1400, 1..200),
            kbps in 100u32..50_000,
        ) {
            let start = Instant::now();
            let (mut pacer, pace) = (Pacer::new(start), pace(kbps));
            for (index, bytes) in sizes.iter().enumerate() {
                pacer.push(*bytes, index);
            }
            let (mut now, mut left, mut next) = (start, 0, 0);
            while let Some(due) = pacer.due(&pace, now) {
                now = now.max(due) + Duration::from_micros(100);
                while let Some(index) = pacer.take(&pace, now) {
                    prop_assert_eq!(index, next);
                    left += sizes[index];
                    next += 1;
                }
                let allowed = pace.rate.bytes_in(now - start) as usize + pace.burst + 1400;
                prop_assert!(left <= allowed, "{} > {}", left, allowed);
            }
            prop_assert_eq!(next, sizes.len());
        }
    }
}
