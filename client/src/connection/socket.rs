//! One life of a web socket: pictures → WebCodecs → canvas, and messages both ways; closed on drop.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::{Rc, Weak};

use js_sys::{ArrayBuffer, Function, Uint8Array};
use shared::message::{ClientMessage, ServerMessage, Stamped};
use shared::session::{SessionId, ViewerId};
use shared::socket::{self, FrameOnSocket, FromServer, FromViewer, SoundOnSocket};
use shared::wire;
use wasm_bindgen::closure::Closure;
use wasm_bindgen::{JsCast, JsValue};
use web_sys::{BinaryType, Event, HtmlCanvasElement, MessageEvent, WebSocket};

use super::WAITING_MOVES;
use super::codecs::{self, FrameContext, VideoDecoder, VideoFrame};
use super::events::SocketEvent;
use crate::dom::{Listener, listen, now, said, window};
use crate::stats::input_trace::PresentedFrame;
use crate::stats::reading::Reading;

/// More that wait for the decoder are older than what a keyframe would show by now.
const MOST_UNDECODED: u32 = 8;
/// A keyframe that was asked for and did not come by then is asked for again.
const ASK_AGAIN_MILLIS: f64 = 1000.0;
/// Frames whose pictures have not come out; more only of a decoder that hangs.
const MOST_IN_DECODER: usize = 64;

/// What comes of it, at once.
pub struct SocketCallbacks {
    pub event: Box<dyn Fn(SocketEvent)>,
    pub message: Box<dyn Fn(ServerMessage)>,
    pub sound: Box<dyn Fn(SoundOnSocket<'_>)>,
    /// A picture is on the canvas; times as of a `<video>`'s frame.
    pub shown: Box<dyn Fn(PresentedFrame)>,
}

pub struct Socket {
    connection: WebSocket,
    canvas: HtmlCanvasElement,
    context: FrameContext,
    callbacks: SocketCallbacks,
    listeners: RefCell<Vec<Listener>>,
    decoder: RefCell<Option<Decoder>>,
    /// Nothing but a keyframe can be decoded; since when one is asked for.
    wants_keyframe: Cell<Option<f64>>,
    /// Frames in the decoder: their timestamps, when they came, and when it began with them.
    in_decoder: RefCell<VecDeque<(u32, f64, f64)>>,
    /// Pictures that the browser has not shown yet.
    drawn: RefCell<Vec<PresentedFrame>>,
    reading: RefCell<Reading>,
}

struct Decoder {
    decoder: VideoDecoder,
    codec: String,
    _on_frame: Closure<dyn FnMut(VideoFrame)>,
    _on_error: Closure<dyn FnMut(JsValue)>,
}

impl Socket {
    pub fn open(
        session: &SessionId,
        viewer: &ViewerId,
        canvas: HtmlCanvasElement,
        callbacks: SocketCallbacks,
    ) -> Result<Rc<Socket>, JsValue> {
        let location = window().location();
        let scheme = match location.protocol()?.as_str() {
            "https:" => "wss",
            _ => "ws",
        };
        let (host, path) = (location.host()?, socket::PATH);
        let connection = WebSocket::new(&format!(
            "{scheme}://{host}{path}?session={}&viewer={}",
            session.as_str(),
            viewer.as_str()
        ))?;
        connection.set_binary_type(BinaryType::Arraybuffer);
        let context = canvas
            .get_context("2d")?
            .ok_or_else(|| JsValue::from_str("no canvas"))?;
        let socket = Rc::new(Socket {
            connection,
            canvas,
            context: context.unchecked_into(),
            callbacks,
            listeners: RefCell::default(),
            decoder: RefCell::default(),
            wants_keyframe: Cell::new(Some(now())),
            in_decoder: RefCell::default(),
            drawn: RefCell::default(),
            reading: RefCell::new(Reading {
                protocol: Some("web socket".to_owned()),
                decoder: Some("WebCodecs".to_owned()),
                ..Reading::default()
            }),
        });
        socket.listen();
        Ok(socket)
    }

    fn listen(self: &Rc<Self>) {
        let on = |act: fn(&Rc<Socket>)| {
            let weak = Rc::downgrade(self);
            move |_: Event| with(&weak, act)
        };
        let weak = Rc::downgrade(self);
        *self.listeners.borrow_mut() = vec![
            listen(
                &self.connection,
                "open",
                on(|socket| socket.tell(SocketEvent::Opened)),
            ),
            listen(
                &self.connection,
                "close",
                on(|socket| socket.tell(SocketEvent::Closed)),
            ),
            listen(&self.connection, "message", move |event: MessageEvent| {
                let received = now();
                // The server sends nothing else.
                if let Ok(buffer) = event.data().dyn_into::<ArrayBuffer>() {
                    let bytes = Uint8Array::new(&buffer).to_vec();
                    with(&weak, |socket| socket.take(&bytes, received));
                }
            }),
        ];
    }

    fn take(self: &Rc<Self>, bytes: &[u8], received: f64) {
        self.tell(SocketEvent::Heard);
        self.reading.borrow_mut().bytes_received += bytes.len() as f64;
        let wrong = match FromServer::decode(bytes) {
            Ok(FromServer::Frame(frame)) => return self.take_frame(frame, received),
            Ok(FromServer::Sound(sound)) => return (self.callbacks.sound)(sound),
            Ok(FromServer::Message(message)) => match wire::decode_server(message) {
                Ok(message) => return (self.callbacks.message)(message),
                Err(wrong) => wrong,
            },
            Err(wrong) => wrong,
        };
        leptos::logging::warn!("a message of the server: {wrong}");
    }

    fn take_frame(self: &Rc<Self>, frame: FrameOnSocket<'_>, received: f64) {
        // Before it is decoded: this is about the way.
        self.send_raw(FromViewer::Acknowledged {
            timestamp: frame.timestamp,
        });
        self.reading.borrow_mut().frames_received += 1.0;
        let undecoded = self.decoder.borrow().as_ref().map_or(0, Decoder::undecoded);
        if undecoded > MOST_UNDECODED {
            // Too slow, or stuck: what waits is dropped.
            self.forget_decoder();
        }
        if self.wants_keyframe.get().is_some() && !frame.keyframe {
            self.reading.borrow_mut().frames_dropped += 1.0;
            return self.ask_for_keyframe();
        }
        if let Err(thrown) = self.decode(frame, received) {
            self.failed(&thrown);
        }
    }

    fn decode(self: &Rc<Self>, frame: FrameOnSocket<'_>, received: f64) -> Result<(), JsValue> {
        let FrameOnSocket {
            keyframe,
            timestamp,
            access_unit,
        } = frame;
        if keyframe && let Some(codec) = socket::codec(access_unit) {
            self.prepare(codec)?;
        }
        let decoder = self.decoder.borrow();
        let Some(Decoder { decoder, .. }) = &*decoder else {
            return Err(JsValue::from_str("a keyframe without its format"));
        };
        let mut in_decoder = self.in_decoder.borrow_mut();
        if in_decoder.len() == MOST_IN_DECODER {
            in_decoder.pop_front();
        }
        in_decoder.push_back((timestamp, received, now()));
        decoder.take(access_unit, keyframe, timestamp)?;
        if keyframe {
            self.wants_keyframe.set(None);
        }
        Ok(())
    }

    /// A decoder for this format, unless there is one.
    fn prepare(self: &Rc<Self>, codec: String) -> Result<(), JsValue> {
        if let Some(ready) = &mut *self.decoder.borrow_mut() {
            if ready.codec != codec {
                ready.decoder.expect(&codec)?;
                ready.codec = codec;
            }
            return Ok(());
        }
        let weak = Rc::downgrade(self);
        let on_frame = Closure::<dyn FnMut(VideoFrame)>::new(move |frame: VideoFrame| {
            with(&weak, |socket| socket.draw(&frame));
            frame.close();
        });
        let weak = Rc::downgrade(self);
        let on_error = Closure::<dyn FnMut(JsValue)>::new(move |error: JsValue| {
            with(&weak, |socket| socket.failed(&error));
        });
        let as_function = |closure: &JsValue| closure.unchecked_ref::<Function>().clone();
        let decoder = codecs::decoder(
            &as_function(on_frame.as_ref()),
            &as_function(on_error.as_ref()),
        )?;
        decoder.expect(&codec)?;
        *self.decoder.borrow_mut() = Some(Decoder {
            decoder,
            codec,
            _on_frame: on_frame,
            _on_error: on_error,
        });
        Ok(())
    }

    fn draw(self: &Rc<Self>, frame: &VideoFrame) {
        let (width, height) = (frame.display_width(), frame.display_height());
        // Setting a size, even the same, makes the canvas black.
        if (self.canvas.width(), self.canvas.height()) != (width, height) {
            self.canvas.set_width(width);
            self.canvas.set_height(height);
            // As a `<video>` says it. An event that nobody could make says nothing.
            if let Ok(resized) = Event::new("resize") {
                let _ = self.canvas.dispatch_event(&resized);
            }
        }
        let decoded = now();
        // Throws for a frame that is closed, and this one is not.
        let _ = self.context.draw_frame(frame, 0.0, 0.0);
        let timestamp = frame.timestamp() as u32;
        let mut in_decoder = self.in_decoder.borrow_mut();
        let place = in_decoder
            .iter()
            .position(|(named, ..)| *named == timestamp);
        let times = place.and_then(|place| in_decoder.drain(..=place).next_back());
        let decode = times.map(|(_, _, began)| decoded - began);
        {
            let mut reading = self.reading.borrow_mut();
            reading.frames_decoded += 1.0;
            reading.total_decode_time += decode.unwrap_or(0.0) / 1000.0;
            (reading.frame_width, reading.frame_height) = (width.into(), height.into());
        }
        let mut drawn = self.drawn.borrow_mut();
        drawn.push(PresentedFrame {
            rtp_timestamp: timestamp,
            received: times.map(|(_, received, _)| received),
            decode,
            presented: now(),
            refresh: 0.0,
            told: 0.0,
        });
        if drawn.len() == 1 {
            self.tell_when_shown();
        } else if drawn.len() > MOST_IN_DECODER {
            // A hidden page shows nothing, and is told nothing.
            drawn.truncate(1);
        }
    }

    /// What is drawn now is on the screen with the browser's next picture.
    fn tell_when_shown(self: &Rc<Self>) {
        let weak = Rc::downgrade(self);
        let told: Function = Closure::once_into_js(move |refresh: f64| {
            with(&weak, |socket| {
                for shown in socket.drawn.take() {
                    (socket.callbacks.shown)(PresentedFrame {
                        refresh,
                        told: now(),
                        ..shown
                    });
                }
                socket.tell(SocketEvent::Shown);
            });
        })
        .unchecked_into();
        // Throws for no function.
        let _ = window().request_animation_frame(&told);
    }

    fn failed(&self, error: &JsValue) {
        leptos::logging::warn!("the video decoder: {}", said(error));
        self.forget_decoder();
    }

    /// The next keyframe gets a fresh one.
    fn forget_decoder(&self) {
        let decoder = self.decoder.borrow_mut().take();
        self.in_decoder.borrow_mut().clear();
        if self.wants_keyframe.get().is_none() {
            self.wants_keyframe.set(Some(now()));
            self.send_raw(FromViewer::KeyframeNeeded);
        }
        if let Some(decoder) = decoder {
            decoder.end();
        }
    }

    fn ask_for_keyframe(&self) {
        let again = |since: f64| now() - since >= ASK_AGAIN_MILLIS;
        if self.wants_keyframe.get().is_some_and(again) {
            self.wants_keyframe.set(Some(now()));
            self.send_raw(FromViewer::KeyframeNeeded);
        }
    }

    fn is_open(&self) -> bool {
        self.connection.ready_state() == WebSocket::OPEN
    }

    fn tell(&self, event: SocketEvent) {
        (self.callbacks.event)(event);
    }

    /// `false` if it cannot be sent now.
    pub fn send(&self, stamped: &Stamped) -> bool {
        let is_move = matches!(stamped.message, ClientMessage::PointerMove { .. });
        if is_move && self.is_open() && self.connection.buffered_amount() > WAITING_MOVES {
            return true;
        }
        self.send_raw(FromViewer::Message(&wire::encode_client(stamped)))
    }

    fn send_raw(&self, said: FromViewer<'_>) -> bool {
        self.is_open() && self.connection.send_with_u8_array(&said.encode()).is_ok()
    }

    /// As of a peer. A web socket tells nothing of losses, which TCP repairs, and has no buffer before the decoder.
    pub fn reading(&self) -> Reading {
        Reading {
            at_millis: js_sys::Date::now(),
            ..self.reading.borrow().clone()
        }
    }
}

impl Decoder {
    fn undecoded(&self) -> u32 {
        self.decoder.decode_queue_size()
    }

    fn end(self) {
        // Throws when an error has closed it already.
        let _ = self.decoder.reset();
        let _ = self.decoder.close();
        // It may be this closure that is running.
        wasm_bindgen_futures::spawn_local(async move { drop(self) });
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        self.listeners.borrow_mut().clear();
        if let Some(decoder) = self.decoder.borrow_mut().take() {
            decoder.end();
        }
        // Throws for no socket without a code.
        let _ = self.connection.close();
    }
}

fn with(weak: &Weak<Socket>, act: impl FnOnce(&Rc<Socket>)) {
    if let Some(socket) = weak.upgrade() {
        act(&socket);
    }
}
