//! The server's own clock: what the times and timestamps that viewers are told count from.

use std::sync::LazyLock;
use std::time::{Duration, Instant};

/// Some time before the first viewer. A second back, so that no moment of this process lies before it.
static EPOCH: LazyLock<Instant> = LazyLock::new(|| {
    let now = Instant::now();
    now.checked_sub(Duration::from_secs(1)).unwrap_or(now)
});

/// Where the clock begins; the same for the whole process.
pub fn epoch() -> Instant {
    *EPOCH
}
