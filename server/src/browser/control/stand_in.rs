//! Pure: Chrome exits with its last page, so a new tab opens before the only one is closed; if the page of that asks to stay
//! and does, the new tab goes again.

use shared::session::TabId;

/// The tab that takes the place of the only one, if there is one.
#[derive(Debug, Default)]
pub struct StandIn(Option<Pair>);

#[derive(Debug)]
struct Pair {
    closing: TabId,
    /// Once Chrome tells of it.
    stand_in: Option<TabId>,
}

impl StandIn {
    /// The only tab is being closed, and Chrome is told to open another.
    pub fn begin(&mut self, closing: TabId) {
        self.0 = Some(Pair {
            closing,
            stand_in: None,
        });
    }

    /// A tab is there that no page has opened.
    pub fn on_opened(&mut self, tab: &TabId) {
        if let Some(pair) = &mut self.0 {
            pair.stand_in.get_or_insert_with(|| tab.clone());
        }
    }

    /// That tab is gone.
    pub fn on_closed(&mut self, tab: &TabId) {
        self.0
            .take_if(|pair| pair.closing == *tab || pair.stand_in.as_ref() == Some(tab));
    }

    /// That tab stays: the one that is to go.
    pub fn on_stays(&mut self, tab: &TabId) -> Option<TabId> {
        self.0.take_if(|pair| pair.closing == *tab)?.stand_in
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(name: &str) -> TabId {
        name.parse().unwrap()
    }

    #[test]
    fn it_goes_when_the_tab_stays_and_stays_when_that_has_gone() {
        let mut stand_in = StandIn::default();
        stand_in.on_opened(&id("before"));
        assert_eq!(stand_in.on_stays(&id("a")), None);
        stand_in.begin(id("a"));
        stand_in.on_opened(&id("b"));
        stand_in.on_opened(&id("c"));
        assert_eq!(stand_in.on_stays(&id("c")), None, "another tab");
        assert_eq!(
            stand_in.on_stays(&id("a")),
            Some(id("b")),
            "the first that came"
        );
        assert_eq!(stand_in.on_stays(&id("a")), None, "once");

        stand_in.begin(id("a"));
        stand_in.on_opened(&id("b"));
        stand_in.on_closed(&id("a"));
        assert_eq!(stand_in.on_stays(&id("a")), None);
        stand_in.begin(id("a"));
        stand_in.on_opened(&id("b"));
        stand_in.on_closed(&id("b"));
        assert_eq!(stand_in.on_stays(&id("a")), None, "the person closed it");
    }
}
