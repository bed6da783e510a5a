//! How a person likes pages to be: what their own browser tells every page.

use serde::{Deserialize, Serialize};

/// `prefers-color-scheme`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ColorScheme {
    /// Dark on light.
    #[default]
    Light,
    /// Light on dark.
    Dark,
}

/// A session's Chrome is started with them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, try_from = "Unchecked")]
pub struct Preferences {
    /// `prefers-color-scheme`
    pub color_scheme: ColorScheme,
    /// `prefers-reduced-motion`
    pub reduced_motion: bool,
    /// `navigator.languages`, the most liked first: BCP 47 tags, at most [`MAX_LANGUAGES`].
    pub languages: Vec<String>,
    /// A name of the IANA time zone database, such as `Europe/Berlin`.
    pub time_zone: Option<String>,
}

/// Of [`Preferences::languages`].
pub const MAX_LANGUAGES: usize = 10;

/// A language or a time zone is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadPreferences {
    /// Or there are too many.
    #[error("languages are at most {MAX_LANGUAGES} tags such as de-CH")]
    Languages,
    /// It would be a path.
    #[error("a time zone is a name such as Europe/Berlin")]
    TimeZone,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Unchecked {
    color_scheme: ColorScheme,
    reduced_motion: bool,
    languages: Vec<String>,
    time_zone: Option<String>,
}

impl Preferences {
    /// The same, if they are what a browser says.
    pub fn checked(self) -> Result<Preferences, BadPreferences> {
        let languages = &self.languages;
        if languages.len() > MAX_LANGUAGES || !languages.iter().all(|tag| is_language(tag)) {
            return Err(BadPreferences::Languages);
        }
        if !self.time_zone.iter().all(|name| is_time_zone(name)) {
            return Err(BadPreferences::TimeZone);
        }
        Ok(self)
    }
}

impl TryFrom<Unchecked> for Preferences {
    type Error = BadPreferences;

    fn try_from(unchecked: Unchecked) -> Result<Preferences, BadPreferences> {
        let Unchecked {
            color_scheme,
            reduced_motion,
            languages,
            time_zone,
        } = unchecked;
        let preferences = Preferences {
            color_scheme,
            reduced_motion,
            languages,
            time_zone,
        };
        preferences.checked()
    }
}

fn is_language(tag: &str) -> bool {
    let is_part = |part: &str| {
        (1..=8).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphanumeric())
    };
    tag.len() <= 35 && tag.split('-').all(is_part)
}

/// Looked up as a path by whoever reads it.
fn is_time_zone(name: &str) -> bool {
    let is_part = |part: &str| {
        let mut bytes = part.bytes();
        bytes
            .next()
            .is_some_and(|first| first.is_ascii_alphabetic())
            && bytes.all(|byte| byte.is_ascii_alphanumeric() || b"_+-".contains(&byte))
    };
    name.len() <= 64 && name.split('/').all(is_part)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Preferences, String> {
        serde_json::from_str(text).map_err(|error| error.to_string())
    }

    #[test]
    fn what_a_browser_says_is_read() {
        let text = r#"{"color_scheme":"dark","languages":["de-CH","zh-Hant-TW","en"],"time_zone":"America/Port-au-Prince"}"#;
        let read = read(text).unwrap();
        assert_eq!(read.color_scheme, ColorScheme::Dark);
        assert_eq!(read.languages.len(), 3);
        assert!(!read.reduced_motion);
        for zone in ["UTC", "Etc/GMT+5", "America/Argentina/Buenos_Aires"] {
            assert!(is_time_zone(zone), "{zone}");
        }
    }

    #[test]
    fn what_is_no_language_or_time_zone_is_refused() {
        for zone in [
            "",
            "/etc/passwd",
            ":x",
            "../x",
            "Europe//Berlin",
            "A B",
            "A\n",
        ] {
            assert!(!is_time_zone(zone), "{zone:?}");
        }
        for tag in ["", "de,en", "de--CH", "d e", "-", "--lang=x"] {
            assert!(!is_language(tag), "{tag:?}");
        }
        let refused = read(r#"{"time_zone":"../../etc/passwd"}"#).unwrap_err();
        assert!(refused.contains("Europe/Berlin"), "{refused}");
        let many = format!(r#"{{"languages":[{}"de"]}}"#, r#""de","#.repeat(10));
        assert!(read(&many).is_err());
    }
}
