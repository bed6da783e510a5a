//! Chrome's windows and menus → which are shown, where, and which has the keyboard.

use shared::geometry::LogicalSize;
use smithay::{
    delegate_xdg_activation, delegate_xdg_decoration, delegate_xdg_shell,
    reexports::{
        wayland_protocols::xdg::{
            decoration::zv1::server::zxdg_toplevel_decoration_v1::Mode as DecorationMode,
            shell::server::xdg_toplevel,
        },
        wayland_server::{
            DisplayHandle,
            protocol::{wl_output::WlOutput, wl_seat::WlSeat, wl_surface::WlSurface},
        },
    },
    utils::{Logical, Point, Rectangle, Serial},
    wayland::{
        compositor::with_states,
        shell::xdg::{
            PopupSurface, PositionerState, SurfaceCachedState, ToplevelSurface, XdgShellHandler,
            XdgShellState,
            decoration::{XdgDecorationHandler, XdgDecorationState},
        },
        xdg_activation::{
            XdgActivationHandler, XdgActivationState, XdgActivationToken, XdgActivationTokenData,
        },
    },
};

use super::{compositor::Compositor, surfaces::Surfaces};

/// All of Chrome's toplevels and popups.
pub struct Windows {
    shell: XdgShellState,
    activation: XdgActivationState,
    _decoration: XdgDecorationState,
    /// The last one that has drawn is shown; all fill the whole page.
    toplevels: Vec<ToplevelSurface>,
    /// In the order in which they opened, which is their order from bottom to top.
    popups: Vec<Popup>,
}

struct Popup {
    surface: PopupSurface,
    /// Relative to the parent's window geometry.
    at: Point<i32, Logical>,
    /// Takes the keyboard, as a menu does.
    grabs: bool,
}

/// Deeper nesting is no menu.
const MOST_NESTED: usize = 16;
/// More windows and menus than this are no page's honest wish; Chrome is asked to close the newest.
const MOST_WINDOWS: usize = 64;

impl Windows {
    pub fn new(handle: &DisplayHandle) -> Windows {
        Windows {
            shell: XdgShellState::new::<Compositor>(handle),
            activation: XdgActivationState::new::<Compositor>(handle),
            _decoration: XdgDecorationState::new::<Compositor>(handle),
            toplevels: Vec::new(),
            popups: Vec::new(),
        }
    }

    /// Forgets what Chrome has destroyed.
    pub fn tidy(&mut self) {
        self.toplevels.retain(ToplevelSurface::alive);
        self.popups.retain(|popup| popup.surface.alive());
    }

    fn shown_toplevel(&self, surfaces: &Surfaces) -> Option<&ToplevelSurface> {
        let toplevels = self.toplevels.iter().rev();
        toplevels
            .filter(|toplevel| toplevel.alive())
            .find(|toplevel| surfaces.content(toplevel.wl_surface()).is_some())
    }

    /// The window and its menus, bottom first, with the place of each surface's own (0, 0) in the page.
    pub fn shown(&self, surfaces: &Surfaces) -> Vec<(WlSurface, Point<i32, Logical>)> {
        let Some(toplevel) = self.shown_toplevel(surfaces) else {
            return Vec::new();
        };
        let root = toplevel.wl_surface();
        let mut shown = vec![(root.clone(), origin(root, (0, 0).into()))];
        for popup in &self.popups {
            let surface = popup.surface.wl_surface();
            if let Some((owner, at)) = self.popup_place(popup, MOST_NESTED)
                && owner == *root
            {
                shown.push((surface.clone(), origin(surface, at)));
            }
        }
        shown
    }

    /// The toplevel's surface that a menu belongs to, and where the menu's window geometry begins.
    fn popup_place(&self, popup: &Popup, depth: usize) -> Option<(WlSurface, Point<i32, Logical>)> {
        let depth = depth.checked_sub(1)?;
        let parent = popup.surface.get_parent_surface()?;
        let above = self.popups.iter();
        let mut above = above.filter(|other| *other.surface.wl_surface() == parent);
        let (owner, base) = match above.next() {
            Some(other) => self.popup_place(other, depth)?,
            None => (parent, (0, 0).into()),
        };
        let x = base.x.saturating_add(popup.at.x);
        let y = base.y.saturating_add(popup.at.y);
        Some((owner, (x, y).into()))
    }

    /// Decides where a menu goes so that it fits into the page, as far as its positioner allows.
    fn position(&mut self, surface: &PopupSurface, positioner: PositionerState, page: LogicalSize) {
        let Some(index) = self.popups.iter().position(|p| p.surface == *surface) else {
            return;
        };
        // Where the parent's window geometry begins: the place of a menu at (0, 0) of it.
        self.popups[index].at = (0, 0).into();
        let parent = self
            .popup_place(&self.popups[index], MOST_NESTED)
            .map_or((0, 0).into(), |(_, at)| at);
        let room = Rectangle::new(
            (parent.x.saturating_neg(), parent.y.saturating_neg()).into(),
            (page.width().into(), page.height().into()).into(),
        );
        let geometry = positioner.get_unconstrained_geometry(room);
        self.popups[index].at = geometry.loc;
        surface.with_pending_state(|state| {
            state.geometry = geometry;
            state.positioner = positioner;
        });
    }

    /// A new window or menu commits once without a buffer, to be told its size.
    pub fn configure_new(&self, surface: &WlSurface) {
        let toplevels = self.toplevels.iter();
        for toplevel in toplevels.filter(|toplevel| toplevel.wl_surface() == surface) {
            if !toplevel.is_initial_configure_sent() {
                toplevel.send_configure();
            }
        }
        let popups = self.popups.iter().map(|popup| &popup.surface);
        for popup in popups.filter(|popup| popup.wl_surface() == surface) {
            if !popup.is_initial_configure_sent() && popup.send_configure().is_err() {
                tracing::debug!("a menu asked for its size twice");
            }
        }
    }

    /// Tells each window whether it is the one that is shown, and gives what the keyboard belongs to: the newest menu that
    /// wants it, else that window.
    pub fn activate(&self, surfaces: &Surfaces) -> Option<WlSurface> {
        let popups = self.popups.iter().rev();
        let menu = popups
            .filter(|popup| popup.grabs && popup.surface.alive())
            .map(|popup| popup.surface.wl_surface())
            .find(|surface| surfaces.content(surface).is_some());
        let shown = self.shown_toplevel(surfaces);
        let shown = shown.map(ToplevelSurface::wl_surface);
        for toplevel in &self.toplevels {
            // A window that has not drawn yet was told at its first configure that it will be active.
            if !toplevel.alive() || surfaces.content(toplevel.wl_surface()).is_none() {
                continue;
            }
            toplevel.with_pending_state(|state| {
                if shown == Some(toplevel.wl_surface()) {
                    state.states.set(xdg_toplevel::State::Activated);
                } else {
                    state.states.unset(xdg_toplevel::State::Activated);
                }
            });
            toplevel.send_pending_configure();
        }
        menu.or(shown).cloned()
    }
}

/// Every window fills the page, without a frame of its own.
fn fill_page(toplevel: &ToplevelSurface, page: LogicalSize) {
    toplevel.with_pending_state(|state| {
        state.size = Some((page.width().into(), page.height().into()).into());
        state.bounds = state.size;
        state.states.set(xdg_toplevel::State::Fullscreen);
        state.decoration_mode = Some(DecorationMode::ServerSide);
    });
}

/// The protocol wants an answer to each wish, also when nothing changes.
fn answer_wish(toplevel: &ToplevelSurface, page: LogicalSize) {
    fill_page(toplevel, page);
    if toplevel.is_initial_configure_sent() {
        toplevel.send_configure();
    }
}

/// Where a surface's own (0, 0) is when its window geometry begins at `at`.
fn origin(surface: &WlSurface, at: Point<i32, Logical>) -> Point<i32, Logical> {
    let geometry = window_geometry(surface);
    let x = at.x.saturating_sub(geometry.x);
    (x, at.y.saturating_sub(geometry.y)).into()
}

fn window_geometry(surface: &WlSurface) -> Point<i32, Logical> {
    with_states(surface, |states| {
        let mut cached = states.cached_state.get::<SurfaceCachedState>();
        cached
            .current()
            .geometry
            .map_or((0, 0).into(), |geometry| geometry.loc)
    })
}

impl XdgShellHandler for Compositor {
    fn xdg_shell_state(&mut self) -> &mut XdgShellState {
        &mut self.windows.shell
    }

    fn new_toplevel(&mut self, toplevel: ToplevelSurface) {
        fill_page(&toplevel, self.geometry.page);
        toplevel.with_pending_state(|state| state.states.set(xdg_toplevel::State::Activated));
        self.output.enter(toplevel.wl_surface());
        if self.windows.toplevels.len() >= MOST_WINDOWS {
            toplevel.send_close();
        }
        self.windows.toplevels.push(toplevel);
    }

    fn title_changed(&mut self, _toplevel: ToplevelSurface) {
        self.state.send_modify(|state| state.windows += 1);
    }

    fn new_popup(&mut self, surface: PopupSurface, positioner: PositionerState) {
        if self.windows.popups.len() >= MOST_WINDOWS {
            surface.send_popup_done();
        }
        self.output.enter(surface.wl_surface());
        self.windows.popups.push(Popup {
            surface: surface.clone(),
            at: (0, 0).into(),
            grabs: false,
        });
        self.windows
            .position(&surface, positioner, self.geometry.page);
    }

    fn reposition_request(
        &mut self,
        surface: PopupSurface,
        positioner: PositionerState,
        token: u32,
    ) {
        self.windows
            .position(&surface, positioner, self.geometry.page);
        surface.send_repositioned(token);
    }

    fn grab(&mut self, surface: PopupSurface, _seat: WlSeat, _serial: Serial) {
        let popups = self.windows.popups.iter_mut();
        for popup in popups.filter(|popup| popup.surface == surface) {
            popup.grabs = true;
        }
    }

    fn popup_destroyed(&mut self, surface: PopupSurface) {
        self.windows.popups.retain(|popup| popup.surface != surface);
    }

    fn toplevel_destroyed(&mut self, toplevel: ToplevelSurface) {
        self.windows.toplevels.retain(|other| *other != toplevel);
    }

    fn maximize_request(&mut self, toplevel: ToplevelSurface) {
        answer_wish(&toplevel, self.geometry.page);
    }

    fn unmaximize_request(&mut self, toplevel: ToplevelSurface) {
        answer_wish(&toplevel, self.geometry.page);
    }

    fn fullscreen_request(&mut self, toplevel: ToplevelSurface, _output: Option<WlOutput>) {
        answer_wish(&toplevel, self.geometry.page);
    }

    fn unfullscreen_request(&mut self, toplevel: ToplevelSurface) {
        answer_wish(&toplevel, self.geometry.page);
    }
}

impl XdgDecorationHandler for Compositor {
    fn new_decoration(&mut self, toplevel: ToplevelSurface) {
        fill_page(&toplevel, self.geometry.page);
    }

    fn request_mode(&mut self, toplevel: ToplevelSurface, _mode: DecorationMode) {
        answer_wish(&toplevel, self.geometry.page);
    }

    fn unset_mode(&mut self, toplevel: ToplevelSurface) {
        answer_wish(&toplevel, self.geometry.page);
    }
}

impl XdgActivationHandler for Compositor {
    fn activation_state(&mut self) -> &mut XdgActivationState {
        &mut self.windows.activation
    }

    fn request_activation(
        &mut self,
        token: XdgActivationToken,
        _data: XdgActivationTokenData,
        surface: WlSurface,
    ) {
        self.windows.activation.remove_token(&token);
        let toplevels = &mut self.windows.toplevels;
        if let Some(at) = toplevels.iter().position(|t| *t.wl_surface() == surface) {
            let raised = toplevels.remove(at);
            toplevels.push(raised);
        }
    }
}

delegate_xdg_shell!(Compositor);
delegate_xdg_decoration!(Compositor);
delegate_xdg_activation!(Compositor);
