//! Pure: packets of one viewer → when each may leave. Small frames leave at once; a keyframe is spread.
//!
//! A token bucket, which fills at the pacing rate, in front of a congestion window.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::congestion::bandwidth::SendBudget;

/// Packets that wait, the oldest first, each with its size on the wire.
#[derive(Debug)]
pub struct Pacer<P> {
    queue: VecDeque<(usize, P)>,
    queued_bytes: usize,
    /// Bytes in the token bucket. A packet leaves while there is any, so it is below zero after the last one of a burst.
    tokens: f64,
    refilled_at: Instant,
}

impl<P> Pacer<P> {
    /// An empty queue, and a full bucket.
    pub fn new(now: Instant) -> Pacer<P> {
        Pacer {
            queue: VecDeque::new(),
            queued_bytes: 0,
            tokens: f64::MAX,
            refilled_at: now,
        }
    }

    /// `bytes` is the packet's size on the wire.
    pub fn push(&mut self, bytes: usize, packet: P) {
        self.queued_bytes += bytes;
        self.queue.push_back((bytes, packet));
    }

    /// Nothing waits.
    pub fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// Bytes that wait.
    pub fn queued_bytes(&self) -> usize {
        self.queued_bytes
    }

    /// The packet that leaves next.
    pub fn front(&self) -> Option<&P> {
        self.queue.front().map(|(_, packet)| packet)
    }

    /// The next packet, if it may leave now.
    pub fn pop(&mut self, budget: &SendBudget, now: Instant) -> Option<P> {
        self.refill(budget, now);
        let may_send =
            budget.paused_until.is_none() && budget.available_window > 0 && self.tokens > 0.0;
        may_send.then(|| self.pop_for_probe())?
    }

    /// The next packet, as part of a probe cluster, which does not wait for tokens.
    pub fn pop_for_probe(&mut self) -> Option<P> {
        let (bytes, packet) = self.queue.pop_front()?;
        self.queued_bytes -= bytes;
        self.charge(bytes);
        Some(packet)
    }

    /// Takes tokens for what left without waiting here.
    pub fn charge(&mut self, bytes: usize) {
        self.tokens -= bytes as f64;
    }

    /// How many of the packets that wait `matches` accepts.
    pub fn count(&self, matches: impl Fn(&P) -> bool) -> usize {
        let queued = self.queue.iter();
        queued.filter(|(_, packet)| matches(packet)).count()
    }

    /// Drops all but the packets that `keep` accepts, asked from the oldest on.
    pub fn retain(&mut self, mut keep: impl FnMut(&P) -> bool) {
        self.queue.retain(|(_, packet)| keep(packet));
        self.queued_bytes = self.queue.iter().map(|(bytes, _)| bytes).sum();
    }

    /// When the next packet may leave. `None` if nothing waits, or only feedback can open the congestion window.
    pub fn next_send_time(&self, budget: &SendBudget, now: Instant) -> Option<Instant> {
        if self.queue.is_empty() || budget.available_window == 0 {
            return None;
        }
        if let Some(until) = budget.paused_until {
            return Some(until);
        }
        let bytes_per_second = f64::from(budget.pacing_rate.as_bps().max(1)) / 8.0;
        let seconds = (1.0 - self.tokens).max(0.0) / bytes_per_second;
        Some((self.refilled_at + Duration::from_secs_f64(seconds.min(10.0))).max(now))
    }

    /// How long a packet that is pushed now would wait, at the present budget.
    pub fn queue_time(&self, budget: &SendBudget, now: Instant) -> Duration {
        let pause = budget
            .paused_until
            .map_or(Duration::ZERO, |until| until.saturating_duration_since(now));
        if self.queue.is_empty() {
            return pause;
        }
        pause + budget.pacing_rate.time_for(self.queued_bytes)
    }

    fn refill(&mut self, budget: &SendBudget, now: Instant) {
        let elapsed = now
            .saturating_duration_since(self.refilled_at)
            .as_secs_f64();
        self.refilled_at = now;
        let bytes_per_second = f64::from(budget.pacing_rate.as_bps()) / 8.0;
        self.tokens = (self.tokens + elapsed * bytes_per_second).min(budget.burst as f64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bitrate::Bitrate;
    use proptest::prelude::*;

    fn budget(kbps: u32) -> SendBudget {
        SendBudget {
            pacing_rate: Bitrate::kbps(kbps),
            burst: 20_000,
            paused_until: None,
            available_window: usize::MAX,
        }
    }

    fn drain(pacer: &mut Pacer<u32>, budget: &SendBudget, now: Instant) -> usize {
        std::iter::from_fn(|| pacer.pop(budget, now)).count()
    }

    #[test]
    fn a_frame_leaves_at_once_and_a_keyframe_is_spread() {
        let start = Instant::now();
        let (mut pacer, budget) = (Pacer::new(start), budget(10_000));
        for index in 0..8 {
            pacer.push(1200, index);
        }
        assert_eq!(drain(&mut pacer, &budget, start), 8);
        assert_eq!(pacer.next_send_time(&budget, start), None);
        let later = start + Duration::from_millis(100);
        for index in 0..100 {
            pacer.push(1200, index);
        }
        assert_eq!(drain(&mut pacer, &budget, later), 17);
        let next_send_time = pacer.next_send_time(&budget, later).unwrap();
        assert!(next_send_time > later && next_send_time < later + Duration::from_millis(2));
        assert_eq!(drain(&mut pacer, &budget, next_send_time), 1);
        // 10 Mb/s are 1042 packets per second.
        let soon = later + Duration::from_millis(20);
        assert!((16..22).contains(&drain(&mut pacer, &budget, soon)));
        let queue_time = pacer.queue_time(&budget, soon);
        assert!(queue_time.abs_diff(Duration::from_millis(61)) < Duration::from_millis(5));
    }

    #[test]
    fn nothing_leaves_while_paused_or_while_the_congestion_window_is_full() {
        let start = Instant::now();
        let mut pacer = Pacer::new(start);
        pacer.push(1200, 1);
        let full = SendBudget {
            available_window: 0,
            ..budget(1000)
        };
        assert_eq!(
            (pacer.pop(&full, start), pacer.next_send_time(&full, start)),
            (None, None)
        );
        let until = start + Duration::from_millis(50);
        let paused = SendBudget {
            paused_until: Some(until),
            ..budget(1000)
        };
        assert_eq!(
            (
                pacer.pop(&paused, start),
                pacer.next_send_time(&paused, start)
            ),
            (None, Some(until))
        );
        assert!(pacer.queue_time(&paused, start) > Duration::from_millis(50));
        assert_eq!(pacer.pop(&budget(1000), until), Some(1));
    }

    proptest! {
        #[test]
        fn what_is_dropped_from_the_queue_is_not_counted_any_more(
            sizes in proptest::collection::vec(1usize..1400, 0..100),
            kept in 0usize..5,
        ) {
            let mut pacer = Pacer::new(Instant::now());
            for (index, bytes) in sizes.iter().enumerate() {
                pacer.push(*bytes, index);
            }
            pacer.retain(|index| index % 5 < kept);
            let left: Vec<_> = std::iter::from_fn(|| {
                let before = pacer.queued_bytes();
                pacer.pop_for_probe().map(|index| (index, before - pacer.queued_bytes()))
            }).collect();
            let expected: Vec<_> = sizes.iter().copied().enumerate().filter(|(index, _)| index % 5 < kept).collect();
            prop_assert_eq!(left, expected);
            prop_assert_eq!(pacer.queued_bytes(), 0);
        }

        #[test]
        fn packets_leave_in_order_and_never_faster_than_the_pacing_rate(
            sizes in proptest::collection::vec(1usize..1400, 1..200),
            kbps in 100u32..50_000,
        ) {
            let start = Instant::now();
            let (mut pacer, budget) = (Pacer::new(start), budget(kbps));
            for (index, bytes) in sizes.iter().enumerate() {
                pacer.push(*bytes, index);
            }
            let (mut now, mut left, mut next) = (start, 0, 0);
            while let Some(next_send_time) = pacer.next_send_time(&budget, now) {
                now = now.max(next_send_time) + Duration::from_micros(100);
                while let Some(index) = pacer.pop(&budget, now) {
                    prop_assert_eq!(index, next);
                    left += sizes[index];
                    next += 1;
                }
                let allowed = budget.pacing_rate.bytes_in(now - start) as usize + budget.burst + 1400;
                prop_assert!(left <= allowed, "{} > {}", left, allowed);
            }
            prop_assert_eq!(next, sizes.len());
        }
    }
}
