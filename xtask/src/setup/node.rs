//! Node, for tests and measurements in a browser: is it new enough, and are `end2end`'s packages those of its lock file?

use std::fs;

use crate::shell::{Failure, Result, output, run, say, which};
use crate::workspace::Workspace;

const OLDEST_MAJOR: u32 = 20;

/// One sentence when Node or npm is missing or too old; installing it is left to the person.
pub fn check(workspace: &Workspace) -> Result<()> {
    let version = match which("node") {
        Some(node) => Some(output(workspace.command(node).arg("--version"))?),
        None => None,
    };
    complaint(version.as_deref(), which("npm").is_some())
        .map_or(Ok(()), |sentence| Err(Failure(sentence)))
}

/// `end2end/node_modules` as `package-lock.json` says; nothing when it is so already.
pub fn install_packages(workspace: &Workspace) -> Result<()> {
    let folder = workspace.end2end();
    let lock = fs::read(folder.join("package-lock.json"))
        .map_err(Failure::of("Cannot read `end2end/package-lock.json`"))?;
    // A copy of the lock file that was installed last; npm itself would take seconds to find out.
    let installed = folder.join("node_modules/.installed-lock.json");
    if fs::read(&installed).is_ok_and(|old| old == lock) {
        return Ok(());
    }
    say("Installing the browser tests' packages with npm");
    run(workspace
        .command("npm")
        .args(["ci", "--no-audit", "--no-fund", "--ignore-scripts"])
        .current_dir(&folder))?;
    fs::write(&installed, lock).map_err(Failure::of("Cannot write to `end2end/node_modules`"))
}

/// What is wrong with this Node (`v20.1.0`) and how to mend it.
fn complaint(version: Option<&str>, npm: bool) -> Option<String> {
    let found = match version {
        None => "there is none".to_owned(),
        Some(version) if major(version).is_none_or(|major| major < OLDEST_MAJOR) => {
            format!("this is {version}")
        }
        Some(_) if !npm => "its npm is missing".to_owned(),
        Some(_) => return None,
    };
    Some(format!(
        "Tests in a browser need Node {OLDEST_MAJOR} or newer, and {found}: install it with \
         `curl -fsSL https://deb.nodesource.com/setup_{OLDEST_MAJOR}.x | sudo bash - && sudo apt-get install -y nodejs`."
    ))
}

fn major(version: &str) -> Option<u32> {
    version.strip_prefix('v')?.split('.').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn node_20_and_newer_will_do() {
        for version in ["v20.0.0", "v24.1.2"] {
            assert_eq!(complaint(Some(version), true), None, "{version}");
        }
    }

    #[test]
    fn the_sentence_says_what_is_there_and_what_mends_it() {
        for (version, npm, found) in [
            (None, true, "there is none"),
            (Some("v18.19.0"), true, "v18.19.0"),
            (Some("nonsense"), true, "nonsense"),
            (Some("v20.0.0"), false, "npm"),
        ] {
            let sentence = complaint(version, npm).unwrap();
            assert!(sentence.contains(found), "{sentence}");
            assert!(sentence.contains("apt-get install -y nodejs"), "{sentence}");
        }
    }
}
