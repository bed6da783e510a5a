//! The two pages: `/` (sessions, and start one) and `/s/{id}` (a session), and the HTML around them.

use leptos::prelude::*;
use leptos_meta::{MetaTags, Title, provide_meta_context};
use leptos_router::components::{Route, Router, Routes};
use leptos_router::path;

use crate::home::Home;
use crate::viewer::Viewer;

/// A pane in front of a farther one. Inline, so that no request is spent on it.
const ICON: &str = "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E\
    %3Crect x='5' y='2' width='10' height='8' rx='2' fill='%237aa2ff'/%3E\
    %3Crect x='1' y='6' width='10' height='8' rx='2' fill='%232b5ce6'/%3E%3C/svg%3E";

/// The document into which the server renders a page.
pub fn shell(options: LeptosOptions) -> impl IntoView {
    view! {
        <!DOCTYPE html>
        <html lang="en">
            <head>
                <meta charset="utf-8" />
                // An on-screen keyboard lies over the page: the remote one keeps its size.
                <meta
                    name="viewport"
                    content="width=device-width, initial-scale=1, interactive-widget=resizes-visual"
                />
                <meta name="color-scheme" content="dark light" />
                // A session's address is a secret: it is not told to the pages that links lead to.
                <meta name="referrer" content="no-referrer" />
                <link rel="stylesheet" href="/pkg/farpane.css" />
                <link rel="icon" href=ICON />
                <HydrationScripts options=options.clone() />
                <AutoReload options />
                <MetaTags />
            </head>
            <body>
                <App />
            </body>
        </html>
    }
}

#[component]
pub fn App() -> impl IntoView {
    provide_meta_context();
    view! {
        <Title text="Farpane" />
        <Router>
            <Routes fallback=NoSuchPage>
                <Route path=path!("/") view=Home />
                <Route path=path!("/s/:id") view=Viewer />
            </Routes>
        </Router>
    }
}

/// Also shown for an address that cannot be a session's.
#[component]
pub fn NoSuchPage() -> impl IntoView {
    view! {
        <main class="home">
            <h1>"There is nothing here"</h1>
            <p>"The address is not that of a session. " <a href="/">"All sessions"</a></p>
        </main>
    }
}
