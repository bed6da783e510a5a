//! The Statistics panel's upper part: from input to picture, how long and where.

use leptos::prelude::*;
use shared::latency::Stage;

use crate::connection::view_state::ViewState;
use crate::stats::history::LENGTH;
use crate::stats::latency::Latency;
use crate::stats::sparkline;
use crate::viewer::plot;

/// What a stage is called in a sentence of its own.
fn name(stage: Stage) -> &'static str {
    match stage {
        Stage::Dispatch => "Browser (input)",
        Stage::InputNetwork => "Network (input)",
        Stage::Seat => "Server (input)",
        Stage::Chrome => "Chrome (drawing)",
        Stage::Convert => "Composition and conversion",
        Stage::Wait => "Waiting for the encoder",
        Stage::Encode => "Encoding",
        Stage::Send => "Sending",
        Stage::Network => "Network (picture)",
        Stage::Buffer => "Jitter buffer",
        Stage::Decode => "Decoding",
        Stage::Present => "Presentation",
    }
}

fn millis(value: Option<f64>) -> String {
    value.map_or_else(|| "–".to_owned(), |value| format!("{value:.1} ms"))
}

/// What no known stage accounts for, unless it is written as 0.0 ms.
fn remainder(latency: &Latency) -> Option<f64> {
    latency.remainder().filter(|left| *left >= 0.05)
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
            let networks =
                format!("The networks' shares of their sum are known to ±{uncertainty:.1} ms.");
            match latency.inexact() {
                0 => networks,
                inexact => format!(
                    "{networks} The page moved during {inexact} inputs: there it may be a frame more or less."
                ),
            }
        }
    }
}

#[component]
pub fn LatencySection() -> impl IntoView {
    let latency = ViewState::current().latency;
    let stages = Memo::new(move |_| latency.with(Latency::stages));
    let remainder = Memo::new(move |_| latency.with(remainder));
    let is_measured = Memo::new(move |_| latency.with(|latency| latency.quantile(0.5).is_some()));
    let total = move |share| move || latency.with(|latency| millis(latency.quantile(share)));
    let path = move || latency.with(|latency| sparkline::path(&latency.medians(), LENGTH, 50.0));
    let bar = move || {
        let known = Stage::ALL.into_iter().zip(stages.get().0);
        let known = known.filter_map(|(stage, median)| Some((stage.label(), median?)));
        let unknown = remainder.get().map(|left| ("unknown", left));
        let part = |(label, length): (&'static str, f64)| {
            view! {
                <span
                    class=format!("stage-{label}")
                    style=format!("flex: {length:.3} 0 0")
                ></span>
            }
        };
        known.chain(unknown).map(part).collect_view()
    };
    let legend = Stage::ALL.map(|stage| {
        let median = move || {
            let median = stages.get().0[stage as usize];
            match median {
                None if is_measured.get() => "unknown".to_owned(),
                median => millis(median),
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
    let unknown = move || {
        remainder.get().map(|left| {
            view! {
                <li>
                    <i class="stage-unknown"></i>
                    <span>"Unattributed"</span>
                    <span>{millis(Some(left))}</span>
                </li>
            }
        })
    };
    view! {
        <section class="latency" aria-label="Input to picture">
            <h3>"Input to picture"</h3>
            <div class="quantiles">
                <span>"p50 "<b>{total(0.5)}</b></span>
                <span>"p95 "<b>{total(0.95)}</b></span>
                {plot::draw(path)}
            </div>
            <div class="bar" aria-hidden="true">
                {bar}
            </div>
            <ul>{legend.into_iter().collect_view()} {unknown}</ul>
            <p class="note">{move || latency.with(note)}</p>
        </section>
    }
    .into_any()
}
