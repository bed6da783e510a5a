//! The built product → measured through a real browser: on this machine, or on links that are made for it.

// Words → what lies between server and viewer.
mod link;
// A link → the kernel's part, and ours.
mod line;
mod relay;
mod rules;
// Where all that happens, and how it is removed.
mod namespaces;

use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::process::{Child, ChildStdin, ChildStdout, Stdio};

use crate::setup::node;
use crate::shell::{Failure, Result, run, say, succeeds};
use crate::workspace::Workspace;

pub use namespaces::janitor;
pub use relay::run as relay;

use link::Link;
use namespaces::Namespaces;

/// Which of the two, and its own arguments.
#[derive(Debug, PartialEq, Eq)]
pub enum Bench<'a> {
    /// Latency, smoothness and cost without a network in between.
    Here(&'a [String]),
    /// How it holds on emulated links. `built`: what is built already is measured as it is.
    Links { args: Vec<String>, built: bool },
}

impl Bench<'_> {
    pub fn read(args: &[String]) -> Bench<'_> {
        if args.iter().any(|arg| arg == "--links") {
            let own = ["--links", "--built", "--"];
            Bench::Links {
                args: args
                    .iter()
                    .filter(|arg| !own.contains(&arg.as_str()))
                    .cloned()
                    .collect(),
                built: args.iter().any(|arg| arg == "--built"),
            }
        } else {
            Bench::Here(args)
        }
    }

    /// What only the person can mend.
    pub fn check(&self) -> Result<()> {
        match self {
            Bench::Here(_) => Ok(()),
            Bench::Links { .. } => Namespaces::check(),
        }
    }

    pub fn wants_build(&self) -> bool {
        !matches!(self, Bench::Links { built: true, .. })
    }

    pub fn run(&self, workspace: &Workspace) -> Result<()> {
        node::install_packages(workspace)?;
        match self {
            Bench::Here(args) => {
                say("Measuring through a real browser");
                run(workspace
                    .command_with_product("node")
                    .arg("bench.mjs")
                    .args(*args)
                    .current_dir(workspace.end2end()))
            }
            Bench::Links { args, .. } => on_links(workspace, args),
        }
    }
}

/// The server and what measures are in one namespace, the viewer's browser in another, the link in the third. What
/// measures says when the link changes: a line `link rate=1M loss=3%` on its stdout, answered on its stdin.
fn on_links(workspace: &Workspace, args: &[String]) -> Result<()> {
    say("Making the links");
    let namespaces = Namespaces::make()?;
    let mut emulator = Emulator::start(&namespaces)?;
    say("Measuring through a real browser");
    let mut measuring = workspace.command_with_product("nsenter");
    namespaces.enter(&mut measuring, "server");
    let mut measuring = measuring
        .args(["node", "bench-links.mjs"])
        .args(args)
        .current_dir(workspace.end2end())
        .env("TMPDIR", namespaces.folder())
        .env("LINKS_SCRATCH", &workspace.target)
        .env("LINKS_HERE", std::env::current_dir().unwrap_or_default())
        .env("LINKS_SERVER_IP", namespaces::SERVER_IP)
        .env("LINKS_PUBLIC_IP", namespaces::LINK_IP_AT_VIEWER)
        .env("LINKS_MEDIA_PORT", rules::MEDIA_PORT.to_string())
        .env("LINKS_VIEWER_NAMESPACE", namespaces.path("viewer"))
        .env("LINKS_VIEWER_DEVICE", namespaces::VIEWER_DEVICE)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(Failure::of("Cannot start Node"))?;
    let mut answers = measuring.stdin.take().expect("its stdin was just piped");
    let asked = measuring.stdout.take().expect("its stdout was just piped");
    for line in BufReader::new(asked).lines() {
        let line = line.map_err(Failure::of("Cannot read what is measured"))?;
        match line.strip_prefix("link ") {
            None => println!("{line}"),
            Some(words) => {
                let link = Link::read(words.split_whitespace()).map_err(Failure)?;
                emulator.become_link(&link)?;
                writeln!(answers, "ok").map_err(Failure::of("Lost what measures"))?;
            }
        }
    }
    let status = measuring
        .wait()
        .map_err(Failure::of("Lost what measures"))?;
    if status.success() {
        Ok(())
    } else {
        Err(Failure(format!("The measurement failed ({status}).")))
    }
}

/// What makes the three namespaces a link.
struct Emulator<'a> {
    namespaces: &'a Namespaces,
    relay: Child,
    to_relay: ChildStdin,
    from_relay: BufReader<ChildStdout>,
    /// Whether this kernel has the token bucket; otherwise the relay is the bottleneck too.
    token_bucket: bool,
    has_bucket: bool,
}

impl Emulator<'_> {
    fn start(namespaces: &Namespaces) -> Result<Emulator<'_>> {
        let myself = std::env::current_exe().map_err(Failure::of("Cannot find this program"))?;
        let at = |ip: &str| -> Result<String> {
            let ip = ip.parse().map_err(Failure::of("The relay's address"))?;
            Ok(SocketAddr::new(ip, rules::MEDIA_PORT).to_string())
        };
        let mut relay = namespaces
            .inside("link", myself)
            .arg("bench-relay")
            .arg(at(namespaces::LINK_IP_AT_VIEWER)?)
            .arg(at(namespaces::SERVER_IP)?)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(Failure::of("Cannot start the relay"))?;
        let to_relay = relay.stdin.take().expect("its stdin was just piped");
        let from_relay = BufReader::new(relay.stdout.take().expect("its stdout was just piped"));
        let probe = Link::read(["rate=1M", "queue=100ms"]).map_err(Failure)?;
        let mut emulator = Emulator {
            namespaces,
            relay,
            to_relay,
            from_relay,
            token_bucket: rules::bottleneck(namespaces::LINK_DEVICE, &probe)
                .is_some_and(|words| succeeds(&mut namespaces.tc("link", &words))),
            has_bucket: true,
        };
        if !emulator.token_bucket {
            say("This kernel has no token bucket: the relay is the bottleneck");
            emulator.has_bucket = false;
        }
        emulator.become_link(&Link::default())?;
        Ok(emulator)
    }

    /// Returns when every part of it holds.
    fn become_link(&mut self, link: &Link) -> Result<()> {
        let by_relay = Link {
            rate: link.rate.filter(|_| !self.token_bucket),
            ..*link
        };
        writeln!(self.to_relay, "{by_relay}")
            .and_then(|()| self.to_relay.flush())
            .map_err(Failure::of("Lost the relay"))?;
        let mut answer = String::new();
        self.from_relay
            .read_line(&mut answer)
            .map_err(Failure::of("Lost the relay"))?;
        if answer.trim() != "ok" {
            return Err(Failure::new("The relay does not answer any more."));
        }
        if self.token_bucket {
            self.bottleneck(link)?;
        }
        let at_viewer = rules::loss(namespaces::VIEWER_DEVICE, link);
        let at_link = rules::loss(namespaces::LINK_DEVICE, link);
        self.namespaces.nft("viewer", &at_viewer)?;
        self.namespaces.nft("link", &at_link)
    }

    fn bottleneck(&mut self, link: &Link) -> Result<()> {
        let device = namespaces::LINK_DEVICE;
        match rules::bottleneck(device, link) {
            Some(words) => run(&mut self.namespaces.tc("link", &words))?,
            None if self.has_bucket => {
                let words = ["qdisc", "delete", "dev", device, "root"].map(str::to_owned);
                run(&mut self.namespaces.tc("link", &words))?;
            }
            None => {}
        }
        self.has_bucket = link.rate.is_some();
        Ok(())
    }
}

impl Drop for Emulator<'_> {
    fn drop(&mut self) {
        // It has nothing to tidy up.
        let _ = self.relay.kill();
        let _ = self.relay.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_measured_only_when_asked_for() {
        let args = |words: &[&str]| {
            words
                .iter()
                .map(|&word| word.to_owned())
                .collect::<Vec<_>>()
        };
        let here = args(&["--json"]);
        assert_eq!(Bench::read(&here), Bench::Here(&here));
        assert_eq!(
            Bench::read(&args(&["--links", "--", "--quick"])),
            Bench::Links {
                args: args(&["--quick"]),
                built: false
            }
        );
    }
}
