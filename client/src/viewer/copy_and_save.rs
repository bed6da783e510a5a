//! What the context menu takes from the page to the person's own computer: an address, or a picture.

use js_sys::{Object, Promise, Reflect};
use leptos::prelude::Set;
use leptos::task::spawn_local;
use shared::api::LoadedImage;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::{JsFuture, future_to_promise};
use web_sys::{Blob, HtmlCanvasElement, HtmlImageElement};

use crate::api;
use crate::connection::view_state::ViewState;
use crate::dom::{self, said, window, write_to_clipboard};

/// To the person's own clipboard.
pub fn copy_text(view: ViewState, text: &str) {
    let written = window().navigator().clipboard().write_text(text);
    spawn_local(async move {
        if let Err(thrown) = JsFuture::from(written).await {
            refuse(view, "copied", &thrown);
        }
    });
}

/// As a file of the person's own browser.
pub fn save(view: ViewState, url: String) {
    spawn_local(async move {
        let saved = async {
            let address = data_url(view, &url).await?;
            dom::save(&address, &file_name(&url, &address))
        };
        if let Err(thrown) = saved.await {
            refuse(view, "saved", &thrown);
        }
    });
}

/// To the person's own clipboard, as PNG: browsers take no other format there.
pub fn copy(view: ViewState, url: String) {
    // The picture is on its way when the clipboard is asked: asked later, it would not belong to the click.
    let png = future_to_promise(async move { png(view, &url).await.map(JsValue::from) });
    spawn_local(async move {
        if let Err(thrown) = write_png(&png).await {
            refuse(view, "copied", &thrown);
        }
    });
}

async fn write_png(png: &Promise) -> Result<(), JsValue> {
    let item = Object::new();
    Reflect::set(&item, &"image/png".into(), png)?;
    JsFuture::from(write_to_clipboard(&item)?).await?;
    Ok(())
}

async fn png(view: ViewState, url: &str) -> Result<Blob, JsValue> {
    let image = HtmlImageElement::new()?;
    image.set_src(&data_url(view, url).await?);
    JsFuture::from(image.decode()).await?;
    let document = window().document().ok_or("there is no document")?;
    let canvas: HtmlCanvasElement = document.create_element("canvas")?.unchecked_into();
    canvas.set_width(image.natural_width());
    canvas.set_height(image.natural_height());
    let context = canvas.get_context("2d")?.ok_or("there is no canvas")?;
    let context: web_sys::CanvasRenderingContext2d = context.unchecked_into();
    context.draw_image_with_html_image_element(&image, 0.0, 0.0)?;
    let mut drawn = |resolve: js_sys::Function, _| {
        // A canvas without area has no picture; the promise is resolved with none.
        let _ = canvas.to_blob(&resolve);
    };
    let blob = JsFuture::from(Promise::new(&mut drawn)).await?;
    blob.dyn_into()
        .map_err(|_| JsValue::from_str("the picture is empty"))
}

async fn data_url(view: ViewState, url: &str) -> Result<String, JsValue> {
    if url.starts_with("data:") {
        return Ok(url.to_owned());
    }
    let loaded = api::image(view.session(), view.viewer(), url.to_owned()).await;
    let LoadedImage { media_type, base64 } =
        loaded.map_err(|refused| JsValue::from_str(&refused.to_string()))?;
    Ok(format!("data:{media_type};base64,{base64}"))
}

/// The last part of its path.
fn file_name(url: &str, data_url: &str) -> String {
    let path = url.split(['?', '#']).next().unwrap_or_default();
    let last = path.rsplit('/').next().unwrap_or_default();
    if !url.starts_with("data:") && !url.starts_with("blob:") && last.contains('.') {
        return last.to_owned();
    }
    let media_type = data_url.strip_prefix("data:").unwrap_or_default();
    let subtype = media_type.split([';', ',', '+']).next().unwrap_or_default();
    let extension = subtype.rsplit('/').next().unwrap_or("png");
    format!("image.{extension}")
}

fn refuse(view: ViewState, what: &str, thrown: &JsValue) {
    let reason = thrown.as_string().unwrap_or_else(|| said(thrown));
    view.refusal
        .set(Some(format!("It was not {what}: {reason}")));
}
