//! The client's WebAssembly and `style/main.css` → `site/pkg`, only when one of them changed.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use wasm_bindgen_cli_support::Bindgen;

use super::style;
use crate::shell::{Failure, Result, run, say};
use crate::workspace::{OUTPUT_NAME, Workspace};

/// The page's files, by their extension.
const FILES: [&str; 3] = ["js", "wasm", "css"];

/// Writes `site/pkg` anew, beside the old one, and swaps them, so that a running server never serves half of it.
pub fn generate(workspace: &Workspace) -> Result<()> {
    let wasm = workspace
        .target
        .join("wasm32-unknown-unknown/wasm-release/client.wasm");
    let css = workspace.root.join("style/main.css");
    let pkg = workspace.site().join("pkg");
    let stamp_file = workspace.target.join("xtask/page.stamp");
    let stamp = stamp(&wasm, &css)?;
    let complete = FILES
        .iter()
        .all(|extension| file_in(&pkg, extension).is_file());
    if complete && fs::read_to_string(&stamp_file).is_ok_and(|old| old == stamp) {
        return Ok(());
    }

    say("Generating the page's JavaScript and style");
    let new = workspace.site().join("pkg.new");
    let old = workspace.site().join("pkg.old");
    remove(&new)?;
    bindgen(&wasm, &new)?;
    fs::write(file_in(&new, "css"), style::minified(&css)?)
        .map_err(Failure::of("Cannot write the style"))?;
    // The server sends these to browsers that take them, without compressing anew for each viewer.
    run(workspace
        .command("gzip")
        .args(["--best", "--keep", "--no-name"])
        .args(FILES.map(|extension| file_in(&new, extension))))?;
    remove(&old)?;
    if pkg.exists() {
        rename(&pkg, &old)?;
    }
    rename(&new, &pkg)?;
    remove(&old)?;

    write_with_folder(&stamp_file, &stamp)
}

/// `client.wasm` → `farpane.js` and `farpane.wasm` in `folder`.
fn bindgen(wasm: &Path, folder: &Path) -> Result<()> {
    let failed = |cause| Failure(format!("wasm-bindgen failed: {cause:#}"));
    Bindgen::new()
        .input_path(wasm)
        .out_name(OUTPUT_NAME)
        .web(true)
        .map_err(failed)?
        // Names of Rust functions are a third of the file and only serve a debugger.
        .remove_name_section(true)
        .remove_producers_section(true)
        .generate(folder)
        .map_err(failed)?;
    // Leptos' page asks for this name when it was compiled with LEPTOS_OUTPUT_NAME set (.cargo/config.toml).
    rename(
        &folder.join(format!("{OUTPUT_NAME}_bg.wasm")),
        &file_in(folder, "wasm"),
    )
}

fn file_in(folder: &Path, extension: &str) -> PathBuf {
    folder.join(format!("{OUTPUT_NAME}.{extension}"))
}

/// Changes whenever the result could: with either source, and with this program.
fn stamp(wasm: &Path, css: &Path) -> Result<String> {
    let program = std::env::current_exe().map_err(Failure::of("Cannot find this program"))?;
    let mut stamp = String::new();
    for path in [wasm, css, &program] {
        let file =
            fs::metadata(path).map_err(Failure::of(format!("`{}` is missing", path.display())))?;
        let modified = file
            .modified()
            .map_err(Failure::of("This file system keeps no modification times"))?
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default();
        stamp.push_str(&format!(
            "{} {} {}\n",
            path.display(),
            file.len(),
            modified.as_nanos()
        ));
    }
    Ok(stamp)
}

fn remove(folder: &Path) -> Result<()> {
    match fs::remove_dir_all(folder) {
        Err(cause) if cause.kind() != std::io::ErrorKind::NotFound => Err(Failure(format!(
            "Cannot remove `{}`: {cause}",
            folder.display()
        ))),
        _ => Ok(()),
    }
}

fn rename(from: &Path, to: &Path) -> Result<()> {
    fs::rename(from, to).map_err(Failure::of(format!(
        "Cannot rename `{}` to `{}`",
        from.display(),
        to.display()
    )))
}

fn write_with_folder(path: &Path, text: &str) -> Result<()> {
    path.parent()
        .map_or(Ok(()), fs::create_dir_all)
        .and_then(|()| fs::write(path, text))
        .map_err(Failure::of(format!("Cannot write `{}`", path.display())))
}
