//! What server functions ask of a session.

use std::time::Instant;

use client::api::Control;
use futures::FutureExt;
use shared::api::{Answer, Joined};
use shared::error::ApiError;
use shared::session::{Phase, ViewerId};
use tokio::sync::oneshot;

use super::viewers::no_viewer;
use super::{Life, MAX_VIEWERS, Run, Viewer};
use crate::browser::BrowserCommand;
use crate::browser::address::{AllowedUrl, allowed};
use crate::ids::random_id;
use crate::input::ViewerInput;
use crate::session::latency::Allowance;
use crate::session::presence::Presence;
use crate::session::{Attached, Request};
use crate::transport::{PeerRequest, SocketRequest};

impl Run {
    pub(super) fn answer(&mut self, request: Request) {
        let now = Instant::now();
        match request {
            // A reply that nobody waits for any more is no failure, here and below.
            Request::Join { reply } => {
                let _ = reply.send(self.join(now));
            }
            Request::Offer { viewer, sdp, reply } => self.offer(viewer, sdp, reply, now),
            Request::Attach { viewer, reply } => self.attach(viewer, reply, now),
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

    pub(super) fn join(&mut self, now: Instant) -> Joined {
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
                hands: ViewerInput::default(),
                presence: Presence::new(now),
                channel_open: false,
                allowance: Allowance::default(),
                accepted: 0,
            },
        );
        self.viewers_changed(now);
        Joined {
            viewer,
            ice_servers: self.surroundings.config.ice_servers.clone(),
            state: self.state.clone(),
        }
    }

    pub(super) fn offer(
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
            session: self.id.clone(),
            viewer,
            offer: sdp,
            ceiling: self.surroundings.config.bitrate,
            adapt: self.surroundings.config.adapt,
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

    pub(super) fn attach(
        &mut self,
        viewer: ViewerId,
        reply: oneshot::Sender<Result<Attached, ApiError>>,
        now: Instant,
    ) {
        let Some(known) = self.viewers.get_mut(&viewer) else {
            let _ = reply.send(Err(no_viewer(&viewer)));
            return;
        };
        known.presence.called(now);
        let request = SocketRequest {
            session: self.id.clone(),
            viewer,
            ceiling: self.surroundings.config.bitrate,
            adapt: self.surroundings.config.adapt,
            events: self.peer_events.clone(),
        };
        let hub = self.surroundings.hub.clone();
        let attach = async move {
            let attached = hub.attach(request).await.map_err(|error| {
                ApiError::Full(format!("The web socket cannot be used: {error}."))
            });
            let _ = reply.send(attached);
        };
        self.pending.push(attach.boxed());
    }

    pub(super) fn control(&mut self, control: Control) -> Result<(), ApiError> {
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
                self.opening = url.into();
                self.reopen = true;
                Ok(())
            }
            (Life::Running(engine), command) => engine
                .browser
                .send(command)
                .map_err(|busy| ApiError::Conflict(format!("{busy}: try again."))),
            // Not there yet: what was asked for becomes what it starts with.
            (_, BrowserCommand::Navigate(url)) => {
                self.opening = url.into();
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

    pub(super) fn restart(&mut self) -> Result<(), ApiError> {
        if !matches!(self.life, Life::Stopped) {
            return Err(ApiError::Conflict("Chrome is running already.".to_owned()));
        }
        self.restarts.forget();
        self.notice = None;
        self.start_chrome();
        self.change(|state| {
            state.phase = Phase::Starting;
            state.notice = None;
        });
        Ok(())
    }
}
