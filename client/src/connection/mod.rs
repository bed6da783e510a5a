//! A viewer's way to its session: join → offer → answer → pictures and messages; lost → a fresh peer.
//!
//! What goes out is in [`outbound`], what comes in in [`inbound`].

// What the components see of it.
pub mod view_state;
// One peer's life.
pub(crate) mod frames;
mod peer;
// Where WebRTC finds no way: a web socket.
mod codecs;
mod socket;
mod websocket_fallback;
// What goes either way.
mod inbound;
mod outbound;
mod outbox;
// When to try again.
mod backoff;
// Is it still live, and what to do when it is not.
mod input_accounting;
mod liveness;
mod recovery;
pub mod stall_detector;
// What is seen of it, and when pictures are best drawn.
mod frame_observer;
mod vsync_phase;

use std::cell::{Cell, RefCell};
use std::pin::pin;
use std::rc::Rc;
use std::time::Duration;

use futures::channel::mpsc::{self, UnboundedReceiver};
use futures::channel::oneshot;
use futures::future::{Either, FutureExt, LocalBoxFuture, join, pending, select};
use futures::stream::StreamExt;
use leptos::prelude::*;
use leptos::task::spawn_local;
use shared::api::IceServer;
use shared::error::ApiError;
use shared::message::ClientMessage;
use shared::session::{SessionId, ViewerId};
use wasm_bindgen::JsValue;
use web_sys::{HtmlCanvasElement, HtmlVideoElement, MediaStream, RtcPeerConnectionState};

use crate::api;
use crate::dom::{now, said, sleep};
use crate::stats::meter::Meter;
use crate::stats::reading::Reading;
use crate::stats::report;
use backoff::Backoff;
use frame_observer::FrameObserver;
use outbound::beacon;
use outbox::Outbox;
use peer::{Peer, PeerEvent};
use recovery::{Health, Listeners};
use view_state::{Link, ViewState};
use websocket_fallback::{WEB_RTC_AGAIN, WebSocketFallback};

/// ICE over TCP takes half a second; what is not there after this will not come.
const CONNECTED_WITHIN: Duration = Duration::from_secs(10);
/// What an offer may take; the server needs some milliseconds.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);
/// A peer that is connected shows its first picture within some milliseconds, unless nobody looks at the page.
const FIRST_SHOWN_WITHIN: Duration = Duration::from_secs(2);
/// ICE often finds its way back by itself; longer, and a fresh peer is faster. Only without a control channel: with one
/// the server is asked.
const BACK_WITHIN: Duration = Duration::from_secs(2);
/// Neither WebRTC nor a web socket brings any.
const NO_PICTURES: &str = "No pictures arrive: the server's media port may be blocked on the way, and over the web alone they need WebCodecs, which this browser lacks or keeps for pages from HTTPS.";
/// After so many attempts the person is told what may be in the way.
const PATIENT_ATTEMPTS: u32 = 1;

/// Who this viewer is to the server.
#[derive(Clone)]
struct Seat {
    viewer: ViewerId,
    ice_servers: Vec<IceServer>,
}

pub struct Connection {
    watch: ViewState,
    session: SessionId,
    video: HtmlVideoElement,
    /// One for all peers: the last picture stays until the next peer's first.
    stream: MediaStream,
    seat: RefCell<Option<Seat>>,
    peer: RefCell<Option<Rc<Peer>>>,
    /// Pictures and messages over a web socket, while there is no peer.
    spare: WebSocketFallback,
    outbox: RefCell<Outbox>,
    /// What inputs take to be seen.
    meter: Rc<Meter>,
    health: Health,
    sight: FrameObserver,
    vigil: RefCell<Option<Listeners>>,
    /// Whoever waits for the next attempt.
    resting: RefCell<Option<oneshot::Sender<()>>>,
    polling: Cell<bool>,
    closed: Cell<bool>,
}

impl Connection {
    /// Starts at once and keeps trying until [`Connection::close`] or the session's end.
    /// Pictures are shown by `video`, or by `canvas`, which lies over it and is hidden meanwhile.
    pub fn open(
        watch: ViewState,
        video: HtmlVideoElement,
        canvas: HtmlCanvasElement,
    ) -> Result<Rc<Connection>, JsValue> {
        let connection = Rc::new(Connection {
            session: watch.session(),
            watch,
            stream: MediaStream::new()?,
            meter: Meter::new(video.clone()),
            video,
            seat: RefCell::default(),
            peer: RefCell::default(),
            spare: WebSocketFallback::new(canvas),
            outbox: RefCell::default(),
            health: Health::default(),
            sight: FrameObserver::default(),
            vigil: RefCell::default(),
            resting: RefCell::default(),
            polling: Cell::new(false),
            closed: Cell::new(false),
        });
        *connection.vigil.borrow_mut() = Some(connection.keep_vigil());
        spawn_local(connection.clone().run());
        Ok(connection)
    }

    /// The counters of the way that shows pictures, if there is one.
    pub async fn reading(&self) -> Option<Reading> {
        if let (Some(socket), true) = (self.spare.socket(), self.spare.shows()) {
            return Some(Reading {
                current_round_trip_time: self.meter.round_trip().map(|millis| millis / 1000.0),
                ..socket.reading()
            });
        }
        let peer = self.peer.borrow().clone()?;
        peer.report().await.ok().map(|told| report::read(&told))
    }

    /// Says goodbye and lets go of the peer.
    pub fn close(&self) {
        if self.closed.replace(true) {
            return;
        }
        self.vigil.take();
        self.hurry();
        self.end_spare();
        self.drop_peer();
        if let Some(seat) = self.seat.borrow_mut().take() {
            let leave = serde_json::json!({ "session": self.session, "viewer": seat.viewer });
            beacon("/api/leave", &leave.to_string());
        }
    }

    async fn run(self: Rc<Self>) {
        let mut backoff = Backoff::default();
        while !self.closed.get() {
            let outcome = self.live(&mut backoff).await;
            self.drop_peer();
            if self.closed.get() {
                break;
            }
            match outcome {
                Ok(()) => {}
                // `NotFound` comes from joining only: there is no such session.
                Err(refused @ (ApiError::NotFound(_) | ApiError::Unauthorized(_))) => {
                    self.watch.link.set(Link::Over {
                        reason: refused.to_string(),
                    });
                    return self.close();
                }
                Err(refused) => self.trouble(&backoff, &refused.to_string()),
            }
            self.poll();
            let pause = backoff.next_delay();
            let pause = if self.spare.shows() {
                WEB_RTC_AGAIN
            } else {
                pause
            };
            self.rest(pause).await;
        }
    }

    /// Waits before the next attempt, unless something happens that makes it likely to succeed.
    async fn rest(&self, pause: Duration) {
        let (hurry, hurried) = oneshot::channel();
        *self.resting.borrow_mut() = Some(hurry);
        // Another one who rests has taken its place: that is as good a reason.
        let _ = select(pin!(sleep(pause)), hurried).await;
    }

    fn hurry(&self) {
        if let Some(resting) = self.resting.borrow_mut().take() {
            // It may just have woken by itself.
            let _ = resting.send(());
        }
    }

    /// One peer, from its offer to its loss.
    async fn live(self: &Rc<Self>, backoff: &mut Backoff) -> Result<(), ApiError> {
        let (events, arriving) = mpsc::unbounded();
        let peer = Peer::new(events, self.arrivals())
            .map(Rc::new)
            .map_err(not_possible)?;
        *self.peer.borrow_mut() = Some(peer.clone());
        if !self.spare.shows() {
            self.meter.forget();
        }
        self.forget_health();
        self.want_spare();

        let (seat, offer) = join(self.take_seat(), peer.prepare()).await;
        let (seat, offer) = (seat?, offer.map_err(not_possible)?);
        // The state is worth showing (Chrome starts, Chrome is gone) before any channel is open.
        self.poll();
        let sdp = (peer.begin(offer, &seat.ice_servers).await).map_err(not_possible)?;
        match within(
            ANSWER_WITHIN,
            api::offer(self.session.clone(), seat.viewer, sdp),
        )
        .await
        {
            Ok(answer) => peer.accept(&answer.sdp).await.map_err(not_possible)?,
            Err(ApiError::NotFound(_)) => {
                self.forget_seat();
                return Ok(());
            }
            Err(refused) => return Err(refused),
        }
        self.follow(&peer, arriving, backoff).await;
        Ok(())
    }

    /// Shows how the peer fares, until it is lost.
    async fn follow(
        self: &Rc<Self>,
        peer: &Rc<Peer>,
        mut arriving: UnboundedReceiver<PeerEvent>,
        backoff: &mut Backoff,
    ) {
        let mut shown = false;
        let mut deadline: LocalBoxFuture<'static, ()> = sleep(CONNECTED_WITHIN).boxed_local();
        loop {
            let event = match select(arriving.next(), &mut deadline).await {
                Either::Left((Some(event), _)) => event,
                Either::Left((None, _)) => return,
                Either::Right(_) if peer.is_connected() && !shown => {
                    // Whatever became of the first keyframe, one is needed here.
                    if recovery::is_visible() {
                        self.send(ClientMessage::SkipToLive);
                    }
                    deadline = first_picture(shown);
                    continue;
                }
                Either::Right(_) => {
                    let sentence = match codecs::is_there() {
                        true => {
                            "No pictures arrive: the server's media port may be blocked on the way."
                        }
                        false => NO_PICTURES,
                    };
                    self.trouble(backoff, sentence);
                    return;
                }
            };
            match event {
                PeerEvent::State(RtcPeerConnectionState::Connected) => {
                    deadline = first_picture(shown);
                    if shown {
                        self.resume(peer);
                    }
                }
                PeerEvent::Shown => {
                    if !self.health.pulse.borrow().is_silent() {
                        if !std::mem::replace(&mut shown, true) && peer.is_connected() {
                            deadline = first_picture(shown);
                        }
                        backoff.reset();
                        self.end_spare();
                        self.watch.obstacle.set(None);
                        self.watch.link.set(Link::Connected);
                        self.live_again();
                        self.tell_missing();
                    }
                }
                PeerEvent::Silent => {
                    self.lost();
                    self.find_way_back(peer);
                }
                PeerEvent::Heard => self.resume(peer),
                PeerEvent::Replace => {
                    self.lost();
                    return;
                }
                PeerEvent::State(RtcPeerConnectionState::Disconnected) => {
                    self.health.pulse.borrow_mut().doubt(now());
                    if !peer.is_open() {
                        // Nobody can be asked: ICE alone knows.
                        self.lost();
                        deadline = sleep(BACK_WITHIN).boxed_local();
                    }
                }
                PeerEvent::State(
                    RtcPeerConnectionState::Failed | RtcPeerConnectionState::Closed,
                )
                | PeerEvent::ControlClosed => {
                    self.lost();
                    return;
                }
                PeerEvent::ControlOpened => {
                    self.heard();
                    self.ping();
                }
                PeerEvent::State(_) => {}
            }
        }
    }

    /// Joins once; a fresh peer keeps the seat.
    async fn take_seat(self: &Rc<Self>) -> Result<Seat, ApiError> {
        if let Some(seat) = self.seat.borrow().clone() {
            return Ok(seat);
        }
        let joined = api::join(self.session.clone()).await?;
        let seat = Seat {
            viewer: joined.viewer,
            ice_servers: joined.ice_servers,
        };
        *self.seat.borrow_mut() = Some(seat.clone());
        self.health.ledger.borrow_mut().new_seat();
        self.take_state(joined.state);
        Ok(seat)
    }

    /// The server has forgotten this viewer, or the session: a fresh start, which joins again, tells which.
    fn forget_seat(&self) {
        *self.seat.borrow_mut() = None;
        self.drop_peer();
    }

    /// Before the first picture it is still connecting.
    fn lost(&self) {
        if self.spare.shows() {
            return;
        }
        if self.watch.link.try_get_untracked() == Some(Link::Connected) {
            self.interrupted();
            self.watch.link.set(Link::Reconnecting);
        }
    }

    fn trouble(&self, backoff: &Backoff, sentence: &str) {
        self.lost();
        if backoff.attempts() >= PATIENT_ATTEMPTS && !self.spare.shows() {
            self.watch.obstacle.set(Some(sentence.to_owned()));
        }
    }

    fn drop_peer(&self) {
        if let Some(peer) = self.peer.borrow_mut().take() {
            peer.give_up();
        }
    }
}

/// When a peer that is connected is to be asked for its first picture: never, once that was shown.
fn first_picture(shown: bool) -> LocalBoxFuture<'static, ()> {
    match shown {
        true => pending().boxed_local(),
        false => sleep(FIRST_SHOWN_WITHIN).boxed_local(),
    }
}

/// A request on a way that broke may never be answered, and nobody tells.
async fn within<T>(
    limit: Duration,
    asked: impl Future<Output = Result<T, ApiError>>,
) -> Result<T, ApiError> {
    match select(pin!(asked), pin!(sleep(limit))).await {
        Either::Left((answer, _)) => answer,
        Either::Right(_) => Err(ApiError::Unreachable(
            "The server does not answer.".to_owned(),
        )),
    }
}

fn not_possible(thrown: JsValue) -> ApiError {
    ApiError::Internal(format!(
        "Your browser cannot connect: {}.",
        said(&thrown).trim_end_matches('.')
    ))
}
