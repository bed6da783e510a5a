//! One of the person's files → the server, with how far it is.

use js_sys::Promise;
use shared::error::ApiError;
use shared::file::{UPLOAD, Uploaded};
use shared::session::UploadId;
use wasm_bindgen::JsValue;
use wasm_bindgen_futures::JsFuture;
use web_sys::{File, ProgressEvent, XmlHttpRequest};

use crate::connection::view_state::ViewState;
use crate::dom::{listen, said};

/// Where a file is sent that a page's chooser is to be given.
pub fn address(view: ViewState, chooser: u32, path: &str) -> String {
    let path = js_sys::encode_uri_component(path);
    format!("{}&chooser={chooser}&path={path}", view.address(UPLOAD))
}

/// Its place in the folder that was chosen, or its name alone.
pub fn path(file: &File) -> String {
    let within = js_sys::Reflect::get(file, &"webkitRelativePath".into());
    let within = within.ok().and_then(|path| path.as_string());
    within
        .filter(|path| !path.is_empty())
        .unwrap_or_else(|| file.name())
}

/// Ready when all of it is there; else with a sentence. Aborting `request` breaks it off.
pub async fn send(
    request: &XmlHttpRequest,
    address: &str,
    file: &File,
    sent: impl Fn(u64) + 'static,
) -> Result<UploadId, String> {
    let began = || -> Result<Promise, JsValue> {
        request.open("PUT", address)?;
        let mut over = |resolve: js_sys::Function, _| request.set_onloadend(Some(&resolve));
        let over = Promise::new(&mut over);
        request.send_with_opt_blob(Some(file))?;
        Ok(over)
    };
    let upload = request.upload().map_err(|thrown| said(&thrown))?;
    let _progress = listen(&upload, "progress", move |event: ProgressEvent| {
        sent(event.loaded() as u64);
    });
    let over = began().map_err(|thrown| said(&thrown))?;
    JsFuture::from(over).await.map_err(|thrown| said(&thrown))?;
    let text = request.response_text().ok().flatten().unwrap_or_default();
    match request.status() {
        Ok(200) => match serde_json::from_str::<Uploaded>(&text) {
            Ok(uploaded) => Ok(uploaded.upload),
            Err(_) => Err("The server's answer cannot be read.".to_owned()),
        },
        Ok(0) | Err(_) => Err("It was broken off.".to_owned()),
        Ok(_) => Err(match serde_json::from_str::<ApiError>(&text) {
            Ok(refused) => refused.to_string(),
            Err(_) => "The server did not take it.".to_owned(),
        }),
    }
}
