//! A Chrome's processes, from `/proc`: what its main process occupies, and which of its pages consumes most.

use std::collections::HashMap;
use std::fs;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

/// The processes of one Chrome.
pub struct Processes {
    main: Pid,
    page_size: u64,
    /// What each renderer had consumed when the comparison began.
    consumed: HashMap<Pid, u64>,
    /// It is stopped.
    held: Option<Pid>,
    /// It was stopped last.
    last_held: Option<Pid>,
}

impl Processes {
    /// `main` is Chrome's first process.
    pub fn of(main: Pid) -> Processes {
        Processes {
            main,
            page_size: rustix::param::page_size() as u64,
            consumed: HashMap::new(),
            held: None,
            last_held: None,
        }
    }

    /// Memory of the main process that no file backs, in bytes; `None` once it has exited.
    pub fn main_bytes(&self) -> Option<u64> {
        let statm = fs::read_to_string(format!("/proc/{}/statm", self.main.as_raw_pid())).ok()?;
        let mut pages = statm.split(' ').skip(1).map(str::parse::<u64>);
        let (resident, shared) = (pages.next()?.ok()?, pages.next()?.ok()?);
        Some(resident.saturating_sub(shared) * self.page_size)
    }

    /// From now on it counts what each page consumes.
    pub fn begin_comparing(&mut self) {
        self.consumed = renderers(self.main);
    }

    /// Stops the page's process that has consumed most since, if that is so much. Says whether there is one.
    pub fn hold_busiest(&mut self, least: Duration) -> bool {
        self.release();
        let since = |(pid, nanos): (Pid, u64)| {
            // One that is younger has consumed all of it since.
            let before = self.consumed.get(&pid).copied().unwrap_or_default();
            (Duration::from_nanos(nanos.saturating_sub(before)), pid)
        };
        let busiest = renderers(self.main)
            .into_iter()
            .map(since)
            .max_by_key(|(busy, _)| *busy);
        if let Some((busy, pid)) = busiest.filter(|(busy, _)| *busy > least)
            && kill_process(pid, Signal::STOP).is_ok()
        {
            tracing::debug!(?pid, ?busy, "a page's process is stopped");
            self.held = Some(pid);
            self.last_held = Some(pid);
        }
        self.held.is_some()
    }

    /// Ends the page's process that was stopped last, and compares anew.
    pub fn kill_last_held(&mut self) {
        self.release();
        self.begin_comparing();
        if let Some(pid) = self.last_held.take()
            && self.consumed.contains_key(&pid)
        {
            tracing::debug!(?pid, "a page's process is ended");
            // It may have exited meanwhile.
            let _ = kill_process(pid, Signal::KILL);
        }
    }

    /// The page that was stopped goes on.
    pub fn release(&mut self) {
        if let Some(pid) = self.held.take() {
            // It may have been killed meanwhile.
            let _ = kill_process(pid, Signal::CONT);
        }
    }
}

impl Drop for Processes {
    fn drop(&mut self) {
        self.release();
    }
}

/// How long each of a Chrome's renderers has computed in its main thread, in nanoseconds.
fn renderers(main: Pid) -> HashMap<Pid, u64> {
    let Ok(entries) = fs::read_dir("/proc") else {
        return HashMap::new();
    };
    let parents_of: HashMap<Pid, Pid> = entries
        .filter_map(|entry| {
            let pid = Pid::from_raw(entry.ok()?.file_name().to_str()?.parse().ok()?)?;
            let stat = fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_pid())).ok()?;
            Some((pid, parent(&stat)?))
        })
        .collect();
    let is_of_main = |pid: &Pid| {
        let parents = std::iter::successors(Some(*pid), |pid| parents_of.get(pid).copied());
        // A renderer's parents are Chrome's zygotes.
        parents.take(8).any(|pid| pid == main)
    };
    let is_renderer = |pid: &Pid| {
        let command = fs::read(format!("/proc/{}/cmdline", pid.as_raw_pid())).unwrap_or_default();
        let words: Vec<_> = command.split(|byte| matches!(byte, 0 | b' ')).collect();
        let has = |flag: &str| words.contains(&flag.as_bytes());
        // Chrome draws parts of itself as pages, which are told of every title.
        has("--type=renderer") && !has("--top-chrome-webui")
    };
    let pages = parents_of
        .iter()
        .filter(|(pid, _)| is_of_main(pid) && is_renderer(pid));
    pages
        .filter_map(|(pid, _)| Some((*pid, consumed(*pid)?)))
        .collect()
}

/// Of its main thread, in nanoseconds: clock ticks are too coarse.
fn consumed(pid: Pid) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{}/schedstat", pid.as_raw_pid())).ok()?;
    stat.split(' ').next()?.parse().ok()
}

/// From `/proc/PID/stat`.
fn parent(stat: &str) -> Option<Pid> {
    // The name, in parentheses, may itself contain spaces and parentheses.
    let (_, rest) = stat.rsplit_once(") ")?;
    Pid::from_raw(rest.split(' ').nth(1)?.parse().ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_with_a_strange_name_is_read() {
        assert_eq!(parent("42 (a) b (c) R 7 42 42 0"), Pid::from_raw(7));
        assert_eq!(parent("42 (a"), None);
    }

    #[test]
    fn this_process_occupies_memory_and_has_no_pages() {
        let this = rustix::process::getpid();
        assert!(Processes::of(this).main_bytes().unwrap() > 0);
        assert!(renderers(this).is_empty());
    }
}
