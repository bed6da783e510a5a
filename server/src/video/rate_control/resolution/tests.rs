//! A page and a link, simulated frame by frame, against the choice of resolution.

use super::*;
use crate::video::rate_control::quantizer::MOVING;
use proptest::prelude::*;

const MS: Duration = Duration::from_millis(1);

/// A page whose frames take so many bytes at full size, on a link.
struct Page {
    resolution: Resolution,
    bytes: f64,
    now: Instant,
    /// Whenever the size changed.
    shown: Vec<ResolutionStep>,
}

impl Page {
    fn new(bytes: f64) -> Page {
        Page {
            resolution: Resolution::new(VideoSize::HD),
            bytes,
            now: Instant::now(),
            shown: vec![ResolutionStep::Full],
        }
    }

    /// Moves for so many milliseconds; frames come as the link takes them, 60 a second at most.
    fn moves(&mut self, millis: u32, mut bitrate: impl FnMut() -> Bitrate) -> &mut Page {
        let end = self.now + millis * MS;
        while self.now < end {
            let bitrate = bitrate();
            let step = self.resolution.choose(1.0, bitrate, self.now);
            if self.shown.last() != Some(&step) {
                self.shown.push(step);
            }
            let bytes = (self.bytes * step.pixels_per(ResolutionStep::Full)) as usize;
            let takes = bitrate.time_for(bytes);
            let moved = Some((bytes, MOVING.coarsest));
            self.resolution.encoded(moved, takes, bitrate, self.now);
            self.now += takes.max(17 * MS);
        }
        self
    }

    fn rests(&mut self, millis: u32) -> &mut Page {
        let end = self.now + millis * MS;
        if let Some(at) = self.resolution.rests_at().filter(|at| *at <= end) {
            self.now = self.now.max(at);
            self.resolution.rest();
            self.shown.push(self.resolution.shown());
            let bitrate = Bitrate::kbps(1000);
            self.resolution.encoded(None, 300 * MS, bitrate, self.now);
        }
        self.now = self.now.max(end);
        self
    }
}

#[test]
fn sizes_are_even_and_none_is_too_small() {
    let size = |width, height| VideoSize::new(width, height).unwrap();
    assert_eq!(
        ResolutionStep::ThreeQuarters.of(VideoSize::HD),
        Some(size(960, 540))
    );
    assert_eq!(
        ResolutionStep::Half.of(VideoSize::FULL_HD),
        Some(size(960, 540))
    );
    assert_eq!(
        ResolutionStep::ThreeQuarters.of(size(1366, 770)),
        Some(size(1024, 576))
    );
    assert_eq!(ResolutionStep::Half.of(size(200, 1000)), None);
    assert_eq!(
        Resolution::new(size(200, 1000)).smallest,
        ResolutionStep::ThreeQuarters
    );
    assert_eq!(
        Resolution::new(size(130, 130)).smallest,
        ResolutionStep::Full
    );
}

#[test]
fn a_link_that_carries_enough_frames_keeps_the_whole_picture() {
    let mut page = Page::new(8000.0);
    page.moves(30_000, || Bitrate::kbps(1500));
    assert_eq!(page.shown, [ResolutionStep::Full]);
}

#[test]
fn the_picture_shrinks_after_a_second_as_far_as_needed_and_grows_when_the_link_does() {
    // 7 frames a second.
    let mut page = Page::new(10_000.0);
    page.moves(800, || Bitrate::kbps(560));
    assert_eq!(page.shown, [ResolutionStep::Full]);
    page.moves(700, || Bitrate::kbps(560));
    assert_eq!(
        page.shown,
        [ResolutionStep::Full, ResolutionStep::ThreeQuarters]
    );
    page.moves(20_000, || Bitrate::kbps(560));
    assert_eq!(page.shown.len(), 2, "12 frames a second are enough");
    page.moves(3000, || Bitrate::kbps(4000));
    assert_eq!(page.shown.len(), 2, "a surplus must last");
    page.moves(1500, || Bitrate::kbps(4000));
    assert_eq!(page.shown.last(), Some(&ResolutionStep::Full));
}

#[test]
fn a_very_narrow_link_gets_half_at_once() {
    // 1.5 frames a second.
    let mut page = Page::new(16_000.0);
    page.moves(1500, || Bitrate::kbps(200));
    assert_eq!(page.shown, [ResolutionStep::Full, ResolutionStep::Half]);
}

#[test]
fn a_page_at_rest_is_whole_and_small_again_as_soon_as_it_goes_on() {
    let mut page = Page::new(10_000.0);
    page.moves(2000, || Bitrate::kbps(200));
    page.rests(100).moves(300, || Bitrate::kbps(200));
    assert_eq!(
        page.shown,
        [ResolutionStep::Full, ResolutionStep::Half],
        "a short pause is no rest"
    );
    page.rests(1000);
    assert_eq!(page.shown.last(), Some(&ResolutionStep::Full));
    // A letter.
    let step = page.resolution.choose(0.03, Bitrate::kbps(200), page.now);
    assert_eq!(step, ResolutionStep::Full);
    page.moves(50, || Bitrate::kbps(200));
    assert_eq!(page.shown.last(), Some(&ResolutionStep::Half));
}

#[test]
fn a_page_that_goes_on_after_the_link_grew_is_whole_at_once() {
    let mut page = Page::new(10_000.0);
    page.moves(2000, || Bitrate::kbps(200)).rests(6000);
    page.moves(500, || Bitrate::kbps(5000));
    assert_eq!(
        page.shown,
        [
            ResolutionStep::Full,
            ResolutionStep::Half,
            ResolutionStep::Full
        ]
    );
}

#[test]
fn opening_a_page_is_no_reason() {
    let mut page = Page::new(20_000.0);
    for _ in 0..10 {
        page.moves(300, || Bitrate::kbps(1500)).rests(1000);
        page.resolution.rest();
    }
    assert_eq!(page.shown, [ResolutionStep::Full]);
}

#[test]
fn what_never_works_is_tried_ever_less() {
    // Small frames promise more than whole ones keep.
    let mut page = Page::new(0.0);
    let (start, mut tries) = (page.now, Vec::new());
    while page.now < start + 600_000 * MS {
        page.bytes = match page.resolution.moving {
            ResolutionStep::Full => 20_000.0,
            _ => 4000.0,
        };
        let before = page.shown.len();
        page.moves(17, || Bitrate::kbps(1000));
        if page.shown.len() > before {
            tries.push((page.now - start).as_secs());
        }
    }
    // A minute apart in the end.
    assert!(tries.len() <= 26, "{tries:?}");
}

proptest! {
    /// However the estimate jitters around its mean, whatever the page costs: two changes at most after the first
    /// seconds.
    #[test]
    fn a_noisy_estimate_makes_nothing_flap(
        bytes in 500.0f64..60_000.0,
        kbps in 150u32..5000,
        noise in proptest::collection::vec(0.7f64..1.3, 1000),
    ) {
        let mut page = Page::new(bytes);
        let mut noise = noise.into_iter().cycle();
        let mut bitrate = move || Bitrate::kbps(kbps).part(noise.next().unwrap());
        page.moves(3000, &mut bitrate);
        let settled = page.shown.len();
        page.moves(60_000, &mut bitrate);
        prop_assert!(page.shown.len() <= settled + 2, "{:?}", page.shown);
    }

    #[test]
    fn every_rest_ends_with_the_whole_picture(
        bytes in 500.0f64..60_000.0,
        moves in proptest::collection::vec((0u32..3000, 100u32..8000), 1..20),
    ) {
        let mut page = Page::new(bytes);
        for (millis, kbps) in moves {
            page.moves(millis, || Bitrate::kbps(kbps));
            page.rests(500);
            prop_assert_eq!(page.resolution.shown(), ResolutionStep::Full);
            prop_assert_eq!(page.resolution.rests_at(), None);
        }
    }
}
