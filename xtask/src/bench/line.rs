//! Pure: packets that enter one way of a link, and when → when each leaves it.
//!
//! Bottleneck with its queue first, then delay, jitter and reordering. Loss is the firewall's: it is not seen here.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::{Duration, Instant};

use super::link::Link;

/// How long a packet is held back that others overtake: a few packets of a video frame.
const HELD_BACK: Duration = Duration::from_millis(5);

/// One way of a link.
#[derive(Debug)]
pub struct Line<P> {
    link: Link,
    /// When the bottleneck has sent all it was given.
    free_at: Option<Instant>,
    /// When the last packet that kept its place leaves.
    last: Option<Instant>,
    under_way: BinaryHeap<Reverse<UnderWay<P>>>,
    entered: u64,
}

#[derive(Debug)]
struct UnderWay<P> {
    leaves: Instant,
    number: u64,
    packet: P,
}

impl<P: AsRef<[u8]>> Line<P> {
    pub fn new(link: Link) -> Line<P> {
        Line {
            link,
            free_at: None,
            last: None,
            under_way: BinaryHeap::new(),
            entered: 0,
        }
    }

    /// From now on; packets already under way keep their time, apart from those that wait for a slower or faster
    /// bottleneck.
    pub fn become_link(&mut self, link: Link, now: Instant) {
        if let (Some(old), Some(free_at)) = (self.link.rate, self.free_at) {
            let backlog = free_at.saturating_duration_since(now);
            let backlog_then = link.rate.map_or(Duration::ZERO, |new| {
                backlog.mul_f64(old as f64 / new as f64)
            });
            // What waits comes out at the new pace, in its order.
            let beyond = now + self.link.delay;
            let waiting = std::mem::take(&mut self.under_way);
            self.under_way = waiting
                .into_iter()
                .map(|Reverse(mut one)| {
                    let wait = one.leaves.saturating_duration_since(beyond);
                    if !wait.is_zero() && !backlog.is_zero() {
                        let share = backlog_then.as_secs_f64() / backlog.as_secs_f64();
                        one.leaves = beyond + wait.mul_f64(share);
                    }
                    Reverse(one)
                })
                .collect();
            self.free_at = Some(now + backlog_then);
            self.last = self.under_way.iter().map(|Reverse(one)| one.leaves).max();
        }
        self.link = link;
    }

    /// `false`: the queue was full. `chances` are two numbers of at least 0 and below 1.
    pub fn enter(&mut self, packet: P, chances: [f64; 2], now: Instant) -> bool {
        let through = match self.link.rate {
            None => now,
            Some(rate) => {
                let begins = self.free_at.map_or(now, |free_at| free_at.max(now));
                if begins - now > self.link.queue {
                    return false;
                }
                let bits = (packet.as_ref().len() + OVERHEAD) as f64 * 8.0;
                let through = begins + Duration::from_secs_f64(bits / rate as f64);
                self.free_at = Some(through);
                through
            }
        };
        let [jitter, reorder] = chances;
        let arrives = through + self.link.delay + self.link.jitter.mul_f64(jitter);
        let in_order = self.last.map_or(arrives, |last| last.max(arrives));
        let leaves = if reorder < self.link.reorder {
            in_order + HELD_BACK
        } else {
            self.last = Some(in_order);
            in_order
        };
        self.under_way.push(Reverse(UnderWay {
            leaves,
            number: self.entered,
            packet,
        }));
        self.entered += 1;
        true
    }

    /// When the next one leaves.
    pub fn next(&self) -> Option<Instant> {
        self.under_way.peek().map(|Reverse(one)| one.leaves)
    }

    /// The next one, if its time has come.
    pub fn leave(&mut self, now: Instant) -> Option<P> {
        let due = self.next().is_some_and(|leaves| leaves <= now);
        due.then(|| self.under_way.pop())
            .flatten()
            .map(|Reverse(one)| one.packet)
    }
}

/// Ethernet, IP and UDP: what `tc` counts as well.
const OVERHEAD: usize = 14 + 20 + 8;

impl<P> PartialEq for UnderWay<P> {
    fn eq(&self, other: &Self) -> bool {
        self.number == other.number
    }
}

impl<P> Eq for UnderWay<P> {}

impl<P> PartialOrd for UnderWay<P> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl<P> Ord for UnderWay<P> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.leaves, self.number).cmp(&(other.leaves, other.number))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MILLI: Duration = Duration::from_millis(1);
    const NO_CHANCE: [f64; 2] = [0.0, 0.999];

    /// 1208 + 42 bytes: 10,000 bits.
    fn packet(number: u8) -> Vec<u8> {
        vec![number; 1208]
    }

    /// When each packet leaves, in milliseconds after `start`, and its number.
    fn drain(line: &mut Line<Vec<u8>>, start: Instant) -> Vec<(u128, u8)> {
        std::iter::from_fn(|| {
            let leaves = line.next()?;
            let packet = line.leave(leaves)?;
            Some(((leaves - start).as_millis(), packet[0]))
        })
        .collect()
    }

    #[test]
    fn a_cable_holds_nothing_back() {
        let now = Instant::now();
        let mut line = Line::new(Link::default());
        assert!(line.enter(packet(1), [0.9, 0.0], now));
        assert_eq!(line.leave(now), Some(packet(1)));
        assert_eq!(line.leave(now), None);
    }

    #[test]
    fn nobody_leaves_before_the_delay() {
        let now = Instant::now();
        let mut line = Line::new(Link {
            delay: 20 * MILLI,
            ..Link::default()
        });
        assert!(line.enter(packet(1), NO_CHANCE, now));
        assert_eq!(line.leave(now + 19 * MILLI), None);
        assert!(line.leave(now + 20 * MILLI).is_some());
    }

    #[test]
    fn a_bottleneck_sends_at_its_rate_and_drops_what_its_queue_cannot_hold() {
        let now = Instant::now();
        let mut line = Line::new(Link {
            rate: Some(1_000_000),
            queue: 30 * MILLI,
            ..Link::default()
        });
        let entered = (0..8)
            .filter(|&number| line.enter(packet(number), NO_CHANCE, now))
            .count();
        assert_eq!(entered, 4);
        let left: Vec<_> = drain(&mut line, now);
        assert_eq!(left, [(10, 0), (20, 1), (30, 2), (40, 3)]);
    }

    #[test]
    fn jitter_keeps_the_order() {
        let now = Instant::now();
        let mut line = Line::new(Link {
            jitter: 10 * MILLI,
            ..Link::default()
        });
        assert!(line.enter(packet(1), [0.8, 0.5], now));
        assert!(line.enter(packet(2), [0.1, 0.5], now + MILLI));
        assert_eq!(drain(&mut line, now), [(8, 1), (8, 2)]);
    }

    #[test]
    fn who_is_reordered_is_overtaken() {
        let now = Instant::now();
        let mut line = Line::new(Link {
            reorder: 0.5,
            ..Link::default()
        });
        assert!(line.enter(packet(1), [0.0, 0.1], now));
        assert!(line.enter(packet(2), [0.0, 0.9], now + MILLI));
        assert_eq!(drain(&mut line, now), [(1, 2), (5, 1)]);
    }

    #[test]
    fn what_waits_comes_out_at_the_new_rate() {
        let now = Instant::now();
        let narrow = Link {
            rate: Some(1_000_000),
            queue: 200 * MILLI,
            delay: 5 * MILLI,
            ..Link::default()
        };
        let mut line = Line::new(narrow);
        for number in 0..4 {
            assert!(line.enter(packet(number), NO_CHANCE, now));
        }
        let wide = Link {
            rate: Some(10_000_000),
            ..narrow
        };
        line.become_link(wide, now);
        assert!(line.enter(packet(4), NO_CHANCE, now));
        assert_eq!(
            drain(&mut line, now),
            [(6, 0), (7, 1), (8, 2), (9, 3), (10, 4)]
        );
    }
}
