//! What a display leaves behind when it ends, which is nothing: counted in a process of its own, one test at a time.

#![allow(
    clippy::unwrap_used,
    reason = "a test that cannot be set up has failed"
)]

#[allow(dead_code, reason = "the tests of the display use the rest")]
mod support;

use std::{
    collections::BTreeMap,
    fs,
    os::{fd::AsFd, unix::net::UnixStream},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use farpane::{
    bitrate::Bitrate,
    display::{Display, DisplayOptions, SeatEvent},
    picture::mailbox::Mailbox,
    stream::Downlink,
};
use rustix::fs::{MemfdFlags, ftruncate, memfd_create};
use shared::clipboard::ClipboardLimits;
use shared::{
    geometry::{Geometry, PointInPage, VideoSize},
    input::PointerButton,
};
use support::{BLUE, RED, Screen, near, until};
use wayland_client::{
    Connection, Dispatch, EventQueue, QueueHandle, delegate_noop,
    globals::{GlobalListContents, registry_queue_init},
    protocol::{
        wl_buffer::WlBuffer, wl_compositor::WlCompositor, wl_data_device::WlDataDevice,
        wl_data_device_manager::WlDataDeviceManager, wl_keyboard, wl_keyboard::WlKeyboard,
        wl_pointer::WlPointer, wl_registry, wl_registry::WlRegistry, wl_seat::WlSeat, wl_shm,
        wl_shm::WlShm, wl_shm_pool::WlShmPool, wl_subcompositor::WlSubcompositor,
        wl_subsurface::WlSubsurface, wl_surface::WlSurface,
    },
};

/// One test counts at a time: they share the process.
static ALONE: Mutex<()> = Mutex::new(());

fn alone() -> MutexGuard<'static, ()> {
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What this process holds.
#[derive(Debug)]
struct Held {
    /// How many of each kind: `socket`, `anon_inode`, `/memfd:smithay-keymap (deleted)`.
    descriptors: BTreeMap<String, usize>,
    /// Threads of displays.
    threads: usize,
    /// Resident and not backed by a file.
    bytes: usize,
}

impl Held {
    fn now() -> Held {
        let mut descriptors = BTreeMap::new();
        for entry in fs::read_dir("/proc/self/fd").unwrap() {
            // Another thread may have closed it since.
            let Ok(target) = fs::read_link(entry.unwrap().path()) else {
                continue;
            };
            let target = target.to_string_lossy();
            let kind = target.split(":[").next().unwrap_or(&target).to_owned();
            *descriptors.entry(kind).or_default() += 1;
        }
        let tasks = fs::read_dir("/proc/self/task").unwrap();
        let name = |task: fs::DirEntry| fs::read_to_string(task.path().join("comm"));
        let threads = tasks
            .filter_map(|task| name(task.unwrap()).ok())
            .filter(|name| name.trim() == "display")
            .count();
        let status = fs::read_to_string("/proc/self/status").unwrap();
        let resident = status.lines().find_map(|line| {
            let kilobytes = line.strip_prefix("RssAnon:")?.trim().strip_suffix(" kB")?;
            kilobytes.parse::<usize>().ok()
        });
        Held {
            descriptors,
            threads,
            bytes: resident.unwrap() * 1024,
        }
    }

    /// Once smithay's own thread has closed the memory of clients' pictures.
    fn settled() -> Held {
        until("the memory of clients' pictures is closed", || {
            let held = Held::now();
            let mut kinds = held.descriptors.keys();
            let open = kinds.any(|kind| kind.starts_with("/memfd:") && !kind.contains("keymap"));
            (!open).then_some(held)
        })
    }
}

/// A Wayland client with one of everything that refers to the seat, and a surface within another.
struct Client {
    queue: EventQueue<Received>,
    received: Received,
}

#[derive(Default)]
struct Received {
    keymap: bool,
}

impl Client {
    fn connect(stream: UnixStream) -> Client {
        let connection = Connection::from_socket(stream).unwrap();
        let (globals, queue) = registry_queue_init::<Received>(&connection).unwrap();
        let handle = queue.handle();
        let seat: WlSeat = globals.bind(&handle, 5..=7, ()).unwrap();
        seat.get_keyboard(&handle, ());
        seat.get_pointer(&handle, ());
        let devices: WlDataDeviceManager = globals.bind(&handle, 1..=3, ()).unwrap();
        devices.get_data_device(&seat, &handle, ());
        let compositor: WlCompositor = globals.bind(&handle, 4..=5, ()).unwrap();
        let subcompositor: WlSubcompositor = globals.bind(&handle, 1..=1, ()).unwrap();
        let [below, above] = [(), ()].map(|()| compositor.create_surface(&handle, ()));
        subcompositor.get_subsurface(&above, &below, &handle, ());
        let shm: WlShm = globals.bind(&handle, 1..=1, ()).unwrap();
        let memory = memfd_create("pixels", MemfdFlags::CLOEXEC).unwrap();
        ftruncate(&memory, 4096).unwrap();
        let pool = shm.create_pool(memory.as_fd(), 4096, &handle, ());
        let buffer = pool.create_buffer(0, 32, 32, 128, wl_shm::Format::Xrgb8888, &handle, ());
        above.attach(Some(&buffer), 0, 0);
        above.commit();
        below.commit();
        let mut client = Client {
            queue,
            received: Received::default(),
        };
        client.queue.roundtrip(&mut client.received).unwrap();
        assert!(client.received.keymap, "the seat has a keyboard");
        client
    }
}

impl Dispatch<WlRegistry, GlobalListContents> for Received {
    fn event(
        _: &mut Received,
        _: &WlRegistry,
        _: wl_registry::Event,
        _: &GlobalListContents,
        _: &Connection,
        _: &QueueHandle<Received>,
    ) {
    }
}

impl Dispatch<WlKeyboard, ()> for Received {
    fn event(
        received: &mut Received,
        _: &WlKeyboard,
        event: wl_keyboard::Event,
        (): &(),
        _: &Connection,
        _: &QueueHandle<Received>,
    ) {
        received.keymap |= matches!(event, wl_keyboard::Event::Keymap { .. });
    }
}

delegate_noop!(Received: WlCompositor);
delegate_noop!(Received: WlDataDeviceManager);
delegate_noop!(Received: WlShmPool);
delegate_noop!(Received: WlSubcompositor);
delegate_noop!(Received: WlSubsurface);
delegate_noop!(Received: ignore WlBuffer);
delegate_noop!(Received: ignore WlDataDevice);
delegate_noop!(Received: ignore WlPointer);
delegate_noop!(Received: ignore WlSeat);
delegate_noop!(Received: ignore WlShm);
delegate_noop!(Received: ignore WlSurface);

/// Starts a display with a client and ends both.
fn start_and_end(client_first: bool) {
    let options = DisplayOptions {
        geometry: Geometry::unscaled(VideoSize::HD),
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
    let (display, wayland) = Display::start(options, Mailbox::new(), downlink).unwrap();
    let client = Client::connect(UnixStream::from(wayland));
    if client_first {
        drop(client);
        let state = display.state();
        until("the display sees its client go", || {
            state.borrow().closed.is_some().then_some(())
        });
        drop(display);
    } else {
        drop(display);
        drop(client);
    }
}

/// Ninety displays grow by 8 kB altogether; when their seats were never dropped, they grew by 21 MB.
const MOST_GROWTH: usize = 1 << 20;

#[test]
fn a_hundred_displays_leave_nothing_behind() {
    let _alone = alone();
    let mut after_ten = None;
    for round in 1..=100 {
        start_and_end(round % 2 == 0);
        if round == 10 {
            after_ten = Some(Held::settled());
        }
    }
    let (before, after) = (after_ten.unwrap(), Held::settled());
    let growth = after.bytes.saturating_sub(before.bytes);
    assert_eq!(after.descriptors, before.descriptors);
    assert_eq!((before.threads, after.threads), (0, 0));
    assert!(growth < MOST_GROWTH, "{growth} bytes more than after ten");
}

/// Something to drag over a page that turns blue below it. It draws without pause, which paces the moves.
const DRAGGABLE: &str = "<!doctype html><style>body{margin:0;height:100vh;background:#f00}
      div{position:absolute;width:100px;height:100px}</style>
    <div draggable=true style='left:100px;top:100px;background:#fff'></div><div id=clock style='top:600px'></div>
    <script>ondragstart = e => e.dataTransfer.setData('text', 'it');
    ondragover = () => document.body.style.background = '#00f';
    let frames = 0;
    (function next() { clock.style.background = frames++ % 2 ? '#000' : '#fff'; requestAnimationFrame(next) })()</script>";

#[test]
fn a_display_that_ends_during_a_drag_leaves_nothing_behind() {
    let _alone = alone();
    let before = Held::now();
    for chrome_first in [true, false] {
        let mut screen = Screen::open(DRAGGABLE);
        screen.wait_colour("the page", 640, 360, RED);
        screen.move_to(150.0, 150.0);
        screen.send(SeatEvent::PointerButton {
            at: PointInPage::new(150.0, 150.0),
            button: PointerButton::Left,
            pressed: true,
        });
        let mut steps = 0u8;
        until("the page below the drag", || {
            screen.moves_on(1);
            steps = steps.wrapping_add(1);
            screen.move_to(400.0 + f32::from(steps), 360.0);
            near(screen.colour_at(640, 60), BLUE).then_some(())
        });
        if chrome_first {
            screen.chrome = None;
            screen.wait_state("the display says why", |state| state.closed.is_some());
        }
    }
    let after = Held::settled();
    assert_eq!(after.descriptors, before.descriptors);
    assert_eq!((before.threads, after.threads), (0, 0));
}
