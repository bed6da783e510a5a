//! All sessions of this server, and what the server functions do with them.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use client::api::{Backend, Caller, Control, Reply};
use futures::FutureExt;
use shared::api::{Answer, Found, Joined, LoadedImage, Opened, SessionSummary};
use shared::clipboard::ClipboardContent;
use shared::error::ApiError;
use shared::file::{Dragged, Dropped};
use shared::geometry::AimedPoint;
use shared::geometry::{VideoSize, Viewport};
use shared::message::{ClientMessage, ServerMessage};
use shared::preferences::Preferences;
use shared::session::{DownloadId, Phase, SessionId, SessionState, UploadId, ViewerId};
use shared::site::SitePermissions;
use tokio::task::JoinHandle;

use crate::browser::address::{self, AllowedUrl, allowed};
use crate::ids::random_id;
use crate::session::lease::Actor;
use crate::session::{Services, Session, gone};
use crate::sync::lock;

/// How long `updates` waits for news: shorter than the idle limit of common proxies.
const UPDATES_WAIT: Duration = Duration::from_secs(20);

/// In bytes: a text that somebody looks for on a page.
const MAX_FIND: usize = 1000;

/// A call of `send_input` with more messages is no person's.
const MAX_MESSAGES: usize = 500;

/// Of so many sessions that are gone it is still known why: for a viewer that was away meanwhile.
const MAX_ENDED: usize = 256;

/// Cheap to clone; all clones are the same.
#[derive(Clone)]
pub struct Sessions {
    services: Arc<Services>,
    running: Arc<Mutex<Running>>,
}

#[derive(Default)]
struct Running {
    sessions: BTreeMap<SessionId, (Session, JoinHandle<()>)>,
    /// Those that are gone, with the sentence for whoever comes too late; the oldest first.
    ended: VecDeque<(SessionId, ApiError)>,
    closing: bool,
}

impl Sessions {
    /// None yet.
    pub fn new(services: Services) -> Sessions {
        Sessions {
            services: Arc::new(services),
            running: Arc::default(),
        }
    }

    /// What all of them have in common.
    pub fn services(&self) -> &Services {
        &self.services
    }

    /// Opens a session on what a person typed; empty is a blank page. 422 for an address that may not be opened, 503 when
    /// there is no room.
    pub fn start(
        &self,
        opened_by: &Actor,
        url: &str,
        size: Option<VideoSize>,
        preferences: Preferences,
    ) -> Result<Opened, ApiError> {
        let config = &self.services.config;
        let url = match url.trim() {
            "" => AllowedUrl::blank(),
            url => allowed(url, &config.search_url)
                .map_err(|refused| ApiError::RefusedAddress(refused.to_string()))?,
        };
        let mut running = lock(&self.running);
        running.forget_ended();
        if running.closing {
            return Err(ApiError::Full("The server is being stopped.".to_owned()));
        }
        if running.alive().count() >= config.max_sessions {
            return Err(ApiError::Full(format!(
                "All {} sessions of this server are in use: end one first, or raise --max-sessions.",
                config.max_sessions
            )));
        }
        let id: SessionId = random_id();
        let services = self.services.clone();
        let started = Session::start(id.clone(), url, size, preferences, opened_by, services);
        running.sessions.insert(id.clone(), started);
        Ok(Opened { session: id })
    }

    /// A session that has not ended; 404 for any other.
    pub fn find(&self, id: &SessionId) -> Result<Session, ApiError> {
        let mut running = lock(&self.running);
        running.forget_ended();
        match running.sessions.get(id) {
            Some((session, _)) if has_ended(session) => Err(session.gone()),
            Some((session, _)) => Ok(session.clone()),
            None => Err(running.why_gone(id)),
        }
    }

    /// The state of every session that has not ended, by id.
    pub fn list(&self) -> Vec<(SessionId, SessionState)> {
        let mut running = lock(&self.running);
        running.forget_ended();
        let alive = running.alive();
        alive
            .map(|session| (session.id().clone(), session.state().borrow().clone()))
            .collect()
    }

    /// Ends all sessions and waits until nothing of them is left. No new one starts from here on.
    pub async fn end_all(&self) {
        let ending = {
            let mut running = lock(&self.running);
            running.closing = true;
            std::mem::take(&mut running.sessions)
        };
        let end = ending.into_values().map(|(session, task)| async move {
            // It may be ending by itself already.
            let _ = session.end(Actor::Script("server".into())).await;
            drop(session);
            if let Err(error) = task.await {
                tracing::error!(%error, "a session's task failed");
            }
        });
        futures::future::join_all(end).await;
    }
}

impl Running {
    /// Sessions that have not ended; something may be left of one that has.
    fn alive(&self) -> impl Iterator<Item = &Session> {
        let sessions = self.sessions.values().map(|(session, _)| session);
        sessions.filter(|session| !has_ended(session))
    }

    fn forget_ended(&mut self) {
        let over = |_: &SessionId, (_, task): &mut (Session, JoinHandle<()>)| task.is_finished();
        for (id, (session, _)) in self.sessions.extract_if(.., over) {
            tracing::debug!(session = %id, "a session is forgotten");
            if self.ended.len() == MAX_ENDED {
                self.ended.pop_front();
            }
            self.ended.push_back((id, session.gone()));
        }
    }

    fn why_gone(&self, id: &SessionId) -> ApiError {
        let known = self.ended.iter().find(|(ended, _)| ended == id);
        known.map_or_else(|| gone(id), |(_, why)| why.clone())
    }
}

fn has_ended(session: &Session) -> bool {
    matches!(session.state().borrow().phase, Phase::Ended { .. })
}

/// Who acts: a viewer if it says so, or else whoever has the credential of the request.
pub fn actor(caller: Caller, viewer: Option<ViewerId>) -> Actor {
    match (viewer, caller) {
        (Some(viewer), _) => Actor::Viewer(viewer),
        (None, Caller::Page) => Actor::Page,
        (None, Caller::Script(name)) => Actor::Script(name),
    }
}

impl Backend for Sessions {
    fn open(
        &self,
        caller: Caller,
        url: String,
        size: Option<VideoSize>,
        preferences: Preferences,
    ) -> Reply<Opened> {
        let started = self.start(&actor(caller, None), &url, size, preferences);
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
        let list = self.list().into_iter().map(summary).collect();
        async { Ok(list) }.boxed()
    }

    fn join(
        &self,
        caller: Caller,
        session: SessionId,
        viewport: Option<Viewport>,
    ) -> Reply<Joined> {
        let by = actor(caller, None);
        self.with(session, move |session| async move {
            session.join(by, viewport).await
        })
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
                return Err(session.gone());
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

    fn control(
        &self,
        caller: Caller,
        session: SessionId,
        viewer: Option<ViewerId>,
        control: Control,
    ) -> Reply<()> {
        let actor = actor(caller, viewer);
        self.with(session, |session| async move {
            session.control(actor, control).await
        })
    }

    fn find(
        &self,
        caller: Caller,
        session: SessionId,
        viewer: Option<ViewerId>,
        text: String,
        step: i32,
    ) -> Reply<Found> {
        let actor = actor(caller, viewer);
        if text.len() > MAX_FIND {
            let sentence = format!("More than {MAX_FIND} bytes are not looked for.");
            return async { Err(ApiError::BadRequest(sentence)) }.boxed();
        }
        self.with(session, move |session| async move {
            session.find(actor, text, step).await
        })
    }

    fn image(
        &self,
        caller: Caller,
        session: SessionId,
        viewer: Option<ViewerId>,
        url: String,
    ) -> Reply<LoadedImage> {
        let actor = actor(caller, viewer);
        let image = address::image(&url, &self.services.config.search_url);
        let url = match image {
            Ok(url) => url,
            Err(refused) => {
                let refused = ApiError::RefusedAddress(refused.to_string());
                return async { Err(refused) }.boxed();
            }
        };
        self.with(
            session,
            |session| async move { session.image(actor, url).await },
        )
    }

    fn permissions(
        &self,
        caller: Caller,
        session: SessionId,
        viewer: Option<ViewerId>,
    ) -> Reply<SitePermissions> {
        let actor = actor(caller, viewer);
        self.with(session, |session| async move {
            session.permissions(actor).await
        })
    }

    fn clipboard(
        &self,
        caller: Caller,
        session: SessionId,
        viewer: Option<ViewerId>,
    ) -> Reply<ClipboardContent> {
        let actor = actor(caller, viewer);
        self.with(session, |session| async move {
            let content = session.clipboard(actor).await?;
            Ok(Arc::unwrap_or_clone(content))
        })
    }

    fn set_clipboard(
        &self,
        caller: Caller,
        session: SessionId,
        viewer: Option<ViewerId>,
        content: ClipboardContent,
    ) -> Reply<()> {
        let actor = actor(caller, viewer);
        self.with(session, |session| async move {
            session.set_clipboard(actor, content).await
        })
    }

    fn remove_download(
        &self,
        caller: Caller,
        session: SessionId,
        viewer: Option<ViewerId>,
        download: DownloadId,
    ) -> Reply<()> {
        let actor = actor(caller, viewer);
        self.with(session, |session| async move {
            session.remove_download(actor, download).await
        })
    }

    fn choose_files(
        &self,
        caller: Caller,
        session: SessionId,
        viewer: Option<ViewerId>,
        chooser: u32,
        uploads: Vec<UploadId>,
    ) -> Reply<()> {
        let actor = actor(caller, viewer);
        self.with(session, move |session| async move {
            session.choose_files(actor, chooser, uploads).await
        })
    }

    fn drag_files(
        &self,
        caller: Caller,
        session: SessionId,
        viewer: Option<ViewerId>,
        at: Option<AimedPoint>,
        types: Vec<String>,
    ) -> Reply<Dragged> {
        let actor = actor(caller, viewer);
        self.with(session, move |session| async move {
            session.drag_files(actor, at, types).await
        })
    }

    fn drop_files(
        &self,
        caller: Caller,
        session: SessionId,
        viewer: Option<ViewerId>,
        at: Option<AimedPoint>,
        types: Vec<String>,
    ) -> Reply<Dropped> {
        let actor = actor(caller, viewer);
        self.with(session, move |session| async move {
            session.drop_files(actor, at, types).await
        })
    }

    fn end(&self, caller: Caller, session: SessionId, viewer: Option<ViewerId>) -> Reply<()> {
        let actor = actor(caller, viewer);
        self.with(session, |session| async move { session.end(actor).await })
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Settings;
    use crate::transport::{Hub, HubOptions};
    use std::os::unix::fs::PermissionsExt;

    /// With a program for Chrome that starts and never says anything.
    async fn sessions(dir: &std::path::Path) -> Sessions {
        let chrome = dir.join("chrome");
        std::fs::write(&chrome, "#!/bin/sh\nexec sleep 1000\n").unwrap();
        let executable = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(&chrome, executable.clone()).unwrap();
        std::fs::set_permissions(dir, executable).unwrap();
        let settings = Settings {
            media_port: Some(0),
            ..Settings::default()
        };
        let config = settings
            .validate(|| "a-token-for-this-test".to_owned())
            .unwrap();
        let hub = Hub::start(HubOptions {
            bind: config.listen.ip(),
            port: config.media_port,
            public_ips: Vec::new(),
        });
        Sessions::new(Services {
            hub: hub.await.unwrap(),
            chrome,
            runtime_dir: dir.to_owned(),
            files_dir: dir.to_owned(),
            config,
        })
    }

    #[tokio::test]
    async fn who_ends_a_session_is_answered_when_nothing_of_it_is_left() {
        let dir = tempfile::tempdir().unwrap();
        let sessions = sessions(dir.path()).await;
        let opened = sessions
            .start(&Actor::Page, "", None, Preferences::default())
            .unwrap();
        let session = sessions.find(&opened.session).unwrap();
        let ended = sessions.end(Caller::Page, opened.session.clone(), None);
        assert_eq!(ended.await, Ok(()));
        assert!(session.state().has_changed().is_err(), "its task is over");
        assert_eq!(sessions.list(), []);
        let sentence = format!("Session {} has ended. It was closed.", opened.session);
        let why = sessions.find(&opened.session).err();
        assert_eq!(why, Some(ApiError::NotFound(sentence)), "whoever comes now");
        let unknown: SessionId = random_id();
        assert_eq!(sessions.find(&unknown).err(), Some(gone(&unknown)));
    }

    #[tokio::test]
    async fn a_viewer_of_another_session_cannot_end_this_one() {
        let dir = tempfile::tempdir().unwrap();
        let sessions = sessions(dir.path()).await;
        let [this, other] = [(); 2].map(|()| {
            sessions
                .start(&Actor::Page, "", None, Preferences::default())
                .unwrap()
        });
        let joined = sessions
            .join(Caller::Page, other.session, None)
            .await
            .unwrap();
        let refused = sessions.end(Caller::Page, this.session.clone(), Some(joined.viewer));
        assert!(matches!(refused.await, Err(ApiError::NotFound(_))));
        assert_eq!(sessions.list().len(), 2);
        sessions.end_all().await;
    }
}
