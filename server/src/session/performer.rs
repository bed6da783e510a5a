//! What a session's machine wants, done: on Chrome, its display and encoder, on the hub and for who waits for an answer.

use std::path::PathBuf;
use std::sync::Arc;

use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use futures::{FutureExt, StreamExt};
use shared::api::Answer as SdpAnswer;
use shared::error::ApiError;
use shared::geometry::Geometry;
use shared::message::{ServerMessage, ServerStatistics};
use shared::preferences::Preferences;
use shared::session::{DownloadId, SessionId, SessionState, UploadId, ViewerId};
use shared::wire;
use tokio::sync::{Semaphore, mpsc, oneshot, watch};

use super::Services;
use super::action::{Action, Response};
use super::engine::Engine;
use super::engine_slot::EngineSlot;
use super::event::{EngineId, Event, ReplyToken};
use super::latency::LatencyMetrics;
use super::replies::{Caller, Replies};
use super::stream_counters::{Reading, StreamCounters};
use crate::browser::{
    Answer, BrowserCommand, BrowserUnavailable, DropPlace, InitialTabs, Question,
};
use crate::files::Upload;
use crate::picture::thumbnail;
use crate::stream::Estimate;
use crate::transport::{PeerEvent, PeerRequest, SocketRequest};

/// One session's engine, its callers, and what it counts.
pub struct Performer {
    id: SessionId,
    preferences: Preferences,
    services: Arc<Services>,
    engine: EngineSlot,
    replies: Replies,
    publish: watch::Sender<SessionState>,
    peer_events: mpsc::Sender<(ViewerId, PeerEvent)>,
    /// Offers that are being answered, engines that are being ended.
    pending: FuturesUnordered<BoxFuture<'static, Option<Event>>>,
    /// A thumbnail.
    drawing: Arc<Semaphore>,
    counters: Arc<StreamCounters>,
    last_reading: Reading,
    latency: LatencyMetrics,
}

impl Performer {
    /// With nothing started. What viewers send comes out of `peer_events`.
    pub fn new(
        id: SessionId,
        preferences: Preferences,
        publish: watch::Sender<SessionState>,
        peer_events: mpsc::Sender<(ViewerId, PeerEvent)>,
        services: Arc<Services>,
    ) -> Performer {
        Performer {
            preferences,
            engine: EngineSlot::Empty,
            replies: Replies::default(),
            publish,
            peer_events,
            pending: FuturesUnordered::new(),
            drawing: Arc::new(Semaphore::new(1)),
            counters: Arc::new(StreamCounters::new(&id)),
            last_reading: Reading::default(),
            latency: LatencyMetrics::new(&id),
            services,
            id,
        }
    }

    /// A caller begins to wait for what an action with this token brings.
    pub fn await_reply(&mut self, caller: Caller) -> ReplyToken {
        self.replies.enter(caller)
    }

    /// The next thing that the engine, or something begun, has to say. `None` was nothing for the machine; never ready
    /// while nothing is started.
    pub async fn event(&mut self) -> Option<Event> {
        tokio::select! {
            biased;
            event = self.engine.event(&self.id) => Some(event),
            Some(event) = self.pending.next() => event,
        }
    }

    /// Ready when all that was begun is done.
    pub async fn finish(&mut self) {
        while self.pending.next().await.is_some() {}
    }

    /// Does it, or begins to.
    pub fn perform(&mut self, action: Action) {
        let hub = &self.services.hub;
        match action {
            Action::StartEngine {
                engine,
                opening,
                geometry,
            } => self.start_engine(engine, opening, geometry),
            Action::EndEngine(id) => self.end_engine(id),
            Action::Seat { events, page } => {
                if let Some(engine) = self.engine.running() {
                    let events = events.into_iter();
                    events.for_each(|event| engine.display.send_in(page, event));
                }
            }
            Action::Hint(command) => {
                if let Some(engine) = self.engine.running() {
                    // BrowserUnavailable: the next input, or the next thing that a page does, makes it look again.
                    let _ = engine.browser.send(command);
                }
            }
            Action::Command { command, reply } => self.command(command, reply),
            Action::AnswerNotification { number, follow } => {
                if let Some(engine) = self.engine.running() {
                    engine.session_bus.answer(number, follow);
                }
            }
            Action::Ask { question, reply } => self.ask(question, reply),
            Action::OpenDownload { download, reply } => self.open_download(download, reply),
            Action::BeginUpload {
                chooser,
                path,
                bytes,
                reply,
            } => self.begin_upload(chooser, path, bytes, reply),
            Action::ChooseFiles {
                chooser,
                uploads,
                reply,
            } => self.choose_files(chooser, &uploads, reply),
            Action::ExpectFiles {
                drop,
                place,
                types,
                reply,
            } => self.expect_files(drop, place, types, reply),
            Action::GiveFiles {
                drop,
                uploads,
                place,
                reply,
            } => self.give_files(drop, &uploads, place, reply),
            Action::ForgetUploads { drop } => self.forget_uploads(drop),
            Action::Thumbnail { reply } => self.thumbnail(reply),
            Action::DelayDrawing { viewer, micros } => {
                if let Some(engine) = self.engine.running()
                    && engine.downlink.is_pacesetter(&viewer)
                {
                    engine.display.delay(micros);
                }
            }
            Action::Resize(geometry) => {
                if let Some(engine) = self.engine.running() {
                    engine.resize(geometry);
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

    fn start_engine(&mut self, id: EngineId, opening: InitialTabs, geometry: Geometry) {
        let (services, session) = (Arc::clone(&self.services), self.id.clone());
        let preferences = self.preferences.clone();
        let deliver = {
            let (counters, hub) = (Arc::clone(&self.counters), self.services.hub.clone());
            let session = self.id.clone();
            move |sample| {
                counters.count(&sample);
                hub.send_sample(&session, sample);
            }
        };
        let starting = async move {
            Engine::start(session, geometry, opening, preferences, &services, deliver).await
        };
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

    fn ask(&mut self, question: Question, reply: ReplyToken) {
        let asked = self.asked(question);
        self.answer_later(reply, asked, |answer| {
            let nothing = || ApiError::Conflict("The page has no answer to that.".to_owned());
            answer.map(Response::Answered).ok_or_else(nothing)
        });
    }

    fn asked(&self, question: Question) -> Result<oneshot::Receiver<Answer>, ApiError> {
        let asked = match self.engine.running() {
            Some(engine) => engine.browser.ask(question),
            None => Err(BrowserUnavailable),
        };
        asked.map_err(|busy| ApiError::Conflict(format!("{busy}: try again.")))
    }

    /// `then` makes the response of the page's answer; `None` from one that has none.
    fn answer_later(
        &mut self,
        reply: ReplyToken,
        asked: Result<oneshot::Receiver<Answer>, ApiError>,
        then: impl FnOnce(Option<Answer>) -> Result<Response, ApiError> + Send + 'static,
    ) {
        let Some(caller) = self.replies.take(reply) else {
            return;
        };
        let answering = async move {
            caller.answer(match asked {
                Ok(answer) => then(answer.await.ok()),
                Err(refused) => Err(refused),
            });
            None
        };
        self.pending.push(answering.boxed());
    }

    fn open_download(&mut self, download: DownloadId, reply: ReplyToken) {
        let Some(Caller::Download(caller)) = self.replies.take(reply) else {
            return;
        };
        let files = self
            .engine
            .running()
            .map(|engine| Arc::clone(&engine.files));
        let opening = async move {
            let opened = match files {
                Some(files) => blocking(move || files.open_download(&download)).await,
                None => None,
            };
            let gone = || ApiError::NotFound("The file of that download is gone.".to_owned());
            // A caller that waits no more is no failure.
            let _ = caller.send(opened.and_then(Result::ok).ok_or_else(gone));
            None
        };
        self.pending.push(opening.boxed());
    }

    fn begin_upload(&mut self, chooser: u32, path: String, bytes: u64, reply: ReplyToken) {
        let Some(Caller::Upload(caller)) = self.replies.take(reply) else {
            return;
        };
        let files = self
            .engine
            .running()
            .map(|engine| Arc::clone(&engine.files));
        let beginning = async move {
            let begun = match files {
                Some(files) => blocking(move || Upload::begin(&files, chooser, &path, bytes)).await,
                None => None,
            };
            let begun = match begun {
                Some(Ok(begun)) => Ok(begun),
                Some(Err(refused)) => Err(ApiError::Conflict(refused.to_string())),
                None => Err(ApiError::Conflict("Chrome is not running.".to_owned())),
            };
            // A caller that waits no more is no failure.
            let _ = caller.send(begun);
            None
        };
        self.pending.push(beginning.boxed());
    }

    fn choose_files(&mut self, chooser: u32, uploads: &[UploadId], reply: ReplyToken) {
        match self.uploaded(chooser, uploads) {
            Ok(files) => self.command(BrowserCommand::SetFiles { chooser, files }, reply),
            Err(refused) => self.replies.answer(reply, Err(refused)),
        }
    }

    fn give_files(&mut self, drop: u32, uploads: &[UploadId], at: DropPlace, reply: ReplyToken) {
        let asked = match self.uploaded(drop, uploads) {
            Ok(files) => self.asked(Question::GiveFiles { drop, files, at }),
            Err(refused) => Err(refused),
        };
        if asked.is_err() {
            self.forget_uploads(drop);
        }
        self.answer_later(reply, asked, |answer| match answer {
            Some(Answer::Taken(true)) => Ok(Response::Done),
            _ => Err(ApiError::Conflict(
                "The page does not take these files any more.".to_owned(),
            )),
        });
    }

    fn expect_files(&mut self, drop: u32, at: DropPlace, types: Vec<String>, reply: ReplyToken) {
        let asked = self.asked(Question::ExpectFiles { drop, at, types });
        let Some(caller) = self.replies.take(reply) else {
            return;
        };
        let answering = async move {
            let answered = match asked {
                Ok(answer) => Ok(answer.await.ok()),
                Err(refused) => Err(refused),
            };
            let refused = || ApiError::Conflict("The page takes no files there.".to_owned());
            let taken = answered.and_then(|answer| {
                let is_taken = answer == Some(Answer::Taken(true));
                is_taken
                    .then_some(Response::Dropped(drop))
                    .ok_or_else(refused)
            });
            let refused = taken.is_err().then_some(Event::DropRefused(drop));
            caller.answer(taken);
            refused
        };
        self.pending.push(answering.boxed());
    }

    fn forget_uploads(&self, drop: u32) {
        if let Some(engine) = self.engine.running() {
            let files = Arc::clone(&engine.files);
            // Whatever becomes of it, the session's end removes all.
            tokio::task::spawn_blocking(move || files.forget_uploads(drop));
        }
    }

    fn uploaded(&self, chooser: u32, uploads: &[UploadId]) -> Result<Vec<PathBuf>, ApiError> {
        let engine = self.engine.running();
        let files = engine.and_then(|engine| engine.files.uploaded(chooser, uploads));
        files.ok_or_else(|| {
            ApiError::NotFound("One of these files did not arrive for this page.".to_owned())
        })
    }

    fn thumbnail(&mut self, reply: ReplyToken) {
        let mailbox = self
            .engine
            .running()
            .map(|engine| Arc::clone(&engine.mailbox));
        let Some(caller) = self.replies.take(reply) else {
            return;
        };
        let one_at_a_time = Arc::clone(&self.drawing);
        let answering = async move {
            // Each holds a whole picture. Never closed.
            let _turn = one_at_a_time.acquire().await;
            let drawing = tokio::task::spawn_blocking(move || {
                let picture = mailbox.and_then(|mailbox| mailbox.copy())?;
                thumbnail::jpeg(&picture).ok()
            });
            let jpeg = drawing.await.ok().flatten();
            let none = || ApiError::Conflict("There is no picture yet.".to_owned());
            caller.answer(
                jpeg.map(|jpeg| Response::Thumbnail(jpeg.into()))
                    .ok_or_else(none),
            );
            None
        };
        self.pending.push(answering.boxed());
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
            let answered = answered.map(|sdp| SdpAnswer { sdp }).map_err(|error| {
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

/// Where it may wait for the disk; `None` if it panicked.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    tokio::task::spawn_blocking(work).await.ok()
}
