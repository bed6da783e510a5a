//! A session's loop: waits for whatever happens, asks the machine, and has done what it says. It decides nothing.

use std::sync::Arc;
use std::time::Instant;

use shared::geometry::VideoSize;
use shared::preferences::Preferences;
use shared::session::{Phase, SessionId, SessionState, ViewerId};
use tokio::sync::{mpsc, watch};

use super::Services;
use super::action::Action;
use super::event::{Event, Request};
use super::idle_timeout::IdleLimits;
use super::lease::Actor;
use super::machine::{Machine, Settings};
use super::page_size::SizePolicy;
use super::performer::Performer;
use super::replies::Caller;
use crate::browser::address::AllowedUrl;
use crate::clock;
use crate::transport::PeerEvent;

/// Messages of all viewers of a session that wait for the loop: a second of several people's moves.
const PEER_QUEUE: usize = 1024;

/// One session's machine and what it acts on.
pub struct Run {
    id: SessionId,
    machine: Machine,
    /// What the machine wants done; kept, so that an input allocates nothing here.
    actions: Vec<Action>,
    performer: Performer,
    from_peers: mpsc::Receiver<(ViewerId, PeerEvent)>,
}

impl Run {
    pub fn new(
        id: SessionId,
        url: AllowedUrl,
        size: Option<VideoSize>,
        preferences: Preferences,
        opened_by: &Actor,
        services: Arc<Services>,
    ) -> (Run, watch::Receiver<SessionState>) {
        let config = &services.config;
        let settings = Settings {
            id: id.clone(),
            size: match size.or(config.size) {
                Some(size) => SizePolicy::Fixed(size),
                None => SizePolicy::Follow {
                    pixels: config.max_pixels,
                },
            },
            ice_servers: config.ice_servers.clone(),
            search_url: config.search_url.clone(),
            idle_limits: IdleLimits {
                lost: config.grace,
                closed: config.grace_closed,
            },
            clipboard: config.clipboard,
            epoch: clock::epoch(),
        };
        let mut actions = Vec::new();
        let machine = Machine::new(settings, url, opened_by, &mut actions, Instant::now());
        let (publish, state) = watch::channel(machine.state().clone());
        let (peer_events, from_peers) = mpsc::channel(PEER_QUEUE);
        let run = Run {
            performer: Performer::new(id.clone(), preferences, publish, peer_events, services),
            id,
            machine,
            actions,
            from_peers,
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
        self.performer.finish().await;
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
                    reply: self.performer.await_reply(caller),
                    request,
                },
                None => {
                    requests.close();
                    Event::HandlesDropped
                }
            }),
            event = self.performer.event() => event,
            () = time => Some(Event::Time),
        }
    }

    fn perform_all(&mut self) {
        for action in self.actions.drain(..) {
            self.performer.perform(action);
        }
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
