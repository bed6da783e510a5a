//! The door to WebCodecs for sound: Opus packets → samples. `web_sys` has it only behind a flag.

use js_sys::{Float32Array, Function, Object, Reflect, Uint8Array};
use wasm_bindgen::prelude::*;

use crate::dom::object;

#[wasm_bindgen]
extern "C" {
    pub type AudioDecoder;

    #[wasm_bindgen(constructor, catch)]
    fn new(init: &Object) -> Result<AudioDecoder, JsValue>;
    #[wasm_bindgen(method, catch)]
    fn configure(this: &AudioDecoder, config: &Object) -> Result<(), JsValue>;
    #[wasm_bindgen(method, catch)]
    fn decode(this: &AudioDecoder, chunk: &EncodedAudioChunk) -> Result<(), JsValue>;
    #[wasm_bindgen(method, catch)]
    pub fn close(this: &AudioDecoder) -> Result<(), JsValue>;

    type EncodedAudioChunk;

    #[wasm_bindgen(constructor, catch)]
    fn new(init: &Object) -> Result<EncodedAudioChunk, JsValue>;

    pub type AudioData;

    /// What its chunk was given, in microseconds.
    #[wasm_bindgen(method, getter)]
    pub fn timestamp(this: &AudioData) -> f64;
    #[wasm_bindgen(method, getter, js_name = numberOfFrames)]
    pub fn number_of_frames(this: &AudioData) -> u32;
    #[wasm_bindgen(method, getter, js_name = numberOfChannels)]
    pub fn number_of_channels(this: &AudioData) -> u32;
    #[wasm_bindgen(method, catch, js_name = copyTo)]
    fn copy_to(
        this: &AudioData,
        destination: &Float32Array,
        options: &Object,
    ) -> Result<(), JsValue>;
    /// Gives the decoder its memory back.
    #[wasm_bindgen(method)]
    pub fn close(this: &AudioData);
}

/// Tells what is decoded, and what makes it give up. Throws where the browser has none.
pub fn decoder(on_data: &Function, on_error: &Function) -> Result<AudioDecoder, JsValue> {
    if Reflect::has(&js_sys::global(), &"AudioDecoder".into()) != Ok(true) {
        return Err(JsValue::from_str("no AudioDecoder"));
    }
    let decoder = AudioDecoder::new(&object(&[("output", on_data), ("error", on_error)])?)?;
    decoder.configure(&object(&[
        ("codec", &"opus".into()),
        ("sampleRate", &48_000.into()),
        ("numberOfChannels", &2.into()),
    ])?)?;
    Ok(decoder)
}

impl AudioDecoder {
    /// `timestamp` names the samples that come of it.
    pub fn take(&self, packet: &[u8], timestamp: u32) -> Result<(), JsValue> {
        self.decode(&EncodedAudioChunk::new(&object(&[
            ("type", &"key".into()),
            ("timestamp", &timestamp.into()),
            ("data", &Uint8Array::from(packet)),
        ])?)?)
    }
}

impl AudioData {
    /// One channel's samples.
    pub fn channel(&self, channel: u32) -> Result<Vec<f32>, JsValue> {
        let samples = Float32Array::new_with_length(self.number_of_frames());
        let options = object(&[
            ("planeIndex", &channel.into()),
            ("format", &"f32-planar".into()),
        ])?;
        self.copy_to(&samples, &options)?;
        Ok(samples.to_vec())
    }
}
