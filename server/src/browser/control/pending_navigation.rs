//! Pure: which pages are being navigated away from, and where to.

use shared::session::TabId;

use crate::browser::address::AllowedUrl;

/// Where a page navigates to.
#[derive(Clone, Debug, PartialEq)]
pub enum Destination {
    Url(AllowedUrl),
    /// The id of a `Page.NavigationEntry`.
    HistoryEntry(i64),
    Reload,
}

/// Pages with a navigation that has not committed: their dialogs are dismissed, or they could block it for ever.
#[derive(Debug, Default)]
pub struct PendingNavigations(Vec<PendingNavigation>);

#[derive(Debug)]
struct PendingNavigation {
    page: TabId,
    /// Until the command was sent to Chrome; a later navigation replaces it.
    destination: Option<Destination>,
    /// The one that Chrome was told of last.
    sent: Option<Destination>,
    /// The person has insisted: the page is asked for nothing any more.
    is_forced: bool,
}

impl PendingNavigations {
    /// Says whether the page must be prepared for it: no, if that is in progress already.
    pub fn begin(&mut self, page: &TabId, destination: Destination) -> bool {
        self.of(page).destination.replace(destination).is_none()
    }

    /// The person leaves once more while the page still asks whether to stay: now it has no say.
    pub fn force(&mut self, page: &TabId) {
        self.of(page).is_forced = true;
    }

    /// Whether the page's "Leave the page?" is answered without the person.
    pub fn is_forced(&self, page: &TabId) -> bool {
        self.0
            .iter()
            .any(|known| known.page == *page && known.is_forced)
    }

    /// Chrome was told to close the page, which may open a dialog as well.
    pub fn close(&mut self, page: &TabId) {
        let known = self.of(page);
        (known.destination, known.sent) = (None, None);
    }

    /// The page is prepared: where Chrome is to navigate to, if that was not cancelled.
    pub fn take(&mut self, page: &TabId) -> Option<Destination> {
        let known = self.0.iter_mut().find(|known| known.page == *page)?;
        let destination = known.destination.take();
        known.sent.clone_from(&destination);
        destination
    }

    /// The page crashed: what Chrome was on its way to may be lost with it. Given once.
    pub fn lost(&mut self, page: &TabId) -> Option<Destination> {
        let known = self.0.iter_mut().find(|known| known.page == *page)?;
        known.sent.take()
    }

    /// Whether the page is being navigated away from, or closed.
    pub fn contains(&self, page: &TabId) -> bool {
        self.0.iter().any(|known| known.page == *page)
    }

    /// A navigation committed. It may be an earlier one: one that was not sent to Chrome stays pending.
    pub fn committed(&mut self, page: &TabId) {
        self.0
            .retain(|known| known.page != *page || known.destination.is_some());
    }

    /// The page was closed, or stays. Says whether Chrome had not been told yet.
    pub fn cancel(&mut self, page: &TabId) -> bool {
        let unsent = self.take(page).is_some();
        self.0.retain(|known| known.page != *page);
        unsent
    }

    fn of(&mut self, page: &TabId) -> &mut PendingNavigation {
        let known = self.0.iter().position(|known| known.page == *page);
        let place = known.unwrap_or_else(|| {
            self.0.push(PendingNavigation {
                page: page.clone(),
                destination: None,
                sent: None,
                is_forced: false,
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
    fn a_page_is_prepared_once_and_the_last_destination_counts() {
        let mut pending = PendingNavigations::default();
        let a = page("a");
        assert!(pending.begin(&a, Destination::HistoryEntry(1)));
        assert!(!pending.begin(&a, Destination::HistoryEntry(2)));
        assert!(pending.contains(&a) && !pending.contains(&page("b")));
        assert_eq!(pending.take(&a), Some(Destination::HistoryEntry(2)));
        assert_eq!(pending.take(&a), None);
        assert!(pending.contains(&a), "it has not committed");
        assert!(
            pending.begin(&a, Destination::Reload),
            "and may go elsewhere"
        );
    }

    #[test]
    fn an_earlier_navigation_that_commits_does_not_end_a_later_one() {
        let mut pending = PendingNavigations::default();
        let a = page("a");
        pending.begin(&a, Destination::HistoryEntry(1));
        pending.take(&a);
        pending.begin(&a, Destination::HistoryEntry(2));
        pending.committed(&a);
        assert_eq!(pending.take(&a), Some(Destination::HistoryEntry(2)));
        pending.committed(&a);
        assert!(!pending.contains(&a));
    }

    #[test]
    fn a_navigation_that_a_crash_took_along_is_given_once_more() {
        let mut pending = PendingNavigations::default();
        let a = page("a");
        pending.begin(&a, Destination::Reload);
        assert_eq!(pending.lost(&a), None, "it is sent later");
        pending.take(&a);
        assert_eq!(pending.lost(&a), Some(Destination::Reload));
        assert_eq!(pending.lost(&a), None);
        pending.committed(&a);
        assert_eq!(pending.lost(&a), None);
    }

    #[test]
    fn a_cancelled_navigation_does_not_happen_later() {
        let mut pending = PendingNavigations::default();
        let a = page("a");
        pending.begin(&a, Destination::Reload);
        assert!(pending.cancel(&a));
        assert_eq!(pending.take(&a), None);
        pending.close(&a);
        assert!(pending.contains(&a));
        assert!(!pending.cancel(&a), "Chrome was told");
        assert!(!pending.contains(&a));
    }
}
