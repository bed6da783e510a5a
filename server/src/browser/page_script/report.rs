//! Pure: what the script reports, as JSON → what it means. A page cannot call the script's binding, but it chooses the texts.

use serde::Deserialize;
use shared::message::MOST_TEXT_FIELDS;
use shared::session::ContextMenu;

/// The longest report holds a picture's `data:` URL.
const MAX_REPORT: usize = 80_000;

/// Chrome's zoom levels, in percent.
const ZOOM_LEVELS: [u16; 17] = [
    25, 33, 50, 67, 75, 80, 90, 100, 110, 125, 150, 175, 200, 250, 300, 400, 500,
];

/// What the values of `inputmode` and `enterkeyhint` may be.
const INPUT_MODES: [&str; 8] = [
    "none", "text", "decimal", "numeric", "tel", "search", "email", "url",
];
const ENTER_KEY_HINTS: [&str; 7] = ["enter", "done", "go", "next", "previous", "search", "send"];

/// One report of one frame.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PageReport {
    /// Where the page's icon is, an `http`, `https` or `data` URL.
    Icon(Option<String>),
    /// Whether something of the frame can be heard.
    Audible(bool),
    /// Chrome's zoom, in percent.
    Zoom(u16),
    /// Whether the page has the full screen.
    Fullscreen(bool),
    /// Whether something was entered that would be lost with the page.
    Unsaved(bool),
    /// The text field of the frame that has the focus.
    Field(Option<FieldHint>),
    /// Where the page shows text fields, in pixels of the video: left, top, width, height.
    TextFields(Vec<[i32; 4]>),
    /// A context menu is wanted.
    Menu(ContextMenu),
    /// Ctrl+F was pressed.
    Find(bool),
    /// Ctrl+P was pressed, or the page wants to be printed.
    Print(PrintRequest),
    /// Ctrl+S was pressed.
    Save(bool),
    /// A link was clicked that Chrome does not show: `mailto:` and others.
    Link(String),
}

/// Who wants what to be printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub struct PrintRequest {
    /// A person, who has just done something on the page, and not the page by itself.
    pub by_person: bool,
    /// A frame of the page, whose document the script has kept.
    pub of_frame: bool,
}

/// How a text field of a page wants an on-screen keyboard.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct FieldHint {
    /// `inputmode`; empty where the page names none.
    pub input_mode: String,
    /// `enterkeyhint`; empty where the page names none.
    pub enter_key_hint: String,
    /// It takes several lines.
    pub multiline: bool,
}

/// `None` for what the script never says.
pub fn decode(text: &str) -> Option<PageReport> {
    if text.len() > MAX_REPORT {
        return None;
    }
    Some(match serde_json::from_str(text).ok()? {
        PageReport::Zoom(percent) => PageReport::Zoom(nearest_zoom(percent)),
        PageReport::Field(Some(hint)) => PageReport::Field(Some(FieldHint {
            input_mode: known(hint.input_mode, &INPUT_MODES),
            enter_key_hint: known(hint.enter_key_hint, &ENTER_KEY_HINTS),
            ..hint
        })),
        PageReport::TextFields(mut fields) => {
            fields.truncate(MOST_TEXT_FIELDS);
            PageReport::TextFields(fields)
        }
        other => other,
    })
}

/// Both widths that the zoom is computed of are rounded.
fn nearest_zoom(percent: u16) -> u16 {
    let nearest = ZOOM_LEVELS
        .iter()
        .min_by_key(|level| level.abs_diff(percent));
    nearest.copied().unwrap_or(100)
}

fn known(value: String, values: &[&str]) -> String {
    match values.contains(&value.as_str()) {
        true => value,
        false => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_report_is_read() {
        assert_eq!(
            decode(r#"{"audible":true}"#),
            Some(PageReport::Audible(true))
        );
        assert_eq!(decode(r#"{"icon":null}"#), Some(PageReport::Icon(None)));
        assert_eq!(decode(r#"{"field":null}"#), Some(PageReport::Field(None)));
        let fields = PageReport::TextFields(vec![[1, -2, 3, 4]]);
        assert_eq!(decode(r#"{"text_fields":[[1,-2,3,4]]}"#), Some(fields));
        let print = PageReport::Print(PrintRequest {
            by_person: true,
            of_frame: false,
        });
        assert_eq!(
            decode(r#"{"print":{"by_person":true,"of_frame":false}}"#),
            Some(print)
        );
        let menu = r#"{"menu":{"link":"https://x/","image":null,"has_selection":true,"is_editable":false}}"#;
        let expected = ContextMenu {
            link: Some("https://x/".to_owned()),
            has_selection: true,
            ..ContextMenu::default()
        };
        assert_eq!(decode(menu), Some(PageReport::Menu(expected)));
    }

    #[test]
    fn the_zoom_is_one_of_chrome_s() {
        let zoom = |percent: u16| decode(&format!(r#"{{"zoom":{percent}}}"#));
        assert_eq!(zoom(109), Some(PageReport::Zoom(110)));
        assert_eq!(zoom(149), Some(PageReport::Zoom(150)));
        assert_eq!(zoom(0), Some(PageReport::Zoom(25)));
        assert_eq!(zoom(60_000), Some(PageReport::Zoom(500)));
    }

    #[test]
    fn an_on_screen_keyboard_is_told_nothing_that_it_does_not_know() {
        let field =
            r#"{"field":{"input_mode":"\"><script>","enter_key_hint":"go","multiline":false}}"#;
        let hint = FieldHint {
            enter_key_hint: "go".to_owned(),
            ..FieldHint::default()
        };
        assert_eq!(decode(field), Some(PageReport::Field(Some(hint))));
    }

    #[test]
    fn of_text_fields_without_end_some_are_known() {
        let many = vec![[0, 0, 1, 1]; MOST_TEXT_FIELDS + 1];
        let text = serde_json::json!({ "text_fields": many }).to_string();
        let known = PageReport::TextFields(vec![[0, 0, 1, 1]; MOST_TEXT_FIELDS]);
        assert_eq!(decode(&text), Some(known));
    }

    #[test]
    fn what_is_no_report_is_none() {
        for text in [
            "",
            "{}",
            "null",
            r#"{"audible":1}"#,
            r#"{"other":true}"#,
            "\u{0}",
        ] {
            assert_eq!(decode(text), None, "{text:?}");
        }
        let long = format!(r#"{{"icon":"https://x/{}"}}"#, "y".repeat(MAX_REPORT));
        assert_eq!(decode(&long), None);
    }
}
