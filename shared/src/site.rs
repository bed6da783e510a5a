//! The site that a page belongs to: how it is reached, and what its pages may do.

use serde::{Deserialize, Serialize};

/// How the active page reached the browser (CDP `Security.VisibleSecurityState`).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Security {
    /// As Chrome judges it.
    pub level: SecurityLevel,
    /// Of the server, where it has one.
    pub certificate: Option<Certificate>,
}

/// What Chrome says of the way to a page.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum SecurityLevel {
    /// Nothing is said: a page of the browser's own, or of this machine.
    #[default]
    Neutral,
    /// Encrypted, by a server whose certificate is trusted.
    Secure,
    /// Not encrypted, or not all of it.
    Insecure,
    /// Encrypted, and nobody knows by whom.
    Broken,
}

/// A server's certificate. All names are the server's own words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Certificate {
    /// Whom it names.
    pub subject: String,
    /// Who vouches for that.
    pub issuer: String,
    /// In seconds since 1970.
    pub valid_until: u64,
    /// Why it is not trusted, as Chrome names it: `net::ERR_CERT_AUTHORITY_INVALID`.
    pub error: Option<String>,
}

/// What a page may do if its site is granted it, by its name in the W3C's Permissions registry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Permission {
    /// Know where the person is.
    Geolocation,
    /// Show notifications.
    Notifications,
    /// Read the clipboard.
    ClipboardRead,
    /// Use a camera.
    Camera,
    /// Use a microphone.
    Microphone,
    /// Use MIDI devices.
    Midi,
}

impl Permission {
    /// In the order in which they are shown.
    pub const ALL: [Permission; 6] = [
        Permission::Geolocation,
        Permission::Notifications,
        Permission::ClipboardRead,
        Permission::Camera,
        Permission::Microphone,
        Permission::Midi,
    ];
}

/// Whether a site has a permission (W3C `PermissionState`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PermissionState {
    /// Its pages ask the person.
    Prompt,
    /// They do not need to.
    Granted,
    /// They are refused without asking.
    Denied,
}

/// Where the person is, in WGS 84 (W3C `GeolocationCoordinates`).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Location {
    /// In degrees, north of the equator.
    pub latitude: f64,
    /// In degrees, east of Greenwich.
    pub longitude: f64,
    /// In metres.
    pub accuracy: f64,
}

impl Location {
    /// Whether it is on earth.
    pub fn is_valid(&self) -> bool {
        self.latitude.abs() <= 90.0 && self.longitude.abs() <= 180.0 && self.accuracy >= 0.0
    }
}

/// The permissions of the site that the active tab shows.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SitePermissions {
    /// Scheme, host and port.
    pub origin: String,
    /// Those that its Chrome knows.
    pub permissions: Vec<(Permission, PermissionState)>,
}
