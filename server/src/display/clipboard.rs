//! Copy, paste and drags: what Chrome has copied is read for the viewers, and what they paste is offered to it.

use std::{
    os::{fd::OwnedFd, unix::net::UnixStream},
    sync::Arc,
    time::Instant,
};

use shared::clipboard::{ClipboardContent, ClipboardLimits, too_large};
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
        SelectionHandler, SelectionSource, SelectionTarget,
        data_device::{
            ClientDndGrabHandler, DataDeviceHandler, DataDeviceState, DataDeviceUserData,
            DataSourceUserData, ServerDndGrabHandler, request_data_device_client_selection,
            set_data_device_focus, set_data_device_selection,
        },
    },
};

use super::{
    Copied, DisplayError,
    compositor::Compositor,
    transfers::{Format, Received, Transfers},
};

/// The selection's devices.
pub struct Clipboard {
    devices: DataDeviceState,
    /// Data devices that are destroyed; smithay may still have them in the seat's list.
    destroyed: Vec<WlDataDevice>,
    limits: ClipboardLimits,
    /// What Chrome has copied and nobody has begun to read.
    unread: Option<Vec<String>>,
    /// Grows with everything that Chrome copies.
    number: u64,
    pub(super) transfers: Transfers,
}

/// Its names, the one that Chrome is asked for first.
fn names(format: Format) -> &'static [&'static str] {
    match format {
        Format::Text => &["text/plain;charset=utf-8", "text/plain", "UTF8_STRING"],
        Format::Html => &["text/html"],
        Format::Png => &["image/png"],
    }
}

const FORMATS: [Format; 3] = [Format::Text, Format::Html, Format::Png];

impl Clipboard {
    pub fn new(handle: &DisplayHandle, limits: ClipboardLimits) -> Clipboard {
        Clipboard {
            devices: DataDeviceState::new::<Compositor>(handle),
            destroyed: Vec::new(),
            limits,
            unread: None,
            number: 0,
            transfers: Transfers::default(),
        }
    }

    fn limit(&self, format: Format) -> usize {
        match format {
            Format::Text | Format::Html => self.limits.text,
            Format::Png => self.limits.png,
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

/// Offers this to Chrome from now on.
pub fn offer(compositor: &Compositor, content: Arc<ClipboardContent>) {
    let formats = FORMATS.into_iter();
    let formats = formats.filter(|format| bytes(&content, *format).is_some());
    let names = formats.flat_map(names).map(|name| (*name).to_owned());
    let seat = compositor.seat.seat();
    set_data_device_selection::<Compositor>(&compositor.handle, seat, names.collect(), content);
}

/// Goes on with what is being copied and pasted; tells what has been copied once all of it is there.
pub fn turn(compositor: &mut Compositor, now: Instant) {
    if let Some(offered) = compositor.clipboard.unread.take() {
        begin_reading(compositor, &offered, now);
    }
    let Some(received) = compositor.clipboard.transfers.turn(now) else {
        return;
    };
    let content = content(received, compositor.clipboard.limits);
    if content.as_ref().is_ok_and(ClipboardContent::is_empty) {
        return;
    }
    compositor.clipboard.number += 1;
    let copied = Copied {
        number: compositor.clipboard.number,
        content: content.map(Arc::new),
    };
    (compositor.state).send_modify(|state| state.copied = Some(copied));
}

fn begin_reading(compositor: &mut Compositor, offered: &[String], now: Instant) {
    compositor.clipboard.transfers.forget_readings();
    for format in FORMATS {
        let mut names = names(format).iter();
        let Some(name) = names.find(|name| offered.iter().any(|offered| offered == *name)) else {
            continue;
        };
        let Ok((ours, chromes)) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC) else {
            continue;
        };
        let seat = compositor.seat.seat();
        let name = (*name).to_owned();
        if let Err(error) = request_data_device_client_selection::<Compositor>(seat, name, chromes)
        {
            tracing::debug!(%error, "what Chrome has copied is gone");
            continue;
        }
        let most = compositor.clipboard.limit(format);
        let transfers = &mut compositor.clipboard.transfers;
        transfers.read(format, ours, most, now);
    }
}

/// A sentence for what is too large.
fn content(received: Received, limits: ClipboardLimits) -> Result<ClipboardContent, String> {
    if let Some(format) = received.too_large {
        return Err(match format {
            Format::Text | Format::Html => too_large("text", limits.text),
            Format::Png => too_large("a picture", limits.png),
        });
    }
    let mut content = ClipboardContent::default();
    let formats = received.formats.into_iter();
    for (format, bytes) in formats.filter(|(_, bytes)| !bytes.is_empty()) {
        let text = |bytes: &[u8]| Some(String::from_utf8_lossy(bytes).into_owned());
        match format {
            Format::Text => content.text = text(&bytes),
            Format::Html => content.html = text(&bytes),
            Format::Png => content.png = Some(bytes),
        }
    }
    Ok(content)
}

/// `None` without that format.
fn bytes(content: &ClipboardContent, format: Format) -> Option<&[u8]> {
    match format {
        Format::Text => content.text.as_deref().map(str::as_bytes),
        Format::Html => content.html.as_deref().map(str::as_bytes),
        Format::Png => content.png.as_deref(),
    }
}

impl SelectionHandler for Compositor {
    /// What a viewer wants to paste.
    type SelectionUserData = Arc<ClipboardContent>;

    fn new_selection(
        &mut self,
        target: SelectionTarget,
        source: Option<SelectionSource>,
        _seat: Seat<Compositor>,
    ) {
        if target == SelectionTarget::Clipboard {
            // It can be asked for as soon as this request has been handled.
            self.clipboard.unread = source.map(|source| source.mime_types());
        }
    }

    fn send_selection(
        &mut self,
        _target: SelectionTarget,
        name: String,
        pipe: OwnedFd,
        _seat: Seat<Compositor>,
        content: &Arc<ClipboardContent>,
    ) {
        let mut formats = FORMATS.into_iter();
        let format = formats.find(|format| names(*format).contains(&name.as_str()));
        if let Some(bytes) = format.and_then(|format| bytes(content, format)) {
            let transfers = &mut self.clipboard.transfers;
            transfers.write(bytes.into(), pipe, Instant::now());
        }
    }
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
