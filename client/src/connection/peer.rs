//! One life of a WebRTC connection: offer → answer → track and two channels; ended by a loss, closed on drop.

use std::cell::RefCell;
use std::rc::Rc;

use js_sys::{Array, Reflect, Uint8Array};
use shared::api::IceServer;
use shared::message::{ClientMessage, ServerMessage, Stamped, channel};
use shared::wire;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{
    MediaStreamTrack, MessageEvent, RtcConfiguration, RtcDataChannel, RtcDataChannelInit,
    RtcDataChannelState, RtcDataChannelType, RtcIceServer, RtcPeerConnection,
    RtcPeerConnectionState, RtcRtpReceiver, RtcRtpTransceiver, RtcRtpTransceiverDirection,
    RtcRtpTransceiverInit, RtcSdpType, RtcSessionDescriptionInit, RtcTrackEvent,
};

use super::WAITING_MOVES;
use super::codec_support::{offers_h264, with_stereo};
use super::events::{Ice, PeerEvent};
use crate::dom::{Listener, listen};

/// What comes of a peer, at once.
pub struct PeerCallbacks {
    pub event: Rc<dyn Fn(PeerEvent)>,
    pub track: Box<dyn Fn(MediaStreamTrack)>,
    pub message: Box<dyn Fn(ServerMessage)>,
}

pub struct Peer {
    connection: RtcPeerConnection,
    control: RtcDataChannel,
    moves: RtcDataChannel,
    /// From its making until it is sent.
    offer: RefCell<Option<RtcSessionDescriptionInit>>,
    event: Rc<dyn Fn(PeerEvent)>,
    listeners: RefCell<Vec<Listener>>,
}

impl Peer {
    pub fn new(callbacks: PeerCallbacks) -> Result<Peer, JsValue> {
        let connection = RtcPeerConnection::new()?;
        receive_video(&connection);
        receive_sound(&connection);

        let control = connection.create_data_channel(channel::CONTROL);
        control.set_binary_type(RtcDataChannelType::Arraybuffer);
        let newest_only = RtcDataChannelInit::new();
        newest_only.set_ordered(false);
        newest_only.set_max_retransmits(0);
        let moves =
            connection.create_data_channel_with_data_channel_dict(channel::MOVES, &newest_only);

        let peer = Peer {
            connection,
            control,
            moves,
            offer: RefCell::default(),
            event: callbacks.event.clone(),
            listeners: RefCell::default(),
        };
        peer.listen(callbacks);
        Ok(peer)
    }

    fn listen(&self, callbacks: PeerCallbacks) {
        let tell = |event: fn(&RtcPeerConnection) -> PeerEvent| {
            let (told, connection) = (self.event.clone(), self.connection.clone());
            move |_: web_sys::Event| told(event(&connection))
        };
        let PeerCallbacks {
            event,
            track,
            message,
        } = callbacks;
        *self.listeners.borrow_mut() = vec![
            listen(
                &self.connection,
                "connectionstatechange",
                tell(|connection| PeerEvent::Ice(ice(connection.connection_state()))),
            ),
            listen(&self.control, "open", tell(|_| PeerEvent::ControlOpened)),
            listen(&self.control, "close", tell(|_| PeerEvent::ControlClosed)),
            listen(&self.connection, "track", move |event: RtcTrackEvent| {
                let received = event.track();
                // Sound that came as late as a network makes it would have gaps: the browser knows best.
                if received.kind() == "video" {
                    show_at_once(&event.receiver());
                }
                track(received);
            }),
            listen(&self.control, "message", move |came: MessageEvent| {
                let bytes = Uint8Array::new(&came.data()).to_vec();
                match wire::decode_server(&bytes) {
                    Ok(decoded) => {
                        event(PeerEvent::Heard);
                        message(decoded);
                    }
                    Err(wrong) => leptos::logging::warn!("a message of the server: {wrong}"),
                }
            }),
        ];
    }

    /// Makes the offer, before it is known which ICE servers to use: that takes as long as asking for them. Says whether
    /// it takes H.264.
    pub async fn prepare(&self) -> Result<bool, JsValue> {
        let offer = JsFuture::from(self.connection.create_offer()).await?;
        let offer: RtcSessionDescriptionInit = offer.unchecked_into();
        let sdp = offer.get_sdp().unwrap_or_default();
        let takes_h264 = offers_h264(&sdp);
        offer.set_sdp(&with_stereo(&sdp));
        *self.offer.borrow_mut() = Some(offer);
        Ok(takes_h264)
    }

    /// Starts gathering and gives the offer's SDP. The answer has all of the server's candidates, and the server
    /// learns ours from our checks: nobody waits for gathering.
    pub async fn begin(&self, ice_servers: &[IceServer]) -> Result<String, JsValue> {
        let offer = self.offer.take();
        let offer = offer.ok_or_else(|| JsValue::from_str("there is no offer"))?;
        if !ice_servers.is_empty() {
            self.connection
                .set_configuration_with_configuration(&configuration(ice_servers))?;
        }
        JsFuture::from(self.connection.set_local_description(&offer)).await?;
        offer
            .get_sdp()
            .ok_or_else(|| JsValue::from_str("the offer has no SDP"))
    }

    pub async fn accept(&self, answer: &str) -> Result<(), JsValue> {
        let description = RtcSessionDescriptionInit::new(RtcSdpType::Answer);
        description.set_sdp(answer);
        JsFuture::from(self.connection.set_remote_description(&description)).await?;
        Ok(())
    }

    fn is_open(&self) -> bool {
        self.control.ready_state() == RtcDataChannelState::Open
    }

    /// `false` if no channel can take it now.
    pub fn send(&self, stamped: &Stamped) -> bool {
        if !self.is_open() {
            return false;
        }
        let bytes = wire::encode_client(stamped);
        let unreliable = matches!(stamped.message, ClientMessage::PointerMove { .. })
            && self.moves.ready_state() == RtcDataChannelState::Open;
        if unreliable {
            if self.moves.buffered_amount() > WAITING_MOVES {
                return true;
            }
            return self.moves.send_with_u8_array(&bytes).is_ok();
        }
        self.control.send_with_u8_array(&bytes).is_ok()
    }

    /// A ping past all that waits to be sent again.
    pub fn probe(&self, number: u32) {
        if self.moves.ready_state() == RtcDataChannelState::Open
            && self.moves.buffered_amount() <= WAITING_MOVES
        {
            let bytes = wire::encode_client(&Stamped {
                input: None,
                sent_micros: None,
                message: ClientMessage::Ping { number },
            });
            // The next one follows soon.
            let _ = self.moves.send_with_u8_array(&bytes);
        }
    }

    /// `RTCPeerConnection.getStats()`.
    pub async fn report(&self) -> Result<JsValue, JsValue> {
        JsFuture::from(self.connection.get_stats()).await
    }

    /// What came of something that was asked of it.
    pub fn tell(&self, event: PeerEvent) {
        (self.event)(event);
    }

    /// At once, whoever still holds it.
    pub fn close(&self) {
        self.connection.close();
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.close();
    }
}

fn ice(state: RtcPeerConnectionState) -> Ice {
    match state {
        RtcPeerConnectionState::Connected => Ice::Connected,
        RtcPeerConnectionState::Disconnected => Ice::Disconnected,
        RtcPeerConnectionState::Failed | RtcPeerConnectionState::Closed => Ice::Failed,
        _ => Ice::Connecting,
    }
}

fn receive_video(connection: &RtcPeerConnection) {
    let only_receive = RtcRtpTransceiverInit::new();
    only_receive.set_direction(RtcRtpTransceiverDirection::Recvonly);
    let transceiver = connection.add_transceiver_with_str_and_init("video", &only_receive);
    prefer_h264(&transceiver);
    show_at_once(&transceiver.receiver());
}

fn receive_sound(connection: &RtcPeerConnection) {
    let only_receive = RtcRtpTransceiverInit::new();
    only_receive.set_direction(RtcRtpTransceiverDirection::Recvonly);
    connection.add_transceiver_with_str_and_init("audio", &only_receive);
}

/// H.264 first, for its hardware decoders; the rest stays, so that an answer is possible whatever the server has.
fn prefer_h264(transceiver: &RtcRtpTransceiver) {
    let Some(capabilities) = RtcRtpReceiver::get_capabilities("video") else {
        return;
    };
    let Ok(codecs) = Reflect::get(&capabilities, &"codecs".into()) else {
        return;
    };
    let is_h264 = |codec: &JsValue| {
        Reflect::get(codec, &"mimeType".into())
            .ok()
            .and_then(|kind| kind.as_string())
            .is_some_and(|kind| kind.eq_ignore_ascii_case("video/h264"))
    };
    let (first, rest): (Vec<JsValue>, Vec<JsValue>) =
        Array::from(&codecs).iter().partition(is_h264);
    let ordered: Array = first.into_iter().chain(rest).collect();
    // Firefox before 128 lacks it and prefers by the server's answer.
    if Reflect::has(transceiver, &"setCodecPreferences".into()) == Ok(true) {
        transceiver.set_codec_preferences(&ordered);
    }
}

/// No smoothing: a late picture is worth less than a jerk.
fn show_at_once(receiver: &RtcRtpReceiver) {
    // The standard's name, and Chrome's older one; a plain property without effect where it is not known.
    for name in ["jitterBufferTarget", "playoutDelayHint"] {
        // Throws for a read-only property only, and neither is one.
        let _ = Reflect::set(receiver, &name.into(), &0.into());
    }
}

fn configuration(ice_servers: &[IceServer]) -> RtcConfiguration {
    let servers: Array = ice_servers
        .iter()
        .map(|server| {
            let urls: Array = server
                .urls
                .iter()
                .map(|url| JsValue::from_str(url))
                .collect();
            let entry = RtcIceServer::new();
            entry.set_urls(&urls);
            if let Some(username) = &server.username {
                entry.set_username(username);
            }
            if let Some(credential) = &server.credential {
                entry.set_credential(credential);
            }
            entry
        })
        .collect();
    let configuration = RtcConfiguration::new();
    configuration.set_ice_servers(&servers);
    configuration
}
