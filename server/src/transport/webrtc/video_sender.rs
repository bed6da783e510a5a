//! Frames in RTP payloads → the pacer → RTP packets; feedback about them → events.

use std::time::{Duration, Instant};

use bytes::Bytes;
use rtc::peer_connection::RTCPeerConnection;
use rtc::rtp;

use crate::congestion::pacer::Pacer;
use crate::congestion::sender_state::SenderState;
use crate::stream::{Estimate, Feedback};
use crate::sync::lock;
use crate::transport::output::Event;
use crate::transport::webrtc::pli_filter::KeyframeRequests;
use crate::transport::webrtc::send_queue::{self, QueuedPacket};
use crate::transport::webrtc::setup::SentTrack;
use crate::transport::webrtc::shared_state::SharedState;

/// Minimum and maximum playout delay 0: each frame is shown at once. Without it Chromium's jitter buffer holds frames for
/// 12 ms.
static NO_PLAYOUT_DELAY: Bytes = Bytes::from_static(&[0, 0, 0]);
/// While the congestion window is full, a frame waits for an unknown time: until feedback comes, at least this is assumed.
const WINDOW_FULL_BACKLOG: Duration = Duration::from_secs(1);

/// Numbers that the viewer's browser chose.
#[derive(Clone, Copy, Default)]
pub struct RtpFormat {
    /// Of H.264.
    pub payload_type: u8,
    /// Id of the playout delay header extension, if it was agreed.
    pub playout_delay: Option<u8>,
}

/// Sends the one video track.
pub struct VideoSender {
    track: SentTrack,
    format: RtpFormat,
    next_sequence_number: u16,
    pacer: Pacer<QueuedPacket>,
    keyframe_requests: KeyframeRequests,
    state: SharedState,
}

impl VideoSender {
    /// Nothing may be sent before [`VideoSender::set_format`].
    pub fn new(track: SentTrack, state: SharedState, now: Instant) -> VideoSender {
        VideoSender {
            format: RtpFormat::default(),
            // RFC 3550 §5.1: unpredictable, as the lower bits of a random SSRC are.
            next_sequence_number: (track.ssrc & 0x7fff) as u16,
            track,
            pacer: Pacer::new(now),
            keyframe_requests: KeyframeRequests::default(),
            state,
        }
    }

    /// What the newest answer agreed.
    pub fn set_format(&mut self, format: RtpFormat) {
        self.format = format;
    }

    /// Queues one frame; it leaves as soon as the send budget allows.
    pub fn queue_frame(&mut self, payloads: &[Bytes], timestamp: u32, keyframe: bool) {
        send_queue::push_frame(&mut self.pacer, payloads, timestamp, keyframe);
    }

    /// Drops all that is queued.
    pub fn clear(&mut self) {
        self.pacer.retain(|_| false);
    }

    /// Drops the frames of which nothing has left yet.
    pub fn drop_unsent_frames(&mut self) {
        send_queue::drop_unsent_frames(&mut self.pacer);
    }

    /// Drops all before the newest keyframe. `false` if there is none: then everything is dropped.
    pub fn drop_before_keyframe(&mut self) -> bool {
        send_queue::drop_before_keyframe(&mut self.pacer)
    }

    /// Drops the frames of which nothing has left yet, and does not count what is in flight any more.
    pub fn skip_to_live(&mut self) {
        self.drop_unsent_frames();
        lock(&self.state).sender.clear_in_flight();
    }

    /// How long a frame that is queued now waits before it leaves.
    pub fn backlog(&self, now: Instant) -> Duration {
        let budget = lock(&self.state).sender.send_budget(now);
        let queue_time = self.pacer.queue_time(&budget, now);
        match budget.available_window {
            0 => queue_time.max(WINDOW_FULL_BACKLOG),
            _ => queue_time,
        }
    }

    /// How long the path takes for what is queued.
    pub fn queue_time(&self) -> Duration {
        self.time_for(self.pacer.queued_bytes())
    }

    /// How long the path takes for this many bytes.
    pub fn time_for(&self, bytes: usize) -> Duration {
        lock(&self.state).sender.estimate().time_for(bytes)
    }

    /// Packets take another path from now on.
    pub fn on_path_change(&mut self, now: Instant) {
        lock(&self.state).sender.on_path_change(now);
    }

    /// When [`VideoSender::send_due`] must be called next.
    pub fn next_timeout(&self, now: Instant) -> Option<Instant> {
        let state = lock(&self.state);
        let budget = state.sender.send_budget(now);
        let paced = self.pacer.next_send_time(&budget, now);
        paced
            .into_iter()
            .chain(state.sender.rtx.next_timeout())
            .min()
    }

    /// Sends what may leave now, and lets the retransmissions that are due go.
    pub fn send_due(&mut self, rtc: &mut RTCPeerConnection, now: Instant) {
        let probe = {
            let sender = &mut lock(&self.state).sender;
            sender.rtx.handle_timeout(now);
            self.pacer.charge(sender.take_unpaced_bytes());
            let has_any = !self.pacer.is_empty();
            has_any.then(|| sender.begin_probe(now)).flatten()
        };
        if let Some(bytes) = probe {
            self.send_probe(rtc, bytes, now);
        }
        loop {
            let budget = lock(&self.state).sender.send_budget(now);
            let Some(packet) = self.pacer.pop(&budget, now) else {
                break;
            };
            self.send(rtc, packet, now);
        }
    }

    fn send_probe(&mut self, rtc: &mut RTCPeerConnection, mut bytes: usize, now: Instant) {
        while bytes > 0
            && let Some(packet) = self.pacer.pop_for_probe()
        {
            bytes = bytes.saturating_sub(packet.bytes());
            self.send(rtc, packet, now);
        }
        lock(&self.state).sender.rtx.send_padding(bytes, now);
    }

    fn send(&mut self, rtc: &mut RTCPeerConnection, queued: QueuedPacket, now: Instant) {
        let Some(mut sender) = rtc.rtp_sender(self.track.sender) else {
            return;
        };
        let sequence_number = self.next_sequence_number;
        self.next_sequence_number = sequence_number.wrapping_add(1);
        let mut header = rtp::Header {
            version: 2,
            marker: queued.last,
            payload_type: self.format.payload_type,
            sequence_number,
            timestamp: queued.timestamp,
            ssrc: self.track.ssrc,
            ..rtp::Header::default()
        };
        if let Some(id) = self.format.playout_delay {
            // Refused only for ids above 14, which browsers do not choose.
            let _ = header.set_extension(id, NO_PLAYOUT_DELAY.clone());
        }
        if queued.first && queued.keyframe {
            lock(&self.state).sender.rtx.on_keyframe_begin();
        }
        let packet = rtp::Packet {
            header,
            payload: queued.payload,
        };
        if let Err(error) = sender.write_rtp(now, packet) {
            tracing::debug!(%error, "an RTP packet could not be sent");
        }
        if queued.last {
            self.keyframe_requests
                .on_frame_sent(sequence_number, queued.keyframe, now);
        }
    }

    /// What feedback has told since the last call.
    pub fn poll_events(&mut self, now: Instant, mut put: impl FnMut(Event)) {
        let (requested, is_all_acked, unrecoverable, reports, estimate) = {
            let state = &mut *lock(&self.state);
            (
                std::mem::take(&mut state.keyframe_requested),
                state.sender.rtx.is_all_acked(),
                state.sender.rtx.take_unrecoverable(now),
                std::mem::take(&mut state.reception_reports),
                state
                    .sender
                    .take_has_new_feedback()
                    .then(|| self.estimate(&state.sender, now)),
            )
        };
        for report in &reports {
            self.keyframe_requests
                .on_receiver_report(report.highest, report.total_lost, now);
            if self.keyframe_requests.has_last_packet() {
                // A browser that stood still for a while never sends the transport-wide feedback of that time.
                lock(&self.state).sender.clear_in_flight();
            }
        }
        let is_keyframe_next = self.pacer.front().is_some_and(|packet| packet.keyframe);
        match () {
            () if is_keyframe_next => {}
            () if unrecoverable => put(Event::Unrecoverable),
            () if requested && self.keyframe_requests.on_request(is_all_acked, now) => {
                put(Event::KeyframeNeeded);
            }
            () => {}
        }
        let reports = reports.into_iter().map(|report| Feedback {
            loss: Some(report.loss),
            round_trip: report.rtt,
            estimate: None,
        });
        let estimate = estimate.map(|estimate| Feedback {
            estimate: Some(estimate),
            ..Feedback::default()
        });
        for feedback in reports.chain(estimate) {
            tracing::trace!(?feedback, "RTCP feedback");
            put(Event::Feedback(feedback));
        }
    }

    fn estimate(&self, sender: &SenderState<rtp::Packet>, now: Instant) -> Estimate {
        Estimate {
            bitrate: sender.estimate(),
            backlog: self.pacer.queue_time(&sender.send_budget(now), now),
            queuing_delay: sender.queuing_delay(),
            acked_bitrate: sender.acked_bitrate(now),
            duplicates: sender.duplicates(),
        }
    }
}
