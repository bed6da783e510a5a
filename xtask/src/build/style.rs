//! `style/main.css` → the same in as few bytes as possible.

use std::fs;
use std::path::Path;

use lightningcss::printer::PrinterOptions;
use lightningcss::stylesheet::{MinifyOptions, ParserOptions, StyleSheet};

use crate::shell::{Failure, Result};

pub fn minified(path: &Path) -> Result<String> {
    let shown = path.display();
    let source = fs::read_to_string(path).map_err(Failure::of(format!("Cannot read `{shown}`")))?;
    minify(&source).map_err(Failure::of(format!("`{shown}`")))
}

fn minify(source: &str) -> std::result::Result<String, String> {
    let mut sheet =
        StyleSheet::parse(source, ParserOptions::default()).map_err(|cause| cause.to_string())?;
    // No targets: the viewer's browser is one with WebRTC and WebAssembly, so it knows today's CSS.
    sheet
        .minify(MinifyOptions::default())
        .map_err(|cause| cause.to_string())?;
    let options = PrinterOptions {
        minify: true,
        ..PrinterOptions::default()
    };
    let css = sheet
        .to_css(options)
        .map_err(|cause| cause.to_string())?
        .code;
    Ok(css)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_result_is_small_and_keeps_modern_css() {
        let source = "/* why */\n.a { color : #ff0000; &:hover { color: blue } }\n";
        assert_eq!(
            minify(source),
            Ok(".a{color:red;&:hover{color:#00f}}".to_owned())
        );
    }

    #[test]
    fn an_error_says_where() {
        let error = minify(".a { color: red }\n.b } {").unwrap_err();
        assert!(error.contains(":1:") || error.contains(":2:"), "{error}");
    }
}
