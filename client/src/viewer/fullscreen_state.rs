//! Pure: what the remote page and the person want of the screen, and whether the viewer's page has it → what the browser or
//! the remote page is asked.

/// One thing to ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ask {
    /// `Element.requestFullscreen()`
    Enter,
    /// `Document.exitFullscreen()`
    Leave,
    /// The remote page is to do without.
    LeaveRemotePage,
}

#[derive(Clone, Copy, Debug, Default)]
pub struct FullscreenState {
    /// The viewer's page has the screen,
    is_on: bool,
    /// because the remote page wanted it: what the person wanted before stays.
    is_for_page: bool,
    /// The remote page has all of its window.
    page_has_it: bool,
}

impl FullscreenState {
    pub fn is_on(&self) -> bool {
        self.is_on
    }

    /// The remote page has all of its window, or no longer. Browsers give the screen only to who has just acted, and
    /// somebody else's viewer is not asked.
    pub fn on_page(&mut self, has_it: bool, has_just_acted: bool) -> Option<Ask> {
        let had_it = std::mem::replace(&mut self.page_has_it, has_it);
        match (had_it, has_it) {
            (false, true) if has_just_acted && !self.is_on => {
                self.is_for_page = true;
                Some(Ask::Enter)
            }
            (true, false) if std::mem::take(&mut self.is_for_page) && self.is_on => {
                Some(Ask::Leave)
            }
            _ => None,
        }
    }

    /// The browser says whether this page has the screen: the person has ways out of their own.
    pub fn on_screen(&mut self, is_on: bool) -> Option<Ask> {
        self.is_on = is_on;
        if is_on {
            return None;
        }
        self.is_for_page = false;
        self.page_has_it.then_some(Ask::LeaveRemotePage)
    }

    /// The person chose it in the menu.
    pub fn turn(&self) -> Ask {
        match self.is_on {
            true => Ask::Leave,
            false => Ask::Enter,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_gets_the_screen_and_gives_it_back() {
        let mut state = FullscreenState::default();
        assert_eq!(state.on_page(true, true), Some(Ask::Enter));
        assert_eq!(state.on_screen(true), None);
        assert_eq!(state.on_page(true, true), None, "it has it");
        assert_eq!(state.on_page(false, false), Some(Ask::Leave));
        assert_eq!(state.on_screen(false), None, "the page knows");
    }

    #[test]
    fn the_person_s_way_out_is_the_page_s_too() {
        let mut state = FullscreenState::default();
        state.on_page(true, true);
        state.on_screen(true);
        assert_eq!(state.on_screen(false), Some(Ask::LeaveRemotePage));
        assert_eq!(state.on_page(false, true), None);
    }

    #[test]
    fn what_the_person_wanted_before_the_page_stays() {
        let mut state = FullscreenState::default();
        assert_eq!(state.turn(), Ask::Enter);
        state.on_screen(true);
        assert_eq!(state.on_page(true, true), None);
        assert_eq!(state.on_page(false, true), None);
        assert!(state.is_on());
        assert_eq!(state.turn(), Ask::Leave);
    }

    #[test]
    fn a_viewer_who_did_nothing_keeps_the_window() {
        let mut state = FullscreenState::default();
        assert_eq!(state.on_page(true, false), None);
        assert_eq!(state.on_page(false, false), None);
    }
}
