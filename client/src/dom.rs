//! The one door to the browser's events and timers: each registration ends when its owner is dropped.

use std::time::Duration;

use futures::channel::oneshot;
use leptos::prelude::{IntervalHandle, set_interval_with_handle, set_timeout};
use wasm_bindgen::closure::Closure;
use wasm_bindgen::convert::FromWasmAbi;
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{AddEventListenerOptions, Element, EventTarget, ResizeObserver, Window};

#[wasm_bindgen]
extern "C" {
    /// `performance.now()`: milliseconds since the page began, on the clock of `Event.timeStamp`.
    #[wasm_bindgen(js_namespace = performance, js_name = now)]
    pub fn now() -> f64;

    #[wasm_bindgen(catch)]
    fn fetch(url: &str, options: &JsValue) -> Result<js_sys::Promise, JsValue>;

    #[wasm_bindgen(catch, js_namespace = AbortSignal, js_name = timeout)]
    fn abort_after(millis: u32) -> Result<JsValue, JsValue>;
}

/// Whether that address answers at all.
pub async fn answers(url: &str, within: Duration) -> bool {
    let asked = || -> Result<js_sys::Promise, JsValue> {
        let options = js_sys::Object::new();
        let millis = u32::try_from(within.as_millis()).unwrap_or(u32::MAX);
        js_sys::Reflect::set(&options, &"signal".into(), &abort_after(millis)?)?;
        js_sys::Reflect::set(&options, &"cache".into(), &"no-store".into())?;
        fetch(url, &options)
    };
    match asked() {
        Ok(promise) => JsFuture::from(promise).await.is_ok(),
        Err(_) => false,
    }
}

/// A DOM listener that is removed on drop.
pub struct Listener {
    target: EventTarget,
    event: &'static str,
    function: js_sys::Function,
    /// Keeps the Rust side of `function` alive.
    _closure: Box<dyn std::any::Any>,
}

/// Not passive: every listener here may prevent the browser's own action.
pub fn listen<E>(
    target: &EventTarget,
    event: &'static str,
    handler: impl FnMut(E) + 'static,
) -> Listener
where
    E: FromWasmAbi + 'static,
{
    let closure = Closure::<dyn FnMut(E)>::new(handler);
    let function: js_sys::Function = closure.as_ref().unchecked_ref::<js_sys::Function>().clone();
    let options = AddEventListenerOptions::new();
    options.set_passive(false);
    target
        .add_event_listener_with_callback_and_add_event_listener_options(event, &function, &options)
        .expect("adding a listener throws for no event name");
    Listener {
        target: target.clone(),
        event,
        function,
        _closure: Box::new(closure),
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        // Fails only if it was never added.
        let _ = self
            .target
            .remove_event_listener_with_callback(self.event, &self.function);
    }
}

/// Looks at an element's size until it is dropped.
pub struct SizeWatch {
    observer: ResizeObserver,
    _closure: Closure<dyn FnMut()>,
}

/// `changed` gets the element's border box, width and height in CSS pixels: as it is, and whenever it becomes another.
pub fn watch_size(
    element: &Element,
    mut changed: impl FnMut(f64, f64) + 'static,
) -> Result<SizeWatch, JsValue> {
    let seen = element.clone();
    let closure = Closure::<dyn FnMut()>::new(move || {
        let place = seen.get_bounding_client_rect();
        changed(place.width(), place.height());
    });
    let observer = ResizeObserver::new(closure.as_ref().unchecked_ref())?;
    observer.observe(element);
    Ok(SizeWatch {
        observer,
        _closure: closure,
    })
}

impl Drop for SizeWatch {
    fn drop(&mut self) {
        self.observer.disconnect();
    }
}

/// A repeated call that ends on drop.
pub struct Interval(IntervalHandle);

pub fn every(period: Duration, action: impl Fn() + 'static) -> Interval {
    Interval(
        set_interval_with_handle(action, period)
            .expect("a window takes any number of intervals of any length"),
    )
}

impl Drop for Interval {
    fn drop(&mut self) {
        self.0.clear();
    }
}

/// Resolves after `duration`.
pub async fn sleep(duration: Duration) {
    let (done, over) = oneshot::channel();
    set_timeout(
        move || {
            // The sleeper may have gone.
            let _ = done.send(());
        },
        duration,
    );
    // The sender lives in the timer until it fires.
    let _ = over.await;
}

/// The browser's window; only in effects and event handlers.
pub fn window() -> Window {
    web_sys::window().expect("effects and handlers run in a page")
}

/// What a thrown value says, for a sentence or the console.
pub fn said(thrown: &JsValue) -> String {
    js_sys::Reflect::get(thrown, &"message".into())
        .ok()
        .and_then(|message| message.as_string())
        .unwrap_or_else(|| format!("{thrown:?}"))
}
