//! A path over the last minute → a small plot on the page.

use leptos::prelude::*;

use crate::stats::sparkline::{HEIGHT, WIDTH};

/// For the eye only: its newest value stands beside it.
pub fn draw(path: impl Fn() -> String + Send + Sync + 'static) -> impl IntoView {
    view! {
        <svg
            viewBox=format!("0 0 {WIDTH} {HEIGHT}")
            preserveAspectRatio="none"
            aria-hidden="true"
        >
            <path d=path />
        </svg>
    }
}
