//! ICE over TCP (RFC 6544): one TCP connection ↔ datagrams, each framed by two bytes of length (RFC 4571).

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::rc::Rc;

use bytes::{Buf, BytesMut};
use tokio::net::TcpStream;
use tokio::sync::{Notify, mpsc};

/// Bytes of a received datagram. What browsers frame would have fitted into a UDP packet.
const MAX_DATAGRAM: usize = 2048;
/// Bytes that may wait for a slow viewer beside the kernel's own buffer: one keyframe and a little. While more waits, no
/// frame is begun.
pub const BACKLOG: usize = 256 * 1024;

/// Names a connection; never used twice.
pub type TcpConnectionId = u64;

/// What a connection tells the hub.
pub enum FromTcp {
    /// A datagram came, without its framing.
    Datagram(TcpConnectionId, BytesMut),
    /// The kernel has taken all that waited.
    Drained(TcpConnectionId),
    /// The connection is over.
    Closed(TcpConnectionId),
}

/// The hub's end of a connection. Dropping it closes the connection.
pub struct TcpConnection {
    /// Our address.
    pub ours: SocketAddr,
    /// The viewer's address.
    pub theirs: SocketAddr,
    shared: Rc<Shared>,
}

/// What the hub and the connection's task share; both run on the hub's thread.
struct Shared {
    stream: TcpStream,
    waiting: RefCell<VecDeque<u8>>,
    more: Notify,
    closed: Cell<bool>,
}

impl TcpConnection {
    /// Starts the task that reads, and that writes what could not be written at once.
    pub fn open(
        id: TcpConnectionId,
        stream: TcpStream,
        hub: mpsc::Sender<FromTcp>,
    ) -> io::Result<TcpConnection> {
        stream.set_nodelay(true)?;
        let (ours, theirs) = (stream.local_addr()?, stream.peer_addr()?);
        let shared = Rc::new(Shared {
            stream,
            waiting: RefCell::default(),
            more: Notify::new(),
            closed: Cell::new(false),
        });
        tokio::task::spawn_local(serve(id, shared.clone(), hub));
        Ok(TcpConnection {
            ours,
            theirs,
            shared,
        })
    }

    /// Bytes that the kernel has not taken yet.
    pub fn unsent(&self) -> usize {
        self.shared.waiting.borrow().len()
    }

    /// So much waits that another frame would only come late.
    pub fn is_behind(&self) -> bool {
        self.shared.waiting.borrow().len() > BACKLOG
    }

    /// Sends what the kernel takes now, and the rest later. Dropped while more waits than a whole keyframe needs, or if it is
    /// longer than the framing can say.
    pub fn send(&self, datagram: &[u8]) {
        let Ok(length) = u16::try_from(datagram.len()) else {
            return;
        };
        let length = length.to_be_bytes();
        let mut waiting = self.shared.waiting.borrow_mut();
        if waiting.len() > 4 * BACKLOG {
            return;
        }
        if !waiting.is_empty() {
            waiting.extend(length);
            waiting.extend(datagram);
            return;
        }
        let parts = [io::IoSlice::new(&length), io::IoSlice::new(datagram)];
        // The reading side sees the error as well.
        let written = self.shared.stream.try_write_vectored(&parts).unwrap_or(0);
        if written < length.len() + datagram.len() {
            waiting.extend(length.iter().chain(datagram).skip(written));
            self.shared.more.notify_one();
        }
    }
}

impl Drop for TcpConnection {
    fn drop(&mut self) {
        self.shared.closed.set(true);
        self.shared.more.notify_one();
    }
}

async fn serve(id: TcpConnectionId, shared: Rc<Shared>, hub: mpsc::Sender<FromTcp>) {
    let mut buffer = BytesMut::with_capacity(2 * MAX_DATAGRAM);
    while !shared.closed.get() {
        let has_waiting = !shared.waiting.borrow().is_empty();
        let goes_on = tokio::select! {
            ready = shared.stream.readable() => match ready {
                Ok(()) => read(id, &shared, &mut buffer, &hub).await,
                Err(_) => false,
            },
            ready = shared.stream.writable(), if has_waiting => match ready {
                Ok(()) => match write(&shared) {
                    Ok(true) => hub.send(FromTcp::Drained(id)).await.is_ok(),
                    Ok(false) => true,
                    Err(_) => false,
                },
                Err(_) => false,
            },
            () = shared.more.notified() => true,
        };
        if !goes_on {
            break;
        }
    }
    // Fails only when the hub is gone.
    let _ = hub.send(FromTcp::Closed(id)).await;
}

/// `false` when the connection is over or breaks the framing.
async fn read(
    id: TcpConnectionId,
    shared: &Shared,
    buffer: &mut BytesMut,
    hub: &mpsc::Sender<FromTcp>,
) -> bool {
    buffer.reserve(2 * MAX_DATAGRAM);
    match shared.stream.try_read_buf(buffer) {
        Ok(0) => return false,
        Ok(_) => {}
        Err(error) => return error.kind() == ErrorKind::WouldBlock,
    }
    while let Some(datagram) = next_datagram(buffer) {
        let Ok(datagram) = datagram else { return false };
        // While the hub is busy the kernel's buffer fills and the sender waits.
        if hub.send(FromTcp::Datagram(id, datagram)).await.is_err() {
            return false;
        }
    }
    true
}

/// `Ok(true)` when nothing waits any more.
fn write(shared: &Shared) -> io::Result<bool> {
    let mut waiting = shared.waiting.borrow_mut();
    loop {
        let (front, _) = waiting.as_slices();
        if front.is_empty() {
            return Ok(true);
        }
        match shared.stream.try_write(front) {
            Ok(written) => drop(waiting.drain(..written)),
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
            Err(error) => return Err(error),
        }
    }
}

/// The framing announces a datagram that no browser sends.
#[derive(Debug, PartialEq)]
pub(super) struct TooLong;

/// Takes the first whole datagram off the buffer; `None` until it is whole. That one is too long is known by its length
/// alone.
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

    fn framed(datagrams: &[Vec<u8>]) -> Vec<u8> {
        let frame = |datagram: &Vec<u8>| {
            let length = u16::try_from(datagram.len()).unwrap().to_be_bytes();
            [&length[..], datagram].concat()
        };
        datagrams.iter().flat_map(frame).collect()
    }

    /// What is read when the stream arrives in these pieces, and whether it broke the framing.
    fn read<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> (Vec<Vec<u8>>, bool) {
        let (mut buffer, mut datagrams) = (BytesMut::new(), Vec::new());
        for piece in pieces {
            buffer.extend_from_slice(piece);
            while let Some(datagram) = next_datagram(&mut buffer) {
                let Ok(datagram) = datagram else {
                    return (datagrams, true);
                };
                datagrams.push(datagram.to_vec());
            }
        }
        (datagrams, false)
    }

    proptest! {
        #[test]
        fn datagrams_are_whole_however_the_stream_was_cut(
            datagrams in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..50), 0..20),
            cut in 1usize..40,
        ) {
            let stream = framed(&datagrams);
            prop_assert_eq!(read(stream.chunks(cut)), (datagrams, false));
        }

        #[test]
        fn any_bytes_are_read_alike_however_they_were_cut(
            stream in proptest::collection::vec(prop_oneof![0u8..9, any::<u8>()], 0..300),
            at in any::<proptest::sample::Index>(),
        ) {
            let (head, tail) = stream.split_at(at.index(stream.len() + 1));
            let whole = read([&stream[..]].into_iter());
            prop_assert_eq!(read([head, tail].into_iter()), whole.clone());
            prop_assert_eq!(read(stream.chunks(1)), whole);
        }
    }

    #[test]
    fn a_huge_frame_is_refused_by_its_length() {
        let mut buffer = BytesMut::from(&b"GET / HTTP/1.1\r\n"[..]);
        assert!(matches!(next_datagram(&mut buffer), Some(Err(TooLong))));
    }
}
