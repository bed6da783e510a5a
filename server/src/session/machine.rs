//! Pure: a session: what happens → what is done about it.
//!
//! Whatever happens in whatever order: each engine that is started is ended, each request is answered once, and a
//! viewer who is forgotten is spoken of no more (`machine/tests.rs`).

use std::time::{Duration, Instant};

use bytes::Bytes;
use client::api::Control;
use shared::api::{IceServer, Joined};
use shared::clipboard::{ClipboardContent, ClipboardPolicy};
use shared::error::ApiError;
use shared::file::{Download, FileChooser, MOST_DRAGGED};
use shared::geometry::{AimedPoint, PointInPage, Viewport};
use shared::message::{ClientMessage, ServerMessage, Stamped};
use shared::session::{DownloadId, Phase, SessionId, SessionState, ViewerId};
use shared::wire;

use super::action::{Action, Response};
use super::browser_lifecycle::{BrowserLifecycle, Routed};
use super::clipboard::SessionClipboard;
use super::control::{Order, order};
use super::deliveries::Deliveries;
use super::drops::Drops;
use super::ended;
use super::event::{EngineId, Event, ReplyToken, Request};
use super::focused_field::FocusedField;
use super::icons::Icons;
use super::idle_timeout::{Departure, IdleLimits, IdleTimeout};
use super::lease::{self, Actor};
use super::page_size::{PageSize, SizePolicy};
use super::recent_pages;
use super::viewer_message::{Context, Meaning, accept};
use super::viewers::Viewers;
use crate::browser::address::AllowedUrl;
use crate::browser::session_bus::NotificationEvent;
use crate::browser::{BrowserCommand, BrowserExit, BrowserState, Question, UiRequest};
use crate::display::{DisplayState, SeatEvent};
use crate::input::{GeometryHistory, RefusedInput};
use crate::transport::PeerEvent;

const STATISTICS_EVERY: Duration = Duration::from_secs(1);

/// What a session is made with.
#[derive(Clone, Debug)]
pub struct Settings {
    pub id: SessionId,
    pub size: SizePolicy,
    /// Handed to every viewer.
    pub ice_servers: Vec<IceServer>,
    /// `{}` stands for the words.
    pub search_url: String,
    pub idle_limits: IdleLimits,
    /// What the operator allows.
    pub clipboard: ClipboardPolicy,
    /// Where the server's clock begins.
    pub epoch: Instant,
}

/// Why the session wants to be woken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// A viewer was not heard of for too long.
    ViewerAbsent,
    /// Nobody watches.
    SessionIdle,
    /// The page takes another size.
    PageSize,
    /// Viewers are told how the stream does.
    Statistics,
}

/// One session, from open to end.
#[derive(Debug)]
pub struct Machine {
    settings: Settings,
    /// Its phase is the session's: nothing but the end of engines follows [`Phase::Ended`].
    state: SessionState,
    browser: BrowserLifecycle,
    viewers: Viewers,
    /// Not part of the state, because it changes with every letter.
    text_field: FocusedField,
    icons: Icons,
    /// The viewer who did something last: what a page wants shown is for them.
    acts: Option<ViewerId>,
    /// The one that was told.
    last_ui_request: Option<u64>,
    /// The page holds the pointer.
    pointer_locked: bool,
    /// Where the page in front shows text fields; empty before a viewer has to know.
    text_fields: Vec<[i32; 4]>,
    clipboard: SessionClipboard,
    deliveries: Deliveries,
    /// The one that is open.
    file_chooser: Option<FileChooser>,
    drops: Drops,
    idle: IdleTimeout,
    geometries: GeometryHistory,
    page_size: PageSize,
    next_statistics: Instant,
}

impl Machine {
    /// Wants Chrome started on `url`; `opened_by` is who asked for the session.
    pub fn new(
        settings: Settings,
        url: AllowedUrl,
        opened_by: &Actor,
        actions: &mut Vec<Action>,
        now: Instant,
    ) -> Machine {
        let has_fixed_size = matches!(settings.size, SizePolicy::Fixed(_));
        let state = SessionState::starting(settings.size.first(), has_fixed_size);
        let mut machine = Machine {
            geometries: GeometryHistory::new(state.geometry),
            page_size: PageSize::new(settings.size),
            browser: BrowserLifecycle::new(url.into(), state.geometry),
            state,
            viewers: Viewers::default(),
            text_field: FocusedField::default(),
            icons: Icons::default(),
            acts: None,
            last_ui_request: None,
            pointer_locked: false,
            text_fields: Vec::new(),
            clipboard: SessionClipboard::new(settings.clipboard),
            deliveries: Deliveries::default(),
            file_chooser: None,
            drops: Drops::default(),
            idle: IdleTimeout::new(settings.idle_limits, now),
            next_statistics: now,
            settings,
        };
        machine.note(opened_by);
        machine.browser.start(actions);
        machine
    }

    /// The newest state.
    pub fn state(&self) -> &SessionState {
        &self.state
    }

    /// The session has ended, and nothing of it is left.
    pub fn is_over(&self) -> bool {
        self.is_ended() && self.browser.is_all_gone()
    }

    /// When to wake the session with [`Event::Time`], if nothing else happens before.
    pub fn deadline(&self) -> Option<(Instant, Reason)> {
        if self.is_ended() {
            return None;
        }
        let absent = self
            .viewers
            .next_expiry()
            .map(|at| (at, Reason::ViewerAbsent));
        let idle = self.idle.expires_at().map(|at| (at, Reason::SessionIdle));
        let statistics = (self.next_statistics, Reason::Statistics);
        let statistics = self.viewers.is_anybody_reachable().then_some(statistics);
        let size = self.page_size.due().map(|at| (at, Reason::PageSize));
        let deadlines = absent.into_iter().chain(idle).chain(statistics).chain(size);
        deadlines.min_by_key(|(at, _)| *at)
    }

    /// Appends what is to be done, in order.
    pub fn on(&mut self, event: Event, actions: &mut Vec<Action>, now: Instant) {
        match event {
            // It may still be ending.
            Event::EngineEnded(engine) => self.browser.on_ended(engine),
            Event::DropRefused(drop) => {
                if self.drops.take(drop).is_some() {
                    actions.push(Action::ForgetUploads { drop });
                }
            }
            Event::Request { reply, request } if self.is_ended() => {
                let response = match request {
                    // What was asked for happens.
                    Request::End { .. } => Ok(Response::Done),
                    _ => Err(ended(&self.settings.id, &self.state.phase)),
                };
                answer(reply, response, actions);
            }
            _ if self.is_ended() => {}
            Event::Request { reply, request } => self.on_request(request, reply, actions, now),
            Event::HandlesDropped => self.end("The server was stopped.", actions),
            Event::Peer { viewer, event } => self.on_peer(viewer, event, actions, now),
            Event::EngineStarted(engine) => self.browser.on_started(engine, actions),
            Event::EngineFailed(engine, reason) => {
                self.on_engine_failed(engine, reason, actions, now);
            }
            Event::Browser(_) | Event::Display(_) | Event::Notification(_)
                if !self.browser.is_running() => {}
            Event::Browser(browser) => self.on_browser(*browser, actions, now),
            Event::Notification(event) => {
                let message = match event {
                    NotificationEvent::Shown(shown) => ServerMessage::Notification(shown),
                    NotificationEvent::Gone(number) => ServerMessage::NotificationGone(number),
                };
                self.broadcast(message, actions);
            }
            Event::Display(display) => self.on_display(display, actions, now),
            Event::Time => self.on_time(actions, now),
        }
        if !self.is_ended()
            && let Some(geometry) = self.page_size.change(now)
        {
            self.browser.resize(geometry, actions);
        }
    }

    fn is_ended(&self) -> bool {
        matches!(self.state.phase, Phase::Ended { .. })
    }

    fn on_time(&mut self, actions: &mut Vec<Action>, now: Instant) {
        for viewer in self.viewers.expired(now) {
            self.forget(&viewer, Departure::Lost, actions, now);
        }
        if self.next_statistics <= now && self.viewers.is_anybody_reachable() {
            self.next_statistics = now + STATISTICS_EVERY;
            let to = self.viewers.reachable();
            actions.push(Action::SendStatistics { to });
        }
        if self.idle.has_expired(now) {
            self.end("Nobody was watching any more.", actions);
        }
    }

    fn end(&mut self, reason: &str, actions: &mut Vec<Action>) {
        self.change(actions, |state| {
            state.phase = Phase::Ended {
                reason: reason.to_owned(),
            };
        });
        for viewer in self.viewers.remove_all() {
            actions.push(Action::Disconnect(viewer));
        }
        // What viewers hold goes with Chrome.
        self.browser.end(actions);
    }

    /// Changes the state, and tells everybody if that made a difference.
    fn change(&mut self, actions: &mut Vec<Action>, change: impl FnOnce(&mut SessionState)) {
        let mut next = self.state.clone();
        change(&mut next);
        if next == self.state {
            return;
        }
        next.version += 1;
        self.state = next;
        let message = ServerMessage::State(Box::new(self.state.clone()));
        self.publish(message, actions);
    }

    fn publish(&self, message: ServerMessage, actions: &mut Vec<Action>) {
        actions.push(Action::Publish(Box::new(self.state.clone())));
        self.broadcast(message, actions);
    }

    fn broadcast(&self, message: ServerMessage, actions: &mut Vec<Action>) {
        let to = self.viewers.reachable();
        if !to.is_empty() {
            actions.push(Action::Broadcast { to, message });
        }
    }

    // What server functions ask.

    fn on_request(
        &mut self,
        request: Request,
        reply: ReplyToken,
        actions: &mut Vec<Action>,
        now: Instant,
    ) {
        let response = match request {
            Request::Join {
                by,
                viewer,
                viewport,
            } => {
                self.note(&by);
                Ok(self.join(viewer, viewport, actions, now))
            }
            Request::Offer { viewer, sdp } => match self.on_call(&viewer, now) {
                Ok(()) => return actions.push(Action::Connect { viewer, sdp, reply }),
                Err(refused) => Err(refused),
            },
            Request::Attach { viewer } => match self.on_call(&viewer, now) {
                Ok(()) => return actions.push(Action::Attach { viewer, reply }),
                Err(refused) => Err(refused),
            },
            Request::Present { viewer } => self.on_call(&viewer, now).map(|()| Response::Done),
            Request::Leave { viewer } => {
                self.forget(&viewer, Departure::Closed, actions, now);
                Ok(Response::Done)
            }
            Request::Input { viewer, messages } => {
                self.on_input_call(&viewer, messages, actions, now)
            }
            Request::Control { actor, control } => {
                self.note(&actor);
                match self.control(&actor, control, actions, now) {
                    Ok(Routed::ToChrome(command)) => {
                        return actions.push(Action::Command { command, reply });
                    }
                    Ok(Routed::Done | Routed::Kept | Routed::Restarted) => Ok(Response::Done),
                    Ok(Routed::Conflict(sentence)) => Err(ApiError::Conflict(sentence.to_owned())),
                    Err(error) => Err(error),
                }
            }
            Request::Ask { actor, question } => {
                self.note(&actor);
                match lease::check(&actor, &self.viewers) {
                    Ok(()) if self.browser.is_running() => {
                        return actions.push(Action::Ask { question, reply });
                    }
                    Ok(()) => Err(ApiError::Conflict("Chrome is not running.".to_owned())),
                    Err(refused) => Err(refused.into()),
                }
            }
            Request::Clipboard { actor } => {
                self.note(&actor);
                match lease::check(&actor, &self.viewers) {
                    Ok(()) => match self.clipboard.content() {
                        Ok(content) => Ok(Response::Clipboard(content)),
                        Err(sentence) => Err(ApiError::Conflict(sentence)),
                    },
                    Err(refused) => Err(refused.into()),
                }
            }
            Request::SetClipboard { actor, content } => {
                self.note(&actor);
                match lease::check(&actor, &self.viewers) {
                    Ok(()) => match self.paste(content, actions) {
                        Ok(()) => Ok(Response::Done),
                        Err(sentence) => Err(ApiError::Conflict(sentence)),
                    },
                    Err(refused) => Err(refused.into()),
                }
            }
            Request::OpenDownload { actor, download } => {
                self.note(&actor);
                match self.check_download(&actor, &download) {
                    Ok(()) => return actions.push(Action::OpenDownload { download, reply }),
                    Err(error) => Err(error),
                }
            }
            Request::DownloadDelivered { download } => {
                if self.browser.is_running() {
                    let delivered = BrowserCommand::DownloadDelivered(download);
                    actions.push(Action::Hint(delivered));
                }
                Ok(Response::Done)
            }
            Request::RemoveDownload { actor, download } => {
                self.note(&actor);
                let checked = lease::check(&actor, &self.viewers).map_err(ApiError::from);
                match checked.and_then(|()| self.known_download(&download).map(|_| ())) {
                    Ok(()) => {
                        let command = BrowserCommand::RemoveDownload(download);
                        return actions.push(Action::Command { command, reply });
                    }
                    Err(error) => Err(error),
                }
            }
            Request::BeginUpload {
                actor,
                chooser,
                path,
                bytes,
            } => {
                self.note(&actor);
                match self.asked_for(&actor, chooser) {
                    Ok(asks) => {
                        let within = if asks.directory {
                            0
                        } else {
                            path.rfind('/').map_or(0, |slash| slash + 1)
                        };
                        let path = path[within..].to_owned();
                        return actions.push(Action::BeginUpload {
                            chooser,
                            path,
                            bytes,
                            reply,
                        });
                    }
                    Err(error) => Err(error),
                }
            }
            Request::ChooseFiles {
                actor,
                chooser,
                uploads,
            } => {
                self.note(&actor);
                match self.asked_for(&actor, chooser) {
                    Ok(asks) if uploads.len() > 1 && !asks.multiple && !asks.directory => {
                        let sentence = "The page asks for a single file.".to_owned();
                        Err(ApiError::Conflict(sentence))
                    }
                    Ok(_) => match self.drops.take(chooser) {
                        // None of them after all.
                        Some(_) if uploads.is_empty() => {
                            actions.push(Action::ForgetUploads { drop: chooser });
                            Ok(Response::Done)
                        }
                        Some(place) => {
                            return actions.push(Action::GiveFiles {
                                drop: chooser,
                                uploads,
                                place,
                                reply,
                            });
                        }
                        None => {
                            return actions.push(Action::ChooseFiles {
                                chooser,
                                uploads,
                                reply,
                            });
                        }
                    },
                    Err(error) => Err(error),
                }
            }
            Request::DragFiles { actor, at, types } => {
                self.note(&actor);
                match self.point(&actor, at, now) {
                    Ok(at) => {
                        let types = few(types);
                        let question = Question::DragFiles { at, types };
                        return actions.push(Action::Ask { question, reply });
                    }
                    Err(error) => Err(error),
                }
            }
            Request::DropFiles { actor, at, types } => {
                self.note(&actor);
                match self.point(&actor, at, now) {
                    Ok(at) => {
                        let place = at.into();
                        let (drop, given_up) = self.drops.begin(place);
                        actions.extend(given_up.map(|drop| Action::ForgetUploads { drop }));
                        let types = few(types);
                        return actions.push(Action::ExpectFiles {
                            drop,
                            place,
                            types,
                            reply,
                        });
                    }
                    Err(error) => Err(error),
                }
            }
            Request::Thumbnail if self.browser.is_running() => {
                return actions.push(Action::Thumbnail { reply });
            }
            Request::Thumbnail => Err(ApiError::Conflict("Chrome is not running.".to_owned())),
            Request::End { actor } => match lease::check(&actor, &self.viewers) {
                Ok(()) => {
                    answer(reply, Ok(Response::Done), actions);
                    return self.end("It was closed.", actions);
                }
                Err(refused) => Err(refused.into()),
            },
        };
        answer(reply, response, actions);
    }

    /// 404 for one that is not in the list.
    fn known_download(&self, download: &DownloadId) -> Result<&Download, ApiError> {
        let mut downloads = self.state.downloads.iter();
        let known = downloads.find(|known| known.id == *download);
        known.ok_or_else(|| {
            ApiError::NotFound(
                "There is no such download: it was removed, or never was.".to_owned(),
            )
        })
    }

    fn check_download(&self, actor: &Actor, download: &DownloadId) -> Result<(), ApiError> {
        lease::check(actor, &self.viewers)?;
        match self.known_download(download)?.state.is_there() {
            true => Ok(()),
            false => Err(ApiError::Conflict(
                "That download is not finished.".to_owned(),
            )),
        }
    }

    /// Where this actor's files are in the page; 409 while there is none.
    fn point(
        &self,
        actor: &Actor,
        at: Option<AimedPoint>,
        now: Instant,
    ) -> Result<Option<PointInPage>, ApiError> {
        lease::check(actor, &self.viewers)?;
        if !self.browser.is_running() {
            return Err(ApiError::Conflict("Chrome is not running.".to_owned()));
        }
        let point = at.map(|at| self.geometries.point_in_page(at, now));
        let refused = |refused: RefusedInput| ApiError::Conflict(refused.to_string());
        point.transpose().map_err(refused)
    }

    /// 404 unless that file chooser is open, or files are dropped under that number.
    fn asked_for(&self, actor: &Actor, chooser: u32) -> Result<&FileChooser, ApiError> {
        lease::check(actor, &self.viewers)?;
        let open = self.file_chooser.as_ref();
        let open = open.filter(|open| open.number == chooser);
        open.or_else(|| self.drops.asks(chooser)).ok_or_else(|| {
            ApiError::NotFound("The page does not ask for these files any more.".to_owned())
        })
    }

    /// A script that names the session may come back to it.
    fn note(&mut self, actor: &Actor) {
        if let Actor::Script(_) = actor {
            self.idle.on_script();
        }
    }

    fn on_call(&mut self, viewer: &ViewerId, now: Instant) -> Result<(), ApiError> {
        let known = lease::check_viewer(viewer, &mut self.viewers)?;
        known.presence.on_call(now);
        Ok(())
    }

    fn join(
        &mut self,
        viewer: ViewerId,
        viewport: Option<Viewport>,
        actions: &mut Vec<Action>,
        now: Instant,
    ) -> Response {
        if let Some(absent) = self.viewers.to_make_room() {
            self.forget(&absent, Departure::Lost, actions, now);
        }
        self.viewers.insert(viewer.clone(), now);
        if let Some(viewport) = viewport {
            self.page_size.on_viewport(&viewer, viewport, now);
        }
        self.idle.on_join();
        self.count_viewers(actions);
        Response::Joined(Box::new(Joined {
            viewer,
            ice_servers: self.settings.ice_servers.clone(),
            state: self.state.clone(),
        }))
    }

    fn control(
        &mut self,
        actor: &Actor,
        control: Control,
        actions: &mut Vec<Action>,
        now: Instant,
    ) -> Result<Routed, ApiError> {
        lease::check(actor, &self.viewers)?;
        self.idle.on_control(now);
        let routed = match order(control, &self.state, &self.settings.search_url)? {
            Order::Command(command) => self.browser.route(command, actions),
            Order::Restart => self.browser.restart(actions),
            Order::AnswerNotification { number, follow } => {
                if self.browser.is_running() {
                    actions.push(Action::AnswerNotification { number, follow });
                }
                Routed::Done
            }
        };
        if routed == Routed::Restarted {
            self.change(actions, |state| {
                state.phase = Phase::Starting;
                state.notice = None;
            });
        }
        Ok(routed)
    }

    // What viewers do.

    fn on_peer(
        &mut self,
        viewer: ViewerId,
        event: PeerEvent,
        actions: &mut Vec<Action>,
        now: Instant,
    ) {
        let Some(known) = self.viewers.get_mut(&viewer) else {
            // Forgotten meanwhile.
            return;
        };
        match event {
            PeerEvent::Connected { .. } => known.presence.on_connected(),
            PeerEvent::ChannelOpen => {
                known.on_channel_open();
                let state = ServerMessage::State(Box::new(self.state.clone()));
                let field = ServerMessage::TextField(self.text_field.told());
                let locked = self.pointer_locked;
                let lock = ServerMessage::PointerLock { locked };
                for message in self.icons.all().chain([state, field, lock]) {
                    let to = viewer.clone();
                    actions.push(Action::Send { to, message });
                }
            }
            PeerEvent::Message { bytes } => self.on_message(viewer, &bytes, actions, now),
            PeerEvent::Disconnected { .. } => {
                let released = known.on_disconnected(now);
                self.seat(released, actions);
            }
        }
    }

    fn on_message(
        &mut self,
        viewer: ViewerId,
        bytes: &Bytes,
        actions: &mut Vec<Action>,
        now: Instant,
    ) {
        let answered = match wire::decode_client(bytes) {
            Ok(stamped) => self.on_input(&viewer, stamped, actions, now),
            Err(error) => Some(ServerMessage::Refused {
                reason: format!("What was sent cannot be read: {error}."),
            }),
        };
        actions.extend(answered.map(|message| Action::Send {
            to: viewer,
            message,
        }));
    }

    fn on_input_call(
        &mut self,
        viewer: &ViewerId,
        messages: Vec<ClientMessage>,
        actions: &mut Vec<Action>,
        now: Instant,
    ) -> Result<Response, ApiError> {
        self.on_call(viewer, now)?;
        let answers = messages.into_iter().filter_map(|message| {
            let stamped = Stamped {
                input: None,
                sent_micros: None,
                message,
            };
            self.on_input(viewer, stamped, actions, now)
        });
        Ok(Response::Messages(answers.collect()))
    }

    /// Gives what the message is answered.
    fn on_input(
        &mut self,
        id: &ViewerId,
        stamped: Stamped,
        actions: &mut Vec<Action>,
        now: Instant,
    ) -> Option<ServerMessage> {
        let viewer = match lease::check_viewer(id, &mut self.viewers) {
            Ok(viewer) => viewer,
            Err(refused) => {
                return Some(ServerMessage::Refused {
                    reason: refused.to_string(),
                });
            }
        };
        let context = Context {
            history: &self.geometries,
            in_text_field: self.text_field.is_there(),
            epoch: self.settings.epoch,
        };
        match accept(viewer, id, stamped, context, now) {
            Meaning::Answer(message) => return Some(message),
            Meaning::Resize(viewport) => self.page_size.on_viewport(id, viewport, now),
            Meaning::WatchTextFields => {
                viewer.watches_text_fields = true;
                self.watch_text_fields(actions);
                return Some(ServerMessage::TextFields(self.text_fields.clone()));
            }
            Meaning::Paste(content) => {
                if let Err(reason) = self.paste(content, actions) {
                    return Some(ServerMessage::Refused { reason });
                }
            }
            Meaning::SkipToLive => actions.push(Action::SkipToLive(id.clone())),
            Meaning::DelayDrawing(micros) if self.browser.is_running() => {
                let viewer = id.clone();
                actions.push(Action::DelayDrawing { viewer, micros });
            }
            Meaning::Report(measurements) => actions.push(Action::RecordLatency(measurements)),
            Meaning::Act(events) => {
                self.page_size.on_act(id, now);
                self.acts = Some(id.clone());
                self.seat(events, actions);
                if self.browser.is_running() {
                    // The page may have something to answer, and what the person who acts sees must be fresh.
                    actions.push(Action::Hint(BrowserCommand::CheckResponsiveness));
                    actions.push(Action::SetPacesetter(id.clone()));
                }
            }
            Meaning::Follow(events) => self.seat(events, actions),
            Meaning::DelayDrawing(_) | Meaning::Stale => {}
        }
        None
    }

    /// Offered to the page before the keys that follow.
    fn paste(
        &mut self,
        content: ClipboardContent,
        actions: &mut Vec<Action>,
    ) -> Result<(), String> {
        let content = self.clipboard.paste(content)?;
        self.seat(vec![SeatEvent::Offer(content)], actions);
        Ok(())
    }

    /// Each Chrome is asked once it is there.
    fn watch_text_fields(&self, actions: &mut Vec<Action>) {
        if self.viewers.watch_text_fields() && self.browser.is_running() {
            actions.push(Action::Hint(BrowserCommand::WatchTextFields));
        }
    }

    fn seat(&self, events: Vec<SeatEvent>, actions: &mut Vec<Action>) {
        if self.browser.is_running() && !events.is_empty() {
            let page = self.geometries.current().page;
            actions.push(Action::Seat { events, page });
        }
    }

    /// Nothing happens for a viewer who is no viewer (any more).
    fn forget(
        &mut self,
        id: &ViewerId,
        departure: Departure,
        actions: &mut Vec<Action>,
        now: Instant,
    ) {
        let Some(released) = self.viewers.remove(id) else {
            return;
        };
        self.page_size.on_gone(id);
        self.acts.take_if(|acts| acts == id);
        self.seat(released, actions);
        actions.push(Action::Disconnect(id.clone()));
        if self.viewers.is_empty() {
            self.idle.on_last_departure(departure, now);
        }
        self.count_viewers(actions);
    }

    fn count_viewers(&mut self, actions: &mut Vec<Action>) {
        let count = u32::try_from(self.viewers.len()).unwrap_or(u32::MAX);
        self.change(actions, |state| state.viewers = count);
    }

    // What Chrome and the display say.

    fn on_engine_failed(
        &mut self,
        engine: EngineId,
        reason: String,
        actions: &mut Vec<Action>,
        now: Instant,
    ) {
        if let Some(phase) = self.browser.on_failed(engine, reason, actions, now) {
            self.change(actions, |state| state.phase = phase);
        }
    }

    fn on_browser(&mut self, browser: BrowserState, actions: &mut Vec<Action>, now: Instant) {
        if let Some(gone) = browser.exit {
            return self.on_browser_gone(gone, actions, now);
        }
        // Before the tabs that name them.
        for icon in self.icons.update(browser.icons) {
            self.broadcast(icon, actions);
        }
        if self.text_field.set_of_page(browser.field) {
            self.broadcast(ServerMessage::TextField(self.text_field.told()), actions);
        }
        if self.text_fields != browser.text_fields {
            self.text_fields.clone_from(&browser.text_fields);
            let to = self.viewers.text_field_watchers();
            if !to.is_empty() {
                let message = ServerMessage::TextFields(browser.text_fields);
                actions.push(Action::Broadcast { to, message });
            }
        }
        if let Some((number, request)) = browser.ui_request
            && self.last_ui_request.replace(number) != Some(number)
            && let Some(to) = self.acts.clone()
        {
            let message = match request {
                UiRequest::ContextMenu(menu) => ServerMessage::ContextMenu(menu),
                UiRequest::Find => ServerMessage::Find,
                UiRequest::Print { frame } => ServerMessage::Print { frame },
                UiRequest::SavePage => ServerMessage::SavePage,
                UiRequest::ChooseFiles(asks) => ServerMessage::ChooseFiles(asks),
                UiRequest::ExternalLink(url) => ServerMessage::ExternalLink(url),
            };
            actions.push(Action::Send { to, message });
        }
        self.file_chooser = browser.file_chooser;
        let deliver = self.deliveries.on_downloads(&browser.downloads, now);
        if let Some(to) = &self.acts {
            actions.extend(deliver.into_iter().map(|download| Action::Send {
                to: to.clone(),
                message: ServerMessage::Deliver(download),
            }));
        }
        self.browser.on_tabs(!browser.tabs.is_empty(), actions);
        let notice = browser.notice.map(|(_, sentence)| sentence);
        let notice = notice.or_else(|| self.browser.notice().cloned());
        self.change(actions, |state| {
            state.tabs = browser.tabs;
            state.active = browser.active;
            recent_pages::note(state);
            state.dialog = browser.dialog;
            state.auth_challenge = browser.auth_challenge;
            state.notice = notice;
            state.downloads = browser.downloads;
        });
    }

    fn on_browser_gone(&mut self, gone: BrowserExit, actions: &mut Vec<Action>, now: Instant) {
        self.viewers.forget_held();
        self.text_field = FocusedField::default();
        self.last_ui_request = None;
        self.pointer_locked = false;
        self.clipboard.forget();
        self.deliveries = Deliveries::default();
        self.file_chooser = None;
        self.drops.forget();
        let search_url = &self.settings.search_url;
        let phase = self
            .browser
            .on_gone(gone, &self.state, search_url, actions, now);
        let notice = self.browser.notice().cloned();
        self.change(actions, |state| {
            state.phase = phase;
            state.tabs.clear();
            state.active = None;
            state.dialog = None;
            state.auth_challenge = None;
            state.notice = notice;
            state.downloads.clear();
        });
    }

    fn on_display(&mut self, display: DisplayState, actions: &mut Vec<Action>, now: Instant) {
        if display.closed.is_some() {
            // When Chrome goes its display goes too, and Chrome's own reason is the better one.
            return;
        }
        if self.text_field.set_of_display(display.text_field) {
            self.broadcast(ServerMessage::TextField(self.text_field.told()), actions);
        }
        if self.pointer_locked != display.pointer_locked {
            self.pointer_locked = display.pointer_locked;
            let locked = self.pointer_locked;
            self.broadcast(ServerMessage::PointerLock { locked }, actions);
        }
        if let Some(message) = self.clipboard.on_copied(display.copied)
            && let Some(to) = self.acts.clone()
        {
            actions.push(Action::Send { to, message });
        }
        if self.browser.on_windows(display.windows) {
            actions.push(Action::Hint(BrowserCommand::RefreshTabs));
        }
        self.geometries.show(display.geometry, now);
        if self.state.geometry != display.geometry {
            self.change(actions, |state| state.geometry = display.geometry);
        }
        if display.drawn && self.state.phase == Phase::Starting {
            self.change(actions, |state| {
                state.phase = Phase::Running;
                state.cursor = display.cursor;
            });
            self.watch_text_fields(actions);
        } else if self.state.cursor != display.cursor {
            // Cursors change with every hover: the rest of the state is not sent again for them.
            self.state.cursor = display.cursor.clone();
            self.state.version += 1;
            self.publish(ServerMessage::Cursor(display.cursor), actions);
        }
    }
}

fn answer(reply: ReplyToken, response: Result<Response, ApiError>, actions: &mut Vec<Action>) {
    actions.push(Action::Reply { reply, response });
}

/// What a page is told of a drag.
fn few(mut types: Vec<String>) -> Vec<String> {
    types.truncate(MOST_DRAGGED);
    types
}

#[cfg(test)]
mod tests;
