//! Farpane's page: a shell rendered by the server, hydrated in the browser.

// The server functions: how a page, or a script, asks for anything.
pub mod api;
// The two pages.
pub mod app;

/// Where `wasm-bindgen` starts the page in the browser.
#[cfg(feature = "hydrate")]
#[wasm_bindgen::prelude::wasm_bindgen]
pub fn hydrate() {
    console_error_panic_hook::set_once();
    leptos::mount::hydrate_body(app::App);
}
