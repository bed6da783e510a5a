//! What the stream looks like from here, each second, for the Statistics panel: `getStats` → [`rtc_stats`] → [`reading`] → [`history`];
//! inputs and frames → [`input_trace`] → [`latency`].

// What `getStats` says.
pub mod history;
pub mod reading;
pub mod rtc_stats;
// What went wrong, and for how long.
pub mod incidents;
// How long an input takes to be seen.
pub mod clock;
pub mod input_trace;
pub mod latency;
pub mod meter;
// How it is shown.
pub mod sparkline;
