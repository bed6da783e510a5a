//! Pure: which peer a datagram belongs to. An address counts only after a peer has proven that it knows it.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;
use std::net::SocketAddr;

use crate::transport::stun::{TransactionId, requested_ufrag, success_transaction};

/// Addresses of one peer: it moves between networks, and browsers try several ways at once.
const MAX_ADDRESSES: usize = 16;
/// An ICE restart leaves packets with the older name on their way.
const MAX_UFRAGS: usize = 3;
/// Checks of one peer whose answers are still on their way.
const MAX_CHECKS: usize = 64;

/// How a datagram came: our address and theirs (UDP).
pub type Way = (SocketAddr, SocketAddr);

pub struct Routes<Key> {
    by_ufrag: HashMap<String, Key>,
    by_way: HashMap<Way, Key>,
    by_check: HashMap<TransactionId, Key>,
    of: HashMap<Key, Names>,
}

#[derive(Default)]
struct Names {
    ufrags: Vec<String>,
    ways: Vec<Way>,
    checks: VecDeque<TransactionId>,
}

impl<Key: Copy + Eq + Hash> Routes<Key> {
    pub fn new() -> Routes<Key> {
        Routes {
            by_ufrag: HashMap::new(),
            by_way: HashMap::new(),
            by_check: HashMap::new(),
            of: HashMap::new(),
        }
    }

    /// The peer answers to this `ice-ufrag` from now on; its oldest one may be forgotten.
    pub fn add_ufrag(&mut self, ufrag: String, key: Key) {
        let names = self.of.entry(key).or_default();
        if names.ufrags.len() == MAX_UFRAGS {
            self.by_ufrag.remove(&names.ufrags.remove(0));
        }
        names.ufrags.push(ufrag.clone());
        self.by_ufrag.insert(ufrag, key);
    }

    /// The peer has accepted a binding request that came this way.
    pub fn prove(&mut self, way: Way, key: Key) {
        if self.by_way.get(&way) == Some(&key) {
            return;
        }
        if let Some(other) = self.by_way.insert(way, key)
            && let Some(names) = self.of.get_mut(&other)
        {
            // A browser uses a port again after closing the connection that had it.
            names.ways.retain(|held| *held != way);
        }
        let names = self.of.entry(key).or_default();
        if names.ways.len() == MAX_ADDRESSES {
            self.by_way.remove(&names.ways.remove(0));
        }
        names.ways.push(way);
    }

    /// The peer has sent a connectivity check of its own. A browser that nominates at once is answered only after it has
    /// answered that one, so the answer must find its peer although its way is not proven.
    pub fn ask(&mut self, check: TransactionId, key: Key) {
        let names = self.of.entry(key).or_default();
        if names.checks.len() == MAX_CHECKS
            && let Some(oldest) = names.checks.pop_front()
        {
            self.by_check.remove(&oldest);
        }
        names.checks.push_back(check);
        self.by_check.insert(check, key);
    }

    /// By the name it asks for, if it is a binding request; by the check it answers; else by the way it came.
    pub fn find(&self, datagram: &[u8], way: Way) -> Option<Key> {
        match requested_ufrag(datagram) {
            Some(ufrag) => self.by_ufrag.get(ufrag).copied(),
            None => self
                .find_by_check(datagram)
                .or_else(|| self.by_way.get(&way).copied()),
        }
    }

    /// For a connection that proves nothing by its address, such as TCP's.
    pub fn find_by_name(&self, datagram: &[u8]) -> Option<Key> {
        match requested_ufrag(datagram) {
            Some(ufrag) => self.by_ufrag.get(ufrag).copied(),
            None => self.find_by_check(datagram),
        }
    }

    fn find_by_check(&self, datagram: &[u8]) -> Option<Key> {
        self.by_check.get(&success_transaction(datagram)?).copied()
    }

    pub fn remove(&mut self, key: Key) {
        let Some(names) = self.of.remove(&key) else {
            return;
        };
        for ufrag in names.ufrags {
            self.by_ufrag.remove(&ufrag);
        }
        for way in names.ways {
            self.by_way.remove(&way);
        }
        for check in names.checks {
            self.by_check.remove(&check);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn way(port: u16) -> Way {
        let ours = SocketAddr::from(([127, 0, 0, 1], 9));
        (ours, SocketAddr::from(([127, 0, 0, 1], port)))
    }

    #[test]
    fn a_port_that_is_used_again_belongs_to_the_newer_peer() {
        let mut routes = Routes::new();
        routes.prove(way(1), 'a');
        routes.prove(way(1), 'b');
        assert_eq!(routes.find(b"media", way(1)), Some('b'));
        routes.remove('a');
        assert_eq!(routes.find(b"media", way(1)), Some('b'));
    }

    #[test]
    fn an_address_alone_proves_nothing() {
        let mut routes = Routes::new();
        routes.add_ufrag("abcd".to_owned(), 'a');
        assert_eq!(routes.find(b"media", way(1)), None);
    }

    #[test]
    fn the_answer_to_a_check_finds_its_peer_on_a_way_that_is_not_proven() {
        let mut routes = Routes::new();
        let answer = |id: u8| {
            let header = [1, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42];
            [&header[..], &[id; 12]].concat()
        };
        routes.ask([7; 12], 'a');
        assert_eq!(routes.find(&answer(7), way(1)), Some('a'));
        assert_eq!(routes.find(&answer(8), way(1)), None);
        routes.remove('a');
        assert_eq!(routes.find(&answer(7), way(1)), None);
    }

    proptest! {
        #[test]
        fn tables_stay_bounded_and_empty_themselves(
            steps in proptest::collection::vec((0u8..5, 0u8..100, 0u8..4), 0..500),
        ) {
            let mut routes = Routes::new();
            for (key, number, step) in steps {
                match step {
                    0 => routes.add_ufrag(format!("{key}-{number}"), key),
                    1 => routes.prove(way(u16::from(number)), key),
                    2 => routes.ask([number; 12], key),
                    _ => routes.remove(key),
                }
                prop_assert!(routes.by_way.len() <= 5 * MAX_ADDRESSES);
                prop_assert!(routes.by_ufrag.len() <= 5 * MAX_UFRAGS);
                prop_assert!(routes.by_check.len() <= 5 * MAX_CHECKS);
            }
            for key in 0..5 {
                routes.remove(key);
            }
            prop_assert!(routes.by_way.is_empty() && routes.by_ufrag.is_empty() && routes.by_check.is_empty() && routes.of.is_empty());
        }
    }
}
