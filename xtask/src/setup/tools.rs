//! Cargo's subcommands that only checks need → built from crates.io, each of exactly one version.
//!
//! Into the target folder: what a person has installed for themselves is neither used nor replaced.

use std::path::PathBuf;

use crate::shell::{Failure, Result, output, run, say};
use crate::workspace::Workspace;

/// One subcommand, and the crate of the same name that it is in.
pub struct Tool {
    name: &'static str,
    version: &'static str,
    options: &'static [&'static str],
}

/// Licences, duplicates, sources and known vulnerabilities of all dependencies.
pub const DENY: Tool = Tool {
    name: "cargo-deny",
    version: "0.20.2",
    // Without the platform's own certificates: git fetches what comes from elsewhere than crates.io.
    options: &["--no-default-features"],
};

/// Builds and runs what is in `fuzz/`.
pub const FUZZ: Tool = Tool {
    name: "cargo-fuzz",
    version: "0.13.2",
    options: &[],
};

impl Tool {
    /// Where its program is, once it has been installed.
    pub fn program(&self, workspace: &Workspace) -> PathBuf {
        folder(workspace).join("bin").join(self.name)
    }

    pub fn install(&self, workspace: &Workspace) -> Result<()> {
        let (name, version) = (self.name, self.version);
        let program = self.program(workspace);
        let is_there = program.is_file()
            && output(workspace.command(&program).arg("--version"))
                .is_ok_and(|said| said.split(' ').any(|word| word == version));
        if is_there {
            return Ok(());
        }
        say(format_args!("Building {name} {version} from crates.io"));
        run(workspace
            .command("cargo")
            // Optimised it takes minutes to build, to save a second of each use.
            .env("CARGO_PROFILE_RELEASE_OPT_LEVEL", "0")
            .env("CARGO_PROFILE_RELEASE_LTO", "off")
            .env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16")
            .args(["install", "--quiet", "--locked", "--force"])
            .arg("--root")
            .arg(folder(workspace))
            .args(self.options)
            .arg(format!("{name}@={version}")))
        .map_err(|failure| Failure(format!("{name} cannot be installed. {failure}")))
    }
}

fn folder(workspace: &Workspace) -> PathBuf {
    workspace.target.join("xtask/tools")
}
