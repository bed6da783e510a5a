//! The Statistics panel: input latency by stage, then a line per figure with a plot of its last minute.

use leptos::prelude::*;
use leptos::task::spawn_local;
use wasm_bindgen_futures::JsFuture;

use crate::connection::view_state::ViewState;
use crate::dom::{now, window};
use crate::stats::history::LENGTH;
use crate::stats::incidents::Incidents;
use crate::stats::reading::Sample;
use crate::stats::sparkline;
use crate::viewer::latency::LatencySection;
use crate::viewer::panel::Panel;
use crate::viewer::plot;

/// One plot: its name, its value, how it is written, and the least top of its scale.
struct Plot {
    name: &'static str,
    value: fn(&Sample) -> Option<f64>,
    written: fn(f64) -> String,
    at_least: f64,
}

fn rate(kilobits: f64) -> String {
    if kilobits < 1000.0 {
        format!("{kilobits:.0} kb/s")
    } else {
        format!("{:.1} Mb/s", kilobits / 1000.0)
    }
}

/// `udp` → UDP, `relay over tcp` → Relay over TCP.
fn transport_name(protocol: &str) -> String {
    match (protocol, protocol.strip_prefix("relay over ")) {
        ("web socket", _) => "Web socket".to_owned(),
        (_, Some(over)) => format!("Relay over {}", over.to_uppercase()),
        (direct, None) => direct.to_uppercase(),
    }
}

fn millis(value: f64) -> String {
    format!("{value:.1} ms")
}

const PLOTS: [Plot; 8] = [
    Plot {
        name: "Frames per second",
        value: |sample| Some(sample.frames_per_second),
        written: |value| format!("{value:.0}"),
        at_least: 60.0,
    },
    Plot {
        name: "Bitrate",
        value: |sample| Some(sample.kilobits_per_second),
        written: rate,
        at_least: 1000.0,
    },
    Plot {
        name: "Estimated bandwidth (controlling viewer)",
        value: |sample| sample.server.as_ref()?.estimate_kilobits.map(f64::from),
        written: rate,
        at_least: 1000.0,
    },
    Plot {
        name: "Round trip time",
        value: |sample| sample.round_trip_millis,
        written: millis,
        at_least: 10.0,
    },
    Plot {
        name: "Jitter buffer delay",
        value: |sample| sample.buffer_millis,
        written: millis,
        at_least: 10.0,
    },
    Plot {
        name: "Decode time",
        value: |sample| sample.decode_millis,
        written: millis,
        at_least: 10.0,
    },
    Plot {
        name: "Encode time (server)",
        value: |sample| {
            let server = sample.server.as_ref()?;
            (server.frames > 0).then(|| f64::from(server.encode_millis))
        },
        written: millis,
        at_least: 10.0,
    },
    Plot {
        name: "Packet loss",
        value: |sample| sample.loss_percent,
        written: |value| format!("{value:.1} %"),
        at_least: 1.0,
    },
];

#[component]
pub fn Statistics(shown: RwSignal<bool>) -> impl IntoView {
    let ViewState {
        history,
        incidents,
        state,
        ..
    } = ViewState::current();
    // Told anew with each sample: how long ago it was changes.
    let of_repairs = move |written: fn(&Incidents, f64) -> String| {
        move || {
            history.track();
            incidents.with(|incidents| written(incidents, now()))
        }
    };
    let cuts = of_repairs(Incidents::skips_told);
    let interruptions = of_repairs(Incidents::interruptions_told);
    let missing = of_repairs(|incidents, _| incidents.missing_inputs.to_string());
    let plots = PLOTS.map(|plot| {
        let newest =
            move || history.with(|history| history.newest().and_then(plot.value).map(plot.written));
        let path = move || {
            history
                .with(|history| sparkline::path(&history.values(plot.value), LENGTH, plot.at_least))
        };
        view! {
            <dt>{plot.name}</dt>
            <dd>{move || newest().unwrap_or_else(|| "–".to_owned())}</dd>
            <dd class="plot">{plot::draw(path)}</dd>
        }
    });
    let of_newest = move |written: fn(&Sample) -> Option<String>| {
        move || {
            history
                .with(|history| history.newest().and_then(written))
                .unwrap_or_else(|| "–".to_owned())
        }
    };
    let encoded = of_newest(|sample| {
        (sample.width > 0).then(|| format!("{}×{}", sample.width, sample.height))
    });
    // Smaller than the page while a narrow link asks for it.
    let resolution = move || {
        let encoded = encoded();
        let page = state.with(|state| state.as_ref().map(|state| state.geometry.video.to_string()));
        match page {
            Some(page) if page != encoded && encoded != "–" => format!("{encoded} of {page}"),
            _ => encoded,
        }
    };
    let transport = of_newest(|sample| sample.protocol.as_deref().map(transport_name));
    view! {
        <Panel name="Statistics" shown>
            <LatencySection />
            <dl>
                {plots.into_iter().collect_view()} <dt>"Resolution"</dt>
                <dd class="wide">{resolution}</dd>
                <dt>"Transport"</dt>
                <dd class="wide">{transport}</dd>
                <dt>"Interrupted"</dt>
                <dd class="wide">{interruptions}</dd>
                <dt>"Cut back to live"</dt>
                <dd class="wide">{cuts}</dd>
                <dt>"Input not carried out"</dt>
                <dd class="wide">{missing}</dd>
            </dl>
            <CopyButton />
        </Panel>
    }
    .into_any()
}

#[component]
fn CopyButton() -> impl IntoView {
    let ViewState {
        history,
        latency,
        incidents,
        ..
    } = ViewState::current();
    let outcome = RwSignal::new(None::<&'static str>);
    let copy = move |_| {
        let incidents = incidents.get_untracked();
        let json = latency.with_untracked(|latency| {
            history.with_untracked(|history| history.to_json(latency, &incidents))
        });
        // Browsers have a clipboard for pages from HTTPS or the same machine only.
        if !window().is_secure_context() {
            return outcome.set(Some("Your browser lets only pages from HTTPS copy."));
        }
        let written = window().navigator().clipboard().write_text(&json);
        spawn_local(async move {
            let said = match JsFuture::from(written).await {
                Ok(_) => "Copied.",
                Err(_) => "Your browser did not allow copying.",
            };
            outcome.set(Some(said));
        });
    };
    view! {
        <p class="copy">
            <button on:click=copy>"Copy as JSON"</button>
            <span aria-live="polite">{move || outcome.get()}</span>
        </p>
    }
}
