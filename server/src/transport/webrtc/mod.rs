//! One viewer's WebRTC connection: SDP offer → answer, then datagrams ↔ frames and messages. The only folder that names
//! `rtc`.

pub mod connection;
pub mod offer;
pub mod packetize;

// Parts of a connection.
mod candidates;
mod data_channels;
mod negotiation;
mod pli_filter;
mod send_queue;
mod setup;
mod sound_sender;
mod video_sender;

// Interceptors, and what they share with the connection; from the media sender to the wire.
mod rtcp;
mod rtx;
mod shared_state;
mod tail_loss_probe;
mod twcc_coverage;
mod twcc_feedback;
mod twcc_for_rtx;

#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
