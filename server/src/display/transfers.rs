//! Pipes to and from Chrome: what it has copied, and what is pasted into it. None of them is waited for.

use std::{
    os::fd::{AsFd, OwnedFd},
    sync::Arc,
    time::{Duration, Instant},
};

use rustix::{
    event::{PollFd, PollFlags},
    fs::{OFlags, fcntl_getfl, fcntl_setfl},
    io::Errno,
};

/// All that are under way.
#[derive(Default)]
pub struct Transfers {
    readings: Vec<Reading>,
    writings: Vec<Writing>,
}

/// What Chrome writes.
struct Reading {
    format: Format,
    pipe: OwnedFd,
    bytes: Vec<u8>,
    most: usize,
    until: Instant,
    stage: Stage,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    UnderWay,
    /// All of it is here.
    Complete,
    /// It is larger than may be.
    TooLarge,
    /// Chrome has stopped in the middle: half of something is nothing.
    Broken,
}

/// What Chrome reads.
struct Writing {
    pipe: OwnedFd,
    bytes: Arc<[u8]>,
    written: usize,
    until: Instant,
}

/// A format of the clipboard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    Text,
    Html,
    Png,
}

/// What Chrome has written.
#[derive(Debug, Default)]
pub struct Received {
    pub formats: Vec<(Format, Vec<u8>)>,
    /// A format that is larger than it may be.
    pub too_large: Option<Format>,
}

/// A program that neither reads nor writes for so long has given up.
const PATIENCE: Duration = Duration::from_secs(1);
/// More at once than this is no person's doing.
const MOST: usize = 16;
/// What a pipe holds.
const CHUNK: usize = 64 * 1024;

impl Transfers {
    /// Chrome will write into the other end of `pipe`.
    pub fn read(&mut self, format: Format, pipe: OwnedFd, most: usize, now: Instant) {
        if self.readings.len() < MOST && set_nonblocking(&pipe).is_ok() {
            self.readings.push(Reading {
                format,
                pipe,
                bytes: Vec::new(),
                most,
                until: now + PATIENCE,
                stage: Stage::UnderWay,
            });
        }
    }

    /// What was begun of earlier selections is of no interest any more.
    pub fn forget_readings(&mut self) {
        self.readings.clear();
    }

    /// Chrome will read from the other end of `pipe`.
    pub fn write(&mut self, bytes: Arc<[u8]>, pipe: OwnedFd, now: Instant) {
        if self.writings.len() < MOST && set_nonblocking(&pipe).is_ok() {
            self.writings.push(Writing {
                pipe,
                bytes,
                written: 0,
                until: now + PATIENCE,
            });
        }
    }

    /// To wait for.
    pub fn fds(&self) -> impl Iterator<Item = PollFd<'_>> {
        let readings = self
            .readings
            .iter()
            .filter(|reading| reading.stage == Stage::UnderWay);
        let readings =
            readings.map(|reading| PollFd::from_borrowed_fd(reading.pipe.as_fd(), PollFlags::IN));
        let writings = self.writings.iter();
        let writings =
            writings.map(|writing| PollFd::from_borrowed_fd(writing.pipe.as_fd(), PollFlags::OUT));
        readings.chain(writings)
    }

    /// When the first of them is given up.
    pub fn deadline(&self) -> Option<Instant> {
        let readings = self
            .readings
            .iter()
            .filter(|reading| reading.stage == Stage::UnderWay);
        let readings = readings.map(|reading| reading.until);
        let writings = self.writings.iter().map(|writing| writing.until);
        readings.chain(writings).min()
    }

    /// Goes on with all of them, as far as that is possible now. Gives what Chrome has written once all of it is there.
    pub fn turn(&mut self, now: Instant) -> Option<Received> {
        self.writings.retain_mut(|writing| writing.goes_on(now));
        for reading in &mut self.readings {
            reading.go_on(now);
        }
        let mut readings = self.readings.iter();
        if self.readings.is_empty() || readings.any(|reading| reading.stage == Stage::UnderWay) {
            return None;
        }
        let mut received = Received::default();
        for reading in self.readings.drain(..) {
            match reading.stage {
                Stage::Complete => received.formats.push((reading.format, reading.bytes)),
                Stage::TooLarge => {
                    received.too_large = Some(reading.format);
                }
                Stage::UnderWay | Stage::Broken => {}
            }
        }
        Some(received)
    }
}

impl Reading {
    fn go_on(&mut self, now: Instant) {
        if self.stage != Stage::UnderWay {
            return;
        }
        let mut chunk = [0; CHUNK];
        loop {
            match rustix::io::read(&self.pipe, &mut chunk) {
                Ok(0) => self.stage = Stage::Complete,
                Ok(count) => {
                    self.bytes.extend_from_slice(&chunk[..count]);
                    self.until = now + PATIENCE;
                    if self.bytes.len() <= self.most {
                        continue;
                    }
                    self.stage = Stage::TooLarge;
                }
                Err(Errno::INTR) => continue,
                Err(Errno::AGAIN) if now < self.until => {}
                Err(_) => self.stage = Stage::Broken,
            }
            return;
        }
    }
}

impl Writing {
    fn goes_on(&mut self, now: Instant) -> bool {
        while self.written < self.bytes.len() {
            match rustix::io::write(&self.pipe, &self.bytes[self.written..]) {
                Ok(count) => {
                    self.written += count;
                    self.until = now + PATIENCE;
                }
                Err(Errno::INTR) => {}
                Err(Errno::AGAIN) => return now < self.until,
                Err(_) => return false,
            }
        }
        false
    }
}

fn set_nonblocking(pipe: &OwnedFd) -> Result<(), Errno> {
    fcntl_setfl(pipe, fcntl_getfl(pipe)? | OFlags::NONBLOCK)
}

#[cfg(test)]
mod tests {
    use rustix::pipe::pipe;

    use super::*;

    #[test]
    fn what_chrome_writes_is_read_when_all_of_it_is_there() {
        let now = Instant::now();
        let mut transfers = Transfers::default();
        let (text, chromes_text) = pipe().unwrap();
        let (html, chromes_html) = pipe().unwrap();
        transfers.read(Format::Text, text, 10, now);
        transfers.read(Format::Html, html, 10, now);
        rustix::io::write(&chromes_text, b"Hel").unwrap();
        assert!(transfers.turn(now).is_none());
        rustix::io::write(&chromes_text, b"lo").unwrap();
        drop(chromes_text);
        assert!(transfers.turn(now).is_none(), "the other format is missing");
        assert_eq!(transfers.fds().count(), 1);
        rustix::io::write(&chromes_html, b"<b>Hello</b>").unwrap();
        let read = transfers
            .turn(now)
            .expect("the other one is too long to go on");
        assert_eq!(read.formats, [(Format::Text, b"Hello".to_vec())]);
        assert_eq!(read.too_large, Some(Format::Html));
        assert!(transfers.turn(now).is_none());
    }

    #[test]
    fn chrome_is_waited_for_as_long_as_it_goes_on_and_what_it_breaks_off_is_nothing() {
        let begin = Instant::now();
        let mut transfers = Transfers::default();
        let (text, chromes) = pipe().unwrap();
        transfers.read(Format::Text, text, 10, begin);
        let later = begin + PATIENCE / 2;
        rustix::io::write(&chromes, b"x").unwrap();
        assert!(transfers.turn(later).is_none());
        assert_eq!(transfers.deadline(), Some(later + PATIENCE));
        let read = transfers.turn(later + PATIENCE).expect("it has given up");
        assert_eq!(read.formats, [], "half of something is nothing");
        assert_eq!(transfers.deadline(), None);
    }

    #[test]
    fn more_than_a_pipe_holds_is_written_as_chrome_reads() {
        let now = Instant::now();
        let mut transfers = Transfers::default();
        let bytes: Arc<[u8]> = vec![7; 3 * CHUNK + 5].into();
        let (chromes, ours) = pipe().unwrap();
        transfers.write(bytes.clone(), ours, now);
        let mut read = Vec::new();
        let mut chunk = [0; CHUNK];
        while transfers.deadline().is_some() {
            transfers.turn(now);
            let count = rustix::io::read(&chromes, &mut chunk).unwrap();
            read.extend_from_slice(&chunk[..count]);
        }
        while let Ok(count @ 1..) = rustix::io::read(&chromes, &mut chunk) {
            read.extend_from_slice(&chunk[..count]);
        }
        assert_eq!(read.len(), bytes.len());
    }

    #[test]
    fn a_reader_that_is_gone_ends_it() {
        let now = Instant::now();
        let mut transfers = Transfers::default();
        let (chromes, ours) = pipe().unwrap();
        drop(chromes);
        transfers.write(vec![7; 5].into(), ours, now);
        transfers.turn(now);
        assert_eq!(transfers.deadline(), None);
    }
}
