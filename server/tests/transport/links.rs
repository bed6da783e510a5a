//! Links that lose, that are cut and that are narrow, between the hub and real peers.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use farpane::bitrate::Bitrate;
use farpane::stream::backpressure::Backpressure;
use farpane::transport::{Estimate, PeerEvent};

use super::Stage;
use super::relay::{Kind, Relay, Towards};
use super::viewer::{PATIENCE, Viewer, Way, soon};

impl Stage {
    /// Watches through a relay, and has told that it got what there was.
    async fn watch_through(&self, id: &str, luma: u8) -> (Viewer, Relay) {
        let relay = Relay::start(self.address()).await;
        let mut viewer = self.watch(id, Way::Through(relay.port), luma).await;
        viewer.estimate(self, |_| true).await;
        (viewer, relay)
    }

    async fn gate(&self) -> Arc<Backpressure> {
        let gate = Arc::new(Backpressure::new(|| ()));
        let opened = self.hub.open_feed(self.feed.clone(), gate.clone()).await;
        opened.unwrap();
        gate
    }
}

impl Viewer {
    /// Waits for it; keyframes are made when they are asked for.
    async fn estimate(&mut self, stage: &Stage, wanted: impl Fn(&Estimate) -> bool) -> Estimate {
        soon("an estimate", async {
            loop {
                let (_, event) = self.events.recv().await.unwrap();
                if event == PeerEvent::KeyframeNeeded {
                    stage.encoder.request_keyframe();
                }
                if let PeerEvent::Feedback(feedback) = event
                    && let Some(estimate) = feedback.estimate.filter(|e| wanted(e))
                {
                    return estimate;
                }
            }
        })
        .await
    }
}

impl Viewer {
    /// Keyframes are made when they are asked for.
    async fn sees_with_keyframes(&mut self, luma: u8, stage: &Stage) {
        loop {
            while let Ok((_, event)) = self.events.try_recv() {
                if event == PeerEvent::KeyframeNeeded {
                    stage.encoder.request_keyframe();
                }
            }
            let picture = tokio::time::timeout(Duration::from_millis(50), self.picture()).await;
            if picture.is_ok_and(|picture| picture.luma.abs_diff(luma) <= 4) {
                return;
            }
        }
    }
}

/// Loses every packet of a frame once.
fn first_transmissions(count: Arc<AtomicUsize>) -> impl FnMut(Towards, Kind) -> bool {
    let mut seen = HashSet::new();
    move |_, kind| {
        let is_lost = matches!(kind, Kind::Media(sequence) if seen.insert(sequence));
        count.fetch_add(usize::from(is_lost), Ordering::Relaxed);
        is_lost
    }
}

#[tokio::test]
async fn the_last_frame_before_stillness_is_repaired_without_a_keyframe() {
    let stage = Stage::new().await;
    let (mut viewer, relay) = stage.watch_through("tail", 100).await;
    relay.delay(Duration::from_millis(10));
    for luma in [150, 60, 200] {
        let lost = Arc::new(AtomicUsize::new(0));
        relay.lose(first_transmissions(lost.clone()));
        let before = Instant::now();
        stage.paint(luma);
        let picture = viewer.sees(luma).await;
        let took = before.elapsed();
        assert!(!picture.keyframe, "repeated, not made anew");
        assert!(lost.load(Ordering::Relaxed) > 0);
        println!("repaired after {took:?}");
    }
}

#[tokio::test]
async fn a_frame_that_cannot_be_repaired_brings_a_keyframe() {
    let stage = Stage::new().await;
    let (mut viewer, relay) = stage.watch_through("hole", 100).await;
    // One packet is lost for good; what follows arrives.
    let lost = AtomicBool::new(false);
    relay.lose(move |_, kind| match kind {
        Kind::Media(_) => !lost.swap(true, Ordering::Relaxed),
        kind => kind == Kind::Repetition,
    });
    let before = Instant::now();
    stage.paint(140);
    let encoder = &stage.encoder;
    let paint = async {
        // Something newer, so that the hole shows.
        for luma in [141, 142, 143] {
            tokio::time::sleep(Duration::from_millis(20)).await;
            stage.paint(luma);
        }
    };
    tokio::join!(paint, viewer.until(PeerEvent::KeyframeNeeded));
    println!("a keyframe is asked for after {:?}", before.elapsed());
    encoder.request_keyframe();
    assert!(viewer.sees(143).await.keyframe);
}

#[tokio::test]
async fn a_link_that_loses_a_tenth_shows_everything_in_the_end() {
    let stage = Stage::new().await;
    let (mut viewer, relay) = stage.watch_through("radio", 100).await;
    relay.delay(Duration::from_millis(20));
    let mut random = 1u32;
    relay.lose(move |_, kind| {
        random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        kind != Kind::Other && random >> 16 < 6554
    });
    for round in 0..10u8 {
        for step in 0..6 {
            stage.paint(30 + 5 * step);
            tokio::time::sleep(Duration::from_millis(16)).await;
        }
        let last = 80 + 12 * round;
        stage.paint(last);
        let before = Instant::now();
        // As a session does, whatever else happens.
        viewer.sees_with_keyframes(last, &stage).await;
        println!("whole after {:?}", before.elapsed());
    }
}

#[tokio::test]
async fn a_cut_link_closes_the_gate_and_lets_nothing_old_through_afterwards() {
    let stage = Stage::new().await;
    let gate = stage.gate().await;
    let (mut viewer, relay) = stage.watch_through("cut", 100).await;
    assert_eq!(gate.wait(Instant::now()), None);
    relay.lose(|_, _| true);
    // What is on its way fills up, by frames that nobody can compress.
    soon("a closed gate", async {
        for luma in (40..200).cycle() {
            if gate
                .wait(Instant::now())
                .is_some_and(|wait| wait > Duration::from_millis(300))
            {
                break;
            }
            stage.paint_noise(luma);
            tokio::time::sleep(Duration::from_millis(16)).await;
        }
    })
    .await;
    // Two seconds without a link; the gate stays closed.
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert!(gate.wait(Instant::now()).is_some());
    relay.lose_nothing();
    let before = Instant::now();
    stage.paint(220);
    stage.encoder.request_keyframe();
    viewer.sees(220).await;
    let took = before.elapsed();
    println!("live again after {took:?}");
    assert!(took < PATIENCE / 10, "{took:?}");
    soon("an open gate", async {
        while gate.wait(Instant::now()).is_some() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_slow_viewer_skips_and_does_not_slow_the_leader() {
    let stage = Stage::new().await;
    let mut leader = stage.watch("leader", Way::Udp, 100).await;
    let (mut slow, relay) = stage.watch_through("slow", 110).await;
    stage.hub.lead(&stage.feed, &leader.id);
    relay.lose(|_, _| true);
    // More than may be on its way to somebody who does not answer.
    for luma in 0..120u8 {
        stage.paint_noise(60 + luma);
        leader.picture().await;
    }
    stage.paint(30);
    leader.sees(30).await;
    relay.lose_nothing();
    let before = Instant::now();
    slow.until(PeerEvent::KeyframeNeeded).await;
    stage.encoder.request_keyframe();
    slow.sees(30).await;
    println!("caught up after {:?}", before.elapsed());
}

#[tokio::test]
async fn a_narrow_link_is_found_out_and_a_wider_one_too() {
    let stage = Stage::new().await;
    let gate = stage.gate().await;
    let (mut viewer, relay) = stage.watch_through("narrow", 100).await;
    relay.delay(Duration::from_millis(10));
    relay.narrow(1.5e6, Duration::from_millis(200));
    let painting = async {
        for luma in (40..200).cycle() {
            while gate.wait(Instant::now()).is_some() {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
            stage.paint_noise(luma);
            tokio::time::sleep(Duration::from_millis(16)).await;
        }
    };
    let watching = async {
        let before = Instant::now();
        let narrow = viewer
            .estimate(&stage, |e| e.bitrate < Bitrate::kbps(2000))
            .await;
        println!("found narrow after {:?}: {narrow:?}", before.elapsed());
        let calm = viewer
            .estimate(&stage, |e| e.queue < Duration::from_millis(40))
            .await;
        println!("calm after {:?}: {calm:?}", before.elapsed());
        assert!(calm.bitrate > Bitrate::kbps(400), "{calm:?}");
        relay.narrow(20e6, Duration::from_millis(200));
        let before = Instant::now();
        let wide = viewer
            .estimate(&stage, |e| e.bitrate > Bitrate::kbps(3200))
            .await;
        println!("found wide after {:?}: {wide:?}", before.elapsed());
    };
    tokio::select! {
        () = watching => {}
        () = painting => {}
    }
}
