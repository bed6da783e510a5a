//! A profile directory and a Wayland socket → a running Chrome: sandboxed, unprivileged, killed when the server exits.

use std::ffi::OsString;
use std::fs::File;
use std::io::Read;
use std::os::fd::{AsRawFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group, set_parent_process_death_signal};
use shared::geometry::LogicalSize;
use shared::preferences::Preferences;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStderr, Command};

use super::cdp::Pipe;
use super::flags::{FlagOptions, flags, local_state, profile_preferences};
use super::processes::Processes;
use super::profile_dir::ProfileDir;
use crate::locked_dir::DirError;

/// Chrome responds after half a second; a machine that swaps may take long.
const START_TIMEOUT: Duration = Duration::from_secs(30);

/// In bytes: room for some dozens of shared buffers; containers often have 64 MB.
const MIN_SHM: u64 = 512 * 1024 * 1024;

/// How Chrome is started.
pub struct LaunchOptions {
    /// Its program.
    pub chrome: PathBuf,
    /// What its window fills.
    pub page: LogicalSize,
    /// Whether renderers are confined to Chrome's sandbox.
    pub sandbox: bool,
    /// Whether the person may go past a certificate that is not trusted.
    pub certificate_exceptions: bool,
    /// What pages are told of the person.
    pub preferences: Preferences,
    /// Where its session bus listens.
    pub session_bus: String,
    /// It has sound: a PulseAudio server listens in its directory.
    pub sound: bool,
}

/// Why there is no Chrome, each with what to do about it.
#[derive(Debug, thiserror::Error)]
#[allow(
    missing_docs,
    reason = "the sentence of each variant says what its fields are"
)]
pub enum LaunchError {
    /// None at the usual paths, and none configured.
    #[error(
        "no Chrome or Chromium was found: install one with `apt-get install chromium`, or set --chrome PATH"
    )]
    NotFound,
    /// The configured one.
    #[error("{0} is not an executable file: check --chrome PATH")]
    NotExecutable(PathBuf),
    /// Its files cannot be written.
    #[error(transparent)]
    ProfileDir(#[from] DirError),
    /// `fork`, `exec` or the pipes failed.
    #[error("{path} cannot be started: {source}")]
    Spawn {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    /// The kernel or the container forbids user namespaces.
    #[error(
        "Chrome's sandbox needs user namespaces, which are disabled: enable them with `sysctl -w kernel.unprivileged_userns_clone=1`, or, if a container is the security boundary, start with --no-sandbox"
    )]
    NoSandbox,
    /// `output` has the last lines of its stderr.
    #[error("Chrome exited during startup ({status}): {output}")]
    Ended { status: String, output: String },
    /// Within [`START_TIMEOUT`].
    #[error("Chrome did not respond within {} seconds of its start", START_TIMEOUT.as_secs())]
    TooSlow,
}

/// A running Chrome. Dropping it kills all its processes and removes its profile directory.
pub struct Chrome {
    child: Child,
    group: Pid,
    stderr: Lines<BufReader<ChildStderr>>,
    // Dropped last: it kills what is left of Chrome.
    _profile_dir: ProfileDir,
}

/// The configured program, else the first of the usual paths that is one.
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

/// Without one Chrome would look for the machine's.
fn pulse_server(profile_dir: &ProfileDir, sound: bool) -> OsString {
    match sound {
        true => format!("unix:{}", profile_dir.pulse_socket().display()).into(),
        false => "unix:/nonexistent".into(),
    }
}

impl Chrome {
    /// Starts Chrome with `wayland`, a connected socket, as its only display; [`Chrome::wait_until_started`] says whether it
    /// came up.
    pub fn launch(
        options: LaunchOptions,
        profile_dir: ProfileDir,
        wayland: OwnedFd,
    ) -> Result<(Chrome, Pipe), LaunchError> {
        let spawn_error = |source| LaunchError::Spawn {
            path: options.chrome.clone(),
            source,
        };
        profile_dir.write_to_profile("Local State", local_state().to_string().as_bytes())?;
        profile_dir.write_to_profile(
            "Default/Preferences",
            profile_preferences(&options.preferences, options.certificate_exceptions)
                .to_string()
                .as_bytes(),
        )?;
        let small_shm = rustix::fs::statvfs("/dev/shm")
            .map_or(true, |shm| shm.f_bavail * shm.f_frsize < MIN_SHM);
        let profile = profile_dir.profile();
        let mut command = Command::new(&options.chrome);
        command
            .args(flags(&FlagOptions {
                profile: &profile,
                page: options.page,
                sandbox: options.sandbox,
                small_shm,
                preferences: &options.preferences,
            }))
            // The server's environment may hold secrets, such as its token.
            .env_clear()
            .envs(
                ["LANG", "LC_ALL", "TZ"]
                    .into_iter()
                    .filter_map(|name| Some((name, std::env::var_os(name)?))),
            )
            .envs(
                options
                    .preferences
                    .time_zone
                    .iter()
                    .map(|zone| ("TZ", zone)),
            )
            .env("PATH", search_path(&options.chrome))
            .env("HOME", profile_dir.path())
            .env("XDG_CONFIG_HOME", profile_dir.path())
            .env("XDG_CACHE_HOME", profile_dir.tmp())
            .env("XDG_RUNTIME_DIR", profile_dir.run())
            .env("TMPDIR", profile_dir.tmp())
            // Without one it would look for one, and start one.
            .env("DBUS_SESSION_BUS_ADDRESS", &options.session_bus)
            .env("WAYLAND_SOCKET", wayland.as_raw_fd().to_string())
            .env("PULSE_SERVER", pulse_server(&profile_dir, options.sound))
            .current_dir(profile_dir.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true);
        if let Some(uid) = profile_dir.uid() {
            command.uid(uid).gid(uid);
        }
        let (pipe, ends) = Pipe::new().map_err(spawn_error)?;
        let mut install_pipe = ends.install();
        let socket = wayland.as_raw_fd();
        // SAFETY: between fork and exec only system calls are made; the descriptors are open, `wayland` and `ends` outlive
        // the spawn.
        unsafe {
            command.pre_exec(move || {
                let socket = BorrowedFd::borrow_raw(socket);
                rustix::io::fcntl_setfd(socket, rustix::io::FdFlags::empty())?;
                // Chrome is killed when the server is. Set after the change of user, which clears it.
                set_parent_process_death_signal(Some(Signal::KILL))?;
                install_pipe()
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
            _profile_dir: profile_dir,
        };
        Ok((chrome, pipe))
    }

    /// Waits until `responds` completes, or until Chrome exits or [`START_TIMEOUT`] has passed.
    pub async fn wait_until_started(
        &mut self,
        responds: impl Future<Output = ()>,
    ) -> Result<(), LaunchError> {
        tokio::select! {
            () = responds => Ok(()),
            error = self.startup_failure() => Err(error),
            () = tokio::time::sleep(START_TIMEOUT) => Err(LaunchError::TooSlow),
        }
    }

    /// Its processes, to look at.
    pub(super) fn processes(&self) -> Processes {
        Processes::of(self.group)
    }

    async fn startup_failure(&mut self) -> LaunchError {
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

    /// Waits for Chrome's exit, and drains its stderr until then: a full pipe would block it. `None` if its status cannot
    /// be had.
    pub async fn exited(&mut self) -> Option<ExitStatus> {
        let Chrome { child, stderr, .. } = self;
        let drain = async {
            while let Ok(Some(line)) = stderr.next_line().await {
                tracing::trace!(target: "chrome", "{line}");
            }
            // A closed stderr means nothing: Chrome may run on without.
            std::future::pending::<()>().await;
        };
        tokio::select! {
            status = child.wait() => status.ok(),
            () = drain => None,
        }
    }
}

/// Where Chrome finds other programs: nowhere, for a page's link would have it run `xdg-open`, which opens what it likes on
/// the server. A script that starts Chrome finds what it needs.
fn search_path(chrome: &Path) -> OsString {
    let mut start = [0; 2];
    let read = File::open(chrome).and_then(|mut file| file.read_exact(&mut start));
    match (read.is_ok() && start == *b"#!", std::env::var_os("PATH")) {
        (true, Some(path)) => path,
        _ => "/nonexistent".into(),
    }
}

impl Drop for Chrome {
    fn drop(&mut self) {
        if self.child.id().is_some() {
            // It may have exited meanwhile.
            let _ = kill_process_group(self.group, Signal::KILL);
        }
    }
}
