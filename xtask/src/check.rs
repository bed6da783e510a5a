//! What must pass: format, clippy and every test, each a step that is told and timed.

use crate::build;
use crate::setup::node;
use crate::shell::{Result, run, run_tests};
use crate::steps::Steps;
use crate::workspace::Workspace;

/// One invocation for all that runs natively, so that their dependencies are compiled with one set of features.
/// `xtask` is apart: its own dependencies would change the features of the server's.
const NATIVE: [&str; 5] = [
    "--package=shared",
    "--package=client",
    "--package=server",
    "--features=client/ssr",
    // The lint and test profile is the product's, so that dependencies are compiled once.
    "--release",
];

pub fn format_and_lints(workspace: &Workspace, steps: &mut Steps) -> Result<()> {
    steps.step("Format", || {
        run(workspace.cargo("fmt").args(["--all", "--check"]))
    })?;
    steps.step("Clippy: server, client on the server, shared", || {
        run(workspace
            .cargo("clippy")
            .args(NATIVE)
            .args(["--all-targets", "--", "-Dwarnings"]))
    })?;
    steps.step("Clippy: client in the browser", || {
        run(workspace
            .cargo("clippy")
            .args(build::CLIENT)
            .args(["--", "-Dwarnings"]))
    })?;
    steps.step("Clippy: xtask", || {
        run(workspace.cargo("clippy").args([
            "--release",
            "--package=xtask",
            "--all-targets",
            "--",
            "-Dwarnings",
        ]))
    })
}

/// `playwright_args` select among the tests in the browser; the others all run.
pub fn tests(workspace: &Workspace, steps: &mut Steps, playwright_args: &[String]) -> Result<()> {
    steps.step("Client", || build::client(workspace))?;
    steps.step("Server", || build::server(workspace))?;
    steps.step("Packages of the browser tests", || {
        node::install_packages(workspace)
    })?;
    steps.tests("Tests: xtask", |tally| {
        let mut command = workspace.cargo("test");
        run_tests(command.args(["--release", "--package=xtask"]), tally)
    })?;
    steps.tests("Tests: shared, client, server", |tally| {
        let mut command = workspace.cargo("test");
        run_tests(command.args(NATIVE), tally)
    })?;
    steps.tests("Tests: whole journeys in a browser", |tally| {
        let mut command = workspace.command_with_product("npx");
        command
            .args(["--no-install", "playwright", "test"])
            .args(playwright_args)
            .current_dir(workspace.end2end());
        run_tests(&mut command, tally)
    })
}
