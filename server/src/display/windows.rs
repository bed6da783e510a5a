//! Chrome's windows and menus → which are shown, where, and which has the keyboard.

use shared::geometry::LogicalSize;
use smithay::{
    delegate_xdg_activation, delegate_xdg_shell,
    reexports::{
        wayland_protocols::xdg::shell::server::xdg_toplevel::{self, ResizeEdge, WmCapabilities},
        wayland_server::{
            DisplayHandle,
            protocol::{wl_output::WlOutput, wl_seat::WlSeat, wl_surface::WlSurface},
        },
    },
    utils::{Logical, Point, Rectangle, Serial, Size},
    wayland::{
        compositor::{get_parent, with_states},
        shell::xdg::{
            PopupSurface, PositionerState, SurfaceCachedState, ToplevelSurface, XdgShellHandler,
            XdgShellState,
        },
        xdg_activation::{
            XdgActivationHandler, XdgActivationState, XdgActivationToken, XdgActivationTokenData,
        },
    },
};

use super::{
    compositor::Compositor,
    floating::{Floating, Grip},
    seat,
    surfaces::Surfaces,
    window_size::{LEAST_WIDTH_WITH_TABS, window_size},
};

/// All of Chrome's toplevels and popups.
pub struct Windows {
    shell: XdgShellState,
    activation: XdgActivationState,
    /// From back to front. Of those that fill the page the last one that has drawn is seen, and over it those that float.
    toplevels: Vec<Toplevel>,
    /// In the order in which they opened, which is their order from bottom to top.
    popups: Vec<Popup>,
}

struct Toplevel {
    surface: ToplevelSurface,
    /// Over what fills the page, with a frame that Chrome draws; `None` fills the page, without a frame.
    floating: Option<Floating>,
}

struct Popup {
    surface: PopupSurface,
    /// Relative to the parent's window geometry.
    at: Point<i32, Logical>,
    /// Takes the keyboard, as a menu does.
    grabs: bool,
}

/// What a window may wish.
const CAPABILITIES: [WmCapabilities; 2] = [WmCapabilities::Maximize, WmCapabilities::Fullscreen];
/// Deeper nesting is no menu.
const MOST_NESTED: usize = 16;
/// More windows and menus than this are no page's honest wish; Chrome is asked to close the newest.
const MOST_WINDOWS: usize = 64;

impl Windows {
    pub fn new(handle: &DisplayHandle) -> Windows {
        Windows {
            shell: XdgShellState::new_with_capabilities::<Compositor>(handle, CAPABILITIES),
            activation: XdgActivationState::new::<Compositor>(handle),
            toplevels: Vec::new(),
            popups: Vec::new(),
        }
    }

    /// Forgets what Chrome has destroyed. With no other window left, one that floated fills the page.
    pub fn tidy(&mut self, page: LogicalSize) {
        self.toplevels.retain(|toplevel| toplevel.surface.alive());
        self.popups.retain(|popup| popup.surface.alive());
        let mut toplevels = self.toplevels.iter();
        if toplevels.all(Toplevel::floats)
            && let Some(last) = self.toplevels.last_mut()
        {
            last.floating = None;
            last.answer(page);
        }
    }

    /// Those that show something, from back to front.
    fn drawn<'a>(&'a self, surfaces: &Surfaces) -> impl DoubleEndedIterator<Item = &'a Toplevel> {
        let toplevels = self.toplevels.iter();
        toplevels.filter(|toplevel| {
            toplevel.surface.alive() && surfaces.content(toplevel.root()).is_some()
        })
    }

    /// What the keyboard belongs to, unless a menu wants it.
    fn front(&self, surfaces: &Surfaces) -> Option<&Toplevel> {
        self.drawn(surfaces).next_back()
    }

    /// The one that is seen of those that fill the page.
    fn filling(&self, surfaces: &Surfaces) -> Option<&Toplevel> {
        let mut filling = self.drawn(surfaces);
        filling.rfind(|toplevel| !toplevel.floats())
    }

    /// The windows with their menus, bottom first, with the place of each surface's own (0, 0) in the page.
    pub fn shown(&self, surfaces: &Surfaces) -> Vec<(WlSurface, Point<i32, Logical>)> {
        let floating = self.drawn(surfaces).filter(|toplevel| toplevel.floats());
        let toplevels = self.filling(surfaces).into_iter().chain(floating);
        let mut shown = Vec::new();
        for toplevel in toplevels {
            let root = toplevel.root();
            shown.push((root.clone(), origin(root, toplevel.at())));
            for popup in &self.popups {
                let surface = popup.surface.wl_surface();
                if let Some((owner, at)) = self.popup_place(popup, MOST_NESTED)
                    && owner == *root
                {
                    shown.push((surface.clone(), origin(surface, at)));
                }
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
            None => {
                let at = self.toplevel(&parent).map_or((0, 0).into(), Toplevel::at);
                (parent, at)
            }
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

    fn toplevel(&self, surface: &WlSurface) -> Option<&Toplevel> {
        let mut toplevels = self.toplevels.iter();
        toplevels.find(|toplevel| toplevel.root() == surface)
    }

    fn toplevel_mut(&mut self, surface: &WlSurface) -> Option<&mut Toplevel> {
        let mut toplevels = self.toplevels.iter_mut();
        toplevels.find(|toplevel| toplevel.root() == surface)
    }

    /// Whether a window that fills the page shows something.
    pub fn fill_page(&self, surfaces: &Surfaces) -> bool {
        self.filling(surfaces).is_some()
    }

    /// Whether this is the window that is seen of those that fill the page.
    pub fn is_filling(&self, surface: &WlSurface, surfaces: &Surfaces) -> bool {
        let filling = self.filling(surfaces);
        filling.is_some_and(|toplevel| toplevel.root() == surface)
    }

    /// The page has another size.
    pub fn resize(&mut self, page: LogicalSize) {
        let toplevels = self.toplevels.iter_mut();
        for toplevel in toplevels.filter(|toplevel| toplevel.surface.alive()) {
            let floating = toplevel.floating.as_mut();
            let size = floating.and_then(|floating| floating.page_resized(page));
            toplevel.prepare(page, size);
            if toplevel.surface.is_initial_configure_sent() {
                toplevel.surface.send_pending_configure();
            }
        }
    }

    /// A window has drawn.
    pub fn committed(&mut self, surface: &WlSurface, surfaces: &Surfaces, page: LogicalSize) {
        if surfaces.content(surface).is_some()
            && let Some(toplevel) = self.toplevel_mut(surface)
            && let Some(floating) = &mut toplevel.floating
            && let Some(geometry) = window_geometry(surface)
            && let Some(size) = floating.drawn(geometry.size, page)
        {
            toplevel.prepare(page, Some(size));
            toplevel.surface.send_pending_configure();
        }
    }

    /// The window that this surface belongs to comes to the front, itself or with one of its menus.
    pub fn raise_owner(&mut self, surface: &WlSurface) {
        let mut root = surface.clone();
        while let Some(parent) = get_parent(&root) {
            root = parent;
        }
        let menu = self.popups.iter();
        let mut menu = menu.filter(|popup| *popup.surface.wl_surface() == root);
        if let Some((owner, _)) = menu
            .next()
            .and_then(|popup| self.popup_place(popup, MOST_NESTED))
        {
            root = owner;
        }
        self.raise(&root);
    }

    fn raise(&mut self, surface: &WlSurface) {
        let mut toplevels = self.toplevels.iter();
        if let Some(at) = toplevels.position(|toplevel| toplevel.root() == surface) {
            let raised = self.toplevels.remove(at);
            self.toplevels.push(raised);
        }
    }

    /// Whether a floating window is being moved or resized.
    pub fn is_dragged(&self) -> bool {
        let mut floating = self
            .toplevels
            .iter()
            .flat_map(|toplevel| &toplevel.floating);
        floating.any(Floating::is_dragged)
    }

    /// A pointer or a finger there takes hold of a window. Says whether it floats, and can be moved.
    pub fn take_hold(
        &mut self,
        window: &WlSurface,
        grip: Grip,
        pointer: Point<f64, Logical>,
    ) -> bool {
        let toplevel = self.toplevel_mut(window);
        let floating = toplevel.and_then(|toplevel| toplevel.floating.as_mut());
        floating.is_some_and(|floating| {
            floating.take_hold(grip, pointer);
            floating.is_dragged()
        })
    }

    /// What holds a window is there now.
    pub fn drag(&mut self, pointer: Point<f64, Logical>, page: LogicalSize) {
        for toplevel in &mut self.toplevels {
            if let Some(floating) = &mut toplevel.floating
                && let Some(size) = floating.drag(pointer, page)
            {
                toplevel.prepare(page, Some(size));
                toplevel.surface.send_pending_configure();
            }
        }
    }

    /// What held a window is lifted.
    pub fn let_go(&mut self) {
        let toplevels = self.toplevels.iter_mut();
        toplevels
            .flat_map(|toplevel| &mut toplevel.floating)
            .for_each(Floating::let_go);
    }

    /// A new window or menu commits once without a buffer, to be told its size.
    pub fn configure_new(&mut self, surface: &WlSurface, page: LogicalSize) {
        let others = self.toplevels.len() > 1;
        let floating = self.toplevels.iter();
        let floating = floating.filter(|toplevel| toplevel.floats()).count();
        if let Some(toplevel) = self.toplevel_mut(surface)
            && !toplevel.surface.is_initial_configure_sent()
        {
            if others && is_small(surface) {
                toplevel.floating = Some(Floating::new(floating, page));
                toplevel.prepare(page, None);
            }
            toplevel.surface.send_configure();
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
        let front = self.front(surfaces).map(Toplevel::root);
        for toplevel in self.drawn(surfaces) {
            // A window that has not drawn yet was told at its first configure that it will be active.
            toplevel.surface.with_pending_state(|state| {
                if front == Some(toplevel.root()) {
                    state.states.set(xdg_toplevel::State::Activated);
                } else {
                    state.states.unset(xdg_toplevel::State::Activated);
                }
            });
            toplevel.surface.send_pending_configure();
        }
        menu.or(front).cloned()
    }
}

impl Toplevel {
    fn root(&self) -> &WlSurface {
        self.surface.wl_surface()
    }

    /// Where its window geometry begins.
    fn at(&self) -> Point<i32, Logical> {
        let floating = self.floating.as_ref();
        floating.map_or((0, 0).into(), Floating::at)
    }

    fn floats(&self) -> bool {
        self.floating.is_some()
    }

    /// The protocol wants an answer to each wish, also when nothing changes.
    fn answer(&self, page: LogicalSize) {
        self.prepare(page, None);
        if self.surface.is_initial_configure_sent() {
            self.surface.send_configure();
        }
    }

    /// What it is to be told: while it floats that size, or without one the size that Chrome gives it.
    fn prepare(&self, page: LogicalSize, size: Option<Size<i32, Logical>>) {
        let page = window_size(page);
        let page = (page.width().into(), page.height().into()).into();
        let floating = self.floating.as_ref();
        let is_maximized = floating.is_some_and(Floating::is_maximized);
        let is_fullscreen = floating.is_none_or(Floating::is_fullscreen);
        self.surface.with_pending_state(|state| {
            state.size = match is_maximized || is_fullscreen {
                true => Some(page),
                false => size,
            };
            state.bounds = Some(page);
            for (name, is) in [
                (xdg_toplevel::State::Fullscreen, is_fullscreen),
                (xdg_toplevel::State::Maximized, is_maximized),
            ] {
                match is {
                    true => state.states.set(name),
                    false => state.states.unset(name),
                };
            }
        });
    }
}

/// What a page opens with a size of its own may be smaller than a window with tabs.
fn is_small(surface: &WlSurface) -> bool {
    with_states(surface, |states| {
        let mut cached = states.cached_state.get::<SurfaceCachedState>();
        cached.current().min_size.w < LEAST_WIDTH_WITH_TABS.into()
    })
}

/// Where a surface's own (0, 0) is when its window geometry begins at `at`.
fn origin(surface: &WlSurface, at: Point<i32, Logical>) -> Point<i32, Logical> {
    let geometry = window_geometry(surface).unwrap_or_default();
    let x = at.x.saturating_sub(geometry.loc.x);
    (x, at.y.saturating_sub(geometry.loc.y)).into()
}

/// What a window's frame encloses, without its shadow.
fn window_geometry(surface: &WlSurface) -> Option<Rectangle<i32, Logical>> {
    with_states(surface, |states| {
        let mut cached = states.cached_state.get::<SurfaceCachedState>();
        cached.current().geometry
    })
}

impl XdgShellHandler for Compositor {
    fn xdg_shell_state(&mut self) -> &mut XdgShellState {
        &mut self.windows.shell
    }

    fn new_toplevel(&mut self, toplevel: ToplevelSurface) {
        toplevel.with_pending_state(|state| state.states.set(xdg_toplevel::State::Activated));
        self.output.enter(toplevel.wl_surface());
        if self.windows.toplevels.len() >= MOST_WINDOWS {
            toplevel.send_close();
        }
        let toplevel = Toplevel {
            surface: toplevel,
            floating: None,
        };
        toplevel.prepare(self.asked_geometry().page, None);
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
        let page = self.geometry().page;
        self.windows.position(&surface, positioner, page);
    }

    fn reposition_request(
        &mut self,
        surface: PopupSurface,
        positioner: PositionerState,
        token: u32,
    ) {
        let page = self.geometry().page;
        self.windows.position(&surface, positioner, page);
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
        let toplevels = &mut self.windows.toplevels;
        toplevels.retain(|other| other.surface != toplevel);
    }

    fn move_request(&mut self, toplevel: ToplevelSurface, _seat: WlSeat, _serial: Serial) {
        seat::drag_window(self, toplevel.wl_surface(), Grip::Move);
    }

    fn resize_request(
        &mut self,
        toplevel: ToplevelSurface,
        _seat: WlSeat,
        _serial: Serial,
        edges: ResizeEdge,
    ) {
        seat::drag_window(self, toplevel.wl_surface(), grip(edges));
    }

    fn maximize_request(&mut self, toplevel: ToplevelSurface) {
        self.answer_wish(&toplevel, |floating| floating.maximize(true));
    }

    fn unmaximize_request(&mut self, toplevel: ToplevelSurface) {
        self.answer_wish(&toplevel, |floating| floating.maximize(false));
    }

    /// It would be nowhere to be found.
    fn minimize_request(&mut self, toplevel: ToplevelSurface) {
        self.answer_wish(&toplevel, |_| {});
    }

    fn fullscreen_request(&mut self, toplevel: ToplevelSurface, _output: Option<WlOutput>) {
        self.answer_wish(&toplevel, |floating| floating.fullscreen(true));
    }

    fn unfullscreen_request(&mut self, toplevel: ToplevelSurface) {
        self.answer_wish(&toplevel, |floating| floating.fullscreen(false));
    }
}

impl Compositor {
    /// Only a window that floats gets what it wishes.
    fn answer_wish(&mut self, toplevel: &ToplevelSurface, grant: impl FnOnce(&mut Floating)) {
        let page = self.asked_geometry().page;
        if let Some(toplevel) = self.windows.toplevel_mut(toplevel.wl_surface()) {
            if let Some(floating) = &mut toplevel.floating {
                grant(floating);
            }
            toplevel.answer(page);
        }
    }
}

/// What is pulled at these edges.
fn grip(edges: ResizeEdge) -> Grip {
    let (x, y) = match edges {
        ResizeEdge::Left => (-1, 0),
        ResizeEdge::TopLeft => (-1, -1),
        ResizeEdge::BottomLeft => (-1, 1),
        ResizeEdge::Right => (1, 0),
        ResizeEdge::TopRight => (1, -1),
        ResizeEdge::BottomRight => (1, 1),
        ResizeEdge::Top => (0, -1),
        ResizeEdge::Bottom => (0, 1),
        _ => (0, 0),
    };
    Grip::Resize { x, y }
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
        self.windows.raise(&surface);
    }
}

delegate_xdg_shell!(Compositor);
delegate_xdg_activation!(Compositor);
