//! The toolbar's icons: strokes on a 16 × 16 grid, in the text's colour.

use leptos::prelude::*;

pub const BACK: &str = "M13 8H3M7.5 3.5 3 8l4.5 4.5";
pub const FORWARD: &str = "M3 8h10M8.5 3.5 13 8l-4.5 4.5";
pub const RELOAD: &str = "M13 8a5 5 0 1 1-1.6-3.7M13 2v3h-3";
pub const STOP: &str = "m4 4 8 8M12 4l-8 8";
pub const NEW: &str = "M8 3v10M3 8h10";
pub const STATISTICS: &str = "M3 13V9M6.5 13V5M10 13V7M13.5 13V3";
pub const DOWNLOAD: &str = "M8 2.5v8M4.5 7 8 10.5 11.5 7M3 13.5h10";
pub const LOCKED: &str = "M3.5 7.5h9v6h-9zM5.5 7.5V5a2.5 2.5 0 0 1 5 0v2.5";
pub const UNLOCKED: &str = "M3.5 7.5h9v6h-9zM5.5 7.5V5a2.5 2.5 0 0 1 4.9-.7";
pub const WARNING: &str = "M8 2 14.5 13.5h-13zM8 6.5v3.2M8 11.6v.1";
pub const PAGE: &str = "M4 2h5.5L12.5 5v9h-8.5zM9.5 2v3h3";
pub const DOCK: &str = "M2.5 3h11v10h-11zM10 3v10";
pub const MORE: &str = "M8 3.2v.1M8 8v.1M8 12.8v.1";
pub const UP: &str = "m3 10.5 5-5 5 5";
pub const DOWN: &str = "m3 5.5 5 5 5-5";
pub const SOUND: &str =
    "M2.5 6v4h2.5l3.5 3V3L5 6zM11 5.5a3.5 3.5 0 0 1 0 5M13 3.5a6.5 6.5 0 0 1 0 9";
pub const MUTED: &str = "M2.5 6v4h2.5l3.5 3V3L5 6zM11 6l3.5 4M14.5 6 11 10";
pub const TRACKPAD: &str = "M2.5 3.5h11v9h-11zM2.5 9.5h11M8 9.5v3";
pub const KEYBOARD: &str = "M1.5 4.5h13v8h-13zM4 7h.01M6.7 7h.01M9.3 7h.01M12 7h.01M5 10h6";
pub const END: &str = "M8 2v6M4.5 4.5a5 5 0 1 0 7 0";

/// Decoration only: its button has a name.
#[component]
pub fn Icon(#[prop(into)] path: Signal<&'static str>) -> impl IntoView {
    view! {
        <svg class="icon" viewBox="0 0 16 16" aria-hidden="true">
            <path d=path />
        </svg>
    }
}
