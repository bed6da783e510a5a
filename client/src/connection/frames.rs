//! `requestVideoFrameCallback`: when a picture is really shown, and which.

use wasm_bindgen::closure::Closure;
use wasm_bindgen::prelude::*;
use web_sys::HtmlVideoElement;

use crate::dom::now;
use crate::stats::input_trace::PresentedFrame;

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

    /// `VideoFrameCallbackMetadata`; what a browser does not tell is undefined.
    type Metadata;

    #[wasm_bindgen(method, getter, js_name = rtpTimestamp)]
    fn rtp_timestamp(this: &Metadata) -> Option<f64>;
    #[wasm_bindgen(method, getter, js_name = receiveTime)]
    fn receive_time(this: &Metadata) -> Option<f64>;
    /// Seconds, unlike the others.
    #[wasm_bindgen(method, getter, js_name = processingDuration)]
    fn processing_duration(this: &Metadata) -> Option<f64>;
    #[wasm_bindgen(method, getter, js_name = presentationTime)]
    fn presentation_time(this: &Metadata) -> Option<f64>;
}

/// Calls once when the next picture is shown; at once where the browser cannot tell.
pub fn on_next_picture(video: &HtmlVideoElement, shown: impl FnOnce() + 'static) {
    let callback: js_sys::Function = Closure::once_into_js(shown).unchecked_into();
    if !ask(video, &callback) {
        // A listener's own failure is in the console already.
        let _ = callback.call0(&JsValue::NULL);
    }
}

/// Calls once with the next frame that is shown, or with `None` if the browser does not say which it is.
/// `false`, and no call ever, where the browser cannot tell at all.
pub fn on_next_frame(
    video: &HtmlVideoElement,
    shown: impl FnOnce(Option<PresentedFrame>) + 'static,
) -> bool {
    let callback = Closure::once_into_js(move |refresh: f64, metadata: JsValue| {
        shown(read(metadata.unchecked_ref(), refresh, now()));
    });
    ask(video, callback.unchecked_ref())
}

fn ask(video: &HtmlVideoElement, callback: &js_sys::Function) -> bool {
    let video = video.unchecked_ref::<VideoFrames>();
    video.request_video_frame_callback(callback).is_ok()
}

fn read(metadata: &Metadata, refresh: f64, told: f64) -> Option<PresentedFrame> {
    Some(PresentedFrame {
        rtp_timestamp: metadata.rtp_timestamp()? as u32,
        received: metadata.receive_time(),
        decode: metadata
            .processing_duration()
            .map(|seconds| seconds * 1000.0),
        presented: metadata.presentation_time()?,
        refresh,
        told,
    })
}
