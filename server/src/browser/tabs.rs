//! Pure: what Chrome reports about its pages → the tab strip.

use shared::session::{Dialog, Tab, TabId, Trouble};

use super::cdp::TargetSession;

/// The pages of one Chrome, oldest first, and which of them is in front.
#[derive(Debug, Default)]
pub struct Tabs {
    pages: Vec<PageTab>,
    active: Option<TabId>,
}

/// One page target with what is needed to control it.
#[derive(Debug)]
pub struct PageTab {
    pub tab: Tab,
    pub session: TargetSession,
    pub dialog: Option<Dialog>,
    /// Ids of `Page.NavigationEntry`, and which one is shown.
    history: Vec<i64>,
    current: usize,
    /// It shows the blank page it began with.
    blank: bool,
}

impl Tabs {
    pub fn is_empty(&self) -> bool {
        self.pages.is_empty()
    }

    /// A page appeared. It comes to the front: a person who opened it wants to see it.
    pub fn attach(&mut self, id: TabId, session: TargetSession, title: &str, url: &str) {
        match self.page_mut(&id) {
            // Attached anew, for example after its renderer was swapped.
            Some(page) => page.session = session,
            None => {
                self.pages.push(PageTab {
                    tab: Tab {
                        id: id.clone(),
                        title: String::new(),
                        url: String::new(),
                        loading: false,
                        can_go_back: false,
                        can_go_forward: false,
                        trouble: None,
                    },
                    session,
                    dialog: None,
                    history: Vec::new(),
                    current: 0,
                    blank: url == "about:blank",
                });
                self.rename(&id, title, url);
                self.active = Some(id);
            }
        }
    }

    pub fn rename(&mut self, id: &TabId, title: &str, url: &str) {
        if let Some(page) = self.page_mut(id) {
            // Chrome calls an untitled page by its address; both are the page's to choose, so both are cut.
            page.tab.title = cut(title, 300);
            page.tab.url = cut(url, 4000);
        }
    }

    /// A page went. Gives the one that should come to the front, if that one was in front.
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

    /// Says whether that page exists.
    pub fn activate(&mut self, id: &TabId) -> bool {
        let exists = self.page(id).is_some();
        if exists {
            self.active = Some(id.clone());
        }
        exists
    }

    pub fn set_loading(&mut self, id: &TabId, loading: bool) {
        if let Some(page) = self.page_mut(id) {
            page.tab.loading = loading;
            if loading {
                page.tab.trouble = None;
            }
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

    pub fn set_dialog(&mut self, id: &TabId, dialog: Option<Dialog>) {
        if let Some(page) = self.page_mut(id) {
            page.dialog = dialog;
        }
    }

    /// `current` is the place of the entry that is shown.
    pub fn set_history(&mut self, id: &TabId, entries: Vec<i64>, current: usize) {
        if let Some(page) = self.page_mut(id) {
            page.tab.can_go_back = current > 0;
            page.tab.can_go_forward = current + 1 < entries.len();
            page.history = entries;
            page.current = current;
        }
    }

    /// The page shows something. Says whether the blank page it began with is to be forgotten, once: there is nothing to
    /// go back to, and a page that is alone in its history may close itself.
    pub fn leave_blank(&mut self, id: &TabId, url: &str) -> bool {
        let page = self.page_mut(id);
        page.is_some_and(|page| url != "about:blank" && std::mem::take(&mut page.blank))
    }

    /// The `NavigationEntry` that is `steps` away from the active page's, -1 is back.
    pub fn history_entry(&self, steps: isize) -> Option<i64> {
        let page = self.active()?;
        let place = page.current.checked_add_signed(steps)?;
        page.history.get(place).copied()
    }

    pub fn active(&self) -> Option<&PageTab> {
        self.page(self.active.as_ref()?)
    }

    pub fn page(&self, id: &TabId) -> Option<&PageTab> {
        self.pages.iter().find(|page| page.tab.id == *id)
    }

    pub fn by_session(&self, session: &str) -> Option<&PageTab> {
        self.pages.iter().find(|page| page.session == session)
    }

    pub fn iter(&self) -> impl Iterator<Item = &PageTab> {
        self.pages.iter()
    }

    fn page_mut(&mut self, id: &TabId) -> Option<&mut PageTab> {
        self.pages.iter_mut().find(|page| page.tab.id == *id)
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
            tabs.attach(id(name), format!("session{name}"), name, "about:blank");
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
    fn closing_the_front_page_brings_its_neighbour() {
        let mut tabs = three();
        assert_eq!(tabs.detach(&id("c")), Some(id("b")));
        assert_eq!(tabs.detach(&id("a")), None, "a page behind changes nothing");
        assert_eq!(active(&tabs), Some("b"));
        assert_eq!(tabs.detach(&id("b")), None);
        assert!(tabs.is_empty());
    }

    #[test]
    fn history_knows_where_back_and_forward_lead() {
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
    fn the_blank_page_of_a_tab_s_beginning_is_forgotten_once() {
        let mut tabs = three();
        assert!(!tabs.leave_blank(&id("a"), "about:blank"));
        assert!(tabs.leave_blank(&id("a"), "https://x/"));
        assert!(!tabs.leave_blank(&id("a"), "https://y/"));
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
        tabs.rename(&id("a"), &"é".repeat(100_000), "https://x/");
        assert_eq!(tabs.page(&id("a")).unwrap().tab.title.chars().count(), 300);
    }
}
