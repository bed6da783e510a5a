//! The display's own thread: seat events in, Chrome's requests in, pictures out, until someone hangs up.

use std::{
    collections::VecDeque,
    os::unix::net::UnixStream,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, mpsc::SyncSender},
    time::Instant,
};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use shared::geometry::LogicalSize;
use smithay::reexports::wayland_server::{
    self,
    backend::{ClientId, DisconnectReason, smallvec::SmallVec},
};
use tokio::sync::watch;

use super::{
    DisplayError, DisplayOptions, DisplayState, SeatEvent,
    callback_budget::CallbackBudget,
    clipboard,
    compositor::{Chrome, Compositor},
    inbox::{ClockChange, Inbox},
    seat,
};
use crate::{
    picture::{compose::Composer, mailbox::Mailbox},
    stream::Downlink,
    sync::lock,
};

type Started = SyncSender<Result<(), DisplayError>>;

/// Runs until the display is dropped or Chrome is disconnected, and says so in `state`.
pub fn run(
    options: DisplayOptions,
    mailbox: Arc<Mailbox>,
    downlink: Arc<Downlink>,
    stream: UnixStream,
    inbox: &Inbox,
    state: watch::Sender<DisplayState>,
    started: &Started,
) {
    let closing = state.clone();
    // A panic here must not take other sessions down: it ends this display, and Chrome sees the connection close.
    let ended = catch_unwind(AssertUnwindSafe(|| {
        match Loop::new(options, mailbox, downlink, stream, state) {
            Ok(mut display) => {
                let _ = started.send(Ok(()));
                let why = display.run(inbox);
                display.end();
                why
            }
            Err(error) => {
                let _ = started.send(Err(error));
                "The display could not start.".to_owned()
            }
        }
    }));
    let why = ended.unwrap_or_else(|_| "The display of this session has failed.".to_owned());
    inbox.stop();
    closing.send_modify(|state| state.closed = Some(why));
}

struct Loop {
    wayland: wayland_server::Display<Compositor>,
    compositor: Compositor,
    chrome: ClientId,
    disconnected: Arc<std::sync::Mutex<Option<String>>>,
    mailbox: Arc<Mailbox>,
    downlink: Arc<Downlink>,
    composer: Composer,
    callback_budget: CallbackBudget,
}

impl Loop {
    fn new(
        options: DisplayOptions,
        mailbox: Arc<Mailbox>,
        downlink: Arc<Downlink>,
        stream: UnixStream,
        state: watch::Sender<DisplayState>,
    ) -> Result<Loop, DisplayError> {
        let wayland = wayland_server::Display::new()
            .map_err(|error| DisplayError::Wayland(error.to_string()))?;
        let compositor = Compositor::new(
            wayland.handle(),
            options.geometry,
            options.frame_rate,
            options.clipboard,
            state,
        )?;
        let chrome = Chrome::default();
        let disconnected = chrome.disconnected();
        let chrome = wayland.handle().insert_client(stream, Arc::new(chrome))?;
        Ok(Loop {
            wayland,
            compositor,
            chrome: chrome.id(),
            disconnected,
            mailbox,
            downlink,
            composer: Composer::default(),
            callback_budget: CallbackBudget::new(options.frame_rate),
        })
    }

    /// Gives the reason why it ended, in a sentence.
    fn run(&mut self, inbox: &Inbox) -> String {
        loop {
            if let Err(error) = self.wait(inbox) {
                tracing::error!(%error, "the display cannot wait for Chrome");
                return "The display of this session has failed.".to_owned();
            }
            if let Some(why) = self.turn(inbox) {
                return why;
            }
        }
    }

    /// Until Chrome or a person has something to say, or a frame is due. Without either it sleeps for good.
    fn wait(&mut self, inbox: &Inbox) -> Result<(), rustix::io::Errno> {
        let now = Instant::now();
        let draws = self.compositor.has_callbacks().then(|| self.due(now));
        let holds = self.compositor.holds_until(now);
        let copies = self.compositor.clipboard.transfers.deadline();
        let due = draws.into_iter().chain(holds).chain(copies).min();
        let timeout = due.map(|at| {
            let wait = at.saturating_duration_since(now);
            Timespec {
                tv_sec: wait.as_secs() as i64,
                tv_nsec: wait.subsec_nanos().into(),
            }
        });
        let chrome = self.wayland.backend().poll_fd();
        let mut fds: SmallVec<[PollFd<'_>; 2]> = SmallVec::new();
        fds.push(PollFd::from_borrowed_fd(chrome, PollFlags::IN));
        fds.push(PollFd::from_borrowed_fd(inbox.fd(), PollFlags::IN));
        fds.extend(self.compositor.clipboard.transfers.fds());
        match poll(&mut fds, timeout.as_ref()) {
            Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
            Err(error) => Err(error),
        }
    }

    fn due(&self, now: Instant) -> Instant {
        let ready_at = self.downlink.ready_at();
        self.callback_budget
            .due(now, ready_at, &self.compositor.frame_clock)
    }

    /// What people did goes to Chrome at once: a picture may take milliseconds.
    fn apply(&mut self, events: VecDeque<(SeatEvent, LogicalSize)>) {
        if events.is_empty() {
            return;
        }
        let page = self.compositor.geometry().page;
        for (event, meant_for) in events {
            let event = event.resized(meant_for, page).bounded(page);
            seat::apply(&mut self.compositor, event);
        }
        self.callback_budget.input(Instant::now());
        self.flush();
        self.compositor.attribution.flushed(Instant::now());
    }

    fn flush(&mut self) {
        if let Err(error) = self.wayland.flush_clients() {
            tracing::debug!(%error, "Chrome does not read its events");
        }
    }

    /// Gives the reason if it was the last one.
    fn turn(&mut self, inbox: &Inbox) -> Option<String> {
        let ClockChange { delay, quicken } = inbox.take_clock_change();
        if let Some(micros) = delay {
            self.compositor.frame_clock.delay(micros);
        }
        if quicken {
            self.compositor.frame_clock.quicken();
        }
        let before = self.compositor.geometry();
        if let Err(error) = self.wayland.dispatch_clients(&mut self.compositor) {
            tracing::error!(%error, "Chrome's requests cannot be read");
            return Some("The display of this session has failed.".to_owned());
        }
        if self.compositor.geometry() != before {
            // What is pointed at now is looked for in the new scene.
            self.compositor.arrange();
        }
        let is_held = self.compositor.holds_until(Instant::now()).is_some();
        let Some(events) = inbox.take(is_held) else {
            return Some("The display was closed.".to_owned());
        };
        self.apply(events);
        // After what was aimed at the size of before.
        if let Some(geometry) = inbox.take_resize() {
            self.compositor.resize(geometry);
        }
        let drawn_at = Instant::now();
        clipboard::turn(&mut self.compositor, drawn_at);
        self.compositor.arrange();
        self.compositor
            .publish(&self.mailbox, &mut self.composer, drawn_at);
        let now = Instant::now();
        if self.compositor.has_callbacks() && self.due(now) <= now {
            self.compositor.answer_callbacks();
            self.callback_budget.answered(now);
        }
        self.flush();
        lock(&self.disconnected).take()
    }

    /// Disconnects Chrome, if it has not disconnected itself, and takes apart what would keep itself alive: a surface is
    /// among its own children until it is destroyed, and the seat owns a drag and data devices, which own the seat.
    fn end(&mut self) {
        let handle = self.wayland.handle().backend_handle();
        handle.kill_client(self.chrome.clone(), DisconnectReason::ConnectionClosed);
        let backend = self.wayland.backend();
        // Always an error, since nothing can be read from it any more; its objects are destroyed all the same.
        let _ = backend.dispatch_single_client(&mut self.compositor, self.chrome.clone());
        self.compositor.seat.remove_hands();
        if let Err(error) = clipboard::release_destroyed(&mut self.compositor) {
            tracing::warn!(%error, "the seat of a display cannot be released");
        }
    }
}
