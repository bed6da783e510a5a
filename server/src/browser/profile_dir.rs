//! A private directory for one Chrome, owned by a user of its own if the server is root; removed when the session ends.
//!
//! The server holds a lock file for each directory in use. A directory whose lock is free was left behind by a killed
//! server, and [`remove_stale`] removes it at the next start.

use std::fs::{self, DirBuilder, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, geteuid, kill_process};

use crate::locked_dir::{DirError, LockedDir, at};

/// systemd's range for dynamic users: no distribution assigns these.
const FIRST_UID: u32 = 61184;
const LAST_UID: u32 = 65519;

/// After that a process is taken for one that cannot be killed.
const GONE_WITHIN: Duration = Duration::from_secs(5);
/// Whether killed processes are gone.
const BETWEEN_LOOKS: Duration = Duration::from_millis(1);

/// One Chrome's directory. Dropping it kills every process that uses it, and removes it.
#[derive(Debug)]
pub struct ProfileDir {
    dir: LockedDir,
    /// The user Chrome runs as, when that is not the server's own.
    uid: Option<u32>,
}

/// The parent of all profile directories: the configured one, else `/run/farpane` for root, else the user's runtime directory.
pub fn runtime_dir(configured: Option<&Path>) -> PathBuf {
    if let Some(dir) = configured {
        return dir.to_owned();
    }
    if geteuid().is_root() {
        return PathBuf::from("/run/farpane");
    }
    match std::env::var_os("XDG_RUNTIME_DIR") {
        Some(dir) if Path::new(&dir).is_dir() => Path::new(&dir).join("farpane"),
        _ => std::env::temp_dir().join(format!("farpane-{}", geteuid().as_raw())),
    }
}

/// Removes the profile directories that killed servers left behind, and kills what runs there; gives how many.
pub fn remove_stale(parent: &Path) -> Result<usize, DirError> {
    let stale = LockedDir::stale(parent)?.into_iter();
    let stale = stale.map(|dir| ProfileDir {
        uid: dir.name().parse().ok().filter(|_| geteuid().is_root()),
        dir,
    });
    Ok(stale.count())
}

impl ProfileDir {
    /// Where its Chrome finds the session bus. No other Chrome reaches it.
    pub fn session_bus(&self) -> PathBuf {
        self.run().join("bus")
    }

    /// Where its Chrome finds the server of its sound. No other Chrome reaches it.
    pub fn pulse_socket(&self) -> PathBuf {
        self.run().join("pulse")
    }

    /// A new directory, and as root a user that nobody else has.
    pub fn create(parent: &Path) -> Result<ProfileDir, DirError> {
        let root = geteuid().is_root();
        for number in FIRST_UID..=LAST_UID {
            let Some(dir) = LockedDir::take(parent, &number.to_string())? else {
                continue;
            };
            let uid = root.then_some(number);
            if uid.is_some_and(|uid| !processes(|process| process.uid == Some(uid)).is_empty()) {
                // Another program runs as that user.
                continue;
            }
            let dir = ProfileDir { dir, uid };
            for path in [
                dir.path().to_owned(),
                dir.profile(),
                dir.default_profile(),
                dir.run(),
                dir.tmp(),
            ] {
                DirBuilder::new()
                    .mode(0o700)
                    .create(&path)
                    .map_err(at(&path))?;
                dir.chown(&path)?;
            }
            return Ok(dir);
        }
        Err(DirError::Full(parent.to_owned()))
    }

    /// User and group Chrome runs as, when that is not the server's own.
    pub fn uid(&self) -> Option<u32> {
        self.uid
    }

    /// `HOME`.
    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    /// `--user-data-dir`.
    pub fn profile(&self) -> PathBuf {
        self.path().join("profile")
    }

    fn default_profile(&self) -> PathBuf {
        self.profile().join("Default")
    }

    /// `XDG_RUNTIME_DIR`.
    pub fn run(&self) -> PathBuf {
        self.path().join("run")
    }

    /// `TMPDIR`.
    pub fn tmp(&self) -> PathBuf {
        self.path().join("tmp")
    }

    /// Writes a file that Chrome owns; `name` is relative to the profile.
    pub fn write_to_profile(&self, name: &str, content: &[u8]) -> Result<(), DirError> {
        let path = self.profile().join(name);
        fs::write(&path, content).map_err(at(&path))?;
        fs::set_permissions(&path, Permissions::from_mode(0o600)).map_err(at(&path))?;
        self.chown(&path)
    }

    /// As root: that file is Chrome's.
    pub(crate) fn chown(&self, path: &Path) -> Result<(), DirError> {
        match self.uid {
            None => Ok(()),
            Some(uid) => chown(path, Some(uid), Some(uid)).map_err(at(path)),
        }
    }

    /// Kills every process of this Chrome, whatever process group or namespace it moved to.
    pub fn kill_processes(&self) {
        let flag = format!("--user-data-dir={}", self.profile().display());
        let is_chrome = |process: &Process| match self.uid {
            Some(uid) => process.uid == Some(uid),
            None => process.command_line.contains(&flag),
        };
        // A process may fork before it is killed, and one that is killed takes a moment on a busy machine, the first of a PID
        // namespace as long as all others of it: until none is left, and not for ever, in case one cannot be killed.
        let until = Instant::now() + GONE_WITHIN;
        while Instant::now() < until {
            let alive = processes(is_chrome);
            if alive.is_empty() {
                return;
            }
            for pid in alive {
                // It may have exited meanwhile.
                let _ = kill_process(pid, Signal::KILL);
            }
            std::thread::sleep(BETWEEN_LOOKS);
        }
    }
}

impl Drop for ProfileDir {
    fn drop(&mut self) {
        self.kill_processes();
    }
}

struct Process {
    uid: Option<u32>,
    command_line: String,
}

/// Living processes that fit, from `/proc`.
fn processes(fits: impl Fn(&Process) -> bool) -> Vec<Pid> {
    let Ok(entries) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    let number = |entry: io::Result<fs::DirEntry>| entry.ok()?.file_name().to_str()?.parse().ok();
    let living = |number: i32| {
        let status = fs::read_to_string(format!("/proc/{number}/status")).ok()?;
        let field = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name))?;
            line.split_whitespace().next()
        };
        if field("State:") == Some("Z") {
            return None;
        }
        let command_line = fs::read(format!("/proc/{number}/cmdline")).unwrap_or_default();
        let process = Process {
            uid: field("Uid:").and_then(|uid| uid.parse().ok()),
            command_line: String::from_utf8_lossy(&command_line).into_owned(),
        };
        fits(&process).then_some(Pid::from_raw(number)).flatten()
    };
    entries.filter_map(number).filter_map(living).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directories_are_private_and_removed() {
        let parent = tempfile::tempdir().unwrap();
        let (one, two) = (
            ProfileDir::create(parent.path()).unwrap(),
            ProfileDir::create(parent.path()).unwrap(),
        );
        assert_ne!(one.path(), two.path());
        assert_eq!(
            fs::metadata(one.path()).unwrap().permissions().mode() & 0o777,
            0o700
        );
        let kept = two.path().to_owned();
        drop(one);
        assert_eq!(
            remove_stale(parent.path()).unwrap(),
            0,
            "one in use is left alone"
        );
        assert!(kept.exists());
        drop(two);
        assert_eq!(fs::read_dir(parent.path()).unwrap().count(), 0);
    }

    #[test]
    fn what_a_killed_server_left_is_removed() {
        let parent = tempfile::tempdir().unwrap();
        fs::create_dir_all(parent.path().join("61190/profile")).unwrap();
        fs::write(parent.path().join("61190.lock"), "").unwrap();
        assert_eq!(remove_stale(parent.path()).unwrap(), 1);
        assert_eq!(fs::read_dir(parent.path()).unwrap().count(), 0);
    }
}
