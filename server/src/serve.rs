//! Starts everything that the server needs, serves until a signal, and leaves nothing behind.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use axum::serve::ListenerExt;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

use crate::access::Access;
use crate::browser::launch::{LaunchError, find_chrome};
use crate::browser::profile_dir;
use crate::config::Config;
use crate::files::files_dir;
use crate::locked_dir::{self, DirError, LockedDir};
use crate::session::Services;
use crate::sessions::Sessions;
use crate::transport::{Hub, HubError, HubOptions};
use crate::{metrics, web};

/// Why the server does not run; most sentences say what to do about it.
#[derive(Debug, thiserror::Error)]
#[allow(
    missing_docs,
    reason = "the sentence of each variant says what its fields are"
)]
pub enum ServeError {
    /// There is no Chrome to start.
    #[error(transparent)]
    Chrome(#[from] LaunchError),
    /// The runtime directory, or that of files, cannot be used.
    #[error(transparent)]
    Dir(#[from] DirError),
    /// Another program listens there.
    #[error("{0} is in use: stop the program that listens there, or choose another port with --listen {ip}:PORT", ip = .0.ip())]
    PortTaken(SocketAddr),
    /// Any other error of `bind`.
    #[error("listening on {address} failed: {source}")]
    Listen {
        address: SocketAddr,
        source: std::io::Error,
    },
    /// The media port cannot be used.
    #[error(transparent)]
    Hub(#[from] HubError),
    /// No client at `--site-root`.
    #[error(
        "the client is not built: {0} is missing. Build it with `cargo xtask build`, or set --site-root DIR"
    )]
    NoClient(PathBuf),
    /// The metrics recorder.
    #[error("the metrics recorder cannot be installed: {0}")]
    Metrics(#[from] metrics_exporter_prometheus::BuildError),
    /// The handlers of SIGTERM and SIGINT.
    #[error("signal handlers cannot be installed: {0}")]
    Signals(std::io::Error),
    /// Accepting connections.
    #[error("the HTTP server failed: {0}")]
    Http(std::io::Error),
}

/// Runs until SIGTERM or SIGINT. `announce` is called with the URL to open, which has the token, once requests are accepted.
pub async fn serve(mut config: Config, announce: impl FnOnce(&str)) -> Result<(), ServeError> {
    let chrome = find_chrome(config.chrome.as_deref())?;
    let script = config.site_root.join("pkg/farpane.js");
    if !script.is_file() {
        return Err(ServeError::NoClient(script));
    }
    let runtime_dir = profile_dir::runtime_dir(config.runtime_dir.as_deref());
    locked_dir::prepare(&runtime_dir, "runtime-dir")?;
    let removed = profile_dir::remove_stale(&runtime_dir)?;
    if removed > 0 {
        tracing::info!(
            removed,
            "removed the profile directories of a killed server"
        );
    }
    let files_dir = files_dir(config.files_dir.as_deref());
    locked_dir::prepare(&files_dir, "files-dir")?;
    // Whoever wrote there was killed just now.
    drop(LockedDir::stale(&files_dir)?);
    if !config.chrome_sandbox {
        tracing::warn!(
            "Chrome runs without its sandbox: a malicious page can do whatever Chrome's user can"
        );
    }
    let listener =
        TcpListener::bind(config.listen)
            .await
            .map_err(|source| match source.kind() {
                std::io::ErrorKind::AddrInUse => ServeError::PortTaken(config.listen),
                _ => ServeError::Listen {
                    address: config.listen,
                    source,
                },
            })?;
    config.listen = listener.local_addr().map_err(ServeError::Http)?;
    let hub = Hub::start(HubOptions {
        bind: config.listen.ip(),
        port: config.media_port,
        public_ips: config.public_ips.clone(),
    })
    .await?;
    tracing::info!(http = %config.listen, media = hub.port(), chrome = %chrome.display(), "listening");

    let metrics = metrics::install()?;
    let access = Access::new(
        config.auth.clone(),
        config.listen.port(),
        !config.embed_origins.is_empty(),
    );
    let url = url_to_open(config.listen, access.token());
    let sessions = Sessions::new(Services {
        config,
        hub,
        chrome,
        runtime_dir,
        files_dir,
    });
    let listener = listener.tap_io(|connection| {
        // A web socket's frames are sent at once. Fails only for a connection that is closed.
        let _ = connection.set_nodelay(true);
    });
    let router = web::router(sessions.clone(), access, metrics.clone());
    let (mut terminate, mut interrupt) = (
        signal(SignalKind::terminate()).map_err(ServeError::Signals)?,
        signal(SignalKind::interrupt()).map_err(ServeError::Signals)?,
    );
    announce(&url);
    let served = tokio::select! {
        served = std::future::IntoFuture::into_future(axum::serve(listener, router)) => served.map_err(ServeError::Http),
        () = metrics::run_upkeep(metrics) => Ok(()),
        _ = terminate.recv() => Ok(()),
        _ = interrupt.recv() => Ok(()),
    };
    tracing::info!("stopping");
    sessions.end_all().await;
    served
}

/// An unspecified address (0.0.0.0) is opened as localhost.
fn url_to_open(listen: SocketAddr, token: Option<&str>) -> String {
    let host = match listen.ip() {
        ip if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        ip => ip,
    };
    let address = SocketAddr::new(host, listen.port());
    match token {
        Some(token) => format!("http://{address}/?token={token}"),
        None => format!("http://{address}/"),
    }
}
