//! One TCP connection ↔ datagrams (RFC 4571: two bytes of length, then the datagram).

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::rc::Rc;

use bytes::{Buf, BytesMut};
use tokio::net::TcpStream;
use tokio::sync::{Notify, mpsc};

/// What browsers send in one frame is a datagram that would have fitted into UDP.
const MAX_DATAGRAM: usize = 2048;
/// What may wait for a slow viewer beside the kernel's own buffer: one keyframe and a little. A frame that finds more
/// waiting is not begun.
pub const BACKLOG: usize = 256 * 1024;

/// Names a connection; never used twice.
pub type LinkId = u64;

/// What a connection tells the hub.
pub enum FromLink {
    Datagram(LinkId, BytesMut),
    /// What waited has been sent.
    Drained(LinkId),
    Closed(LinkId),
}

/// The hub's end of a connection. Dropping it closes the connection.
pub struct Link {
    pub ours: SocketAddr,
    pub theirs: SocketAddr,
    wire: Rc<Wire>,
}

/// What the hub and the connection's task share; both run on the hub's thread.
struct Wire {
    stream: TcpStream,
    waiting: RefCell<VecDeque<u8>>,
    more: Notify,
    closed: Cell<bool>,
}

impl Link {
    /// Starts the task that reads, and that writes what could not be written at once.
    pub fn open(id: LinkId, stream: TcpStream, hub: mpsc::Sender<FromLink>) -> io::Result<Link> {
        stream.set_nodelay(true)?;
        let (ours, theirs) = (stream.local_addr()?, stream.peer_addr()?);
        let wire = Rc::new(Wire {
            stream,
            waiting: RefCell::default(),
            more: Notify::new(),
            closed: Cell::new(false),
        });
        tokio::task::spawn_local(serve(id, wire.clone(), hub));
        Ok(Link { ours, theirs, wire })
    }

    /// Bytes that the kernel has not taken yet.
    pub fn unsent(&self) -> usize {
        self.wire.waiting.borrow().len()
    }

    /// Whether so much waits already that another frame would only come late.
    pub fn is_behind(&self) -> bool {
        self.wire.waiting.borrow().len() > BACKLOG
    }

    /// Sends now what the kernel takes, and the rest later. One that exceeds what even a whole keyframe needs is dropped.
    pub fn send(&self, datagram: &[u8]) {
        let Ok(length) = u16::try_from(datagram.len()) else {
            return;
        };
        let length = length.to_be_bytes();
        let mut waiting = self.wire.waiting.borrow_mut();
        if waiting.len() > 4 * BACKLOG {
            return;
        }
        if !waiting.is_empty() {
            waiting.extend(length);
            waiting.extend(datagram);
            return;
        }
        let parts = [io::IoSlice::new(&length), io::IoSlice::new(datagram)];
        // An error shows itself to the reading side as well.
        let written = self.wire.stream.try_write_vectored(&parts).unwrap_or(0);
        if written < length.len() + datagram.len() {
            waiting.extend(length.iter().chain(datagram).skip(written));
            self.wire.more.notify_one();
        }
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.wire.closed.set(true);
        self.wire.more.notify_one();
    }
}

async fn serve(id: LinkId, wire: Rc<Wire>, hub: mpsc::Sender<FromLink>) {
    let mut buffer = BytesMut::with_capacity(2 * MAX_DATAGRAM);
    while !wire.closed.get() {
        let has_waiting = !wire.waiting.borrow().is_empty();
        let went_on = tokio::select! {
            ready = wire.stream.readable() => match ready {
                Ok(()) => read(id, &wire, &mut buffer, &hub).await,
                Err(_) => false,
            },
            ready = wire.stream.writable(), if has_waiting => match ready {
                Ok(()) => match write(&wire) {
                    Ok(true) => hub.send(FromLink::Drained(id)).await.is_ok(),
                    Ok(false) => true,
                    Err(_) => false,
                },
                Err(_) => false,
            },
            () = wire.more.notified() => true,
        };
        if !went_on {
            break;
        }
    }
    // Fails only when the hub is gone.
    let _ = hub.send(FromLink::Closed(id)).await;
}

/// `false` when the connection is over or breaks the framing.
async fn read(
    id: LinkId,
    wire: &Wire,
    buffer: &mut BytesMut,
    hub: &mpsc::Sender<FromLink>,
) -> bool {
    buffer.reserve(2 * MAX_DATAGRAM);
    match wire.stream.try_read_buf(buffer) {
        Ok(0) => return false,
        Ok(_) => {}
        Err(error) => return error.kind() == ErrorKind::WouldBlock,
    }
    while let Some(datagram) = next_datagram(buffer) {
        let Ok(datagram) = datagram else { return false };
        // While the hub is busy the kernel's buffer fills and the sender waits.
        if hub.send(FromLink::Datagram(id, datagram)).await.is_err() {
            return false;
        }
    }
    true
}

/// `Ok(true)` when nothing waits any more.
fn write(wire: &Wire) -> io::Result<bool> {
    let mut waiting = wire.waiting.borrow_mut();
    loop {
        let (front, _) = waiting.as_slices();
        if front.is_empty() {
            return Ok(true);
        }
        match wire.stream.try_write(front) {
            Ok(written) => drop(waiting.drain(..written)),
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
            Err(error) => return Err(error),
        }
    }
}

/// No datagram is so long: the stream is something else.
pub(super) struct TooLong;

/// Takes the first whole datagram off the buffer. Says that one is too long before having read it.
pub(super) fn next_datagram(buffer: &mut BytesMut) -> Option<Result<BytesMut, TooLong>> {
    let length = usize::from(u16::from_be_bytes(*buffer.first_chunk()?));
    if length > MAX_DATAGRAM {
        return Some(Err(TooLong));
    }
    if buffer.len() < 2 + length {
        return None;
    }
    buffer.advance(2);
    Some(Ok(buffer.split_to(length)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn datagrams_are_whole_however_the_stream_was_cut(
            datagrams in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..50), 0..20),
            cut in 1usize..40,
        ) {
            let mut stream = Vec::new();
            for datagram in &datagrams {
                stream.extend(u16::try_from(datagram.len()).unwrap().to_be_bytes());
                stream.extend(datagram);
            }
            let (mut buffer, mut read) = (BytesMut::new(), Vec::new());
            for piece in stream.chunks(cut) {
                buffer.extend_from_slice(piece);
                while let Some(Ok(datagram)) = next_datagram(&mut buffer) {
                    read.push(datagram.to_vec());
                }
            }
            prop_assert_eq!(read, datagrams);
        }
    }

    #[test]
    fn a_huge_frame_is_refused_by_its_length() {
        let mut buffer = BytesMut::from(&b"GET / HTTP/1.1\r\n"[..]);
        assert!(matches!(next_datagram(&mut buffer), Some(Err(TooLong))));
    }
}
