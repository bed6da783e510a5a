//! Congestion control and loss recovery of one viewer: the rate its path carries, when packets leave, which leave again.

pub mod bandwidth;
pub mod loss_recovery;
pub mod pacer;
pub mod sender_state;
