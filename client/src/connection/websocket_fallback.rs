//! The web socket beside the peer, where WebRTC finds no way: when it is opened, when it is lost, when it goes.
//!
//! A peer that is not connected after three seconds gets company: what works first shows pictures. WebRTC wins whenever
//! it shows one, for it is quicker; while the socket shows them, WebRTC is tried again once a minute, and at once when
//! the network changes or the socket is lost.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use futures::channel::oneshot;
use leptos::prelude::*;
use leptos::task::spawn_local;
use web_sys::HtmlCanvasElement;

use super::backoff::Backoff;
use super::socket::{Socket, SocketCallbacks};
use super::view_state::Link;
use super::{Connection, Seat, codecs};
use crate::dom::{Interval, every, now, sleep};
use crate::stats::way::Shown;

/// ICE over UDP takes a tenth of a second, over TCP half a second.
const BESIDE_AFTER: Duration = Duration::from_secs(3);
/// The next attempt by WebRTC while the socket shows pictures.
pub(super) const WEB_RTC_AGAIN: Duration = Duration::from_secs(60);
const BEAT: Duration = Duration::from_secs(1);
/// The server says something each second.
const SILENT_MILLIS: f64 = 5000.0;

pub(super) struct WebSocketFallback {
    canvas: HtmlCanvasElement,
    socket: RefCell<Option<Rc<Socket>>>,
    /// Pictures flow over it.
    shows: Cell<bool>,
    wanted: Cell<bool>,
    /// Of the wish: an older task must not serve a newer one.
    wish: Cell<u32>,
    /// Ends the wait for the present socket's end.
    ending: RefCell<Option<oneshot::Sender<()>>>,
    beat: RefCell<Option<Interval>>,
}

impl WebSocketFallback {
    pub fn new(canvas: HtmlCanvasElement) -> WebSocketFallback {
        WebSocketFallback {
            canvas,
            socket: RefCell::default(),
            shows: Cell::new(false),
            wanted: Cell::new(false),
            wish: Cell::new(0),
            ending: RefCell::default(),
            beat: RefCell::default(),
        }
    }

    pub fn shows(&self) -> bool {
        self.shows.get()
    }

    pub fn socket(&self) -> Option<Rc<Socket>> {
        self.socket.borrow().clone()
    }

    /// Says whether pictures flowed.
    fn drop_socket(&self) -> bool {
        self.beat.take();
        self.ending.take();
        let socket = self.socket.take();
        drop(socket);
        self.shows.replace(false)
    }
}

impl Connection {
    /// A peer begins; if it is not connected soon, the socket is opened beside it.
    pub(super) fn want_spare(self: &Rc<Self>) {
        if !self.spare.wanted.replace(true) {
            let wish = self.spare.wish.get().wrapping_add(1);
            self.spare.wish.set(wish);
            spawn_local(self.clone().keep_spare(wish));
        }
    }

    /// The peer shows pictures, or the page is left.
    pub(super) fn end_spare(&self) {
        self.spare.wanted.set(false);
        self.spare.drop_socket();
        self.spare.canvas.set_hidden(true);
    }

    async fn keep_spare(self: Rc<Self>, wish: u32) {
        let spare = &self.spare;
        let is_wanted = || spare.wanted.get() && spare.wish.get() == wish;
        sleep(BESIDE_AFTER).await;
        let mut backoff = Backoff::default();
        while is_wanted() {
            let seat = self.seat.borrow().clone();
            if let (Some(seat), false) = (seat, self.has_peer()) {
                if !codecs::is_there() {
                    return self.tell_obstacle();
                }
                if let Some(over) = self.open_spare(&seat) {
                    // Whatever ends it.
                    let _ = over.await;
                    if is_wanted() && spare.drop_socket() {
                        backoff.reset();
                        self.lost();
                        self.poll();
                        self.hurry();
                    }
                }
            }
            sleep(backoff.next_delay()).await;
        }
    }

    /// Resolves when it is over.
    fn open_spare(self: &Rc<Self>, seat: &Seat) -> Option<oneshot::Receiver<()>> {
        let (ending, over) = oneshot::channel();
        let (opened, message, shown, closed) = (
            Rc::downgrade(self),
            Rc::downgrade(self),
            Rc::downgrade(self),
            Rc::downgrade(self),
        );
        let ears = SocketCallbacks {
            opened: Box::new(move || {
                if let Some(connection) = opened.upgrade() {
                    connection.ping();
                }
            }),
            message: Box::new(move |said| {
                if let Some(connection) = message.upgrade() {
                    connection.take_message(said);
                }
            }),
            shown: Box::new(move |frame| {
                if let Some(connection) = shown.upgrade() {
                    connection.spare_shows(frame);
                }
            }),
            closed: Box::new(move || {
                if let Some(connection) = closed.upgrade() {
                    connection.spare.ending.take();
                }
            }),
        };
        let canvas = self.spare.canvas.clone();
        let socket = Socket::open(&self.session, &seat.viewer, canvas, ears).ok()?;
        *self.spare.socket.borrow_mut() = Some(socket);
        *self.spare.ending.borrow_mut() = Some(ending);
        let beating = Rc::downgrade(self);
        *self.spare.beat.borrow_mut() = Some(every(BEAT, move || {
            if let Some(connection) = beating.upgrade() {
                connection.beat_spare();
            }
        }));
        Some(over)
    }

    /// Asks for the time and what was taken, and gives up a socket that nothing comes on.
    fn beat_spare(&self) {
        let Some(socket) = self.spare.socket() else {
            return;
        };
        if now() - socket.heard() > SILENT_MILLIS {
            self.spare.ending.take();
        } else if self.spare.shows() {
            self.ping();
        }
    }

    fn spare_shows(&self, frame: Shown) {
        self.meter.shown(frame);
        if !self.spare.shows.replace(true) {
            self.spare.canvas.set_hidden(false);
            self.watch.obstacle.set(None);
            self.watch.link.set(Link::Connected);
            self.live_again();
            self.tell_missing();
        }
    }

    /// WebRTC works, though it may have nothing to show yet.
    fn has_peer(&self) -> bool {
        let peer = self.peer.borrow();
        peer.as_ref().is_some_and(|peer| peer.is_connected())
    }

    fn tell_obstacle(&self) {
        self.watch.obstacle.set(Some(super::NO_PICTURES.to_owned()));
    }
}
