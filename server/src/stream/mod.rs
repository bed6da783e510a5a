//! What flows between a session's encoder and its subscribers.

pub mod backpressure;
