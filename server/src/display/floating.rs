//! Pure: what Chrome draws, what a person drags and how large the page is → where a window floats over the page, and which
//! size it is asked to have.
//!
//! Lengths are logical pixels of the page. A window is what its frame encloses, without the shadow around it.

use shared::geometry::LogicalSize;
use smithay::utils::{Logical, Point, Size};

use super::window_size::emulated_size;

/// One window that floats.
#[derive(Debug, Default)]
pub struct Floating {
    /// It has the size of the page, and its frame.
    is_maximized: bool,
    /// Its page wants the whole picture, without the frame.
    is_fullscreen: bool,
    /// So does every window on a page as narrow as a phone's: there is no room beside it.
    is_narrow: bool,
    /// The place of its top left corner; `None` until it has drawn.
    at: Option<Point<i32, Logical>>,
    /// As it was drawn last.
    size: Size<i32, Logical>,
    /// How many floated before it: it opens a little beside them.
    before: i32,
    drag: Option<Drag>,
}

/// Where a drag has taken hold of the window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Grip {
    /// The title bar.
    #[default]
    Move,
    /// An edge or a corner: -1 is the left or upper edge, 1 the opposite one, 0 neither.
    Resize { x: i32, y: i32 },
}

#[derive(Debug)]
struct Drag {
    grip: Grip,
    pointer: Point<f64, Logical>,
    at: Point<i32, Logical>,
    size: Size<i32, Logical>,
}

/// So much of a window stays within the page, to take hold of it.
const REACH: i32 = 60;
/// As high as a title bar.
const TITLE_BAR: i32 = 34;
/// A smaller window has no room for its title bar.
const SMALLEST: (i32, i32) = (160, 100);
/// Between windows that open one after the other.
const CASCADE: i32 = 28;
const MOST_CASCADED: i32 = 6;

impl Floating {
    /// Opened while so many float over a page of that size.
    pub fn new(before: usize, page: LogicalSize) -> Floating {
        Floating {
            is_narrow: is_narrow(page),
            before: i32::try_from(before).unwrap_or(0) % MOST_CASCADED,
            ..Floating::default()
        }
    }

    /// Where its top left corner is: that of the page until it has drawn.
    pub fn at(&self) -> Point<i32, Logical> {
        match self.covers_page() {
            true => (0, 0).into(),
            false => self.at.unwrap_or_default(),
        }
    }

    /// It has the size of the page from now on, or its own again.
    pub fn maximize(&mut self, is_maximized: bool) {
        self.is_maximized = is_maximized;
        self.let_go();
    }

    /// Its page has the whole picture from now on, or no longer.
    pub fn fullscreen(&mut self, is_fullscreen: bool) {
        self.is_fullscreen = is_fullscreen;
        self.let_go();
    }

    /// `xdg_toplevel.state.maximized`
    pub fn is_maximized(&self) -> bool {
        self.is_maximized
    }

    /// `xdg_toplevel.state.fullscreen`
    pub fn is_fullscreen(&self) -> bool {
        self.is_fullscreen || self.is_narrow
    }

    /// Its size is the page's.
    pub fn covers_page(&self) -> bool {
        self.is_maximized() || self.is_fullscreen()
    }

    /// It has drawn that size. The first time it opens in the middle of the page. Gives the size to ask Chrome for, if it
    /// does not fit: a page may resize what it has opened as it likes.
    pub fn drawn(
        &mut self,
        size: Size<i32, Logical>,
        page: LogicalSize,
    ) -> Option<Size<i32, Logical>> {
        if self.covers_page() {
            return None;
        }
        self.size = size;
        self.take_place(page);
        self.fitting(page)
    }

    fn take_place(&mut self, page: LogicalSize) {
        let size = self.size;
        let Some(at) = &mut self.at else {
            let step = CASCADE * self.before;
            let middle = |page: u16, window: i32| {
                let room = i32::from(page).saturating_sub(window).max(0);
                (room / 2 + step).min(room)
            };
            self.at = Some((middle(page.width(), size.w), middle(page.height(), size.h)).into());
            return;
        };
        if let Some(drag) = &self.drag
            && let Grip::Resize { x, y } = drag.grip
        {
            // The opposite edge stays where it is.
            if x < 0 {
                at.x = drag.at.x.saturating_add(drag.size.w).saturating_sub(size.w);
            }
            if y < 0 {
                at.y = drag.at.y.saturating_add(drag.size.h).saturating_sub(size.h);
            }
        }
        self.stay_within_reach(page);
    }

    /// A pointer or a finger has taken hold of it.
    pub fn take_hold(&mut self, grip: Grip, pointer: Point<f64, Logical>) {
        if let Some(at) = self.at.filter(|_| !self.covers_page()) {
            self.drag = Some(Drag {
                grip,
                pointer,
                at,
                size: self.size,
            });
        }
    }

    /// What held it is lifted.
    pub fn let_go(&mut self) {
        self.drag = None;
    }

    /// Whether something holds it.
    pub fn is_dragged(&self) -> bool {
        self.drag.is_some()
    }

    /// What holds it is there now. Gives the size to ask Chrome for, if it is to have another.
    pub fn drag(
        &mut self,
        pointer: Point<f64, Logical>,
        page: LogicalSize,
    ) -> Option<Size<i32, Logical>> {
        let drag = self.drag.as_ref()?;
        let by: Point<i32, Logical> = (pointer - drag.pointer).to_i32_round();
        match drag.grip {
            Grip::Move => {
                self.at = Some(drag.at + by);
                self.stay_within_reach(page);
                None
            }
            Grip::Resize { x, y } => {
                let length = |edge: i32, by: i32, length: i32, least: i32, page: u16| {
                    let wanted = length.saturating_add(edge.saturating_mul(by));
                    wanted.min(page.into()).max(least)
                };
                let size = (
                    length(x, by.x, drag.size.w, SMALLEST.0, page.width()),
                    length(y, by.y, drag.size.h, SMALLEST.1, page.height()),
                );
                Some(size.into()).filter(|size| *size != self.size)
            }
        }
    }

    /// The page has that size now. Gives the size to ask Chrome for, if the window no longer fits.
    pub fn page_resized(&mut self, page: LogicalSize) -> Option<Size<i32, Logical>> {
        self.is_narrow = is_narrow(page);
        if self.is_narrow {
            self.let_go();
        }
        self.stay_within_reach(page);
        self.fitting(page)
    }

    fn fitting(&self, page: LogicalSize) -> Option<Size<i32, Logical>> {
        let fitting: Size<i32, Logical> = (
            self.size.w.min(page.width().into()),
            self.size.h.min(page.height().into()),
        )
            .into();
        let is_placed = self.at.is_some() && !self.covers_page();
        (is_placed && fitting != self.size).then_some(fitting)
    }

    fn stay_within_reach(&mut self, page: LogicalSize) {
        if let Some(at) = &mut self.at {
            let right = (i32::from(page.width()) - REACH).max(0);
            let left = (REACH - self.size.w).min(right);
            let bottom = (i32::from(page.height()) - TITLE_BAR).max(0);
            at.x = at.x.clamp(left, right);
            at.y = at.y.clamp(0, bottom);
        }
    }
}

fn is_narrow(page: LogicalSize) -> bool {
    emulated_size(page).is_some()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn page(width: u16, height: u16) -> LogicalSize {
        LogicalSize::new(width, height).expect("a size")
    }

    fn opened() -> Floating {
        let mut window = Floating::new(0, page(1280, 720));
        window.drawn((500, 400).into(), page(1280, 720));
        window
    }

    #[test]
    fn what_its_page_makes_larger_than_the_picture_is_to_fit_again() {
        let mut window = opened();
        let asked = window.drawn((4000, 300).into(), page(1280, 720));
        assert_eq!(asked, Some((1280, 300).into()));
        assert_eq!(window.drawn((1280, 300).into(), page(1280, 720)), None);
    }

    #[test]
    fn it_opens_in_the_middle_and_the_next_one_beside_it() {
        assert_eq!(opened().at(), (390, 160).into());
        let mut next = Floating::new(1, page(1280, 720));
        next.drawn((500, 400).into(), page(1280, 720));
        assert_eq!(next.at(), (418, 188).into());
        let mut large = Floating::new(3, page(1280, 720));
        large.drawn((1280, 700).into(), page(1280, 720));
        assert_eq!(large.at(), (0, 20).into(), "as far as there is room");
    }

    #[test]
    fn its_title_bar_moves_it_and_never_out_of_reach() {
        let mut window = opened();
        window.take_hold(Grip::Move, (400.0, 170.0).into());
        assert_eq!(window.drag((410.4, 150.0).into(), page(1280, 720)), None);
        assert_eq!(window.at(), (400, 140).into());
        window.drag((9000.0, -9000.0).into(), page(1280, 720));
        assert_eq!(window.at(), (1280 - REACH, 0).into());
        window.let_go();
        window.drag((400.0, 170.0).into(), page(1280, 720));
        assert_eq!(window.at(), (1280 - REACH, 0).into());
    }

    #[test]
    fn an_edge_resizes_it_and_the_opposite_one_stays() {
        let mut window = opened();
        window.take_hold(Grip::Resize { x: -1, y: 0 }, (390.0, 300.0).into());
        let asked = window.drag((340.0, 350.0).into(), page(1280, 720));
        assert_eq!(asked, Some((550, 400).into()));
        assert_eq!(window.at(), (390, 160).into(), "until it is drawn");
        window.drawn((550, 400).into(), page(1280, 720));
        assert_eq!(window.at(), (340, 160).into());
        let tiny = window.drag((2000.0, 0.0).into(), page(1280, 720));
        assert_eq!(tiny, Some((SMALLEST.0, 400).into()));
    }

    #[test]
    fn what_covers_the_page_is_not_dragged_and_comes_back_where_it_was() {
        let mut window = opened();
        window.take_hold(Grip::Move, (400.0, 170.0).into());
        window.maximize(true);
        assert!(!window.is_dragged(), "it is let go");
        assert_eq!(window.at(), (0, 0).into());
        assert_eq!(window.drawn((1280, 720).into(), page(1280, 720)), None);
        window.take_hold(Grip::Move, (400.0, 5.0).into());
        assert!(!window.is_dragged());
        window.fullscreen(true);
        window.fullscreen(false);
        assert!(window.is_maximized(), "as before its page had the picture");
        window.maximize(false);
        assert_eq!(window.at(), (390, 160).into());
        assert_eq!(window.page_resized(page(505, 300)), Some((500, 300).into()));
    }

    #[test]
    fn a_page_that_shrinks_takes_it_along() {
        let mut window = opened();
        assert_eq!(window.page_resized(page(1280, 800)), None);
        let asked = window.page_resized(page(505, 320));
        assert_eq!(asked, Some((500, 320).into()));
        assert_eq!(window.at(), (390, 160).into());
    }

    #[test]
    fn on_a_page_as_narrow_as_a_phone_it_covers_the_page() {
        let mut window = opened();
        window.take_hold(Grip::Move, (400.0, 170.0).into());
        assert_eq!(window.page_resized(page(412, 800)), None);
        assert!(window.is_fullscreen() && !window.is_dragged());
        assert_eq!(window.at(), (0, 0).into());
        assert_eq!(window.page_resized(page(1280, 720)), None);
        assert!(!window.covers_page(), "the phone was turned");
        assert!(Floating::new(0, page(412, 800)).covers_page());
    }

    proptest! {
        #[test]
        fn whatever_is_done_with_it_its_title_bar_is_within_reach(
            deeds in prop::collection::vec((0..4u8, -20_000..20_000i32, -20_000..20_000i32), 0..40),
        ) {
            let mut window = opened();
            let mut now = page(1280, 720);
            for (deed, x, y) in deeds {
                let pointer = (f64::from(x), f64::from(y)).into();
                match deed {
                    0 => window.take_hold(Grip::Move, pointer),
                    1 => window.take_hold(Grip::Resize { x: x.signum(), y: y.signum() }, pointer),
                    2 => {
                        if let Some(size) = window.drag(pointer, now) {
                            window.drawn(size, now);
                        }
                    }
                    _ => {
                        let length = |length: i32| u16::try_from(length.abs() % 4000 + 320).expect("fits");
                        now = page(length(x), length(y));
                        window.page_resized(now);
                    }
                }
                let at = window.at();
                prop_assert!(at.y >= 0 && at.y < i32::from(now.height()));
                prop_assert!(at.x + window.size.w > 0 && at.x < i32::from(now.width()));
            }
        }
    }
}
