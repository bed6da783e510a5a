//! What Chrome says over Wayland → surfaces with their buffers and damage. All protocol state lives here.

use std::{
    sync::{Arc, Mutex},
    time::{Duration, Instant},
};

use shared::{
    clipboard::ClipboardLimits,
    geometry::{Geometry, Scale},
};
use smithay::{
    delegate_compositor, delegate_output, delegate_presentation, delegate_shm,
    output::{Mode, Output, PhysicalProperties, Scale as OutputScale, Subpixel},
    reexports::{
        wayland_protocols::wp::presentation_time::server::wp_presentation_feedback::Kind,
        wayland_server::{
            Client, DisplayHandle,
            backend::{ClientData, ClientId, DisconnectReason},
            protocol::{wl_buffer::WlBuffer, wl_callback::WlCallback, wl_surface::WlSurface},
        },
    },
    utils::{Clock, Monotonic, Physical, Size},
    wayland::{
        buffer::BufferHandler,
        compositor::{
            BufferAssignment, CompositorClientState, CompositorHandler, CompositorState,
            Damage as WaylandDamage, SurfaceAttributes, with_states,
        },
        output::{OutputHandler, OutputManagerState},
        presentation::{PresentationFeedbackCachedState, PresentationState, Refresh},
        shm::{ShmHandler, ShmState},
    },
};
use tokio::sync::watch;

use super::{
    DisplayError, DisplayState,
    clipboard::Clipboard,
    cursor::CursorSurface,
    frame_clock::FrameClock,
    input_attribution::InputAttribution,
    pixel_space::picture_from_page,
    pointer_lock,
    resizing::Resizing,
    scene::Scene,
    seat::{self, DisplaySeat},
    surface_scale::SurfaceScales,
    surfaces::Surfaces,
    text_input::TextInputs,
    windows::Windows,
};
use crate::{
    picture::{
        compose::Composer,
        mailbox::{Drawn, Mailbox},
        rect::Rect,
    },
    sync::lock,
};

/// One Chrome, one output, one seat.
pub struct Compositor {
    pub(super) handle: DisplayHandle,
    compositor: CompositorState,
    shm: ShmState,
    /// Tells the screen's size in logical pixels: with halves in the scale it follows from nothing else.
    _outputs: OutputManagerState,
    pub(super) output: Output,
    /// How large the page is, and how its logical pixels become those of the picture.
    resizing: Resizing,
    pub(super) scales: SurfaceScales,
    pub(super) surfaces: Surfaces,
    pub(super) windows: Windows,
    /// What is seen, as of the last [`Compositor::arrange`].
    pub(super) scene: Scene,
    /// Inputs that no commit has shown yet.
    pub(super) attribution: InputAttribution,
    /// Frame callbacks of Chrome that wait for their answer.
    frame_callbacks: Vec<WlCallback>,
    /// What Chrome takes for the screen's refreshes.
    pub(super) frame_clock: FrameClock,
    pub(super) cursor: CursorSurface,
    pub(super) seat: DisplaySeat,
    pub(super) text_inputs: TextInputs,
    pub(super) clipboard: Clipboard,
    clock: Clock<Monotonic>,
    /// The same moment as an `Instant` and on Chrome's clock.
    epoch: (Instant, Duration),
    pub(super) state: watch::Sender<DisplayState>,
}

/// More callbacks than this wait only for a client that never draws; they are answered at once.
const MOST_CALLBACKS: usize = 256;

impl Compositor {
    pub fn new(
        handle: DisplayHandle,
        geometry: Geometry,
        frame_rate: u32,
        clipboard: ClipboardLimits,
        state: watch::Sender<DisplayState>,
    ) -> Result<Compositor, DisplayError> {
        let clock = Clock::new();
        let epoch = (Instant::now(), clock.now().into());
        PresentationState::new::<Compositor>(&handle, clock.id() as u32);
        Ok(Compositor {
            compositor: CompositorState::new::<Compositor>(&handle),
            shm: ShmState::new::<Compositor>(&handle, []),
            _outputs: OutputManagerState::new_with_xdg_output::<Compositor>(&handle),
            output: output(&handle, geometry, frame_rate),
            resizing: Resizing::new(geometry),
            scales: SurfaceScales::new(&handle),
            surfaces: Surfaces::default(),
            windows: Windows::new(&handle),
            scene: Scene::default(),
            attribution: InputAttribution::new(frame_rate),
            frame_callbacks: Vec::new(),
            frame_clock: FrameClock::new(frame_rate, epoch.0),
            seat: DisplaySeat::new(&handle)?,
            cursor: CursorSurface::new(&handle),
            text_inputs: TextInputs::new(&handle),
            clipboard: Clipboard::new(&handle, clipboard),
            clock,
            epoch,
            handle,
            state,
        })
    }

    /// Of what Chrome draws now.
    pub(super) fn geometry(&self) -> Geometry {
        self.resizing.current()
    }

    /// What Chrome's windows are told to be.
    pub(super) fn asked_geometry(&self) -> Geometry {
        self.resizing.asked()
    }

    /// Until when what people do is to wait for Chrome to draw another size, if it is to.
    pub fn holds_until(&self, now: Instant) -> Option<Instant> {
        self.resizing.holds_until(now)
    }

    /// Tells Chrome another size and scale. What it draws meanwhile still has the old ones.
    pub fn resize(&mut self, geometry: Geometry) {
        if !self.resizing.ask(geometry, Instant::now()) {
            return;
        }
        let refresh = self
            .output
            .current_mode()
            .map_or(60_000, |mode| mode.refresh);
        let mode = Mode {
            size: pixels(geometry),
            refresh,
        };
        let scale = OutputScale::Fractional(geometry.scale.as_f64());
        self.output
            .change_current_state(Some(mode), None, Some(scale), None);
        self.output.set_preferred(mode);
        self.scales.prefer(geometry.scale);
        self.windows.resize(geometry.page);
        if !self.windows.fill_page(&self.surfaces) {
            self.resizing.nothing_drawn();
            self.state.send_modify(|state| state.geometry = geometry);
        }
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

    /// Answers the waiting frame callbacks: Chrome draws its next frame.
    pub fn answer_callbacks(&mut self) {
        let time = self.now_millis();
        for callback in self.frame_callbacks.drain(..) {
            callback.done(time);
        }
    }

    pub fn has_callbacks(&self) -> bool {
        !self.frame_callbacks.is_empty()
    }

    /// Works out anew what is seen where, and hands focus to it.
    pub fn arrange(&mut self) {
        self.windows.tidy(self.asked_geometry().page);
        let windows = self.windows.shown(&self.surfaces);
        self.scene
            .arrange(&windows, &self.surfaces, self.geometry().scale);
        seat::focus_keyboard(self);
        seat::focus_pointer(self);
        pointer_lock::publish(self);
    }

    /// Draws what was damaged. Nothing was: nothing happens.
    pub fn publish(&mut self, mailbox: &Mailbox, composer: &mut Composer, drawn_at: Instant) {
        let geometry = self.geometry();
        let Some((layers, damage)) = self.scene.take_damaged() else {
            return;
        };
        let (first, resized) = {
            let told = self.state.borrow();
            // A black page is a picture, too, although the canvas was black before.
            (!layers.is_empty() && !told.drawn, told.geometry != geometry)
        };
        let begun_before = self.frame_clock.since_last_but_one(drawn_at);
        let attribution = &mut self.attribution;
        mailbox.publish(geometry, drawn_at, |canvas| {
            let changed = composer.compose(canvas, &layers, &damage);
            let rows = if first {
                0..canvas.size().usize().1
            } else {
                changed
            };
            // Damage that changes no pixel shows nothing.
            let inputs = match rows.is_empty() {
                true => Vec::new(),
                false => attribution.committed(&damage, begun_before, drawn_at),
            };
            Drawn { rows, inputs }
        });
        if first || resized {
            self.state.send_modify(|state| {
                state.drawn |= first;
                state.geometry = geometry;
            });
        }
    }

    /// Takes over what `surface` has just committed.
    fn take_commit(&mut self, surface: &WlSurface) {
        let scale = self.geometry().scale;
        let (buffer, damage, callbacks, feedbacks) = with_states(surface, |states| {
            let feedbacks = &mut states.cached_state.get::<PresentationFeedbackCachedState>();
            let feedbacks = std::mem::take(&mut feedbacks.current().callbacks);
            let mut attributes = states.cached_state.get::<SurfaceAttributes>();
            let attributes = attributes.current();
            let damage = attributes
                .damage
                .drain(..)
                .map(|damage| buffer_rect(scale, damage))
                .fold(Rect::EMPTY, Rect::union);
            let callbacks = std::mem::take(&mut attributes.frame_callbacks);
            (attributes.buffer.take(), damage, callbacks, feedbacks)
        });
        if !feedbacks.is_empty() {
            let tick = self.frame_clock.tick(Instant::now());
            let (tick, refresh) = (
                self.on_clock(tick),
                Refresh::fixed(self.frame_clock.refresh()),
            );
            for feedback in feedbacks {
                feedback.presented(&self.output, tick, refresh, 0, Kind::Vsync);
            }
        }
        self.frame_callbacks.extend(callbacks);
        if self.frame_callbacks.len() > MOST_CALLBACKS {
            self.answer_callbacks();
        }
        match buffer {
            Some(BufferAssignment::NewBuffer(buffer)) => {
                self.surfaces.attach(surface, buffer);
                self.follow_size(surface);
            }
            Some(BufferAssignment::Removed) => self.surfaces.detach(surface),
            None => {}
        }
        self.scene.damage(surface, &self.surfaces, damage);
    }

    /// The picture takes the size that Chrome has drawn, once the window that fills the page has it.
    fn follow_size(&mut self, surface: &WlSurface) {
        let content = self.surfaces.content(surface);
        let is_filling = self.windows.is_filling(surface, &self.surfaces);
        if let Some(content) = content.filter(|_| is_filling)
            && self.resizing.drawn(content.size)
        {
            let (width, height) = self.geometry().video.usize();
            self.scene.damage_all(width as i32, height as i32);
        }
    }
}

/// Damage of a surface whose buffer is not transformed, in pixels of that buffer.
fn buffer_rect(scale: Scale, damage: WaylandDamage) -> Rect {
    match damage {
        WaylandDamage::Surface(rect) => picture_from_page(scale, rect),
        WaylandDamage::Buffer(rect) => Rect::new(rect.loc.x, rect.loc.y, rect.size.w, rect.size.h),
    }
}

fn output(handle: &DisplayHandle, geometry: Geometry, frame_rate: u32) -> Output {
    let properties = PhysicalProperties {
        // Unknown, like a projector's: Chrome then assumes 96 dpi.
        size: (0, 0).into(),
        subpixel: Subpixel::None,
        make: "Farpane".to_owned(),
        model: "Display".to_owned(),
    };
    let output = Output::new("farpane".to_owned(), properties);
    let mode = Mode {
        size: pixels(geometry),
        refresh: i32::try_from(frame_rate.clamp(1, 1000)).unwrap_or(60) * 1000,
    };
    let scale = OutputScale::Fractional(geometry.scale.as_f64());
    output.change_current_state(Some(mode), None, Some(scale), None);
    output.set_preferred(mode);
    output.create_global::<Compositor>(handle);
    output
}

fn pixels(geometry: Geometry) -> Size<i32, Physical> {
    let video = geometry.video;
    (video.width().into(), video.height().into()).into()
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
        let asked = self.asked_geometry().page;
        self.windows.configure_new(surface, asked);
        let page = self.geometry().page;
        self.windows.committed(surface, &self.surfaces, page);
        let scale = self.geometry().scale;
        self.cursor
            .committed(surface, &self.surfaces, scale, &self.state);
    }

    fn destroyed(&mut self, surface: &WlSurface) {
        self.surfaces.detach(surface);
        self.cursor.destroyed(surface);
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
    disconnected: Arc<Mutex<Option<String>>>,
}

impl Chrome {
    /// Will hold a sentence once Chrome is gone.
    pub fn disconnected(&self) -> Arc<Mutex<Option<String>>> {
        self.disconnected.clone()
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
        *lock(&self.disconnected) = Some(sentence);
    }
}
