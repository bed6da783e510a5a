//! Pure: the command line and the preferences that Chrome is started with, each with its reason.

use std::path::Path;

use shared::geometry::VideoSize;

/// What decides the flags.
pub struct FlagOptions<'a> {
    pub profile: &'a Path,
    pub size: VideoSize,
    pub sandbox: bool,
    /// `/dev/shm` is too small for pictures, as in many containers.
    pub small_shm: bool,
}

pub fn flags(options: &FlagOptions<'_>) -> Vec<String> {
    let mut flags: Vec<String> = [
        // We are its display; there is no GPU.
        "--ozone-platform=wayland",
        "--disable-gpu",
        // The whole picture is the page; tabs and the address are drawn by the viewer.
        "--kiosk",
        // Control, by two pipes that nobody else can reach.
        "--remote-debugging-pipe",
        // A fresh profile is ready at once and asks nothing.
        "--no-first-run",
        "--no-default-browser-check",
        "--password-store=basic",
        "--disable-search-engine-choice-screen",
        // Nothing talks to the outside but the pages.
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-domain-reliability",
        "--disable-sync",
        "--disable-breakpad",
        "--metrics-recording-only",
        "--no-pings",
        "--no-service-autorun",
        // A viewer who looks away must not find a page that was slowed down or thrown away.
        "--disable-background-timer-throttling",
        "--disable-backgrounding-occluded-windows",
        "--disable-renderer-backgrounding",
        // We show a hanging page's state ourselves.
        "--disable-hang-monitor",
        // Bars and bubbles that would cover the page and that no viewer can use.
        "--disable-infobars",
        "--disable-session-crashed-bubble",
        // Half of what the display says that it has: `display/beat.rs` says why.
        "--enable-features=ThrottleMainFrameTo60Hz",
        "--disable-features=Translate,MediaRouter,GlobalMediaControls,DesktopPWAsRunOnOsLogin,AcceptCHFrame",
    ]
    .map(str::to_owned)
    .to_vec();
    flags.push(format!("--user-data-dir={}", options.profile.display()));
    flags.push(format!(
        "--window-size={},{}",
        options.size.width(),
        options.size.height()
    ));
    if options.small_shm {
        flags.push("--disable-dev-shm-usage".to_owned());
    }
    if !options.sandbox {
        flags.push("--no-sandbox".to_owned());
    }
    // Chrome must have something to show before control is there; the real page follows at once.
    flags.push("about:blank".to_owned());
    flags
}

/// `Local State` of a new profile.
pub fn local_state() -> serde_json::Value {
    serde_json::json!({
        // The server's files are nobody's business: Chrome's own open and save dialogs stay shut.
        "select_file_dialogs": { "allowed": false },
    })
}

/// `Default/Preferences` of a new profile.
pub fn preferences() -> serde_json::Value {
    serde_json::json!({
        // Passwords and cards are not kept in a profile that is thrown away.
        "credentials_enable_service": false,
        "profile": { "password_manager_enabled": false },
        "autofill": { "credit_card_enabled": false, "profile_enabled": false },
        // There is no printer, and its dialog would save to the server's disk.
        "printing": { "enabled": false },
        "translate": { "enabled": false },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sandbox_is_on_unless_it_was_switched_off() {
        let flags_with = |sandbox| {
            flags(&FlagOptions {
                profile: Path::new("/p"),
                size: VideoSize::HD,
                sandbox,
                small_shm: false,
            })
        };
        assert!(!flags_with(true).iter().any(|flag| flag.contains("sandbox")));
        assert!(flags_with(false).contains(&"--no-sandbox".to_owned()));
    }
}
