//! A home and a Wayland socket → a running Chrome, sandboxed and unprivileged, that dies with us.

use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group, set_parent_process_death_signal};
use shared::geometry::VideoSize;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStderr, Command};

use super::flags::{FlagOptions, flags, local_state, preferences};
use super::pipe::Pipe;
use super::profile_dir::{ProfileDir, ProfileDirError};

/// Chrome is there in half a second; a machine that swaps may take long.
const START_DEADLINE: Duration = Duration::from_secs(30);

/// Room for some dozens of shared buffers; containers often give 64 MB.
const ENOUGH_SHM: u64 = 512 * 1024 * 1024;

pub struct LaunchOptions {
    pub chrome: PathBuf,
    pub size: VideoSize,
    pub sandbox: bool,
}

#[derive(Debug, thiserror::Error)]
pub enum LaunchError {
    #[error(
        "no Chrome or Chromium was found: install one with `apt-get install chromium`, or name it with --chrome PATH"
    )]
    NotFound,
    #[error("{0} is no program that can be run: check --chrome PATH")]
    NotExecutable(PathBuf),
    #[error(transparent)]
    ProfileDir(#[from] ProfileDirError),
    #[error("{path} cannot be started: {source}")]
    Spawn {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error(
        "Chrome's sandbox does not work here, user namespaces are off: switch them on with `sysctl -w kernel.unprivileged_userns_clone=1`, or, inside a container only, start with --no-sandbox"
    )]
    NoSandbox,
    #[error("Chrome ended at its start ({status}): {output}")]
    Ended { status: String, output: String },
    #[error("Chrome did not start within {} seconds", START_DEADLINE.as_secs())]
    TooSlow,
}

/// A running Chrome. Dropping it kills all its processes and removes its home.
pub struct Chrome {
    child: Child,
    group: Pid,
    stderr: Lines<BufReader<ChildStderr>>,
    // Dropped last: Chrome is dead by then.
    _home: ProfileDir,
}

/// What was configured, else the first in the usual places.
pub fn find_chrome(configured: Option<&Path>) -> Result<PathBuf, LaunchError> {
    let is_program = |path: &Path| {
        rustix::fs::access(path, rustix::fs::Access::EXEC_OK).is_ok() && path.is_file()
    };
    if let Some(path) = configured {
        return match is_program(path) {
            true => Ok(path.to_owned()),
            false => Err(LaunchError::NotExecutable(path.to_owned())),
        };
    }
    // The programs themselves before the distributions' shell scripts, which add flags of their own.
    let known = [
        "/usr/lib/chromium/chromium",
        "/opt/google/chrome/chrome",
        "/usr/bin/chromium",
        "/usr/bin/chromium-browser",
        "/usr/bin/google-chrome",
    ];
    let found = known.iter().map(Path::new).find(|path| is_program(path));
    found.map(Path::to_owned).ok_or(LaunchError::NotFound)
}

impl Chrome {
    /// Starts Chrome with `wayland` as its only display; [`Chrome::started`] tells whether it did start.
    pub fn launch(
        options: LaunchOptions,
        home: ProfileDir,
        wayland: OwnedFd,
    ) -> Result<(Chrome, Pipe), LaunchError> {
        let spawn_error = |source| LaunchError::Spawn {
            path: options.chrome.clone(),
            source,
        };
        home.write_to_profile("Local State", local_state().to_string().as_bytes())?;
        home.write_to_profile("Default/Preferences", preferences().to_string().as_bytes())?;
        let small_shm = rustix::fs::statvfs("/dev/shm")
            .map_or(true, |shm| shm.f_bavail * shm.f_frsize < ENOUGH_SHM);
        let profile = home.profile();
        let mut command = Command::new(&options.chrome);
        command
            .args(flags(&FlagOptions {
                profile: &profile,
                size: options.size,
                sandbox: options.sandbox,
                small_shm,
            }))
            // Nothing of the server's own environment is Chrome's business.
            .env_clear()
            .envs(
                ["PATH", "LANG", "LC_ALL", "TZ"]
                    .into_iter()
                    .filter_map(|name| Some((name, std::env::var_os(name)?))),
            )
            .env("HOME", home.path())
            .env("XDG_CONFIG_HOME", home.path())
            .env("XDG_CACHE_HOME", home.tmp())
            .env("XDG_RUNTIME_DIR", home.run())
            .env("TMPDIR", home.tmp())
            // No session bus: Chrome would look for one, and start one.
            .env("DBUS_SESSION_BUS_ADDRESS", "unix:path=/dev/null")
            .env("WAYLAND_SOCKET", wayland.as_raw_fd().to_string())
            .current_dir(home.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true);
        if let Some(uid) = home.uid() {
            command.uid(uid).gid(uid);
        }
        let (pipe, ends) = Pipe::new().map_err(spawn_error)?;
        let mut put_in_place = ends.put_in_place();
        let socket = wayland.as_raw_fd();
        // SAFETY: between fork and exec only system calls are made; the descriptors are open, `wayland` and `ends` outlive
        // the spawn.
        unsafe {
            command.pre_exec(move || {
                let socket = BorrowedFd::borrow_raw(socket);
                rustix::io::fcntl_setfd(socket, rustix::io::FdFlags::empty())?;
                // `kill -9` of the server takes Chrome along. Set after the change of user, which clears it.
                set_parent_process_death_signal(Some(Signal::KILL))?;
                put_in_place()
            });
        }
        let mut child = command.spawn().map_err(spawn_error)?;
        drop((wayland, ends));
        let group = child
            .id()
            .and_then(|id| Pid::from_raw(id.cast_signed()))
            .expect("a child that was not waited for has its process id");
        let stderr = child.stderr.take().expect("stderr is piped");
        let chrome = Chrome {
            child,
            group,
            stderr: BufReader::new(stderr).lines(),
            _home: home,
        };
        Ok((chrome, pipe))
    }

    /// Waits until Chrome `answers` its first question, or tells why it will not.
    pub async fn started(&mut self, answers: impl Future<Output = ()>) -> Result<(), LaunchError> {
        tokio::select! {
            () = answers => Ok(()),
            why = self.failure() => Err(why),
            () = tokio::time::sleep(START_DEADLINE) => Err(LaunchError::TooSlow),
        }
    }

    async fn failure(&mut self) -> LaunchError {
        let mut output = Vec::new();
        while let Ok(Some(line)) = self.stderr.next_line().await {
            if line.contains("No usable sandbox") {
                return LaunchError::NoSandbox;
            }
            tracing::trace!(target: "chrome", "{line}");
            output.push(line);
        }
        let status = match self.child.wait().await {
            Ok(status) => status.to_string(),
            Err(error) => error.to_string(),
        };
        let last = output.len().saturating_sub(3);
        LaunchError::Ended {
            status,
            output: output[last..].join(" · "),
        }
    }

    /// Reads away what Chrome prints (its pipe must not fill) until it ends; gives how it ended.
    pub async fn ended(&mut self) -> Option<ExitStatus> {
        let Chrome { child, stderr, .. } = self;
        let drain = async {
            while let Ok(Some(line)) = stderr.next_line().await {
                tracing::trace!(target: "chrome", "{line}");
            }
            // Its end says nothing: Chrome may live on without.
            std::future::pending::<()>().await;
        };
        tokio::select! {
            status = child.wait() => status.ok(),
            () = drain => None,
        }
    }
}

impl Drop for Chrome {
    fn drop(&mut self) {
        if self.child.id().is_some() {
            // It may have gone by itself.
            let _ = kill_process_group(self.group, Signal::KILL);
        }
    }
}
