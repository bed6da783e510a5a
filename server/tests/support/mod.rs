//! A real Chrome on a display of ours, with a page written by the test; what it shows comes back as pixels.

#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot be set up has failed"
)]

use std::{
    fs,
    os::{
        fd::{AsRawFd, OwnedFd},
        unix::{fs::chown, process::CommandExt},
    },
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{Arc, Condvar, Mutex},
    thread::JoinHandle,
    time::{Duration, Instant},
};

use farpane::{
    bitrate::Bitrate,
    display::{Display, DisplayOptions, DisplayState, SeatEvent},
    latency_trace::{InputTrace, PresentedInput},
    picture::{
        I420,
        mailbox::{Mailbox, Wake},
    },
    stream::Downlink,
};
use rustix::{
    io::{FdFlags, fcntl_setfd},
    process::{Pid, Signal, getuid, kill_process_group, test_kill_process_group},
};
use shared::clipboard::ClipboardLimits;
use shared::{
    geometry::{Geometry, PointInPage, VideoSize},
    input::PointerButton,
    latency::InputId,
};

/// Chrome refuses to sandbox itself as root.
const UNPRIVILEGED: u32 = 61234;
/// Starting Chrome takes half a second; machines that build at the same time are slower.
const PATIENCE: Duration = Duration::from_secs(30);

pub struct Chrome {
    process: Child,
    // Removed after Chrome is gone.
    _home: tempfile::TempDir,
}

impl Chrome {
    pub fn start(wayland: OwnedFd, html: &str) -> Chrome {
        let home = tempfile::tempdir().unwrap();
        let page = home.path().join("page.html");
        fs::write(&page, html).unwrap();
        let runtime = home.path().join("runtime");
        fs::create_dir(&runtime).unwrap();
        let url = format!("file://{}", page.display());
        let mut command = Command::new(binary());
        command
            .args(["--ozone-platform=wayland", "--disable-gpu", "--kiosk"])
            .args(["--no-first-run", "--disable-background-networking"])
            .args(["--disable-component-update", "--disable-sync"])
            .args(["--disable-quic", "--password-store=basic"])
            .arg("--enable-features=ThrottleMainFrameTo60Hz")
            .arg(format!(
                "--user-data-dir={}",
                home.path().join("profile").display()
            ))
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("LANG", "C.UTF-8")
            .env("HOME", home.path())
            .env("XDG_RUNTIME_DIR", &runtime)
            .env("TMPDIR", &runtime)
            .env("WAYLAND_SOCKET", wayland.as_raw_fd().to_string())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0);
        // To look into a failing test: what Chrome and the page's console say.
        if std::env::var_os("CHROME_LOG").is_some() {
            command.arg("--enable-logging=stderr");
            command.stderr(Stdio::inherit());
            if let Some(debug) = std::env::var_os("WAYLAND_DEBUG") {
                command.env("WAYLAND_DEBUG", debug);
            }
        }
        command.arg(url);
        if getuid().is_root() {
            for path in [home.path(), &page, &runtime] {
                chown(path, Some(UNPRIVILEGED), Some(UNPRIVILEGED)).unwrap();
            }
            command.uid(UNPRIVILEGED).gid(UNPRIVILEGED);
        }
        let fd = wayland.as_raw_fd();
        // SAFETY: only changes a flag of a descriptor that is open until `spawn` has returned.
        unsafe {
            command.pre_exec(move || {
                let fd = std::os::fd::BorrowedFd::borrow_raw(fd);
                Ok(fcntl_setfd(fd, FdFlags::empty())?)
            });
        }
        Chrome {
            process: command.spawn().expect("Chrome starts"),
            _home: home,
        }
    }

    fn group(&self) -> Pid {
        Pid::from_child(&self.process)
    }
}

impl Drop for Chrome {
    fn drop(&mut self) {
        let _ = kill_process_group(self.group(), Signal::KILL);
        let _ = self.process.wait();
        until("Chrome's processes are gone", || {
            test_kill_process_group(self.group()).is_err().then_some(())
        });
    }
}

fn binary() -> PathBuf {
    // Debian's own `chromium` is a script around it.
    let direct = Path::new("/usr/lib/chromium/chromium");
    if direct.exists() {
        direct.to_owned()
    } else {
        PathBuf::from("chromium")
    }
}

/// Asks for a fact until it holds.
pub fn until<T>(what: &str, mut fact: impl FnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(value) = fact() {
            return value;
        }
        assert!(began.elapsed() < PATIENCE, "still not so: {what}");
        std::thread::yield_now();
    }
}

/// Red, green, blue.
pub type Colour = [u8; 3];
pub const RED: Colour = [255, 0, 0];
pub const GREEN: Colour = [0, 255, 0];
pub const BLUE: Colour = [0, 0, 255];
pub const WHITE: Colour = [255, 255, 255];

/// The newest picture, taken as an encoder would.
struct Seen {
    picture: Mutex<(I420, u64)>,
    changed: Condvar,
    /// The colour that the middle of each picture had, and what the picture answered.
    course: Mutex<Vec<(Colour, Vec<PresentedInput>)>>,
}

pub struct Screen {
    // Dropped in this order: Chrome first would be as good, but a session may lose its display first.
    display: Option<Display>,
    pub chrome: Option<Chrome>,
    latest: Arc<Mailbox>,
    seen: Arc<Seen>,
    reader: Option<JoinHandle<()>>,
}

impl Screen {
    pub fn open(html: &str) -> Screen {
        let size = VideoSize::HD;
        let latest = Mailbox::new();
        let options = DisplayOptions {
            geometry: Geometry::unscaled(size),
            clipboard: ClipboardLimits {
                text: 1 << 20,
                png: 1 << 23,
            },
            frame_rate: 60,
        };
        let downlink = Arc::new(Downlink::new(
            Bitrate::kbps(4000),
            options.frame_rate,
            || {},
        ));
        let (display, wayland) = Display::start(options, latest.clone(), downlink).unwrap();
        display.quicken();
        let chrome = Chrome::start(wayland, html);
        let seen = Arc::new(Seen {
            picture: Mutex::new((I420::black(size), 0)),
            changed: Condvar::new(),
            course: Mutex::default(),
        });
        let reader = std::thread::spawn({
            let (latest, seen) = (latest.clone(), seen.clone());
            move || {
                let mut newest = None;
                loop {
                    let inputs = match latest.wait(&mut newest, None) {
                        Wake::Picture(update) => update.inputs,
                        Wake::Notified => Vec::new(),
                        Wake::Closed => break,
                    };
                    let Some(newest) = &newest else {
                        continue;
                    };
                    let middle = colour(newest, 640, 360);
                    seen.course.lock().unwrap().push((middle, inputs));
                    let mut picture = seen.picture.lock().unwrap();
                    *picture = (newest.clone(), picture.1 + 1);
                    seen.changed.notify_all();
                }
            }
        });
        Screen {
            display: Some(display),
            chrome: Some(chrome),
            latest,
            seen,
            reader: Some(reader),
        }
    }

    pub fn display(&self) -> &Display {
        self.display.as_ref().unwrap()
    }

    pub fn send(&self, event: SeatEvent) {
        self.display().send(event);
    }

    pub fn click(&self, x: f32, y: f32) {
        for pressed in [true, false] {
            self.send(SeatEvent::PointerButton {
                at: PointInPage::new(x, y),
                button: PointerButton::Left,
                pressed,
            });
        }
    }

    pub fn move_to(&self, x: f32, y: f32) {
        self.send(SeatEvent::PointerMove {
            at: PointInPage::new(x, y),
        });
    }

    pub fn key(&self, evdev: u32, pressed: bool) {
        self.send(SeatEvent::Key { evdev, pressed });
    }

    pub fn tap(&self, evdev: u32) {
        self.key(evdev, true);
        self.key(evdev, false);
    }

    /// Blocks until the picture is as wanted.
    pub fn wait(&self, what: &str, wanted: impl Fn(&I420) -> bool) {
        let picture = self.seen.picture.lock().unwrap();
        let (picture, timeout) = self
            .seen
            .changed
            .wait_timeout_while(picture, PATIENCE, |(picture, _)| !wanted(picture))
            .unwrap();
        if timeout.timed_out() {
            let row = |y: usize| -> Vec<_> {
                let xs = (40..1280).step_by(160);
                xs.map(|x| colour(&picture.0, x, y)).collect()
            };
            let rows: Vec<_> = (40..720).step_by(160).map(row).collect();
            drop(picture);
            panic!("never seen: {what}; the picture was {rows:?}");
        }
    }

    pub fn wait_colour(&self, what: &str, x: usize, y: usize, wanted: Colour) {
        self.wait(what, |picture| near(colour(picture, x, y), wanted));
    }

    pub fn colour_at(&self, x: usize, y: usize) -> Colour {
        colour(&self.seen.picture.lock().unwrap().0, x, y)
    }

    /// Marks what was sent last, as a session does for its viewers.
    pub fn trace(&self, input: u32) {
        self.send(SeatEvent::Trace(InputTrace {
            viewer: "someone".parse().unwrap(),
            input: InputId(input),
            tentative: false,
            received_at: Instant::now(),
        }));
    }

    /// Inputs that were answered, each with the colours that the middle had in its picture and in the next one, if
    /// there was one.
    pub fn answers(&self) -> Vec<(PresentedInput, Vec<Colour>)> {
        let course = self.seen.course.lock().unwrap();
        let answers = course.iter().enumerate().flat_map(|(at, (_, inputs))| {
            let middles: Vec<_> = course[at..]
                .iter()
                .take(2)
                .map(|(middle, _)| *middle)
                .collect();
            inputs
                .iter()
                .map(move |answered| (answered.clone(), middles.clone()))
        });
        answers.collect()
    }

    /// How many pictures there have been.
    pub fn pictures(&self) -> u64 {
        self.seen.picture.lock().unwrap().1
    }

    /// Blocks until so many pictures more have come.
    pub fn moves_on(&self, pictures: u64) {
        let wanted = self.pictures() + pictures;
        until("more pictures", || {
            (self.pictures() >= wanted).then_some(())
        });
    }

    /// Blocks until the state is as wanted.
    pub fn wait_state(&self, what: &str, wanted: impl Fn(&DisplayState) -> bool) {
        let state = self.display().state();
        until(what, || wanted(&state.borrow()).then_some(()));
    }

    /// Hangs up on Chrome and waits for the thread.
    pub fn close_display(&mut self) {
        self.display = None;
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        self.display = None;
        self.chrome = None;
        self.latest.close();
        let reader = self.reader.take().unwrap().join();
        if !std::thread::panicking() {
            reader.unwrap();
        }
    }
}

/// A pixel as a viewer's decoder would show it: BT.709, limited range.
pub fn colour(picture: &I420, x: usize, y: usize) -> Colour {
    let stride = picture.stride();
    let chroma = y / 2 * (stride / 2) + x / 2;
    let luma = (f64::from(picture.y()[y * stride + x]) - 16.0) * 255.0 / 219.0;
    let cb = (f64::from(picture.u()[chroma]) - 128.0) * 255.0 / 224.0;
    let cr = (f64::from(picture.v()[chroma]) - 128.0) * 255.0 / 224.0;
    let red = luma + 1.5748 * cr;
    let green = luma - 0.1873 * cb - 0.4681 * cr;
    let blue = luma + 1.8556 * cb;
    [red, green, blue].map(|value| value.round().clamp(0.0, 255.0) as u8)
}

pub fn near(a: Colour, b: Colour) -> bool {
    a.iter().zip(b).all(|(a, b)| a.abs_diff(b) <= 6)
}
