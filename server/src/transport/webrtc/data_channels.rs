//! The two data channels of a connection: `control`, reliable and ordered; `moves`, where only the newest message counts.

use std::time::Instant;

use bytes::BytesMut;
use rtc::data_channel::RTCDataChannelId;
use rtc::peer_connection::RTCPeerConnection;
use shared::message::channel;

use crate::transport::output::Event;

/// The two there are, and the same again while a page reopens them. More is an attack.
const MAX_CHANNELS: usize = 8;
/// Bytes of messages that the viewer has not acknowledged yet. The largest message is a session's state, some kilobytes.
const MAX_BUFFERED: usize = 4 * 1024 * 1024;

/// Which data channels the viewer has opened.
#[derive(Default)]
pub struct DataChannels {
    control: Option<RTCDataChannelId>,
    moves: Option<RTCDataChannelId>,
    opened: usize,
}

impl DataChannels {
    /// The viewer opened a channel. One with an unknown label is closed.
    pub fn on_open(&mut self, rtc: &mut RTCPeerConnection, id: RTCDataChannelId) -> Option<Event> {
        self.opened += 1;
        if self.opened > MAX_CHANNELS {
            return Some(Event::Ended("the viewer opened too many data channels"));
        }
        let mut opened = rtc.data_channel(id)?;
        match opened.label() {
            channel::CONTROL => {
                self.control = Some(id);
                return Some(Event::ControlOpen);
            }
            channel::MOVES => self.moves = Some(id),
            _ => {
                let _ = opened.close();
            }
        }
        None
    }

    /// A channel was closed. A browser that closes the whole connection says no more than this.
    pub fn on_close(&self, id: RTCDataChannelId) -> Option<Event> {
        (Some(id) == self.control).then_some(Event::Ended("the viewer left"))
    }

    /// A message came on a channel; on any but the two it is ignored.
    pub fn on_message(&self, id: RTCDataChannelId, data: BytesMut) -> Option<Event> {
        let droppable = Some(id) == self.moves;
        (droppable || Some(id) == self.control).then(|| Event::Message {
            bytes: data.freeze(),
            droppable,
        })
    }

    /// Sends on `control`; drops the message while that is not open. `Err` when the viewer has stopped taking messages.
    pub fn send(
        &self,
        rtc: &mut RTCPeerConnection,
        message: &[u8],
        now: Instant,
    ) -> Result<(), &'static str> {
        let Some(mut channel) = self.control.and_then(|id| rtc.data_channel(id)) else {
            return Ok(());
        };
        if channel.outstanding_bytes() + message.len() > MAX_BUFFERED {
            return Err("the viewer does not take its messages");
        }
        if let Err(error) = channel.send(now, BytesMut::from(message)) {
            tracing::debug!(%error, "a message could not be sent");
        }
        Ok(())
    }
}
