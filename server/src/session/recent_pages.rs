//! Pure: the pages that a session has shown, for its start page.

use shared::session::{RecentPage, SessionState, Tab};

/// As many as the start page has room for.
const MOST: usize = 8;

/// A longer URL is left out: every viewer is told of it with every change.
const LONGEST_URL: usize = 1000;

/// The page in front becomes the latest. Titles come later than pages, also to those behind.
pub fn note(state: &mut SessionState) {
    for known in &mut state.recent {
        if let Some(tab) = state.tabs.iter().find(|tab| tab.url == known.url) {
            known.title.clone_from(&tab.title);
        }
    }
    let shown = |tab: &&Tab| {
        let is_web = tab.url.starts_with("http://") || tab.url.starts_with("https://");
        is_web && !tab.loading && tab.url.len() <= LONGEST_URL
    };
    let Some(tab) = state.active_tab().filter(shown) else {
        return;
    };
    let page = RecentPage {
        title: tab.title.clone(),
        url: tab.url.clone(),
    };
    state.recent.retain(|known| known.url != page.url);
    state.recent.insert(0, page);
    state.recent.truncate(MOST);
}

#[cfg(test)]
mod tests {
    use super::*;
    use shared::geometry::{Geometry, VideoSize};

    fn show(state: &mut SessionState, url: &str, title: &str) {
        state.active = Some("T".parse().unwrap());
        state.tabs = vec![Tab {
            title: title.to_owned(),
            url: url.to_owned(),
            ..Tab::new("T".parse().unwrap())
        }];
        note(state);
    }

    #[test]
    fn the_latest_page_comes_first_and_each_once() {
        let geometry = Geometry::unscaled(VideoSize::default());
        let mut state = SessionState::starting(geometry, false);
        note(&mut state);
        for number in 0..10 {
            show(&mut state, &format!("https://{number}.example/"), "");
        }
        show(&mut state, "https://5.example/", "Five");
        show(&mut state, "about:blank", "");
        show(
            &mut state,
            &format!("https://{}/", "x".repeat(LONGEST_URL)),
            "",
        );
        let urls: Vec<_> = state.recent.iter().map(|page| page.url.as_str()).collect();
        assert_eq!(urls[..2], ["https://5.example/", "https://9.example/"]);
        assert_eq!((urls.len(), state.recent[0].title.as_str()), (MOST, "Five"));
    }
}
