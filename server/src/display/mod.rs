//! Chrome's display: a Wayland compositor without a screen. Chrome's commits → the mailbox; what people do → Chrome.

use std::{
    os::fd::OwnedFd,
    os::unix::net::UnixStream,
    sync::Arc,
    thread::{self, JoinHandle},
};

use shared::{
    clipboard::{ClipboardContent, ClipboardLimits},
    geometry::{Geometry, LogicalSize, PointInPage},
    input::{Modifiers, PointerButton, TouchPhase},
    session::{Cursor, TextField},
};
use tokio::sync::watch;

use crate::{
    input::keysyms::Keysym, latency_trace::InputTrace, picture::mailbox::Mailbox, stream::Downlink,
};

// What people do, on its way to Chrome.
mod inbox;
mod pointer_lock;
mod seat;
mod text_input;
mod touch;
// Pure: how quick a finger was.
// Pure: which commit shows which input.
mod input_attribution;
// What Chrome shows, on its way to the picture.
mod compositor;
mod cursor;
mod pixel_space;
mod pixels;
mod resizing;
mod scene;
mod stack;
mod surface_scale;
mod surfaces;
mod windows;
// Pure: how large a window has to be for a page.
pub mod window_size;
// Pure: where a window floats.
mod floating;
// Clipboard and drags between parts of the same Chrome.
mod clipboard;
mod transfers;
// When Chrome may draw.
mod callback_budget;
mod frame_clock;
// The loop that drives all of it.
mod thread_loop;

use inbox::Inbox;

/// What a display is started with.
#[derive(Clone, Copy, Debug)]
pub struct DisplayOptions {
    /// Of the page and its picture, until [`Display::resize`].
    pub geometry: Geometry,
    /// What Chrome may copy.
    pub clipboard: ClipboardLimits,
    /// Chrome draws at most this often per second, a little more right after an input.
    pub frame_rate: u32,
}

/// Why a display could not start.
#[derive(Debug, thiserror::Error)]
#[allow(missing_docs, reason = "its sentence says what each variant is")]
pub enum DisplayError {
    #[error("no socket for Chrome's display: {0}")]
    Io(#[from] std::io::Error),
    #[error("Chrome's display could not be made: {0}")]
    Wayland(String),
    #[error("the us keymap cannot be loaded; install it with `apt-get install xkb-data`")]
    Keymap,
}

/// Something a person does. Coordinates outside the page are moved to its edge.
#[derive(Clone, Debug, PartialEq)]
pub enum SeatEvent {
    /// The pointer is there now.
    PointerMove {
        /// Where.
        at: PointInPage,
    },
    /// The pointer moves by so much, in logical pixels; one that the page holds stays where it is all the same.
    PointerMotion {
        /// To the right.
        x: f32,
        /// Down.
        y: f32,
    },
    /// The page is to let go of the pointer, if it holds it.
    LeavePointerLock,
    /// A button goes down or up.
    PointerButton {
        /// Where the pointer is.
        at: PointInPage,
        /// Which one.
        button: PointerButton,
        /// Down, or else up.
        pressed: bool,
    },
    /// CSS pixels, positive is down and right. `notched` is a mouse wheel, else a touchpad.
    Wheel {
        /// Where the pointer is.
        at: PointInPage,
        /// To the right.
        delta_x: f32,
        /// Down.
        delta_y: f32,
        /// By whole notches.
        notched: bool,
    },
    /// A finger.
    Touch {
        /// Tells it from the others.
        finger: u32,
        /// What becomes of it. One that is called off takes all others with it.
        phase: TouchPhase,
        /// Where it is; without meaning for one that is lifted or called off.
        at: PointInPage,
    },
    /// `evdev` is a key of `linux/input-event-codes.h`, whatever it makes. Pressed again while down repeats.
    Key {
        /// `KEY_…`.
        evdev: u32,
        /// Down, or else up.
        pressed: bool,
    },
    /// A key goes down, or repeats, that made this on the person's own keyboard. It is lifted by [`SeatEvent::Key`].
    Press {
        /// `KEY_…`.
        evdev: u32,
        /// What it makes; `None` leaves it as it is.
        keysym: Option<Keysym>,
        /// What is down and locked while it is pressed; `None` leaves that as it is.
        modifiers: Option<Modifiers>,
    },
    /// Text that is being composed in the focused text field; empty cancels.
    Compose {
        /// All of it.
        text: String,
        /// Where the caret is, in bytes.
        caret: usize,
    },
    /// Text in the place of so many bytes around the caret of the focused text field.
    Replace {
        /// Before it.
        before: u32,
        /// After it.
        after: u32,
        /// What comes instead.
        text: String,
    },
    /// Text that no key types; it lands in the focused text field, and nowhere when there is none.
    Text(String),
    /// What can be pasted from now on.
    Offer(Arc<ClipboardContent>),
    /// Lifts all keys and buttons, and calls off all fingers.
    ReleaseAll,
    /// What came just before is an input whose effect somebody waits to see.
    Trace(InputTrace),
}

impl SeatEvent {
    /// The same, at the same part of a page that had one size and has another.
    fn resized(mut self, from: LogicalSize, to: LogicalSize) -> SeatEvent {
        if let SeatEvent::PointerMove { at }
        | SeatEvent::PointerButton { at, .. }
        | SeatEvent::Touch { at, .. }
        | SeatEvent::Wheel { at, .. } = &mut self
        {
            *at = at.resized(from, to);
        }
        self
    }

    /// The same, within the page and by finite amounts.
    fn bounded(mut self, page: LogicalSize) -> SeatEvent {
        match &mut self {
            SeatEvent::PointerMove { at }
            | SeatEvent::PointerButton { at, .. }
            | SeatEvent::Touch { at, .. } => *at = at.clamped(page),
            SeatEvent::Wheel {
                at,
                delta_x,
                delta_y,
                ..
            } => {
                *at = at.clamped(page);
                (*delta_x, *delta_y) = (bounded(*delta_x), bounded(*delta_y));
            }
            SeatEvent::PointerMotion { x, y } => (*x, *y) = (bounded(*x), bounded(*y)),
            SeatEvent::LeavePointerLock
            | SeatEvent::Key { .. }
            | SeatEvent::Press { .. }
            | SeatEvent::Compose { .. }
            | SeatEvent::Replace { .. }
            | SeatEvent::Text(_)
            | SeatEvent::Offer(_)
            | SeatEvent::ReleaseAll
            | SeatEvent::Trace(_) => {}
        }
        self
    }
}

/// Wayland's fixed-point numbers end at 2²³; no page is scrolled further at once.
fn bounded(delta: f32) -> f32 {
    const MOST: f32 = 100_000.0;
    if delta.is_nan() {
        0.0
    } else {
        delta.clamp(-MOST, MOST)
    }
}

/// What a viewer must know besides pixels.
#[derive(Clone, Debug, PartialEq)]
pub struct DisplayState {
    /// The shape Chrome gives the pointer.
    pub cursor: Cursor,
    /// The text field that has the focus, if one has.
    pub text_field: Option<TextField>,
    /// The page holds the pointer: it wants to know its motion alone.
    pub pointer_locked: bool,
    /// What Chrome has copied last.
    pub copied: Option<Copied>,
    /// Grows when a window changes its title or its focus: another tab or window came to the front, or a page got
    /// another name.
    pub windows: u64,
    /// The first picture of the page has been published.
    pub drawn: bool,
    /// Of the newest picture.
    pub geometry: Geometry,
    /// The display or Chrome is gone, and why, in a sentence.
    pub closed: Option<String>,
}

/// What a page has put into the clipboard.
#[derive(Clone, Debug, PartialEq)]
pub struct Copied {
    /// Tells it from what was copied before.
    pub number: u64,
    /// Else why it is not here, in a sentence.
    pub content: Result<Arc<ClipboardContent>, String>,
}

impl DisplayState {
    /// Before Chrome has said anything.
    pub(crate) fn new(geometry: Geometry) -> DisplayState {
        DisplayState {
            cursor: Cursor::default(),
            text_field: None,
            pointer_locked: false,
            copied: None,
            windows: 0,
            drawn: false,
            geometry,
            closed: None,
        }
    }
}

/// Owns the display's thread; dropping it stops and joins the thread and hangs up on Chrome.
pub struct Display {
    inbox: Arc<Inbox>,
    state: watch::Receiver<DisplayState>,
    thread: Option<JoinHandle<()>>,
}

impl Display {
    /// Starts the thread; Chrome draws no faster than the `downlink` is ready for pictures. The descriptor is Chrome's end of the
    /// connection, for `WAYLAND_SOCKET`; close it here once Chrome has inherited it, or the display cannot see Chrome go.
    /// Leaves `mailbox` open when it ends, so that a new display can continue it.
    pub fn start(
        options: DisplayOptions,
        mailbox: Arc<Mailbox>,
        downlink: Arc<Downlink>,
    ) -> Result<(Display, OwnedFd), DisplayError> {
        let (ours, chromes) = UnixStream::pair()?;
        let inbox = Arc::new(Inbox::new()?);
        let (sender, state) = watch::channel(DisplayState::new(options.geometry));
        let (ready, started) = std::sync::mpsc::sync_channel(1);
        let thread = {
            let inbox = inbox.clone();
            thread::Builder::new()
                .name("display".to_owned())
                .spawn(move || {
                    thread_loop::run(options, mailbox, downlink, ours, &inbox, sender, &ready)
                })?
        };
        let display = Display {
            inbox,
            state,
            thread: Some(thread),
        };
        // The thread says once whether its parts could be made; a panic before that closes the channel.
        started
            .recv()
            .unwrap_or_else(|_| Err(DisplayError::Wayland("it stopped at once".to_owned())))?;
        Ok((display, chromes.into()))
    }

    /// Of the picture that is shown now: never blocks. Without effect once the display is closed.
    pub fn send(&self, event: SeatEvent) {
        let page = self.state.borrow().geometry.page;
        self.send_in(page, event);
    }

    /// As [`Display::send`], for a point of a page of that size: it lands at the same part of the page that Chrome draws
    /// when it takes the event.
    pub fn send_in(&self, page: LogicalSize, event: SeatEvent) {
        self.inbox.push(event, page);
    }

    /// Pictures wait so long for a refresh of the viewer's screen, in microseconds: Chrome draws so much later from now
    /// on. Never blocks.
    pub fn delay(&self, micros: i32) {
        self.inbox
            .change_clock(|change| change.delay = Some(micros));
    }

    /// Chrome's windows are to fill a page of this geometry. The picture has it as soon as Chrome has drawn that; until then
    /// it stays as it is. Never blocks.
    pub fn resize(&self, geometry: Geometry) {
        self.inbox.resize(geometry);
    }

    /// Chrome keeps pages to the frame rate on a screen twice as quick, and is told that it has one from now on.
    pub fn quicken(&self) {
        self.inbox.change_clock(|change| change.quicken = true);
    }

    /// A watch, so that nothing queues up for a slow reader.
    pub fn state(&self) -> watch::Receiver<DisplayState> {
        self.state.clone()
    }
}

impl Drop for Display {
    fn drop(&mut self) {
        self.inbox.stop();
        if let Some(thread) = self.thread.take() {
            // A panic has been caught inside the thread and told in `closed`.
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use shared::geometry::VideoSize;

    use super::*;

    fn page() -> LogicalSize {
        Geometry::unscaled(VideoSize::HD).page
    }

    #[test]
    fn a_pointer_outside_the_page_is_at_its_edge() {
        let at = PointInPage::new(99_999.0, -3.0);
        let edge = PointInPage::new(1279.5, 0.0);
        let moved = SeatEvent::PointerMove { at }.bounded(page());
        assert_eq!(moved, SeatEvent::PointerMove { at: edge });
    }

    #[test]
    fn a_wheel_turns_by_a_finite_amount() {
        let at = PointInPage::default();
        let turned = SeatEvent::Wheel {
            at,
            delta_x: f32::NAN,
            delta_y: f32::INFINITY,
            notched: true,
        };
        let expected = SeatEvent::Wheel {
            at,
            delta_x: 0.0,
            delta_y: 100_000.0,
            notched: true,
        };
        assert_eq!(turned.bounded(page()), expected);
    }
}
