//! Pure: which tabs a Chrome that ended is started again with.

use shared::session::{Phase, SessionState, Tab, TabId};

use crate::browser::address::{AllowedUrl, allowed};
use crate::browser::{BrowserExit, InitialTabs};

/// Those of the last state that can be opened again. A Chrome that crashed before it had shown all that it was started
/// with is given the same once more.
pub fn opening_after(
    gone: &BrowserExit,
    last: &SessionState,
    opening: &InitialTabs,
    search_url: &str,
) -> InitialTabs {
    let can_open = |tab: &Tab| Some((allowed(&tab.url, search_url).ok()?, tab.id.clone()));
    let kept: Vec<_> = last.tabs.iter().filter_map(can_open).collect();
    let was_complete = last.phase != Phase::Starting || kept.len() >= opening.urls.len();
    match gone {
        BrowserExit::Closed(_) if kept.is_empty() => return AllowedUrl::blank().into(),
        BrowserExit::Crashed(_) if kept.is_empty() || !was_complete => return opening.clone(),
        _ => {}
    }
    let is_front = |(_, id): &(AllowedUrl, TabId)| last.active.as_ref() == Some(id);
    InitialTabs {
        active: kept.iter().position(is_front).unwrap_or_default(),
        urls: kept.into_iter().map(|(url, _)| url).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::geometry::{Geometry, VideoSize};

    const SEARCH: &str = "https://search.example/?q={}";

    fn url(text: &str) -> AllowedUrl {
        allowed(text, SEARCH).unwrap()
    }

    fn state(phase: Phase, urls: &[&str], active: usize) -> SessionState {
        let id = |number: usize| format!("T{number}").parse::<TabId>().unwrap();
        let tab = |(number, url): (usize, &&str)| Tab {
            url: (*url).to_owned(),
            ..Tab::new(id(number))
        };
        SessionState {
            phase,
            tabs: urls.iter().enumerate().map(tab).collect(),
            active: Some(id(active)),
            ..SessionState::starting(Geometry::unscaled(VideoSize::default()), false)
        }
    }

    fn crashed() -> BrowserExit {
        BrowserExit::Crashed("Chrome crashed.".to_owned())
    }

    #[test]
    fn a_crash_keeps_the_tabs_and_which_one_is_in_front() {
        let last = state(
            Phase::Running,
            &["https://a.example/", "chrome://crash", "https://b.example/"],
            2,
        );
        let opening = opening_after(&crashed(), &last, &url("c.example").into(), SEARCH);
        assert_eq!(
            opening,
            InitialTabs {
                urls: vec![url("https://a.example/"), url("https://b.example/")],
                active: 1,
            },
            "what may not be opened is left out"
        );
    }

    #[test]
    fn a_crash_at_the_start_tries_the_same_once_more() {
        let asked = InitialTabs {
            urls: vec![url("a.example"), url("b.example")],
            active: 1,
        };
        let last = state(Phase::Starting, &["https://a.example/"], 0);
        assert_eq!(opening_after(&crashed(), &last, &asked, SEARCH), asked);
        let none = state(Phase::Running, &[], 0);
        assert_eq!(opening_after(&crashed(), &none, &asked, SEARCH), asked);
    }

    #[test]
    fn closing_the_last_tab_leaves_a_blank_page() {
        let closed = BrowserExit::Closed("The last tab was closed.".to_owned());
        let last = state(Phase::Running, &[], 0);
        let opening = opening_after(&closed, &last, &url("a.example").into(), SEARCH);
        assert_eq!(opening, AllowedUrl::blank().into());
    }
}
