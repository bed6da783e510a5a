//! This machine → one that can build and run Farpane. Looks first, installs only what is missing, says what it does.

// What is missing, and how it comes.
mod needs;
mod packages;
// The compiler's half for the browser.
mod sources;
mod wasm_target;
// For tests in a browser.
pub mod node;
// For checks of dependencies.
pub mod tools;

use crate::shell::{Failure, Result, run, say, succeeds};
use crate::workspace::Workspace;

/// What the machine is set up for; each needs a little more than building.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    Build,
    /// `own_chrome`: the person names the Chrome to run, so none is installed.
    Run {
        own_chrome: bool,
    },
    Bench,
    Test,
    Ci,
}

impl Purpose {
    pub fn run(farpane_args: &[String]) -> Purpose {
        let named = |arg: &String| arg == "--chrome" || arg.starts_with("--chrome=");
        Purpose::Run {
            own_chrome: farpane_args.iter().any(named)
                || std::env::var_os("FARPANE_CHROME").is_some(),
        }
    }

    fn with_node(self) -> bool {
        matches!(self, Purpose::Bench | Purpose::Test | Purpose::Ci)
    }
}

/// Everything up to the first build.
pub fn prepare(workspace: &Workspace, purpose: Purpose) -> Result<()> {
    // First what only the person can mend, before minutes are spent.
    if purpose.with_node() {
        node::check(workspace)?;
    }
    packages::install(workspace, purpose)?;
    wasm_target::install(workspace)?;
    if purpose == Purpose::Ci {
        lint_tools(workspace)?;
        tools::DENY.install(workspace)?;
    }
    Ok(())
}

fn lint_tools(workspace: &Workspace) -> Result<()> {
    let present = ["fmt", "clippy"]
        .iter()
        .all(|tool| succeeds(workspace.command("cargo").args([tool, "--version"])));
    if present {
        return Ok(());
    }
    say("Installing rustfmt and clippy");
    run(workspace
        .command("rustup")
        .args(["component", "add", "rustfmt", "clippy"]))
    .map_err(|failure| {
        Failure(format!(
            "rustfmt and clippy are missing (`rustup component add rustfmt clippy`). {failure}"
        ))
    })
}
