//! What viewers do and what becomes of it: the one place where an input is accepted.

use std::time::Instant;

use bytes::Bytes;
use shared::error::ApiError;
use shared::message::{ClientMessage, ServerMessage, Stamped};
use shared::session::ViewerId;
use shared::wire;

use super::{Life, Run, Viewer};
use crate::browser::BrowserCommand;
use crate::clock;
use crate::display::SeatEvent;
use crate::latency_trace::{InputTrace, clock_micros};
use crate::session::latency::is_tentative;
use crate::session::stale_input::is_too_late;
use crate::transport::PeerEvent;

impl Run {
    pub(super) fn hear(&mut self, id: ViewerId, event: PeerEvent) {
        let Some(viewer) = self.viewers.get_mut(&id) else {
            // Forgotten meanwhile.
            return;
        };
        match event {
            PeerEvent::Connected { transport } => {
                tracing::info!(session = %self.id, viewer = %id, ?transport, "a viewer is connected");
                viewer.presence.connected();
            }
            PeerEvent::ChannelOpen => {
                viewer.channel_open = true;
                self.send(&id, &ServerMessage::State(Box::new(self.state.clone())));
            }
            PeerEvent::Message { bytes } => self.message(&id, bytes),
            PeerEvent::Disconnected { reason } => {
                tracing::info!(session = %self.id, viewer = %id, reason, "a viewer is disconnected");
                viewer.presence.disconnected(Instant::now());
                viewer.channel_open = false;
                let lifted = viewer.hands.release_all();
                self.play(lifted);
            }
        }
    }

    pub(super) fn message(&mut self, id: &ViewerId, bytes: Bytes) {
        let answers = match wire::decode_client(&bytes) {
            Ok(stamped) => self.input(id, stamped),
            Err(error) => vec![ServerMessage::Refused {
                reason: format!("What was sent cannot be read: {error}."),
            }],
        };
        for answer in answers {
            self.send(id, &answer);
        }
    }

    pub(super) fn input_by_call(
        &mut self,
        id: &ViewerId,
        messages: Vec<ClientMessage>,
        now: Instant,
    ) -> Result<Vec<ServerMessage>, ApiError> {
        let viewer = self.viewers.get_mut(id).ok_or_else(|| no_viewer(id))?;
        viewer.presence.called(now);
        Ok(messages
            .into_iter()
            .flat_map(|message| {
                let stamped = Stamped {
                    input: None,
                    sent_micros: None,
                    message,
                };
                self.input(id, stamped)
            })
            .collect())
    }

    /// The one place where a viewer's message is accepted, whichever way it came.
    pub(super) fn input(&mut self, id: &ViewerId, stamped: Stamped) -> Vec<ServerMessage> {
        let Stamped {
            input,
            sent_micros,
            message,
        } = stamped;
        let received_at = Instant::now();
        let Some(viewer) = self.viewers.get_mut(id) else {
            return Vec::new();
        };
        let message = match message {
            ClientMessage::Ping { number } => {
                let server_micros = clock_micros(received_at, clock::epoch());
                return vec![ServerMessage::Pong {
                    number,
                    server_micros,
                    accepted: viewer.accepted,
                }];
            }
            ClientMessage::SkipToLive => {
                self.surroundings.hub.skip_to_live(id);
                return Vec::new();
            }
            ClientMessage::VsyncOffset { micros } => {
                if let Life::Running(engine) = &self.life
                    && engine.downlink.is_pacesetter(id)
                {
                    engine.display.delay(micros);
                }
                return Vec::new();
            }
            ClientMessage::LatencyReport { measurements } => {
                let believed = viewer.allowance.believed(measurements, received_at);
                self.latency.record(&believed);
                return Vec::new();
            }
            other => other,
        };
        let received_micros = clock_micros(received_at, clock::epoch());
        if message.expires() && is_too_late(sent_micros, received_micros) {
            return Vec::new();
        }
        viewer.accepted = viewer
            .accepted
            .wrapping_add(u32::from(message.is_counted()));
        match viewer.hands.translate(&message, &self.state.geometry) {
            Ok(mut events) => {
                if let (Some(input), Some(tentative), false) =
                    (input, is_tentative(&message), events.is_empty())
                {
                    events.push(SeatEvent::Trace(InputTrace {
                        viewer: id.clone(),
                        input,
                        tentative,
                        received_at,
                    }));
                }
                self.play(events);
                if acts(&message) {
                    self.hint();
                    self.set_pacesetter(id);
                }
                Vec::new()
            }
            Err(refused) => vec![ServerMessage::Refused {
                reason: refused.to_string(),
            }],
        }
    }

    pub(super) fn play(&self, events: Vec<SeatEvent>) {
        if let Life::Running(engine) = &self.life {
            for event in events {
                engine.display.send(event);
            }
        }
    }

    /// Chrome's control does not see which tab is in front, nor what it is called; its window's title does.
    pub(super) fn look_at_tabs(&self) {
        if let Life::Running(engine) = &self.life {
            // Busy: the next event of a page makes it look again.
            let _ = engine.browser.send(BrowserCommand::LookAtTabs);
        }
    }

    /// Lets Chrome's control know that a page has something to answer.
    fn hint(&self) {
        if let Life::Running(engine) = &self.life {
            // Busy: a later input asks again.
            let _ = engine.browser.send(BrowserCommand::InputSent);
        }
    }

    /// The stream follows the link of whoever acts: what that person sees must be fresh.
    fn set_pacesetter(&self, id: &ViewerId) {
        // Told again with the next input if the hub was overwhelmed.
        if let Life::Running(engine) = &self.life
            && !engine.downlink.is_named_pacesetter(id)
        {
            self.surroundings.hub.set_pacesetter(&self.id, id);
        }
    }

    pub(super) fn forget_absent(&mut self, now: Instant) {
        let is_over =
            |(id, viewer): (&ViewerId, &Viewer)| viewer.presence.is_over(now).then(|| id.clone());
        let absent: Vec<_> = self.viewers.iter().filter_map(is_over).collect();
        for id in absent {
            self.forget(&id, now);
        }
    }

    pub(super) fn forget(&mut self, id: &ViewerId, now: Instant) {
        if let Some(mut viewer) = self.viewers.remove(id) {
            self.play(viewer.hands.release_all());
            self.surroundings.hub.disconnect(id);
            self.viewers_changed(now);
        }
    }

    pub(super) fn viewers_changed(&mut self, now: Instant) {
        let count = self.viewers.len();
        self.grace.viewers(count, now);
        self.change(|state| state.viewers = u32::try_from(count).unwrap_or(u32::MAX));
    }
}

pub(super) fn no_viewer(id: &ViewerId) -> ApiError {
    ApiError::NotFound(format!(
        "There is no viewer {id} here: join the session again."
    ))
}

/// Moves come by themselves, and held keys are only repeated: neither is something that a person does now.
fn acts(message: &ClientMessage) -> bool {
    !matches!(
        message,
        ClientMessage::PointerMove { .. } | ClientMessage::HeldKeys { .. }
    )
}
