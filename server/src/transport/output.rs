//! What comes out of a viewer's transport, be it a WebRTC connection or a web socket.

use bytes::Bytes;

use crate::stream::Feedback;
use crate::transport::TransportKind;
use crate::transport::datagram::Datagram;

/// In the order in which it came out.
pub enum Output {
    /// To be sent now.
    Datagram(Datagram),
    /// Something happened.
    Event(Event),
}

/// What happened on a transport.
pub enum Event {
    /// Frames can be sent from now on; whatever was sent before is lost.
    Connected(TransportKind),
    /// ICE selected a candidate pair of another transport protocol.
    TransportChanged(TransportKind),
    /// The viewer asks for a keyframe, and lacks something as far as is known.
    KeyframeNeeded,
    /// What was lost cannot be recovered any more: the viewer can show nothing but a keyframe.
    Unrecoverable,
    /// Messages can be sent from now on.
    ControlOpen,
    /// A message of the viewer, who may be hostile.
    Message {
        /// As it was sent.
        bytes: Bytes,
        /// It came on the channel where only the newest message counts.
        droppable: bool,
    },
    /// What is newly known of the path.
    Feedback(Feedback),
    /// The transport is over. Why, for the log.
    Ended(&'static str),
}
