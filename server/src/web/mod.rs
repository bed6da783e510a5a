//! HTTP: pages, server functions, viewers' web sockets, health and metrics.

// A server function's way: who calls, a body that it can read, and its error's status.
mod body;
mod caller;
mod errors;
// What no server function can give or take.
mod download;
mod page_file;
mod socket;
#[cfg(test)]
mod tests;
mod thumbnail;
mod upload;

use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::IntoResponse;
use axum::routing::{get, put};
use client::api::{self, Backend};
use client::app::{App, shell};
use leptos::config::{Env, LeptosOptions};
use leptos::prelude::{provide_context, use_context};
use leptos::server_fn::axum::register_explicit;
use leptos_axum::{LeptosRoutes, generate_route_list};
use metrics_exporter_prometheus::PrometheusHandle;
use tower_http::limit::RequestBodyLimitLayer;
use tower_http::services::ServeDir;
use tower_http::set_header::SetResponseHeaderLayer;

use body::BodyLimits;
use shared::clipboard::ClipboardLimits;

use crate::access::{Access, require_access};
use crate::sessions::Sessions;

/// The largest body but for the clipboard's is an SDP offer or text, escaped as JSON.
const MAX_BODY: usize = 1024 * 1024;

/// All routes of the server. `access` guards everything but `/healthz`.
pub fn router(sessions: Sessions, access: Access, metrics: PrometheusHandle) -> Router {
    register_server_functions();
    let config = &sessions.services().config;
    let options = LeptosOptions::builder()
        .output_name("farpane")
        .site_root(config.site_root.to_string_lossy().into_owned())
        .site_pkg_dir("pkg")
        .site_addr(config.listen)
        .env(Env::PROD)
        .build();
    let backend: Arc<dyn Backend> = Arc::new(sessions.clone());
    let provide = move || {
        provide_context(Arc::clone(&backend));
        // Absent while the list of routes is made.
        if let Some(parts) = use_context::<Parts>() {
            provide_context(caller::caller(&parts.headers));
        }
    };
    let limits = BodyLimits {
        usual: MAX_BODY,
        clipboard: clipboard_body(config.clipboard.limits),
    };
    let policy = content_security_policy(&config.embed_origins)
        .unwrap_or(HeaderValue::from_static("frame-ancestors 'none'"));
    let files = ServeDir::new(config.site_root.join("pkg")).precompressed_gzip();
    let pages = Router::new()
        .leptos_routes_with_context(&options, generate_route_list(App), provide, {
            let options = options.clone();
            move || shell(options.clone())
        })
        .route_layer(from_fn_with_state(limits, body::only_objects))
        .layer(from_fn(errors::typed_status))
        // Pages contain the present list of sessions.
        .layer(header(CACHE_CONTROL, "no-store"))
        .with_state(options);
    let files = Router::new()
        .nest_service("/pkg", files)
        // Their names have no version, so browsers revalidate them.
        .layer(header(CACHE_CONTROL, "no-cache"));
    let unlimited = Router::new()
        .route(shared::file::DOWNLOAD, get(download::answer))
        .route(shared::file::UPLOAD, put(upload::answer))
        .route(shared::file::PRINT, get(page_file::print))
        .route(shared::file::SAVE_PAGE, get(page_file::save))
        // A session's limits count.
        .layer(DefaultBodyLimit::disable())
        .with_state(sessions.clone());
    let limited = pages
        .merge(files)
        .route(
            shared::socket::PATH,
            get(socket::upgrade).with_state(sessions.clone()),
        )
        .route(
            shared::api::THUMBNAIL,
            get(thumbnail::answer).with_state(sessions.clone()),
        )
        .route(
            "/metrics",
            get(move |State(sessions): State<Sessions>| async move {
                let text = crate::metrics::render(&metrics, &sessions.list());
                ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], text)
            })
            .with_state(sessions),
        )
        .fallback(|| async { (StatusCode::NOT_FOUND, "Not found.") })
        .layer(DefaultBodyLimit::disable())
        .layer(RequestBodyLimitLayer::new(
            limits.usual.max(limits.clipboard),
        ));
    let guarded = limited
        .merge(unlimited)
        .layer(from_fn_with_state(access, require_access));
    Router::new()
        .route("/healthz", get(|| async { "ok\n".into_response() }))
        .merge(guarded)
        .layer(header(X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .layer(header(REFERRER_POLICY, "no-referrer"))
        .layer(SetResponseHeaderLayer::if_not_present(
            CONTENT_SECURITY_POLICY,
            policy,
        ))
}

/// Against clickjacking: nobody else shows our pages in a frame.
fn content_security_policy(embed_origins: &[String]) -> Option<HeaderValue> {
    let mut ancestors = "'self'".to_owned();
    for origin in embed_origins {
        ancestors = format!("{ancestors} {origin}");
    }
    let policy = format!("frame-ancestors {ancestors}; base-uri 'none'; object-src 'none'");
    HeaderValue::from_str(&policy).ok()
}

/// Text and HTML, in which JSON escapes some characters, and a picture in Base64.
fn clipboard_body(limits: ClipboardLimits) -> usize {
    let text = limits.text.saturating_mul(2 * 2);
    let png = limits.png.saturating_mul(3) / 2;
    text.saturating_add(png).saturating_add(MAX_BODY)
}

fn header(name: HeaderName, value: &'static str) -> SetResponseHeaderLayer<HeaderValue> {
    SetResponseHeaderLayer::if_not_present(name, HeaderValue::from_static(value))
}

/// By name: a linker may drop functions that register themselves.
pub fn register_server_functions() {
    register_explicit::<api::Open>();
    register_explicit::<api::Sessions>();
    register_explicit::<api::Join>();
    register_explicit::<api::Offer>();
    register_explicit::<api::Leave>();
    register_explicit::<api::Updates>();
    register_explicit::<api::SendInput>();
    register_explicit::<api::Navigate>();
    register_explicit::<api::Back>();
    register_explicit::<api::Forward>();
    register_explicit::<api::Reload>();
    register_explicit::<api::Stop>();
    register_explicit::<api::NewTab>();
    register_explicit::<api::ActivateTab>();
    register_explicit::<api::CloseTab>();
    register_explicit::<api::MoveTab>();
    register_explicit::<api::AnswerDialog>();
    register_explicit::<api::AnswerNotification>();
    register_explicit::<api::Authenticate>();
    register_explicit::<api::ExitFullscreen>();
    register_explicit::<api::Find>();
    register_explicit::<api::Image>();
    register_explicit::<api::Permissions>();
    register_explicit::<api::SetPermission>();
    register_explicit::<api::SetLocation>();
    register_explicit::<api::Clipboard>();
    register_explicit::<api::SetClipboard>();
    register_explicit::<api::RemoveDownload>();
    register_explicit::<api::ChooseFiles>();
    register_explicit::<api::DragFiles>();
    register_explicit::<api::DropFiles>();
    register_explicit::<api::Restart>();
    register_explicit::<api::End>();
}
