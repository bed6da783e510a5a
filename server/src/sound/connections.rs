//! Chrome's connections to its PulseAudio server: bytes ↔ messages.

use std::collections::HashMap;

use pulseaudio::protocol::{DESCRIPTOR_SIZE, read_descriptor};
use tokio::io::AsyncReadExt;
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::pulse::ClientId;

/// Of one Chrome: it has one for each stream that a page plays, and one beside them.
const MOST: usize = 128;
/// A second of eight channels: more than any stream is asked for.
const LONGEST: u32 = 48_000 * 8 * 4;

/// What came on a connection.
pub enum Received {
    /// A whole one.
    Message {
        /// Of a stream, or [`pulse::COMMAND`](super::pulse::COMMAND).
        channel: u32,
        payload: Vec<u8>,
    },
    /// Nothing more comes.
    End,
}

pub struct Connections {
    open: HashMap<ClientId, Connection>,
    received: mpsc::Sender<(ClientId, Received)>,
    next: ClientId,
}

struct Connection {
    writer: OwnedWriteHalf,
    reader: JoinHandle<()>,
}

impl Connections {
    /// What comes is told to `received`.
    pub fn new(received: mpsc::Sender<(ClientId, Received)>) -> Connections {
        Connections {
            open: HashMap::new(),
            received,
            next: 0,
        }
    }

    /// `None` if there are too many.
    pub fn add(&mut self, stream: UnixStream) -> Option<ClientId> {
        if self.open.len() >= MOST {
            tracing::debug!("too many connections for sound");
            return None;
        }
        let id = self.next;
        self.next += 1;
        let (reader, writer) = stream.into_split();
        let reader = tokio::task::spawn_local(read(id, reader, self.received.clone()));
        self.open.insert(id, Connection { writer, reader });
        Some(id)
    }

    /// `false` if it does not take what is sent: Chrome always does.
    pub fn send(&self, id: ClientId, bytes: &[u8]) -> bool {
        let connection = self.open.get(&id);
        connection.is_none_or(|connection| {
            let written = connection.writer.try_write(bytes);
            written.is_ok_and(|written| written == bytes.len())
        })
    }

    pub fn remove(&mut self, id: ClientId) {
        self.open.remove(&id);
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.reader.abort();
    }
}

async fn read(
    id: ClientId,
    mut reader: OwnedReadHalf,
    received: mpsc::Sender<(ClientId, Received)>,
) {
    loop {
        let message = match message(&mut reader).await {
            Some((channel, payload)) => Received::Message { channel, payload },
            None => Received::End,
        };
        let is_end = matches!(message, Received::End);
        if received.send((id, message)).await.is_err() || is_end {
            return;
        }
    }
}

/// `None` at its end, or if it is not a message.
async fn message(reader: &mut OwnedReadHalf) -> Option<(u32, Vec<u8>)> {
    let mut head = [0; DESCRIPTOR_SIZE];
    reader.read_exact(&mut head).await.ok()?;
    let descriptor = read_descriptor(&mut &head[..]).ok()?;
    if descriptor.length > LONGEST {
        return None;
    }
    let mut payload = vec![0; descriptor.length as usize];
    reader.read_exact(&mut payload).await.ok()?;
    Some((descriptor.channel, payload))
}
