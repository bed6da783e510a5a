//! `farpane serve`: settings → a running server, until it is told to stop.

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;
use farpane::config::{Cli, Command, Config, ConfigError};
use farpane::serve::{ServeError, serve};
use tracing_subscriber::EnvFilter;

/// These log three or four harmless warnings per connection.
const QUIET: &str = "rtc=error,rtc_ice=error,rtc_dtls=error,rtc_sctp=error";

fn main() -> ExitCode {
    let Command::Serve(settings) = Cli::parse().command;
    let config = settings
        .with_file()
        .and_then(|settings| settings.validate(farpane::ids::random_token));
    let result = config.map_err(Failure::Config).and_then(run);
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            // The terminal may be closed; there is nowhere else to report it.
            let _ = writeln!(std::io::stderr(), "farpane: {failure}");
            ExitCode::FAILURE
        }
    }
}

#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Config(ConfigError),
    #[error("--log: {0}")]
    Log(tracing_subscriber::filter::ParseError),
    #[error("the async runtime cannot be started: {0}")]
    Runtime(std::io::Error),
    #[error(transparent)]
    Serve(ServeError),
}

fn run(config: Config) -> Result<(), Failure> {
    let filter = EnvFilter::try_new(format!("{QUIET},{}", config.log)).map_err(Failure::Log)?;
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr);
    match config.log_json {
        true => log.json().init(),
        false => log.init(),
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(Failure::Runtime)?;
    let announce = |url: &str| {
        let mut out = std::io::stdout();
        // A closed stdout is no reason not to serve.
        let _ = writeln!(out, "Farpane is ready. Open {url}").and_then(|()| out.flush());
    };
    runtime
        .block_on(serve(config, announce))
        .map_err(Failure::Serve)
}
