//! A session as viewers and scripts see it: its id, its phase, its tabs.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::file::Download;
use crate::geometry::Geometry;
use crate::site::Security;

/// Id of a session; cannot be guessed, because it stands in a URL. 1 to 40 characters of `[A-Za-z0-9]`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SessionId(String);

/// Id of a viewer of a session; assigned by the server when the viewer joins. Same alphabet as [`SessionId`].
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ViewerId(String);

/// Id of a tab: CDP `Target.TargetID`. Same alphabet as [`SessionId`].
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TabId(String);

/// A text is not an id.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an id has 1 to 40 letters and digits, nothing else")]
pub struct BadId;

/// Id of a download of a session. Same alphabet as [`SessionId`].
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct DownloadId(String);

/// Id of a file that was uploaded to a session. Same alphabet as [`SessionId`].
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct UploadId(String);

macro_rules! id {
    ($name:ident) => {
        impl $name {
            /// The id's text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = BadId;
            fn try_from(text: String) -> Result<Self, BadId> {
                let fits = (1..=40).contains(&text.len())
                    && text.bytes().all(|byte| byte.is_ascii_alphanumeric());
                if fits { Ok($name(text)) } else { Err(BadId) }
            }
        }

        impl std::str::FromStr for $name {
            type Err = BadId;
            fn from_str(text: &str) -> Result<Self, BadId> {
                text.to_owned().try_into()
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> String {
                id.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

id!(SessionId);
id!(ViewerId);
id!(TabId);
id!(DownloadId);
id!(UploadId);

/// State of a session's Chrome.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Phase {
    /// Chrome has been started and has not drawn yet.
    Starting,
    /// Chrome is shown.
    Running,
    /// Chrome has exited; the session and its URL remain, and `restart` starts it again.
    Stopped {
        /// A sentence for the viewer.
        reason: String,
    },
    /// The session has ended.
    Ended {
        /// A sentence for the viewer.
        reason: String,
    },
}

/// One tab: a page target of Chrome.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tab {
    /// Its target's id.
    pub id: TabId,
    /// `document.title`, or the URL of a page without one.
    pub title: String,
    /// As Chrome reports it.
    pub url: String,
    /// Whether its main frame is loading.
    pub loading: bool,
    /// Whether `back` leads anywhere.
    pub can_go_back: bool,
    /// Whether `forward` leads anywhere.
    pub can_go_forward: bool,
    /// What is wrong with this page, if anything; the viewer can reload or close it.
    pub trouble: Option<Trouble>,
    /// It was opened as a new tab and shows nothing yet: viewers show their start page instead.
    pub is_new: bool,
    /// Names its icon, which [`ServerMessage::Icon`](crate::message::ServerMessage::Icon) brings.
    pub icon: Option<String>,
    /// It plays something that can be heard.
    pub audible: bool,
    /// Chrome's zoom, in percent.
    pub zoom: u16,
    /// The page, or an element of it, asked for the full screen and has it.
    pub fullscreen: bool,
    /// Something was entered there that would be lost with the page.
    pub has_unsaved_input: bool,
    /// How it reached the browser.
    pub security: Security,
}

impl Tab {
    /// A page of which nothing else is known.
    pub fn new(id: TabId) -> Tab {
        Tab {
            id,
            title: String::new(),
            url: String::new(),
            loading: false,
            can_go_back: false,
            can_go_forward: false,
            trouble: None,
            is_new: false,
            icon: None,
            audible: false,
            zoom: 100,
            fullscreen: false,
            has_unsaved_input: false,
            security: Security::default(),
        }
    }
}

/// What the person pointed at when they asked for a context menu that the page did not show itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContextMenu {
    /// Where a link leads.
    pub link: Option<String>,
    /// Where a picture comes from.
    pub image: Option<String>,
    /// Text is selected.
    pub has_selection: bool,
    /// It is a text field.
    pub is_editable: bool,
}

/// A page that the session has shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecentPage {
    /// Its title, or its URL.
    pub title: String,
    /// Where it is.
    pub url: String,
}

/// What is wrong with a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Trouble {
    /// Its renderer process crashed; `reload` starts another.
    Crashed,
    /// Its main thread has been busy for some seconds; it can be reloaded or closed.
    Unresponsive,
}

/// An `alert`, `confirm`, `prompt` or `beforeunload` of the active tab, waiting for an answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dialog {
    /// The tab that it blocks.
    pub tab: TabId,
    /// Which function or event opened it.
    pub kind: DialogKind,
    /// The page's own text; to be shown as text, never as markup.
    pub message: String,
    /// What a `prompt` suggests.
    pub default_text: String,
    /// The page's document has shown one before: the person may want no more of them.
    pub is_repeated: bool,
}

/// CDP `Page.DialogType`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum DialogKind {
    /// `window.alert`: it can only be closed.
    Alert,
    /// `window.confirm`
    Confirm,
    /// `window.prompt`: the answer has a text.
    Prompt,
    /// `beforeunload`: whether to leave the page.
    BeforeUnload,
}

/// A server or a proxy asks who the person is, before it gives the active tab a page (RFC 9110, section 11).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuthChallenge {
    /// Tells it from others.
    pub number: u32,
    /// Who asks: scheme, host, port.
    pub origin: String,
    /// What for, in words of whoever asks; to be shown as text, never as markup.
    pub realm: String,
    /// It is the proxy on the way that asks.
    pub is_proxy: bool,
    /// What was given before was not accepted.
    pub is_repeated: bool,
}

/// The answer to an [`AuthChallenge`].
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Credentials {
    /// May be empty.
    pub username: String,
    /// May be empty.
    pub password: String,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.write_str("Credentials(…)")
    }
}

/// What a viewer shows around the video.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionState {
    /// Grows with every change, never repeats within a session.
    pub version: u64,
    /// State of its Chrome.
    pub phase: Phase,
    /// Of the newest picture: what viewers fit it to, and what their pointers' places are told in.
    pub geometry: Geometry,
    /// The page keeps its size, whatever windows viewers have.
    pub has_fixed_size: bool,
    /// In the order of the strip.
    pub tabs: Vec<Tab>,
    /// The tab in front.
    pub active: Option<TabId>,
    /// Of the active tab.
    pub dialog: Option<Dialog>,
    /// Of the active tab.
    pub auth_challenge: Option<AuthChallenge>,
    /// The latest message to the viewers, such as that a download was refused.
    pub notice: Option<String>,
    /// The pointer's present shape.
    pub cursor: Cursor,
    /// How many watch.
    pub viewers: u32,
    /// Pages that were shown, the latest first, each once.
    pub recent: Vec<RecentPage>,
    /// Files that pages gave to the person, the latest last.
    pub downloads: Vec<Download>,
}

impl SessionState {
    /// Of a session whose Chrome is being started.
    pub fn starting(geometry: Geometry, has_fixed_size: bool) -> SessionState {
        SessionState {
            version: 1,
            phase: Phase::Starting,
            geometry,
            has_fixed_size,
            tabs: Vec::new(),
            active: None,
            dialog: None,
            auth_challenge: None,
            notice: None,
            cursor: Cursor::default(),
            viewers: 0,
            recent: Vec::new(),
            downloads: Vec::new(),
        }
    }

    /// The tab in front.
    pub fn active_tab(&self) -> Option<&Tab> {
        let active = self.active.as_ref()?;
        self.tabs.iter().find(|tab| tab.id == *active)
    }
}

/// A text field of the page that has the focus.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TextField {
    /// Where text goes, in pixels of the video: left, top, width, height.
    pub caret: Option<[i32; 4]>,
    /// The HTML `inputmode` that fits: `text`, `numeric`, `decimal`, `tel`, `url`, `email`, `search` or `none`.
    pub input_mode: String,
    /// The HTML `enterkeyhint`; empty where the page names none.
    pub enter_key_hint: String,
    /// A password or the like.
    pub secret: bool,
    /// Several lines of text.
    pub multiline: bool,
    /// What stands around the caret; never told of a secret field.
    pub surrounding: Option<SurroundingText>,
}

/// Text around the caret of a field.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SurroundingText {
    /// At most some thousand bytes of the field's text.
    pub text: String,
    /// The caret, in bytes of that text.
    pub caret: u32,
    /// Where the selection begins that ends at the caret; the caret itself if nothing is selected.
    pub anchor: u32,
}

/// The pointer's shape, drawn by the viewer's own browser.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Cursor {
    /// A CSS `cursor` keyword such as `text` or `ew-resize`; `none` hides it. Lower-case letters and `-` only.
    Named(String),
    /// The page's own image.
    Image {
        /// In pixels.
        width: u16,
        /// In pixels.
        height: u16,
        /// Where it points, in pixels from its left.
        hotspot_x: u16,
        /// Where it points, in pixels from its top.
        hotspot_y: u16,
        /// Straight (not premultiplied) RGBA, row by row, `width * height * 4` bytes.
        rgba: Vec<u8>,
    },
}

impl Default for Cursor {
    fn default() -> Self {
        Cursor::Named("default".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_letters_and_digits_only() {
        for bad in ["", "../etc", "a b", "é", &"x".repeat(41)] {
            assert_eq!(bad.parse::<SessionId>(), Err(BadId), "{bad:?}");
        }
        assert_eq!(
            "a1b2".parse::<SessionId>().map(|id| id.to_string()),
            Ok("a1b2".to_owned())
        );
        assert!(serde_json::from_str::<SessionId>(r#""../x""#).is_err());
    }
}
