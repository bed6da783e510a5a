//! Where we are: the checkout, cargo's target folder, and how programs are started from there.

use std::collections::BTreeSet;
use std::env;
use std::path::PathBuf;
use std::process::Command;

use cargo_metadata::MetadataCommand;

use crate::environment;
use crate::shell::{Failure, Result, output};

/// Leptos' `output-name`: what the files in `site/pkg` are called.
pub const OUTPUT_NAME: &str = "farpane";

/// The checkout and its target folder.
pub struct Workspace {
    pub root: PathBuf,
    /// Cargo's own answer, so `CARGO_TARGET_DIR` and a config file count.
    pub target: PathBuf,
    /// The Rust toolchain's folder.
    pub sysroot: PathBuf,
    /// Whether cargo must leave `Cargo.lock` as it is.
    locked: bool,
}

impl Workspace {
    /// Asks cargo and rustc; works from any folder inside the checkout.
    pub fn find(locked: bool) -> Result<Workspace> {
        // Set by `cargo run`; when the program is started by hand, the checkout it was built from.
        let xtask =
            env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
        let metadata = MetadataCommand::new()
            .current_dir(xtask)
            .no_deps()
            .exec()
            .map_err(Failure::of("`cargo metadata` failed"))?;
        let root = metadata.workspace_root.into_std_path_buf();
        let sysroot = output(
            Command::new("rustc")
                .args(["--print", "sysroot"])
                .current_dir(&root),
        )?;
        Ok(Workspace {
            root,
            target: metadata.target_directory.into_std_path_buf(),
            sysroot: sysroot.into(),
            locked,
        })
    }

    /// The folders that hold the sources of dependencies. Downloads what is not there yet.
    pub fn dependency_sources(&self) -> Result<BTreeSet<PathBuf>> {
        let metadata = output(self.cargo("metadata").arg("--format-version=1"))?;
        let metadata =
            MetadataCommand::parse(metadata).map_err(Failure::of("`cargo metadata` failed"))?;
        let dependencies = metadata.packages.iter().filter(|it| it.source.is_some());
        Ok(dependencies
            .filter_map(|it| Some(it.manifest_path.parent()?.parent()?.into()))
            .collect())
    }

    /// Leptos' `site-root`, as an absolute path.
    pub fn site(&self) -> PathBuf {
        self.target.join("site")
    }

    /// The built server.
    pub fn farpane(&self) -> PathBuf {
        self.target.join("release/farpane")
    }

    /// Cargo's subcommand `task`, in the checkout.
    pub fn cargo(&self, task: &str) -> Command {
        let mut command = self.command(cargo());
        command.arg(task);
        if self.locked && task != "fmt" {
            command.arg("--locked");
        }
        command
    }

    /// A program started in the checkout, without what cargo put into our own environment.
    pub fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new(program);
        command.current_dir(&self.root);
        for (name, _) in env::vars_os() {
            if name.to_str().is_some_and(environment::is_ours) {
                command.env_remove(name);
            }
        }
        if let Some(path) = env::var_os("LD_LIBRARY_PATH") {
            let folders = env::split_paths(&path);
            let kept = environment::library_path_without(folders, &self.target, &self.sysroot);
            match env::join_paths(&kept) {
                Ok(path) if !kept.is_empty() => command.env("LD_LIBRARY_PATH", path),
                _ => command.env_remove("LD_LIBRARY_PATH"),
            };
        }
        command.env("LEPTOS_OUTPUT_NAME", OUTPUT_NAME);
        command
    }

    /// A program that gets to know the built product: its binary and its site.
    pub fn command_with_product(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = self.command(program);
        command
            .env("FARPANE_BIN", self.farpane())
            .env("FARPANE_SITE", self.site())
            .env("LEPTOS_SITE_ROOT", self.site());
        command
    }

    pub fn end2end(&self) -> PathBuf {
        self.root.join("end2end")
    }
}

/// The very cargo that started us.
fn cargo() -> std::ffi::OsString {
    env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}
