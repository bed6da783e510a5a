//! Minutes of streams in microseconds: an encoder of arithmetic, links that are clear or not, and what subscribers get.

use super::*;
use crate::bitrate::Bitrate;
use crate::stream::estimate::Estimate;
use crate::stream::keyframe_throttle::QUIET;
use crate::stream::subscription::PAUSE;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

const TICK: Duration = Duration::from_millis(1);
/// From a request to a keyframe of the encoder.
const ENCODE: Duration = Duration::from_millis(4);
const VIDEO: &[Track] = &[Track::Video];
const ALL: &[Track] = &[Track::Video, Track::Sound];

/// A stream, the encoders of its tracks, and what became of the samples.
struct Stage {
    stream: Stream,
    start: Instant,
    now: Instant,
    backlogs: BTreeMap<SubscriberId, Backlog>,
    /// When a keyframe that was asked for comes out of its encoder.
    coming: BTreeMap<Track, Instant>,
    asked: Vec<(Track, Instant)>,
    ready_at: Instant,
    rate: Option<Bitrate>,
    pacesetter: Option<Pacesetter>,
    /// Samples made so far.
    made: BTreeMap<Track, u64>,
    got: BTreeMap<(SubscriberId, Track), Vec<Got>>,
    skipped: BTreeSet<SubscriberId>,
}

#[derive(Clone, Copy, Debug)]
struct Got {
    number: u64,
    keyframe: bool,
    at: Instant,
    timestamp: u32,
}

impl Stage {
    fn new() -> Stage {
        let start = Instant::now();
        let mut stage = Stage {
            stream: Stream::new(start),
            start,
            now: start,
            backlogs: BTreeMap::new(),
            coming: BTreeMap::new(),
            asked: Vec::new(),
            ready_at: start,
            rate: None,
            pacesetter: None,
            made: BTreeMap::new(),
            got: BTreeMap::new(),
            skipped: BTreeSet::new(),
        };
        let frame_interval = Duration::from_millis(20);
        stage.on(Event::Opened { frame_interval });
        stage
    }

    fn on(&mut self, event: Event) {
        self.stream.on(event, self.now);
        self.perform(None);
    }

    /// `sample`: what has just been made.
    fn perform(&mut self, sample: Option<(Track, bool)>) {
        while let Some(action) = self.stream.poll_action() {
            match action {
                Action::Deliver(subscriber, Delivery::Send { timestamp }) => {
                    let (track, keyframe) = sample.expect("only a sample is sent");
                    let got = Got {
                        number: self.made[&track],
                        keyframe,
                        at: self.now,
                        timestamp,
                    };
                    self.got.entry((subscriber, track)).or_default().push(got);
                }
                Action::Deliver(subscriber, _) => {
                    self.skipped.insert(subscriber);
                }
                Action::Tell(Change::RequestKeyframe(track, _)) => {
                    self.asked.push((track, self.now));
                    self.coming.insert(track, self.now + ENCODE);
                }
                Action::Tell(Change::WithdrawKeyframe(track)) => {
                    self.coming.remove(&track);
                }
                Action::Tell(Change::ReadyAt(ready_at)) => self.ready_at = ready_at,
                Action::Tell(Change::Rate(rate)) => self.rate = Some(rate),
                Action::Tell(Change::Pacesetter(pacesetter)) => self.pacesetter = pacesetter,
                Action::Tell(Change::Feedback(feedback)) => {
                    let pacesetter = self.pacesetter.as_mut().expect("somebody's feedback");
                    pacesetter.feedback.update(feedback);
                }
            }
        }
    }

    fn sample(&mut self, track: Track, keyframe: bool) {
        let told: Vec<_> = self.stream.recipients(track, keyframe).collect();
        for id in told {
            let backlog = self.backlogs.get(&id).copied().unwrap_or_default();
            self.on(Event::Backlog(id, backlog));
        }
        *self.made.entry(track).or_default() += 1;
        let event = Event::Sample {
            track,
            keyframe,
            at: self.now,
            encode_began: self.now,
        };
        self.stream.on(event, self.now);
        self.perform(Some((track, keyframe)));
    }

    /// Time passes: timers, and the encoders, each of which makes a delta every 20 ms while the pacesetter is ready.
    fn run(&mut self, time: Duration) {
        let end = self.now + time;
        while self.now < end {
            self.now += TICK;
            if self
                .stream
                .deadline(self.now)
                .is_some_and(|(at, _)| at <= self.now)
            {
                self.on(Event::Time);
            }
            for &track in Track::ALL {
                if self.coming.get(&track).is_some_and(|at| *at <= self.now) {
                    self.coming.remove(&track);
                    self.sample(track, true);
                } else if (self.now - self.start).as_millis().is_multiple_of(20)
                    && (self.ready_at <= self.now || !track.has_keyframes())
                {
                    self.sample(track, !track.has_keyframes());
                }
            }
        }
    }

    fn join(&mut self, id: u64, name: &str, link: Link) -> SubscriberId {
        let subscriber = SubscriberId(id);
        self.on(Event::Joined {
            subscriber,
            viewer: Some(viewer(name)),
            link,
            tracks: VIDEO,
        });
        subscriber
    }

    /// Joins, is connected and gets its first keyframe.
    fn watch(&mut self, id: u64, name: &str) -> SubscriberId {
        let subscriber = self.join(id, name, Link::Packets);
        self.on(Event::Connected(subscriber));
        self.on(Event::ChannelOpen(subscriber));
        self.run(QUIET + ENCODE);
        assert!(self.got(subscriber).first().is_some_and(|got| got.keyframe));
        subscriber
    }

    fn backlog(&mut self, id: SubscriberId, millis: u64) {
        let wait = Duration::from_millis(millis);
        let backlog = Backlog {
            wait,
            queued: wait,
            is_full: false,
        };
        self.backlogs.insert(id, backlog);
        self.on(Event::Backlog(id, backlog));
    }

    fn got(&self, id: SubscriberId) -> &[Got] {
        let got = self.got.get(&(id, Track::Video));
        got.map_or(&[], Vec::as_slice)
    }

    /// The first keyframe this one got after `at`.
    fn keyframe_after(&self, id: SubscriberId, at: Instant) -> Option<Instant> {
        let mut got = self.got(id).iter();
        got.find(|got| got.keyframe && got.at > at)
            .map(|got| got.at)
    }

    fn pacesetter(&self) -> Option<&ViewerId> {
        self.pacesetter
            .as_ref()
            .map(|pacesetter| &pacesetter.viewer)
    }

    /// Each starts with a keyframe, and misses nothing without getting one; timestamps grow.
    fn everything_can_be_shown(&self) {
        for ((id, _), got) in &self.got {
            assert!(got.first().is_none_or(|first| first.keyframe), "{id:?}");
            for pair in got.windows(2) {
                let follows = pair[1].number == pair[0].number + 1;
                assert!(follows || pair[1].keyframe, "{id:?}: {pair:?}");
                assert!(pair[1].timestamp > pair[0].timestamp, "{id:?}: {pair:?}");
            }
        }
    }

    fn keyframes_are_seldom(&self) {
        for &track in Track::ALL {
            let asked = self.asked.iter().filter(|(of, _)| *of == track);
            let asked: Vec<_> = asked.map(|(_, at)| *at).collect();
            for pair in asked.windows(2) {
                assert!(pair[1] - pair[0] >= QUIET, "{:?}", pair[1] - pair[0]);
            }
        }
    }
}

fn viewer(name: &str) -> ViewerId {
    name.parse().expect("letters and digits")
}

fn estimate(kbps: u32) -> Feedback {
    Feedback {
        estimate: Some(Estimate {
            bitrate: Bitrate::kbps(kbps),
            backlog: Duration::ZERO,
            queuing_delay: Duration::ZERO,
            acked_bitrate: Bitrate::kbps(kbps),
            duplicates: 0,
        }),
        ..Feedback::default()
    }
}

#[test]
fn who_joins_gets_a_keyframe_first_and_at_once() {
    let mut stage = Stage::new();
    stage.run(Duration::from_secs(60));
    let one = stage.join(1, "one", Link::Packets);
    stage.run(Duration::from_secs(60));
    assert!(
        stage.asked.is_empty() && stage.got.is_empty(),
        "not connected"
    );
    let connected = stage.now;
    stage.on(Event::Connected(one));
    stage.run(Duration::from_secs(60));
    assert!(stage.keyframe_after(one, connected).unwrap() <= connected + ENCODE + TICK);
    stage.everything_can_be_shown();
}

#[test]
fn requests_of_many_viewers_are_one_to_the_encoder() {
    let mut stage = Stage::new();
    let viewers: Vec<_> = (0..10)
        .map(|id| stage.watch(id, &format!("v{id}")))
        .collect();
    stage.run(PAUSE);
    let (asked, asks) = (stage.asked.len(), stage.now);
    for id in &viewers {
        stage.on(Event::KeyframeRequested(*id, Track::Video));
    }
    stage.run(PAUSE);
    assert_eq!(stage.asked.len(), asked + 1);
    for id in viewers {
        assert!(stage.keyframe_after(id, asks).is_some());
    }
}

#[test]
fn who_asked_goes_on_getting_samples_until_its_turn_comes() {
    let mut stage = Stage::new();
    stage.watch(1, "one");
    let two = stage.watch(2, "two");
    stage.on(Event::KeyframeRequested(two, Track::Video));
    let before = stage.got(two).len();
    stage.run(Duration::from_secs(1));
    assert_eq!(stage.got(two).len(), before + 50);
    stage.run(PAUSE);
    stage.everything_can_be_shown();
}

#[test]
fn a_keyframe_of_the_encoders_own_serves_who_asked() {
    let mut stage = Stage::new();
    let one = stage.watch(1, "one");
    stage.run(PAUSE);
    let asked = stage.asked.len();
    stage.on(Event::KeyframeRequested(one, Track::Video));
    assert_eq!(stage.asked.len(), asked + 1);
    stage.sample(Track::Video, true);
    assert!(stage.coming.is_empty(), "it need not make another");
    stage.on(Event::KeyframeRequested(one, Track::Video));
    stage.run(QUIET - ENCODE);
    assert_eq!(stage.asked.len(), asked + 1, "it has just made one");
}

#[test]
fn a_slow_watcher_skips_and_never_moves_the_pace() {
    let mut stage = Stage::new();
    let quick = stage.watch(1, "quick");
    let slow = stage.watch(2, "slow");
    stage.on(Event::PacesetterNamed(viewer("quick")));
    let (since, before) = (stage.now, stage.got(slow).len());
    for millis in 0..600 {
        stage.backlog(slow, 301 + millis * 10);
        stage.run(Duration::from_millis(100));
        assert!(stage.ready_at <= stage.now);
    }
    assert_eq!(
        stage.got(slow).len(),
        before,
        "never clear: nothing after the gap"
    );
    assert!(stage.got(quick).len() > 3000);
    assert!(
        stage.asked.iter().all(|(_, at)| *at < since),
        "no keyframe for it"
    );
    stage.backlog(slow, 0);
    stage.run(ENCODE + TICK);
    assert!(stage.keyframe_after(slow, since).is_some());
    stage.everything_can_be_shown();
}

#[test]
fn the_pacesetters_backlog_less_an_interval_is_waited_for() {
    let mut stage = Stage::new();
    let one = stage.watch(1, "one");
    stage.backlog(one, 20);
    assert!(
        stage.ready_at <= stage.now,
        "one interval of 20 ms may wait"
    );
    stage.backlog(one, 120);
    assert_eq!(stage.ready_at, stage.now + Duration::from_millis(100));
    let held = stage.got(one).len();
    stage.run(Duration::from_millis(99));
    assert_eq!(stage.got(one).len(), held);
    stage.backlog(one, 0);
    assert!(stage.ready_at <= stage.now);
}

#[test]
fn what_cannot_be_taken_back_is_behind_sooner() {
    for (link, millis, gets) in [
        (Link::Packets, 999, true),
        (Link::Packets, 1001, false),
        (Link::Socket, 299, true),
        (Link::Socket, 301, false),
    ] {
        let mut stage = Stage::new();
        let one = stage.join(1, "one", link);
        stage.on(Event::Connected(one));
        stage.run(QUIET);
        let before = stage.got(one).len();
        stage.backlog(one, millis);
        // Whoever makes samples does not mind the pace.
        stage.sample(Track::Video, false);
        assert_eq!(stage.got(one).len() > before, gets, "{link:?} {millis}");
        assert_eq!(stage.skipped.contains(&one), !gets);
    }
}

#[test]
fn the_pace_is_set_by_who_acted_last_over_its_best_link() {
    let mut stage = Stage::new();
    stage.watch(1, "one");
    assert_eq!(stage.pacesetter(), Some(&viewer("one")));
    let socket = stage.join(2, "two", Link::Socket);
    stage.on(Event::Connected(socket));
    stage.on(Event::ChannelOpen(socket));
    stage.on(Event::PacesetterNamed(viewer("two")));
    assert!(
        stage
            .pacesetter
            .as_ref()
            .is_some_and(|known| known.is_named)
    );
    stage.on(Event::Feedback(socket, estimate(1000)));
    assert_eq!(stage.rate, Some(Bitrate::kbps(900)));
    let packets = stage.join(3, "two", Link::Packets);
    stage.on(Event::Connected(packets));
    assert_eq!(
        stage.stream.best(&viewer("two")),
        Some(socket),
        "no messages yet"
    );
    stage.on(Event::ChannelOpen(packets));
    assert_eq!(stage.stream.best(&viewer("two")), Some(packets));
    stage.on(Event::Feedback(packets, estimate(2000)));
    stage.on(Event::Feedback(socket, estimate(500)));
    assert_eq!(stage.rate, Some(Bitrate::kbps(1800)));
    // While its better one is away the other serves, and then the first who is connected.
    stage.on(Event::Interrupted(packets));
    assert_eq!(stage.stream.best(&viewer("two")), Some(socket));
    assert_eq!(stage.rate, Some(Bitrate::kbps(450)));
    stage.on(Event::Left(socket));
    assert_eq!(stage.pacesetter(), Some(&viewer("one")));
    assert!(stage.stream.is_reachable(&viewer("two")));
    stage.on(Event::Connected(packets));
    assert_eq!(stage.pacesetter(), Some(&viewer("two")));
    stage.on(Event::Left(packets));
    assert!(!stage.stream.is_reachable(&viewer("two")));
    assert_eq!(stage.pacesetter(), Some(&viewer("one")));
}

#[test]
fn skipping_to_live_drops_what_waits_and_brings_a_keyframe() {
    let mut stage = Stage::new();
    let one = stage.watch(1, "one");
    stage.run(PAUSE);
    let (skips, before) = (stage.now, stage.got(one).len());
    stage.on(Event::SkipToLive(viewer("one")));
    assert!(stage.skipped.contains(&one));
    stage.run(ENCODE + TICK);
    assert!(stage.got(one)[before].keyframe);
    assert!(stage.keyframe_after(one, skips).unwrap() <= skips + ENCODE + TICK);
}

#[test]
fn lost_samples_and_a_new_encoder_begin_with_a_keyframe_for_everybody() {
    for event in [
        Event::SamplesLost,
        Event::Opened {
            frame_interval: Duration::from_millis(20),
        },
    ] {
        let mut stage = Stage::new();
        let viewers = [stage.watch(1, "one"), stage.watch(2, "two")];
        // One that was asked for is among the lost.
        stage.run(PAUSE);
        stage.on(Event::KeyframeRequested(viewers[0], Track::Video));
        assert!(stage.coming.remove(&Track::Video).is_some());
        let lost = stage.now;
        stage.on(event);
        assert_eq!(stage.pacesetter(), Some(&viewer("one")));
        let before = viewers.map(|id| stage.got(id).len());
        stage.run(QUIET + ENCODE + 5 * TICK);
        for (id, before) in viewers.into_iter().zip(before) {
            assert!(stage.got(id)[before].keyframe);
            assert!(stage.keyframe_after(id, lost).is_some());
        }
    }
}

#[test]
fn sound_waits_for_no_picture_and_asks_for_none() {
    let mut stage = Stage::new();
    let [one, other] = [(1, Link::Packets), (2, Link::Socket)].map(|(id, link)| {
        let subscriber = SubscriberId(id);
        stage.on(Event::Joined {
            subscriber,
            viewer: Some(viewer(&format!("v{id}"))),
            link,
            tracks: ALL,
        });
        subscriber
    });
    let heard = |stage: &Stage, id| stage.got.get(&(id, Track::Sound)).map_or(0, Vec::len);
    stage.run(Duration::from_secs(1));
    assert_eq!(heard(&stage, one), 0, "nobody is connected");
    for id in [one, other] {
        stage.on(Event::Connected(id));
    }
    stage.sample(Track::Sound, true);
    assert_eq!((heard(&stage, one), heard(&stage, other)), (1, 1));
    stage.run(QUIET + ENCODE);
    // Frames wait, and the pacesetter's encoder with them.
    stage.backlog(one, 2000);
    stage.backlog(other, 2000);
    let before = (heard(&stage, one), heard(&stage, other));
    stage.run(Duration::from_secs(1));
    assert_eq!(heard(&stage, one), before.0 + 50, "it overtakes frames");
    assert_eq!(heard(&stage, other), before.1, "it would come too late");
    stage.backlog(other, 0);
    stage.run(Duration::from_secs(1));
    assert!(heard(&stage, other) > before.1);
    assert!(stage.asked.iter().all(|(track, _)| *track == Track::Video));
    stage.everything_can_be_shown();
}

/// Another kind of subscriber: nothing of the stream knows of it.
#[test]
fn a_recorder_is_an_addition() {
    let mut stage = Stage::new();
    let recorder = SubscriberId(9);
    stage.on(Event::Joined {
        subscriber: recorder,
        viewer: None,
        link: Link::Packets,
        tracks: ALL,
    });
    stage.on(Event::Connected(recorder));
    stage.run(QUIET);
    assert_eq!(stage.pacesetter, None, "it shows it to nobody");
    let one = stage.watch(1, "one");
    assert_eq!(stage.pacesetter(), Some(&viewer("one")));
    stage.backlog(one, 500);
    stage.backlog(recorder, 0);
    stage.run(Duration::from_secs(10));
    for &track in ALL {
        let got = &stage.got[&(recorder, track)];
        assert!(got[0].keyframe && got.len() > 20, "{track:?}");
    }
    assert!(!stage.got.contains_key(&(one, Track::Sound)));
    stage.everything_can_be_shown();
}

#[derive(Clone, Debug)]
enum Step {
    Join(Link),
    Connect,
    OpenChannel,
    Interrupt,
    Leave,
    Ask,
    Break,
    SkipToLive,
    Backlog(u64, bool),
    Feedback,
    Name,
    Lose,
    Reopen,
    OwnKeyframe,
}

fn step() -> impl Strategy<Value = Step> {
    let link = prop_oneof![Just(Link::Packets), Just(Link::Socket)];
    let millis = prop_oneof![Just(0u64), Just(0), 0..2000u64];
    prop_oneof![
        4 => link.prop_map(Step::Join),
        6 => Just(Step::Connect),
        3 => Just(Step::OpenChannel),
        1 => Just(Step::Interrupt),
        2 => Just(Step::Leave),
        6 => Just(Step::Ask),
        2 => Just(Step::Break),
        2 => Just(Step::SkipToLive),
        6 => (millis, proptest::bool::weighted(0.1)).prop_map(|(millis, full)| Step::Backlog(millis, full)),
        2 => Just(Step::Feedback),
        2 => Just(Step::Name),
        1 => Just(Step::Lose),
        1 => Just(Step::Reopen),
        2 => Just(Step::OwnKeyframe),
    ]
}

proptest! {
    /// Six subscribers of three viewers, who do anything at any time.
    #[test]
    fn whatever_happens_the_laws_hold(
        steps in proptest::collection::vec((0u64..6, step(), 0u64..400), 0..120),
    ) {
        let mut stage = Stage::new();
        let (mut here, mut next) = (BTreeMap::<u64, SubscriberId>::new(), 0);
        let mut connected = BTreeSet::new();
        let name = |slot: u64| ["one", "two", "three"][slot as usize % 3];
        for (slot, step, millis) in steps {
            let id = here.get(&slot).copied();
            match (step, id) {
                (Step::Join(link), None) => {
                    next += 1;
                    here.insert(slot, stage.join(next, name(slot), link));
                }
                (Step::Connect, Some(id)) => {
                    // Whatever it had is lost.
                    stage.got.remove(&(id, Track::Video));
                    connected.insert(id);
                    stage.on(Event::Connected(id));
                }
                (Step::OpenChannel, Some(id)) => stage.on(Event::ChannelOpen(id)),
                (Step::Interrupt, Some(id)) => {
                    connected.remove(&id);
                    stage.on(Event::Interrupted(id));
                }
                (Step::Leave, Some(id)) => {
                    here.remove(&slot);
                    connected.remove(&id);
                    stage.backlogs.remove(&id);
                    stage.on(Event::Left(id));
                }
                (Step::Ask, Some(id)) => stage.on(Event::KeyframeRequested(id, Track::Video)),
                (Step::Break, Some(id)) => stage.on(Event::Unrepairable(id, Track::Video)),
                (Step::SkipToLive, _) => stage.on(Event::SkipToLive(viewer(name(slot)))),
                (Step::Backlog(millis, is_full), Some(id)) => {
                    stage.backlog(id, millis);
                    if let Some(backlog) = stage.backlogs.get_mut(&id) {
                        backlog.is_full = is_full;
                    }
                }
                (Step::Feedback, Some(id)) => stage.on(Event::Feedback(id, estimate(1000))),
                (Step::Name, _) => stage.on(Event::PacesetterNamed(viewer(name(slot)))),
                (Step::Lose, _) => {
                    stage.coming.clear();
                    *stage.made.entry(Track::Video).or_default() += 1;
                    stage.on(Event::SamplesLost);
                }
                (Step::Reopen, _) => {
                    stage.coming.clear();
                    *stage.made.entry(Track::Video).or_default() += 1;
                    (stage.pacesetter, stage.ready_at) = (None, stage.now);
                    let frame_interval = Duration::from_millis(20);
                    stage.on(Event::Opened { frame_interval });
                }
                (Step::OwnKeyframe, _) => stage.sample(Track::Video, true),
                _ => {}
            }
            prop_assert_eq!(stage.pacesetter.is_some(), !connected.is_empty());
            if let Some(pacesetter) = &stage.pacesetter {
                let is_connected = |slot: u64| here.get(&slot).is_some_and(|id| connected.contains(id));
                prop_assert!((0..6).any(|slot| viewer(name(slot)) == pacesetter.viewer && is_connected(slot)));
            }
            stage.run(Duration::from_millis(millis));
        }
        stage.everything_can_be_shown();
        stage.keyframes_are_seldom();
        // Once every link is clear, whoever needs a keyframe has it within its turn and the encoder's.
        for id in here.values() {
            stage.backlog(*id, 0);
        }
        let calm = stage.now;
        for id in &connected {
            stage.on(Event::KeyframeRequested(*id, Track::Video));
        }
        stage.run(PAUSE + QUIET + ENCODE + 5 * TICK);
        for id in &connected {
            prop_assert!(stage.keyframe_after(*id, calm).is_some(), "{id:?}");
        }
        stage.everything_can_be_shown();
        stage.keyframes_are_seldom();
        for id in here.into_values() {
            stage.on(Event::Left(id));
        }
        // Nothing is left of anybody, and nothing to be done.
        prop_assert!(stage.stream.is_empty() && stage.stream.named.is_none());
        prop_assert!(stage.pacesetter.is_none() && stage.ready_at <= stage.now);
        stage.run(QUIET);
        prop_assert_eq!(stage.stream.deadline(stage.now), None);
    }
}
