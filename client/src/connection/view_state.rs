//! What a viewer sees of its session: written by the connection, read by the components.

use leptos::prelude::*;
use shared::error::ApiError;
use shared::message::{ServerMessage, ServerStatistics};
use shared::session::{Cursor, SessionId, SessionState, Tab, ViewerId};

use crate::stats::history::History;
use crate::stats::latency::Latency;
use crate::stats::repairs::Repairs;

/// Where the way to the session is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Link {
    #[default]
    Connecting,
    /// Pictures flow.
    Connected,
    /// Pictures flowed and stopped; the next attempt is under way.
    Reconnecting,
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
    pub repairs: RwSignal<Repairs>,
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
            repairs: RwSignal::new(Repairs::default()),
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

    pub fn viewer(&self) -> Option<ViewerId> {
        self.viewer.get_value()
    }

    /// The state's version that is shown, 0 before the first.
    pub fn version(&self) -> u64 {
        self.state
            .try_with_untracked(|state| state.as_ref().map_or(0, |state| state.version))
            .unwrap_or(0)
    }

    /// States come on two ways (channel, long poll): an older one is dropped.
    pub fn take_state(&self, state: SessionState) {
        if state.version > self.version() || self.version() == 0 {
            self.take_cursor(state.cursor.clone());
            self.state.set(Some(state));
        }
    }

    /// What needs nobody but the components.
    pub fn take_message(&self, message: ServerMessage) {
        match message {
            ServerMessage::State(state) => self.take_state(*state),
            ServerMessage::Cursor(cursor) => self.take_cursor(cursor),
            ServerMessage::Statistics(second) => self.server.set_value(Some(second)),
            ServerMessage::Refused { reason } => self.refusal.set(Some(reason)),
            // The connection's own.
            ServerMessage::Pong { .. } | ServerMessage::InputPresented(_) => {}
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
        let refusal = self.refusal;
        leptos::task::spawn_local(async move {
            if let Err(refused) = asked.await {
                refusal.set(Some(refused.to_string()));
            }
        });
    }
}
