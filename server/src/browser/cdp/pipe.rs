//! Chrome's two debugging pipes (`--remote-debugging-pipe`) ↔ whole messages, each ended by a zero byte.
//!
//! Pipes rather than a port: nobody else on this machine, and no page, can reach them.

use std::io;
use std::mem::ManuallyDrop;
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::unix::pipe;

/// The descriptors from which Chrome reads, and to which it writes.
const CHROME_READS: i32 = 3;
const CHROME_WRITES: i32 = 4;
/// The child's ends are duplicated to descriptors above these, so that installing one cannot overwrite the other.
const FIRST_FREE: i32 = 10;

/// Longer messages are skipped: no response that is waited for is that long, but a page chooses its texts.
const MAX_MESSAGE: usize = 16 * 1024 * 1024;

/// The server's ends.
pub struct Pipe {
    pub(super) writer: Writer,
    pub(super) reader: Reader,
}

pub(super) struct Writer(pipe::Sender);

pub(super) struct Reader {
    reader: BufReader<pipe::Receiver>,
    message: Vec<u8>,
}

/// Chrome's ends, until it has been started.
pub struct ChildEnds {
    reads: OwnedFd,
    writes: OwnedFd,
}

impl Pipe {
    /// Both ends of both pipes, closed on exec.
    pub fn new() -> io::Result<(Pipe, ChildEnds)> {
        let (child_reads, writer) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC)?;
        let (reader, child_writes) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC)?;
        let pipe = Pipe {
            writer: Writer(pipe::Sender::from_owned_fd(writer)?),
            reader: Reader {
                reader: BufReader::with_capacity(64 * 1024, pipe::Receiver::from_owned_fd(reader)?),
                message: Vec::new(),
            },
        };
        let ends = ChildEnds {
            reads: rustix::io::fcntl_dupfd_cloexec(&child_reads, FIRST_FREE)?,
            writes: rustix::io::fcntl_dupfd_cloexec(&child_writes, FIRST_FREE)?,
        };
        Ok((pipe, ends))
    }
}

impl ChildEnds {
    /// To be called between fork and exec: makes system calls only.
    pub fn install(&self) -> impl FnMut() -> io::Result<()> + Send + Sync + use<> {
        let ends = [
            (self.reads.as_raw_fd(), CHROME_READS),
            (self.writes.as_raw_fd(), CHROME_WRITES),
        ];
        move || {
            for (from, to) in ends {
                // SAFETY: whoever starts Chrome keeps `ChildEnds` until that is done, so `from` is open. What the child
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

impl Writer {
    pub(super) async fn send(&mut self, mut message: Vec<u8>) -> io::Result<()> {
        message.push(0);
        self.0.write_all(&message).await
    }
}

impl Reader {
    /// The next message; `None` when Chrome has closed the pipe. Cancel safe.
    pub(super) async fn next(&mut self) -> io::Result<Option<Vec<u8>>> {
        loop {
            let bytes = self.reader.fill_buf().await?;
            if bytes.is_empty() {
                return Ok(None);
            }
            let end = bytes.iter().position(|byte| *byte == 0);
            let part = end.unwrap_or(bytes.len());
            // One byte more than the maximum marks a message that is being skipped.
            let room = (MAX_MESSAGE + 1).saturating_sub(self.message.len());
            self.message.extend_from_slice(&bytes[..part.min(room)]);
            self.reader.consume(part + usize::from(end.is_some()));
            if end.is_some() {
                let message = std::mem::take(&mut self.message);
                if message.len() <= MAX_MESSAGE {
                    return Ok(Some(message));
                }
                tracing::debug!(max = MAX_MESSAGE, "skipping a CDP message that is too long");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The sender takes Chrome's place.
    fn pipe_with_reader() -> (pipe::Sender, Reader) {
        let (sender, receiver) = pipe::pipe().unwrap();
        let reader = BufReader::with_capacity(16, receiver);
        (
            sender,
            Reader {
                reader,
                message: Vec::new(),
            },
        )
    }

    #[tokio::test]
    async fn messages_are_whole_however_they_are_cut() {
        let (mut chrome, mut messages) = pipe_with_reader();
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
            let mut whole = Vec::new();
            while let Some(message) = messages.next().await.unwrap() {
                whole.push(String::from_utf8(message).unwrap());
            }
            whole
        };
        let ((), whole) = tokio::join!(write, read);
        assert_eq!(whole, ["{\"a\":1}", "{}"]);
    }

    #[tokio::test]
    async fn what_is_too_long_is_skipped_and_no_more() {
        let (mut chrome, mut messages) = pipe_with_reader();
        let write = async {
            let long = vec![b'x'; MAX_MESSAGE + 100];
            chrome.write_all(&long).await.unwrap();
            chrome.write_all(b"\0{}\0").await.unwrap();
        };
        let ((), message) = tokio::join!(write, messages.next());
        assert_eq!(message.unwrap().as_deref(), Some(&b"{}"[..]));
    }
}
