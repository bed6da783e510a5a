use super::*;
use proptest::prelude::*;

const RATE: Bitrate = Bitrate::kbps(4000);
const MS: Duration = Duration::from_millis(1);

/// Of 1000 bytes.
#[derive(Clone, Debug)]
struct Packet {
    sequence_number: u16,
    timestamp: u32,
}

impl MediaPacket for Packet {
    fn sequence_number(&self) -> u16 {
        self.sequence_number
    }

    fn timestamp(&self) -> u32 {
        self.timestamp
    }

    fn payload_bytes(&self) -> usize {
        1000
    }
}

fn packet(sequence_number: u16) -> Packet {
    Packet {
        sequence_number,
        timestamp: 0,
    }
}

fn retransmitted(buffer: &mut RtxBuffer<Packet>) -> Vec<u16> {
    let each = std::iter::from_fn(|| buffer.poll_retransmission());
    each.map(|again| again.packet.sequence_number).collect()
}

fn sent(numbers: std::ops::Range<u32>, at: Instant) -> RtxBuffer<Packet> {
    let mut buffer = RtxBuffer::new();
    for number in numbers {
        buffer.on_packet_sent(packet(number as u16), at);
    }
    buffer
}

#[test]
fn a_nacked_packet_is_retransmitted_once_per_round_trip() {
    let start = Instant::now();
    let mut buffer = sent(65_530..65_546, start);
    buffer.set_rtt(40 * MS);
    buffer.on_nack(2, RATE, start + 50 * MS);
    buffer.on_nack(65_531, RATE, start + 50 * MS);
    buffer.on_nack(2, RATE, start + 60 * MS);
    assert_eq!(retransmitted(&mut buffer), [2, 65_531]);
    buffer.on_nack(2, RATE, start + 95 * MS);
    assert_eq!(retransmitted(&mut buffer), [2]);
    buffer.on_rtx_sent(7, 2);
    buffer.on_rtx_acked(7);
    buffer.on_nack(2, RATE, start + 150 * MS);
    assert!(retransmitted(&mut buffer).is_empty());
    assert!(!buffer.take_unrecoverable(start + 160 * MS));
}

#[test]
fn everything_is_acked_once_retransmissions_are() {
    let start = Instant::now();
    let mut buffer = sent(0..3, start);
    assert!(!RtxBuffer::<Packet>::new().is_all_acked() && !buffer.is_all_acked());
    buffer.on_media_acked(0);
    buffer.on_media_acked(2);
    buffer.on_nack(1, RATE, start + 50 * MS);
    assert_eq!(retransmitted(&mut buffer), [1]);
    buffer.on_rtx_sent(7, 1);
    assert!(!buffer.is_all_acked());
    buffer.on_rtx_acked(7);
    assert!(buffer.is_all_acked());
    buffer.on_packet_sent(packet(3), start + 60 * MS);
    assert!(!buffer.is_all_acked());
    buffer.on_keyframe_begin();
    buffer.on_packet_sent(packet(4), start + 70 * MS);
    buffer.on_media_acked(4);
    assert!(
        buffer.is_all_acked(),
        "what came before a keyframe does not count"
    );
}

#[test]
fn duplicates_leave_unasked_unless_the_packet_is_acked() {
    let start = Instant::now();
    let mut buffer = sent(0..1, start);
    buffer.schedule_duplicates([7 * MS, 18 * MS].map(|after| start + after).into_iter());
    buffer.on_packet_sent(packet(1), start + 10 * MS);
    buffer.schedule_duplicates([17 * MS, 28 * MS].map(|after| start + after).into_iter());
    assert_eq!(buffer.next_timeout(), Some(start + 7 * MS));
    buffer.handle_timeout(start + 7 * MS);
    assert_eq!(retransmitted(&mut buffer), [0]);
    buffer.handle_timeout(start + 18 * MS);
    assert_eq!(retransmitted(&mut buffer), [1, 0]);
    buffer.on_media_acked(1);
    buffer.handle_timeout(start + 28 * MS);
    assert!(retransmitted(&mut buffer).is_empty());
}

#[test]
fn more_than_can_be_retransmitted_in_time_is_unrecoverable() {
    let start = Instant::now();
    for (missing, unrecoverable) in [(30, false), (60, true)] {
        let mut buffer = sent(0..100, start);
        (0..missing).for_each(|number| buffer.on_nack(number, RATE, start + 50 * MS));
        assert_eq!(buffer.take_unrecoverable(start + 50 * MS), unrecoverable);
    }
}

#[test]
fn an_outage_is_not_played_back() {
    let start = Instant::now();
    let mut buffer = RtxBuffer::new();
    for number in 0..20u16 {
        let mut packet = packet(number);
        packet.timestamp = u32::from(number);
        buffer.on_packet_sent(packet, start);
    }
    buffer.on_nack(5, RATE, start + 2000 * MS);
    assert!(retransmitted(&mut buffer).is_empty());
    assert!(buffer.take_unrecoverable(start + 2000 * MS));
    // The newest frame is the present, however old it is.
    buffer.on_nack(19, RATE, start + 2000 * MS);
    assert_eq!(retransmitted(&mut buffer), [19]);
}

#[test]
fn tail_loss_probes_are_sent_until_the_last_packet_is_acked() {
    let start = Instant::now();
    let mut buffer = sent(0..10, start);
    buffer.on_media_acked(8);
    let mut now = start;
    let mut times = Vec::new();
    for _ in 0..4 {
        now = buffer.next_timeout().unwrap();
        assert_eq!(buffer.take_tail_loss_probe(9), None);
        buffer.handle_timeout(now);
        assert_eq!(buffer.take_tail_loss_probe(9), Some(now));
        times.push((now - start).as_millis());
    }
    assert!(buffer.is_ambiguous(9) && !buffer.is_ambiguous(8));
    assert_eq!(times, [45, 135, 315, 675]);
    buffer.on_media_acked(9);
    buffer.handle_timeout(now + 400 * MS);
    assert_eq!(buffer.take_tail_loss_probe(9), None);
    assert_eq!(buffer.next_timeout(), None);
}

#[test]
fn a_page_that_moves_slowly_costs_no_tail_loss_probes() {
    let start = Instant::now();
    let mut buffer = RtxBuffer::new();
    for frame in 0..10u16 {
        let now = start + 70 * MS * u32::from(frame);
        buffer.handle_timeout(now);
        assert_eq!(
            buffer.take_tail_loss_probe(frame.wrapping_sub(1)).is_some(),
            frame == 1
        );
        let mut packet = packet(frame);
        packet.timestamp = u32::from(frame);
        buffer.on_packet_sent(packet, now);
    }
}

#[test]
fn a_viewer_who_never_answers_is_not_probed_for_ever() {
    let mut buffer = sent(0..3, Instant::now());
    let mut times = 0;
    while let Some(due) = buffer.next_timeout() {
        buffer.handle_timeout(due);
        times += usize::from(buffer.take_tail_loss_probe(2).is_some());
    }
    assert_eq!(times, MAX_PROBES as usize);
}

#[test]
fn what_cannot_be_recovered_in_time_is_unrecoverable_once() {
    let start = Instant::now();
    let mut buffer = sent(0..3000, start);
    buffer.on_nack(5, RATE, start);
    assert!(buffer.take_unrecoverable(start), "no longer kept");
    assert!(!buffer.take_unrecoverable(start));
    buffer.on_nack(2500, RATE, start);
    buffer.on_nack(2500, RATE, start + 240 * MS);
    assert!(!buffer.take_unrecoverable(start + 240 * MS));
    buffer.on_nack(2500, RATE, start + 260 * MS);
    assert!(buffer.take_unrecoverable(start + 260 * MS), "nacked again");
    assert!(!buffer.take_unrecoverable(start + 260 * MS));
    buffer.on_nack(2600, RATE, start + 300 * MS);
    assert!(
        !buffer.take_unrecoverable(start + 2000 * MS),
        "an unacknowledged retransmission is not treated as lost"
    );
}

#[test]
fn what_a_keyframe_replaces_is_not_retransmitted() {
    let start = Instant::now();
    let mut buffer = sent(0..100, start);
    buffer.on_nack(50, RATE, start);
    buffer.on_keyframe_begin();
    buffer.on_packet_sent(packet(100), start);
    buffer.on_nack(60, RATE, start);
    assert!(retransmitted(&mut buffer).is_empty());
    assert!(!buffer.take_unrecoverable(start + 9000 * MS));
    buffer.on_nack(100, RATE, start);
    assert_eq!(retransmitted(&mut buffer), [100]);
    buffer.on_nack(60_000, RATE, start);
    assert!(
        !buffer.take_unrecoverable(start),
        "no longer kept, and before the keyframe"
    );
}

proptest! {
    #[test]
    fn no_nack_and_no_feedback_makes_it_panic(
        steps in proptest::collection::vec((0u8..8, any::<u16>(), 0u64..500), 0..400),
    ) {
        let mut now = Instant::now();
        let (mut buffer, mut next) = (RtxBuffer::new(), 65_000u16);
        for (what, number, later) in steps {
            now += Duration::from_millis(later);
            match what {
                0..3 => {
                    buffer.on_packet_sent(packet(next), now);
                    next = next.wrapping_add(1);
                }
                3 => buffer.on_nack(number, RATE, now),
                4 if number % 2 == 0 => buffer.on_rtx_acked(number),
                4 => buffer.on_media_acked(number),
                5 => buffer.on_receiver_report(number),
                6 => buffer.send_padding(usize::from(number), now),
                _ => buffer.on_keyframe_begin(),
            }
            buffer.handle_timeout(now);
            buffer.take_unrecoverable(now);
            buffer.take_tail_loss_probe(number);
            buffer.is_ambiguous(number);
            while let Some(again) = buffer.poll_retransmission() {
                buffer.on_rtx_sent(number, again.packet.sequence_number);
            }
        }
    }
}
