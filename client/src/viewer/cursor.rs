//! The remote page's cursor → a CSS `cursor`, drawn by the viewer's own browser.

use shared::session::Cursor;
use wasm_bindgen::{Clamped, JsCast};
use web_sys::{CanvasRenderingContext2d, HtmlCanvasElement, ImageData};

use crate::dom::window;

/// Larger ones are ignored by Chrome and Firefox.
const LARGEST: u16 = 128;

/// A cursor that cannot be shown is the usual arrow.
pub fn css(cursor: &Cursor) -> String {
    match cursor {
        Cursor::Named(name) if is_keyword(name) => name.clone(),
        Cursor::Named(_) => "default".to_owned(),
        Cursor::Image {
            width,
            height,
            hotspot_x,
            hotspot_y,
            rgba,
        } => match data_url(*width, *height, rgba) {
            Some(url) => format!("url({url}) {hotspot_x} {hotspot_y}, default"),
            None => "default".to_owned(),
        },
    }
}

fn is_keyword(name: &str) -> bool {
    !name.is_empty()
        && name
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte == b'-')
}

fn data_url(width: u16, height: u16, rgba: &[u8]) -> Option<String> {
    let fits = |side| (1..=LARGEST).contains(&side);
    if !fits(width) || !fits(height) || rgba.len() != usize::from(width) * usize::from(height) * 4 {
        return None;
    }
    let (width, height) = (u32::from(width), u32::from(height));
    let canvas: HtmlCanvasElement = window()
        .document()?
        .create_element("canvas")
        .ok()?
        .dyn_into()
        .ok()?;
    canvas.set_width(width);
    canvas.set_height(height);
    let context: CanvasRenderingContext2d = canvas.get_context("2d").ok()??.dyn_into().ok()?;
    let image = ImageData::new_with_u8_clamped_array_and_sh(Clamped(rgba), width, height).ok()?;
    context.put_image_data(&image, 0.0, 0.0).ok()?;
    canvas.to_data_url().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_keyword_becomes_css() {
        assert_eq!(css(&Cursor::Named("ew-resize".to_owned())), "ew-resize");
        for bad in ["", "url(x)", "text; color: red", "Text"] {
            assert_eq!(css(&Cursor::Named(bad.to_owned())), "default", "{bad:?}");
        }
    }

    #[test]
    fn an_image_of_another_length_than_it_says_is_ignored() {
        let image = Cursor::Image {
            width: 16,
            height: 16,
            hotspot_x: 0,
            hotspot_y: 0,
            rgba: vec![0; 3],
        };
        assert_eq!(css(&image), "default");
    }
}
