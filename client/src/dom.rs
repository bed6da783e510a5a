//! The one door to the browser's events and timers: each registration ends when its owner is dropped.

use std::cell::Cell;
use std::time::Duration;

use js_sys::{Object, Reflect};
use leptos::prelude::{IntervalHandle, set_interval_with_handle};
use wasm_bindgen::closure::Closure;
use wasm_bindgen::convert::FromWasmAbi;
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{
    AddEventListenerOptions, Element, EventTarget, HtmlAnchorElement, KeyboardEvent,
    ResizeObserver, Window,
};

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

/// Calls `changed` now, and whenever the element's border box has another size.
pub fn watch_size(
    element: &Element,
    changed: impl FnMut() + 'static,
) -> Result<SizeWatch, JsValue> {
    let closure = Closure::<dyn FnMut()>::new(changed);
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

/// One timer that is set again and again, and silent once dropped.
pub struct Alarm {
    closure: Closure<dyn FnMut()>,
    set: Cell<Option<i32>>,
}

impl Alarm {
    pub fn new(action: impl FnMut() + 'static) -> Alarm {
        Alarm {
            closure: Closure::new(action),
            set: Cell::new(None),
        }
    }

    /// Calls once after `delay`, and not when it would have otherwise.
    pub fn set(&self, delay: Duration) {
        self.clear();
        // A timer that comes too early is set again.
        let millis = i32::try_from(delay.as_millis()).unwrap_or(i32::MAX);
        let set = window().set_timeout_with_callback_and_timeout_and_arguments_0(
            self.closure.as_ref().unchecked_ref(),
            millis,
        );
        self.set
            .set(Some(set.expect("a window takes any number of timeouts")));
    }

    /// Calls at that moment, in milliseconds on the clock of [`now`], or not at all.
    pub fn set_at(&self, deadline: Option<f64>) {
        match deadline {
            Some(deadline) => {
                let wait = (deadline - now()).max(0.0).ceil();
                self.set(Duration::from_millis(wait as u64));
            }
            None => self.clear(),
        }
    }

    pub fn clear(&self) {
        if let Some(set) = self.set.take() {
            // Without effect once it has called.
            window().clear_timeout_with_handle(set);
        }
    }
}

impl Drop for Alarm {
    fn drop(&mut self) {
        self.clear();
    }
}

/// The browser's window; only in effects and event handlers.
pub fn window() -> Window {
    web_sys::window().expect("effects and handlers run in a page")
}

/// Fingers may point here: a phone, a tablet, a laptop with a touch screen.
pub fn has_touch_screen() -> bool {
    let coarse = window().match_media("(any-pointer: coarse)");
    coarse.ok().flatten().is_some_and(|query| query.matches())
}

/// A phone or a tablet: it has no mouse, and its keyboard is on the screen.
pub fn has_fingers_alone() -> bool {
    let coarse = window().match_media("(pointer: coarse) and (not (any-pointer: fine))");
    coarse.ok().flatten().is_some_and(|query| query.matches())
}

/// The person does something now, so that a picker may be opened; where a browser does not say, they are believed to.
pub fn is_person_acting() -> bool {
    let get = |of: &JsValue, name: &str| js_sys::Reflect::get(of, &name.into()).ok();
    let activation = get(&window().navigator(), "userActivation");
    let active = activation.and_then(|activation| get(&activation, "isActive"));
    active.and_then(|active| active.as_bool()).unwrap_or(true)
}

/// The browser saves what is at that address; empty, the name is what the server says.
pub fn save(address: &str, name: &str) -> Result<(), JsValue> {
    let document = window().document().ok_or("there is no document")?;
    let link: HtmlAnchorElement = document.create_element("a")?.unchecked_into();
    link.set_href(address);
    link.set_download(name);
    link.click();
    Ok(())
}

pub fn base64(bytes: &[u8]) -> String {
    let binary: String = bytes.iter().map(|byte| char::from(*byte)).collect();
    // Throws for characters beyond a byte's.
    window().btoa(&binary).unwrap_or_default()
}

/// Begins to write one thing: its members are formats, and their values blobs or promises of them.
pub fn write_to_clipboard(formats: &js_sys::Object) -> Result<js_sys::Promise, JsValue> {
    let class = js_sys::Reflect::get(&window(), &"ClipboardItem".into())?;
    let class = class.dyn_into::<js_sys::Function>();
    let class = class.map_err(|_| JsValue::from_str("this browser copies text alone"))?;
    let item = js_sys::Reflect::construct(&class, &js_sys::Array::of1(formats))?;
    let clipboard = window().navigator().clipboard();
    Ok(clipboard.write(&js_sys::Array::of1(&item)))
}

/// What the person's browser keeps for this site under that name; none where they have forbidden it.
pub fn kept(name: &str) -> Option<String> {
    storage()?.get_item(name).ok().flatten()
}

/// What cannot be kept holds until the page is left.
pub fn keep(name: &str, value: &str) {
    if let Some(storage) = storage() {
        let _ = storage.set_item(name, value);
    }
}

fn storage() -> Option<web_sys::Storage> {
    window().local_storage().ok().flatten()
}

/// A plain object, such as the browser's own functions take for their options.
pub fn object(fields: &[(&str, &JsValue)]) -> Result<Object, JsValue> {
    let object = Object::new();
    for (name, value) in fields {
        Reflect::set(&object, &(*name).into(), value)?;
    }
    Ok(object)
}

/// Escape in a panel closes it, and is nobody else's.
pub fn on_escape(close: impl Fn() + Copy + 'static) -> impl Fn(KeyboardEvent) + Copy + 'static {
    move |event: KeyboardEvent| {
        if event.key() == "Escape" {
            event.stop_propagation();
            close();
        }
    }
}

/// What a thrown value says, for a sentence or the console.
pub fn said(thrown: &JsValue) -> String {
    js_sys::Reflect::get(thrown, &"message".into())
        .ok()
        .and_then(|message| message.as_string())
        .unwrap_or_else(|| format!("{thrown:?}"))
}
