//! What Chrome says over Wayland → surfaces with their buffers and damage. All protocol state lives here.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use shared::geometry::VideoSize;
use smithay::{
    delegate_compositor, delegate_output, delegate_presentation, delegate_shm,
    output::{Mode, Output, PhysicalProperties, Scale, Subpixel},
    reexports::{
        wayland_protocols::wp::presentation_time::server::wp_presentation_feedback::Kind,
        wayland_server::{
            Client, DisplayHandle, Resource,
            backend::{ClientData, ClientId, DisconnectReason, ObjectId},
            protocol::{wl_buffer::WlBuffer, wl_callback::WlCallback, wl_surface::WlSurface},
        },
    },
    utils::{Clock, Monotonic},
    wayland::{
        buffer::BufferHandler,
        compositor::{
            BufferAssignment, CompositorClientState, CompositorHandler, CompositorState,
            Damage as WaylandDamage, SurfaceAttributes, with_states,
        },
        output::OutputHandler,
        presentation::{PresentationFeedbackCachedState, PresentationState, Refresh},
        shm::{ShmHandler, ShmState},
    },
};
use tokio::sync::watch;

use super::{
    DisplayError, DisplayState, clipboard::Clipboard, cursor::Pointer, frame_clock::FrameClock,
    input_attribution::InputAttribution, pixels, scene::Placed, seat::Keys, text_input::TextInputs,
    windows::Windows,
};
use crate::picture::{damage::Damage, rect::Rect};

/// One Chrome, one output, one seat.
pub struct Compositor {
    pub(super) handle: DisplayHandle,
    compositor: CompositorState,
    shm: ShmState,
    pub(super) output: Output,
    pub(super) size: VideoSize,
    /// What each surface shows.
    pub(super) contents: HashMap<ObjectId, Content>,
    pub(super) windows: Windows,
    /// What is seen, bottom first, as of the last [`Compositor::arrange`].
    pub(super) scene: Vec<Placed>,
    pub(super) damage: Damage,
    /// Inputs that no commit has answered yet.
    pub(super) answers: InputAttribution,
    /// Frame callbacks of Chrome that wait for their answer.
    pub(super) callbacks: Vec<WlCallback>,
    /// What Chrome takes for the screen's refreshes.
    pub(super) beat: FrameClock,
    pub(super) pointer: Pointer,
    pub(super) keys: Keys,
    pub(super) text_inputs: TextInputs,
    pub(super) clipboard: Clipboard,
    clock: Clock<Monotonic>,
    /// The same moment as an `Instant` and on Chrome's clock.
    epoch: (Instant, Duration),
    pub(super) state: watch::Sender<DisplayState>,
}

/// A surface's committed buffer. Chrome may not write into it before it is replaced, so what lies below a menu can be
/// drawn again at any time.
pub struct Content {
    pub buffer: WlBuffer,
    pub width: i32,
    pub height: i32,
    pub opaque: bool,
}

/// More callbacks than this wait only for a client that never draws; they are answered at once.
const MOST_CALLBACKS: usize = 256;

impl Compositor {
    pub fn new(
        handle: DisplayHandle,
        size: VideoSize,
        frame_rate: u32,
        state: watch::Sender<DisplayState>,
    ) -> Result<Compositor, DisplayError> {
        let clock = Clock::new();
        let epoch = (Instant::now(), clock.now().into());
        PresentationState::new::<Compositor>(&handle, clock.id() as u32);
        Ok(Compositor {
            compositor: CompositorState::new::<Compositor>(&handle),
            shm: ShmState::new::<Compositor>(&handle, []),
            output: output(&handle, size, frame_rate),
            size,
            contents: HashMap::new(),
            windows: Windows::new(&handle),
            scene: Vec::new(),
            damage: Damage::default(),
            answers: InputAttribution::default(),
            callbacks: Vec::new(),
            beat: FrameClock::new(frame_rate, epoch.0),
            keys: Keys::new(&handle)?,
            pointer: Pointer::new(&handle),
            text_inputs: TextInputs::new(&handle),
            clipboard: Clipboard::new(&handle),
            clock,
            epoch,
            handle,
            state,
        })
    }

    pub(super) fn content(&self, surface: &WlSurface) -> Option<&Content> {
        self.contents.get(&surface.id())
    }

    /// Milliseconds of the monotonic clock, which is what Chrome takes event times for.
    pub(super) fn now_millis(&self) -> u32 {
        self.clock.now().as_millis()
    }

    /// On the monotonic clock, which `Instant` follows as well.
    fn on_clock(&self, at: Instant) -> Duration {
        let (instant, on_clock) = self.epoch;
        on_clock + at.saturating_duration_since(instant)
    }

    /// InputAttribution the waiting frame callbacks: Chrome draws its next frame.
    pub fn answer_callbacks(&mut self) {
        let time = self.now_millis();
        for callback in self.callbacks.drain(..) {
            callback.done(time);
        }
    }

    pub fn has_callbacks(&self) -> bool {
        !self.callbacks.is_empty()
    }

    /// Takes over what `surface` has just committed.
    fn take_commit(&mut self, surface: &WlSurface) {
        let (buffer, damage, callbacks, feedbacks) = with_states(surface, |states| {
            let feedbacks = &mut states.cached_state.get::<PresentationFeedbackCachedState>();
            let feedbacks = std::mem::take(&mut feedbacks.current().callbacks);
            let mut attributes = states.cached_state.get::<SurfaceAttributes>();
            let attributes = attributes.current();
            let damage = attributes
                .damage
                .drain(..)
                .map(rect_of)
                .fold(Rect::EMPTY, Rect::union);
            let callbacks = std::mem::take(&mut attributes.frame_callbacks);
            (attributes.buffer.take(), damage, callbacks, feedbacks)
        });
        if !feedbacks.is_empty() {
            let tick = self.beat.tick(Instant::now());
            let (tick, refresh) = (self.on_clock(tick), Refresh::fixed(self.beat.refresh()));
            for feedback in feedbacks {
                feedback.presented(&self.output, tick, refresh, 0, Kind::Vsync);
            }
        }
        self.callbacks.extend(callbacks);
        if self.callbacks.len() > MOST_CALLBACKS {
            self.answer_callbacks();
        }
        match buffer {
            Some(BufferAssignment::NewBuffer(buffer)) => self.attach(surface, buffer),
            Some(BufferAssignment::Removed) => self.detach(surface),
            None => {}
        }
        let (Some(content), Some(placed)) = (
            self.content(surface),
            self.scene.iter().find(|placed| placed.surface == *surface),
        ) else {
            return;
        };
        // Damage of a surface that appears only now is the whole of it, which `arrange` finds by itself.
        let damage = damage.intersection(Rect::new(0, 0, content.width, content.height));
        let damage = damage.moved(placed.rect.left, placed.rect.top);
        self.damage.add(damage);
    }

    fn attach(&mut self, surface: &WlSurface, buffer: WlBuffer) {
        let Some((width, height, opaque)) = pixels::describe(&buffer) else {
            buffer.release();
            return self.detach(surface);
        };
        let content = Content {
            buffer,
            width,
            height,
            opaque,
        };
        let id = content.buffer.id();
        if let Some(before) = self.contents.insert(surface.id(), content)
            && before.buffer.id() != id
        {
            before.buffer.release();
        }
    }

    pub(super) fn detach(&mut self, surface: &WlSurface) {
        if let Some(before) = self.contents.remove(&surface.id()) {
            before.buffer.release();
        }
    }
}

/// At scale 1 and without transforms a pixel of the surface is a pixel of its buffer.
fn rect_of(damage: WaylandDamage) -> Rect {
    match damage {
        WaylandDamage::Surface(rect) => Rect::new(rect.loc.x, rect.loc.y, rect.size.w, rect.size.h),
        WaylandDamage::Buffer(rect) => Rect::new(rect.loc.x, rect.loc.y, rect.size.w, rect.size.h),
    }
}

fn output(handle: &DisplayHandle, size: VideoSize, frame_rate: u32) -> Output {
    let properties = PhysicalProperties {
        // Unknown, like a projector's: Chrome then assumes 96 dpi.
        size: (0, 0).into(),
        subpixel: Subpixel::None,
        make: "Farpane".to_owned(),
        model: "Display".to_owned(),
    };
    let output = Output::new("farpane".to_owned(), properties);
    let mode = Mode {
        size: (size.width().into(), size.height().into()).into(),
        refresh: i32::try_from(frame_rate.clamp(1, 1000)).unwrap_or(60) * 1000,
    };
    output.change_current_state(Some(mode), None, Some(Scale::Integer(1)), None);
    output.set_preferred(mode);
    output.create_global::<Compositor>(handle);
    output
}

impl CompositorHandler for Compositor {
    fn compositor_state(&mut self) -> &mut CompositorState {
        &mut self.compositor
    }

    fn client_compositor_state<'a>(&self, client: &'a Client) -> &'a CompositorClientState {
        let chrome: &Chrome = client
            .get_data()
            .expect("every client was inserted with this data");
        &chrome.compositor
    }

    fn commit(&mut self, surface: &WlSurface) {
        self.take_commit(surface);
        self.configure_new(surface);
        self.cursor_committed(surface);
    }

    fn destroyed(&mut self, surface: &WlSurface) {
        self.detach(surface);
        self.cursor_destroyed(surface);
    }
}

impl BufferHandler for Compositor {
    fn buffer_destroyed(&mut self, _buffer: &WlBuffer) {
        // Its memory stays mapped for as long as a surface shows it.
    }
}

impl ShmHandler for Compositor {
    fn shm_state(&self) -> &ShmState {
        &self.shm
    }
}

impl OutputHandler for Compositor {}

delegate_compositor!(Compositor);
delegate_presentation!(Compositor);
delegate_shm!(Compositor);
delegate_output!(Compositor);

/// What belongs to Chrome's connection.
#[derive(Default)]
pub struct Chrome {
    compositor: CompositorClientState,
    gone: Arc<Mutex<Option<String>>>,
}

impl Chrome {
    /// Will hold a sentence once Chrome is gone.
    pub fn gone(&self) -> Arc<Mutex<Option<String>>> {
        self.gone.clone()
    }
}

impl ClientData for Chrome {
    fn disconnected(&self, _client: ClientId, reason: DisconnectReason) {
        let sentence = match reason {
            DisconnectReason::ConnectionClosed => "Chrome has closed its display.".to_owned(),
            DisconnectReason::ProtocolError(error) => {
                tracing::error!(%error, "Chrome broke the Wayland protocol");
                "Chrome and its display did not understand each other.".to_owned()
            }
        };
        *self.gone.lock().unwrap_or_else(PoisonError::into_inner) = Some(sentence);
    }
}
