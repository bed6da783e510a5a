//! Pure: what Chrome reports about its pages → the tab strip.

use shared::session::{Dialog, Tab, TabId, Trouble};
use shared::site::Security;

use super::page_reports::{Icon, PageReports};
use crate::browser::cdp::TargetSession;

/// The pages of one Chrome, in the order of the strip, and which of them is in front.
#[derive(Debug, Default)]
pub struct Tabs {
    pages: Vec<PageTarget>,
    active: Option<TabId>,
    opened: u64,
}

/// What a document has asked so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Dialogs {
    count: u32,
    /// The person wants no more of them.
    pub is_silenced: bool,
}

/// One page target, with what is needed to control it.
#[derive(Debug)]
pub struct PageTarget {
    /// As viewers see it.
    pub tab: Tab,
    /// Where commands to it go.
    pub session: TargetSession,
    /// The open one, which blocks the page.
    pub dialog: Option<Dialog>,
    /// Those of this document.
    pub dialogs: Dialogs,
    /// Ids of `Page.NavigationEntry`, and which one is shown.
    history: Vec<i64>,
    current: usize,
    /// It has navigated nowhere yet: it shows `about:blank`.
    initial: bool,
    /// Another page opened it, and may write into its `about:blank`.
    has_opener: bool,
    /// Grows with every page.
    opened: u64,
    /// What our own script in its frames has said.
    pub reports: PageReports,
}

impl Tabs {
    /// Whether no page is open.
    pub fn is_empty(&self) -> bool {
        self.pages.is_empty()
    }

    /// A page was opened. It comes to the front: whoever opened it wants to see it.
    pub fn attach(
        &mut self,
        id: TabId,
        session: TargetSession,
        title: &str,
        url: &str,
        has_opener: bool,
    ) {
        match self.page_mut(&id) {
            // Attached again, for example after its renderer was swapped.
            Some(page) => page.session = session,
            None => {
                self.opened += 1;
                self.pages.push(PageTarget {
                    tab: Tab::new(id.clone()),
                    session,
                    dialog: None,
                    dialogs: Dialogs::default(),
                    history: Vec::new(),
                    current: 0,
                    initial: url == "about:blank",
                    has_opener,
                    opened: self.opened,
                    reports: PageReports::default(),
                });
                self.set_title_and_url(&id, title, url);
                self.active = Some(id);
            }
        }
    }

    /// Both as Chrome reports them.
    pub fn set_title_and_url(&mut self, id: &TabId, title: &str, url: &str) {
        if let Some(page) = self.page_mut(id) {
            // Chrome's title of an untitled page is its URL. A page chooses both, so both are cut.
            page.tab.title = cut(title, 300);
            page.tab.url = cut(url, 4000);
            page.see_if_new();
        }
    }

    /// A page was closed. Gives the one that should come to the front, if that one was in front.
    pub fn detach(&mut self, id: &TabId) -> Option<TabId> {
        let place = self.pages.iter().position(|page| page.tab.id == *id)?;
        self.pages.remove(place);
        if self.active.as_ref() != Some(id) {
            return None;
        }
        let neighbour = self.pages.get(place.saturating_sub(1));
        self.active = neighbour.map(|page| page.tab.id.clone());
        self.active.clone()
    }

    /// That page gets that place, or the last one.
    pub fn move_to(&mut self, id: &TabId, place: usize) {
        if let Some(from) = self.pages.iter().position(|page| page.tab.id == *id) {
            let page = self.pages.remove(from);
            self.pages.insert(place.min(self.pages.len()), page);
        }
    }

    /// Whether that page is open, and no other.
    pub fn is_only(&self, id: &TabId) -> bool {
        matches!(self.pages.as_slice(), [only] if only.tab.id == *id)
    }

    /// Says whether that page exists.
    pub fn activate(&mut self, id: &TabId) -> bool {
        let exists = self.page(id).is_some();
        if exists {
            self.active = Some(id.clone());
        }
        exists
    }

    /// A page that loads is no longer in trouble.
    pub fn set_loading(&mut self, id: &TabId, loading: bool) {
        if let Some(page) = self.page_mut(id) {
            page.tab.loading = loading;
            page.see_if_new();
            if loading {
                page.tab.trouble = None;
            }
        }
    }

    /// A crashed page neither loads nor shows a dialog.
    pub fn set_security(&mut self, id: &TabId, security: Security) {
        if let Some(page) = self.page_mut(id) {
            page.tab.security = security;
        }
    }

    pub fn set_trouble(&mut self, id: &TabId, trouble: Option<Trouble>) {
        if let Some(page) = self.page_mut(id) {
            if trouble == Some(Trouble::Crashed) {
                page.tab.loading = false;
                page.dialog = None;
            }
            page.tab.trouble = trouble;
        }
    }

    /// `None` when it was closed.
    pub fn set_dialog(&mut self, id: &TabId, dialog: Option<Dialog>) {
        if let Some(page) = self.page_mut(id) {
            page.dialog = dialog;
        }
    }

    /// One more dialog of that page. Says whether it is not the first.
    pub fn count_dialog(&mut self, id: &TabId) -> bool {
        let Some(page) = self.page_mut(id) else {
            return false;
        };
        page.dialogs.count = page.dialogs.count.saturating_add(1);
        page.dialogs.count > 1
    }

    /// Until it shows another document, the page asks for nothing.
    pub fn silence(&mut self, id: &TabId) {
        if let Some(page) = self.page_mut(id) {
            page.dialogs.is_silenced = true;
        }
    }

    /// The page shows another document.
    pub fn forget_dialogs(&mut self, id: &TabId) {
        if let Some(page) = self.page_mut(id) {
            page.dialogs = Dialogs::default();
        }
    }

    /// The page that shows a dialog, if it is the only one.
    pub fn only_dialog(&self) -> Option<&TabId> {
        let mut pages = self.pages.iter().filter(|page| page.dialog.is_some());
        let first = pages.next()?;
        pages.next().is_none().then_some(&first.tab.id)
    }

    /// `current` is the index of the entry that is shown.
    pub fn set_history(&mut self, id: &TabId, entries: Vec<i64>, current: usize) {
        if let Some(page) = self.page_mut(id) {
            page.tab.can_go_back = current > 0;
            page.tab.can_go_forward = current + 1 < entries.len();
            page.history = entries;
            page.current = current;
        }
    }

    /// The page shows `url`. Says, once, whether the `about:blank` it began with is to be removed from its history: there
    /// is nothing to go back to, and a page that is alone in its history may close itself.
    pub fn leave_initial_page(&mut self, id: &TabId, url: &str) -> bool {
        let page = self.page_mut(id);
        page.is_some_and(|page| url != "about:blank" && std::mem::take(&mut page.initial))
    }

    /// The id of the `NavigationEntry` that is `steps` away from the active page's; -1 is back.
    pub fn history_entry(&self, steps: isize) -> Option<i64> {
        let page = self.active()?;
        let place = page.current.checked_add_signed(steps)?;
        page.history.get(place).copied()
    }

    /// The page in front.
    pub fn active(&self) -> Option<&PageTarget> {
        self.page(self.active.as_ref()?)
    }

    /// The page with that id, if it is open.
    pub fn page(&self, id: &TabId) -> Option<&PageTarget> {
        self.pages.iter().find(|page| page.tab.id == *id)
    }

    /// The page with that CDP session, if it is open.
    pub fn by_session(&self, session: &str) -> Option<&PageTarget> {
        self.pages.iter().find(|page| page.session == session)
    }

    /// Of all pages that have one, each once.
    pub fn icons(&self) -> Vec<Icon> {
        let mut icons: Vec<Icon> = Vec::new();
        for icon in self.pages.iter().filter_map(|page| page.reports.icon()) {
            if !icons.contains(icon) {
                icons.push(icon.clone());
            }
        }
        icons
    }

    /// Oldest first, whatever the order of the strip.
    pub fn by_age(&self) -> Vec<&PageTarget> {
        let mut pages: Vec<_> = self.pages.iter().collect();
        pages.sort_by_key(|page| page.opened);
        pages
    }

    /// In the order of the strip.
    pub fn iter(&self) -> impl Iterator<Item = &PageTarget> {
        self.pages.iter()
    }

    /// Its script has said something, or its document is another: the tab shows it.
    pub fn report(&mut self, id: &TabId, report: impl FnOnce(&mut PageReports)) {
        if let Some(page) = self.page_mut(id) {
            report(&mut page.reports);
            page.reports.show_in(&mut page.tab);
        }
    }

    fn page_mut(&mut self, id: &TabId) -> Option<&mut PageTarget> {
        self.pages.iter_mut().find(|page| page.tab.id == *id)
    }
}

impl PageTarget {
    fn see_if_new(&mut self) {
        self.tab.is_new =
            self.initial && !self.has_opener && !self.tab.loading && self.tab.url == "about:blank";
    }
}

fn cut(text: &str, characters: usize) -> String {
    text.chars().take(characters).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(text: &str) -> TabId {
        text.parse().unwrap()
    }

    fn three() -> Tabs {
        let mut tabs = Tabs::default();
        for name in ["a", "b", "c"] {
            tabs.attach(
                id(name),
                format!("session{name}"),
                name,
                "about:blank",
                false,
            );
        }
        tabs
    }

    fn active(tabs: &Tabs) -> Option<&str> {
        tabs.active().map(|page| page.tab.id.as_str())
    }

    #[test]
    fn a_new_page_comes_to_the_front() {
        assert_eq!(active(&three()), Some("c"));
    }

    #[test]
    fn closing_the_front_page_activates_its_neighbour() {
        let mut tabs = three();
        assert_eq!(tabs.detach(&id("c")), Some(id("b")));
        assert_eq!(tabs.detach(&id("a")), None, "a page behind changes nothing");
        assert_eq!(active(&tabs), Some("b"));
        assert_eq!(tabs.detach(&id("b")), None);
        assert!(tabs.is_empty());
    }

    #[test]
    fn a_page_is_moved_and_stays_in_front() {
        let mut tabs = three();
        tabs.move_to(&id("c"), 0);
        tabs.move_to(&id("a"), 99);
        tabs.move_to(&id("gone"), 1);
        let order: Vec<_> = tabs.iter().map(|page| page.tab.id.as_str()).collect();
        assert_eq!(order, ["c", "b", "a"]);
        assert_eq!(active(&tabs), Some("c"));
        let ages = tabs.by_age().into_iter().map(|page| page.tab.id.as_str());
        assert!(ages.eq(["a", "b", "c"]));
    }

    #[test]
    fn only_a_tab_that_nobody_can_write_into_is_new() {
        let mut tabs = three();
        let is_new = |tabs: &Tabs, name| tabs.page(&id(name)).unwrap().tab.is_new;
        assert!(is_new(&tabs, "a"));
        tabs.attach(id("d"), "sessiond".to_owned(), "", "about:blank", true);
        assert!(!is_new(&tabs, "d"), "a page opened it");
        tabs.set_loading(&id("a"), true);
        assert!(!is_new(&tabs, "a"));
        tabs.set_title_and_url(&id("a"), "", "https://x/");
        tabs.leave_initial_page(&id("a"), "https://x/");
        tabs.set_loading(&id("a"), false);
        tabs.set_title_and_url(&id("a"), "", "about:blank");
        assert!(!is_new(&tabs, "a"), "it came there itself");
    }

    #[test]
    fn history_has_the_entries_of_back_and_forward() {
        let mut tabs = three();
        tabs.set_history(&id("c"), vec![10, 11, 12], 1);
        assert_eq!(
            (tabs.history_entry(-1), tabs.history_entry(1)),
            (Some(10), Some(12))
        );
        assert_eq!(tabs.history_entry(-2), None);
        let tab = &tabs.active().unwrap().tab;
        assert!(tab.can_go_back && tab.can_go_forward);
    }

    #[test]
    fn the_initial_blank_page_is_removed_from_history_once() {
        let mut tabs = three();
        assert!(!tabs.leave_initial_page(&id("a"), "about:blank"));
        assert!(tabs.leave_initial_page(&id("a"), "https://x/"));
        assert!(!tabs.leave_initial_page(&id("a"), "https://y/"));
    }

    #[test]
    fn a_page_that_loads_again_is_no_longer_in_trouble() {
        let mut tabs = three();
        tabs.set_trouble(&id("c"), Some(Trouble::Crashed));
        tabs.set_loading(&id("c"), true);
        assert_eq!(tabs.active().unwrap().tab.trouble, None);
    }

    #[test]
    fn a_huge_title_is_cut() {
        let mut tabs = three();
        tabs.set_title_and_url(&id("a"), &"é".repeat(100_000), "https://x/");
        assert_eq!(tabs.page(&id("a")).unwrap().tab.title.chars().count(), 300);
    }
}
