//! All sessions of this server, and what the server functions do with them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use client::api::{Backend, Control, Reply};
use futures::FutureExt;
use shared::api::{Answer, Joined, Opened, SessionSummary};
use shared::error::ApiError;
use shared::geometry::VideoSize;
use shared::message::{ClientMessage, ServerMessage};
use shared::session::{Phase, SessionId, SessionState, ViewerId};
use tokio::task::JoinHandle;

use crate::browser::address::{AllowedUrl, allowed};
use crate::ids::random_id;
use crate::session::{Services, Session, gone};

/// How long `updates` waits for news: shorter than the idle limit of common proxies.
const UPDATES_WAIT: Duration = Duration::from_secs(20);

/// A call of `send_input` with more messages is no person's.
const MAX_MESSAGES: usize = 500;

/// Cheap to clone; all clones are the same.
#[derive(Clone)]
pub struct Sessions {
    surroundings: Arc<Services>,
    running: Arc<Mutex<Running>>,
}

#[derive(Default)]
struct Running {
    sessions: BTreeMap<SessionId, (Session, JoinHandle<()>)>,
    closing: bool,
}

impl Sessions {
    pub fn new(surroundings: Services) -> Sessions {
        Sessions {
            surroundings: Arc::new(surroundings),
            running: Arc::default(),
        }
    }

    pub fn surroundings(&self) -> &Services {
        &self.surroundings
    }

    pub fn start(&self, url: &str, size: Option<VideoSize>) -> Result<Opened, ApiError> {
        let config = &self.surroundings.config;
        let url = match url.trim() {
            "" => AllowedUrl::blank(),
            url => allowed(url, &config.search_url)
                .map_err(|refused| ApiError::RefusedAddress(refused.to_string()))?,
        };
        let mut running = self.lock();
        running.forget_ended();
        if running.closing {
            return Err(ApiError::Full("The server is being stopped.".to_owned()));
        }
        if running.alive() >= config.max_sessions {
            return Err(ApiError::Full(format!(
                "All {} sessions of this server are in use: end one first, or raise --max-sessions.",
                config.max_sessions
            )));
        }
        let id: SessionId = random_id();
        let started = Session::start(
            id.clone(),
            url,
            size.unwrap_or(config.size),
            self.surroundings.clone(),
        );
        running.sessions.insert(id.clone(), started);
        Ok(Opened { session: id })
    }

    /// A session that has not ended.
    pub fn find(&self, id: &SessionId) -> Result<Session, ApiError> {
        let mut running = self.lock();
        running.forget_ended();
        match running.sessions.get(id) {
            Some((session, _)) => Ok(session.clone()),
            None => Err(gone(id)),
        }
    }

    /// The state of every session, by id.
    pub fn list(&self) -> Vec<(SessionId, SessionState)> {
        let mut running = self.lock();
        running.forget_ended();
        let state =
            |(session, _): &(Session, _)| (session.id().clone(), session.state().borrow().clone());
        running.sessions.values().map(state).collect()
    }

    /// Ends all sessions and waits until nothing of them is left. No new one starts from here on.
    pub async fn end_all(&self) {
        let ending = {
            let mut running = self.lock();
            running.closing = true;
            std::mem::take(&mut running.sessions)
        };
        let end = ending.into_values().map(|(session, task)| async move {
            // It may be ending by itself already.
            let _ = session.end().await;
            drop(session);
            if let Err(error) = task.await {
                tracing::error!(%error, "a session's task failed");
            }
        });
        futures::future::join_all(end).await;
    }

    fn lock(&self) -> MutexGuard<'_, Running> {
        // Nothing that is done under this lock leaves the map half changed.
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Running {
    /// Sessions that have not ended; one that has may still be tidying up.
    fn alive(&self) -> usize {
        let is_alive = |(session, _): &&(Session, _)| !is_over(&session.state().borrow());
        self.sessions.values().filter(is_alive).count()
    }

    fn forget_ended(&mut self) {
        self.sessions.retain(|id, (_, task)| {
            let ended = task.is_finished();
            if ended {
                tracing::debug!(session = %id, "a session is forgotten");
            }
            !ended
        });
    }
}

fn is_over(state: &SessionState) -> bool {
    matches!(state.phase, Phase::Ended { .. })
}

impl Backend for Sessions {
    fn open(&self, url: String, size: Option<VideoSize>) -> Reply<Opened> {
        let started = self.start(&url, size);
        async { started }.boxed()
    }

    fn sessions(&self) -> Reply<Vec<SessionSummary>> {
        let summary = |(session, state): (SessionId, SessionState)| {
            let tab = state.active_tab();
            SessionSummary {
                session,
                title: tab.map(|tab| tab.title.clone()).unwrap_or_default(),
                url: tab.map(|tab| tab.url.clone()).unwrap_or_default(),
                viewers: state.viewers,
            }
        };
        let list = self
            .list()
            .into_iter()
            .filter(|(_, state)| !is_over(state))
            .map(summary)
            .collect();
        async { Ok(list) }.boxed()
    }

    fn join(&self, session: SessionId) -> Reply<Joined> {
        self.with(session, |session| async move { session.join().await })
    }

    fn offer(&self, session: SessionId, viewer: ViewerId, sdp: String) -> Reply<Answer> {
        self.with(session, |session| async move {
            session.offer(viewer, sdp).await
        })
    }

    fn leave(&self, session: SessionId, viewer: ViewerId) -> Reply<()> {
        self.with(
            session,
            |session| async move { session.leave(viewer).await },
        )
    }

    fn updates(&self, session: SessionId, viewer: ViewerId, after: u64) -> Reply<SessionState> {
        self.with(session, move |session| async move {
            session.present(viewer).await?;
            let mut state = session.state();
            let news = state.wait_for(|state| state.version > after);
            if let Ok(Err(_)) = tokio::time::timeout(UPDATES_WAIT, news).await {
                return Err(gone(session.id()));
            }
            let state = state.borrow().clone();
            Ok(state)
        })
    }

    fn send_input(
        &self,
        session: SessionId,
        viewer: ViewerId,
        messages: Vec<ClientMessage>,
    ) -> Reply<Vec<ServerMessage>> {
        if messages.len() > MAX_MESSAGES {
            let sentence =
                format!("More than {MAX_MESSAGES} messages in one call: send them in several.");
            return async { Err(ApiError::BadRequest(sentence)) }.boxed();
        }
        self.with(session, |session| async move {
            session.input(viewer, messages).await
        })
    }

    fn control(&self, session: SessionId, control: Control) -> Reply<()> {
        self.with(
            session,
            |session| async move { session.control(control).await },
        )
    }

    fn end(&self, session: SessionId) -> Reply<()> {
        self.with(session, |session| async move { session.end().await })
    }
}

impl Sessions {
    /// Does something with a session that is there.
    fn with<T, F>(&self, id: SessionId, act: impl FnOnce(Session) -> F) -> Reply<T>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, ApiError>> + Send + 'static,
    {
        match self.find(&id) {
            Ok(session) => act(session).boxed(),
            Err(error) => async { Err(error) }.boxed(),
        }
    }
}
