//! What the browser tells of the frames on its screen: whether any was shown, how old it was, and when the next ones are
//! best drawn.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use web_sys::HtmlVideoElement;

use super::events::FramesSeen;
use super::frames;
use super::vsync_phase::VsyncPhase;
use crate::stats::input_trace::PresentedFrame;
use crate::stats::meter::Meter;

/// Each time that somebody looks.
const FRAMES: u32 = 10;

pub struct FrameObserver {
    video: HtmlVideoElement,
    meter: Rc<Meter>,
    /// Told how much later pictures might as well be drawn, in microseconds.
    vsync_offset: Box<dyn Fn(i32)>,
    /// Of the frames on the screen since the last look.
    seen: Cell<FramesSeen>,
    /// The browser was asked for a frame that it has not shown yet.
    watching: Cell<bool>,
    /// Grows when what is seen has nothing to do any more with what was seen before.
    epoch: Cell<u32>,
    phase: RefCell<VsyncPhase>,
}

impl FrameObserver {
    pub fn new(
        video: HtmlVideoElement,
        meter: Rc<Meter>,
        vsync_offset: impl Fn(i32) + 'static,
    ) -> Rc<FrameObserver> {
        Rc::new(FrameObserver {
            video,
            meter,
            vsync_offset: Box::new(vsync_offset),
            seen: Cell::default(),
            watching: Cell::new(false),
            epoch: Cell::new(0),
            phase: RefCell::default(),
        })
    }

    /// What was seen since it was last taken.
    pub fn take(&self) -> FramesSeen {
        self.seen.take()
    }

    /// What comes now has nothing to do with what was seen before.
    pub fn forget(&self) {
        self.seen.take();
        self.phase.take();
        self.epoch.set(self.epoch.get().wrapping_add(1));
    }

    /// Asks for the next frames on the screen, one after the other: the second one's timestamp tells whether it was newly
    /// drawn, and all together when the next ones are best drawn. They may be long in coming, and then nobody asks again.
    pub fn observe(self: &Rc<Self>) {
        let asked = self.watching.get() || self.observe_next(None, FRAMES);
        self.watching.set(asked);
        self.seen.set(FramesSeen {
            shown: asked.then(|| self.seen.get().shown == Some(true)),
            ..self.seen.get()
        });
    }

    /// `false` where the browser cannot tell.
    fn observe_next(self: &Rc<Self>, before: Option<PresentedFrame>, left: u32) -> bool {
        let (this, epoch) = (Rc::downgrade(self), self.epoch.get());
        frames::on_next_frame(&self.video, move |shown| {
            let Some(this) = this.upgrade() else {
                return;
            };
            let known = shown.filter(|_| this.epoch.get() == epoch);
            let age = known.and_then(|shown| this.meter.age(before?, shown));
            let seen = this.seen.get();
            this.seen.set(FramesSeen {
                shown: Some(true),
                age_millis: age.or(seen.age_millis),
            });
            let goes_on = known.is_some_and(|shown| {
                this.keep_time(shown);
                left > 1 && this.observe_next(Some(shown), left - 1)
            });
            this.watching.set(goes_on);
        })
    }

    /// Tells when pictures would be best for this screen.
    fn keep_time(&self, shown: PresentedFrame) {
        let mut phase = self.phase.borrow_mut();
        phase.waited(shown.refresh - shown.presented);
        if let Some(micros) = phase.offset() {
            (self.vsync_offset)(micros);
        }
    }
}
