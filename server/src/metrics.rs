//! What Prometheus reads at `/metrics`.

use std::time::Duration;

use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};
use metrics_util::MetricKindMask;
use shared::session::{SessionId, SessionState};

/// A session that ended is no longer listed after this long; otherwise the list would grow for ever.
const FORGET_AFTER: Duration = Duration::from_secs(600);

/// Encoding a frame takes 1 to 20 ms.
const STAGE_BUCKETS: &[f64] = &[
    0.000_5, 0.001, 0.002, 0.004, 0.006, 0.008, 0.012, 0.016, 0.025, 0.05, 0.1,
];

/// From a key to its letter on the viewer's screen: 15 ms on the same machine, a quarter of a second across an ocean.
const LATENCY_BUCKETS: &[f64] = &[
    0.005, 0.01, 0.015, 0.02, 0.025, 0.033, 0.04, 0.05, 0.066, 0.08, 0.1, 0.15, 0.2, 0.3, 0.5, 1.0,
    2.0,
];

/// A stage of that way: the network takes the most, and most of the others next to nothing.
const LATENCY_STAGE_BUCKETS: &[f64] = &[
    0.000_2, 0.000_5, 0.001, 0.002, 0.004, 0.006, 0.008, 0.012, 0.016, 0.025, 0.033, 0.05, 0.1,
    0.2, 0.5, 1.0,
];

/// Samples wait in memory until somebody reads `/metrics` or this much time passes.
const UPKEEP_EVERY: Duration = Duration::from_secs(5);

/// Installs the process's recorder; once.
pub fn install() -> Result<PrometheusHandle, BuildError> {
    let handle = PrometheusBuilder::new()
        .idle_timeout(MetricKindMask::ALL, Some(FORGET_AFTER))
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), STAGE_BUCKETS)?
        .set_buckets_for_metric(
            Matcher::Full("farpane_input_latency_seconds".to_owned()),
            LATENCY_BUCKETS,
        )?
        .set_buckets_for_metric(
            Matcher::Full("farpane_latency_stage_seconds".to_owned()),
            LATENCY_STAGE_BUCKETS,
        )?
        .install_recorder()?;
    metrics::describe_gauge!("farpane_sessions", "Sessions that run");
    metrics::describe_gauge!("farpane_viewers", "People who watch a session");
    metrics::describe_gauge!(
        "farpane_estimate_bits_per_second",
        "What the link of a session's leading viewer is believed to carry"
    );
    metrics::describe_counter!("farpane_frames_total", "Frames encoded");
    metrics::describe_counter!(
        "farpane_keyframes_total",
        "Frames of these that stand alone"
    );
    metrics::describe_counter!("farpane_video_bytes_total", "H.264 bytes encoded");
    metrics::describe_histogram!("farpane_encode_seconds", "Time to encode a frame");
    metrics::describe_histogram!(
        "farpane_convert_seconds",
        "Time to compose and convert a picture"
    );
    metrics::describe_histogram!(
        "farpane_input_latency_seconds",
        "Time from an input in a viewer's browser to the picture there that shows it"
    );
    metrics::describe_histogram!(
        "farpane_latency_stage_seconds",
        "Its parts, in the order of the way"
    );
    Ok(handle)
}

/// Keeps what waits for a reader small, also where nobody reads. Never ends.
pub async fn keep_small(handle: PrometheusHandle) {
    loop {
        tokio::time::sleep(UPKEEP_EVERY).await;
        handle.run_upkeep();
    }
}

/// The text of `/metrics`.
pub fn render(handle: &PrometheusHandle, sessions: &[(SessionId, SessionState)]) -> String {
    metrics::gauge!("farpane_sessions").set(sessions.len() as f64);
    for (session, state) in sessions {
        metrics::gauge!("farpane_viewers", "session" => session.to_string())
            .set(f64::from(state.viewers));
    }
    handle.run_upkeep();
    handle.render()
}
