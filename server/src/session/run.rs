//! The session's loop: what viewers, scripts, Chrome and the display say → what is done about it.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use client::api::Control;
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use futures::{FutureExt, StreamExt};
use shared::api::{Answer, Joined};
use shared::error::ApiError;
use shared::geometry::VideoSize;
use shared::message::{ClientMessage, ServerMessage};
use shared::session::{Phase, SessionId, SessionState, ViewerId};
use shared::wire;
use tokio::sync::{mpsc, oneshot, watch};

use super::engine::{Engine, EngineError};
use super::presence::{Grace, Presence};
use super::stream::{Reading, StreamCounters};
use super::{Request, Surroundings};
use crate::browser::address::{AllowedUrl, allowed};
use crate::browser::{BrowserCommand, BrowserState};
use crate::display::DisplayState;
use crate::ids::random_id;
use crate::input::Hands;
use crate::peer::{PeerEvent, PeerRequest};

/// Messages of all viewers of a session that wait for the loop: a second of several people's moves.
const PEER_QUEUE: usize = 1024;

/// More would not fit on a screen, and each costs a peer.
const MAX_VIEWERS: usize = 50;

const STATISTICS_EVERY: Duration = Duration::from_secs(1);

/// One person who watches.
struct Viewer {
    hands: Hands,
    presence: Presence,
    channel_open: bool,
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
    surroundings: Arc<Surroundings>,
    life: Life,
    /// What Chrome is started with, and started with again.
    urls: Vec<AllowedUrl>,
    viewers: HashMap<ViewerId, Viewer>,
    grace: Grace,
    state: SessionState,
    publish: watch::Sender<SessionState>,
    counters: Arc<StreamCounters>,
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
        surroundings: Arc<Surroundings>,
    ) -> (Run, watch::Receiver<SessionState>) {
        let now = Instant::now();
        let state = SessionState {
            version: 1,
            phase: Phase::Starting,
            size,
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
            urls: vec![url],
            viewers: HashMap::new(),
            grace: Grace::new(surroundings.config.grace, now),
            state,
            publish,
            counters,
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
                Event::Started(result) => self.started(result),
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

    // Chrome.

    fn start_chrome(&mut self) {
        self.state.phase = Phase::Starting;
        (self.had_tabs, self.reopen, self.windows) = (false, false, 0);
        let (surroundings, size, urls) = (self.surroundings.clone(), self.size, self.urls.clone());
        let (counters, hub, id) = (
            self.counters.clone(),
            self.surroundings.hub.clone(),
            self.id.clone(),
        );
        let deliver = move |frame: crate::encode::Frame| {
            counters.count(&frame);
            hub.send_frame(&id, frame);
        };
        self.life = Life::Starting(
            async move { Engine::start(size, urls, &surroundings, deliver).await }.boxed(),
        );
    }

    fn started(&mut self, result: Result<Engine, EngineError>) {
        match result {
            Ok(engine) => {
                self.life = Life::Running(Box::new(engine));
                if self.viewers.values().any(|viewer| viewer.channel_open) {
                    self.request_keyframe();
                }
            }
            Err(error) => {
                tracing::error!(session = %self.id, error = %chain(&error), "Chrome cannot be started");
                self.life = Life::Stopped;
                self.change(|state| {
                    state.phase = Phase::Stopped {
                        reason: format!("Chrome cannot be started: {error}."),
                    };
                });
            }
        }
    }

    fn browser_changed(&mut self, browser: BrowserState) {
        if let Some(reason) = &browser.gone {
            return self.chrome_gone(reason.clone());
        }
        self.had_tabs |= !browser.tabs.is_empty();
        let notice = browser.notice.map(|(_, sentence)| sentence);
        self.change(|state| {
            state.tabs = browser.tabs;
            state.active = browser.active;
            state.dialog = browser.dialog;
            state.notice = notice;
        });
    }

    fn display_changed(&mut self, display: DisplayState) {
        if let Some(reason) = display.closed {
            // When Chrome goes its display goes too, and Chrome's own reason is the better one.
            tracing::debug!(session = %self.id, reason, "the display closed");
            return;
        }
        if self.windows != display.windows {
            self.windows = display.windows;
            self.look_at_tabs();
        }
        let drawn = display.drawn && self.state.phase == Phase::Starting;
        let only_cursor = !drawn && self.state.cursor != display.cursor;
        if only_cursor {
            // Cursors change with every hover: the rest of the state is not sent again for them.
            self.state.cursor = display.cursor.clone();
            self.state.version += 1;
            self.publish.send_replace(self.state.clone());
            self.broadcast(&ServerMessage::Cursor(display.cursor));
        } else if drawn {
            self.change(|state| {
                state.phase = Phase::Running;
                state.cursor = display.cursor;
            });
        }
    }

    fn chrome_gone(&mut self, reason: String) {
        tracing::warn!(session = %self.id, reason, "Chrome is gone");
        if !self.reopen {
            self.urls = self.addresses();
        }
        self.stop_chrome();
        for viewer in self.viewers.values_mut() {
            // There is nothing left that could be held.
            viewer.hands = Hands::default();
        }
        let phase = match self.reopen {
            true => {
                self.start_chrome();
                Phase::Starting
            }
            false => Phase::Stopped { reason },
        };
        self.change(|state| {
            state.phase = phase;
            state.tabs.clear();
            state.active = None;
            state.dialog = None;
        });
    }

    fn stop_chrome(&mut self) {
        if let Life::Running(engine) = std::mem::replace(&mut self.life, Life::Stopped) {
            self.pending.push(engine.end().boxed());
        }
    }

    /// Of the tabs that can be opened again.
    fn addresses(&self) -> Vec<AllowedUrl> {
        let search_url = &self.surroundings.config.search_url;
        let tabs = self.state.tabs.iter();
        let mut urls: Vec<_> = tabs
            .filter_map(|tab| allowed(&tab.url, search_url).ok())
            .collect();
        if urls.is_empty() {
            urls.push(AllowedUrl::blank());
        }
        urls
    }

    // Requests.

    fn answer(&mut self, request: Request) {
        let now = Instant::now();
        match request {
            // A reply that nobody waits for any more is no failure, here and below.
            Request::Join { reply } => {
                let _ = reply.send(self.join(now));
            }
            Request::Offer { viewer, sdp, reply } => self.offer(viewer, sdp, reply, now),
            Request::Present { viewer, reply } => {
                let known = self
                    .viewers
                    .get_mut(&viewer)
                    .map(|viewer| viewer.presence.called(now));
                let _ = reply.send(known.ok_or_else(|| no_viewer(&viewer)));
            }
            Request::Leave { viewer } => self.forget(&viewer, now),
            Request::Input {
                viewer,
                messages,
                reply,
            } => {
                let _ = reply.send(self.input_by_call(&viewer, messages, now));
            }
            Request::Control { control, reply } => {
                self.grace.used(now);
                let _ = reply.send(self.control(control));
            }
            Request::End => unreachable!("the loop ends at it"),
        }
    }

    fn join(&mut self, now: Instant) -> Joined {
        let viewer: ViewerId = random_id();
        if self.viewers.len() >= MAX_VIEWERS {
            // The one that is gone longest makes room; people who watch keep their place.
            let absent = self
                .viewers
                .iter()
                .filter_map(|(id, viewer)| Some((viewer.presence.until()?, id.clone())));
            if let Some((_, id)) = absent.min_by_key(|(until, _)| *until) {
                self.forget(&id, now);
            }
        }
        self.viewers.insert(
            viewer.clone(),
            Viewer {
                hands: Hands::default(),
                presence: Presence::new(now),
                channel_open: false,
            },
        );
        self.viewers_changed(now);
        Joined {
            viewer,
            ice_servers: self.surroundings.config.ice_servers.clone(),
            state: self.state.clone(),
        }
    }

    fn offer(
        &mut self,
        viewer: ViewerId,
        sdp: String,
        reply: oneshot::Sender<Result<Answer, ApiError>>,
        now: Instant,
    ) {
        let Some(known) = self.viewers.get_mut(&viewer) else {
            let _ = reply.send(Err(no_viewer(&viewer)));
            return;
        };
        known.presence.called(now);
        let request = PeerRequest {
            feed: self.id.clone(),
            viewer,
            offer: sdp,
            ceiling: self.surroundings.config.bitrate,
            adapt: true,
            events: self.peer_events.clone(),
        };
        let hub = self.surroundings.hub.clone();
        let connect = async move {
            let answered = hub.connect(request).await;
            let answered = answered.map(|sdp| Answer { sdp }).map_err(|error| {
                ApiError::BadRequest(format!("The offer cannot be answered: {error}."))
            });
            let _ = reply.send(answered);
        };
        self.pending.push(connect.boxed());
    }

    fn control(&mut self, control: Control) -> Result<(), ApiError> {
        let search_url = &self.surroundings.config.search_url;
        let check = |url: &str| {
            allowed(url, search_url)
                .map_err(|refused| ApiError::RefusedAddress(refused.to_string()))
        };
        let known_tab = |id| match self.state.tabs.iter().any(|tab| tab.id == id) {
            true => Ok(id),
            false => Err(ApiError::NotFound("That tab is closed already.".to_owned())),
        };
        let command = match control {
            Control::Navigate { url } => BrowserCommand::Navigate(check(&url)?),
            Control::Back => BrowserCommand::Back,
            Control::Forward => BrowserCommand::Forward,
            Control::Reload => BrowserCommand::Reload,
            Control::Stop => BrowserCommand::Stop,
            Control::NewTab { url } => {
                let url = url.filter(|url| !url.trim().is_empty());
                BrowserCommand::NewTab(url.map_or(Ok(AllowedUrl::blank()), |url| check(&url))?)
            }
            Control::ActivateTab { tab } => BrowserCommand::Activate(known_tab(tab)?),
            Control::CloseTab { tab } => BrowserCommand::Close(known_tab(tab)?),
            Control::AnswerDialog { .. } if self.state.dialog.is_none() => {
                return Err(ApiError::Conflict(
                    "No dialog is open: it was answered already.".to_owned(),
                ));
            }
            Control::AnswerDialog { accept, text } => BrowserCommand::AnswerDialog { accept, text },
            Control::Restart => return self.restart(),
        };
        let ending = self.had_tabs && self.state.tabs.is_empty();
        match (&self.life, command) {
            (Life::Running(_), BrowserCommand::Navigate(url)) if ending => {
                self.urls = vec![url];
                self.reopen = true;
                Ok(())
            }
            (Life::Running(engine), command) => engine
                .browser
                .send(command)
                .map_err(|busy| ApiError::Conflict(format!("{busy}: try again."))),
            // Not there yet: what was asked for becomes what it starts with.
            (_, BrowserCommand::Navigate(url)) => {
                self.urls = vec![url];
                match self.life {
                    Life::Starting(_) => {
                        self.start_chrome();
                        Ok(())
                    }
                    _ => self.restart(),
                }
            }
            (Life::Starting(_), _) => Err(ApiError::Conflict(
                "Chrome is still starting: try again.".to_owned(),
            )),
            (Life::Stopped, _) => Err(ApiError::Conflict(
                "Chrome is not running: restart it first.".to_owned(),
            )),
        }
    }

    fn restart(&mut self) -> Result<(), ApiError> {
        if !matches!(self.life, Life::Stopped) {
            return Err(ApiError::Conflict("Chrome is running already.".to_owned()));
        }
        self.start_chrome();
        self.change(|state| state.phase = Phase::Starting);
        Ok(())
    }

    // Viewers.

    fn hear(&mut self, id: ViewerId, event: PeerEvent) {
        let Some(viewer) = self.viewers.get_mut(&id) else {
            // Forgotten meanwhile.
            return;
        };
        match event {
            PeerEvent::Connected { transport } => {
                tracing::info!(session = %self.id, viewer = %id, ?transport, "a viewer is connected");
                viewer.presence.connected();
                self.request_keyframe();
            }
            PeerEvent::KeyframeNeeded => self.request_keyframe(),
            PeerEvent::ChannelOpen => {
                viewer.channel_open = true;
                self.send(&id, &ServerMessage::State(Box::new(self.state.clone())));
            }
            PeerEvent::Message { bytes } => self.message(&id, bytes),
            // The seam for adaptation: bitrate stays at its ceiling for now.
            PeerEvent::Feedback(_) => {}
            PeerEvent::Disconnected { reason } => {
                tracing::info!(session = %self.id, viewer = %id, reason, "a viewer is disconnected");
                viewer.presence.disconnected(Instant::now());
                viewer.channel_open = false;
                let lifted = viewer.hands.release_all();
                self.play(lifted);
            }
        }
    }

    fn message(&mut self, id: &ViewerId, bytes: Bytes) {
        let answers = match wire::decode_client(&bytes) {
            Ok(message) => self.input(id, &message),
            Err(error) => vec![ServerMessage::Refused {
                reason: format!("What was sent cannot be read: {error}."),
            }],
        };
        for answer in answers {
            self.send(id, &answer);
        }
    }

    fn input_by_call(
        &mut self,
        id: &ViewerId,
        messages: Vec<ClientMessage>,
        now: Instant,
    ) -> Result<Vec<ServerMessage>, ApiError> {
        let viewer = self.viewers.get_mut(id).ok_or_else(|| no_viewer(id))?;
        viewer.presence.called(now);
        Ok(messages
            .iter()
            .flat_map(|message| self.input(id, message))
            .collect())
    }

    /// The one place where a viewer's message is accepted, whichever way it came.
    fn input(&mut self, id: &ViewerId, message: &ClientMessage) -> Vec<ServerMessage> {
        let Some(viewer) = self.viewers.get_mut(id) else {
            return Vec::new();
        };
        if let ClientMessage::Ping { number } = message {
            return vec![ServerMessage::Pong { number: *number }];
        }
        match viewer.hands.translate(message, self.size) {
            Ok(events) => {
                self.play(events);
                self.hint(message);
                Vec::new()
            }
            Err(refused) => vec![ServerMessage::Refused {
                reason: refused.to_string(),
            }],
        }
    }

    fn play(&self, events: Vec<crate::display::SeatEvent>) {
        if let Life::Running(engine) = &self.life {
            for event in events {
                engine.display.send(event);
            }
        }
    }

    /// Chrome's control does not see which tab is in front, nor what it is called; its window's title does.
    fn look_at_tabs(&self) {
        if let Life::Running(engine) = &self.life {
            // Busy: the next event of a page makes it look again.
            let _ = engine.browser.send(BrowserCommand::LookAtTabs);
        }
    }

    /// Lets Chrome's control know that a page has something to answer.
    fn hint(&self, message: &ClientMessage) {
        let Life::Running(engine) = &self.life else {
            return;
        };
        let acts = !matches!(
            message,
            ClientMessage::PointerMove { .. } | ClientMessage::HeldKeys { .. }
        );
        if acts {
            // Busy: a later input asks again.
            let _ = engine.browser.send(BrowserCommand::InputSent);
        }
    }

    fn forget_absent(&mut self, now: Instant) {
        let is_over =
            |(id, viewer): (&ViewerId, &Viewer)| viewer.presence.is_over(now).then(|| id.clone());
        let absent: Vec<_> = self.viewers.iter().filter_map(is_over).collect();
        for id in absent {
            self.forget(&id, now);
        }
    }

    fn forget(&mut self, id: &ViewerId, now: Instant) {
        if let Some(mut viewer) = self.viewers.remove(id) {
            self.play(viewer.hands.release_all());
            self.surroundings.hub.disconnect(id);
            self.viewers_changed(now);
        }
    }

    fn viewers_changed(&mut self, now: Instant) {
        let count = self.viewers.len();
        self.grace.viewers(count, now);
        self.change(|state| state.viewers = u32::try_from(count).unwrap_or(u32::MAX));
    }

    fn request_keyframe(&self) {
        if let Life::Running(engine) = &self.life {
            engine.encoder.request_keyframe();
        }
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
        let statistics = reading.since(&self.last_reading);
        self.last_reading = reading;
        self.broadcast(&ServerMessage::Statistics(statistics));
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

fn no_viewer(id: &ViewerId) -> ApiError {
    ApiError::NotFound(format!(
        "There is no viewer {id} here: join the session again."
    ))
}

/// An error with all its causes, for the log.
fn chain(error: &dyn std::error::Error) -> String {
    std::iter::successors(error.source(), |error| error.source())
        .fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}
