//! The session's loop: what viewers, scripts, Chrome and the display say → what is done about it.

// Chrome: started, heard of, gone, started again.
mod browser_lifecycle;
// What server functions ask.
mod requests;
// What viewers do, and what becomes of it.
mod viewers;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::StreamExt;
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use shared::geometry::{Geometry, VideoSize};
use shared::message::{ServerMessage, ServerStatistics};
use shared::session::{Phase, SessionId, SessionState, ViewerId};
use shared::wire;
use tokio::sync::{mpsc, watch};

use super::engine::{Engine, EngineError};
use super::latency::{Allowance, LatencyMetrics};
use super::presence::{Grace, Presence};
use super::restarts::Restarts;
use super::stream_counters::{Reading, StreamCounters};
use super::{Request, Services};
use crate::browser::address::AllowedUrl;
use crate::browser::{BrowserState, Opening};
use crate::display::DisplayState;
use crate::input::ViewerInput;
use crate::stream::Estimate;
use crate::transport::PeerEvent;

/// Messages of all viewers of a session that wait for the loop: a second of several people's moves.
const PEER_QUEUE: usize = 1024;

/// More would not fit on a screen, and each costs a peer.
const MAX_VIEWERS: usize = 50;

const STATISTICS_EVERY: Duration = Duration::from_secs(1);

/// One person who watches.
struct Viewer {
    hands: ViewerInput,
    presence: Presence,
    channel_open: bool,
    /// Its measurements that are still believed.
    allowance: Allowance,
    /// Its deeds so far; see `Pong`.
    accepted: u32,
}

/// Chrome's life within the session.
enum Life {
    Starting(BoxFuture<'static, Result<Engine, EngineError>>),
    Running(Box<Engine>),
    /// Ended or killed; its addresses are kept for a restart.
    Stopped,
}

pub struct Run {
    id: SessionId,
    size: VideoSize,
    surroundings: Arc<Services>,
    life: Life,
    /// What Chrome is started with, and started with again.
    opening: Opening,
    restarts: Restarts,
    /// What became of Chrome, until it has something to say itself.
    notice: Option<String>,
    viewers: HashMap<ViewerId, Viewer>,
    grace: Grace,
    state: SessionState,
    publish: watch::Sender<SessionState>,
    counters: Arc<StreamCounters>,
    latency: LatencyMetrics,
    last_reading: Reading,
    next_statistics: Instant,
    /// Chrome has shown a page. Without one it is about to end, and takes no more addresses.
    had_tabs: bool,
    /// An address was typed while Chrome was ending: it starts again with it.
    reopen: bool,
    /// What the display last said of its windows.
    windows: u64,
    peer_events: mpsc::Sender<(ViewerId, PeerEvent)>,
    heard: mpsc::Receiver<(ViewerId, PeerEvent)>,
    /// Offers that are being answered, Chromes that are being ended.
    pending: FuturesUnordered<BoxFuture<'static, ()>>,
}

/// What woke the loop.
enum Event {
    Request(Option<Request>),
    Peer(ViewerId, PeerEvent),
    Started(Result<Engine, EngineError>),
    Browser(BrowserState),
    Display(DisplayState),
    Time,
}

impl Run {
    pub fn new(
        id: SessionId,
        url: AllowedUrl,
        size: VideoSize,
        surroundings: Arc<Services>,
    ) -> (Run, watch::Receiver<SessionState>) {
        let now = Instant::now();
        let state = SessionState {
            version: 1,
            phase: Phase::Starting,
            geometry: Geometry::unscaled(size),
            tabs: Vec::new(),
            active: None,
            dialog: None,
            notice: None,
            cursor: Default::default(),
            viewers: 0,
        };
        let (publish, published) = watch::channel(state.clone());
        let (peer_events, heard) = mpsc::channel(PEER_QUEUE);
        let counters = Arc::new(StreamCounters::new(&id));
        let mut run = Run {
            size,
            life: Life::Stopped,
            opening: url.into(),
            restarts: Restarts::default(),
            notice: None,
            viewers: HashMap::new(),
            grace: Grace::new(surroundings.config.grace, now),
            state,
            publish,
            counters,
            latency: LatencyMetrics::new(&id),
            last_reading: Reading::default(),
            next_statistics: now,
            had_tabs: false,
            reopen: false,
            windows: 0,
            peer_events,
            heard,
            pending: FuturesUnordered::new(),
            surroundings,
            id,
        };
        run.start_chrome();
        (run, published)
    }

    /// Runs until somebody ends the session, or nobody came back in time.
    pub async fn run(mut self, mut requests: mpsc::Receiver<Request>) {
        tracing::info!(session = %self.id, size = %self.size, "a session starts");
        let reason = loop {
            match self.next(&mut requests).await {
                Event::Request(None) => break "The server was stopped.",
                Event::Request(Some(Request::End)) => break "It was closed.",
                Event::Request(Some(request)) => self.answer(request),
                Event::Peer(viewer, event) => self.hear(viewer, event),
                Event::Started(result) => self.started(result, Instant::now()),
                Event::Browser(state) => self.browser_changed(state),
                Event::Display(state) => self.display_changed(state),
                Event::Time => {
                    let now = Instant::now();
                    self.forget_absent(now);
                    self.send_statistics(now);
                    if self.grace.is_over(now) {
                        break "Nobody was watching any more.";
                    }
                }
            }
        };
        self.end(reason).await;
    }

    async fn next(&mut self, requests: &mut mpsc::Receiver<Request>) -> Event {
        let deadline = self.next_deadline();
        let wait = async move {
            match deadline {
                Some(deadline) => tokio::time::sleep_until(deadline.into()).await,
                None => std::future::pending().await,
            }
        };
        let life = async {
            match &mut self.life {
                Life::Starting(starting) => Event::Started(starting.await),
                Life::Stopped => std::future::pending().await,
                Life::Running(engine) => {
                    let Engine {
                        browser_state,
                        display_state,
                        ..
                    } = engine.as_mut();
                    tokio::select! {
                        Ok(()) = browser_state.changed() => {
                            Event::Browser(browser_state.borrow_and_update().clone())
                        }
                        Ok(()) = display_state.changed() => {
                            Event::Display(display_state.borrow_and_update().clone())
                        }
                        // Both are gone: the browser's last state said so.
                        else => std::future::pending().await,
                    }
                }
            }
        };
        tokio::select! {
            // What people do comes first.
            biased;
            Some((viewer, event)) = self.heard.recv() => Event::Peer(viewer, event),
            request = requests.recv() => Event::Request(request),
            event = life => event,
            Some(()) = self.pending.next() => Event::Time,
            () = wait => Event::Time,
        }
    }

    fn next_deadline(&self) -> Option<Instant> {
        let watching = self.viewers.values().any(|viewer| viewer.channel_open);
        self.viewers
            .values()
            .filter_map(|viewer| viewer.presence.until())
            .chain(self.grace.until())
            .chain(watching.then_some(self.next_statistics))
            .min()
    }

    // What viewers are told.

    fn change(&mut self, change: impl FnOnce(&mut SessionState)) {
        let mut next = self.state.clone();
        change(&mut next);
        if next == self.state && *self.publish.borrow() == next {
            return;
        }
        next.version += 1;
        self.state = next;
        self.publish.send_replace(self.state.clone());
        self.broadcast(&ServerMessage::State(Box::new(self.state.clone())));
    }

    fn send_statistics(&mut self, now: Instant) {
        if now < self.next_statistics {
            return;
        }
        self.next_statistics = now + STATISTICS_EVERY;
        let reading = self.counters.read();
        let estimate = self.estimate();
        let statistics = ServerStatistics {
            estimate_kilobits: estimate.map(|link| link.bitrate.as_bps() as f32 / 1e3),
            queue_millis: estimate.map(|link| link.queue.as_secs_f32() * 1e3),
            ..reading.since(&self.last_reading)
        };
        self.last_reading = reading;
        if let Some(link) = estimate {
            metrics::gauge!("farpane_estimate_bits_per_second", "session" => self.id.to_string())
                .set(link.bitrate.as_bps());
        }
        self.broadcast(&ServerMessage::Statistics(statistics));
    }

    /// How much the pacesetter's link carries.
    fn estimate(&self) -> Option<Estimate> {
        match &self.life {
            Life::Running(engine) => engine.downlink.pacesetter()?.feedback.estimate,
            Life::Starting(_) | Life::Stopped => None,
        }
    }

    fn broadcast(&self, message: &ServerMessage) {
        let bytes = wire::encode_server(message);
        for (id, viewer) in &self.viewers {
            if viewer.channel_open {
                self.surroundings.hub.send_message(id, bytes.clone());
            }
        }
    }

    fn send(&self, id: &ViewerId, message: &ServerMessage) {
        self.surroundings
            .hub
            .send_message(id, wire::encode_server(message));
    }

    async fn end(mut self, reason: &str) {
        tracing::info!(session = %self.id, reason, "a session ends");
        self.change(|state| {
            state.phase = Phase::Ended {
                reason: reason.to_owned(),
            };
        });
        for id in self.viewers.keys() {
            self.surroundings.hub.disconnect(id);
        }
        match std::mem::replace(&mut self.life, Life::Stopped) {
            Life::Running(engine) => engine.end().await,
            // Its Chrome dies with the future.
            Life::Starting(starting) => drop(starting),
            Life::Stopped => {}
        }
        while self.pending.next().await.is_some() {}
    }
}
