//! Pure: how fine and how coarse each kind of frame may be, all in one table.

/// A quantization parameter of H.264, 0 to 51: 6 less is twice as fine.
pub type Qp = u8;

/// What may be chosen for one kind of frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The least.
    pub finest: Qp,
    /// The most.
    pub coarsest: Qp,
}

/// A frame of a moving page. Finer could not be seen while it moves, and takes longer to encode, to send and to decode; text of
/// a usual size can still be guessed at 44, and is smeared at 48.
pub const MOVING: Limits = limits(20, 44);
/// Finer only delays the first picture: the page is refined as soon as it rests. Coarser is no page any more.
pub const KEYFRAME: Limits = limits(24, 44);
/// The first frame of a movement: what a person has just done is seen some milliseconds sooner, and sharp right after.
pub const FIRST_OF_MOVEMENT: Limits = limits(28, 44);
/// A page at rest, from its first step to where it cannot be told from the original: decoded at 8 it is within 48 dB and an SSIM
/// of 0.998 of the original's luma; at 10, the second is just missed. The coarsest is what a movement may have left, at most.
pub const REFINEMENT: Limits = limits(8, 34);
/// The codec's own rate control, for a fixed bitrate. Better than 12 cannot be seen, worse than 48 only saves a few bits more.
pub const FIXED_BITRATE: Limits = limits(12, 48);

const fn limits(finest: Qp, coarsest: Qp) -> Limits {
    Limits { finest, coarsest }
}

impl Limits {
    /// The nearest that may be chosen, not rounded; the coarsest for `NaN`.
    pub fn clamp(self, qp: f64) -> f64 {
        let (finest, coarsest) = (f64::from(self.finest), f64::from(self.coarsest));
        if qp.is_nan() {
            coarsest
        } else {
            qp.clamp(finest, coarsest)
        }
    }

    /// Whether it may be chosen.
    #[cfg(test)]
    pub fn contain(self, qp: Qp) -> bool {
        (self.finest..=self.coarsest).contains(&qp)
    }
}

// A movement begins no finer than it goes on, and refinement goes on from there to what nothing else reaches.
const _: () = {
    assert!(FIRST_OF_MOVEMENT.finest >= MOVING.finest);
    assert!(FIRST_OF_MOVEMENT.coarsest == MOVING.coarsest);
    assert!(MOVING.finest <= REFINEMENT.coarsest && REFINEMENT.coarsest <= MOVING.coarsest);
    assert!(REFINEMENT.finest < KEYFRAME.finest);
};

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn whatever_is_worked_out_may_be_chosen(qp in any::<f64>()) {
            for limits in [MOVING, KEYFRAME, FIRST_OF_MOVEMENT, REFINEMENT, FIXED_BITRATE] {
                prop_assert!(limits.contain(limits.clamp(qp).round() as Qp));
            }
        }
    }
}
