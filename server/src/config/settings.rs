//! Settings as given: the command line overrides the environment, which overrides the TOML file.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use serde::Deserialize;
use shared::geometry::VideoSize;

use super::ConfigError;
use crate::bitrate::Bitrate;

/// A remote browser inside your own.
#[derive(clap::Parser, Debug)]
#[command(name = "farpane", version)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The subcommands.
#[derive(clap::Subcommand, Debug)]
pub enum Command {
    /// Start the server and print the URL to open.
    Serve(Box<Settings>),
}

/// Whether there is something that can be done without.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Switch {
    /// There is.
    On,
    /// There is not.
    Off,
}

/// Which way the clipboard goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum ClipboardWay {
    /// Into pages and out of them.
    #[default]
    Both,
    /// Into pages alone.
    In,
    /// Out of pages alone.
    Out,
    /// Neither.
    Off,
}

/// How requests are authenticated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum AuthKind {
    /// By a token, as a bearer or a cookie.
    #[default]
    Token,
    /// Not at all; on a loopback address only.
    None,
}

/// Every setting is also an environment variable `FARPANE_…` and a key of the TOML file (`media_port = 8081`).
#[derive(clap::Args, Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// IP address and TCP port of HTTP: pages, server functions, web sockets [default: 127.0.0.1:8080]
    #[arg(long, env = "FARPANE_LISTEN", value_name = "IP:PORT")]
    pub listen: Option<SocketAddr>,

    /// Port of WebRTC, video and input alike: UDP and TCP; 0 takes a free one [default: 8081]
    #[arg(long, env = "FARPANE_MEDIA_PORT", value_name = "PORT")]
    pub media_port: Option<u16>,

    /// Public IP address of this machine, if it is behind NAT (repeatable)
    #[arg(
        long,
        env = "FARPANE_PUBLIC_IP",
        value_name = "IP",
        value_delimiter = ','
    )]
    pub public_ip: Vec<IpAddr>,

    /// ICE server for the viewers: stun:HOST:PORT or turn:USER:PASSWORD@HOST:PORT (repeatable)
    #[arg(
        long,
        env = "FARPANE_ICE_SERVER",
        value_name = "URL",
        value_delimiter = ','
    )]
    pub ice_server: Vec<String>,

    /// Chrome's or Chromium's program [default: the first found at the usual paths]
    #[arg(long, env = "FARPANE_CHROME", value_name = "PATH")]
    pub chrome: Option<PathBuf>,

    /// Run Chrome without its sandbox: only if a container is the security boundary and has no user namespaces
    #[arg(long, env = "FARPANE_NO_SANDBOX")]
    pub no_sandbox: bool,

    /// Authentication: by token, or none, which requires a loopback address [default: token]
    #[arg(long, env = "FARPANE_AUTH", value_name = "KIND")]
    pub auth: Option<AuthKind>,

    /// The token: 16 characters or more, of A-Z, a-z, 0-9, _ and - [default: a random one, printed at startup]
    #[arg(long, env = "FARPANE_TOKEN", hide_env_values = true)]
    pub token: Option<String>,

    /// Origin of pages that may show Farpane in a frame, such as https://app.example (repeatable)
    #[arg(
        long,
        env = "FARPANE_EMBED_ORIGIN",
        value_name = "ORIGIN",
        value_delimiter = ','
    )]
    pub embed_origin: Vec<String>,

    /// Highest number of sessions at the same time; opening one more is refused [default: 10]
    #[arg(long, env = "FARPANE_MAX_SESSIONS", value_name = "N")]
    pub max_sessions: Option<u64>,

    /// Fixed size of the remote page in pixels, such as 1280x720 [default: as large as the viewer's window]
    #[arg(long, env = "FARPANE_SIZE", value_name = "WxH")]
    #[serde(deserialize_with = "from_text")]
    pub size: Option<VideoSize>,

    /// A page that follows the viewer's window has at most so many pixels: beyond it loses sharpness, then size [default: 2400000]
    #[arg(long, env = "FARPANE_MAX_PIXELS", value_name = "N")]
    pub max_pixels: Option<u64>,

    /// Which way the clipboard goes: into pages, out of them, both or neither [default: both]
    #[arg(long, env = "FARPANE_CLIPBOARD", value_name = "both|in|out|off")]
    pub clipboard: Option<ClipboardWay>,

    /// Largest text that is copied or pasted, in KiB [default: 1024]
    #[arg(long, env = "FARPANE_MAX_CLIPBOARD_TEXT", value_name = "KIB")]
    pub max_clipboard_text: Option<u64>,

    /// Largest picture that is copied or pasted, in KiB of PNG [default: 8192]
    #[arg(long, env = "FARPANE_MAX_CLIPBOARD_IMAGE", value_name = "KIB")]
    pub max_clipboard_image: Option<u64>,

    /// Whether pages may give files to the person [default: on]
    #[arg(long, env = "FARPANE_DOWNLOADS", value_name = "on|off")]
    pub downloads: Option<Switch>,

    /// Whether the person may give files to pages [default: on]
    #[arg(long, env = "FARPANE_UPLOADS", value_name = "on|off")]
    pub uploads: Option<Switch>,

    /// Whether a page can be had as PDF [default: on]
    #[arg(long, env = "FARPANE_PRINTING", value_name = "on|off")]
    pub printing: Option<Switch>,

    /// Whether pages are heard [default: on]
    #[arg(long, env = "FARPANE_SOUND", value_name = "on|off")]
    pub sound: Option<Switch>,

    /// Program that scans each file before it is handed over, with its arguments: reads it, exits with 0 or says why not
    #[arg(long, env = "FARPANE_SCAN_COMMAND", value_name = "COMMAND")]
    pub scan_command: Option<String>,

    /// Whether a person may go past Chrome's warning of a certificate that is not trusted [default: on]
    #[arg(long, env = "FARPANE_CERTIFICATE_EXCEPTIONS", value_name = "on|off")]
    pub certificate_exceptions: Option<Switch>,

    /// Largest file that is downloaded or uploaded, in MiB [default: 10240]
    #[arg(long, env = "FARPANE_MAX_FILE", value_name = "MIB")]
    pub max_file: Option<u64>,

    /// How much a session's downloads may take on the server's disk, and its uploads likewise, in MiB [default: 20480]
    #[arg(long, env = "FARPANE_MAX_FILES", value_name = "MIB")]
    pub max_files: Option<u64>,

    /// Parent directory of downloads and uploads, until they are handed over [default: a folder below /var/tmp]
    #[arg(long, env = "FARPANE_FILES_DIR", value_name = "DIR")]
    pub files_dir: Option<PathBuf>,

    /// Highest bitrate of a session's stream in bits per second, such as 6M or 2500k [default: 6M]
    #[arg(long, env = "FARPANE_BITRATE", value_name = "RATE")]
    #[serde(deserialize_with = "from_text")]
    pub bitrate: Option<Bitrate>,

    /// Whether bitrate, frame rate and resolution follow the estimated bandwidth; off is for measurements [default: on]
    #[arg(long, env = "FARPANE_ADAPT", value_name = "on|off")]
    pub adapt: Option<Switch>,

    /// Highest frame rate in frames per second, 1 to 60 [default: 60]
    #[arg(long, env = "FARPANE_FRAME_RATE", value_name = "FPS")]
    pub frame_rate: Option<u64>,

    /// Seconds after which a session without a viewer ends [default: 60]
    #[arg(long, env = "FARPANE_GRACE", value_name = "SECONDS", value_parser = seconds)]
    pub grace: Option<u64>,

    /// Seconds after which such a session ends if its last viewer closed the page and no script ever named it [default: 20]
    #[arg(long, env = "FARPANE_GRACE_CLOSED", value_name = "SECONDS", value_parser = seconds)]
    pub grace_closed: Option<u64>,

    /// Web search for words that are entered as an address; {} stands for the words [default: https://duckduckgo.com/?q={}]
    #[arg(long, env = "FARPANE_SEARCH_URL", value_name = "URL")]
    pub search_url: Option<String>,

    /// Parent directory of Chrome's profiles [default: /run/farpane as root, else the user's runtime directory]
    #[arg(long, env = "FARPANE_RUNTIME_DIR", value_name = "DIR")]
    pub runtime_dir: Option<PathBuf>,

    /// Directory of the built client [default: target/site]
    #[arg(long, env = "LEPTOS_SITE_ROOT", value_name = "DIR")]
    pub site_root: Option<PathBuf>,

    /// Log filter, such as info or farpane=debug [default: info]
    #[arg(long, env = "FARPANE_LOG", value_name = "FILTER")]
    pub log: Option<String>,

    /// Log a JSON object per line
    #[arg(long, env = "FARPANE_LOG_JSON")]
    pub log_json: bool,

    /// TOML file with any of these settings
    #[arg(long, env = "FARPANE_CONFIG", value_name = "FILE")]
    #[serde(skip)]
    pub config: Option<PathBuf>,
}

impl Settings {
    /// Takes what neither flags nor environment set from the configuration file, if there is one.
    pub fn with_file(self) -> Result<Settings, ConfigError> {
        match self.config.clone() {
            None => Ok(self),
            Some(path) => {
                let text = std::fs::read_to_string(&path).map_err(|source| ConfigError::File {
                    path: path.clone(),
                    source,
                })?;
                Ok(self.or(parse(&path, &text)?))
            }
        }
    }

    fn or(self, file: Settings) -> Settings {
        Settings {
            listen: self.listen.or(file.listen),
            media_port: self.media_port.or(file.media_port),
            public_ip: or_list(self.public_ip, file.public_ip),
            ice_server: or_list(self.ice_server, file.ice_server),
            chrome: self.chrome.or(file.chrome),
            no_sandbox: self.no_sandbox || file.no_sandbox,
            auth: self.auth.or(file.auth),
            token: self.token.or(file.token),
            embed_origin: or_list(self.embed_origin, file.embed_origin),
            max_sessions: self.max_sessions.or(file.max_sessions),
            size: self.size.or(file.size),
            max_pixels: self.max_pixels.or(file.max_pixels),
            clipboard: self.clipboard.or(file.clipboard),
            max_clipboard_text: self.max_clipboard_text.or(file.max_clipboard_text),
            max_clipboard_image: self.max_clipboard_image.or(file.max_clipboard_image),
            downloads: self.downloads.or(file.downloads),
            uploads: self.uploads.or(file.uploads),
            printing: self.printing.or(file.printing),
            sound: self.sound.or(file.sound),
            scan_command: self.scan_command.or(file.scan_command),
            certificate_exceptions: self.certificate_exceptions.or(file.certificate_exceptions),
            max_file: self.max_file.or(file.max_file),
            max_files: self.max_files.or(file.max_files),
            files_dir: self.files_dir.or(file.files_dir),
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

fn or_list<T>(given: Vec<T>, file: Vec<T>) -> Vec<T> {
    if given.is_empty() { file } else { given }
}

fn parse(path: &Path, text: &str) -> Result<Settings, ConfigError> {
    toml::from_str(text).map_err(|error| ConfigError::Syntax {
        path: path.to_owned(),
        message: error.to_string(),
    })
}

/// A value that is a string in the file, written as on the command line.
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
        .map_err(|_| format!("{text:?} is not a number of seconds"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_override_the_file() {
        let file = parse(
            Path::new("f.toml"),
            "media_port = 9000\nsize = \"800x600\"\nbitrate = \"3M\"\ngrace = 5",
        )
        .unwrap();
        let flags = Settings {
            media_port: Some(1234),
            ..Settings::default()
        };
        let both = flags.or(file);
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
