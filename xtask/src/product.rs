//! The built product → started for a person.

use std::os::unix::process::CommandExt;
use std::process::Command;

use crate::shell::{Failure, Result, say};
use crate::workspace::Workspace;

/// Becomes `farpane serve …`; returns only if that failed.
///
/// In our place and not as a child, so that signals and the exit status are its own.
pub fn serve(workspace: &Workspace, args: &[String]) -> Result<()> {
    say("Starting Farpane");
    let mut command = workspace.command_with_product(workspace.farpane());
    command.arg("serve").args(args);
    keep_folder(&mut command);
    Err(Failure::of("Cannot start Farpane")(command.exec()))
}

/// Paths in farpane's arguments are meant from where the person stands.
fn keep_folder(command: &mut Command) {
    if let Ok(here) = std::env::current_dir() {
        command.current_dir(here);
    }
}
