//! The two pages: `/` (sessions, and start one) and `/s/{id}` (a session).

use leptos::prelude::*;

#[component]
pub fn App() -> impl IntoView {
    view! { <main>"Farpane"</main> }
}
