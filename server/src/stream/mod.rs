//! What flows between a session's encoder and its subscribers: samples forward, one value back.

// Forward.
pub mod sample;
// Back.
pub mod downlink;
pub mod estimate;
pub mod keyframe_throttle;

pub use downlink::{Downlink, KeyframeReason};
pub use estimate::{Estimate, Feedback};
pub use sample::{Sample, Track};
