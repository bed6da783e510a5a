//! The metrics at `/metrics`, in Prometheus' text format.

use std::time::Duration;

use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};
use metrics_util::MetricKindMask;
use shared::session::{SessionId, SessionState};

/// A metric without updates for this long is removed: otherwise those of ended sessions would pile up.
const IDLE_TIMEOUT: Duration = Duration::from_secs(600);

/// In seconds, like all buckets: encoding a frame takes 1 to 20 ms.
const DURATION_BUCKETS: &[f64] = &[
    0.000_5, 0.001, 0.002, 0.004, 0.006, 0.008, 0.012, 0.016, 0.025, 0.05, 0.1,
];

/// From a key press to its letter on the viewer's screen: 15 ms on one machine, 250 ms across an ocean.
const LATENCY_BUCKETS: &[f64] = &[
    0.005, 0.01, 0.015, 0.02, 0.025, 0.033, 0.04, 0.05, 0.066, 0.08, 0.1, 0.15, 0.2, 0.3, 0.5, 1.0,
    2.0,
];

/// A stage of that: the network takes most of the time, several others almost none.
const LATENCY_STAGE_BUCKETS: &[f64] = &[
    0.000_2, 0.000_5, 0.001, 0.002, 0.004, 0.006, 0.008, 0.012, 0.016, 0.025, 0.033, 0.05, 0.1,
    0.2, 0.5, 1.0,
];

/// Histogram samples are buffered until `/metrics` is read or this much time passes, and so are sessions to be forgotten.
const UPKEEP_INTERVAL: Duration = Duration::from_secs(5);

/// Installs the process's recorder; once. Fails when there is one already.
pub fn install() -> Result<PrometheusHandle, BuildError> {
    let handle = PrometheusBuilder::new()
        .idle_timeout(MetricKindMask::ALL, Some(IDLE_TIMEOUT))
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), DURATION_BUCKETS)?
        .set_buckets_for_metric(
            Matcher::Full("farpane_input_latency_seconds".to_owned()),
            LATENCY_BUCKETS,
        )?
        .set_buckets_for_metric(
            Matcher::Full("farpane_latency_stage_seconds".to_owned()),
            LATENCY_STAGE_BUCKETS,
        )?
        .install_recorder()?;
    metrics::describe_gauge!("farpane_sessions", "Open sessions");
    metrics::describe_gauge!("farpane_viewers", "Viewers of a session");
    metrics::describe_gauge!(
        "farpane_estimated_bandwidth_bits_per_second",
        "Estimated bandwidth to the viewer who sets a session's pace"
    );
    metrics::describe_counter!("farpane_frames_total", "Frames encoded");
    metrics::describe_counter!("farpane_keyframes_total", "Keyframes encoded");
    metrics::describe_counter!("farpane_video_bytes_total", "Bytes of H.264 encoded");
    metrics::describe_counter!("farpane_sound_bytes_total", "Bytes of Opus encoded");
    metrics::describe_histogram!("farpane_encode_seconds", "Duration of encoding a frame");
    metrics::describe_histogram!(
        "farpane_convert_seconds",
        "Duration of composing a picture and converting it to I420"
    );
    metrics::describe_histogram!(
        "farpane_input_latency_seconds",
        "Time from an input event in the viewer's browser to the presentation of the frame that shows its effect"
    );
    metrics::describe_histogram!(
        "farpane_latency_stage_seconds",
        "Time that an input spends in each stage of farpane_input_latency_seconds"
    );
    Ok(handle)
}

/// Aggregates buffered samples periodically, so that they do not pile up where nobody reads `/metrics`. Never returns.
pub async fn run_upkeep(handle: PrometheusHandle) {
    loop {
        tokio::time::sleep(UPKEEP_INTERVAL).await;
        tidy(&handle);
    }
}

/// Sorts buffered samples into their buckets and forgets what has been idle for [`IDLE_TIMEOUT`]. The exporter's own
/// upkeep does the first only: it forgets while it renders.
fn tidy(handle: &PrometheusHandle) {
    let written = handle.render_to_write(&mut std::io::sink());
    written.expect("a sink takes everything");
}

/// The body of `/metrics`, with the present numbers of sessions and viewers.
pub fn render(handle: &PrometheusHandle, sessions: &[(SessionId, SessionState)]) -> String {
    metrics::gauge!("farpane_sessions").set(sessions.len() as f64);
    for (session, state) in sessions {
        metrics::gauge!("farpane_viewers", "session" => session.to_string())
            .set(f64::from(state.viewers));
    }
    handle.run_upkeep();
    handle.render()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_that_ended_is_forgotten_also_where_nobody_reads() {
        let builder = PrometheusBuilder::new();
        let builder = builder.idle_timeout(MetricKindMask::ALL, Some(Duration::ZERO));
        let recorder = builder.build_recorder();
        let handle = recorder.handle();
        metrics::with_local_recorder(&recorder, || {
            metrics::counter!("farpane_frames_total", "session" => "a").increment(1);
            metrics::gauge!("farpane_viewers", "session" => "a").set(1.0);
            metrics::histogram!("farpane_encode_seconds", "session" => "a").record(0.001);
        });
        // Seen for the first time, and idle from then on.
        tidy(&handle);
        tidy(&handle);
        assert_eq!(handle.render(), "");
    }
}
