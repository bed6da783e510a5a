//! The one door to WebCodecs: H.264 access units → pictures on a canvas. `web_sys` has it only behind a flag.

use js_sys::{Function, Object, Promise, Reflect, Uint8Array};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use web_sys::CanvasRenderingContext2d;

use super::codec_support::CODEC;
use super::fallback::SocketDecoder;
use crate::dom::{object, window};

#[wasm_bindgen]
extern "C" {
    pub type VideoDecoder;

    #[wasm_bindgen(constructor, catch)]
    fn new(init: &Object) -> Result<VideoDecoder, JsValue>;
    #[wasm_bindgen(catch, static_method_of = VideoDecoder, js_name = isConfigSupported)]
    fn is_config_supported(config: &Object) -> Result<Promise, JsValue>;
    #[wasm_bindgen(method, catch)]
    fn configure(this: &VideoDecoder, config: &Object) -> Result<(), JsValue>;
    #[wasm_bindgen(method, catch)]
    fn decode(this: &VideoDecoder, chunk: &EncodedVideoChunk) -> Result<(), JsValue>;
    #[wasm_bindgen(method, catch)]
    pub fn reset(this: &VideoDecoder) -> Result<(), JsValue>;
    #[wasm_bindgen(method, catch)]
    pub fn close(this: &VideoDecoder) -> Result<(), JsValue>;
    /// Chunks that it has not begun.
    #[wasm_bindgen(method, getter, js_name = decodeQueueSize)]
    pub fn decode_queue_size(this: &VideoDecoder) -> u32;

    type EncodedVideoChunk;

    #[wasm_bindgen(constructor, catch)]
    fn new(init: &Object) -> Result<EncodedVideoChunk, JsValue>;

    pub type VideoFrame;

    /// What its chunk was given, in microseconds.
    #[wasm_bindgen(method, getter)]
    pub fn timestamp(this: &VideoFrame) -> f64;
    #[wasm_bindgen(method, getter, js_name = displayWidth)]
    pub fn display_width(this: &VideoFrame) -> u32;
    #[wasm_bindgen(method, getter, js_name = displayHeight)]
    pub fn display_height(this: &VideoFrame) -> u32;
    /// Gives the decoder its memory back.
    #[wasm_bindgen(method)]
    pub fn close(this: &VideoFrame);

    #[wasm_bindgen(extends = CanvasRenderingContext2d)]
    pub type FrameContext;

    #[wasm_bindgen(method, catch, js_name = drawImage)]
    pub fn draw_frame(
        this: &FrameContext,
        frame: &VideoFrame,
        x: f64,
        y: f64,
    ) -> Result<(), JsValue>;
}

/// Whether the server's pictures can be decoded here. Old browsers have no WebCodecs, and neither has any page that is
/// neither from HTTPS nor from this machine.
pub async fn probe() -> SocketDecoder {
    if Reflect::has(&window(), &"VideoDecoder".into()) != Ok(true) {
        return SocketDecoder::Unable;
    }
    let asked = config(CODEC).and_then(|config| VideoDecoder::is_config_supported(&config));
    let Ok(asked) = asked else {
        // It cannot be asked; then it is tried.
        return SocketDecoder::Able;
    };
    let supported = match JsFuture::from(asked).await {
        Ok(answer) => Reflect::get(&answer, &"supported".into()),
        Err(refused) => Err(refused),
    };
    match supported.is_ok_and(|supported| supported.is_truthy()) {
        true => SocketDecoder::Able,
        false => SocketDecoder::Unable,
    }
}

/// Tells each picture that is decoded, and what makes it give up.
pub fn decoder(on_frame: &Function, on_error: &Function) -> Result<VideoDecoder, JsValue> {
    VideoDecoder::new(&object(&[("output", on_frame), ("error", on_error)])?)
}

impl VideoDecoder {
    /// For Annex B of this codec, each picture as soon as it can be.
    pub fn expect(&self, codec: &str) -> Result<(), JsValue> {
        self.configure(&config(codec)?)
    }

    /// `timestamp` names the picture that comes of it.
    pub fn take(&self, access_unit: &[u8], keyframe: bool, timestamp: u32) -> Result<(), JsValue> {
        let kind = if keyframe { "key" } else { "delta" };
        self.decode(&EncodedVideoChunk::new(&object(&[
            ("type", &kind.into()),
            ("timestamp", &timestamp.into()),
            ("data", &Uint8Array::from(access_unit)),
        ])?)?)
    }
}

fn config(codec: &str) -> Result<Object, JsValue> {
    object(&[
        ("codec", &codec.into()),
        ("optimizeForLatency", &true.into()),
        ("hardwareAcceleration", &"no-preference".into()),
    ])
}
