//! Pure: when to probe for more bandwidth, and what a probe has shown.
//!
//! A probe cluster is a burst of packets that leave together. The rate at which they arrive is the capacity of the
//! bottleneck, so one cluster finds in a round trip what a slow increase would take many seconds to find.

use std::time::{Duration, Instant};

use crate::congestion::bandwidth::PacketResult;

/// Goal of a cluster, as a factor of the target.
const STEP: f64 = 2.5;
/// … on a path where a cluster has promised too much: one with a token bucket lets every burst by.
const CAREFUL_STEP: f64 = 1.5;
/// Overuse within this time after a raise refutes the cluster that caused the raise.
const REFUTED_WITHIN: Duration = Duration::from_millis(1200);
/// After a refuted cluster, a raise that has held for so long restores the full step.
const CONFIRMED_AFTER: Duration = Duration::from_millis(600);
/// Duration of a cluster at its goal. Longer ones fill the queues of slow paths, shorter ones pass through token buckets.
const LENGTH: Duration = Duration::from_millis(15);
/// Bytes of a cluster, at least: seven packets, so that one that is late does not decide.
const MIN_BYTES: f64 = 8_400.0;
/// … and at most.
const MAX_BYTES: f64 = 48_000.0;
/// From the start or a back-off to the next cluster. Bandwidth that becomes free must be found within seconds.
const AFTER_BACKOFF: Duration = Duration::from_millis(1000);
/// From a back-off that refuted a cluster to the next one.
const AFTER_REFUTED: Duration = Duration::from_millis(2300);
const AFTER_SUCCESS: Duration = Duration::from_millis(300);
const AFTER_FAILURE: Duration = Duration::from_millis(1800);
/// A cluster is given up when no feedback tells its end for so long.
const FEEDBACK_TIMEOUT: Duration = Duration::from_secs(1);
/// The part of the measured rate that is believed.
const BELIEVED: f64 = 0.85;
/// A result counts as success when it exceeds the target by this factor.
const MIN_GAIN: f64 = 1.1;
/// Packets of a cluster that must arrive for a result.
const MIN_PACKETS: usize = 5;
/// Clusters try at most this factor of the ceiling.
const MAX_GOAL: f64 = 1.2;

/// The cluster in flight, and when the next one is due.
#[derive(Debug)]
pub struct ProbeController {
    next: Instant,
    cluster: Option<ProbeCluster>,
    step: f64,
    raised_at: Option<Instant>,
}

#[derive(Debug)]
struct ProbeCluster {
    departed: Instant,
    /// Bits per second.
    goal: f64,
    packets: usize,
    bytes: usize,
    first_bytes: usize,
    first_arrival: Duration,
    last_arrival: Duration,
}

impl ProbeController {
    pub fn new(now: Instant) -> ProbeController {
        ProbeController {
            next: now + AFTER_BACKOFF,
            cluster: None,
            step: STEP,
            raised_at: None,
        }
    }

    /// Bytes of the cluster that may leave now. `target` and `ceiling` are in bits per second, here and below.
    pub fn due_bytes(&self, target: f64, ceiling: f64, now: Instant) -> Option<usize> {
        let is_due = self.cluster.is_none() && now >= self.next;
        let bytes = self.goal(target, ceiling) * LENGTH.as_secs_f64() / 8.0;
        is_due.then_some(bytes.clamp(MIN_BYTES, MAX_BYTES) as usize)
    }

    /// All packets of the cluster left at the same instant, by which they are recognized.
    pub fn on_sent(&mut self, target: f64, ceiling: f64, departed: Instant) {
        if self
            .raised_at
            .is_some_and(|at| departed > at + CONFIRMED_AFTER)
        {
            self.step = STEP;
        }
        self.cluster = Some(ProbeCluster {
            departed,
            goal: self.goal(target, ceiling),
            packets: 0,
            bytes: 0,
            first_bytes: 0,
            first_arrival: Duration::MAX,
            last_arrival: Duration::ZERO,
        });
    }

    /// When the cluster in flight left.
    pub fn departed(&self) -> Option<Instant> {
        self.cluster.as_ref().map(|cluster| cluster.departed)
    }

    /// The target was reduced.
    pub fn on_backoff(&mut self, now: Instant) {
        let refuted = self.raised_at.take();
        let is_refuted = refuted.is_some_and(|at| now < at + REFUTED_WITHIN);
        let wait = match is_refuted {
            true => AFTER_REFUTED,
            false => AFTER_BACKOFF,
        };
        if is_refuted {
            self.step = CAREFUL_STEP;
        }
        self.next = self.next.max(now + wait);
    }

    /// Feedback about any packet, in the order in which packets left. The first one after the cluster ends it; if the
    /// cluster was a success, the answer is the new target in bits per second.
    pub fn on_result(&mut self, result: &PacketResult, target: f64, now: Instant) -> Option<f64> {
        let cluster = self.cluster.as_mut()?;
        if result.departure == cluster.departed {
            if let Some(arrival) = result.arrival {
                if arrival < cluster.first_arrival {
                    cluster.first_arrival = arrival;
                    cluster.first_bytes = result.bytes;
                }
                cluster.last_arrival = cluster.last_arrival.max(arrival);
                cluster.packets += 1;
                cluster.bytes += result.bytes;
            }
            return None;
        }
        if result.departure < cluster.departed {
            return None;
        }
        let reached = (cluster.packets >= MIN_PACKETS).then(|| {
            let took = cluster.last_arrival.saturating_sub(cluster.first_arrival);
            let bits = (cluster.bytes - cluster.first_bytes) as f64 * 8.0;
            (bits / took.as_secs_f64().max(0.0005) * BELIEVED).min(cluster.goal)
        });
        self.cluster = None;
        let gained = reached.filter(|reached| *reached > target * MIN_GAIN);
        if gained.is_some() {
            self.raised_at = Some(now);
        }
        self.next = now
            + match gained {
                Some(_) => AFTER_SUCCESS,
                None => AFTER_FAILURE,
            };
        gained
    }

    fn goal(&self, target: f64, ceiling: f64) -> f64 {
        (target * self.step).min(ceiling * MAX_GOAL)
    }

    /// Gives up a cluster whose feedback does not come.
    pub fn expire(&mut self, now: Instant) {
        if let Some(cluster) = &self.cluster
            && now.saturating_duration_since(cluster.departed) > FEEDBACK_TIMEOUT
        {
            self.cluster = None;
            self.next = now + AFTER_FAILURE;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a cluster of 1200-byte packets reaches on a link of this many bits per second.
    fn probe(link: f64) -> Option<f64> {
        let start = Instant::now();
        let mut probes = ProbeController::new(start);
        assert_eq!(probes.due_bytes(1e6, 10e6, start), None);
        let at = start + Duration::from_secs(2);
        assert_eq!(probes.due_bytes(1e6, 10e6, at), Some(8_400));
        probes.on_sent(1e6, 10e6, at);
        assert_eq!(probes.due_bytes(1e6, 10e6, at), None);
        let result = |departure: Instant, index: u32| PacketResult {
            departure,
            arrival: Some(Duration::from_secs_f64(f64::from(index) * 9600.0 / link)),
            bytes: 1200,
            is_ambiguous: false,
        };
        for index in 0..7 {
            assert_eq!(probes.on_result(&result(at, index), 1e6, at), None);
        }
        let after = result(at + Duration::from_millis(20), 12);
        probes.on_result(&after, 1e6, at)
    }

    #[test]
    fn a_cluster_reaches_its_goal_on_a_free_link() {
        assert_eq!(probe(50e6), Some(2.5e6));
    }

    #[test]
    fn the_capacity_of_the_link_bounds_what_a_cluster_reaches() {
        let reached = probe(2e6).unwrap();
        assert!((reached - 1.7e6).abs() < 1e4, "{reached}");
        assert_eq!(probe(1.1e6), None);
    }
}
