//! Safari lets a page write to the clipboard while a key or a click is handled, and not when the content comes later. What
//! it takes then is a promise of the content (WebKit, "Async Clipboard API"). Written after its documentation.

use js_sys::{Array, Function, Object, Promise, Reflect};
use leptos::task::spawn_local;
use wasm_bindgen::JsValue;
use wasm_bindgen_futures::JsFuture;
use web_sys::{Blob, BlobPropertyBag};

use crate::dom::{window, write_to_clipboard};

const TEXT: &str = "text/plain";
/// What the page has not copied by then it does not copy, in milliseconds.
const PATIENCE: f64 = 2000.0;

/// Text that was promised to the clipboard; dropped, it is not written.
pub struct PromisedCopy {
    resolve: Function,
    reject: Function,
    written: Promise,
    until: f64,
}

impl PromisedCopy {
    /// While a key that copies is handled; `None` where the browser needs no promise.
    pub fn begin(now: f64) -> Option<PromisedCopy> {
        is_safari().then(|| PromisedCopy::promise(now))?
    }

    fn promise(now: f64) -> Option<PromisedCopy> {
        let mut settle = None;
        let content = Promise::new(&mut |resolve, reject| settle = Some((resolve, reject)));
        let (resolve, reject) = settle?;
        let formats = Object::new();
        Reflect::set(&formats, &TEXT.into(), &content).ok()?;
        let written = write_to_clipboard(&formats).ok()?;
        let heard = JsFuture::from(written.clone());
        // Nobody else may hear that it was not written.
        spawn_local(async move { drop(heard.await) });
        Some(PromisedCopy {
            written,
            resolve,
            reject,
            until: now + PATIENCE,
        })
    }

    /// When it is to be dropped, in milliseconds.
    pub fn until(&self) -> f64 {
        self.until
    }

    /// The page has copied that; what comes back is settled when the browser has written it.
    pub fn keep(self, text: &str) -> Promise {
        let options = BlobPropertyBag::new();
        options.set_type(TEXT);
        let blob = Blob::new_with_str_sequence_and_options(&Array::of1(&text.into()), &options);
        if let Ok(blob) = blob {
            // Throws nothing.
            let _ = self.resolve.call1(&JsValue::UNDEFINED, &blob);
        }
        self.written.clone()
    }
}

impl Drop for PromisedCopy {
    fn drop(&mut self) {
        // Of no effect once it is kept.
        let reason = "nothing was copied".into();
        let _ = self.reject.call1(&JsValue::UNDEFINED, &reason);
    }
}

fn is_safari() -> bool {
    let vendor = Reflect::get(&window().navigator(), &"vendor".into());
    let vendor = vendor.ok().and_then(|vendor| vendor.as_string());
    vendor.is_some_and(|vendor| vendor.starts_with("Apple"))
}
