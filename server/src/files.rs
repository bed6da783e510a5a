//! A session's files on disk: what Chrome downloads, and what people upload. They are gone when the session's Chrome is.
//!
//! Chrome owns the folder of downloads, so what is in there is opened without following a link; it can only read what was
//! uploaded.

mod scan;
mod uploads;

use std::fs::{self, DirBuilder, File, Permissions};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use rustix::fs::{AtFlags, Mode, OFlags, ResolveFlags, openat2, unlinkat};
use rustix::process::geteuid;
use shared::session::DownloadId;

use crate::ids::random_token;
use crate::locked_dir::{DirError, LockedDir, at};

pub use scan::ScanCommand;
use scan::Scanner;
use uploads::Uploads;
pub use uploads::{Upload, UploadError};

/// Of every session: how much goes through the server's disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileLimits {
    /// Pages may give files to the person.
    pub downloads: bool,
    /// The person may give files to pages.
    pub uploads: bool,
    /// In bytes, of one file.
    pub file: u64,
    /// In bytes, of all that a session has on the disk at a time.
    pub session: u64,
}

/// Bytes of the disk that are left to others.
pub const RESERVE: u64 = 512 * 1024 * 1024;

/// The parent of all sessions' files: the configured one, else a folder below `/var/tmp`, which is a disk where `/tmp` and
/// `/run` may be memory.
pub fn files_dir(configured: Option<&Path>) -> PathBuf {
    let uid = geteuid().as_raw();
    configured.map_or_else(
        || PathBuf::from(format!("/var/tmp/farpane-{uid}")),
        Path::to_owned,
    )
}

/// One Chrome's. Dropping it removes them all.
#[derive(Debug)]
pub struct SessionFiles {
    dir: LockedDir,
    /// The folder itself, whatever becomes of its path.
    downloads: OwnedFd,
    uploads: Mutex<Uploads>,
    limits: FileLimits,
    /// Says of each file whether it may pass.
    scanner: Option<Scanner>,
    /// The user and group Chrome runs as, when those are not the server's own.
    chrome: Option<u32>,
}

impl SessionFiles {
    /// A folder that nobody else can guess, for a Chrome that runs as that user.
    pub fn create(
        parent: &Path,
        chrome: Option<u32>,
        limits: FileLimits,
        scan: Option<ScanCommand>,
    ) -> Result<SessionFiles, DirError> {
        let name = random_token();
        let Some(dir) = LockedDir::take(parent, &name)? else {
            return Err(DirError::Full(parent.to_owned()));
        };
        let (downloads, uploads) = (dir.path().join("downloads"), dir.path().join("uploads"));
        make_readable(dir.path(), chrome)?;
        make_readable(&uploads, chrome)?;
        DirBuilder::new()
            .mode(0o700)
            .create(&downloads)
            .map_err(at(&downloads))?;
        // Opened while it is ours.
        let folder = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let opened = rustix::fs::open(&downloads, folder | OFlags::RDONLY, Mode::empty());
        let opened = opened.map_err(io::Error::from).map_err(at(&downloads))?;
        if let Some(uid) = chrome {
            chown(&downloads, Some(uid), Some(uid)).map_err(at(&downloads))?;
        }
        Ok(SessionFiles {
            dir,
            downloads: opened,
            uploads: Mutex::new(Uploads::default()),
            limits,
            scanner: scan.map(Scanner::new),
            chrome,
        })
    }

    /// What may be there.
    pub fn limits(&self) -> FileLimits {
        self.limits
    }

    /// Where Chrome saves what it downloads, each under its `guid`.
    pub fn downloads(&self) -> PathBuf {
        self.dir.path().join("downloads")
    }

    /// A download that Chrome has finished, and its size in bytes.
    pub fn open_download(&self, id: &DownloadId) -> io::Result<(File, u64)> {
        let opened = openat2(
            &self.downloads,
            guid(id),
            // A pipe in its place does not block.
            OFlags::RDONLY | OFlags::NONBLOCK | OFlags::CLOEXEC,
            Mode::empty(),
            ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS,
        )?;
        let file = File::from(opened);
        let found = file.metadata()?;
        if !found.is_file() {
            return Err(io::Error::other("it is no file"));
        }
        Ok((file, found.len()))
    }

    /// Whether files are scanned before they are handed over.
    pub fn scans(&self) -> bool {
        self.scanner.is_some()
    }

    /// `Err` is a sentence: that download must not be handed over under that name.
    pub async fn scan_download(&self, id: &DownloadId, name: &str) -> Result<(), String> {
        let Some(scanner) = &self.scanner else {
            return Ok(());
        };
        match self.open_download(id) {
            Ok((file, _)) => scanner.scan(file, name).await,
            Err(_) => Err("Its file is gone.".to_owned()),
        }
    }

    /// Nothing of it is left, if there was anything.
    pub fn remove_download(&self, id: &DownloadId) {
        for name in [guid(id), format!("{}.crdownload", guid(id))] {
            // Usually one of them is not there.
            let _ = unlinkat(&self.downloads, name, AtFlags::empty());
        }
    }

    /// Bytes that the disk still takes; none if nobody can say.
    pub fn free(&self) -> u64 {
        free(&self.downloads)
    }
}

fn free(on: impl AsFd) -> u64 {
    let disk = rustix::fs::fstatvfs(on);
    disk.map_or(0, |disk| disk.f_bavail.saturating_mul(disk.f_frsize))
}

/// A folder that the server writes and Chrome only reads.
fn make_readable(path: &Path, chrome: Option<u32>) -> Result<(), DirError> {
    let made = || {
        DirBuilder::new().mode(0o700).create(path)?;
        share(path, chrome, 0o750)
    };
    made().map_err(at(path))
}

/// With the group that Chrome has.
fn share(path: &Path, chrome: Option<u32>, mode: u32) -> io::Result<()> {
    if let Some(gid) = chrome {
        chown(path, None, Some(gid))?;
        fs::set_permissions(path, Permissions::from_mode(mode))?;
    }
    Ok(())
}

/// As Chrome writes it: 8-4-4-4-12 digits.
pub fn guid(id: &DownloadId) -> String {
    let digits = id.as_str();
    let mut guid = String::with_capacity(digits.len() + 4);
    for (place, digit) in digits.chars().enumerate() {
        if matches!(place, 8 | 12 | 16 | 20) {
            guid.push('-');
        }
        guid.push(digit);
    }
    guid
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    const LIMITS: FileLimits = FileLimits {
        downloads: true,
        uploads: true,
        file: 1000,
        session: 1500,
    };

    fn files() -> (tempfile::TempDir, SessionFiles) {
        let parent = tempfile::tempdir().unwrap();
        let files = SessionFiles::create(parent.path(), None, LIMITS, None).unwrap();
        (parent, files)
    }

    fn id() -> DownloadId {
        "0123456789abcdef0123456789abcdef".parse().unwrap()
    }

    #[test]
    fn a_download_is_opened_by_its_guid_and_removed() {
        let (parent, files) = files();
        assert_eq!(guid(&id()), "01234567-89ab-cdef-0123-456789abcdef");
        let path = files.downloads().join(guid(&id()));
        fs::write(&path, "abc").unwrap();
        let (_, bytes) = files.open_download(&id()).unwrap();
        assert_eq!(bytes, 3);
        files.remove_download(&id());
        assert!(files.open_download(&id()).is_err());
        drop(files);
        assert_eq!(fs::read_dir(parent.path()).unwrap().count(), 0);
    }

    #[test]
    fn what_is_no_file_of_chrome_s_is_not_opened() {
        let (parent, files) = files();
        let path = files.downloads().join(guid(&id()));
        let secret = parent.path().join("secret");
        fs::write(&secret, "secret").unwrap();
        symlink(&secret, &path).unwrap();
        assert!(files.open_download(&id()).is_err(), "a link");
        files.remove_download(&id());
        assert!(secret.exists(), "the link alone is gone");
        fs::create_dir(&path).unwrap();
        assert!(files.open_download(&id()).is_err(), "a folder");
        fs::remove_dir(&path).unwrap();
        rustix::fs::mknodat(
            &files.downloads,
            guid(&id()),
            rustix::fs::FileType::Fifo,
            Mode::RUSR | Mode::WUSR,
            0,
        )
        .unwrap();
        assert!(files.open_download(&id()).is_err(), "a pipe");
    }

    #[test]
    fn a_link_in_the_place_of_the_folder_leads_nowhere() {
        let (parent, files) = files();
        let elsewhere = parent.path().join("elsewhere");
        fs::create_dir(&elsewhere).unwrap();
        fs::write(elsewhere.join(guid(&id())), "secret").unwrap();
        fs::remove_dir(files.downloads()).unwrap();
        symlink(&elsewhere, files.downloads()).unwrap();
        assert!(files.open_download(&id()).is_err());
        files.remove_download(&id());
        assert!(elsewhere.join(guid(&id())).exists());
    }
}
