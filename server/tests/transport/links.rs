//! Links that lose, that are cut and that are narrow, between the hub and real peers.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use farpane::bitrate::Bitrate;
use farpane::stream::Estimate;

use super::Stage;
use super::relay::{Kind, Relay, Towards};
use super::viewer::{PATIENCE, Viewer, Way, soon, until};

impl Stage {
    /// Watches through a relay, sets the pace, and has told that it got what there was.
    async fn watch_through(&self, id: &str, luma: u8) -> (Viewer, Relay) {
        let relay = Relay::start(self.address()).await;
        let viewer = self.watch(id, Way::Through(relay.port), luma).await;
        self.hub.set_pacesetter(&self.session, &viewer.id);
        until("the pacesetter", || self.downlink.is_pacesetter(&viewer.id)).await;
        self.estimate(|_| true).await;
        (viewer, relay)
    }

    /// Waits until this is what is known of the pacesetter's link.
    async fn estimate(&self, wanted: impl Fn(&Estimate) -> bool) -> Estimate {
        let known = || {
            let known = self.downlink.pacesetter()?.feedback.estimate;
            known.filter(&wanted)
        };
        until("an estimate", || known().is_some()).await;
        known().expect("estimates are not forgotten")
    }

    fn is_ready(&self) -> bool {
        self.downlink.wait(Instant::now()).is_none()
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
    // Something newer, so that the hole shows.
    for luma in [150, 160, 170] {
        tokio::time::sleep(Duration::from_millis(20)).await;
        stage.paint(luma);
    }
    let mut keyframes = 0;
    while {
        let picture = viewer.picture().await;
        keyframes += u32::from(picture.keyframe);
        picture.luma.abs_diff(170) > 4
    } {}
    println!("seen after {:?}", before.elapsed());
    assert_eq!(keyframes, 1, "made anew, once");
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
        viewer.sees(last).await;
        println!("whole after {:?}", before.elapsed());
    }
}

#[tokio::test]
async fn a_cut_link_holds_frames_back_and_lets_nothing_old_through_afterwards() {
    let stage = Stage::new().await;
    let (mut viewer, relay) = stage.watch_through("cut", 100).await;
    until("readiness", || stage.is_ready()).await;
    relay.lose(|_, _| true);
    // What is on its way fills up, by frames that nobody can compress.
    soon("a link that takes nothing", async {
        for luma in (40..200).cycle() {
            if stage
                .downlink
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
    // Two seconds without a link; it stays so.
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert!(!stage.is_ready());
    relay.lose_nothing();
    let before = Instant::now();
    stage.paint(220);
    viewer.sees(220).await;
    let took = before.elapsed();
    println!("live again after {took:?}");
    assert!(took < PATIENCE / 10, "{took:?}");
    until("readiness", || stage.is_ready()).await;
}

#[tokio::test]
async fn a_slow_viewer_skips_and_does_not_slow_the_pacesetter() {
    let stage = Stage::new().await;
    let mut quick = stage.watch("quick", Way::Udp, 100).await;
    let (mut slow, relay) = stage.watch_through("slow", 110).await;
    stage.hub.set_pacesetter(&stage.session, &quick.id);
    until("the pacesetter", || {
        stage.downlink.is_named_pacesetter(&quick.id)
    })
    .await;
    relay.lose(|_, _| true);
    // More than may be on its way to somebody who does not answer.
    for luma in 0..120u8 {
        stage.paint_noise(60 + luma);
        quick.picture().await;
    }
    stage.paint(30);
    quick.sees(30).await;
    relay.lose_nothing();
    let before = Instant::now();
    slow.sees(30).await;
    println!("caught up after {:?}", before.elapsed());
}

#[tokio::test]
async fn a_narrow_link_is_found_out_and_a_wider_one_too() {
    let stage = Stage::new().await;
    let (_viewer, relay) = stage.watch_through("narrow", 100).await;
    relay.delay(Duration::from_millis(10));
    relay.narrow(1.5e6, Duration::from_millis(200));
    let painting = async {
        for luma in (40..200).cycle() {
            while !stage.is_ready() {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
            stage.paint_noise(luma);
            tokio::time::sleep(Duration::from_millis(16)).await;
        }
    };
    let watching = async {
        let before = Instant::now();
        let narrow = stage.estimate(|e| e.bitrate < Bitrate::kbps(2000)).await;
        println!("found narrow after {:?}: {narrow:?}", before.elapsed());
        let calm = stage
            .estimate(|e| e.queuing_delay < Duration::from_millis(40))
            .await;
        println!("calm after {:?}: {calm:?}", before.elapsed());
        assert!(calm.bitrate > Bitrate::kbps(400), "{calm:?}");
        relay.narrow(20e6, Duration::from_millis(200));
        let before = Instant::now();
        let wide = stage.estimate(|e| e.bitrate > Bitrate::kbps(3200)).await;
        println!("found wide after {:?}: {wide:?}", before.elapsed());
    };
    tokio::select! {
        () = watching => {}
        () = painting => {}
    }
}
