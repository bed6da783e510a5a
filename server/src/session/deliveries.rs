//! Pure: the list of downloads → which of them are handed to the person without a further click.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use shared::file::{Download, DownloadState};
use shared::session::DownloadId;

/// A page that gives more files than that has the others taken from the list by hand.
const MOST: usize = 5;
const WITHIN: Duration = Duration::from_secs(10);

/// What was handed over by itself.
#[derive(Debug, Default)]
pub struct Deliveries {
    /// That were finished before. A small one is never seen coming.
    finished: Vec<DownloadId>,
    recent: VecDeque<Instant>,
}

impl Deliveries {
    /// Gives those that have finished since the last time.
    pub fn on_downloads(&mut self, downloads: &[Download], now: Instant) -> Vec<DownloadId> {
        let finished = downloads
            .iter()
            .filter(|one| one.state == DownloadState::Finished);
        let finished: Vec<DownloadId> = finished.map(|one| one.id.clone()).collect();
        let before = std::mem::replace(&mut self.finished, finished.clone());
        let news = finished.into_iter().filter(|id| !before.contains(id));
        while self.recent.front().is_some_and(|at| *at + WITHIN <= now) {
            self.recent.pop_front();
        }
        let room = MOST.saturating_sub(self.recent.len());
        let delivered: Vec<DownloadId> = news.take(room).collect();
        self.recent.extend(delivered.iter().map(|_| now));
        delivered
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn download(number: usize, state: DownloadState) -> Download {
        Download {
            id: format!("{number}").parse().unwrap(),
            name: "a".to_owned(),
            received: 0,
            total: None,
            state,
        }
    }

    #[test]
    fn a_download_is_handed_over_once() {
        let now = Instant::now();
        let mut deliveries = Deliveries::default();
        let list = |state| vec![download(1, state)];
        let coming = list(DownloadState::InProgress);
        assert_eq!(deliveries.on_downloads(&coming, now), []);
        let finished = list(DownloadState::Finished);
        assert_eq!(deliveries.on_downloads(&finished, now).len(), 1);
        assert_eq!(deliveries.on_downloads(&finished, now), []);
    }

    #[test]
    fn of_many_some_are_and_later_others() {
        let now = Instant::now();
        let mut deliveries = Deliveries::default();
        let list = |numbers: std::ops::Range<usize>| -> Vec<_> {
            numbers
                .map(|number| download(number, DownloadState::Finished))
                .collect()
        };
        assert_eq!(deliveries.on_downloads(&list(0..20), now).len(), MOST);
        assert_eq!(deliveries.on_downloads(&list(0..30), now), []);
        let later = now + WITHIN;
        assert_eq!(
            deliveries.on_downloads(&list(0..32), later).len(),
            2,
            "the new ones"
        );
    }
}
