//! Chrome, its display and its encoder: started together, ended together.

use std::sync::Arc;

use shared::geometry::Geometry;
use shared::preferences::Preferences;
use shared::session::SessionId;
use tokio::sync::watch;

use crate::browser::launch::{Chrome, LaunchError, LaunchOptions};
use crate::browser::profile_dir::ProfileDir;
use crate::browser::session_bus::SessionBus;
use crate::browser::{Browser, BrowserCommand, BrowserState, InitialTabs};
use crate::display::window_size::emulated_size;
use crate::display::{Display, DisplayError, DisplayOptions, DisplayState};
use crate::files::SessionFiles;
use crate::locked_dir::DirError;
use crate::picture::mailbox::Mailbox;
use crate::sound::{Sound, SoundError};
use crate::stream::{Downlink, Sample};
use crate::transport::PeerError;
use crate::video::{EncodeError, Encoder, EncoderOptions, check_size};

use super::Services;

/// In the order in which they end: first nothing is encoded any more, then Chrome goes, its display last.
pub struct Engine {
    pub encoder: Encoder,
    pub browser: Browser,
    pub display: Display,
    pub session_bus: SessionBus,
    pub sound: Option<Sound>,
    pub files: Arc<SessionFiles>,
    pub downlink: Arc<Downlink>,
    pub mailbox: Arc<Mailbox>,
    pub browser_state: watch::Receiver<BrowserState>,
    pub display_state: watch::Receiver<DisplayState>,
}

#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    #[error(transparent)]
    Dir(#[from] DirError),
    #[error(transparent)]
    Launch(#[from] LaunchError),
    #[error(transparent)]
    Display(#[from] DisplayError),
    #[error(transparent)]
    Encode(#[from] EncodeError),
    #[error(transparent)]
    Sound(#[from] SoundError),
    #[error(transparent)]
    Stream(#[from] PeerError),
}

impl Engine {
    /// Ready when Chrome takes commands; its first picture may come later.
    pub async fn start(
        id: SessionId,
        geometry: Geometry,
        opening: InitialTabs,
        preferences: Preferences,
        services: &Services,
        deliver: impl Fn(Sample) + Clone + Send + 'static,
    ) -> Result<Engine, EngineError> {
        let config = &services.config;
        check_size(geometry.video)?;
        let mailbox = Mailbox::new();
        let downlink = Arc::new(Downlink::new(config.bitrate, config.frame_rate, {
            let mailbox = Arc::clone(&mailbox);
            move || mailbox.notify()
        }));
        let (display, wayland) = Display::start(
            DisplayOptions {
                geometry,
                clipboard: config.clipboard.limits,
                frame_rate: config.frame_rate,
            },
            Arc::clone(&mailbox),
            Arc::clone(&downlink),
        )?;
        let encoder = Encoder::start(
            EncoderOptions {
                bitrate: config.bitrate,
                frame_rate: config.frame_rate,
                adapt: config.adapt,
            },
            Arc::clone(&mailbox),
            Arc::clone(&downlink),
            deliver.clone(),
        )?;
        let hub = &services.hub;
        hub.open_stream(id, Arc::clone(&downlink)).await?;
        let home = ProfileDir::create(&services.runtime_dir)?;
        let files = SessionFiles::create(
            &services.files_dir,
            home.uid(),
            config.files,
            config.scan.clone(),
        )?;
        let files = Arc::new(files);
        let session_bus = SessionBus::start(&home)?;
        let sound = config.sound.then(|| Sound::start(&home, deliver));
        let sound = sound.transpose()?;
        let options = LaunchOptions {
            chrome: services.chrome.clone(),
            page: geometry.page,
            sandbox: config.chrome_sandbox,
            certificate_exceptions: config.certificate_exceptions,
            preferences,
            session_bus: session_bus.address().to_owned(),
            sound: config.sound,
        };
        let (chrome, pipe) = Chrome::launch(options, home, wayland)?;
        let browser = Browser::control(chrome, pipe, opening, Arc::clone(&files)).await?;
        if browser.throttles_pages() {
            display.quicken();
        }
        emulate_size(&browser, geometry);
        let (mut browser_state, mut display_state) = (browser.state(), display.state());
        // What they say already counts as news.
        browser_state.mark_changed();
        display_state.mark_changed();
        Ok(Engine {
            browser_state,
            display_state,
            encoder,
            browser,
            display,
            session_bus,
            sound,
            files,
            downlink,
            mailbox,
        })
    }

    /// Chrome's windows, and the pages in them, are to have another size.
    pub fn resize(&self, geometry: Geometry) {
        emulate_size(&self.browser, geometry);
        self.display.resize(geometry);
    }

    /// Waits until no thread, process or file of it is left.
    pub async fn end(self) {
        self.browser.end().await;
        let (encoder, display, sound) = (self.encoder, self.display, self.sound);
        // All join their threads.
        let files = self.files;
        let ended = tokio::task::spawn_blocking(move || drop((encoder, display, sound, files)));
        let ended = ended.await;
        if let Err(error) = ended {
            tracing::error!(%error, "a display's end failed");
        }
    }
}

/// Pages of a Chrome whose windows cannot be as narrow are told so.
fn emulate_size(browser: &Browser, geometry: Geometry) {
    let size = emulated_size(geometry.page);
    if browser.send(BrowserCommand::EmulateSize(size)).is_err() {
        tracing::debug!("Chrome was not told how narrow its pages are");
    }
}
