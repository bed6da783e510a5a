//! Files that pass between the person's computer and the remote Chrome.

use serde::{Deserialize, Serialize};

use crate::session::DownloadId;

/// Where a download is, with `session`, `download` and, if one asks, `viewer`.
pub const DOWNLOAD: &str = "/api/download";

/// Where the active page is as PDF, with `session` and, if one asks, `viewer`.
pub const PRINT: &str = "/api/print";

/// Where the active page is as MHTML, likewise.
pub const SAVE_PAGE: &str = "/api/save_page";

/// Where a file is sent, with `session`, `chooser`, `path` (its place in the folder that is sent, or its name) and, if one sends,
/// `viewer`.
pub const UPLOAD: &str = "/api/upload";

/// In bytes of UTF-8, of one name: what file systems take, and some room for what they add.
const MAX_NAME: usize = 200;

/// A file that a page gave to the person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Download {
    /// Its name on the wire.
    pub id: DownloadId,
    /// The file's name: no path, and nothing that misleads.
    pub name: String,
    /// Bytes that Chrome has.
    pub received: u64,
    /// Bytes that there will be, if the server of the page says so.
    pub total: Option<u64>,
    /// How far it is.
    pub state: DownloadState,
}

/// How far a download is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum DownloadState {
    /// Chrome is getting it.
    InProgress,
    /// All of it is there, to be handed over.
    Finished,
    /// It was handed over whole.
    Delivered,
    /// It will not come.
    Failed {
        /// A sentence for the person.
        reason: String,
    },
}

impl DownloadState {
    /// Whether it can be handed over.
    pub fn is_there(&self) -> bool {
        matches!(self, DownloadState::Finished | DownloadState::Delivered)
    }
}

/// A page asks for files: `<input type="file">`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileChooser {
    /// Tells it from the others of its session; what is uploaded names it.
    pub number: u32,
    /// More than one file.
    pub multiple: bool,
    /// A folder, with all that is in it.
    pub directory: bool,
    /// As in `HTMLInputElement.accept`.
    pub accept: String,
}

/// Answer to files that are dropped or pasted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dropped {
    /// What is uploaded names it, as it names [`FileChooser::number`].
    pub chooser: u32,
}

/// Answer to files that are dragged over the page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dragged {
    /// The page would take them there.
    pub accepts: bool,
}

/// Files in one drag that the page is told of.
pub const MOST_DRAGGED: usize = 100;

/// Result of an upload.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Uploaded {
    /// Named when the page is given its files.
    pub upload: crate::session::UploadId,
}

/// What a site suggests as a file's name → one that is a name and nothing else, on any system, and reads as what it is.
pub fn safe_name(suggested: &str) -> String {
    let last = suggested.rsplit(['/', '\\']).next().unwrap_or_default();
    let is_seen = |char: &char| !char.is_control() && !is_format(*char);
    let replaced = last.chars().filter(is_seen).map(|char| match char {
        '<' | '>' | ':' | '"' | '|' | '?' | '*' => '_',
        other => other,
    });
    let name: String = replaced.collect();
    // A name that begins with a dot is hidden, and Windows drops dots and blanks at the end.
    let is_edge = |char: char| char == '.' || char.is_whitespace();
    let name = name.trim_matches(is_edge);
    let name = match name.split('.').next() {
        Some(stem) if is_device(stem.trim_end()) => format!("_{name}"),
        Some("") | None => "download".to_owned(),
        Some(_) => name.to_owned(),
    };
    shortened(name).trim_end_matches(is_edge).to_owned()
}

/// A path such as `folder/sub/file.txt` → its parts, each a safe name; `None` for one without any, or with too many.
pub fn safe_path(path: &str) -> Option<Vec<String>> {
    const MOST_PARTS: usize = 32;
    let parts = path.split('/').filter(|part| !part.is_empty());
    let parts: Vec<String> = parts.map(safe_name).collect();
    (1..=MOST_PARTS).contains(&parts.len()).then_some(parts)
}

/// Characters that are not seen and change how others are: marks of direction, joiners, the byte order mark.
fn is_format(char: char) -> bool {
    matches!(char,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}')
}

/// What Windows takes for a device, whatever follows the dot.
fn is_device(stem: &str) -> bool {
    let stem = stem.to_ascii_uppercase();
    let is_numbered = |name: &str| {
        let digit = stem.strip_prefix(name);
        digit.is_some_and(|digit| matches!(digit.as_bytes(), [b'0'..=b'9']))
    };
    matches!(stem.as_str(), "CON" | "PRN" | "AUX" | "NUL")
        || is_numbered("COM")
        || is_numbered("LPT")
}

/// Keeps what follows the last dot, by which systems know what a file is.
fn shortened(name: String) -> String {
    if name.len() <= MAX_NAME {
        return name;
    }
    let (stem, extension) = match name.rsplit_once('.') {
        Some((stem, extension)) if extension.len() <= 16 => (stem, format!(".{extension}")),
        _ => (name.as_str(), String::new()),
    };
    let mut end = MAX_NAME - extension.len();
    while !stem.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}{extension}", &stem[..end])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_ordinary_name_stays_as_it_is() {
        for name in [
            "report.pdf",
            "Über uns (2).tar.gz",
            "日本語.txt",
            "a b'c.txt",
            "no extension",
        ] {
            assert_eq!(safe_name(name), name);
        }
    }

    #[test]
    fn a_path_is_no_name() {
        assert_eq!(safe_name("../../etc/passwd"), "passwd");
        assert_eq!(safe_name(r"..\..\Windows\x.dll"), "x.dll");
        assert_eq!(safe_name(".bashrc"), "bashrc");
        for nothing in ["", ".", "..", "/", "a/", " . ", "\u{202e}"] {
            assert_eq!(safe_name(nothing), "download", "{nothing:?}");
        }
    }

    #[test]
    fn a_name_does_not_mislead() {
        assert_eq!(
            safe_name("exe.\u{202e}fdp"),
            "exe.fdp",
            "written from right to left"
        );
        assert_eq!(safe_name("a\r\nSet-Cookie: x.txt"), "aSet-Cookie_ x.txt");
        assert_eq!(safe_name("a\0.txt"), "a.txt");
    }

    #[test]
    fn a_device_of_windows_is_a_file() {
        for (device, name) in [
            ("CON", "_CON"),
            ("con.txt", "_con.txt"),
            ("LPT1", "_LPT1"),
            ("com9.tar.gz", "_com9.tar.gz"),
        ] {
            assert_eq!(safe_name(device), name);
        }
        assert_eq!(safe_name("console.log"), "console.log");
        assert_eq!(safe_name("COM10"), "COM10");
    }

    #[test]
    fn a_long_name_keeps_its_extension() {
        let name = safe_name(&format!("{}.pdf", "é".repeat(4000)));
        assert!(name.len() <= MAX_NAME && name.ends_with("é.pdf"), "{name}");
        let name = safe_name(&format!("a.{}", "x".repeat(4000)));
        assert_eq!(name.len(), MAX_NAME);
    }

    #[test]
    fn a_path_has_parts() {
        let parts = |path: &str| safe_path(path).map(|parts| parts.join("|"));
        assert_eq!(
            parts("photos/2026/a.jpg").as_deref(),
            Some("photos|2026|a.jpg")
        );
        assert_eq!(parts("/../x").as_deref(), Some("download|x"));
        assert_eq!(parts(""), None);
        assert_eq!(parts(&"a/".repeat(100)), None);
    }

    proptest! {
        #[test]
        fn whatever_is_suggested_is_one_short_name(suggested in any::<String>()) {
            let name = safe_name(&suggested);
            prop_assert!(!name.is_empty() && name.len() <= MAX_NAME);
            prop_assert!(!name.contains(['/', '\\', '\0', '\n', '\r', '"']));
            prop_assert!(!name.starts_with('.'));
            prop_assert_eq!(safe_name(&name), name.clone(), "it is safe already");
        }
    }
}
