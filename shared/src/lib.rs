//! The words and the wire that the server and the client have in common.
//!
//! Everything here is pure: no sockets, no clocks, no browser.

#![warn(missing_docs)]

// What a session is, seen from outside.
pub mod session;
// Where things are: sizes and points, each in a named space.
pub mod geometry;
// How a picture sits in the element that shows it.
pub mod fit;
// What a person does, and likes.
pub mod input;
pub mod preferences;
// What travels on a data channel, and its bytes; and on a web socket, where there is none.
pub mod message;
pub mod socket;
pub mod wire;
// How long an input takes to be seen.
pub mod latency;
// What a server function takes and gives.
pub mod api;
pub mod clipboard;
pub mod error;
pub mod file;
pub mod notification;
pub mod site;
