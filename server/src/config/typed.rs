//! What was typed: command line over environment over TOML file.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use serde::Deserialize;
use shared::geometry::VideoSize;

use super::ConfigError;
use crate::bitrate::Bitrate;

/// A browser far away, inside your own.
#[derive(clap::Parser, Debug)]
#[command(name = "farpane", version)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
}

#[derive(clap::Subcommand, Debug)]
pub enum Command {
    /// Start the server and print the URL to open.
    Serve(Box<Typed>),
}

/// Whether the stream follows the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Adapt {
    On,
    Off,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum AuthKind {
    #[default]
    Token,
    None,
}

/// Every setting is also an environment variable `FARPANE_…` and a key of the TOML file (`media_port = 8081`).
#[derive(clap::Args, Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Typed {
    /// Address and port of the pages and server functions [default: 127.0.0.1:8080]
    #[arg(long, env = "FARPANE_LISTEN", value_name = "IP:PORT")]
    pub listen: Option<SocketAddr>,

    /// One port for the pictures, over UDP and over TCP; 0 takes a free one [default: 8081]
    #[arg(long, env = "FARPANE_MEDIA_PORT", value_name = "PORT")]
    pub media_port: Option<u16>,

    /// Address under which viewers reach this machine, if it is not its own (repeatable)
    #[arg(
        long,
        env = "FARPANE_PUBLIC_IP",
        value_name = "IP",
        value_delimiter = ','
    )]
    pub public_ip: Vec<IpAddr>,

    /// stun:HOST:PORT or turn:USER:PASSWORD@HOST:PORT for the viewers (repeatable)
    #[arg(
        long,
        env = "FARPANE_ICE_SERVER",
        value_name = "URL",
        value_delimiter = ','
    )]
    pub ice_server: Vec<String>,

    /// Chrome's or Chromium's program [default: looked for in the usual places]
    #[arg(long, env = "FARPANE_CHROME", value_name = "PATH")]
    pub chrome: Option<PathBuf>,

    /// Run Chrome without its sandbox: only inside a container that gives no user namespaces
    #[arg(long, env = "FARPANE_NO_SANDBOX")]
    pub no_sandbox: bool,

    /// Who may come in: whoever has the token, or (loopback only) everybody [default: token]
    #[arg(long, env = "FARPANE_AUTH", value_name = "KIND")]
    pub auth: Option<AuthKind>,

    /// The token, 16 characters or more [default: a random one, printed at the start]
    #[arg(long, env = "FARPANE_TOKEN", hide_env_values = true)]
    pub token: Option<String>,

    /// Sessions at the same time; one more is refused [default: 10]
    #[arg(long, env = "FARPANE_MAX_SESSIONS", value_name = "N")]
    pub max_sessions: Option<u64>,

    /// Size of the remote page [default: 1280x720]
    #[arg(long, env = "FARPANE_SIZE", value_name = "WxH")]
    #[serde(deserialize_with = "from_text")]
    pub size: Option<VideoSize>,

    /// Ceiling of a session's stream, such as 6M or 2500k bits per second [default: 6M]
    #[arg(long, env = "FARPANE_BITRATE", value_name = "RATE")]
    #[serde(deserialize_with = "from_text")]
    pub bitrate: Option<Bitrate>,

    /// Whether bitrate, frame rate and size follow what each viewer's network carries; off is for comparison [default: on]
    #[arg(long, env = "FARPANE_ADAPT", value_name = "on|off")]
    pub adapt: Option<Adapt>,

    /// Pictures per second at most, 1 to 60 [default: 60]
    #[arg(long, env = "FARPANE_FRAME_RATE", value_name = "FPS")]
    pub frame_rate: Option<u64>,

    /// Seconds that a session lives on without a viewer [default: 60]
    #[arg(long, env = "FARPANE_GRACE", value_name = "SECONDS", value_parser = seconds)]
    pub grace: Option<u64>,

    /// As before, if its last viewer closed the page and no script ever named the session [default: 20]
    #[arg(long, env = "FARPANE_GRACE_CLOSED", value_name = "SECONDS", value_parser = seconds)]
    pub grace_closed: Option<u64>,

    /// Where words typed as an address are looked up; {} stands for them [default: https://duckduckgo.com/?q={}]
    #[arg(long, env = "FARPANE_SEARCH_URL", value_name = "URL")]
    pub search_url: Option<String>,

    /// Directory for each session's private files [default: /run/farpane as root, else the user's runtime directory]
    #[arg(long, env = "FARPANE_RUNTIME_DIR", value_name = "DIR")]
    pub runtime_dir: Option<PathBuf>,

    /// Directory of the built client [default: target/site]
    #[arg(long, env = "LEPTOS_SITE_ROOT", value_name = "DIR")]
    pub site_root: Option<PathBuf>,

    /// What to log, for example info or farpane=debug [default: info]
    #[arg(long, env = "FARPANE_LOG", value_name = "FILTER")]
    pub log: Option<String>,

    /// Log one JSON object a line
    #[arg(long, env = "FARPANE_LOG_JSON")]
    pub log_json: bool,

    /// TOML file with any of these settings
    #[arg(long, env = "FARPANE_CONFIG", value_name = "FILE")]
    #[serde(skip)]
    pub config: Option<PathBuf>,
}

impl Typed {
    /// Adds what the configuration file says, where nothing was typed.
    pub fn with_file(self) -> Result<Typed, ConfigError> {
        match self.config.clone() {
            None => Ok(self),
            Some(path) => {
                let text = std::fs::read_to_string(&path).map_err(|source| ConfigError::File {
                    path: path.clone(),
                    source,
                })?;
                Ok(self.over(parse(&path, &text)?))
            }
        }
    }

    fn over(self, file: Typed) -> Typed {
        let list = |typed: Vec<_>, file| if typed.is_empty() { file } else { typed };
        Typed {
            listen: self.listen.or(file.listen),
            media_port: self.media_port.or(file.media_port),
            public_ip: if self.public_ip.is_empty() {
                file.public_ip
            } else {
                self.public_ip
            },
            ice_server: list(self.ice_server, file.ice_server),
            chrome: self.chrome.or(file.chrome),
            no_sandbox: self.no_sandbox || file.no_sandbox,
            auth: self.auth.or(file.auth),
            token: self.token.or(file.token),
            max_sessions: self.max_sessions.or(file.max_sessions),
            size: self.size.or(file.size),
            bitrate: self.bitrate.or(file.bitrate),
            adapt: self.adapt.or(file.adapt),
            frame_rate: self.frame_rate.or(file.frame_rate),
            grace: self.grace.or(file.grace),
            grace_closed: self.grace_closed.or(file.grace_closed),
            search_url: self.search_url.or(file.search_url),
            runtime_dir: self.runtime_dir.or(file.runtime_dir),
            site_root: self.site_root.or(file.site_root),
            log: self.log.or(file.log),
            log_json: self.log_json || file.log_json,
            config: self.config,
        }
    }
}

fn parse(path: &Path, text: &str) -> Result<Typed, ConfigError> {
    toml::from_str(text).map_err(|error| ConfigError::Syntax {
        path: path.to_owned(),
        message: error.to_string(),
    })
}

/// A value that is written in the file as on the command line.
fn from_text<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: serde::Deserializer<'de>,
    T: std::str::FromStr,
    T::Err: std::fmt::Display,
{
    let text = String::deserialize(deserializer)?;
    text.parse().map(Some).map_err(serde::de::Error::custom)
}

/// `60` or `60s`.
fn seconds(text: &str) -> Result<u64, String> {
    text.strip_suffix('s')
        .unwrap_or(text)
        .parse()
        .map_err(|_| format!("{text:?} is no number of seconds"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_typed_goes_over_the_file() {
        let file = parse(
            Path::new("f.toml"),
            "media_port = 9000\nsize = \"800x600\"\nbitrate = \"3M\"\ngrace = 5",
        )
        .unwrap();
        let typed = Typed {
            media_port: Some(1234),
            ..Typed::default()
        };
        let both = typed.over(file);
        assert_eq!(both.media_port, Some(1234));
        assert_eq!(both.grace, Some(5));
        assert_eq!(both.size.map(VideoSize::width), Some(800));
    }

    #[test]
    fn an_unknown_key_is_named() {
        let error = parse(Path::new("f.toml"), "meda_port = 1").unwrap_err();
        assert!(error.to_string().contains("meda_port"), "{error}");
    }
}
