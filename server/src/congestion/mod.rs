//! How much a viewer's link carries, when packets leave, and what becomes of those that are lost.

pub mod bandwidth;
pub mod feedback_coverage;
pub mod loss_recovery;
pub mod pacer;
pub mod sender_state;
