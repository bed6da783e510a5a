//! `requestVideoFrameCallback`: when a picture is really shown.

use wasm_bindgen::closure::Closure;
use wasm_bindgen::prelude::*;
use web_sys::HtmlVideoElement;

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(extends = HtmlVideoElement)]
    type VideoFrames;

    /// Missing in `web_sys`, and in Firefox before 132.
    #[wasm_bindgen(method, catch, js_name = requestVideoFrameCallback)]
    fn request_video_frame_callback(
        this: &VideoFrames,
        callback: &js_sys::Function,
    ) -> Result<u32, JsValue>;
}

/// Calls once when the next picture is shown; at once where the browser cannot tell.
pub fn on_next_picture(video: &HtmlVideoElement, shown: impl FnOnce() + 'static) {
    let callback: js_sys::Function = Closure::once_into_js(shown).unchecked_into();
    let asked = video
        .unchecked_ref::<VideoFrames>()
        .request_video_frame_callback(&callback);
    if asked.is_err() {
        // A listener's own failure is in the console already.
        let _ = callback.call0(&JsValue::NULL);
    }
}
