//! Three network namespaces in a row: server · link · viewer. Made here, removed by a janitor whatever happens to us.

use std::fs;
use std::io::Read;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio, id};
use std::time::{Duration, Instant};

use super::rules;
use crate::shell::{Failure, Result, output, run, say, succeeds, which};

/// From the range for measuring network devices (RFC 2544): nobody else's.
pub const SERVER_IP: &str = "198.18.1.1";
const LINK_IP_AT_SERVER: &str = "198.18.1.2";
/// Where viewers find the server's pictures.
pub const LINK_IP_AT_VIEWER: &str = "198.18.2.2";
const VIEWER_IP: &str = "198.18.2.1";

/// What is between link and viewer: its end at the link, and its end at the viewer.
pub const LINK_DEVICE: &str = "down0";
pub const VIEWER_DEVICE: &str = "up0";

/// `farpane-PID-server` and so on; the process tells whose they are.
const PREFIX: &str = "farpane-";
const ROLES: [&str; 3] = ["server", "link", "viewer"];

/// What the programs in it get to end by themselves.
const GRACE: Duration = Duration::from_secs(5);
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// The three namespaces of this process, and a folder for what its programs write.
pub struct Namespaces {
    owner: u32,
    janitor: Child,
}

impl Namespaces {
    /// What only the person can mend; asked before minutes are spent on building.
    pub fn check() -> Result<()> {
        let root = Path::new("/proc/self")
            .metadata()
            .is_ok_and(|own| own.uid() == 0);
        if !root {
            return Err(Failure::new(
                "Links are made of network namespaces, and only root can make these: run \
                 `sudo -E env \"PATH=$PATH\" cargo xtask bench --links`.",
            ));
        }
        let missing: Vec<_> = [
            ("ip", "iproute2"),
            ("tc", "iproute2"),
            ("nft", "nftables"),
            ("nsenter", "util-linux"),
        ]
        .into_iter()
        .filter(|(program, _)| which(program).is_none())
        .collect();
        if let Some((program, _)) = missing.first() {
            let mut packages: Vec<_> = missing.iter().map(|(_, package)| *package).collect();
            packages.dedup();
            return Err(Failure(format!(
                "Links need `{program}`, and it is not there: install it with `apt-get install -y {}`.",
                packages.join(" ")
            )));
        }
        Ok(())
    }

    /// Removes what killed runs have left, then makes ours.
    pub fn make() -> Result<Namespaces> {
        for owner in owners().into_iter().filter(|&owner| !is_alive(owner)) {
            say(format_args!(
                "Removing the links of run {owner}, which was killed"
            ));
            sweep(owner);
        }
        // The janitor first: from here on whatever was made is removed.
        let myself = std::env::current_exe().map_err(Failure::of("Cannot find this program"))?;
        let owner = id();
        let janitor = Command::new(myself)
            .args(["bench-janitor", &owner.to_string()])
            .stdin(Stdio::piped())
            // Ctrl+C is for us and our children; the janitor hears of it by our end.
            .process_group(0)
            .spawn()
            .map_err(Failure::of("Cannot start the janitor"))?;
        let namespaces = Namespaces { owner, janitor };
        namespaces.build()?;
        Ok(namespaces)
    }

    fn build(&self) -> Result<()> {
        let folder = self.folder();
        fs::create_dir(&folder)
            // The Chromes' own users pass through it.
            .and_then(|()| fs::set_permissions(&folder, fs::Permissions::from_mode(0o711)))
            .map_err(Failure::of(format!("Cannot make {}", folder.display())))?;
        for role in ROLES {
            ip(&format!("netns add {}", self.name(role))).map_err(|failure| {
                Failure(format!(
                    "This machine gives no network namespaces (inside a container, start it with \
                     `--privileged`). {failure}"
                ))
            })?;
            // An IPv6 address that turns up a second later would be a change of network to Chromium, which then gives up what
            // it loads. A kernel without IPv6 has no such file.
            let quiet =
                "cd /proc/sys/net/ipv6/conf/default 2>/dev/null || exit 0; echo 1 > disable_ipv6";
            run(self.inside(role, "sh").args(["-c", quiet]))?;
            ip(&format!("-n {} link set lo up", self.name(role)))?;
        }
        let (server, link, viewer) = (self.name("server"), self.name("link"), self.name("viewer"));
        ip(&format!(
            "-n {server} link add name media0 type veth peer name server0 netns {link}"
        ))?;
        ip(&format!(
            "-n {link} link add name {LINK_DEVICE} type veth peer name {VIEWER_DEVICE} netns {viewer}"
        ))?;
        for (namespace, device, address) in [
            (&server, "media0", SERVER_IP),
            (&link, "server0", LINK_IP_AT_SERVER),
            (&link, LINK_DEVICE, LINK_IP_AT_VIEWER),
            (&viewer, VIEWER_DEVICE, VIEWER_IP),
        ] {
            ip(&format!(
                "-n {namespace} address add {address}/24 dev {device}"
            ))?;
            ip(&format!("-n {namespace} link set {device} up"))?;
        }
        // Chromium asks where the default route leads to find its own address.
        ip(&format!(
            "-n {server} route add default via {LINK_IP_AT_SERVER}"
        ))?;
        ip(&format!(
            "-n {viewer} route add default via {LINK_IP_AT_VIEWER}"
        ))?;
        let mut forward = self.inside("link", "sh");
        run(forward.args(["-c", "echo 1 > /proc/sys/net/ipv4/ip_forward"]))?;
        self.nft("link", &rules::only_by_relay())
    }

    /// Where its programs put their temporary files; goes with the namespaces.
    pub fn folder(&self) -> PathBuf {
        folder(self.owner)
    }

    /// `server`, `link` or `viewer` → the namespace's file.
    pub fn path(&self, role: &str) -> PathBuf {
        Path::new("/run/netns").join(self.name(role))
    }

    fn name(&self, role: &str) -> String {
        name(self.owner, role)
    }

    /// A program inside one of them.
    pub fn inside(&self, role: &str, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new("nsenter");
        self.enter(&mut command, role);
        command.arg(program);
        command
    }

    /// The words after `nsenter` before the program's own.
    pub fn enter(&self, command: &mut Command, role: &str) {
        command
            .arg(format!("--net={}", self.path(role).display()))
            .arg("--");
    }

    /// Rules for one of them, all or none.
    pub fn nft(&self, role: &str, rules: &str) -> Result<()> {
        run(self.inside(role, "nft").arg(rules))
    }

    pub fn tc(&self, role: &str, words: &[String]) -> Command {
        let mut command = Command::new("tc");
        command.args(["-n", &self.name(role)]).args(words);
        command
    }
}

impl Drop for Namespaces {
    fn drop(&mut self) {
        drop(self.janitor.stdin.take());
        if let Err(problem) = self.janitor.wait() {
            say(format_args!("The janitor was lost: {problem}"));
        }
    }
}

/// The janitor's whole life: waits until `owner`, which holds the other end of its stdin, is gone; then sweeps.
pub fn janitor(args: &[String]) -> Result<()> {
    let owner = args
        .first()
        .and_then(|owner| owner.parse().ok())
        .ok_or_else(|| Failure::new("The janitor needs the number of a process."))?;
    // Whether it ends or breaks: the owner is gone.
    let _ = std::io::stdin().read_to_end(&mut Vec::new());
    sweep(owner);
    Ok(())
}

/// Ends all programs inside, then removes the namespaces and the folder; what is not there any more is no trouble.
fn sweep(owner: u32) {
    signal(owner, "-TERM");
    let deadline = Instant::now() + GRACE;
    while !programs(owner).is_empty() && Instant::now() < deadline {
        std::thread::sleep(LOOK_AGAIN);
    }
    signal(owner, "-KILL");
    for role in ROLES {
        succeeds(Command::new("ip").args(["netns", "delete", &name(owner, role)]));
    }
    let _ = fs::remove_dir_all(folder(owner));
}

fn signal(owner: u32, signal: &str) {
    let programs = programs(owner);
    if !programs.is_empty() {
        succeeds(Command::new("kill").arg(signal).args(programs));
    }
}

/// Process numbers of all that runs inside.
fn programs(owner: u32) -> Vec<String> {
    let inside = |role: &&str| {
        Command::new("ip")
            .args(["netns", "pids", &name(owner, role)])
            .stderr(Stdio::null())
            .output()
            .map(|output| String::from_utf8_lossy(&output.stdout).into_owned())
            .unwrap_or_default()
    };
    let all: Vec<String> = ROLES.iter().map(inside).collect();
    all.iter()
        .flat_map(|pids| pids.split_whitespace())
        .map(str::to_owned)
        .collect()
}

/// Whose namespaces there are.
fn owners() -> Vec<u32> {
    let listed = output(Command::new("ip").args(["netns", "list"])).unwrap_or_default();
    let mut owners: Vec<u32> = listed.lines().filter_map(owner_of).collect();
    owners.dedup();
    owners
}

/// `farpane-123-link (id: 4)` → 123.
fn owner_of(line: &str) -> Option<u32> {
    let name = line.split_whitespace().next()?;
    let (owner, role) = name.strip_prefix(PREFIX)?.split_once('-')?;
    ROLES.contains(&role).then(|| owner.parse().ok()).flatten()
}

/// Whether that process is one of ours, and not another one that got its number.
fn is_alive(owner: u32) -> bool {
    fs::read_to_string(format!("/proc/{owner}/comm")).is_ok_and(|name| name.trim() == "xtask")
}

fn name(owner: u32, role: &str) -> String {
    format!("{PREFIX}{owner}-{role}")
}

fn folder(owner: u32) -> PathBuf {
    std::env::temp_dir().join(format!("{PREFIX}links-{owner}"))
}

fn ip(words: &str) -> Result<()> {
    run(Command::new("ip").args(words.split(' ')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_namespaces_have_an_owner() {
        assert_eq!(owner_of("farpane-123-link (id: 4)"), Some(123));
        assert_eq!(owner_of("farpane-123-server"), Some(123));
        for others in ["farpane-x-link", "farpane-1-other", "docker-1-link", ""] {
            assert_eq!(owner_of(others), None, "{others}");
        }
    }

    #[test]
    fn a_stranger_with_our_number_is_not_us() {
        assert!(!is_alive(1));
    }
}
