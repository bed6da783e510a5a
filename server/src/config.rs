//! What was typed (flags, environment, file), then what it means, checked once.

mod typed;

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use shared::api::IceServer;
use shared::geometry::VideoSize;

pub use typed::{Cli, Command, Typed};

use crate::bitrate::Bitrate;

/// What `farpane serve` runs with; nothing here can contradict itself any more.
#[derive(Clone, Debug)]
pub struct Config {
    pub listen: SocketAddr,
    /// UDP and TCP port of the pictures; 0 takes a free one.
    pub media_port: u16,
    /// Addresses under which viewers reach this machine when they differ from its own (NAT 1:1).
    pub public_ips: Vec<IpAddr>,
    /// Handed to every viewer.
    pub ice_servers: Vec<IceServer>,
    /// `None` looks in the usual places.
    pub chrome: Option<PathBuf>,
    pub chrome_sandbox: bool,
    pub auth: Auth,
    pub max_sessions: usize,
    pub size: VideoSize,
    /// The ceiling of a session's stream.
    pub bitrate: Bitrate,
    /// The stream follows what each viewer's network carries.
    pub adapt: bool,
    /// Pictures per second at most.
    pub frame_rate: u32,
    /// How long a session lives on without a viewer.
    pub grace: Duration,
    /// As before, if its last viewer closed the page and no script ever named the session. The shorter one counts.
    pub grace_closed: Duration,
    /// `{}` stands for the words.
    pub search_url: String,
    /// Holds each session's private directory; `None` takes `/run/farpane` or the user's runtime directory.
    pub runtime_dir: Option<PathBuf>,
    /// The client: `pkg/farpane.{js,wasm,css}`.
    pub site_root: PathBuf,
    /// Directives of `tracing_subscriber::EnvFilter`.
    pub log: String,
    pub log_json: bool,
}

/// Who may come in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Auth {
    /// Who knows the token.
    Token(String),
    /// Everybody who reaches the loopback address.
    None,
}

/// What was typed cannot be meant.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    #[error("{path} cannot be read: {source}")]
    File {
        path: PathBuf,
        source: std::io::Error,
    },
    #[error("{path} is not a valid configuration: {message}")]
    Syntax { path: PathBuf, message: String },
    #[error(
        "--auth none lets everybody in, so it works on a loopback address only, and --listen is {0}: leave --auth away, or listen on 127.0.0.1"
    )]
    OpenToTheWorld(SocketAddr),
    #[error(
        "the token must have at least 16 characters of [A-Za-z0-9_-]: anybody can try to guess it"
    )]
    WeakToken,
    #[error("--{flag} must be between {least} and {most}, and is {given}")]
    OutOfRange {
        flag: &'static str,
        least: u64,
        most: u64,
        given: u64,
    },
    #[error("--search-url needs {{}} where the words go, and must start with https:// or http://")]
    SearchUrl,
    #[error(
        "{0:?} is no STUN or TURN address: write stun:HOST:PORT, or turn:USER:PASSWORD@HOST:PORT"
    )]
    IceServer(String),
}

impl Typed {
    /// Fills in the defaults and refuses what contradicts itself. `random_token` is used when authentication is on and no
    /// token was given.
    pub fn check(self, random_token: impl FnOnce() -> String) -> Result<Config, ConfigError> {
        let listen = self.listen.unwrap_or_else(|| ([127, 0, 0, 1], 8080).into());
        let auth = match (self.auth.unwrap_or_default(), self.token) {
            (typed::AuthKind::None, _) if !listen.ip().is_loopback() => {
                return Err(ConfigError::OpenToTheWorld(listen));
            }
            (typed::AuthKind::None, _) => Auth::None,
            (typed::AuthKind::Token, None) => Auth::Token(random_token()),
            (typed::AuthKind::Token, Some(token)) => Auth::Token(strong(token)?),
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
            max_sessions: within("max-sessions", self.max_sessions.unwrap_or(10), 1, 1000)?
                as usize,
            size: self.size.unwrap_or_default(),
            bitrate: self.bitrate.unwrap_or(Bitrate::kbps(6000)),
            adapt: self.adapt != Some(typed::Adapt::Off),
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

fn strong(token: String) -> Result<String, ConfigError> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    if token.len() >= 16 && token.bytes().all(plain) {
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

/// `stun:HOST:PORT`, `turn:USER:PASSWORD@HOST:PORT` or `turns:…`.
fn ice_server(text: String) -> Result<IceServer, ConfigError> {
    let wrong = || ConfigError::IceServer(text.clone());
    let (scheme, rest) = text.split_once(':').ok_or_else(wrong)?;
    match (scheme, rest.rsplit_once('@')) {
        ("stun" | "stuns", None) if !rest.is_empty() => Ok(IceServer {
            urls: vec![text.clone()],
            username: None,
            credential: None,
        }),
        ("turn" | "turns", Some((login, host))) if !host.is_empty() => {
            let (user, password) = login.split_once(':').ok_or_else(wrong)?;
            Ok(IceServer {
                urls: vec![format!("{scheme}:{host}")],
                username: Some(user.to_owned()),
                credential: Some(password.to_owned()),
            })
        }
        _ => Err(wrong()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(args: &[&str]) -> Result<Config, ConfigError> {
        let cli =
            <Cli as clap::Parser>::try_parse_from(["farpane", "serve"].iter().chain(args)).unwrap();
        let Command::Serve(typed) = cli.command;
        typed.check(|| "a-random-token-of-some-length".to_owned())
    }

    #[test]
    fn nothing_typed_is_loopback_with_a_token() {
        let config = check(&[]).unwrap();
        assert!(config.listen.ip().is_loopback());
        assert!(matches!(config.auth, Auth::Token(token) if token.len() >= 16));
    }

    #[test]
    fn no_authentication_is_refused_beyond_loopback() {
        assert!(check(&["--auth", "none"]).is_ok());
        assert!(matches!(
            check(&["--auth", "none", "--listen", "0.0.0.0:8080"]),
            Err(ConfigError::OpenToTheWorld(_))
        ));
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
    fn ice_servers_are_read_as_people_write_them() {
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
