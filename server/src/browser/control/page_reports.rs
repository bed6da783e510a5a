//! Pure: what our own script in a page's frames has said → what is known of the page.

use std::collections::BTreeSet;
use std::sync::Arc;

use shared::session::Tab;

use crate::browser::page_script::FieldHint;

/// Frames of one document that get our script; a page can make them without end.
const MAX_FRAMES: usize = 64;

/// A frame's document: which of a page's CDP sessions it belongs to, and its execution context there.
pub type Frame = (u32, i64);

/// Of one page, since its main frame shows its document.
#[derive(Debug, Default)]
pub struct PageReports {
    frames: usize,
    /// Where its icon is, if it was told.
    icon_url: Option<String>,
    icon: Option<Icon>,
    audible: BTreeSet<Frame>,
    zoom: Option<u16>,
    is_fullscreen: bool,
    unsaved: BTreeSet<Frame>,
    field: Option<(Frame, FieldHint)>,
    text_fields: Vec<[i32; 4]>,
    has_printed: bool,
    /// The frame that was printed last, and the number that it has for that.
    printed: Option<(u32, Frame)>,
}

/// A page's icon, ready to be shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Icon {
    /// The same for the same picture.
    pub id: String,
    /// 32 × 32 pixels.
    pub png: Arc<[u8]>,
}

impl Icon {
    fn new(png: Vec<u8>) -> Icon {
        use std::hash::{DefaultHasher, Hash, Hasher};
        let mut hasher = DefaultHasher::new();
        png.hash(&mut hasher);
        Icon {
            id: format!("{:016x}", hasher.finish()),
            png: png.into(),
        }
    }
}

impl PageReports {
    /// The main frame shows another document. Its icon stays until the new one's is known: most pages of a site share it.
    pub fn on_navigated(&mut self) {
        *self = PageReports {
            frames: 0,
            icon: self.icon.take(),
            icon_url: self.icon_url.take(),
            zoom: self.zoom,
            ..PageReports::default()
        };
    }

    /// One more frame shows a document. Says whether our script is to run in it.
    pub fn on_frame(&mut self) -> bool {
        self.frames += 1;
        self.frames <= MAX_FRAMES
    }

    /// Says whether the icon is to be loaded.
    pub fn set_icon_url(&mut self, url: Option<String>) -> bool {
        if url.is_none() {
            self.icon = None;
        }
        let is_news = url.is_some() && (url != self.icon_url || self.icon.is_none());
        self.icon_url = url;
        is_news
    }

    /// What was at that URL.
    pub fn set_icon(&mut self, url: &str, png: Option<Vec<u8>>) {
        if self.icon_url.as_deref() == Some(url) {
            self.icon = png.map(Icon::new);
        }
    }

    pub fn set_audible(&mut self, frame: Frame, is_audible: bool) {
        set(&mut self.audible, frame, is_audible);
    }

    /// In percent.
    pub fn set_zoom(&mut self, zoom: u16) {
        self.zoom = Some(zoom);
    }

    pub fn set_fullscreen(&mut self, is_fullscreen: bool) {
        self.is_fullscreen = is_fullscreen;
    }

    pub fn set_unsaved(&mut self, frame: Frame, is_unsaved: bool) {
        set(&mut self.unsaved, frame, is_unsaved);
    }

    /// Frames tell of their own focus: what one has lost another may have got already.
    pub fn set_field(&mut self, frame: Frame, field: Option<FieldHint>) {
        match field {
            Some(hint) => self.field = Some((frame, hint)),
            None => _ = self.field.take_if(|(of, _)| *of == frame),
        }
    }

    /// Where the main frame shows text fields, in pixels of the video: left, top, width, height.
    pub fn set_text_fields(&mut self, fields: Vec<[i32; 4]>) {
        self.text_fields = fields;
    }

    /// The page wants to be printed, or a frame of it that has got a number. Says whether it may: once by itself, then for a
    /// person, whatever frames it makes.
    pub fn print(&mut self, by_person: bool, frame: Option<(u32, Frame)>) -> bool {
        let may = by_person || !self.has_printed;
        self.has_printed = true;
        if may {
            self.printed = frame;
        }
        may
    }

    /// The frame that is to be printed, and its number.
    pub fn printed(&self) -> Option<(u32, Frame)> {
        self.printed
    }

    /// As it was told last.
    pub fn text_fields(&self) -> &[[i32; 4]] {
        &self.text_fields
    }

    /// The page's icon, if it has one.
    pub fn icon(&self) -> Option<&Icon> {
        self.icon.as_ref()
    }

    /// The text field that has the focus.
    pub fn field(&self) -> Option<&FieldHint> {
        self.field.as_ref().map(|(_, hint)| hint)
    }

    /// As viewers see it.
    pub fn show_in(&self, tab: &mut Tab) {
        tab.icon = self.icon.as_ref().map(|icon| icon.id.clone());
        tab.audible = !self.audible.is_empty();
        tab.zoom = self.zoom.unwrap_or(100);
        tab.fullscreen = self.is_fullscreen;
        tab.has_unsaved_input = !self.unsaved.is_empty();
    }
}

fn set(frames: &mut BTreeSet<Frame>, frame: Frame, is: bool) {
    match is {
        true => _ = frames.insert(frame),
        false => _ = frames.remove(&frame),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(reports: &PageReports) -> Tab {
        let mut tab = Tab::new("a".parse().unwrap());
        reports.show_in(&mut tab);
        tab
    }

    #[test]
    fn a_page_is_heard_while_any_of_its_frames_is() {
        let mut reports = PageReports::default();
        reports.set_audible((0, 1), true);
        reports.set_audible((0, 2), true);
        reports.set_audible((0, 1), false);
        assert!(shown(&reports).audible);
        reports.set_audible((0, 2), false);
        assert!(!shown(&reports).audible);
    }

    #[test]
    fn the_focus_goes_from_frame_to_frame_in_any_order() {
        let mut reports = PageReports::default();
        let hint = |mode: &str| FieldHint {
            input_mode: mode.to_owned(),
            ..FieldHint::default()
        };
        reports.set_field((0, 1), Some(hint("tel")));
        reports.set_field((0, 2), Some(hint("url")));
        reports.set_field((0, 1), None);
        assert_eq!(reports.field(), Some(&hint("url")));
        reports.set_field((0, 2), None);
        assert_eq!(reports.field(), None);
    }

    #[test]
    fn the_icon_of_a_site_stays_from_page_to_page() {
        let mut reports = PageReports::default();
        let url = || Some("https://x/i.png".to_owned());
        assert!(reports.set_icon_url(url()));
        reports.set_icon("https://x/other.png", Some(vec![0]));
        assert_eq!(reports.icon(), None, "another one was asked for since");
        reports.set_icon("https://x/i.png", Some(vec![1]));
        let icon = shown(&reports).icon;
        assert!(icon.is_some());
        reports.on_navigated();
        assert_eq!(shown(&reports).icon, icon);
        assert!(!reports.set_icon_url(url()), "it is there");
        assert!(!reports.set_icon_url(None));
        assert_eq!(shown(&reports).icon, None);
    }

    #[test]
    fn another_document_is_neither_heard_nor_full_nor_unsaved() {
        let mut reports = PageReports::default();
        reports.set_audible((0, 1), true);
        reports.set_unsaved((0, 1), true);
        reports.set_fullscreen(true);
        reports.set_zoom(150);
        reports.on_navigated();
        let tab = shown(&reports);
        assert!(!tab.audible && !tab.has_unsaved_input && !tab.fullscreen);
        assert_eq!(tab.zoom, 150, "Chrome keeps it for the site");
    }

    #[test]
    fn a_page_is_printed_once_by_itself_however_many_frames_it_makes() {
        let mut reports = PageReports::default();
        let first = Some((1, (0, 1)));
        assert!(reports.print(false, first));
        let more = (2..100).filter(|number| reports.print(false, Some((*number, (0, 2)))));
        assert_eq!(more.count(), 0);
        assert_eq!(reports.printed(), first);
        assert!(reports.print(true, None), "a person may");
        assert_eq!(reports.printed(), None, "the page, not a frame of it");
        reports.on_navigated();
        assert!(reports.print(false, None), "another document");
    }

    #[test]
    fn a_page_with_frames_without_end_has_our_script_in_some() {
        let mut reports = PageReports::default();
        let installed = (0..1000).filter(|_| reports.on_frame()).count();
        assert_eq!(installed, MAX_FRAMES);
    }
}
