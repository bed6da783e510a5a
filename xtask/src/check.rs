//! What must pass: format, clippy, documentation, dependencies and every test, each a step that is told and timed.

use crate::build;
use crate::namespace;
use crate::setup::{node, tools};
use crate::shell::{Result, run, run_tests, say};
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

/// Every link in a doc comment leads somewhere.
pub fn documentation(workspace: &Workspace, steps: &mut Steps) -> Result<()> {
    let doc = || {
        let mut command = workspace.cargo("doc");
        // What `--help` prints is a doc comment too, and has addresses as one types them. Who reads what is linked from
        // a public item to a private one has the sources.
        let flags = "-Dwarnings -Arustdoc::bare_urls -Arustdoc::private_intra_doc_links";
        command.arg("--no-deps").env("RUSTDOCFLAGS", flags);
        command
    };
    steps.step("Documentation", || {
        run(doc().args(NATIVE))?;
        run(doc().args(["--release", "--package=xtask"]))
    })
}

/// As `deny.toml` says.
pub fn dependencies(workspace: &Workspace, steps: &mut Steps) -> Result<()> {
    let deny = || {
        let mut command = workspace.command(tools::DENY.program(workspace));
        command.arg("--locked");
        command
    };
    steps.step("Dependencies: licences, duplicates, sources", || {
        // A warning is an exception that nothing needs any more.
        let what = ["licenses", "bans", "sources"];
        run(deny().args(["check", "--deny=warnings"]).args(what))
    })?;
    steps.step("Dependencies: known vulnerabilities", || {
        if run(deny().args(["fetch", "db"])).is_err() {
            say("Not checked: RustSec's database of vulnerabilities cannot be reached from here.");
            return Ok(());
        }
        run(deny().args(["check", "--disable-fetch", "advisories"]))
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
    let playwright = |program: &str, words: &[&str]| {
        let mut command = workspace.command_with_product(program);
        command
            .args(words)
            .args(["--no-install", "playwright", "test"])
            .current_dir(workspace.end2end());
        if !playwright_args.is_empty() {
            // What was asked for may be in the other folder.
            command.arg("--pass-with-no-tests").args(playwright_args);
        }
        command
    };
    steps.tests("Tests: whole journeys in a browser", |tally| {
        run_tests(&mut playwright("npx", &[]), tally)
    })?;
    steps.tests("Tests: networks that fail", |tally| {
        let Some(namespace) = namespace::fresh() else {
            say(
                "Skipped: this kernel gives no network namespaces (inside a container, start it with \
                 `--privileged`; for users other than root, `sysctl -w kernel.unprivileged_userns_clone=1`).",
            );
            return Ok(());
        };
        let words: Vec<_> = namespace.iter().copied().chain(["npx"]).collect();
        let mut command = playwright("unshare", &words);
        run_tests(command.arg("--config=faults.config.ts"), tally)
    })
}
