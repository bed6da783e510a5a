//! Pure: Chrome's command line and preferences, each with its reason.

use std::path::Path;

use shared::geometry::LogicalSize;
use shared::preferences::{ColorScheme, Preferences};

/// What the flags depend on.
pub struct FlagOptions<'a> {
    /// `--user-data-dir`
    pub profile: &'a Path,
    /// What the window fills.
    pub page: LogicalSize,
    /// Whether renderers are confined to Chrome's sandbox.
    pub sandbox: bool,
    /// `/dev/shm` is too small for shared buffers, as in many containers.
    pub small_shm: bool,
    /// What pages are told of the person.
    pub preferences: &'a Preferences,
}

/// Chrome's command line, without the program.
pub fn flags(options: &FlagOptions<'_>) -> Vec<String> {
    let mut flags: Vec<String> = [
        // What a page plays comes in parts as long as those that are sent: 10 ms.
        "--audio-buffer-size=480",
        // The server is its display; there is no GPU.
        "--ozone-platform=wayland",
        "--disable-gpu",
        // WebGL without a GPU: ANGLE on SwiftShader, in Chrome's sandboxed GPU process.
        "--enable-unsafe-swiftshader",
        // The page fills the window; the viewer draws tabs and the address bar.
        "--kiosk",
        // CDP over two pipes, which no other process can reach.
        "--remote-debugging-pipe",
        // A new profile is used at once, without dialogs.
        "--no-first-run",
        "--no-default-browser-check",
        "--password-store=basic",
        "--disable-search-engine-choice-screen",
        // Only pages use the network.
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-domain-reliability",
        "--disable-sync",
        "--disable-breakpad",
        "--metrics-recording-only",
        "--no-pings",
        "--no-service-autorun",
        // Pages are neither throttled nor discarded while no viewer watches.
        "--disable-background-timer-throttling",
        "--disable-backgrounding-occluded-windows",
        "--disable-renderer-backgrounding",
        // Unresponsive pages are reported by `control/responsiveness.rs`.
        "--disable-hang-monitor",
        // Bars and bubbles would cover the page, and no viewer could use them.
        "--disable-infobars",
        "--disable-session-crashed-bubble",
        // Its handles of files are the server's, and cannot be given. Pages that miss it take an input and a download.
        "--disable-blink-features=FileSystemAccessLocal",
        // A window that was resized is shown when its page has its new size, and not before: so many ticks of the display
        // are waited for it, where Chrome's own four are over at once on a busy machine.
        "--deadline-to-synchronize-surfaces=24",
        // Half of the display's refresh rate: `display/frame_clock.rs` says why.
        "--enable-features=ThrottleMainFrameTo60Hz",
        "--disable-features=Translate,MediaRouter,GlobalMediaControls,DesktopPWAsRunOnOsLogin,AcceptCHFrame",
    ]
    .map(str::to_owned)
    .to_vec();
    flags.push(format!("--user-data-dir={}", options.profile.display()));
    if options.small_shm {
        flags.push("--disable-dev-shm-usage".to_owned());
    }
    let Preferences {
        color_scheme,
        reduced_motion,
        ref languages,
        ..
    } = *options.preferences;
    if color_scheme == ColorScheme::Dark {
        flags.push("--force-dark-mode".to_owned());
    }
    if reduced_motion {
        flags.push("--force-prefers-reduced-motion".to_owned());
    }
    if let Some(language) = languages.first() {
        flags.push(format!("--lang={language}"));
    }
    if !options.sandbox {
        flags.push("--no-sandbox".to_owned());
    }
    // Until Chrome is controlled; then it navigates to the real page.
    flags.push("about:blank".to_owned());
    flags
}

/// `Local State` of a new profile.
pub fn local_state() -> serde_json::Value {
    serde_json::json!({
        // Chrome's own open and save dialogs would show the server's files.
        "select_file_dialogs": { "allowed": false },
    })
}

/// `Default/Preferences` of a new profile. `certificate_exceptions`: the person may go past a certificate that is not trusted.
pub fn profile_preferences(
    preferences: &Preferences,
    certificate_exceptions: bool,
) -> serde_json::Value {
    let mut profile = serde_json::json!({
        // No passwords or cards in a profile that is removed with the session.
        "credentials_enable_service": false,
        "profile": {
            "password_manager_enabled": false,
            // What a person pastes is there for pages that ask; Chrome's own question would have no answer.
            "default_content_setting_values": { "clipboard": 1, "automatic_downloads": 1 },
        },
        "autofill": { "credit_card_enabled": false, "profile_enabled": false },
        // There is no printer, and the dialog would save to the server's disk.
        "printing": { "enabled": false },
        "translate": { "enabled": false },
        "ssl": { "error_override_allowed": certificate_exceptions },
    });
    if !preferences.languages.is_empty() {
        let languages = preferences.languages.join(",");
        profile["intl"] = serde_json::json!({
            "accept_languages": languages,
            "selected_languages": languages,
        });
    }
    profile
}

#[cfg(test)]
mod tests {
    use shared::geometry::{Geometry, VideoSize};

    use super::*;

    #[test]
    fn the_sandbox_is_enabled_unless_disabled() {
        let flags_with = |sandbox| {
            flags(&FlagOptions {
                profile: Path::new("/p"),
                page: Geometry::unscaled(VideoSize::HD).page,
                sandbox,
                small_shm: false,
                preferences: &Preferences::default(),
            })
        };
        assert!(!flags_with(true).iter().any(|flag| flag.contains("sandbox")));
        assert!(flags_with(false).contains(&"--no-sandbox".to_owned()));
    }
}
