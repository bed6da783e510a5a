//! Farpane's server: runs Chrome, captures it and streams it as H.264 over WebRTC.

// What was typed, then what it means.
pub mod bitrate;
pub mod config;

// A frame's way: Chrome's commit → picture → newest wins → encoder → every viewer.
pub mod display;
pub mod encode;
pub mod latest;
pub mod peer;
pub mod picture;
