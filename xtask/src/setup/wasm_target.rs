//! The compiler → one that compiles for the browser (`wasm32-unknown-unknown`).
//!
//! Three ways, the first that works: it is there; rustup brings it; or its standard library is built once from
//! Debian's `rust-src` of exactly the compiler's version. The last helps where rustup's own host cannot be reached.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::sources::{self, Mirror};
use crate::shell::{Failure, Result, output, run, say, which};
use crate::workspace::Workspace;

const TARGET: &str = "wasm32-unknown-unknown";

/// Where Debian keeps newer compilers than a stable release has, nearest first.
const SUITES: [&str; 3] = ["trixie-backports", "forky", "sid"];

pub fn install(workspace: &Workspace) -> Result<()> {
    // Asked of rustc and not composed from the sysroot, because distributions place it elsewhere.
    let libraries = PathBuf::from(output(workspace.command("rustc").args([
        "--print",
        "target-libdir",
        "--target",
        TARGET,
    ]))?);
    if has_std(&libraries) {
        return Ok(());
    }
    if which("rustup").is_some() {
        say(format_args!(
            "Installing Rust's {TARGET} target with rustup"
        ));
        match run(workspace.command("rustup").args(["target", "add", TARGET])) {
            Ok(()) if has_std(&libraries) => return Ok(()),
            Ok(()) => say("rustup brought it to another toolchain than the one in use"),
            Err(failure) => say(failure),
        }
    }
    build_std(workspace, &libraries).map_err(|failure| {
        Failure(format!(
            "Rust's {TARGET} target is missing: install it with `rustup target add {TARGET}`. \
             (Building it from Debian's sources failed too: {failure})"
        ))
    })
}

fn has_std(libraries: &Path) -> bool {
    fs::read_dir(libraries).is_ok_and(|files| {
        files.flatten().any(|file| {
            let name = file.file_name();
            let name = name.to_string_lossy();
            name.starts_with("libstd-") && name.ends_with(".rlib")
        })
    })
}

/// Debian's `rust-src` → the sysroot's sources → its libraries for the browser.
fn build_std(workspace: &Workspace, libraries: &Path) -> Result<()> {
    let version = output(workspace.command("rustc").arg("--version"))?;
    let version = version.split(' ').nth(1).unwrap_or_default().to_owned();
    say(format_args!(
        "Building Rust's {TARGET} target from Debian's sources of Rust {version} (about a minute)"
    ));
    let scratch = workspace.target.join("xtask/wasm-std");
    let _ = fs::remove_dir_all(&scratch);
    let made = fetch(&version, &scratch).and_then(|library| {
        let placed = place_sources(workspace, &library)?;
        let built = compile(workspace, &scratch);
        if let Some(sources) = placed {
            let _ = fs::remove_dir_all(sources);
        }
        place_libraries(&built?, libraries)
    });
    // 300 MB that nobody needs again; left-overs do no harm.
    let _ = fs::remove_dir_all(&scratch);
    made
}

/// Gets the package of exactly this version and unpacks it; gives its `library` folder.
///
/// apt is pointed at folders of our own: the machine's sources and lists stay as they are, and root is not needed.
fn fetch(version: &str, scratch: &Path) -> Result<PathBuf> {
    if which("apt-get").is_none() {
        return Err(Failure::new("there is no apt-get."));
    }
    let mirror =
        debian_mirror().ok_or_else(|| Failure::new("apt's sources name no Debian mirror."))?;
    let lists = scratch.join("lists");
    let archives = scratch.join("cache/archives");
    for folder in [&lists, &archives] {
        fs::create_dir_all(folder.join("partial"))
            .map_err(Failure::of("cannot make a folder for apt"))?;
    }
    let source = scratch.join("suite.sources");
    let apt = |program: &str| {
        let mut command = Command::new(program);
        let option = |name: &str, value: &Path| format!("--option={name}={}", value.display());
        command
            .arg(option("Dir::Etc::sourcelist", &source))
            .arg(option("Dir::Etc::sourceparts", Path::new("-")))
            .arg(option("Dir::State::lists", &lists))
            .arg(option("Dir::Cache", &scratch.join("cache")))
            // Root's downloads are done by another user, who may not write here.
            .arg("--option=APT::Sandbox::User=root")
            .arg("--quiet")
            .current_dir(scratch);
        command
    };
    for suite in SUITES {
        fs::write(&source, mirror.source_for(suite))
            .map_err(Failure::of("cannot write a source for apt"))?;
        if let Err(failure) = run(apt("apt-get").arg("update")) {
            say(failure);
            continue;
        }
        let madison = output(apt("apt-cache").args(["madison", "rust-src"]))?;
        let Some(package) = sources::version_of(&madison, version) else {
            continue;
        };
        run(apt("apt-get").args(["download", &format!("rust-src={package}")]))?;
        return unpack(version, scratch);
    }
    Err(Failure(format!(
        "none of {} has rust-src {version}.",
        SUITES.join(", ")
    )))
}

fn unpack(version: &str, scratch: &Path) -> Result<PathBuf> {
    let package = fs::read_dir(scratch)
        .map_err(Failure::of("cannot list the download"))?
        .flatten()
        .map(|file| file.path())
        .find(|path| path.extension().is_some_and(|extension| extension == "deb"))
        .ok_or_else(|| Failure::new("apt-get download left no package."))?;
    let unpacked = scratch.join("unpacked");
    run(Command::new("dpkg-deb")
        .arg("--extract")
        .arg(package)
        .arg(&unpacked))?;
    Ok(unpacked.join(format!("usr/src/rustc-{version}/library")))
}

/// The mirror of this very Debian release in apt's configuration.
fn debian_mirror() -> Option<Mirror> {
    let release = fs::read_to_string("/etc/os-release").ok()?;
    let suite = release
        .lines()
        .find_map(|line| line.strip_prefix("VERSION_CODENAME="))?
        .trim_matches('"');
    let parts = fs::read_dir("/etc/apt/sources.list.d")
        .into_iter()
        .flatten()
        .flatten()
        .map(|file| file.path());
    std::iter::once(PathBuf::from("/etc/apt/sources.list"))
        .chain(parts)
        .find_map(|path| {
            let text = fs::read_to_string(&path).ok()?;
            match path.extension()?.to_str()? {
                "sources" => sources::in_deb822(&text, suite),
                "list" => sources::in_list(&text, suite),
                _ => None,
            }
        })
}

/// Puts the sources where `-Zbuild-std` looks for them; gives the folder to remove afterwards, because rustup does not
/// know of it and would stumble over it one day. `None` if they were there already.
fn place_sources(workspace: &Workspace, library: &Path) -> Result<Option<PathBuf>> {
    let place = workspace.sysroot.join("lib/rustlib/src/rust/library");
    if place.is_dir() {
        return Ok(None);
    }
    // Without `vendor`: Debian's copies of crates lack what cargo checks; it fetches the real ones.
    let _ = fs::remove_dir_all(library.join("vendor"));
    copy_folder(library, &place)?;
    Ok(Some(place))
}

/// All of it or, when interrupted, nothing: a half-filled folder would be taken for a whole one next time.
fn copy_folder(from: &Path, to: &Path) -> Result<()> {
    let half = to.with_extension("half");
    let _ = fs::remove_dir_all(&half);
    fs::create_dir_all(&half).map_err(Failure::of(format!(
        "cannot write to the toolchain's folder `{}`",
        half.display()
    )))?;
    run(Command::new("cp")
        .arg("--recursive")
        .arg(from.join("."))
        .arg(&half))?;
    fs::rename(&half, to).map_err(Failure::of(format!(
        "cannot make the toolchain's folder `{}`",
        to.display()
    )))
}

/// Builds `std` as the dependency of an empty crate; gives the folder with its libraries.
fn compile(workspace: &Workspace, scratch: &Path) -> Result<PathBuf> {
    let krate = scratch.join("empty");
    fs::create_dir_all(krate.join("src"))
        .and_then(|()| {
            let manifest = "[package]\nname = \"empty\"\nedition = \"2024\"\n\n[workspace]\n";
            fs::write(krate.join("Cargo.toml"), manifest)
        })
        .and_then(|()| fs::write(krate.join("src/lib.rs"), ""))
        .map_err(Failure::of("cannot write an empty crate"))?;
    let mut cargo = workspace.command("cargo");
    cargo
        // `-Z` on a stable compiler: it is about its own standard library, of its own version.
        .env("RUSTC_BOOTSTRAP", "1")
        .env("CARGO_TARGET_DIR", krate.join("target"))
        .args(["build", "--release", "--target", TARGET])
        .arg("-Zbuild-std=std,panic_abort,panic_unwind")
        .current_dir(&krate);
    run(&mut cargo)?;
    Ok(krate.join(format!("target/{TARGET}/release/deps")))
}

/// Leaves only libraries in the folder of the build, and puts it into the toolchain.
fn place_libraries(built: &Path, libraries: &Path) -> Result<()> {
    for file in fs::read_dir(built)
        .map_err(Failure::of("cannot list the built libraries"))?
        .flatten()
    {
        let name = file.file_name();
        let name = name.to_string_lossy();
        if !name.ends_with(".rlib") || name.starts_with("libempty-") {
            fs::remove_file(file.path()).map_err(Failure::of("cannot tidy the built libraries"))?;
        }
    }
    if !has_std(built) {
        return Err(Failure::new("cargo built no standard library."));
    }
    // An empty folder is what rustup may have left.
    let _ = fs::remove_dir(libraries);
    copy_folder(built, libraries)
}
