use super::*;
use proptest::prelude::*;
use rtc::rtp::Header;

const RATE: Bitrate = Bitrate::kbps(4000);
const MS: Duration = Duration::from_millis(1);

fn packet(sequence_number: u16) -> Packet {
    Packet {
        header: Header {
            sequence_number,
            ..Header::default()
        },
        payload: vec![0; 1000].into(),
    }
}

fn repeated(repeats: &mut RtxBuffer) -> Vec<u16> {
    let each = std::iter::from_fn(|| repeats.take());
    each.map(|again| again.packet.header.sequence_number)
        .collect()
}

fn sent(numbers: std::ops::Range<u32>, at: Instant) -> RtxBuffer {
    let mut repeats = RtxBuffer::new();
    for number in numbers {
        repeats.sent(packet(number as u16), at);
    }
    repeats
}

#[test]
fn what_is_missed_is_repeated_once_per_round_trip() {
    let start = Instant::now();
    let mut repeats = sent(65_530..65_546, start);
    repeats.measured(40 * MS);
    repeats.missed(2, RATE, start + 50 * MS);
    repeats.missed(65_531, RATE, start + 50 * MS);
    repeats.missed(2, RATE, start + 60 * MS);
    assert_eq!(repeated(&mut repeats), [2, 65_531]);
    repeats.missed(2, RATE, start + 95 * MS);
    assert_eq!(repeated(&mut repeats), [2]);
    repeats.numbered(7, 2);
    repeats.arrived(7, true);
    repeats.missed(2, RATE, start + 150 * MS);
    assert!(repeated(&mut repeats).is_empty());
    assert!(!repeats.take_hopeless(start + 160 * MS));
}

#[test]
fn everything_has_arrived_when_what_was_lost_has_been_repeated() {
    let start = Instant::now();
    let mut repeats = sent(0..3, start);
    assert!(!RtxBuffer::new().has_all() && !repeats.has_all());
    repeats.arrived(0, false);
    repeats.arrived(2, false);
    repeats.missed(1, RATE, start + 50 * MS);
    assert_eq!(repeated(&mut repeats), [1]);
    repeats.numbered(7, 1);
    assert!(!repeats.has_all());
    repeats.arrived(7, true);
    assert!(repeats.has_all());
    repeats.sent(packet(3), start + 60 * MS);
    assert!(!repeats.has_all());
    repeats.keyframe_begins();
    repeats.sent(packet(4), start + 70 * MS);
    repeats.arrived(4, false);
    assert!(
        repeats.has_all(),
        "what came before a keyframe does not count"
    );
}

#[test]
fn copies_leave_unasked_unless_the_packet_has_arrived() {
    let start = Instant::now();
    let mut repeats = sent(0..1, start);
    repeats.copy_last([7 * MS, 18 * MS].map(|after| start + after).into_iter());
    repeats.sent(packet(1), start + 10 * MS);
    repeats.copy_last([17 * MS, 28 * MS].map(|after| start + after).into_iter());
    assert_eq!(repeats.due(), Some(start + 7 * MS));
    repeats.handle_timeout(start + 7 * MS);
    assert_eq!(repeated(&mut repeats), [0]);
    repeats.handle_timeout(start + 18 * MS);
    assert_eq!(repeated(&mut repeats), [1, 0]);
    repeats.arrived(1, false);
    repeats.handle_timeout(start + 28 * MS);
    assert!(repeated(&mut repeats).is_empty());
}

#[test]
fn more_than_can_be_repeated_in_time_is_hopeless() {
    let start = Instant::now();
    for (missing, hopeless) in [(30, false), (60, true)] {
        let mut repeats = sent(0..100, start);
        (0..missing).for_each(|number| repeats.missed(number, RATE, start + 50 * MS));
        assert_eq!(repeats.take_hopeless(start + 50 * MS), hopeless);
    }
}

#[test]
fn an_outage_is_not_played_back() {
    let start = Instant::now();
    let mut repeats = RtxBuffer::new();
    for number in 0..20u16 {
        let mut packet = packet(number);
        packet.header.timestamp = u32::from(number);
        repeats.sent(packet, start);
    }
    repeats.missed(5, RATE, start + 2000 * MS);
    assert!(repeated(&mut repeats).is_empty());
    assert!(repeats.take_hopeless(start + 2000 * MS));
    // The newest frame is the present, however old it is.
    repeats.missed(19, RATE, start + 2000 * MS);
    assert_eq!(repeated(&mut repeats), [19]);
}

#[test]
fn a_lost_tail_is_repeated_until_it_is_known_to_have_arrived() {
    let start = Instant::now();
    let mut repeats = sent(0..10, start);
    repeats.arrived(8, false);
    let mut now = start;
    let mut times = Vec::new();
    for _ in 0..4 {
        now = repeats.due().unwrap();
        assert_eq!(repeats.take_tail(9), None);
        repeats.handle_timeout(now);
        assert_eq!(repeats.take_tail(9), Some(now));
        times.push((now - start).as_millis());
    }
    assert!(repeats.left_twice(9) && !repeats.left_twice(8));
    assert_eq!(times, [45, 135, 315, 675]);
    repeats.arrived(9, false);
    repeats.handle_timeout(now + 400 * MS);
    assert_eq!(repeats.take_tail(9), None);
    assert_eq!(repeats.due(), None);
}

#[test]
fn a_page_that_moves_slowly_costs_no_repetitions() {
    let start = Instant::now();
    let mut repeats = RtxBuffer::new();
    for frame in 0..10u16 {
        let now = start + 70 * MS * u32::from(frame);
        repeats.handle_timeout(now);
        assert_eq!(
            repeats.take_tail(frame.wrapping_sub(1)).is_some(),
            frame == 1
        );
        let mut packet = packet(frame);
        packet.header.timestamp = u32::from(frame);
        repeats.sent(packet, now);
    }
}

#[test]
fn a_viewer_who_never_answers_is_not_told_for_ever() {
    let mut repeats = sent(0..3, Instant::now());
    let mut times = 0;
    while let Some(due) = repeats.due() {
        repeats.handle_timeout(due);
        times += usize::from(repeats.take_tail(2).is_some());
    }
    assert_eq!(times, TAIL_REPETITIONS as usize);
}

#[test]
fn what_cannot_be_repaired_in_time_is_hopeless_once() {
    let start = Instant::now();
    let mut repeats = sent(0..3000, start);
    repeats.missed(5, RATE, start);
    assert!(repeats.take_hopeless(start), "forgotten already");
    assert!(!repeats.take_hopeless(start));
    repeats.missed(2500, RATE, start);
    repeats.missed(2500, RATE, start + 240 * MS);
    assert!(!repeats.take_hopeless(start + 240 * MS));
    repeats.missed(2500, RATE, start + 260 * MS);
    assert!(repeats.take_hopeless(start + 260 * MS), "asked again");
    assert!(!repeats.take_hopeless(start + 260 * MS));
    repeats.missed(2600, RATE, start + 300 * MS);
    assert!(
        !repeats.take_hopeless(start + 2000 * MS),
        "who does not ask again has it, whether a report says so or not"
    );
}

#[test]
fn what_a_keyframe_replaces_is_not_repeated() {
    let start = Instant::now();
    let mut repeats = sent(0..100, start);
    repeats.missed(50, RATE, start);
    repeats.keyframe_begins();
    repeats.sent(packet(100), start);
    repeats.missed(60, RATE, start);
    assert!(repeated(&mut repeats).is_empty());
    assert!(!repeats.take_hopeless(start + 9000 * MS));
    repeats.missed(100, RATE, start);
    assert_eq!(repeated(&mut repeats), [100]);
    repeats.missed(60_000, RATE, start);
    assert!(!repeats.take_hopeless(start), "long forgotten");
}

proptest! {
    #[test]
    fn whatever_is_asked_and_reported_nothing_panics(
        steps in proptest::collection::vec((0u8..8, any::<u16>(), 0u64..500), 0..400),
    ) {
        let mut now = Instant::now();
        let (mut repeats, mut next) = (RtxBuffer::new(), 65_000u16);
        for (what, number, later) in steps {
            now += Duration::from_millis(later);
            match what {
                0..3 => {
                    repeats.sent(packet(next), now);
                    next = next.wrapping_add(1);
                }
                3 => repeats.missed(number, RATE, now),
                4 => repeats.arrived(number, number % 2 == 0),
                5 => repeats.reported(number),
                6 => repeats.pad(usize::from(number), now),
                _ => repeats.keyframe_begins(),
            }
            repeats.handle_timeout(now);
            repeats.take_hopeless(now);
            repeats.take_tail(number);
            repeats.left_twice(number);
            while let Some(again) = repeats.take() {
                repeats.numbered(number, again.packet.header.sequence_number);
            }
        }
    }
}
