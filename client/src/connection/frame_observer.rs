//! What the browser tells of the frames on its screen: whether any was shown, how old it was, and when the next ones are
//! best drawn.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use shared::message::ClientMessage;

use super::peer::Peer;
use super::vsync_phase::VsyncPhase;
use super::{Connection, frames};
use crate::stats::way::Shown;

/// Each time that somebody looks.
const FRAMES: u32 = 10;

#[derive(Default)]
pub(super) struct FrameObserver {
    /// Of the frames on the screen since the last look.
    seen: Cell<Seen>,
    /// The browser was asked for a frame that it has not shown yet.
    watching: Cell<bool>,
    rhythm: RefCell<VsyncPhase>,
}

#[derive(Clone, Copy, Default)]
pub(super) struct Seen {
    pub asked: bool,
    pub shown: bool,
    pub age_millis: Option<f64>,
}

impl FrameObserver {
    /// What was seen since it was last taken.
    pub fn take(&self) -> Seen {
        self.seen.take()
    }

    /// What comes now has nothing to do with what was seen before.
    pub fn forget(&self) {
        self.seen.take();
        self.rhythm.take();
    }

    fn note(&self, change: impl FnOnce(&mut Seen)) {
        let mut seen = self.seen.get();
        change(&mut seen);
        self.seen.set(seen);
    }
}

impl Connection {
    /// Asks for the next frames on the screen, one after the other: the second one's timestamp tells whether it was newly
    /// drawn, and all together when the next ones are best drawn. They may be long in coming, and then nobody asks again.
    pub(super) fn see(self: &Rc<Self>, peer: &Rc<Peer>) {
        let asked = self.sight.watching.get() || self.see_next(None, FRAMES, peer);
        self.sight.watching.set(asked);
        self.sight.note(|seen| seen.asked = asked);
    }

    /// `false` where the browser cannot tell.
    fn see_next(self: &Rc<Self>, before: Option<Shown>, left: u32, peer: &Rc<Peer>) -> bool {
        let (this, peer) = (Rc::downgrade(self), Rc::downgrade(peer));
        frames::on_next_frame(&self.video, move |shown| {
            let Some(this) = this.upgrade() else {
                return;
            };
            let peer = peer.upgrade().filter(|peer| this.is_current(peer));
            let known = shown.zip(peer);
            let age = known
                .as_ref()
                .and_then(|(shown, _)| this.meter.age(before?, *shown));
            this.sight.note(|seen| {
                seen.shown = true;
                seen.age_millis = age.or(seen.age_millis);
            });
            let goes_on = known.is_some_and(|(shown, peer)| {
                this.keep_time(shown);
                left > 1 && this.see_next(Some(shown), left - 1, &peer)
            });
            this.sight.watching.set(goes_on);
        })
    }

    /// Tells the server when pictures would be best for this screen.
    fn keep_time(&self, shown: Shown) {
        let mut rhythm = self.sight.rhythm.borrow_mut();
        rhythm.waited(shown.refresh - shown.presented);
        if let Some(micros) = rhythm.slack() {
            self.mention(ClientMessage::VsyncOffset { micros });
        }
    }
}
