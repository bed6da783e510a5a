//! Sources → the server's binary, and the page's files in `site/pkg` laid out as cargo-leptos does.

mod page;
mod style;

use std::collections::BTreeSet;
use std::path::PathBuf;

use crate::shell::{Failure, Result, run, say};
use crate::workspace::Workspace;

/// How cargo builds (and clippy checks) the client for the browser.
pub const CLIENT: [&str; 6] = [
    "--package=client",
    "--lib",
    "--no-default-features",
    "--features=hydrate",
    "--target=wasm32-unknown-unknown",
    "--profile=wasm-release",
];

/// Everything that `farpane serve` needs.
pub fn all(workspace: &Workspace) -> Result<()> {
    client(workspace)?;
    server(workspace)
}

/// `client/` and `style/` → `site/pkg/farpane.{js,wasm,css}`.
pub fn client(workspace: &Workspace) -> Result<()> {
    say("Building the page (WebAssembly)");
    let sources = workspace.dependency_sources()?;
    run(workspace
        .cargo("build")
        .args(CLIENT)
        .args(["--config", &without_folders(&sources)]))?;
    page::generate(workspace)
}

/// Cargo's `--config` value → a file that holds the names of its dependencies' sources (each panic has one) without
/// these folders: smaller, and the same on every machine.
fn without_folders(folders: &BTreeSet<PathBuf>) -> String {
    let flags: Vec<_> = folders
        .iter()
        .map(|folder| format!("--remap-path-prefix={}/=", folder.display()))
        .collect();
    format!("target.wasm32-unknown-unknown.rustflags={flags:?}")
}

/// `server/` → `target/release/farpane`.
pub fn server(workspace: &Workspace) -> Result<()> {
    // Without it openh264's assembly is silently left out, and encoding takes three times as long.
    if cfg!(target_arch = "x86_64") && crate::shell::which("nasm").is_none() {
        return Err(Failure::new(
            "`nasm` is missing, and without it the encoder is three times slower: install it with `sudo apt-get install nasm`.",
        ));
    }
    say("Building the server");
    run(workspace
        .cargo("build")
        .args(["--release", "--package=server", "--bin=farpane"]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_cut_off_as_cargo_is_told_it() {
        let folders = BTreeSet::from(["/a b/src".into(), "/c".into()]);
        assert_eq!(
            without_folders(&folders),
            r#"target.wasm32-unknown-unknown.rustflags=["--remap-path-prefix=/a b/src/=", "--remap-path-prefix=/c/="]"#
        );
    }
}
