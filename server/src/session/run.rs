//! A session's loop: waits for whatever happens, asks the machine, and performs what it says. It decides nothing.

use std::sync::Arc;
use std::time::Instant;

use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use futures::{FutureExt, StreamExt};
use shared::api::Answer;
use shared::error::ApiError;
use shared::geometry::VideoSize;
use shared::message::{ServerMessage, ServerStatistics};
use shared::session::{Phase, SessionId, SessionState, ViewerId};
use shared::wire;
use tokio::sync::{mpsc, watch};

use super::Services;
use super::action::{Action, Response};
use super::engine::Engine;
use super::engine_slot::EngineSlot;
use super::event::{EngineId, Event, ReplyToken, Request};
use super::idle_timeout::IdleLimits;
use super::latency::LatencyMetrics;
use super::lease::Actor;
use super::machine::{Machine, Settings};
use super::replies::{Caller, Replies};
use super::stream_counters::{Reading, StreamCounters};
use crate::browser::address::AllowedUrl;
use crate::browser::{BrowserCommand, BrowserUnavailable, InitialTabs};
use crate::clock;
use crate::stream::Estimate;
use crate::transport::{PeerEvent, PeerRequest, SocketRequest};

/// Messages of all viewers of a session that wait for the loop: a second of several people's moves.
const PEER_QUEUE: usize = 1024;

/// One session's machine and what it acts on.
pub struct Run {
    id: SessionId,
    services: Arc<Services>,
    machine: Machine,
    /// What the machine wants done; kept, so that an input allocates nothing here.
    actions: Vec<Action>,
    engine: EngineSlot,
    replies: Replies,
    publish: watch::Sender<SessionState>,
    peer_events: mpsc::Sender<(ViewerId, PeerEvent)>,
    from_peers: mpsc::Receiver<(ViewerId, PeerEvent)>,
    /// Offers that are being answered, engines that are being ended.
    pending: FuturesUnordered<BoxFuture<'static, Option<Event>>>,
    counters: Arc<StreamCounters>,
    last_reading: Reading,
    latency: LatencyMetrics,
}

impl Run {
    pub fn new(
        id: SessionId,
        url: AllowedUrl,
        size: VideoSize,
        opened_by: &Actor,
        services: Arc<Services>,
    ) -> (Run, watch::Receiver<SessionState>) {
        let config = &services.config;
        let settings = Settings {
            id: id.clone(),
            size,
            ice_servers: config.ice_servers.clone(),
            search_url: config.search_url.clone(),
            idle_limits: IdleLimits {
                lost: config.grace,
                closed: config.grace_closed,
            },
            epoch: clock::epoch(),
        };
        let mut actions = Vec::new();
        let machine = Machine::new(settings, url, opened_by, &mut actions, Instant::now());
        let (publish, state) = watch::channel(machine.state().clone());
        let (peer_events, from_peers) = mpsc::channel(PEER_QUEUE);
        let run = Run {
            machine,
            actions,
            engine: EngineSlot::Empty,
            replies: Replies::default(),
            publish,
            peer_events,
            from_peers,
            pending: FuturesUnordered::new(),
            counters: Arc::new(StreamCounters::new(&id)),
            last_reading: Reading::default(),
            latency: LatencyMetrics::new(&id),
            services,
            id,
        };
        (run, state)
    }

    /// Runs until somebody ends the session, or nobody came back in time.
    pub async fn run(mut self, mut requests: mpsc::Receiver<(Request, Caller)>) {
        tracing::info!(session = %self.id, size = %self.machine.state().geometry.video, "a session starts");
        self.perform_all();
        while !self.machine.is_over() {
            let Some(event) = self.next(&mut requests).await else {
                continue;
            };
            self.machine.on(event, &mut self.actions, Instant::now());
            self.perform_all();
        }
        // Offers that were being answered.
        while self.pending.next().await.is_some() {}
        if let Phase::Ended { reason } = &self.machine.state().phase {
            tracing::info!(session = %self.id, reason, "a session has ended");
        }
    }

    async fn next(&mut self, requests: &mut mpsc::Receiver<(Request, Caller)>) -> Option<Event> {
        let deadline = self.machine.deadline();
        let time = async move {
            match deadline {
                Some((at, _)) => tokio::time::sleep_until(at.into()).await,
                None => std::future::pending().await,
            }
        };
        let has_ended = matches!(self.machine.state().phase, Phase::Ended { .. });
        tokio::select! {
            // What people do comes first.
            biased;
            Some((viewer, event)) = self.from_peers.recv() => Some(log_peer(&self.id, viewer, event)),
            request = requests.recv(), if !(has_ended && requests.is_closed()) => Some(match request {
                Some((request, caller)) => Event::Request {
                    reply: self.replies.enter(caller),
                    request,
                },
                None => {
                    requests.close();
                    Event::HandlesDropped
                }
            }),
            event = self.engine.event(&self.id) => Some(event),
            Some(event) = self.pending.next() => event,
            () = time => Some(Event::Time),
        }
    }

    fn perform_all(&mut self) {
        let mut actions = std::mem::take(&mut self.actions);
        for action in actions.drain(..) {
            self.perform(action);
        }
        self.actions = actions;
    }

    fn perform(&mut self, action: Action) {
        let hub = &self.services.hub;
        match action {
            Action::StartEngine { engine, opening } => self.start_engine(engine, opening),
            Action::EndEngine(id) => self.end_engine(id),
            Action::Seat(events) => {
                if let Some(engine) = self.engine.running() {
                    events
                        .into_iter()
                        .for_each(|event| engine.display.send(event));
                }
            }
            Action::Hint(command) => {
                if let Some(engine) = self.engine.running() {
                    // BrowserUnavailable: the next input, or the next thing that a page does, makes it look again.
                    let _ = engine.browser.send(command);
                }
            }
            Action::Command { command, reply } => self.command(command, reply),
            Action::DelayDrawing { viewer, micros } => {
                if let Some(engine) = self.engine.running()
                    && engine.downlink.is_pacesetter(&viewer)
                {
                    engine.display.delay(micros);
                }
            }
            Action::Publish(state) => {
                self.publish.send_replace(*state);
            }
            Action::Send { to, message } => {
                hub.send_message(&to, wire::encode_server(&message));
            }
            Action::Broadcast { to, message } => self.broadcast(&to, &message),
            Action::SendStatistics { to } => self.send_statistics(&to),
            Action::RecordLatency(measurements) => self.latency.record(&measurements),
            Action::SetPacesetter(viewer) => {
                // Once is enough, unless the hub was overwhelmed: then the next input says it again.
                if let Some(engine) = self.engine.running()
                    && !engine.downlink.is_named_pacesetter(&viewer)
                {
                    hub.set_pacesetter(&self.id, &viewer);
                }
            }
            Action::SkipToLive(viewer) => hub.skip_to_live(&viewer),
            Action::Disconnect(viewer) => hub.disconnect(&viewer),
            Action::Connect { viewer, sdp, reply } => self.connect(viewer, sdp, reply),
            Action::Attach { viewer, reply } => self.attach(viewer, reply),
            Action::Reply { reply, response } => self.replies.answer(reply, response),
        }
    }

    fn start_engine(&mut self, id: EngineId, opening: InitialTabs) {
        let (services, session) = (Arc::clone(&self.services), self.id.clone());
        let size = self.machine.state().geometry.video;
        let deliver = {
            let (counters, hub) = (Arc::clone(&self.counters), self.services.hub.clone());
            let session = self.id.clone();
            move |sample| {
                counters.count(&sample);
                hub.send_sample(&session, sample);
            }
        };
        let starting =
            async move { Engine::start(session, size, opening, &services, deliver).await };
        self.engine.start(id, starting);
    }

    fn end_engine(&mut self, id: EngineId) {
        let ended = self.engine.end();
        self.pending
            .push(ended.map(move |()| Some(Event::EngineEnded(id))).boxed());
    }

    fn command(&mut self, command: BrowserCommand, reply: ReplyToken) {
        let sent = match self.engine.running() {
            Some(engine) => engine.browser.send(command),
            None => Err(BrowserUnavailable),
        };
        let response = match sent {
            Ok(()) => Ok(Response::Done),
            Err(busy) => Err(ApiError::Conflict(format!("{busy}: try again."))),
        };
        self.replies.answer(reply, response);
    }

    fn connect(&mut self, viewer: ViewerId, sdp: String, reply: ReplyToken) {
        let Some(Caller::Offer(caller)) = self.replies.take(reply) else {
            return;
        };
        let config = &self.services.config;
        let request = PeerRequest {
            session: self.id.clone(),
            viewer,
            offer: sdp,
            ceiling: config.bitrate,
            adapt: config.adapt,
            events: self.peer_events.clone(),
        };
        let hub = self.services.hub.clone();
        let answering = async move {
            let answered = hub.connect(request).await;
            let answered = answered.map(|sdp| Answer { sdp }).map_err(|error| {
                ApiError::BadRequest(format!("The offer cannot be answered: {error}."))
            });
            // A caller that waits no more is no failure.
            let _ = caller.send(answered);
            None
        };
        self.pending.push(answering.boxed());
    }

    fn attach(&mut self, viewer: ViewerId, reply: ReplyToken) {
        let Some(Caller::Attach(caller)) = self.replies.take(reply) else {
            return;
        };
        let config = &self.services.config;
        let request = SocketRequest {
            session: self.id.clone(),
            viewer,
            ceiling: config.bitrate,
            adapt: config.adapt,
            events: self.peer_events.clone(),
        };
        let hub = self.services.hub.clone();
        let attaching = async move {
            let attached = hub.attach(request).await.map_err(|error| {
                ApiError::Full(format!("The web socket cannot be used: {error}."))
            });
            // A caller that waits no more is no failure.
            let _ = caller.send(attached);
            None
        };
        self.pending.push(attaching.boxed());
    }

    fn broadcast(&self, to: &[ViewerId], message: &ServerMessage) {
        let bytes = wire::encode_server(message);
        for viewer in to {
            self.services.hub.send_message(viewer, bytes.clone());
        }
    }

    fn send_statistics(&mut self, to: &[ViewerId]) {
        let reading = self.counters.read();
        let estimate = self.estimate();
        let statistics = ServerStatistics {
            estimate_kilobits: estimate.map(|link| link.bitrate.as_bps() as f32 / 1e3),
            queue_millis: estimate.map(|link| link.queuing_delay.as_secs_f32() * 1e3),
            ..reading.since(&self.last_reading)
        };
        self.last_reading = reading;
        if let Some(link) = estimate {
            metrics::gauge!("farpane_estimated_bandwidth_bits_per_second", "session" => self.id.to_string())
                .set(link.bitrate.as_bps());
        }
        self.broadcast(to, &ServerMessage::Statistics(statistics));
    }

    /// How much the pacesetter's link carries.
    fn estimate(&self) -> Option<Estimate> {
        let downlink = &self.engine.running()?.downlink;
        downlink.pacesetter()?.feedback.estimate
    }
}

fn log_peer(session: &SessionId, viewer: ViewerId, event: PeerEvent) -> Event {
    match &event {
        PeerEvent::Connected { transport } => {
            tracing::info!(%session, %viewer, ?transport, "a viewer is connected");
        }
        PeerEvent::Disconnected { reason } => {
            tracing::info!(%session, %viewer, reason, "a viewer is disconnected");
        }
        _ => {}
    }
    Event::Peer { viewer, event }
}
