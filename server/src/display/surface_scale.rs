//! How many pixels Chrome draws per logical pixel, told to each of its surfaces.

use shared::geometry::Scale;
use smithay::{
    delegate_fractional_scale, delegate_viewporter,
    reexports::wayland_server::{DisplayHandle, Resource, Weak, protocol::wl_surface::WlSurface},
    wayland::{
        compositor::with_states,
        fractional_scale::{
            FractionalScaleHandler, FractionalScaleManagerState, with_fractional_scale,
        },
        viewporter::ViewporterState,
    },
};

use super::compositor::Compositor;

/// The surfaces that want to know their scale.
pub struct SurfaceScales {
    _manager: FractionalScaleManagerState,
    /// With a scale of halves a surface's size in logical pixels cannot be told from its buffer's: Chrome wants to say it.
    _viewporter: ViewporterState,
    surfaces: Vec<Weak<WlSurface>>,
}

impl SurfaceScales {
    pub fn new(handle: &DisplayHandle) -> SurfaceScales {
        SurfaceScales {
            _manager: FractionalScaleManagerState::new::<Compositor>(handle),
            _viewporter: ViewporterState::new::<Compositor>(handle),
            surfaces: Vec::new(),
        }
    }

    /// All surfaces are to be drawn at that scale.
    pub fn prefer(&mut self, scale: Scale) {
        self.surfaces.retain(Weak::is_alive);
        for surface in self.surfaces.iter().filter_map(|weak| weak.upgrade().ok()) {
            prefer(&surface, scale);
        }
    }
}

fn prefer(surface: &WlSurface, scale: Scale) {
    with_states(surface, |states| {
        with_fractional_scale(states, |fractional| {
            fractional.set_preferred_scale(scale.as_f64());
        });
    });
}

impl FractionalScaleHandler for Compositor {
    fn new_fractional_scale(&mut self, surface: WlSurface) {
        prefer(&surface, self.asked_geometry().scale);
        let surfaces = &mut self.scales.surfaces;
        surfaces.retain(Weak::is_alive);
        surfaces.push(surface.downgrade());
    }
}

delegate_fractional_scale!(Compositor);
delegate_viewporter!(Compositor);
