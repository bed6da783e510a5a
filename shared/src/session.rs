//! What a session is, seen from outside: its id, its phase, its tabs.

use serde::{Deserialize, Serialize};

use crate::geometry::Geometry;

/// Names one session; unguessable, because it stands in a URL. 1 to 40 characters of `[a-z0-9]`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SessionId(String);

/// Names one viewer of a session; chosen by the server when the viewer joins. Same alphabet as [`SessionId`].
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ViewerId(String);

/// Names one page target of Chrome (CDP `TargetID`). Same alphabet, upper case allowed.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct TabId(String);

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an id has 1 to 40 letters and digits, nothing else")]
pub struct BadId;

macro_rules! id {
    ($name:ident) => {
        impl $name {
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

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

id!(SessionId);
id!(ViewerId);
id!(TabId);

/// Where a session is in its life.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Phase {
    /// Chrome has been started and has not drawn yet.
    Starting,
    Running,
    /// Chrome is gone; the session and its URL remain, and `restart` starts it again.
    Stopped {
        /// A sentence for the viewer.
        reason: String,
    },
    /// Over for good.
    Ended {
        /// A sentence for the viewer.
        reason: String,
    },
}

/// One page target.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tab {
    pub id: TabId,
    pub title: String,
    /// The real URL, as Chrome reports it.
    pub url: String,
    pub loading: bool,
    pub can_go_back: bool,
    pub can_go_forward: bool,
    /// Something is wrong with this page, and the viewer can act on it.
    pub trouble: Option<Trouble>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Trouble {
    /// Its renderer died ("Aw, Snap!"); reload brings it back.
    Crashed,
    /// It has not answered for some seconds; it can be reloaded or closed.
    Unresponsive,
}

/// An `alert`, `confirm`, `prompt` or `beforeunload` of the active tab, waiting for an answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dialog {
    pub tab: TabId,
    pub kind: DialogKind,
    /// The page's own words; show them as text, never as markup.
    pub message: String,
    pub default_text: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum DialogKind {
    Alert,
    Confirm,
    Prompt,
    BeforeUnload,
}

/// All that a viewer shows around the picture.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionState {
    /// Grows with every change, never repeats within a session.
    pub version: u64,
    pub phase: Phase,
    /// Of the newest picture: what viewers fit it to, and what their pointers' places are told in.
    pub geometry: Geometry,
    pub tabs: Vec<Tab>,
    pub active: Option<TabId>,
    pub dialog: Option<Dialog>,
    /// The latest thing worth telling, e.g. "The page asked for a file: uploads are not supported yet."
    pub notice: Option<String>,
    pub cursor: Cursor,
    pub viewers: u32,
}

impl SessionState {
    pub fn active_tab(&self) -> Option<&Tab> {
        let active = self.active.as_ref()?;
        self.tabs.iter().find(|tab| tab.id == *active)
    }
}

/// The pointer's shape, drawn by the viewer's own browser.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Cursor {
    /// A CSS `cursor` keyword such as `text` or `ew-resize`; `none` hides it. Lower-case letters and `-` only.
    Named(String),
    /// The page's own picture.
    Image {
        width: u16,
        height: u16,
        hotspot_x: u16,
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
