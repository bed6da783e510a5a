//! What people upload: written beside what is whole, counted against what a session may have, gone if it is broken off.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};

use shared::file::safe_path;
use shared::session::UploadId;

use super::{RESERVE, SessionFiles, free, make_readable, share};
use crate::ids::random_id;
use crate::locked_dir::DirError;
use crate::sync::lock;

/// Files of one session: a folder may have many.
const MOST_UPLOADS: usize = 10_000;

/// Of one session.
#[derive(Debug, Default)]
pub struct Uploads {
    /// Bytes of what is there, and of what is coming.
    bytes: u64,
    /// What is coming.
    begun: usize,
    whole: BTreeMap<UploadId, Whole>,
}

#[derive(Debug)]
struct Whole {
    chooser: u32,
    /// What the page is given: the file, or the folder that it lies in.
    given: PathBuf,
    bytes: u64,
}

/// Why a file is not taken, each with a sentence.
#[derive(Debug, thiserror::Error)]
#[allow(
    missing_docs,
    reason = "the sentence of each variant says what its fields are"
)]
pub enum UploadError {
    /// By the operator.
    #[error("This server takes no files for pages.")]
    Off,
    /// A name that is none.
    #[error("The file has no name that can be used.")]
    Name,
    /// Larger than one may be.
    #[error("{name} is larger than this server takes: at most {} MiB.", limit / (1024 * 1024))]
    TooLarge { name: String, limit: u64 },
    /// More than the session may have.
    #[error("{name} does not fit: this session's files may take {} MiB.", limit / (1024 * 1024))]
    SessionFull { name: String, limit: u64 },
    /// The server's disk.
    #[error("{0} does not fit on the server's disk.")]
    DiskFull(String),
    /// Files without end.
    #[error("This session has {MOST_UPLOADS} files already.")]
    TooMany,
    /// The body has another length than it said.
    #[error("{0} did not arrive whole.")]
    NotWhole(String),
    /// By the operator's program, with its sentence.
    #[error("{name} was not taken. {reason}")]
    Refused { name: String, reason: String },
    /// The same path twice, or the disk failed.
    #[error("{name} cannot be written: {source}")]
    Io {
        name: String,
        #[source]
        source: io::Error,
    },
}

/// A file that is coming. Dropping it before [`Upload::finish`] removes it.
#[derive(Debug)]
pub struct Upload {
    /// Gone when the session is, whoever still sends.
    files: Weak<SessionFiles>,
    id: UploadId,
    name: String,
    chooser: u32,
    path: PathBuf,
    given: PathBuf,
    /// Counted against the session's.
    bytes: u64,
    is_whole: bool,
}

impl Upload {
    /// A file of so many bytes that the page's chooser is to be given. `path` is its place in the folder that is
    /// uploaded, or its name alone.
    pub fn begin(
        files: &Arc<SessionFiles>,
        chooser: u32,
        path: &str,
        bytes: u64,
    ) -> Result<(Upload, File), UploadError> {
        let limits = files.limits;
        if !limits.uploads {
            return Err(UploadError::Off);
        }
        let parts = safe_path(path).ok_or(UploadError::Name)?;
        let name = parts.last().cloned().ok_or(UploadError::Name)?;
        if bytes > limits.file {
            let limit = limits.file;
            return Err(UploadError::TooLarge { name, limit });
        }
        if free(&files.downloads).saturating_sub(RESERVE) < bytes {
            return Err(UploadError::DiskFull(name));
        }
        {
            let mut uploads = lock(&files.uploads);
            if uploads.begun + uploads.whole.len() >= MOST_UPLOADS {
                return Err(UploadError::TooMany);
            }
            if uploads.bytes.saturating_add(bytes) > limits.session {
                let limit = limits.session;
                return Err(UploadError::SessionFull { name, limit });
            }
            uploads.bytes += bytes;
            uploads.begun += 1;
        }
        let id: UploadId = random_id();
        let root = files.dir.path().join("uploads");
        // A folder's files lie together; another file has a folder of its own, so that its name is free.
        let folder = match parts.len() {
            1 => root.join(id.as_str()),
            _ => root.join(chooser.to_string()),
        };
        let upload = Upload {
            files: Arc::downgrade(files),
            id,
            chooser,
            path: parts
                .iter()
                .fold(folder.clone(), |path, part| path.join(part)),
            given: folder.join(&parts[0]),
            name,
            bytes,
            is_whole: false,
        };
        let file = upload.create(files, &folder, &parts);
        let file = file.map_err(|source| UploadError::Io {
            name: upload.name.clone(),
            source,
        })?;
        Ok((upload, file))
    }

    fn create(&self, files: &SessionFiles, folder: &Path, parts: &[String]) -> io::Result<File> {
        let chrome = files.chrome;
        let mut path = folder.to_owned();
        let mut folders = vec![path.clone()];
        for part in &parts[..parts.len() - 1] {
            path.push(part);
            folders.push(path.clone());
        }
        for folder in folders {
            match make_readable(&folder, chrome) {
                Err(DirError::Io { source, .. })
                    if source.kind() == io::ErrorKind::AlreadyExists => {}
                Err(DirError::Io { source, .. }) => return Err(source),
                Err(other) => return Err(io::Error::other(other)),
                Ok(()) => {}
            }
        }
        let file = File::options()
            .write(true)
            .create_new(true)
            .open(&self.path)?;
        share(&self.path, chrome, 0o640)?;
        Ok(file)
    }

    /// What it was announced as.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// As the page will see it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Asks the operator's program whether the page may have it, if there is one.
    pub async fn scan(&self) -> Result<(), UploadError> {
        let files = self.files.upgrade();
        let Some(scanner) = files.and_then(|files| files.scanner.clone()) else {
            return Ok(());
        };
        let name = self.name.clone();
        match File::open(&self.path) {
            Ok(file) => match scanner.scan(file, &name).await {
                Ok(()) => Ok(()),
                Err(reason) => Err(UploadError::Refused { name, reason }),
            },
            Err(source) => Err(UploadError::Io { name, source }),
        }
    }

    /// All of it is written.
    pub fn finish(mut self) -> UploadId {
        self.is_whole = true;
        if let Some(files) = self.files.upgrade() {
            let mut uploads = lock(&files.uploads);
            uploads.begun -= 1;
            let whole = Whole {
                chooser: self.chooser,
                given: self.given.clone(),
                bytes: self.bytes,
            };
            uploads.whole.insert(self.id.clone(), whole);
        }
        self.id.clone()
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        if self.is_whole {
            return;
        }
        // It may never have been made.
        let _ = fs::remove_file(&self.path);
        if let Some(files) = self.files.upgrade() {
            let mut uploads = lock(&files.uploads);
            uploads.begun -= 1;
            uploads.bytes -= self.bytes;
        }
    }
}

impl SessionFiles {
    /// The paths that the page is given, each once; `None` for a file that is not whole, or was not sent for this chooser.
    pub fn uploaded(&self, chooser: u32, uploads: &[UploadId]) -> Option<Vec<PathBuf>> {
        let known = lock(&self.uploads);
        let mut paths = Vec::new();
        for upload in uploads {
            let whole = known.whole.get(upload)?;
            if whole.chooser != chooser {
                return None;
            }
            if !paths.contains(&whole.given) {
                paths.push(whole.given.clone());
            }
        }
        Some(paths)
    }

    /// No page can read any more what was sent for that chooser.
    pub fn forget_uploads(&self, chooser: u32) {
        let mut uploads = lock(&self.uploads);
        let mut freed = 0;
        uploads.whole.retain(|_, whole| {
            let stays = whole.chooser != chooser;
            if !stays {
                freed += whole.bytes;
                remove(&whole.given);
            }
            stays
        });
        uploads.bytes -= freed;
    }
}

fn remove(path: &Path) {
    let removed = match path.is_dir() {
        true => fs::remove_dir_all(path),
        false => fs::remove_file(path),
    };
    if let Err(error) = removed
        && error.kind() != io::ErrorKind::NotFound
    {
        tracing::warn!(path = %path.display(), %error, "an uploaded file could not be removed");
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::super::FileLimits;
    use super::*;

    fn files() -> (tempfile::TempDir, Arc<SessionFiles>) {
        let parent = tempfile::tempdir().unwrap();
        let limits = FileLimits {
            downloads: true,
            uploads: true,
            file: 1000,
            session: 1500,
        };
        let files = SessionFiles::create(parent.path(), None, limits, None).unwrap();
        (parent, Arc::new(files))
    }

    fn send(files: &Arc<SessionFiles>, chooser: u32, path: &str) -> UploadId {
        let (upload, mut file) = Upload::begin(files, chooser, path, 3).unwrap();
        file.write_all(b"abc").unwrap();
        upload.finish()
    }

    #[test]
    fn two_files_of_one_name_are_two_and_a_folder_is_one() {
        let (_parent, files) = files();
        let (one, two) = (send(&files, 1, "a.txt"), send(&files, 1, "a.txt"));
        let paths = files.uploaded(1, &[one, two]).unwrap();
        assert_eq!(paths.len(), 2);
        assert!(
            paths
                .iter()
                .all(|path| path.ends_with("a.txt") && path.is_file())
        );
        let within = [
            send(&files, 2, "photos/a.jpg"),
            send(&files, 2, "photos/more/b.jpg"),
        ];
        let paths = files.uploaded(2, &within).unwrap();
        assert!(matches!(paths.as_slice(), [photos] if photos.ends_with("2/photos")));
        assert!(paths[0].join("more/b.jpg").is_file());
        files.forget_uploads(2);
        assert!(!paths[0].exists());
        assert_eq!(files.uploaded(2, &within), None);
    }

    #[test]
    fn what_was_sent_for_one_chooser_is_not_given_to_another() {
        let (_parent, files) = files();
        let upload = send(&files, 1, "a.txt");
        assert_eq!(files.uploaded(2, &[upload]), None);
        assert_eq!(files.uploaded(1, &[random_id()]), None);
    }

    #[test]
    fn what_is_broken_off_is_gone_and_makes_room() {
        let (_parent, files) = files();
        let (upload, mut file) = Upload::begin(&files, 1, "a.txt", 900).unwrap();
        let refused = Upload::begin(&files, 1, "b.txt", 900);
        assert!(matches!(refused, Err(UploadError::SessionFull { .. })));
        file.write_all(b"half").unwrap();
        let path = upload.path.clone();
        assert!(path.exists());
        drop(upload);
        assert!(!path.exists());
        assert!(Upload::begin(&files, 1, "b.txt", 900).is_ok());
    }

    #[test]
    fn too_large_a_file_is_refused_before_it_comes() {
        let (_parent, files) = files();
        let refused = Upload::begin(&files, 1, "a.iso", 1001).unwrap_err();
        assert!(
            refused.to_string().starts_with("a.iso is larger"),
            "{refused}"
        );
        let refused = Upload::begin(&files, 1, "", 1);
        assert!(matches!(refused, Err(UploadError::Name)));
    }

    #[test]
    fn a_path_that_leads_out_stays_within() {
        let (_parent, files) = files();
        let upload = send(&files, 1, "../../../etc/passwd");
        let paths = files.uploaded(1, &[upload]).unwrap();
        assert!(paths[0].starts_with(files.dir.path().join("uploads")));
    }
}
