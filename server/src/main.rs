//! `farpane serve`: what was typed → a running server, until it is asked to stop.

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;
use farpane::config::{Cli, Command, Config, ConfigError};
use farpane::serve::{ServeError, serve};
use tracing_subscriber::EnvFilter;

/// Three or four harmless warnings for every connection.
const NOISY: &str = "rtc=error,rtc_ice=error,rtc_dtls=error,rtc_sctp=error,chromiumoxide=error";

fn main() -> ExitCode {
    let Command::Serve(typed) = Cli::parse().command;
    let config = typed
        .with_file()
        .and_then(|typed| typed.check(farpane::ids::random_token));
    let result = config.map_err(Failure::Config).and_then(run);
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            // The terminal may be gone; there is nobody else to tell.
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
    #[error("the runtime cannot be started: {0}")]
    Runtime(std::io::Error),
    #[error(transparent)]
    Serve(ServeError),
}

fn run(config: Config) -> Result<(), Failure> {
    let filter = EnvFilter::try_new(format!("{NOISY},{}", config.log)).map_err(Failure::Log)?;
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
        // Whoever closed the output knows the address already.
        let _ = writeln!(out, "Farpane is ready. Open {url}").and_then(|()| out.flush());
    };
    runtime
        .block_on(serve(config, announce))
        .map_err(Failure::Serve)
}
