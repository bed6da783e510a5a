//! What a viewer sees of its session: written by the connection, read by the components.

use std::collections::BTreeMap;
use std::pin::Pin;

use leptos::prelude::*;
use leptos::task::spawn_local;
use send_wrapper::SendWrapper;
use shared::clipboard::ClipboardContent;
use shared::error::ApiError;
use shared::file::{DOWNLOAD, Dropped, FileChooser, MOST_DRAGGED, PRINT, SAVE_PAGE};
use shared::fit::Fit;
use shared::geometry::{AimedPoint, Geometry, VideoSize};
use shared::message::{ClientMessage, ServerMessage, ServerStatistics};
use shared::notification::Notification;
use shared::session::{
    ContextMenu, Cursor, DownloadId, SessionId, SessionState, Tab, TextField, ViewerId,
};
use web_sys::File;

use super::machine::View;
use crate::api;
use crate::dom::{self, window};
use crate::input::keys::Command;
use crate::sound::Sound;
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

/// What a page has put into the clipboard.
#[derive(Clone, Debug, PartialEq)]
pub enum Copied {
    Inline(ClipboardContent),
    /// It is long: a server function gives it.
    Elsewhere,
}

/// Files that the person has dropped on the page, or pasted.
#[derive(Clone)]
pub struct Outgoing {
    /// What they are uploaded for.
    pub chooser: u32,
    /// Each with its place in the folder that was dropped, or its name alone.
    pub files: SendWrapper<Vec<(String, File)>>,
}

/// Signals only, hence `Copy`: components take it from context.
#[derive(Clone, Copy)]
pub struct ViewState {
    pub session: StoredValue<SessionId>,
    /// In whose name this page acts; none before it has joined.
    pub viewer: StoredValue<Option<ViewerId>>,
    pub state: RwSignal<Option<SessionState>>,
    /// Of the picture that is on the screen; the state's may be on its way.
    pub seen: RwSignal<Option<Geometry>>,
    pub link: RwSignal<Link>,
    /// Why the link is not there yet, in a sentence.
    pub obstacle: RwSignal<Option<String>>,
    pub cursor: RwSignal<Cursor>,
    /// Where text goes on the page; none while no field has the focus.
    pub text_field: RwSignal<Option<TextField>>,
    /// Where the page shows text fields, in pixels of the video: left, top, width, height. Only a viewer who has to know
    /// is told.
    pub text_fields: StoredValue<Vec<[i32; 4]>>,
    /// What the page has copied last.
    pub copied: RwSignal<Option<Copied>>,
    /// Of tabs, by name, as `data:` URLs.
    pub icons: RwSignal<BTreeMap<String, String>>,
    /// The page asks for files.
    pub file_chooser: RwSignal<Option<FileChooser>>,
    /// On their way to the page.
    pub outgoing: RwSignal<Vec<Outgoing>>,
    /// The page opens this with another program.
    pub external_link: RwSignal<Option<String>>,
    /// What pages want the person to know, the latest last.
    pub notifications: RwSignal<Vec<Notification>>,
    /// What the person wants a menu of.
    pub context_menu: RwSignal<Option<ContextMenu>>,
    /// Where the pointer was last, in CSS pixels of the window.
    pub pointer: StoredValue<(f64, f64)>,
    pub find_shown: RwSignal<bool>,
    /// Grows each time that the find bar is asked for.
    pub find_asked: RwSignal<u32>,
    /// Sends what no event of the picture brings; there while the picture is.
    pub sender: StoredValue<Option<Callback<Vec<ClientMessage>>>>,
    /// The page holds the pointer: it wants to know its motion alone.
    pub pointer_locked: RwSignal<bool>,
    /// The person wants the on-screen keyboard although no text field has the focus.
    pub keyboard: RwSignal<bool>,
    /// A finger on the picture moves the pointer, as on a laptop; else it touches the page.
    pub trackpad: RwSignal<bool>,
    /// Where a trackpad's pointer is, in CSS pixels of the picture's element.
    pub trackpad_pointer: RwSignal<Option<(f64, f64)>>,
    /// What the page plays, and how loud.
    pub sound: RwSignal<Sound>,
    /// What the person chose that ⌘ does; shown on Macs alone.
    pub command: RwSignal<Command>,
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
            seen: RwSignal::new(None),
            link: RwSignal::new(Link::default()),
            obstacle: RwSignal::new(None),
            cursor: RwSignal::new(Cursor::default()),
            text_field: RwSignal::new(None),
            text_fields: StoredValue::new(Vec::new()),
            copied: RwSignal::new(None),
            icons: RwSignal::new(BTreeMap::new()),
            file_chooser: RwSignal::new(None),
            outgoing: RwSignal::new(Vec::new()),
            external_link: RwSignal::new(None),
            notifications: RwSignal::new(Vec::new()),
            context_menu: RwSignal::new(None),
            pointer: StoredValue::new((0.0, 0.0)),
            find_shown: RwSignal::new(false),
            find_asked: RwSignal::new(0),
            sender: StoredValue::new(None),
            pointer_locked: RwSignal::new(false),
            keyboard: RwSignal::new(false),
            trackpad: RwSignal::new(false),
            trackpad_pointer: RwSignal::new(None),
            sound: RwSignal::new(Sound::default()),
            command: RwSignal::new(Command::default()),
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
        self.forget_icons(&state);
        self.state.set(Some(state));
    }

    /// Those that no tab has any more.
    fn forget_icons(&self, state: &SessionState) {
        let is_used = |id: &String| state.tabs.iter().any(|tab| tab.icon.as_ref() == Some(id));
        let unused = self
            .icons
            .with_untracked(|icons| !icons.keys().all(is_used));
        if unused {
            self.icons.update(|icons| icons.retain(|id, _| is_used(id)));
        }
    }

    /// What needs nobody but the components.
    pub fn take_message(&self, message: ServerMessage) {
        match message {
            ServerMessage::Cursor(cursor) => self.take_cursor(cursor),
            ServerMessage::Statistics(second) => self.server.set_value(Some(second)),
            ServerMessage::TextField(field) => self.text_field.set(field),
            ServerMessage::Copied(content) => {
                let copied = content.map_or(Copied::Elsewhere, Copied::Inline);
                self.copied.set(Some(copied));
            }
            ServerMessage::TextFields(fields) => self.text_fields.set_value(fields),
            ServerMessage::PointerLock { locked } => self.pointer_locked.set(locked),
            ServerMessage::Refused { reason } => self.refusal.set(Some(reason)),
            ServerMessage::Icon { id, png } => {
                let url = format!("data:image/png;base64,{}", dom::base64(&png));
                self.icons.update(|icons| _ = icons.insert(id, url));
            }
            ServerMessage::ContextMenu(menu) => self.context_menu.set(Some(menu)),
            ServerMessage::Find => self.show_find(),
            ServerMessage::Print { frame } => self.print(frame),
            ServerMessage::SavePage => self.save_page(),
            ServerMessage::ChooseFiles(asks) => self.file_chooser.set(Some(asks)),
            ServerMessage::ExternalLink(url) => self.external_link.set(Some(url)),
            ServerMessage::Notification(notification) => self.notifications.update(|shown| {
                shown.retain(|known| known.number != notification.number);
                shown.push(notification);
            }),
            ServerMessage::NotificationGone(number) => {
                self.notifications
                    .update(|shown| shown.retain(|known| known.number != number));
            }
            ServerMessage::Deliver(download) => self.save_download(&download),
            // The connection's own.
            ServerMessage::State(_)
            | ServerMessage::Pong { .. }
            | ServerMessage::InputPresented(_) => {}
        }
    }

    /// The person's browser takes the file of that download.
    pub fn save_download(&self, download: &DownloadId) {
        self.save(&format!("{}&download={download}", self.address(DOWNLOAD)));
    }

    /// The person's browser takes the page as PDF, or that frame of it, to be printed there.
    pub fn print(&self, frame: Option<u32>) {
        let frame = frame.map(|frame| format!("&frame={frame}"));
        let page = self.address(PRINT);
        self.save(&format!("{page}{}", frame.unwrap_or_default()));
    }

    /// The person's browser takes the page as a file.
    pub fn save_page(&self) {
        self.save(&self.address(SAVE_PAGE));
    }

    /// What the server has at that path for this viewer and session.
    pub fn address(&self, path: &str) -> String {
        let viewer = self.viewer().map(|viewer| format!("&viewer={viewer}"));
        let viewer = viewer.unwrap_or_default();
        format!("{path}?session={}{viewer}", self.session())
    }

    /// The server says how it is called.
    fn save(&self, address: &str) {
        if let Err(thrown) = dom::save(address, "") {
            self.refusal.set(Some(dom::said(&thrown)));
        }
    }

    /// Sends the page files that the person has dropped at that point, or pasted, each with its place in the folder that
    /// they dropped, or its name alone.
    pub fn drop_files(self, at: Option<AimedPoint>, files: Vec<(String, File)>) {
        let types = files.iter().take(MOST_DRAGGED);
        let types = types.map(|(_, file)| file.type_()).collect();
        let files = SendWrapper::new(files);
        spawn_local(async move {
            match api::drop_files(self.session(), self.viewer(), at, types).await {
                Ok(Dropped { chooser }) => {
                    let outgoing = Outgoing { chooser, files };
                    self.outgoing.update(|all| all.push(outgoing));
                }
                Err(refused) => self.refusal.set(Some(refused.to_string())),
            }
        });
    }

    /// The find bar, with the focus.
    pub fn show_find(&self) {
        self.find_shown.set(true);
        self.find_asked
            .update(|asked| *asked = asked.wrapping_add(1));
    }

    /// As if the person had done it on the picture.
    pub fn send(&self, messages: Vec<ClientMessage>) {
        if let Some(sender) = self.sender.get_value() {
            sender.run(messages);
        }
    }

    fn take_cursor(&self, cursor: Cursor) {
        // A cursor with a picture is worth comparing: setting it makes an image.
        let same = self.cursor.try_with_untracked(|shown| *shown == cursor);
        if same == Some(false) {
            self.cursor.set(cursor);
        }
    }

    /// How a picture of that size sits in an element of so many CSS pixels on this screen.
    pub fn fit(&self, size: VideoSize, (width, height): (f64, f64)) -> Option<Fit> {
        let ratio = window().device_pixel_ratio();
        let is_fixed = self.state.with_untracked(|state| {
            let fixed = state.as_ref().map(|state| state.has_fixed_size);
            fixed.unwrap_or_default()
        });
        match is_fixed {
            true => Fit::within(width, height, size, ratio),
            false => Fit::following(width, height, size, ratio),
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
