//! Pure: how large the page is → how large Chrome's window for it is.
//!
//! Chrome's windows with tabs have a least width, and a phone is narrower. The page in such a window is told a width of its
//! own by `Emulation.setDeviceMetricsOverride`, is laid out at the window's left, and what is beside it is not in the picture.

use shared::geometry::LogicalSize;

/// Chrome's own, in logical pixels.
pub const LEAST_WIDTH_WITH_TABS: u16 = 500;

/// Of the window that the page fills, or of which it fills the left.
pub fn window_size(page: LogicalSize) -> LogicalSize {
    let width = page.width().max(LEAST_WIDTH_WITH_TABS);
    LogicalSize::new(width, page.height()).unwrap_or(page)
}

/// The size that the page is to be told, where it is not that of its window.
pub fn emulated_size(page: LogicalSize) -> Option<LogicalSize> {
    Some(page).filter(|page| window_size(*page) != *page)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_narrower_than_chromes_windows_is_told_its_own_width() {
        let size = |width, height| LogicalSize::new(width, height).expect("a size");
        assert_eq!(window_size(size(412, 800)), size(500, 800));
        assert_eq!(emulated_size(size(412, 800)), Some(size(412, 800)));
        for wide in [size(500, 800), size(1280, 320)] {
            assert_eq!((window_size(wide), emulated_size(wide)), (wide, None));
        }
    }
}
