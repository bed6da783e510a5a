//! Copy, paste and drags inside one Chrome, which passes them through its display.

use smithay::{
    delegate_data_device,
    input::Seat,
    reexports::wayland_server::{DisplayHandle, Resource, protocol::wl_surface::WlSurface},
    wayland::selection::{
        SelectionHandler,
        data_device::{
            ClientDndGrabHandler, DataDeviceHandler, DataDeviceState, ServerDndGrabHandler,
            set_data_device_focus,
        },
    },
};

use super::compositor::Compositor;

/// The selection's devices.
pub struct Clipboard {
    devices: DataDeviceState,
}

impl Clipboard {
    pub fn new(handle: &DisplayHandle) -> Clipboard {
        Clipboard {
            devices: DataDeviceState::new::<Compositor>(handle),
        }
    }

    /// The selection is offered to whoever has the keyboard.
    pub fn focus(
        &self,
        handle: &DisplayHandle,
        seat: &Seat<Compositor>,
        focused: Option<&WlSurface>,
    ) {
        let client = focused.and_then(|surface| handle.get_client(surface.id()).ok());
        set_data_device_focus(handle, seat, client);
    }
}

impl SelectionHandler for Compositor {
    type SelectionUserData = ();
}

impl ClientDndGrabHandler for Compositor {}
impl ServerDndGrabHandler for Compositor {}

impl DataDeviceHandler for Compositor {
    fn data_device_state(&self) -> &DataDeviceState {
        &self.clipboard.devices
    }
}

delegate_data_device!(Compositor);
