//! Our own script in every page: what it reports, and what it is asked. CDP's events do not tell of icons, zoom, the focus
//! or a context menu.

mod report;

pub use report::{FieldHint, PageReport, PrintRequest, decode};

/// Runs in an isolated world of every frame, which the page cannot see.
pub const SOURCE: &str = concat!(include_str!("document.js"), include_str!("script.js"));

/// Runs in a page's own world before the page's scripts: `window.print()` is told to the other.
pub const PRINT: &str = include_str!("print.js");

/// The isolated world.
pub const WORLD: &str = "farpane";

/// What the script calls to report.
pub const BINDING: &str = "farpaneReport";
