//! What the person's browser tells every page of them.

use js_sys::{Array, Function, Reflect};
use shared::preferences::{ColorScheme, MAX_LANGUAGES, Preferences};
use wasm_bindgen::JsCast;

use crate::dom::window;

/// Of this browser; what it does not tell is the default.
pub fn own() -> Preferences {
    let languages = Array::from(&window().navigator().languages());
    let languages = languages.iter().filter_map(|language| language.as_string());
    let wanted = Preferences {
        color_scheme: match matches("(prefers-color-scheme: dark)") {
            true => ColorScheme::Dark,
            false => ColorScheme::Light,
        },
        reduced_motion: matches("(prefers-reduced-motion: reduce)"),
        languages: languages.take(MAX_LANGUAGES).collect(),
        time_zone: time_zone(),
    };
    // The server refuses what it does not know, and a session is worth more than its language.
    wanted.checked().unwrap_or_default()
}

fn matches(query: &str) -> bool {
    let matched = window().match_media(query).ok().flatten();
    matched.is_some_and(|query| query.matches())
}

/// `Intl.DateTimeFormat().resolvedOptions().timeZone`
fn time_zone() -> Option<String> {
    let none = Array::new();
    let format = js_sys::Intl::DateTimeFormat::new(&none, &js_sys::Object::new());
    let resolve = Reflect::get(&format, &"resolvedOptions".into()).ok()?;
    let options = resolve.dyn_into::<Function>().ok()?.call0(&format).ok()?;
    let zone = Reflect::get(&options, &"timeZone".into()).ok()?;
    zone.as_string()
}
