//! Directories that are a server's for as long as it holds their locks: one whose lock is free was left behind by a killed
//! server, and is found at the next start.

use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};
use rustix::process::geteuid;

/// Why there is no such directory.
#[derive(Debug, thiserror::Error)]
#[allow(
    missing_docs,
    reason = "the sentence of each variant says what its fields are"
)]
pub enum DirError {
    /// A directory or file there cannot be created, read or given to Chrome's user.
    #[error("{path} cannot be used for a session's files: {source}")]
    Io {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    /// Another user could read or replace what is in it.
    #[error(
        "{path} is owned or writable by another user: remove it, or choose another directory with --{flag} DIR"
    )]
    NotOurs { path: PathBuf, flag: &'static str },
    /// No name is left.
    #[error("all of the directories in {0} are in use")]
    Full(PathBuf),
}

/// Creates the parent of all directories; refuses one that another user owns or can write to. `flag` sets it.
pub fn prepare(parent: &Path, flag: &'static str) -> Result<(), DirError> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o711)
        .create(parent)
        .map_err(at(parent))?;
    let found = fs::symlink_metadata(parent).map_err(at(parent))?;
    let writable_by_others = found.mode() & 0o022 != 0;
    if !found.is_dir() || found.uid() != geteuid().as_raw() || writable_by_others {
        let path = parent.to_owned();
        return Err(DirError::NotOurs { path, flag });
    }
    Ok(())
}

/// One directory and its lock. Dropping it removes both.
#[derive(Debug)]
pub struct LockedDir {
    path: PathBuf,
    /// Locked for as long as it is open.
    _lock: File,
}

impl LockedDir {
    /// Takes the name, whether there is a directory or not; `None` when another process, or another session of this
    /// server, has it.
    pub fn take(parent: &Path, name: &str) -> Result<Option<LockedDir>, DirError> {
        let path = parent.join(name);
        let lock = take_lock(&lock_path(&path))?;
        Ok(lock.map(|lock| LockedDir { path, _lock: lock }))
    }

    /// Those that killed servers left behind.
    pub fn stale(parent: &Path) -> Result<Vec<LockedDir>, DirError> {
        let mut found = Vec::new();
        for entry in fs::read_dir(parent).map_err(at(parent))? {
            let lock_path = entry.map_err(at(parent))?.path();
            if lock_path
                .extension()
                .is_some_and(|extension| extension == "lock")
                && let Some(name) = lock_path.file_stem().and_then(|name| name.to_str())
            {
                found.extend(LockedDir::take(parent, name)?);
            }
        }
        Ok(found)
    }

    /// Of the directory, which may not be there yet.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its last part.
    pub fn name(&self) -> &str {
        let name = self.path.file_name().and_then(|name| name.to_str());
        name.unwrap_or_default()
    }
}

impl Drop for LockedDir {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.path)
            && error.kind() != io::ErrorKind::NotFound
        {
            tracing::warn!(path = %self.path.display(), %error, "a session's directory could not be removed");
            // The lock file stays, so that the next start tries again.
            return;
        }
        // What is left is an empty file.
        let _ = fs::remove_file(lock_path(&self.path));
    }
}

fn lock_path(path: &Path) -> PathBuf {
    path.with_extension("lock")
}

/// `None` when it is held.
fn take_lock(path: &Path) -> Result<Option<File>, DirError> {
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(path)
        .map_err(at(path))?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        // Its former owner may have unlinked it between the open and the lock.
        Ok(()) => match fs::symlink_metadata(path) {
            Ok(now) if file.metadata().is_ok_and(|ours| ours.ino() == now.ino()) => Ok(Some(file)),
            _ => Ok(None),
        },
        Err(rustix::io::Errno::WOULDBLOCK) => Ok(None),
        Err(error) => Err(at(path)(error.into())),
    }
}

/// What failed at that path.
pub fn at(path: &Path) -> impl FnOnce(io::Error) -> DirError {
    let path = path.to_owned();
    move |source| DirError::Io { path, source }
}

#[cfg(test)]
mod tests {
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_directory_is_one_s_own_until_it_is_dropped() {
        let parent = tempfile::tempdir().unwrap();
        prepare(parent.path(), "x-dir").unwrap();
        let held = LockedDir::take(parent.path(), "a").unwrap().unwrap();
        fs::create_dir(held.path()).unwrap();
        assert!(LockedDir::take(parent.path(), "a").unwrap().is_none());
        assert!(LockedDir::stale(parent.path()).unwrap().is_empty());
        drop(held);
        assert_eq!(fs::read_dir(parent.path()).unwrap().count(), 0);
    }

    #[test]
    fn what_a_killed_server_left_is_found() {
        let parent = tempfile::tempdir().unwrap();
        fs::create_dir_all(parent.path().join("b/inside")).unwrap();
        fs::write(parent.path().join("b.lock"), "").unwrap();
        let stale = LockedDir::stale(parent.path()).unwrap();
        let names: Vec<_> = stale.iter().map(LockedDir::name).collect();
        assert_eq!(names, ["b"]);
        drop(stale);
        assert_eq!(fs::read_dir(parent.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_directory_that_others_can_write_is_refused() {
        let parent = tempfile::tempdir().unwrap();
        fs::set_permissions(parent.path(), Permissions::from_mode(0o777)).unwrap();
        let refused = prepare(parent.path(), "runtime-dir").unwrap_err();
        assert!(refused.to_string().contains("--runtime-dir"), "{refused}");
    }
}
