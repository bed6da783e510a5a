//! Pure: how much may be sent again. A link that loses packets because it is full must not be filled with repetitions.

/// Every byte sent for the first time allows this part of a byte to be repeated: more than a third lost is a keyframe's
/// business, not ours.
const SHARE: f64 = 0.35;
/// A lost burst, such as the last half of a keyframe, can be repeated at once.
const LARGEST_CREDIT: f64 = 128.0 * 1024.0;

#[derive(Clone, Copy, Debug)]
pub struct RetransmitBudget {
    credit_bytes: f64,
}

impl Default for RetransmitBudget {
    fn default() -> Self {
        RetransmitBudget {
            credit_bytes: LARGEST_CREDIT,
        }
    }
}

impl RetransmitBudget {
    pub fn sent(&mut self, bytes: usize) {
        self.credit_bytes = (self.credit_bytes + bytes as f64 * SHARE).min(LARGEST_CREDIT);
    }

    /// Whether these bytes may be sent again; if so they are taken from the credit.
    pub fn repeat(&mut self, bytes: usize) -> bool {
        let bytes = bytes as f64;
        let allowed = bytes <= self.credit_bytes;
        if allowed {
            self.credit_bytes -= bytes;
        }
        allowed
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn repetitions_stay_a_share_of_what_was_sent(
            steps in proptest::collection::vec((any::<bool>(), 1usize..1500), 1..2000),
        ) {
            let mut budget = RetransmitBudget::default();
            let (mut sent, mut repeated) = (0.0, 0.0);
            for (again, bytes) in steps {
                if !again {
                    budget.sent(bytes);
                    sent += bytes as f64;
                } else if budget.repeat(bytes) {
                    repeated += bytes as f64;
                }
                prop_assert!(repeated <= LARGEST_CREDIT + sent * SHARE + 1.0);
            }
        }
    }

    #[test]
    fn a_lossy_but_free_link_gets_everything_again() {
        let mut budget = RetransmitBudget::default();
        for packet in 0..10_000 {
            budget.sent(1200);
            // 25 % loss
            assert!(packet % 4 != 0 || budget.repeat(1200));
        }
    }
}
