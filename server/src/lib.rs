//! Farpane's server: runs Chrome, captures it and streams it as H.264 over WebRTC.

#![warn(missing_docs)]

// Settings, startup and shutdown.
pub mod config;
pub mod ids;
mod locked_dir;
pub mod metrics;
pub mod serve;
mod sync;

// A request: authentication → pages and server functions → sessions → one session.
pub mod access;
pub mod session;
pub mod sessions;
pub mod web;

// What a session owns: Chrome under control, and its viewers' input.
pub mod browser;
pub mod files;
pub mod input;

// What goes with an input, and then with the frame that shows it; and what its times count from.
pub mod clock;
pub mod latency_trace;

// A frame's way: Chrome's commit → picture → newest wins → encoder → stream → every viewer.
pub mod bitrate;
pub mod congestion;
pub mod display;
pub mod picture;
pub mod sound;
pub mod stream;
pub mod transport;
pub mod video;

// What the fuzzer calls.
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
