//! Pure: the environment `cargo run` gave to us → what our own children must not see of it.
//!
//! Cargo describes the running package in variables. Build scripts that watch them (ring's does) would run again
//! at every change between `cargo xtask …` and plain `cargo …`, and rebuild half the tree.

use std::path::{Path, PathBuf};

/// Whether this variable describes *our* package and not the machine.
pub fn is_ours(name: &str) -> bool {
    const PREFIXES: [&str; 2] = ["CARGO_PKG_", "CARGO_MANIFEST_"];
    const NAMES: [&str; 4] = [
        "CARGO_BIN_NAME",
        "CARGO_CRATE_NAME",
        "CARGO_PRIMARY_PACKAGE",
        "OUT_DIR",
    ];
    PREFIXES.iter().any(|prefix| name.starts_with(prefix)) || NAMES.contains(&name)
}

/// The library path without the folders cargo put in front: its build output and the toolchain's own libraries.
pub fn library_path_without(
    library_path: impl IntoIterator<Item = PathBuf>,
    target: &Path,
    sysroot: &Path,
) -> Vec<PathBuf> {
    library_path
        .into_iter()
        .filter(|folder| !folder.starts_with(target) && !folder.starts_with(sysroot))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_describes_the_package_is_ours_and_what_configures_cargo_is_not() {
        for ours in ["CARGO_PKG_NAME", "CARGO_MANIFEST_DIR", "OUT_DIR"] {
            assert!(is_ours(ours), "{ours}");
        }
        for others in ["CARGO_TARGET_DIR", "CARGO_HOME", "CARGO", "PATH"] {
            assert!(!is_ours(others), "{others}");
        }
    }

    #[test]
    fn the_persons_own_library_path_stays() {
        let path = ["/t/release/deps", "/opt/lib", "/tool/lib"].map(PathBuf::from);
        assert_eq!(
            library_path_without(path, Path::new("/t"), Path::new("/tool")),
            [PathBuf::from("/opt/lib")]
        );
    }
}
