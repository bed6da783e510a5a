//! Copy, paste and drags inside one Chrome, which passes them through its display.

use std::{os::unix::net::UnixStream, sync::Arc};

use smithay::{
    input::Seat,
    reexports::wayland_server::{
        Client, DataInit, Dispatch, DisplayHandle, Resource,
        backend::{ClientId, InvalidId, protocol::Message, smallvec::SmallVec},
        delegate_dispatch, delegate_global_dispatch,
        protocol::{
            wl_data_device::{self, WlDataDevice},
            wl_data_device_manager::WlDataDeviceManager,
            wl_data_source::WlDataSource,
            wl_surface::WlSurface,
        },
    },
    wayland::selection::{
        SelectionHandler,
        data_device::{
            ClientDndGrabHandler, DataDeviceHandler, DataDeviceState, DataDeviceUserData,
            DataSourceUserData, ServerDndGrabHandler, set_data_device_focus,
        },
    },
};

use super::{DisplayError, compositor::Compositor};

/// The selection's devices.
pub struct Clipboard {
    devices: DataDeviceState,
    /// Data devices that are destroyed; smithay may still have them in the seat's list.
    destroyed: Vec<WlDataDevice>,
}

impl Clipboard {
    pub fn new(handle: &DisplayHandle) -> Clipboard {
        Clipboard {
            devices: DataDeviceState::new::<Compositor>(handle),
            destroyed: Vec::new(),
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

/// Takes destroyed data devices out of the seat's list; called when Chrome has disconnected.
///
/// smithay 0.7 does so only for a device's `release` request, which Chrome never sends (a disconnect is enough since
/// Smithay/smithay#1939). The seat owns the list and each device in it owns the seat, so they would keep each other,
/// the keyboard and its keymap for as long as the server runs. A client of our own makes the request instead.
pub fn release_destroyed(compositor: &mut Compositor) -> Result<(), DisplayError> {
    let devices = std::mem::take(&mut compositor.clipboard.destroyed);
    if devices.is_empty() {
        return Ok(());
    }
    let (stream, _) = UnixStream::pair()?;
    let client = compositor.handle.insert_client(stream, Arc::new(()))?;
    let gone = |_: InvalidId| DisplayError::Wayland("its own client is gone".to_owned());
    let proxy: WlDataDevice = client
        .create_resource::<_, _, Compositor>(&compositor.handle, 1, Destroyed(devices))
        .map_err(gone)?;
    let backend = compositor.handle.backend_handle();
    let dispatch = backend
        .get_object_data::<Compositor>(proxy.id())
        .map_err(gone)?;
    let release = Message {
        sender_id: proxy.id(),
        opcode: wl_data_device::REQ_RELEASE_OPCODE,
        args: SmallVec::new(),
    };
    dispatch.request(&backend, compositor, client.id(), release);
    Ok(())
}

/// What the data device of our own client stands for.
struct Destroyed(Vec<WlDataDevice>);

impl Dispatch<WlDataDevice, Destroyed> for Compositor {
    fn request(
        compositor: &mut Compositor,
        client: &Client,
        _proxy: &WlDataDevice,
        _release: wl_data_device::Request,
        Destroyed(devices): &Destroyed,
        handle: &DisplayHandle,
        init: &mut DataInit<'_, Compositor>,
    ) {
        for device in devices {
            if let Some(data) = device.data::<DataDeviceUserData>() {
                let release = wl_data_device::Request::Release;
                Self::request(compositor, client, device, release, data, handle, init);
            }
        }
    }
}

impl Dispatch<WlDataDevice, DataDeviceUserData> for Compositor {
    fn request(
        compositor: &mut Compositor,
        client: &Client,
        device: &WlDataDevice,
        request: wl_data_device::Request,
        data: &DataDeviceUserData,
        handle: &DisplayHandle,
        init: &mut DataInit<'_, Compositor>,
    ) {
        <DataDeviceState as Dispatch<_, _, Compositor>>::request(
            compositor, client, device, request, data, handle, init,
        );
    }

    fn destroyed(
        compositor: &mut Compositor,
        _client: ClientId,
        device: &WlDataDevice,
        _data: &DataDeviceUserData,
    ) {
        compositor.clipboard.destroyed.push(device.clone());
    }
}

// `delegate_data_device!` without the data device itself.
delegate_global_dispatch!(Compositor: [WlDataDeviceManager: ()] => DataDeviceState);
delegate_dispatch!(Compositor: [WlDataDeviceManager: ()] => DataDeviceState);
delegate_dispatch!(Compositor: [WlDataSource: DataSourceUserData] => DataDeviceState);
