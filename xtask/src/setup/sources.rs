//! Pure: apt's own source files → where this machine gets Debian from.

/// A Debian mirror and the keys that sign it, as this machine already uses them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mirror {
    pub uri: String,
    /// The value of `Signed-By`; empty where apt's own key ring is used.
    pub signed_by: String,
}

impl Mirror {
    /// A source file for one other suite of the same mirror.
    pub fn source_for(&self, suite: &str) -> String {
        let signed_by = if self.signed_by.is_empty() {
            String::new()
        } else {
            format!("Signed-By: {}\n", self.signed_by)
        };
        format!(
            "Types: deb\nURIs: {}\nSuites: {suite}\nComponents: main\n{signed_by}",
            self.uri
        )
    }
}

/// The first source in a deb822 file (`*.sources`) that has exactly this suite (`bookworm`).
pub fn in_deb822(text: &str, suite: &str) -> Option<Mirror> {
    text.split("\n\n").find_map(|stanza| {
        let field = |name: &str| {
            stanza.lines().find_map(|line| {
                let (key, value) = line.split_once(':')?;
                key.eq_ignore_ascii_case(name).then(|| value.trim())
            })
        };
        if field("Enabled").is_some_and(|enabled| enabled.eq_ignore_ascii_case("no")) {
            return None;
        }
        field("Suites")?
            .split_whitespace()
            .any(|one| one == suite)
            .then_some(())?;
        Some(Mirror {
            uri: field("URIs")?.split_whitespace().next()?.to_owned(),
            signed_by: field("Signed-By").unwrap_or_default().to_owned(),
        })
    })
}

/// The first `deb` line of a `*.list` file that has exactly this suite.
pub fn in_list(text: &str, suite: &str) -> Option<Mirror> {
    text.lines().find_map(|line| {
        let rest = line.trim().strip_prefix("deb ")?.trim_start();
        let (options, rest) = match rest.strip_prefix('[') {
            Some(bracketed) => bracketed.split_once(']')?,
            None => ("", rest),
        };
        let mut words = rest.split_whitespace();
        let (uri, one) = (words.next()?, words.next()?);
        (one == suite).then(|| Mirror {
            uri: uri.to_owned(),
            signed_by: options
                .split_whitespace()
                .find_map(|option| option.strip_prefix("signed-by="))
                .unwrap_or_default()
                .to_owned(),
        })
    })
}

/// The package version in `apt-cache madison`'s answer that is of exactly this upstream version.
pub fn version_of<'a>(madison: &'a str, upstream: &str) -> Option<&'a str> {
    madison.lines().find_map(|line| {
        let version = line.split('|').nth(1)?.trim();
        let rest = version.strip_prefix(upstream)?;
        rest.starts_with(['+', '-']).then_some(version)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_machines_own_mirror_is_found_in_either_format() {
        let deb822 = "\
Types: deb
# http://snapshot.debian.org/archive
URIs: http://mirror.example/debian-security
Suites: bookworm-security
Signed-By: /k.gpg

Types: deb
URIs: http://mirror.example/debian
Suites: bookworm bookworm-updates
Components: main
Signed-By: /k.gpg
";
        let list = "\
# deb http://no.example bookworm main
deb [arch=amd64 signed-by=/k.gpg] http://mirror.example/debian bookworm main contrib
";
        let mirror = Some(Mirror {
            uri: "http://mirror.example/debian".to_owned(),
            signed_by: "/k.gpg".to_owned(),
        });
        assert_eq!(in_deb822(deb822, "bookworm"), mirror);
        assert_eq!(in_list(list, "bookworm"), mirror);
        assert_eq!(in_list(list, "trixie"), None);
        assert_eq!(in_deb822(deb822, "trixie"), None);
    }

    #[test]
    fn a_plain_line_has_no_keys_of_its_own() {
        let mirror = in_list("deb http://mirror.example/debian bookworm main", "bookworm").unwrap();
        assert_eq!(
            mirror.source_for("trixie-backports"),
            "Types: deb\nURIs: http://mirror.example/debian\nSuites: trixie-backports\nComponents: main\n"
        );
    }

    #[test]
    fn only_the_very_same_compiler_version_will_do() {
        let madison = "\
  rust-src | 1.96.1+dfsg1-2~bpo13+1 | http://mirror.example trixie-backports/main amd64 Packages
  rust-src | 1.95.0+dfsg1-2~bpo13+1 | http://mirror.example trixie-backports/main amd64 Packages
";
        assert_eq!(
            version_of(madison, "1.95.0"),
            Some("1.95.0+dfsg1-2~bpo13+1")
        );
        assert_eq!(version_of(madison, "1.95"), None);
        assert_eq!(version_of(madison, "1.94.0"), None);
    }
}
