//! A private directory for one Chrome, owned by a user of its own where the server may choose one; gone with the session.
//!
//! A lock file, held by the server for as long as it lives, tells a directory in use from one that a killed server left
//! behind: [`sweep`] cleans the latter at the next start.

use std::fs::{self, DirBuilder, File, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};
use rustix::process::{Pid, Signal, geteuid, kill_process};

/// systemd's range for dynamic users: no distribution gives these to anybody.
const FIRST_UID: u32 = 61184;
const LAST_UID: u32 = 65519;

#[derive(Debug, thiserror::Error)]
pub enum ProfileDirError {
    #[error("{path} cannot be prepared for Chrome: {source}")]
    Io {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error(
        "{0} belongs to somebody else: remove it, or choose another place with --runtime-dir DIR"
    )]
    NotOurs(PathBuf),
    #[error("no free place for another Chrome in {0}")]
    Full(PathBuf),
}

/// One Chrome's directory. Dropping it kills what still runs there and removes it.
#[derive(Debug)]
pub struct ProfileDir {
    path: PathBuf,
    /// The user Chrome runs as, when that is not the server's own.
    uid: Option<u32>,
    /// Holds the lock.
    _lock: File,
}

/// The directory of all homes: what was configured, else `/run/farpane` for root, else the user's runtime directory.
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

/// Makes the directory of all homes, or refuses one that another user prepared for us.
pub fn prepare(base: &Path) -> Result<(), ProfileDirError> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o711)
        .create(base)
        .map_err(at(base))?;
    let found = fs::symlink_metadata(base).map_err(at(base))?;
    let writable_by_others = found.mode() & 0o022 != 0;
    if !found.is_dir() || found.uid() != geteuid().as_raw() || writable_by_others {
        return Err(ProfileDirError::NotOurs(base.to_owned()));
    }
    Ok(())
}

/// Removes what killed servers left behind; gives how many homes that were.
pub fn sweep(base: &Path) -> Result<usize, ProfileDirError> {
    let mut swept = 0;
    for entry in fs::read_dir(base).map_err(at(base))? {
        let lock_path = entry.map_err(at(base))?.path();
        let (Some("lock"), Some(name)) = (
            lock_path.extension().and_then(|name| name.to_str()),
            lock_path.file_stem().and_then(|name| name.to_str()),
        ) else {
            continue;
        };
        let Some(lock) = take_lock(&lock_path)? else {
            continue;
        };
        let stale = ProfileDir {
            path: base.join(name),
            uid: name.parse().ok().filter(|_| geteuid().is_root()),
            _lock: lock,
        };
        drop(stale);
        swept += 1;
    }
    Ok(swept)
}

impl ProfileDir {
    pub fn create(base: &Path) -> Result<ProfileDir, ProfileDirError> {
        let root = geteuid().is_root();
        for number in FIRST_UID..=LAST_UID {
            let lock_path = base.join(format!("{number}.lock"));
            let Some(lock) = take_lock(&lock_path)? else {
                continue;
            };
            let uid = root.then_some(number);
            if uid.is_some_and(|uid| !processes(|process| process.uid == Some(uid)).is_empty()) {
                // Another program uses that number, so the lock is not needed: a failure only leaves an empty file.
                let _ = fs::remove_file(&lock_path);
                continue;
            }
            let home = ProfileDir {
                path: base.join(number.to_string()),
                uid,
                _lock: lock,
            };
            for dir in [
                home.path.clone(),
                home.profile(),
                home.default_profile(),
                home.run(),
                home.tmp(),
            ] {
                DirBuilder::new()
                    .mode(0o700)
                    .create(&dir)
                    .map_err(at(&dir))?;
                home.give(&dir)?;
            }
            return Ok(home);
        }
        Err(ProfileDirError::Full(base.to_owned()))
    }

    /// User and group Chrome runs as, when that is not the server's own.
    pub fn uid(&self) -> Option<u32> {
        self.uid
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// `--user-data-dir`.
    pub fn profile(&self) -> PathBuf {
        self.path.join("profile")
    }

    fn default_profile(&self) -> PathBuf {
        self.profile().join("Default")
    }

    /// `XDG_RUNTIME_DIR`.
    pub fn run(&self) -> PathBuf {
        self.path.join("run")
    }

    /// `TMPDIR`.
    pub fn tmp(&self) -> PathBuf {
        self.path.join("tmp")
    }

    /// Writes a file that Chrome will own, `name` within the profile.
    pub fn write_to_profile(&self, name: &str, content: &[u8]) -> Result<(), ProfileDirError> {
        let path = self.profile().join(name);
        fs::write(&path, content).map_err(at(&path))?;
        fs::set_permissions(&path, Permissions::from_mode(0o600)).map_err(at(&path))?;
        self.give(&path)
    }

    fn give(&self, path: &Path) -> Result<(), ProfileDirError> {
        match self.uid {
            None => Ok(()),
            Some(uid) => chown(path, Some(uid), Some(uid)).map_err(at(path)),
        }
    }

    /// Kills every process of this Chrome, whatever group or namespace it moved to.
    pub fn kill_inhabitants(&self) {
        let flag = format!("--user-data-dir={}", self.profile().display());
        let is_ours = |process: &Process| match self.uid {
            Some(uid) => process.uid == Some(uid),
            None => process.command_line.contains(&flag),
        };
        // Killing one may let another appear: until none is left, but not for ever, a zombie stays until it is reaped.
        for _ in 0..50 {
            let alive = processes(is_ours);
            if alive.is_empty() {
                return;
            }
            for pid in alive {
                // It may have gone by itself.
                let _ = kill_process(pid, Signal::KILL);
            }
            std::thread::yield_now();
        }
    }
}

impl Drop for ProfileDir {
    fn drop(&mut self) {
        self.kill_inhabitants();
        let lock_path = self.path.with_extension("lock");
        if let Err(error) = fs::remove_dir_all(&self.path)
            && error.kind() != io::ErrorKind::NotFound
        {
            tracing::warn!(path = %self.path.display(), %error, "a session's directory could not be removed");
            // The lock file stays, so that the next start tries again.
            return;
        }
        let _ = fs::remove_file(lock_path);
    }
}

/// `None` when another process, or another session of this one, holds it.
fn take_lock(path: &Path) -> Result<Option<File>, ProfileDirError> {
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(path)
        .map_err(at(path))?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        // Its former owner may have unlinked it between our open and our lock.
        Ok(()) => match fs::symlink_metadata(path) {
            Ok(now) if file.metadata().is_ok_and(|ours| ours.ino() == now.ino()) => Ok(Some(file)),
            _ => Ok(None),
        },
        Err(rustix::io::Errno::WOULDBLOCK) => Ok(None),
        Err(error) => Err(at(path)(error.into())),
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

fn at(path: &Path) -> impl FnOnce(io::Error) -> ProfileDirError {
    let path = path.to_owned();
    move |source| ProfileDirError::Io { path, source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn homes_are_private_and_removed() {
        let base = tempfile::tempdir().unwrap();
        prepare(base.path()).unwrap();
        let (one, two) = (
            ProfileDir::create(base.path()).unwrap(),
            ProfileDir::create(base.path()).unwrap(),
        );
        assert_ne!(one.path(), two.path());
        assert_eq!(fs::metadata(one.path()).unwrap().mode() & 0o777, 0o700);
        let kept = two.path().to_owned();
        drop(one);
        assert_eq!(
            sweep(base.path()).unwrap(),
            0,
            "a home in use is left alone"
        );
        assert!(kept.exists());
        drop(two);
        assert_eq!(fs::read_dir(base.path()).unwrap().count(), 0);
    }

    #[test]
    fn what_a_killed_server_left_is_swept() {
        let base = tempfile::tempdir().unwrap();
        fs::create_dir_all(base.path().join("61190/profile")).unwrap();
        fs::write(base.path().join("61190.lock"), "").unwrap();
        assert_eq!(sweep(base.path()).unwrap(), 1);
        assert_eq!(fs::read_dir(base.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_directory_that_others_can_write_is_refused() {
        let base = tempfile::tempdir().unwrap();
        fs::set_permissions(base.path(), Permissions::from_mode(0o777)).unwrap();
        assert!(matches!(
            prepare(base.path()),
            Err(ProfileDirError::NotOurs(_))
        ));
    }
}
