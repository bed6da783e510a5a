//! What the stream looks like from here, each second, for the Statistics panel: `getStats` → [`reading`] → [`history`];
//! inputs and frames → [`way`] → [`latency`].

// What `getStats` says.
pub mod history;
pub mod reading;
pub mod report;
// What had to be mended.
pub mod repairs;
// How long an input takes to be seen.
pub mod clock;
pub mod latency;
pub mod meter;
pub mod way;
// How it is shown.
pub mod sparkline;
