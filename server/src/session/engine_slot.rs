//! The one engine of a session that was not told to end: starting, running, or none.

use std::future::{Future, pending};

use futures::FutureExt;
use futures::future::BoxFuture;
use shared::session::SessionId;

use super::engine::{Engine, EngineError};
use super::event::{EngineId, Event};

/// Dropping it ends the engine.
pub enum EngineSlot {
    Empty,
    /// Dropping the future ends what it has started so far.
    Starting(EngineId, BoxFuture<'static, Result<Engine, EngineError>>),
    Running(Box<Engine>),
}

impl EngineSlot {
    /// The slot is empty; [`EngineSlot::event`] drives the start.
    pub fn start(
        &mut self,
        id: EngineId,
        starting: impl Future<Output = Result<Engine, EngineError>> + Send + 'static,
    ) {
        *self = EngineSlot::Starting(id, starting.boxed());
    }

    /// Empties the slot. Ready when nothing of the engine is left.
    pub fn end(&mut self) -> BoxFuture<'static, ()> {
        match std::mem::replace(self, EngineSlot::Empty) {
            EngineSlot::Running(engine) => engine.end().boxed(),
            EngineSlot::Starting(_, starting) => {
                drop(starting);
                std::future::ready(()).boxed()
            }
            EngineSlot::Empty => std::future::ready(()).boxed(),
        }
    }

    /// The engine, while its Chrome takes commands.
    pub fn running(&self) -> Option<&Engine> {
        match self {
            EngineSlot::Running(engine) => Some(engine),
            EngineSlot::Starting(..) | EngineSlot::Empty => None,
        }
    }

    /// The next thing it has to say; never ready while the slot is empty.
    pub async fn event(&mut self, session: &SessionId) -> Event {
        match self {
            EngineSlot::Empty => pending().await,
            EngineSlot::Starting(id, starting) => {
                let id = *id;
                match starting.await {
                    Ok(engine) => {
                        *self = EngineSlot::Running(Box::new(engine));
                        Event::EngineStarted(id)
                    }
                    Err(error) => {
                        *self = EngineSlot::Empty;
                        tracing::error!(%session, error = %chain(&error), "Chrome cannot be started");
                        Event::EngineFailed(id, format!("Chrome cannot be started: {error}."))
                    }
                }
            }
            EngineSlot::Running(engine) => {
                let Engine {
                    browser_state,
                    display_state,
                    session_bus,
                    ..
                } = engine.as_mut();
                tokio::select! {
                    Ok(()) = browser_state.changed() => {
                        let state = browser_state.borrow_and_update().clone();
                        if let Some(gone) = &state.exit {
                            tracing::warn!(%session, ?gone, "Chrome is gone");
                        }
                        Event::Browser(Box::new(state))
                    }
                    Ok(()) = display_state.changed() => {
                        let state = display_state.borrow_and_update().clone();
                        if let Some(reason) = &state.closed {
                            tracing::debug!(%session, reason, "the display closed");
                        }
                        Event::Display(state)
                    }
                    Some(event) = session_bus.event() => Event::Notification(event),
                    // All are gone: the browser's last state said so.
                    else => pending().await,
                }
            }
        }
    }
}

/// An error with all its causes, for the log.
fn chain(error: &dyn std::error::Error) -> String {
    std::iter::successors(error.source(), |error| error.source())
        .fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}
