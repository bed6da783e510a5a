//! What a viewer sees of its session: written by the connection, read by the components.

use std::pin::Pin;

use leptos::prelude::*;
use shared::error::ApiError;
use shared::message::{ServerMessage, ServerStatistics};
use shared::session::{Cursor, SessionId, SessionState, Tab, ViewerId};

use super::machine::View;
use crate::stats::history::History;
use crate::stats::incidents::Incidents;
use crate::stats::latency::Latency;

/// Where the way to the session is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Link {
    #[default]
    Connecting,
    /// Pictures flow.
    Connected,
    /// Pictures flowed and stopped; the next attempt is under way.
    Reconnecting,
    /// This browser cannot decode what comes. It is tried again: a plugin may come while one waits.
    Unsupported { sentence: &'static str },
    /// Not possible any more.
    Over { reason: String },
}

/// Signals only, hence `Copy`: components take it from context.
#[derive(Clone, Copy)]
pub struct ViewState {
    pub session: StoredValue<SessionId>,
    /// In whose name this page acts; none before it has joined.
    pub viewer: StoredValue<Option<ViewerId>>,
    pub state: RwSignal<Option<SessionState>>,
    pub link: RwSignal<Link>,
    /// Why the link is not there yet, in a sentence.
    pub obstacle: RwSignal<Option<String>>,
    pub cursor: RwSignal<Cursor>,
    /// A refusal worth showing until it is dismissed.
    pub refusal: RwSignal<Option<String>>,
    pub history: RwSignal<History>,
    pub latency: RwSignal<Latency>,
    pub incidents: RwSignal<Incidents>,
    /// The server's newest second that no sample has taken yet.
    pub server: StoredValue<Option<ServerStatistics>>,
}

impl ViewState {
    pub fn new(session: SessionId) -> Self {
        ViewState {
            session: StoredValue::new(session),
            viewer: StoredValue::new(None),
            state: RwSignal::new(None),
            link: RwSignal::new(Link::default()),
            obstacle: RwSignal::new(None),
            cursor: RwSignal::new(Cursor::default()),
            refusal: RwSignal::new(None),
            history: RwSignal::new(History::default()),
            latency: RwSignal::new(Latency::default()),
            incidents: RwSignal::new(Incidents::default()),
            server: StoredValue::new(None),
        }
    }

    /// The one provided by the viewer's page.
    pub fn current() -> Self {
        expect_context()
    }

    pub fn session(&self) -> SessionId {
        self.session.get_value()
    }

    /// In whose name this page acts; none before it has joined.
    pub fn viewer(&self) -> Option<ViewerId> {
        self.viewer.get_value()
    }

    /// What the connection has come to. The only place where these are written, and only when they change.
    pub(super) fn publish(&self, view: View<'_>) {
        let same = (self.viewer).try_with_value(|viewer| viewer.as_ref() == view.viewer);
        if same == Some(false) {
            self.viewer.set_value(view.viewer.cloned());
        }
        let same = self.link.try_with_untracked(|link| *link == view.link);
        if same == Some(false) {
            self.link.set(view.link);
        }
        let same = (self.obstacle).try_with_untracked(|shown| shown.as_deref() == view.obstacle);
        if same == Some(false) {
            self.obstacle.set(view.obstacle.map(str::to_owned));
        }
        let same = (self.incidents).try_with_untracked(|incidents| incidents == view.incidents);
        if same == Some(false) {
            self.incidents.set(view.incidents.clone());
        }
    }

    pub(super) fn show_state(&self, state: SessionState) {
        self.take_cursor(state.cursor.clone());
        self.state.set(Some(state));
    }

    /// What needs nobody but the components.
    pub fn take_message(&self, message: ServerMessage) {
        match message {
            ServerMessage::Cursor(cursor) => self.take_cursor(cursor),
            ServerMessage::Statistics(second) => self.server.set_value(Some(second)),
            ServerMessage::Refused { reason } => self.refusal.set(Some(reason)),
            // The connection's own.
            ServerMessage::State(_)
            | ServerMessage::Pong { .. }
            | ServerMessage::InputPresented(_) => {}
        }
    }

    fn take_cursor(&self, cursor: Cursor) {
        // A cursor with a picture is worth comparing: setting it makes an image.
        let same = self.cursor.try_with_untracked(|shown| *shown == cursor);
        if same == Some(false) {
            self.cursor.set(cursor);
        }
    }

    /// A part of the active tab, followed as it changes.
    pub fn of_active_tab<T>(
        &self,
        part: impl Fn(&Tab) -> T + Send + Sync + 'static,
    ) -> Memo<Option<T>>
    where
        T: PartialEq + Send + Sync + 'static,
    {
        let state = self.state;
        Memo::new(move |_| state.with(|state| state.as_ref()?.active_tab().map(&part)))
    }

    /// Asks the server; a refusal is shown.
    pub fn ask(&self, asked: impl Future<Output = Result<(), ApiError>> + 'static) {
        self.ask_boxed(Box::pin(asked));
    }

    /// Compiled once, and not for each server function.
    fn ask_boxed(&self, asked: Pin<Box<dyn Future<Output = Result<(), ApiError>>>>) {
        let refusal = self.refusal;
        leptos::task::spawn_local(async move {
            if let Err(refused) = asked.await {
                refusal.set(Some(refused.to_string()));
            }
        });
    }
}
