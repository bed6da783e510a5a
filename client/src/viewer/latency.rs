//! The Statistics panel's upper part: from input to picture, how long and where.

use leptos::prelude::*;
use shared::latency::Stage;

use crate::connection::watch::Watch;
use crate::stats::history::LENGTH;
use crate::stats::latency::Latency;
use crate::stats::sparkline;

/// What a stage is called in a sentence of its own.
fn name(stage: Stage) -> &'static str {
    match stage {
        Stage::Dispatch => "Your browser, input",
        Stage::InputNetwork => "Network, input",
        Stage::Seat => "Server, input",
        Stage::Chrome => "Chrome draws",
        Stage::Convert => "Compose, convert",
        Stage::Wait => "Wait for encoder",
        Stage::Encode => "Encode",
        Stage::Send => "Send",
        Stage::Network => "Network, picture",
        Stage::Buffer => "Buffer",
        Stage::Decode => "Decode",
        Stage::Present => "Show",
    }
}

fn millis(value: Option<f64>) -> String {
    value.map_or_else(|| "–".to_owned(), |value| format!("{value:.1} ms"))
}

/// The parts of the bar: what each is for, and its length in milliseconds.
fn parts(latency: &Latency) -> Vec<(&'static str, f64)> {
    let stages = Stage::ALL.into_iter().zip(latency.stages().0);
    let known = stages.filter_map(|(stage, median)| Some((stage.label(), median?)));
    let unknown = latency.remainder().filter(|left| *left >= 0.05);
    known.chain(unknown.map(|left| ("unknown", left))).collect()
}

/// What is not told by the figures themselves.
fn note(latency: &Latency) -> String {
    if latency.is_blind {
        return "Your browser does not tell which frame it shows.".to_owned();
    }
    match (latency.quantile(0.5), latency.uncertainty_millis()) {
        (None, _) => "Click or type in the page to measure.".to_owned(),
        (_, None) => "The server's clock is not known yet.".to_owned(),
        (_, Some(uncertainty)) => {
            format!("The networks' shares of their sum are known to ±{uncertainty:.1} ms.")
        }
    }
}

#[component]
pub fn LatencySection() -> impl IntoView {
    let latency = Watch::current().latency;
    let total = move |share| move || latency.with(|latency| millis(latency.quantile(share)));
    let path = move || latency.with(|latency| sparkline::path(&latency.medians(), LENGTH, 50.0));
    let bar = move || {
        let parts = latency.with(parts);
        let part = |(label, length): (&'static str, f64)| {
            view! {
                <span
                    class=format!("stage-{label}")
                    style=format!("flex: {length:.3} 0 0")
                ></span>
            }
        };
        parts.into_iter().map(part).collect_view()
    };
    let legend = Stage::ALL.map(|stage| {
        let median = move || {
            let (median, measured) =
                latency.with(|latency| (latency.stages().0[stage as usize], latency.quantile(0.5)));
            match (median, measured) {
                (None, Some(_)) => "unknown".to_owned(),
                (median, _) => millis(median),
            }
        };
        view! {
            <li>
                <i class=format!("stage-{}", stage.label())></i>
                <span>{name(stage)}</span>
                <span>{median}</span>
            </li>
        }
    });
    let remainder = move || {
        let left = latency.with(|latency| latency.remainder().filter(|left| *left >= 0.05));
        left.map(|left| {
            view! {
                <li>
                    <i class="stage-unknown"></i>
                    <span>"Not known where"</span>
                    <span>{millis(Some(left))}</span>
                </li>
            }
        })
    };
    view! {
        <section class="latency" aria-label="Input to picture">
            <h2>"Input to picture"</h2>
            <div class="figures">
                <span>"p50 "<b>{total(0.5)}</b></span>
                <span>"p95 "<b>{total(0.95)}</b></span>
                <svg
                    viewBox=format!("0 0 {} {}", sparkline::WIDTH, sparkline::HEIGHT)
                    preserveAspectRatio="none"
                    aria-hidden="true"
                >
                    <path d=path />
                </svg>
            </div>
            <div class="bar" aria-hidden="true">
                {bar}
            </div>
            <ul>{legend.into_iter().collect_view()} {remainder}</ul>
            <p class="note">{move || latency.with(note)}</p>
        </section>
    }
    .into_any()
}
