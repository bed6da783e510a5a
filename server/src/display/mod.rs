//! Chrome's display: a Wayland compositor without a screen. Chrome's commits → the mailbox; what people do → Chrome.

use std::{
    os::fd::OwnedFd,
    os::unix::net::UnixStream,
    sync::Arc,
    thread::{self, JoinHandle},
};

use shared::{
    geometry::{Geometry, LogicalSize, PointInPage},
    input::PointerButton,
    session::Cursor,
};
use tokio::sync::watch;

use crate::{
    latency_trace::InputTrace,
    picture::{mailbox::Mailbox, rect::Rect},
    stream::Downlink,
};

// What people do, on its way to Chrome.
mod inbox;
mod seat;
mod text_input;
// Pure: which commit shows which input.
mod input_attribution;
// What Chrome shows, on its way to the picture.
mod compositor;
mod cursor;
mod pixel_space;
mod pixels;
mod scene;
mod stack;
mod surfaces;
mod windows;
// Clipboard and drags between parts of the same Chrome.
mod clipboard;
// When Chrome may draw.
mod callback_budget;
mod frame_clock;
// The loop that drives all of it.
mod thread_loop;

use inbox::Inbox;

/// What a display is started with.
#[derive(Clone, Copy, Debug)]
pub struct DisplayOptions {
    /// Of the page and its picture, until the display ends.
    pub geometry: Geometry,
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
    /// `evdev` is a key of `linux/input-event-codes.h`, read with the us keymap. Pressed again while down repeats.
    Key {
        /// `KEY_…`.
        evdev: u32,
        /// Down, or else up.
        pressed: bool,
    },
    /// Text that no key types; it lands in the focused text field, and nowhere when there is none.
    Text(String),
    /// Lifts all keys and buttons.
    ReleaseAll,
    /// What came just before is an input whose effect somebody waits to see.
    Trace(InputTrace),
}

impl SeatEvent {
    /// The same, within the page and by finite amounts.
    fn bounded(mut self, page: LogicalSize) -> SeatEvent {
        match &mut self {
            SeatEvent::PointerMove { at } | SeatEvent::PointerButton { at, .. } => {
                *at = at.clamped(page);
            }
            SeatEvent::Wheel {
                at,
                delta_x,
                delta_y,
                ..
            } => {
                *at = at.clamped(page);
                (*delta_x, *delta_y) = (bounded(*delta_x), bounded(*delta_y));
            }
            SeatEvent::Key { .. }
            | SeatEvent::Text(_)
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

impl DisplayState {
    /// Before Chrome has said anything.
    pub(crate) fn new(geometry: Geometry) -> DisplayState {
        DisplayState {
            cursor: Cursor::default(),
            text_field: None,
            windows: 0,
            drawn: false,
            geometry,
            closed: None,
        }
    }
}

/// A focused text field, as far as Chrome tells.
#[derive(Clone, Debug, PartialEq)]
pub struct TextField {
    /// In pixels of the video.
    pub caret: Option<Rect>,
    /// The HTML `inputmode` that fits: `text`, `numeric`, `decimal`, `tel`, `url` or `email`.
    pub input_mode: &'static str,
    /// A password or the like.
    pub secret: bool,
    /// Several lines of text.
    pub multiline: bool,
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

    /// Never blocks. Without effect once the display is closed.
    pub fn send(&self, event: SeatEvent) {
        self.inbox.push(event);
    }

    /// Pictures wait so long for a refresh of the viewer's screen, in microseconds: Chrome draws so much later from now
    /// on. Never blocks.
    pub fn delay(&self, micros: i32) {
        self.inbox
            .change_clock(|change| change.delay = Some(micros));
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
