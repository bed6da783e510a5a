//! One viewer's WebRTC peer connection: offer → answer, datagrams ↔ frames and messages. The only folder that names `rtc`.

use std::sync::{Arc, Mutex};

use crate::congestion::sender_state::SenderState;

pub mod connection;
pub mod offer;
pub mod packetize;

// What a connection is made of.
mod pli_filter;
mod rtcp;
mod setup;
mod tail_loss_probe;
mod twcc_feedback;
mod twcc_for_rtx;

#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;

/// Interceptors are out of reach once a connection is built; this is what they share with it.
pub type SharedSenderState = Arc<Mutex<SenderState>>;
