//! Farpane's page: a shell rendered by the server, hydrated in the browser.
//!
//! The browser is touched in effects and event handlers only, so that everything here also renders on the server.

// The server functions: how a page, or a script, asks for anything.
pub mod api;
// The two pages.
pub mod app;
pub mod home;
pub mod viewer;
// A viewer's way to its session: join, offer, answer; state and pictures come in, messages go out.
pub mod connection;
// What the page plays.
pub mod sound;
// What a person does, as messages.
pub mod input;
// A file of theirs, for a page.
mod upload;
// What their browser tells pages of them.
mod preferences;
// What the stream looks like from here, each second.
pub mod stats;
// The one door to the browser's events and timers.
mod dom;

/// Where `wasm-bindgen` starts the page in the browser.
#[cfg(feature = "hydrate")]
#[wasm_bindgen::prelude::wasm_bindgen]
pub fn hydrate() {
    console_error_panic_hook::set_once();
    leptos::mount::hydrate_body(app::App);
}
