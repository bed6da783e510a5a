//! Pure: the geometries that Chrome was asked for → the one that it draws now.
//!
//! Chrome goes on drawing the old size for some frames, and may be asked for the next one before it has drawn the last. Only
//! the size of its buffers tells which of them a frame has. Whether a click between the two would meet the old page or the
//! new one nobody knows, so that what people do waits for the new one.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use shared::geometry::{BufferSize, Geometry};

use super::window_size::window_size;

/// Sizes that Chrome was asked for and has not drawn. With more than so many it hangs, and the newest are the ones it
/// will draw.
const MOST_ASKED: usize = 8;
/// A page that takes longer to draw another size takes clicks as they come.
const LONGEST_HOLD: Duration = Duration::from_millis(200);

/// Which geometry the picture has.
#[derive(Debug)]
pub struct Resizing {
    current: Geometry,
    /// Oldest first; nothing in it was drawn yet.
    asked: VecDeque<Geometry>,
    /// What people do waits until then at most.
    holds_until: Option<Instant>,
}

impl Resizing {
    /// Asked for from the first.
    pub fn new(geometry: Geometry) -> Resizing {
        Resizing {
            current: geometry,
            asked: VecDeque::new(),
            holds_until: None,
        }
    }

    /// Until when what people do is to wait, unless Chrome draws the new size before.
    pub fn holds_until(&self, now: Instant) -> Option<Instant> {
        self.holds_until.filter(|until| now < *until)
    }

    /// Of the picture.
    pub fn current(&self) -> Geometry {
        self.current
    }

    /// The newest that was asked for.
    pub fn asked(&self) -> Geometry {
        self.asked.back().copied().unwrap_or(self.current)
    }

    /// Whether that is news to Chrome. Its size and scale alone make it so: the epoch of what it draws already stays.
    pub fn ask(&mut self, geometry: Geometry, now: Instant) -> bool {
        if is_drawn_alike(geometry, self.asked()) {
            return false;
        }
        if self.asked.len() >= MOST_ASKED {
            self.asked.pop_front();
        }
        self.asked.push_back(geometry);
        self.holds_until = Some(now + LONGEST_HOLD);
        true
    }

    /// The window that is shown has a buffer of that size: whether the picture has another geometry from now on.
    pub fn drawn(&mut self, buffer: BufferSize) -> bool {
        let Some(last) = self.asked.iter().rposition(|asked| fits(*asked, buffer)) else {
            return false;
        };
        let geometry = self.asked.drain(..=last).next_back();
        self.current = geometry.unwrap_or(self.current);
        self.holds_until.take_if(|_| self.asked.is_empty());
        true
    }

    /// Nothing is shown yet: what was asked for last is what will be drawn.
    pub fn nothing_drawn(&mut self) {
        self.current = self.asked();
        self.asked.clear();
        self.holds_until = None;
    }
}

fn is_drawn_alike(one: Geometry, other: Geometry) -> bool {
    (one.page, one.scale, one.video) == (other.page, other.scale, other.video)
}

/// Whether a window that fills the page has such a buffer. Half pixels are rounded either way.
fn fits(geometry: Geometry, buffer: BufferSize) -> bool {
    let is_near = |logical: u16, pixels: i32| {
        let exact = f64::from(logical) * geometry.scale.as_f64();
        (exact - f64::from(pixels)).abs() <= 1.0
    };
    let window = window_size(geometry.page);
    is_near(window.width(), buffer.width()) && is_near(window.height(), buffer.height())
}

#[cfg(test)]
mod tests {
    use shared::geometry::VideoSize;

    use super::*;

    fn geometry(width: u16, height: u16, epoch: u16) -> Geometry {
        let video = VideoSize::new(width, height).expect("a size");
        Geometry {
            epoch,
            ..Geometry::unscaled(video)
        }
    }

    fn buffer(width: i32, height: i32) -> BufferSize {
        BufferSize::new(width, height).expect("has an area")
    }

    #[test]
    fn the_picture_changes_with_chromes_buffer_and_not_before() {
        let (old, new) = (geometry(1280, 720, 0), geometry(1000, 600, 1));
        let mut resizing = Resizing::new(old);
        assert!(resizing.ask(new, Instant::now()));
        assert!(
            !resizing.drawn(buffer(1280, 720)),
            "one more of the old size"
        );
        assert_eq!((resizing.current(), resizing.asked()), (old, new));
        assert!(resizing.drawn(buffer(1000, 600)));
        assert_eq!((resizing.current(), resizing.asked()), (new, new));
        assert!(
            !resizing.drawn(buffer(1000, 600)),
            "nothing changes any more"
        );
    }

    #[test]
    fn chrome_may_draw_what_it_was_asked_for_before_the_last() {
        let sizes = [
            geometry(800, 600, 1),
            geometry(900, 600, 2),
            geometry(1000, 600, 3),
        ];
        let mut resizing = Resizing::new(geometry(1280, 720, 0));
        for size in sizes {
            assert!(resizing.ask(size, Instant::now()));
        }
        assert!(resizing.drawn(buffer(900, 600)));
        assert_eq!(resizing.current(), sizes[1]);
        assert!(
            !resizing.drawn(buffer(800, 600)),
            "older than what was drawn"
        );
        assert!(resizing.drawn(buffer(1000, 600)));
        assert_eq!(resizing.current(), sizes[2]);
    }

    #[test]
    fn the_same_size_is_not_asked_for_twice() {
        let mut resizing = Resizing::new(geometry(1280, 720, 0));
        assert!(!resizing.ask(geometry(1280, 720, 1), Instant::now()));
        assert!(resizing.ask(geometry(1000, 600, 2), Instant::now()));
        assert!(
            resizing.ask(geometry(1280, 720, 3), Instant::now()),
            "back again"
        );
        assert_eq!(resizing.asked().epoch, 3);
    }

    #[test]
    fn a_scaled_page_is_known_by_its_buffer_whichever_way_halves_are_rounded() {
        let scale = shared::geometry::Scale::from_120ths(150).expect("a scale");
        let page = shared::geometry::LogicalSize::new(1282, 721).expect("a page");
        let scaled = Geometry {
            page,
            scale,
            ..geometry(1602, 900, 1)
        };
        for size in [(1602, 901), (1603, 902)] {
            let mut resizing = Resizing::new(geometry(1280, 720, 0));
            assert!(resizing.ask(scaled, Instant::now()));
            assert!(resizing.drawn(buffer(size.0, size.1)), "{size:?}");
        }
    }

    #[test]
    fn what_people_do_waits_for_the_new_size_and_not_for_long() {
        let (mut resizing, now) = (Resizing::new(geometry(1280, 720, 0)), Instant::now());
        assert_eq!(resizing.holds_until(now), None);
        resizing.ask(geometry(1000, 600, 1), now);
        let until = now + LONGEST_HOLD;
        assert_eq!(resizing.holds_until(now), Some(until));
        assert_eq!(resizing.holds_until(until), None, "and no longer");
        resizing.ask(geometry(800, 600, 2), now);
        assert!(resizing.drawn(buffer(1000, 600)));
        assert!(
            resizing.holds_until(now).is_some(),
            "the next is on its way"
        );
        assert!(resizing.drawn(buffer(800, 600)));
        assert_eq!(resizing.holds_until(now), None);
    }

    #[test]
    fn before_anything_is_drawn_the_last_one_counts() {
        let mut resizing = Resizing::new(geometry(1280, 720, 0));
        resizing.ask(geometry(1000, 600, 1), Instant::now());
        resizing.ask(geometry(800, 600, 2), Instant::now());
        resizing.nothing_drawn();
        assert_eq!(resizing.current().epoch, 2);
        assert!(!resizing.drawn(buffer(1000, 600)));
    }
}
