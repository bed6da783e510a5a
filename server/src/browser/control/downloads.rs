//! Pure: what Chrome says of its downloads → their list, which of them are broken off, and when their files go.

use std::time::{Duration, Instant};

use shared::file::{Download, DownloadState, safe_name};
use shared::session::DownloadId;

use crate::browser::cdp::DownloadProgress;
use crate::files::{FileLimits, RESERVE};

/// At the same time; a page can begin any number.
const MOST_AT_ONCE: usize = 10;

/// In the list. Beyond it the oldest that are over are forgotten.
const MOST_LISTED: usize = 100;

/// A file that nobody fetches is kept so long.
const KEPT: Duration = Duration::from_secs(3600);

/// A file that was handed over is kept so long, in case it got lost on the person's side.
const KEPT_DELIVERED: Duration = Duration::from_secs(300);

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Chrome breaks it off.
    Cancel(DownloadId),
    /// Its file goes.
    Remove(DownloadId),
    /// It is asked whether its file may be handed over under that name.
    Scan(DownloadId, String),
    /// A sentence for the viewers.
    Notify(String),
}

/// The downloads of one Chrome, the latest last.
#[derive(Debug)]
pub struct Downloads {
    limits: FileLimits,
    /// Files are scanned before they are handed over.
    scans: bool,
    /// Bytes that the disk still takes.
    free: u64,
    entries: Vec<Entry>,
}

#[derive(Debug)]
struct Entry {
    download: Download,
    /// Chrome has finished it, and it is being scanned.
    is_being_scanned: bool,
    /// Of a file that is there.
    expires: Option<Instant>,
}

impl Downloads {
    pub fn new(limits: FileLimits, scans: bool) -> Downloads {
        Downloads {
            limits,
            scans,
            free: u64::MAX,
            entries: Vec::new(),
        }
    }

    /// As viewers see them.
    pub fn list(&self) -> Vec<Download> {
        let downloads = self.entries.iter().map(|entry| &entry.download);
        downloads.cloned().collect()
    }

    /// When [`Downloads::on_deadline`] is due.
    pub fn deadline(&self) -> Option<Instant> {
        self.entries.iter().filter_map(|entry| entry.expires).min()
    }

    /// Bytes that the disk still takes, known anew.
    pub fn set_free(&mut self, bytes: u64) {
        self.free = bytes;
    }

    /// Chrome begins one, under the name that a page or its server suggests.
    pub fn begin(&mut self, id: DownloadId, suggested: &str) -> Vec<Effect> {
        let name = safe_name(suggested);
        let refuse = |sentence: String| vec![Effect::Cancel(id.clone()), Effect::Notify(sentence)];
        if !self.limits.downloads {
            return refuse(format!(
                "{name} was not saved: this server gives no files out."
            ));
        }
        let coming = self.entries.iter().filter(|entry| entry.is_coming());
        if coming.count() >= MOST_AT_ONCE {
            return refuse(format!(
                "{name} was not saved: {MOST_AT_ONCE} downloads are under way."
            ));
        }
        let mut effects = Vec::new();
        if self.entries.len() >= MOST_LISTED
            && let Some(oldest) = self.entries.iter().position(|entry| !entry.is_coming())
        {
            let forgotten = self.entries.remove(oldest);
            effects.push(Effect::Remove(forgotten.download.id));
        }
        self.entries.push(Entry {
            download: Download {
                id,
                name,
                received: 0,
                total: None,
                state: DownloadState::InProgress,
            },
            is_being_scanned: false,
            expires: None,
        });
        effects
    }

    /// Chrome has more of it, or no more comes.
    pub fn progress(
        &mut self,
        id: &DownloadId,
        received: u64,
        total: Option<u64>,
        progress: DownloadProgress,
        now: Instant,
    ) -> Vec<Effect> {
        let others = self.bytes_but(id);
        let (limits, free, scans) = (self.limits, self.free, self.scans);
        let entry = match self.entry(id) {
            Some(entry) if entry.is_being_scanned => return Vec::new(),
            Some(entry) if entry.is_coming() => entry,
            Some(entry) if entry.download.state.is_there() => return Vec::new(),
            // Chrome had all of it before it was told to break it off.
            _ if progress == DownloadProgress::Completed => {
                return vec![Effect::Remove(id.clone())];
            }
            _ => return Vec::new(),
        };
        let download = &mut entry.download;
        (download.received, download.total) = (received, total);
        match progress {
            DownloadProgress::Canceled => {
                entry.fail("It was broken off.");
                Vec::new()
            }
            DownloadProgress::Completed => {
                // There is no more to come, whatever was announced.
                download.total = Some(received);
                if scans {
                    entry.is_being_scanned = true;
                    return vec![Effect::Scan(id.clone(), entry.download.name.clone())];
                }
                entry.finish(now);
                Vec::new()
            }
            DownloadProgress::InProgress => {
                let size = total.unwrap_or(received).max(received);
                let rest = size - received;
                let reason = if size > limits.file {
                    format!(
                        "It is larger than this server takes: {} MiB.",
                        limits.file >> 20
                    )
                } else if others.saturating_add(size) > limits.session {
                    let most = limits.session >> 20;
                    format!("This session's downloads may take {most} MiB: remove some first.")
                } else if free.saturating_sub(RESERVE) < rest {
                    "It does not fit on the server's disk.".to_owned()
                } else {
                    return Vec::new();
                };
                entry.fail(&reason);
                vec![Effect::Cancel(id.clone())]
            }
        }
    }

    /// It may be handed over, or why not.
    pub fn scanned(
        &mut self,
        id: &DownloadId,
        result: Result<(), String>,
        now: Instant,
    ) -> Vec<Effect> {
        let Some(entry) = self.entry(id).filter(|entry| entry.is_being_scanned) else {
            return Vec::new();
        };
        entry.is_being_scanned = false;
        match result {
            Ok(()) => {
                entry.finish(now);
                Vec::new()
            }
            Err(reason) => {
                entry.fail(&reason);
                vec![Effect::Remove(id.clone())]
            }
        }
    }

    /// The person wants it no more: it is broken off, and nothing of it is left.
    pub fn remove(&mut self, id: &DownloadId) -> Vec<Effect> {
        let Some(place) = self
            .entries
            .iter()
            .position(|entry| entry.download.id == *id)
        else {
            return Vec::new();
        };
        let removed = self.entries.remove(place);
        match removed.is_coming() && !removed.is_being_scanned {
            // Its file goes with it.
            true => vec![Effect::Cancel(id.clone())],
            false => vec![Effect::Remove(id.clone())],
        }
    }

    /// All of it was handed over.
    pub fn delivered(&mut self, id: &DownloadId, now: Instant) {
        if let Some(entry) = self.entry(id)
            && entry.download.state.is_there()
        {
            entry.download.state = DownloadState::Delivered;
            entry.expires = Some(now + KEPT_DELIVERED);
        }
    }

    /// Those whose time is over are forgotten.
    pub fn on_deadline(&mut self, now: Instant) -> Vec<Effect> {
        let is_over = |entry: &Entry| entry.expires.is_some_and(|at| at <= now);
        let (over, left) = std::mem::take(&mut self.entries)
            .into_iter()
            .partition(is_over);
        self.entries = left;
        let over: Vec<Entry> = over;
        over.into_iter()
            .map(|entry| Effect::Remove(entry.download.id))
            .collect()
    }

    /// What the others take, or will.
    fn bytes_but(&self, id: &DownloadId) -> u64 {
        let others = self.entries.iter().map(|entry| &entry.download);
        let others = others.filter(|download| download.id != *id);
        let bytes = others.map(|download| match download.state {
            DownloadState::Failed { .. } => 0,
            _ => download.total.unwrap_or(0).max(download.received),
        });
        bytes.fold(0, u64::saturating_add)
    }

    fn entry(&mut self, id: &DownloadId) -> Option<&mut Entry> {
        self.entries
            .iter_mut()
            .find(|entry| entry.download.id == *id)
    }
}

impl Entry {
    fn is_coming(&self) -> bool {
        self.download.state == DownloadState::InProgress
    }

    fn finish(&mut self, now: Instant) {
        self.download.state = DownloadState::Finished;
        self.expires = Some(now + KEPT);
    }

    fn fail(&mut self, reason: &str) {
        let reason = reason.to_owned();
        self.download.state = DownloadState::Failed { reason };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1024 * 1024;

    const LIMITS: FileLimits = FileLimits {
        downloads: true,
        uploads: true,
        file: 100 * MIB,
        session: 150 * MIB,
    };

    fn id(number: usize) -> DownloadId {
        format!("{number:032x}").parse().unwrap()
    }

    fn reason(downloads: &Downloads) -> String {
        match &downloads.list()[0].state {
            DownloadState::Failed { reason } => reason.clone(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_file_comes_is_handed_over_and_goes() {
        let now = Instant::now();
        let mut downloads = Downloads::new(LIMITS, false);
        assert_eq!(downloads.begin(id(1), "../a.pdf"), []);
        let coming = DownloadProgress::InProgress;
        assert_eq!(downloads.progress(&id(1), 5, Some(10), coming, now), []);
        assert_eq!(downloads.list()[0].name, "a.pdf");
        assert_eq!(downloads.deadline(), None);
        downloads.delivered(&id(1), now);
        assert_eq!(
            downloads.list()[0].state,
            DownloadState::InProgress,
            "not yet"
        );
        let whole = DownloadProgress::Completed;
        assert_eq!(downloads.progress(&id(1), 10, Some(10), whole, now), []);
        assert_eq!(downloads.deadline(), Some(now + KEPT));
        downloads.delivered(&id(1), now);
        assert_eq!(downloads.list()[0].state, DownloadState::Delivered);
        let then = now + KEPT_DELIVERED;
        assert_eq!(downloads.on_deadline(then - Duration::from_secs(1)), []);
        assert_eq!(downloads.on_deadline(then), [Effect::Remove(id(1))]);
        assert_eq!(downloads.list(), []);
    }

    #[test]
    fn a_file_that_is_being_scanned_comes_when_it_has_passed() {
        let now = Instant::now();
        let mut downloads = Downloads::new(LIMITS, true);
        let whole = |downloads: &mut Downloads, number| {
            downloads.begin(id(number), "a.zip");
            downloads.progress(&id(number), 10, Some(10), DownloadProgress::Completed, now)
        };
        let scan = |number| Effect::Scan(id(number), "a.zip".to_owned());
        assert_eq!(whole(&mut downloads, 1), [scan(1)]);
        assert_eq!(downloads.list()[0].state, DownloadState::InProgress);
        assert_eq!(downloads.scanned(&id(1), Ok(()), now), []);
        assert_eq!(downloads.list()[0].state, DownloadState::Finished);

        assert_eq!(whole(&mut downloads, 2), [scan(2)]);
        let refused = Err("It has a virus.".to_owned());
        assert_eq!(
            downloads.scanned(&id(2), refused.clone(), now),
            [Effect::Remove(id(2))]
        );
        assert_eq!(
            downloads.list()[1].state,
            DownloadState::Failed {
                reason: "It has a virus.".to_owned()
            }
        );
        assert_eq!(whole(&mut downloads, 3), [scan(3)]);
        assert_eq!(
            downloads.remove(&id(3)),
            [Effect::Remove(id(3))],
            "meanwhile"
        );
        assert_eq!(downloads.scanned(&id(3), refused, now), []);
    }

    #[test]
    fn a_thousand_at_once_are_ten() {
        let mut downloads = Downloads::new(LIMITS, false);
        let effects: Vec<_> = (0..1000)
            .flat_map(|n| downloads.begin(id(n), "a"))
            .collect();
        assert_eq!(downloads.list().len(), MOST_AT_ONCE);
        let cancelled = effects
            .iter()
            .filter(|effect| matches!(effect, Effect::Cancel(_)));
        assert_eq!(cancelled.count(), 1000 - MOST_AT_ONCE);
    }

    #[test]
    fn a_thousand_one_after_the_other_leave_a_hundred() {
        let now = Instant::now();
        let mut downloads = Downloads::new(LIMITS, false);
        let mut removed = 0;
        for number in 0..1000 {
            let effects = downloads.begin(id(number), "a");
            removed += effects
                .iter()
                .filter(|effect| matches!(effect, Effect::Remove(_)))
                .count();
            downloads.progress(&id(number), 1, None, DownloadProgress::Completed, now);
        }
        assert_eq!(
            (downloads.list().len(), removed),
            (MOST_LISTED, 1000 - MOST_LISTED)
        );
    }

    #[test]
    fn what_is_too_large_is_broken_off_before_it_is_there() {
        let now = Instant::now();
        let coming = DownloadProgress::InProgress;
        let mut downloads = Downloads::new(LIMITS, false);
        downloads.begin(id(1), "two.tb");
        let effects = downloads.progress(&id(1), 1, Some(2 << 40), coming, now);
        assert_eq!(effects, [Effect::Cancel(id(1))]);
        assert!(reason(&downloads).contains("100 MiB"));
        // What Chrome says of it afterwards changes nothing.
        downloads.progress(&id(1), 1, None, DownloadProgress::Canceled, now);
        assert!(reason(&downloads).contains("100 MiB"));

        let mut downloads = Downloads::new(LIMITS, false);
        downloads.begin(id(1), "without.length");
        let effects = downloads.progress(&id(1), 101 * MIB, None, coming, now);
        assert_eq!(effects, [Effect::Cancel(id(1))]);
    }

    #[test]
    fn a_session_and_a_disk_are_full() {
        let now = Instant::now();
        let coming = DownloadProgress::InProgress;
        let mut downloads = Downloads::new(LIMITS, false);
        for number in [1, 2] {
            downloads.begin(id(number), "a");
            downloads.progress(&id(number), 1, Some(90 * MIB), coming, now);
        }
        assert_eq!(downloads.list()[0].state, DownloadState::InProgress);
        assert!(matches!(
            downloads.list()[1].state,
            DownloadState::Failed { .. }
        ));

        let mut downloads = Downloads::new(LIMITS, false);
        downloads.set_free(RESERVE + 10 * MIB);
        downloads.begin(id(1), "a");
        downloads.progress(&id(1), 0, Some(11 * MIB), coming, now);
        assert!(reason(&downloads).contains("disk"));
    }

    #[test]
    fn a_switch_forbids_them_and_a_person_removes_them() {
        let now = Instant::now();
        let mut off = Downloads::new(
            FileLimits {
                downloads: false,
                ..LIMITS
            },
            false,
        );
        let effects = off.begin(id(1), "a.txt");
        assert!(
            matches!(&effects[..], [Effect::Cancel(_), Effect::Notify(told)] if told.contains("a.txt"))
        );
        assert_eq!(off.list(), []);
        let late = off.progress(&id(1), 1, None, DownloadProgress::Completed, now);
        assert_eq!(late, [Effect::Remove(id(1))], "too late to break it off");

        let mut downloads = Downloads::new(LIMITS, false);
        downloads.begin(id(1), "a");
        assert_eq!(downloads.remove(&id(1)), [Effect::Cancel(id(1))]);
        downloads.begin(id(2), "b");
        downloads.progress(&id(2), 1, None, DownloadProgress::Completed, now);
        assert_eq!(downloads.remove(&id(2)), [Effect::Remove(id(2))]);
        assert_eq!(downloads.remove(&id(2)), []);
    }
}
