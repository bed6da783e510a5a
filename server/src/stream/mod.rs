//! What flows between a session's encoder and its subscribers: samples forward, one value back.

// Which sample goes to whom, and whose link sets the pace.
pub mod event;
pub mod machine;
mod rtp_clock;
mod subscription;
// Forward.
pub mod sample;
// Back.
pub mod downlink;
pub mod estimate;
mod keyframe_throttle;

pub use downlink::{Downlink, KeyframeReason};
pub use estimate::{Estimate, Feedback};
pub use event::SubscriberId;
pub use sample::{Media, Sample, Track, VideoFrame};
