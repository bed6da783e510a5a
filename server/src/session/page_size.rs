//! Pure: how large viewers' windows are, and who acts → how large the page is.
//!
//! The window of whoever acts counts. Somebody else's counts once that one has rested for a moment, so that two people who
//! type by turns do not tear the page to and fro.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use shared::geometry::{Geometry, LogicalSize, Scale, VideoSize, Viewport};
use shared::session::ViewerId;

/// From one size to the next at least, while a window is being dragged: each costs a keyframe.
const WHILE_MOVING: Duration = Duration::from_millis(330);
/// A window that keeps its size for so long is not being dragged any more,
const AT_REST: Duration = Duration::from_millis(100);
/// and gets its last size so soon after the one before.
const SHORTEST: Duration = Duration::from_millis(100);
/// There are never more than [`MOST`] in so long.
const PERIOD: Duration = Duration::from_secs(1);
const MOST: usize = 4;
/// Another viewer's size comes so long after it began to act.
const BEFORE_ANOTHER_LEADS: Duration = Duration::from_millis(270);
/// Who acts keeps the page's size for so long.
const LEADS_FOR: Duration = Duration::from_secs(2);
/// Pages end here, in logical pixels: a smaller window is shown one of its shape, smaller than it is.
const SMALLEST: (f64, f64) = (320.0, 240.0);
/// The encoder's longer and shorter side end here.
const LARGEST: (f64, f64) = (3840.0, 2160.0);
/// Sharper than this nobody can see, and every pixel costs.
const LARGEST_SCALE: f64 = 2.0;
/// Scales are whole multiples of so many 120ths, where the budget does not allow the viewer's own.
const SCALE_STEP: f64 = 15.0;

/// What decides the page's size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SizePolicy {
    /// Viewers fit it into their windows.
    Fixed(VideoSize),
    /// The leader's window, of at most so many pixels of video.
    Follow { pixels: u32 },
}

impl SizePolicy {
    /// Before any viewer has said how large its window is.
    pub fn first(self) -> Geometry {
        Geometry::unscaled(match self {
            SizePolicy::Fixed(size) => size,
            SizePolicy::Follow { .. } => VideoSize::default(),
        })
    }
}

/// The page's size, and who decides it.
#[derive(Debug)]
pub struct PageSize {
    policy: SizePolicy,
    /// What Chrome was asked for.
    asked: Geometry,
    /// Before that moment it stays; any time without one.
    stays_until: Option<Instant>,
    /// When Chrome was asked last, at most [`MOST`] times; the newest first.
    changed_at: VecDeque<Instant>,
    /// When the leader's window had another size last.
    moved_at: Option<Instant>,
    /// In the order in which they came.
    viewports: Vec<(ViewerId, Viewport)>,
    leader: Option<Leader>,
}

#[derive(Debug)]
struct Leader {
    viewer: ViewerId,
    acted_at: Option<Instant>,
}

impl PageSize {
    /// Nobody watches yet.
    pub fn new(policy: SizePolicy) -> PageSize {
        PageSize {
            policy,
            asked: policy.first(),
            stays_until: None,
            changed_at: VecDeque::new(),
            moved_at: None,
            viewports: Vec::new(),
            leader: None,
        }
    }

    /// This viewer's window has another size.
    pub fn on_viewport(&mut self, viewer: &ViewerId, viewport: Viewport, now: Instant) {
        let known = self.viewports.iter_mut().find(|(id, _)| id == viewer);
        match known {
            Some((_, known)) => *known = viewport,
            None => self.viewports.push((viewer.clone(), viewport)),
        }
        self.choose_leader();
        if self
            .leader
            .as_ref()
            .is_some_and(|leader| leader.viewer == *viewer)
        {
            self.moved_at = Some(now);
        }
    }

    /// This viewer does something.
    pub fn on_act(&mut self, viewer: &ViewerId, now: Instant) {
        let leads_on = |leader: &Leader| {
            let acted = leader.acted_at;
            acted.is_some_and(|at| now.saturating_duration_since(at) < LEADS_FOR)
        };
        match &mut self.leader {
            Some(leader) if leader.viewer == *viewer => leader.acted_at = Some(now),
            Some(leader) if leads_on(leader) => {}
            // Who never said a size cannot lead: a script.
            _ if !self.viewports.iter().any(|(id, _)| id == viewer) => {}
            _ => {
                self.leader = Some(Leader {
                    viewer: viewer.clone(),
                    acted_at: Some(now),
                });
                // What was begun, such as a click, ends on the page where it began.
                self.stays_until = Some(now + BEFORE_ANOTHER_LEADS);
            }
        }
    }

    /// This viewer has left.
    pub fn on_gone(&mut self, viewer: &ViewerId) {
        self.viewports.retain(|(id, _)| id != viewer);
        self.leader.take_if(|leader| leader.viewer == *viewer);
        self.choose_leader();
    }

    /// When [`PageSize::change`] will have something, if nothing else happens.
    pub fn due(&self) -> Option<Instant> {
        self.wanted()?;
        let last = self.changed_at.front();
        let at_rest = self.moved_at.map(|at| at + AT_REST);
        // The first size comes at once.
        let paced = last.map(|last| {
            let moving = *last + WHILE_MOVING;
            at_rest.map_or(moving, |at_rest| moving.min(at_rest.max(*last + SHORTEST)))
        });
        let bound = self.changed_at.get(MOST - 1).map(|at| *at + PERIOD);
        self.stays_until.max(paced).max(bound)
    }

    /// The geometry to ask Chrome for, if another one is wanted and it is time for it.
    pub fn change(&mut self, now: Instant) -> Option<Geometry> {
        let wanted = self.wanted()?;
        if self.due().is_some_and(|due| now < due) {
            return None;
        }
        self.asked = wanted;
        self.changed_at.push_front(now);
        self.changed_at.truncate(MOST);
        Some(wanted)
    }

    fn choose_leader(&mut self) {
        if self.leader.is_none() {
            let first = self.viewports.first();
            self.leader = first.map(|(viewer, _)| Leader {
                viewer: viewer.clone(),
                acted_at: None,
            });
        }
    }

    fn wanted(&self) -> Option<Geometry> {
        let SizePolicy::Follow { pixels } = self.policy else {
            return None;
        };
        let leader = self.leader.as_ref()?;
        let mut viewports = self.viewports.iter();
        let (_, viewport) = viewports.find(|(id, _)| *id == leader.viewer)?;
        let wanted = filling(*viewport, pixels);
        let is_same = (wanted.page, wanted.scale) == (self.asked.page, self.asked.scale);
        let epoch = self.asked.epoch.wrapping_add(1);
        (!is_same).then_some(Geometry { epoch, ..wanted })
    }
}

/// The page that fills a viewer's window, as sharp as its screen, as far as so many pixels of video allow. Where they do
/// not, the page first loses its scale and then its size.
fn filling(viewport: Viewport, pixels: u32) -> Geometry {
    let (width, height) = (
        f64::from(viewport.page.width()),
        f64::from(viewport.page.height()),
    );
    let enlarge = (SMALLEST.0 / width).max(SMALLEST.1 / height).max(1.0);
    let (width, height) = (width * enlarge, height * enlarge);
    let fits = (f64::from(pixels) / (width * height)).sqrt();
    let fits = fits.min(LARGEST.0 / width.max(height));
    let fits = fits.min(LARGEST.1 / width.min(height));
    let own = (viewport.scale.as_f64() / enlarge).clamp(1.0, LARGEST_SCALE);
    // As Chrome is told.
    let own = (own * 120.0).floor() / 120.0;
    let (scale, shrink) = match (own <= fits, fits < 1.0) {
        (true, _) => (own, 1.0),
        (false, false) => (
            (fits * 120.0 / SCALE_STEP).floor() * SCALE_STEP / 120.0,
            1.0,
        ),
        (false, true) => (1.0, fits),
    };
    let even = |side: f64| {
        let side = (side * shrink * scale).floor() as u16;
        side.clamp(VideoSize::MIN, VideoSize::MAX) & !1
    };
    // The whole picture is page: where the scale has halves the page's last pixel may lie beyond it.
    let covering = |video: u16| (f64::from(video) / scale).ceil() as u16;
    let (video_width, video_height) = (even(width), even(height));
    let geometry = VideoSize::new(video_width, video_height)
        .ok()
        .zip(LogicalSize::new(covering(video_width), covering(video_height)).ok())
        .zip(Scale::from_120ths((scale * 120.0).round() as u16).ok());
    geometry.map_or(
        Geometry::unscaled(VideoSize::default()),
        |((video, page), scale)| Geometry {
            page,
            scale,
            video,
            epoch: 0,
        },
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const BUDGET: u32 = 2_400_000;

    fn viewport(width: u16, height: u16, parts: u16) -> Viewport {
        Viewport {
            page: LogicalSize::new(width, height).expect("a size"),
            scale: Scale::from_120ths(parts).expect("a scale"),
        }
    }

    fn viewer(name: &str) -> ViewerId {
        name.parse().expect("an id")
    }

    fn following() -> PageSize {
        PageSize::new(SizePolicy::Follow { pixels: BUDGET })
    }

    fn sides(geometry: Geometry) -> (u16, u16, u16, u16, u16) {
        let Geometry {
            page, scale, video, ..
        } = geometry;
        let parts = scale.as_120ths();
        (
            page.width(),
            page.height(),
            parts,
            video.width(),
            video.height(),
        )
    }

    #[test]
    fn the_page_fills_the_window_and_is_as_sharp_as_the_screen() {
        let page = |width, height, parts| sides(filling(viewport(width, height, parts), BUDGET));
        assert_eq!(page(1283, 721, 120), (1282, 720, 120, 1282, 720));
        assert_eq!(page(1000, 600, 240), (1000, 600, 240, 2000, 1200));
        assert_eq!(page(1282, 721, 150), (1282, 720, 150, 1602, 900));
        assert_eq!(
            page(390, 700, 360),
            (390, 700, 240, 780, 1400),
            "no phone needs more"
        );
        assert_eq!(page(100, 50, 120), (480, 240, 120, 480, 240));
        assert_eq!(
            page(1000, 600, 60),
            (1000, 600, 120, 1000, 600),
            "a viewer that is zoomed out"
        );
    }

    #[test]
    fn a_window_beyond_the_budget_loses_sharpness_and_then_size() {
        let page = |width, height, parts| sides(filling(viewport(width, height, parts), BUDGET));
        assert_eq!(page(1600, 900, 240), (1600, 900, 150, 2000, 1124));
        assert_eq!(page(2560, 1440, 120).2, 120);
        assert!(page(2560, 1440, 120).0 < 2560);
    }

    #[test]
    fn a_change_is_made_at_once_and_the_next_a_moment_later() {
        let (mut size, now) = (following(), Instant::now());
        let ann = viewer("ann");
        size.on_viewport(&ann, viewport(1000, 600, 120), now);
        let first = size.change(now).expect("another size");
        assert_eq!((first.video.width(), first.epoch), (1000, 1));
        assert_eq!(
            (size.change(now), size.due()),
            (None, None),
            "nothing is left to change"
        );
        size.on_viewport(&ann, viewport(900, 600, 120), now);
        size.on_viewport(&ann, viewport(800, 600, 120), now);
        assert_eq!(size.change(now), None);
        let due = size.due().expect("something waits");
        assert!(due <= now + Duration::from_millis(300));
        let second = size.change(due).expect("the newest");
        assert_eq!((second.video.width(), second.epoch), (800, 2));
    }

    #[test]
    fn a_gesture_of_two_seconds_makes_nine_sizes_at_most() {
        let (mut size, start) = (following(), Instant::now());
        let ann = viewer("ann");
        let changes = (0..2500u64).filter(|millis| {
            if millis % 16 == 0 && *millis <= 2000 {
                let now = start + Duration::from_millis(*millis);
                size.on_viewport(&ann, viewport(1000 - *millis as u16 / 4, 600, 120), now);
            }
            size.change(start + Duration::from_millis(*millis))
                .is_some()
        });
        let changes: Vec<u64> = changes.collect();
        assert!((7..=9).contains(&changes.len()), "{changes:?}");
        let last = changes[changes.len() - 1];
        assert!((2000..2200).contains(&last), "the last size waits: {last}");
    }

    #[test]
    fn however_a_window_moves_the_page_changes_four_times_a_second_at_most() {
        for pause in 1..400u64 {
            let (mut size, start) = (following(), Instant::now());
            let ann = viewer("ann");
            let at = |millis: u64| start + Duration::from_millis(millis);
            let mut changes = Vec::new();
            for millis in 0..3000u64 {
                if millis.is_multiple_of(pause) {
                    size.on_viewport(
                        &ann,
                        viewport(600 + (millis % 997) as u16, 600, 120),
                        at(millis),
                    );
                }
                if size.change(at(millis)).is_some() {
                    changes.push(millis);
                }
            }
            for window in changes.windows(MOST + 1) {
                assert!(
                    window[MOST] - window[0] >= 1000,
                    "every {pause} ms: {changes:?}"
                );
            }
        }
    }

    #[test]
    fn who_acts_decides_and_who_only_watches_does_not() {
        let (mut size, mut now) = (following(), Instant::now());
        let (ann, bob) = (viewer("ann"), viewer("bob"));
        size.on_viewport(&ann, viewport(1000, 600, 120), now);
        size.on_viewport(&bob, viewport(500, 600, 120), now);
        assert_eq!(size.change(now).map(|it| it.video.width()), Some(1000));
        now += LEADS_FOR;
        size.on_act(&ann, now);
        size.on_act(&bob, now);
        assert_eq!(size.change(now), None, "both act: the page stays");
        now += LEADS_FOR;
        size.on_act(&bob, now);
        assert_eq!(size.change(now), None, "a click ends where it began");
        now += BEFORE_ANOTHER_LEADS;
        assert_eq!(size.change(now).map(|it| it.video.width()), Some(500));
        size.on_gone(&bob);
        now += LEADS_FOR;
        assert_eq!(size.change(now).map(|it| it.video.width()), Some(1000));
        size.on_gone(&ann);
        assert_eq!(size.change(now + LEADS_FOR), None, "the last size stays");
    }

    #[test]
    fn a_fixed_size_is_nobodys() {
        let mut size = PageSize::new(SizePolicy::Fixed(VideoSize::FULL_HD));
        size.on_viewport(&viewer("ann"), viewport(1000, 600, 120), Instant::now());
        assert_eq!((size.change(Instant::now()), size.due()), (None, None));
    }

    proptest! {
        #[test]
        fn any_window_gives_a_picture_that_can_be_encoded(
            width in prop_oneof![1u16..1000, 1u16..=LogicalSize::MAX],
            height in prop_oneof![1u16..1000, 1u16..=LogicalSize::MAX],
            parts in 30u16..=480, pixels in 100_000u32..9_000_000,
        ) {
            let geometry = filling(viewport(width, height, parts), pixels);
            prop_assert!(crate::video::check_size(geometry.video).is_ok());
            let (width, height) = geometry.video.usize();
            prop_assert!(width * height <= pixels as usize || geometry.video.height() == 128 || geometry.video.width() == 128);
            let covered = f64::from(geometry.page.width()) * geometry.scale.as_f64();
            prop_assert!(covered + 1e-6 >= f64::from(geometry.video.width()), "{geometry:?}");
        }
    }
}
