//! Pure: which pages are being left, and for what.

use shared::session::TabId;

use crate::browser::address::AllowedUrl;

/// Where a page is left for.
#[derive(Clone, Debug, PartialEq)]
pub enum Way {
    To(AllowedUrl),
    /// The id of a `Page.NavigationEntry`.
    Entry(i64),
    Reload,
}

/// Pages that are on their way elsewhere: their dialogs are dismissed, or they could hold the person for ever.
#[derive(Debug, Default)]
pub struct PendingNavigations(Vec<PendingNavigation>);

#[derive(Debug)]
struct PendingNavigation {
    page: TabId,
    /// Until Chrome has been told. Whoever changes their mind meanwhile changes this.
    way: Option<Way>,
}

impl PendingNavigations {
    /// Says whether the page must be asked whether it can be left: no, if the answer to that is on its way already.
    pub fn plan(&mut self, page: &TabId, way: Way) -> bool {
        self.of(page).way.replace(way).is_none()
    }

    /// Chrome has been told to leave the page.
    pub fn told(&mut self, page: &TabId) {
        self.of(page).way = None;
    }

    /// The page can be left: what Chrome is to be told, if it is still wanted.
    pub fn begin(&mut self, page: &TabId) -> Option<Way> {
        let known = self.0.iter_mut().find(|known| known.page == *page)?;
        known.way.take()
    }

    pub fn contains(&self, page: &TabId) -> bool {
        self.0.iter().any(|known| known.page == *page)
    }

    /// Something else is shown. That may be an earlier wish: who waits to leave still does.
    pub fn arrived(&mut self, page: &TabId) {
        self.0
            .retain(|known| known.page != *page || known.way.is_some());
    }

    /// It is gone, or stays. Says whether it waited to leave.
    pub fn end(&mut self, page: &TabId) -> bool {
        let waited = self.begin(page).is_some();
        self.0.retain(|known| known.page != *page);
        waited
    }

    fn of(&mut self, page: &TabId) -> &mut PendingNavigation {
        let known = self.0.iter().position(|known| known.page == *page);
        let place = known.unwrap_or_else(|| {
            self.0.push(PendingNavigation {
                page: page.clone(),
                way: None,
            });
            self.0.len() - 1
        });
        &mut self.0[place]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(name: &str) -> TabId {
        name.parse().unwrap()
    }

    #[test]
    fn a_page_is_asked_once_and_the_last_way_counts() {
        let mut departures = PendingNavigations::default();
        let a = page("a");
        assert!(departures.plan(&a, Way::Entry(1)));
        assert!(!departures.plan(&a, Way::Entry(2)));
        assert!(departures.contains(&a) && !departures.contains(&page("b")));
        assert_eq!(departures.begin(&a), Some(Way::Entry(2)));
        assert_eq!(departures.begin(&a), None);
        assert!(departures.contains(&a), "it is still on its way");
        assert!(
            departures.plan(&a, Way::Reload),
            "and may be sent elsewhere"
        );
    }

    #[test]
    fn an_earlier_wish_that_comes_true_does_not_end_a_later_one() {
        let mut departures = PendingNavigations::default();
        let a = page("a");
        departures.plan(&a, Way::Entry(1));
        departures.begin(&a);
        departures.plan(&a, Way::Entry(2));
        departures.arrived(&a);
        assert_eq!(departures.begin(&a), Some(Way::Entry(2)));
        departures.arrived(&a);
        assert!(!departures.contains(&a));
    }

    #[test]
    fn who_stays_does_not_leave_later() {
        let mut departures = PendingNavigations::default();
        let a = page("a");
        departures.plan(&a, Way::Reload);
        assert!(departures.end(&a));
        assert_eq!(departures.begin(&a), None);
        departures.told(&a);
        assert!(departures.contains(&a));
        assert!(!departures.end(&a), "Chrome knows");
        assert!(!departures.contains(&a));
    }
}
