//! Chrome's two debugging pipes ↔ whole messages, each ended by a zero byte (`--remote-debugging-pipe`).
//!
//! Pipes rather than a port: nobody else on this machine, and no page, can reach them.

use std::io;
use std::mem::ManuallyDrop;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::unix::pipe;

/// Where Chrome reads commands and writes answers.
const COMMANDS: i32 = 3;
const ANSWERS: i32 = 4;
/// What the child's ends are moved above, so that putting one in its place cannot overwrite the other.
const ABOVE: i32 = 10;

/// Longer ones are skipped: nothing that is asked of Chrome is answered at such length, but a page chooses its texts.
const LONGEST: usize = 16 * 1024 * 1024;

/// Our ends.
pub struct Pipe {
    pub commands: Commands,
    pub answers: Answers,
}

pub struct Commands(pipe::Sender);

pub struct Answers {
    reader: BufReader<pipe::Receiver>,
    message: Vec<u8>,
}

/// Chrome's ends, until it has been started.
pub struct ChromeEnds {
    commands: OwnedFd,
    answers: OwnedFd,
}

impl Pipe {
    pub fn new() -> io::Result<(Pipe, ChromeEnds)> {
        let (theirs, commands) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC)?;
        let (answers, ours) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC)?;
        let pipe = Pipe {
            commands: Commands(pipe::Sender::from_owned_fd(commands)?),
            answers: Answers {
                reader: BufReader::with_capacity(
                    64 * 1024,
                    pipe::Receiver::from_owned_fd(answers)?,
                ),
                message: Vec::new(),
            },
        };
        let ends = ChromeEnds {
            commands: rustix::io::fcntl_dupfd_cloexec(&theirs, ABOVE)?,
            answers: rustix::io::fcntl_dupfd_cloexec(&ours, ABOVE)?,
        };
        Ok((pipe, ends))
    }
}

impl ChromeEnds {
    /// For between fork and exec: makes system calls only.
    pub fn put_in_place(&self) -> impl FnMut() -> io::Result<()> + Send + Sync + use<> {
        let ends = [
            (self.commands.as_raw_fd(), COMMANDS),
            (self.answers.as_raw_fd(), ANSWERS),
        ];
        move || {
            for (from, to) in ends {
                // SAFETY: whoever starts Chrome keeps `ChromeEnds` until that is done, so `from` is open. What the child
                // had at `to` is a copy of something of the server's, which Chrome has no use for; it is not closed twice.
                let (from, mut to) = unsafe {
                    let to = ManuallyDrop::new(OwnedFd::from_raw_fd(to));
                    (BorrowedFd::borrow_raw(from), to)
                };
                rustix::io::dup2(from, &mut to)?;
            }
            Ok(())
        }
    }
}

impl Commands {
    pub async fn send(&mut self, mut message: Vec<u8>) -> io::Result<()> {
        message.push(0);
        self.0.write_all(&message).await
    }
}

impl Answers {
    /// The next message; `None` when Chrome has hung up. Nothing is lost when this is cancelled.
    pub async fn next(&mut self) -> io::Result<Option<Vec<u8>>> {
        loop {
            let bytes = self.reader.fill_buf().await?;
            if bytes.is_empty() {
                return Ok(None);
            }
            let end = bytes.iter().position(|byte| *byte == 0);
            let part = end.unwrap_or(bytes.len());
            // One byte more than the longest marks what is being skipped.
            let room = (LONGEST + 1).saturating_sub(self.message.len());
            self.message.extend_from_slice(&bytes[..part.min(room)]);
            self.reader.consume(part + usize::from(end.is_some()));
            if end.is_some() {
                let message = std::mem::take(&mut self.message);
                if message.len() <= LONGEST {
                    return Ok(Some(message));
                }
                tracing::debug!("a message of Chrome's is too long and skipped");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Chrome's place is taken by this end of a pipe.
    fn answers() -> (pipe::Sender, Answers) {
        let (sender, receiver) = pipe::pipe().unwrap();
        let reader = BufReader::with_capacity(16, receiver);
        (
            sender,
            Answers {
                reader,
                message: Vec::new(),
            },
        )
    }

    #[tokio::test]
    async fn messages_are_whole_however_they_are_cut() {
        let (mut chrome, mut answers) = answers();
        let write = async {
            for part in [
                &b"{\"a\""[..],
                b":1}\0{",
                b"}\0rest of a message that never ends",
            ] {
                chrome.write_all(part).await.unwrap();
            }
            drop(chrome);
        };
        let read = async {
            let mut messages = Vec::new();
            while let Some(message) = answers.next().await.unwrap() {
                messages.push(String::from_utf8(message).unwrap());
            }
            messages
        };
        let ((), messages) = tokio::join!(write, read);
        assert_eq!(messages, ["{\"a\":1}", "{}"]);
    }

    #[tokio::test]
    async fn what_is_too_long_is_skipped_and_no_more() {
        let (mut chrome, mut answers) = answers();
        let write = async {
            let long = vec![b'x'; LONGEST + 100];
            chrome.write_all(&long).await.unwrap();
            chrome.write_all(b"\0{}\0").await.unwrap();
        };
        let ((), message) = tokio::join!(write, answers.next());
        assert_eq!(message.unwrap().as_deref(), Some(&b"{}"[..]));
    }
}
