//! Pure: how far a file is → what stands beside its name.

use std::collections::BTreeMap;
use std::time::Duration;

use shared::file::{Download, DownloadState};
use shared::session::DownloadId;

/// A speed is that of about so long.
const SMOOTHED: Duration = Duration::from_secs(2);

/// `12 MB`, `1.3 MB`, `840 kB`.
pub fn size(bytes: u64) -> String {
    let bytes = bytes as f64;
    match bytes {
        _ if bytes < 1e3 => format!("{bytes} bytes"),
        _ if bytes < 1e6 => format!("{:.0} kB", bytes / 1e3),
        _ if bytes < 1e7 => format!("{:.1} MB", bytes / 1e6),
        _ if bytes < 1e9 => format!("{:.0} MB", bytes / 1e6),
        _ => format!("{:.1} GB", bytes / 1e9),
    }
}

/// How far it is, in words; `speed` in bytes per second.
pub fn progress(done: u64, total: Option<u64>, speed: Option<f64>) -> String {
    let of = total.map(|total| format!(" of {}", size(total)));
    let speed = speed.map(|speed| format!(", {}/s", size(speed as u64)));
    format!(
        "{}{}{}",
        size(done),
        of.unwrap_or_default(),
        speed.unwrap_or_default()
    )
}

/// In words, under its name.
pub fn describe(download: &Download, speed: Option<f64>) -> String {
    match &download.state {
        DownloadState::InProgress => progress(download.received, download.total, speed),
        DownloadState::Finished => format!("{}, ready to be saved", size(download.received)),
        DownloadState::Delivered => format!("{}, saved", size(download.received)),
        DownloadState::Failed { reason } => reason.clone(),
    }
}

/// How fast each download comes, from what is told of it now and then.
#[derive(Debug, Default)]
pub struct Speeds(BTreeMap<DownloadId, Speed>);

#[derive(Debug)]
struct Speed {
    received: u64,
    at: Duration,
    bytes_per_second: Option<f64>,
}

impl Speeds {
    /// The list as it is at that time of some clock.
    pub fn update(&mut self, downloads: &[Download], now: Duration) {
        let is_coming = |download: &&Download| download.state == DownloadState::InProgress;
        let coming: Vec<_> = downloads.iter().filter(is_coming).collect();
        self.0
            .retain(|id, _| coming.iter().any(|download| download.id == *id));
        for download in coming {
            let received = download.received;
            let speed = self.0.entry(download.id.clone()).or_insert(Speed {
                received,
                at: now,
                bytes_per_second: None,
            });
            let passed = now.saturating_sub(speed.at).as_secs_f64();
            if received <= speed.received || passed <= 0.0 {
                continue;
            }
            let fresh = (received - speed.received) as f64 / passed;
            let weight = (passed / SMOOTHED.as_secs_f64()).min(1.0);
            let before = speed.bytes_per_second.unwrap_or(fresh);
            *speed = Speed {
                received,
                at: now,
                bytes_per_second: Some(before + (fresh - before) * weight),
            };
        }
    }

    /// In bytes per second; none while nobody can say.
    pub fn of(&self, id: &DownloadId) -> Option<f64> {
        self.0.get(id)?.bytes_per_second
    }
}

/// Names of downloads that have failed since, with the reason.
pub fn newly_failed(before: &[Download], now: &[Download]) -> Vec<(String, String)> {
    let has_failed = |download: &Download| matches!(download.state, DownloadState::Failed { .. });
    let was_failed = |id: &DownloadId| before.iter().any(|one| one.id == *id && has_failed(one));
    let failed = now.iter().filter(|download| !was_failed(&download.id));
    failed
        .filter_map(|download| match &download.state {
            DownloadState::Failed { reason } => Some((download.name.clone(), reason.clone())),
            _ => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn download(received: u64, state: DownloadState) -> Download {
        Download {
            id: "a".parse().unwrap(),
            name: "a.pdf".to_owned(),
            received,
            total: Some(40_000_000),
            state,
        }
    }

    #[test]
    fn a_size_has_two_or_three_digits() {
        let sizes = [999, 1_000, 840_400, 1_250_000, 12_400_000, 1_300_000_000];
        let words = ["999 bytes", "1 kB", "840 kB", "1.2 MB", "12 MB", "1.3 GB"];
        assert_eq!(sizes.map(size), words);
        assert_eq!(progress(5, None, None), "5 bytes");
        assert_eq!(
            progress(0, Some(2_000_000), Some(3e5)),
            "0 bytes of 2.0 MB, 300 kB/s"
        );
    }

    #[test]
    fn a_speed_follows_what_comes() {
        let mut speeds = Speeds::default();
        let coming = |received| [download(received, DownloadState::InProgress)];
        let id = "a".parse().unwrap();
        speeds.update(&coming(0), Duration::ZERO);
        assert_eq!(speeds.of(&id), None);
        for second in 1..=10 {
            speeds.update(&coming(second * 1_000_000), Duration::from_secs(second));
        }
        assert_eq!(speeds.of(&id), Some(1e6));
        for second in 11..=20 {
            let received = 10_000_000 + (second - 10) * 3_000_000;
            speeds.update(&coming(received), Duration::from_secs(second));
        }
        assert!((2.9e6..3.1e6).contains(&speeds.of(&id).unwrap()));
        speeds.update(
            &[download(40_000_000, DownloadState::Finished)],
            Duration::from_secs(21),
        );
        assert_eq!(speeds.of(&id), None);
    }

    #[test]
    fn a_failure_is_told_once() {
        let failed = [download(
            1,
            DownloadState::Failed {
                reason: "No.".to_owned(),
            },
        )];
        let coming = [download(1, DownloadState::InProgress)];
        let told = [("a.pdf".to_owned(), "No.".to_owned())];
        assert_eq!(newly_failed(&coming, &failed), told);
        assert_eq!(newly_failed(&[], &failed), told, "at once");
        assert_eq!(newly_failed(&failed, &failed), []);
    }
}
