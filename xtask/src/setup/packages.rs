//! What this machine has → Debian packages installed for the rest.

use std::os::unix::fs::MetadataExt;
use std::path::Path;

use super::Purpose;
use super::needs::{self, Installer, Probe};
use crate::shell::{Failure, Result, run, say, succeeds, which};
use crate::workspace::Workspace;

pub fn install(workspace: &Workspace, purpose: Purpose) -> Result<()> {
    let missing: Vec<_> = needs::needs(purpose, std::env::consts::ARCH)
        .into_iter()
        .filter(|need| !is_met(need.probe))
        .collect();
    let installer = Installer {
        apt_get: which("apt-get").is_some(),
        root: Path::new("/proc/self")
            .metadata()
            .is_ok_and(|own| own.uid() == 0),
        sudo: which("sudo").is_some(),
        // Where it runs, rather than where it is only installed.
        systemd: Path::new("/run/systemd/system").is_dir(),
    };
    let commands = needs::commands(&missing, installer).map_err(Failure)?;
    let Some((install, before)) = commands.split_last() else {
        return Ok(());
    };
    let names: Vec<_> = missing.iter().map(|need| need.package).collect();
    say(format_args!(
        "Installing with apt-get: {}",
        names.join(", ")
    ));
    for words in before {
        // A list that could not be fetched (some other vendor's) need not be the one we install from.
        if let Err(failure) = run(&mut command(workspace, words)) {
            say(format_args!("Going on all the same: {failure}"));
        }
    }
    run(&mut command(workspace, install))?;
    if names.contains(&"nasm") {
        // Compiled without nasm before, it would stay as it is: slow.
        run(workspace
            .cargo("clean")
            .args(["--quiet", "--release", "--package=openh264-sys2"]))?;
    }
    Ok(())
}

fn command(workspace: &Workspace, words: &[String]) -> std::process::Command {
    let mut command = workspace.command(&words[0]);
    command.args(&words[1..]);
    command
}

fn is_met(probe: Probe) -> bool {
    match probe {
        Probe::Program(names) => names.iter().any(|name| which(name).is_some()),
        Probe::Library(name) => {
            succeeds(std::process::Command::new("pkg-config").args(["--exists", name]))
        }
        Probe::File(path) => Path::new(path).exists(),
        Probe::Package(names) => {
            which("dpkg-query").is_none() || names.iter().any(|name| is_installed(name))
        }
    }
}

fn is_installed(package: &str) -> bool {
    // dpkg-query succeeds for removed packages too; their status tells.
    std::process::Command::new("dpkg-query")
        .args(["--show", "--showformat=${db:Status-Status}", package])
        .output()
        .is_ok_and(|output| output.stdout == b"installed")
}
