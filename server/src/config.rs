//! Settings as given (flags, environment, file) → a [`Config`] that is complete and free of contradictions.

mod settings;

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use shared::api::IceServer;
use shared::clipboard::{ClipboardLimits, ClipboardPolicy};
use shared::geometry::VideoSize;

pub use settings::{Cli, Command, Settings};

use crate::bitrate::Bitrate;
use crate::files::{FileLimits, ScanCommand};

/// What `farpane serve` runs with, validated.
#[derive(Clone, Debug)]
pub struct Config {
    /// Of HTTP: pages, server functions and web sockets.
    pub listen: SocketAddr,
    /// UDP and TCP port of WebRTC; 0 takes a free one.
    pub media_port: u16,
    /// Addresses under which viewers reach this machine if they differ from its own (1:1 NAT).
    pub public_ips: Vec<IpAddr>,
    /// For the `RTCConfiguration` of every viewer.
    pub ice_servers: Vec<IceServer>,
    /// Chrome's program; `None` looks at the usual paths.
    pub chrome: Option<PathBuf>,
    /// Whether Chrome confines its renderers to its sandbox.
    pub chrome_sandbox: bool,
    /// Who has access.
    pub auth: Auth,
    /// Of pages that may show this server's in a frame, as `Origin` names them.
    pub embed_origins: Vec<String>,
    /// At the same time; opening one more is refused.
    pub max_sessions: usize,
    /// Of every session that was opened without a size; without it the page is as large as the viewer's window.
    pub size: Option<VideoSize>,
    /// A page that follows the viewer's window has no more pixels of video than this.
    pub max_pixels: u32,
    /// What passes between a person's clipboard and a page's.
    pub clipboard: ClipboardPolicy,
    /// Which files pass between a person's computer and a page, and how large they may be.
    pub files: FileLimits,
    /// Says of each file that passes whether it may.
    pub scan: Option<ScanCommand>,
    /// Whether a page can be had as PDF.
    pub printing: bool,
    /// Whether pages are heard.
    pub sound: bool,
    /// Whether a person may go past Chrome's warning of a certificate that is not trusted.
    pub certificate_exceptions: bool,
    /// Parent of each session's downloads and uploads; `None` takes a folder below `/var/tmp`.
    pub files_dir: Option<PathBuf>,
    /// The highest bitrate of a session's stream.
    pub bitrate: Bitrate,
    /// Whether bitrate, frame rate and resolution follow the estimated bandwidth.
    pub adapt: bool,
    /// The highest frame rate, in frames per second.
    pub frame_rate: u32,
    /// How long a session lives on without a viewer.
    pub grace: Duration,
    /// The same, if its last viewer closed the page and no script ever named the session. The shorter one counts.
    pub grace_closed: Duration,
    /// URL of a web search; `{}` stands for the words.
    pub search_url: String,
    /// Parent of each session's private directory; `None` takes `/run/farpane` or the user's runtime directory.
    pub runtime_dir: Option<PathBuf>,
    /// Directory of the built client: `pkg/farpane.{js,wasm,css}`.
    pub site_root: PathBuf,
    /// Directives of `tracing_subscriber::EnvFilter`.
    pub log: String,
    /// Whether each log line is a JSON object.
    pub log_json: bool,
}

/// Who has access.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Auth {
    /// Requests with this token.
    Token(String),
    /// Every request to the loopback address.
    None,
}

/// Why settings are not valid; each sentence names the setting and what to change.
#[allow(
    missing_docs,
    reason = "the sentence of each variant says what its fields are"
)]
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file of `--config`.
    #[error("{path} cannot be read: {source}")]
    File {
        path: PathBuf,
        source: std::io::Error,
    },
    /// `message` names the line and the key.
    #[error("{path} is not a valid configuration: {message}")]
    Syntax { path: PathBuf, message: String },
    /// No authentication on an address that other machines may reach.
    #[error(
        "--auth none requires a loopback address, and --listen is {0}: remove --auth none, or set --listen 127.0.0.1:PORT"
    )]
    AuthNoneBeyondLoopback(SocketAddr),
    /// Short, or with characters that a URL or a cookie does not take.
    #[error("--token must have at least 16 characters, of A-Z, a-z, 0-9, _ and - only")]
    WeakToken,
    /// A number outside its bounds.
    #[error("--{flag} must be between {least} and {most}, and is {given}")]
    OutOfRange {
        flag: &'static str,
        least: u64,
        most: u64,
        given: u64,
    },
    /// No `{}`, or no web address.
    #[error(
        "--search-url must start with https:// or http://, and contain {{}} in place of the words"
    )]
    SearchUrl,
    /// More or less than scheme, host and port.
    #[error(
        "--embed-origin {0:?} is not valid: use https://HOST or https://HOST:PORT, without a path"
    )]
    EmbedOrigin(String),
    /// Only white space.
    #[error("--scan-command names no program")]
    ScanCommand,
    /// No URL of RFC 7064 or RFC 7065, with TURN's credentials in front of the host.
    #[error("--ice-server {0:?} is not valid: use stun:HOST:PORT or turn:USER:PASSWORD@HOST:PORT")]
    IceServer(String),
}

impl Settings {
    /// Fills in the defaults and rejects contradictions. `random_token` is called if a token is needed and none is given.
    pub fn validate(self, random_token: impl FnOnce() -> String) -> Result<Config, ConfigError> {
        let listen = self.listen.unwrap_or_else(|| ([127, 0, 0, 1], 8080).into());
        let auth = match (self.auth.unwrap_or_default(), self.token) {
            (settings::AuthKind::None, _) if !listen.ip().is_loopback() => {
                return Err(ConfigError::AuthNoneBeyondLoopback(listen));
            }
            (settings::AuthKind::None, _) => Auth::None,
            (settings::AuthKind::Token, None) => Auth::Token(random_token()),
            (settings::AuthKind::Token, Some(token)) => Auth::Token(strong_token(token)?),
        };
        let search_url = self
            .search_url
            .unwrap_or_else(|| "https://duckduckgo.com/?q={}".to_owned());
        let is_web = search_url.starts_with("https://") || search_url.starts_with("http://");
        if !is_web || !search_url.contains("{}") {
            return Err(ConfigError::SearchUrl);
        }
        Ok(Config {
            listen,
            media_port: self.media_port.unwrap_or(8081),
            public_ips: self.public_ip,
            ice_servers: self
                .ice_server
                .into_iter()
                .map(ice_server)
                .collect::<Result<_, _>>()?,
            chrome: self.chrome,
            chrome_sandbox: !self.no_sandbox,
            auth,
            embed_origins: self
                .embed_origin
                .into_iter()
                .map(embed_origin)
                .collect::<Result<_, _>>()?,
            max_sessions: within("max-sessions", self.max_sessions.unwrap_or(10), 1, 1000)?
                as usize,
            size: self.size,
            max_pixels: within(
                "max-pixels",
                self.max_pixels.unwrap_or(2_400_000),
                320 * 240,
                3840 * 2160,
            )? as u32,
            clipboard: clipboard(
                self.clipboard.unwrap_or_default(),
                self.max_clipboard_text,
                self.max_clipboard_image,
            )?,
            files: FileLimits {
                downloads: self.downloads != Some(settings::Switch::Off),
                uploads: self.uploads != Some(settings::Switch::Off),
                file: mebibytes("max-file", self.max_file, 10 * 1024)?,
                session: mebibytes("max-files", self.max_files, 20 * 1024)?,
            },
            scan: self
                .scan_command
                .map(|command| command.parse().map_err(|_| ConfigError::ScanCommand))
                .transpose()?,
            printing: self.printing != Some(settings::Switch::Off),
            sound: self.sound != Some(settings::Switch::Off),
            certificate_exceptions: self.certificate_exceptions != Some(settings::Switch::Off),
            files_dir: self.files_dir,
            bitrate: self.bitrate.unwrap_or(Bitrate::kbps(6000)),
            adapt: self.adapt != Some(settings::Switch::Off),
            frame_rate: within("frame-rate", self.frame_rate.unwrap_or(60), 1, 60)? as u32,
            grace: Duration::from_secs(within(
                "grace",
                self.grace.unwrap_or(60),
                0,
                30 * 24 * 3600,
            )?),
            grace_closed: Duration::from_secs(within(
                "grace-closed",
                self.grace_closed.unwrap_or(20),
                0,
                30 * 24 * 3600,
            )?),
            search_url,
            runtime_dir: self.runtime_dir,
            site_root: self
                .site_root
                .unwrap_or_else(|| PathBuf::from("target/site")),
            log: self.log.unwrap_or_else(|| "info".to_owned()),
            log_json: self.log_json,
        })
    }
}

fn clipboard(
    way: settings::ClipboardWay,
    text: Option<u64>,
    image: Option<u64>,
) -> Result<ClipboardPolicy, ConfigError> {
    let text = within("max-clipboard-text", text.unwrap_or(1024), 1, 16 * 1024)?;
    let image = within(
        "max-clipboard-image",
        image.unwrap_or(8 * 1024),
        1,
        64 * 1024,
    )?;
    Ok(ClipboardPolicy {
        into_page: matches!(
            way,
            settings::ClipboardWay::Both | settings::ClipboardWay::In
        ),
        out_of_page: matches!(
            way,
            settings::ClipboardWay::Both | settings::ClipboardWay::Out
        ),
        limits: ClipboardLimits {
            text: text as usize * 1024,
            png: image as usize * 1024,
        },
    })
}

/// As bytes; up to 16 TiB.
fn mebibytes(flag: &'static str, given: Option<u64>, default: u64) -> Result<u64, ConfigError> {
    let mebibytes = within(flag, given.unwrap_or(default), 1, 16 * 1024 * 1024)?;
    Ok(mebibytes * 1024 * 1024)
}

fn strong_token(token: String) -> Result<String, ConfigError> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    if token.len() >= 16 && token.bytes().all(allowed) {
        Ok(token)
    } else {
        Err(ConfigError::WeakToken)
    }
}

fn within(flag: &'static str, given: u64, least: u64, most: u64) -> Result<u64, ConfigError> {
    if (least..=most).contains(&given) {
        Ok(given)
    } else {
        Err(ConfigError::OutOfRange {
            flag,
            least,
            most,
            given,
        })
    }
}

/// As browsers write it. Nothing else gets into a header.
fn embed_origin(text: String) -> Result<String, ConfigError> {
    let url = url::Url::parse(&text).ok();
    // A policy would take the star for every host.
    let is_web = |url: &url::Url| matches!(url.scheme(), "https" | "http") && !text.contains('*');
    let origin = url
        .filter(is_web)
        .map(|url| url.origin().ascii_serialization());
    let given = text.trim_end_matches('/');
    origin
        .filter(|origin| origin.eq_ignore_ascii_case(given))
        .ok_or(ConfigError::EmbedOrigin(text))
}

/// `stun:HOST:PORT`, `turn:USER:PASSWORD@HOST:PORT` or `turns:…`.
fn ice_server(text: String) -> Result<IceServer, ConfigError> {
    let invalid = || ConfigError::IceServer(text.clone());
    let (scheme, rest) = text.split_once(':').ok_or_else(invalid)?;
    match (scheme, rest.rsplit_once('@')) {
        ("stun" | "stuns", None) if !rest.is_empty() => Ok(IceServer {
            urls: vec![text.clone()],
            username: None,
            credential: None,
        }),
        ("turn" | "turns", Some((login, host))) if !host.is_empty() => {
            let (user, password) = login.split_once(':').ok_or_else(invalid)?;
            Ok(IceServer {
                urls: vec![format!("{scheme}:{host}")],
                username: Some(user.to_owned()),
                credential: Some(password.to_owned()),
            })
        }
        _ => Err(invalid()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(args: &[&str]) -> Result<Config, ConfigError> {
        let cli =
            <Cli as clap::Parser>::try_parse_from(["farpane", "serve"].iter().chain(args)).unwrap();
        let Command::Serve(settings) = cli.command;
        settings.validate(|| "a-random-token-of-some-length".to_owned())
    }

    #[test]
    fn without_settings_it_is_loopback_with_a_token() {
        let config = check(&[]).unwrap();
        assert!(config.listen.ip().is_loopback());
        assert!(matches!(config.auth, Auth::Token(token) if token.len() >= 16));
    }

    #[test]
    fn no_authentication_is_refused_beyond_loopback() {
        assert!(check(&["--auth", "none"]).is_ok());
        assert!(matches!(
            check(&["--auth", "none", "--listen", "0.0.0.0:8080"]),
            Err(ConfigError::AuthNoneBeyondLoopback(_))
        ));
    }

    #[test]
    fn a_budget_of_pixels_is_that_of_a_picture() {
        assert_eq!(check(&[]).unwrap().max_pixels, 2_400_000);
        assert_eq!(
            check(&["--max-pixels", "921600"]).unwrap().max_pixels,
            921_600
        );
        for pixels in ["0", "100000000"] {
            let refused = check(&["--max-pixels", pixels]).unwrap_err().to_string();
            assert!(refused.contains("max-pixels"), "{refused}");
        }
    }

    #[test]
    fn files_are_switched_and_bounded() {
        let files = check(&["--downloads", "off", "--max-file", "5"])
            .unwrap()
            .files;
        assert!(!files.downloads && files.uploads);
        assert_eq!(files.file, 5 * 1024 * 1024);
        assert!(check(&["--max-files", "0"]).is_err());
    }

    #[test]
    fn a_guessable_token_is_refused() {
        assert!(matches!(
            check(&["--token", "secret"]),
            Err(ConfigError::WeakToken)
        ));
        assert!(matches!(
            check(&["--token", "with spaces and more"]),
            Err(ConfigError::WeakToken)
        ));
    }

    #[test]
    fn an_origin_that_may_embed_has_a_scheme_and_a_host_and_no_more() {
        let origins =
            |origin: &str| check(&["--embed-origin", origin]).map(|config| config.embed_origins);
        for origin in ["https://app.example", "http://127.0.0.1:3000"] {
            assert_eq!(origins(origin).unwrap(), [origin]);
        }
        assert_eq!(
            origins("https://App.example/").unwrap(),
            ["https://app.example"]
        );
        assert_eq!(
            origins("https://a.example,https://b.example")
                .unwrap()
                .len(),
            2
        );
        for wrong in [
            "app.example",
            "https://*.example",
            "https://a.example/page",
            "https://a.example; script-src *",
            "data:a",
            "'self'",
            "*",
        ] {
            assert!(
                matches!(origins(wrong), Err(ConfigError::EmbedOrigin(_))),
                "{wrong}"
            );
        }
    }

    #[test]
    fn ice_servers_are_urls_with_credentials() {
        let config = check(&[
            "--ice-server",
            "stun:s:3478",
            "--ice-server",
            "turn:me:pw@t:3478",
        ])
        .unwrap();
        assert_eq!(config.ice_servers[1].username.as_deref(), Some("me"));
        assert_eq!(config.ice_servers[1].urls, ["turn:t:3478"]);
        assert!(check(&["--ice-server", "turn:t:3478"]).is_err());
    }
}
