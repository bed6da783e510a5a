//! Pure: what a stream is told, and what it says is to be done.

use std::time::{Duration, Instant};

use shared::session::ViewerId;

use crate::bitrate::Bitrate;
use crate::stream::downlink::{KeyframeReason, Pacesetter};
use crate::stream::estimate::Feedback;
use crate::stream::sample::Track;

/// Names a subscriber; never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SubscriberId(pub u64);

/// What becomes of a sample on its way to a subscriber. The first one is the better of two that lead to one viewer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Link {
    /// What waits can be taken back, up to the packets of a sample that has left in part.
    Packets,
    /// What was sent cannot be taken back.
    Socket,
}

/// What waits for a subscriber on our side.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Backlog {
    /// How long a sample that comes now would wait.
    pub wait: Duration,
    /// The part of it that can be taken back.
    pub queued: Duration,
    /// No further sample may be begun.
    pub is_full: bool,
}

/// What happened.
#[derive(Clone, Debug)]
pub enum Event {
    /// There is a new encoder, which makes a frame each interval at most.
    Opened {
        /// At the configured frame rate.
        frame_interval: Duration,
    },
    /// Somebody wants all samples of these tracks, as soon as it is connected.
    Joined {
        /// Who.
        subscriber: SubscriberId,
        /// Whom it shows them to; nobody's link, such as a recorder's, never sets the pace.
        viewer: Option<ViewerId>,
        /// What kind of link it has.
        link: Link,
        /// What it wants.
        tracks: &'static [Track],
    },
    /// Samples can flow; whatever was sent before is lost.
    Connected(SubscriberId),
    /// Messages can flow, too.
    ChannelOpen(SubscriberId),
    /// Nothing flows until it is connected again.
    Interrupted(SubscriberId),
    /// It is no more.
    Left(SubscriberId),
    /// It says that it cannot go on without a keyframe.
    KeyframeRequested(SubscriberId, Track),
    /// What it lacks cannot be sent again.
    Unrepairable(SubscriberId, Track),
    /// What the viewer sees is late, and it wants to see the present.
    SkipToLive(ViewerId),
    /// What waits for it now.
    Backlog(SubscriberId, Backlog),
    /// What it says of its link.
    Feedback(SubscriberId, Feedback),
    /// This viewer acts.
    PacesetterNamed(ViewerId),
    /// The encoder made one. The backlogs of its [`recipients`](crate::stream::machine::Stream::recipients) are to be told just before.
    Sample {
        /// What it is a part of.
        track: Track,
        /// It needs no other before it.
        keyframe: bool,
        /// When its picture was drawn.
        at: Instant,
        /// When the encoder began it.
        encode_began: Instant,
    },
    /// Some were lost on their way from the encoder.
    SamplesLost,
    /// A [`deadline`](crate::stream::machine::Stream::deadline) has passed.
    Time,
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// For a subscriber.
    Deliver(SubscriberId, Delivery),
    /// Whoever makes samples is told.
    Tell(Change),
}

/// What is done for a subscriber.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// The sample that has just come goes to it.
    Send {
        /// In ticks of the track's RTP clock.
        timestamp: u32,
    },
    /// What waits for it is dropped, as far as nothing of a sample has left.
    Skip,
    /// As above; and what is on its way does not count any more.
    SkipToLive,
}

/// What changes in the [`Downlink`](crate::stream::Downlink).
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// The track's next sample is to be a keyframe.
    RequestKeyframe(Track, KeyframeReason),
    /// Everybody has one by now.
    WithdrawKeyframe(Track),
    /// From when on a sample leaves at once.
    ReadyAt(Instant),
    /// What video may take of the pacesetter's link.
    Rate(Bitrate),
    /// Another one, or nobody.
    Pacesetter(Option<Pacesetter>),
    /// The pacesetter's link is known better.
    Feedback(Feedback),
}

/// Why [`Event::Time`] is to be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The encoder has made a keyframe not long ago, and is to be asked for another.
    KeyframeThrottle,
    /// A subscriber's turn to get a keyframe comes.
    SubscriberTurn,
}
