//! Pure: what was typed, or what a page names → a URL that Chrome may go to or load, one for another program, or why not.

use url::{Host, Url};

/// An `http:` or `https:` URL, or `about:blank`: nothing else can be navigated to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AllowedUrl(String);

impl AllowedUrl {
    /// `about:blank`
    pub fn blank() -> AllowedUrl {
        AllowedUrl("about:blank".to_owned())
    }

    /// The URL.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Where a picture of a page is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ImageUrl {
    /// It was loaded.
    Loaded(AllowedUrl),
    /// A `blob:` URL: the page has made it.
    Made(String),
}

/// Why an address is refused, with a sentence for the viewer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RefusedAddress {
    /// Nothing but white space.
    #[error("Type an address or words to search for.")]
    Empty,
    /// Longer than [`MAX_LENGTH`].
    #[error("The address is longer than {MAX_LENGTH} bytes.")]
    TooLong,
    /// That scheme, and why it is not allowed.
    #[error("{0}: addresses are not allowed: {1}")]
    Scheme(String, &'static str),
    /// No URL with a host.
    #[error("{0:?} is not a complete address.")]
    Malformed(String),
}

/// In bytes. Chrome's own limit is 2 MB; nobody types more than this.
pub const MAX_LENGTH: usize = 16 * 1024;

/// Scheme, host and port of a page on the web.
pub fn origin(url: &str) -> Option<String> {
    let url = Url::parse(url).ok()?;
    let is_web = matches!(url.scheme(), "http" | "https");
    is_web.then(|| url.origin().ascii_serialization())
}

/// An address of the web that a page names, and nothing else.
pub fn of_page(url: &str) -> Option<AllowedUrl> {
    let url = (url.len() <= MAX_LENGTH).then_some(url)?;
    web(url).ok()
}

/// Completes an address, or makes words a search; `search_url` has `{}` where the words go.
pub fn allowed(typed: &str, search_url: &str) -> Result<AllowedUrl, RefusedAddress> {
    let typed = typed.trim();
    if typed.is_empty() {
        return Err(RefusedAddress::Empty);
    }
    if typed.len() > MAX_LENGTH {
        return Err(RefusedAddress::TooLong);
    }
    if typed.eq_ignore_ascii_case("about:blank") {
        return Ok(AllowedUrl::blank());
    }
    if let Some((scheme, rest)) = scheme_of(typed) {
        return match scheme.as_str() {
            "http" | "https" => web(typed),
            _ => match refusal(&scheme) {
                Some(why) => Err(RefusedAddress::Scheme(scheme, why)),
                None if is_port(rest) => web(&with_scheme(typed)),
                // "note: buy milk" is a search.
                None if typed.contains(char::is_whitespace) => Ok(search(typed, search_url)),
                None => Err(RefusedAddress::Scheme(scheme, "only http: and https: are.")),
            },
        };
    }
    if looks_like_host(typed) {
        web(&with_scheme(typed))
    } else {
        Ok(search(typed, search_url))
    }
}

/// The same of a picture that a page shows.
pub fn image(url: &str, search_url: &str) -> Result<ImageUrl, RefusedAddress> {
    if url.starts_with("blob:") && url.len() <= MAX_LENGTH {
        return Ok(ImageUrl::Made(url.to_owned()));
    }
    allowed(url, search_url).map(ImageUrl::Loaded)
}

/// `scheme:rest`, with the scheme in lower case. Chrome strips tabs and line breaks inside a URL, so they are
/// ignored here too.
fn scheme_of(typed: &str) -> Option<(String, &str)> {
    let (scheme, rest) = typed.split_once(':')?;
    let scheme: String = scheme
        .chars()
        .filter(|c| !c.is_control())
        .collect::<String>()
        .to_ascii_lowercase();
    let mut letters = scheme.chars();
    let valid = letters.next().is_some_and(|c| c.is_ascii_alphabetic())
        && letters.all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c));
    valid.then_some((scheme, rest))
}

fn refusal(scheme: &str) -> Option<&'static str> {
    Some(match scheme {
        "file" | "filesystem" => "they show the server's files.",
        "chrome" | "chrome-extension" | "chrome-untrusted" | "chrome-search" | "devtools"
        | "about" => "they are the remote browser's own pages.",
        "view-source" => "open the page itself instead.",
        "javascript" => "they run a script in the open page.",
        "data" | "blob" => "they contain a whole page.",
        "ftp" | "ws" | "wss" | "mailto" | "tel" | "intent" | "externalfile" | "content" => {
            "only http: and https: are."
        }
        _ => return None,
    })
}

/// After `localhost:`: a port, and perhaps a path.
fn is_port(rest: &str) -> bool {
    let port = rest.split(['/', '?', '#']).next().unwrap_or_default();
    !port.is_empty() && port.parse::<u16>().is_ok()
}

fn looks_like_host(typed: &str) -> bool {
    if typed.contains(char::is_whitespace) {
        return false;
    }
    let authority = typed.split(['/', '?', '#']).next().unwrap_or_default();
    let host = authority.split(':').next().unwrap_or_default();
    let dotted = host
        .split_once('.')
        .is_some_and(|(first, rest)| !first.is_empty() && !rest.is_empty());
    let bracketed = authority.starts_with('[');
    (dotted || bracketed || host.eq_ignore_ascii_case("localhost"))
        && Url::parse(&format!("http://{typed}")).is_ok()
}

/// A host of this machine or network rarely has a certificate; others do.
fn with_scheme(typed: &str) -> String {
    let parsed = Url::parse(&format!("http://{typed}"));
    let local = match parsed.as_ref().map(Url::host) {
        Ok(Some(Host::Domain(name))) => !name.contains('.') || name.ends_with(".localhost"),
        Ok(Some(Host::Ipv4(_) | Host::Ipv6(_))) => true,
        _ => false,
    };
    format!("{}://{typed}", if local { "http" } else { "https" })
}

fn web(url: &str) -> Result<AllowedUrl, RefusedAddress> {
    match Url::parse(url) {
        Ok(parsed) if parsed.has_host() && matches!(parsed.scheme(), "http" | "https") => {
            Ok(AllowedUrl(parsed.into()))
        }
        _ => Err(RefusedAddress::Malformed(url.to_owned())),
    }
}

fn search(words: &str, search_url: &str) -> AllowedUrl {
    let words: String = url::form_urlencoded::byte_serialize(words.as_bytes()).collect();
    AllowedUrl(search_url.replace("{}", &words))
}

/// What a browser shows, or runs, itself.
const OWN_SCHEMES: [&str; 14] = [
    "http",
    "https",
    "about",
    "blob",
    "data",
    "javascript",
    "file",
    "filesystem",
    "view-source",
    "chrome",
    "chrome-error",
    "chrome-untrusted",
    "chrome-extension",
    "devtools",
];

/// In bytes; a longer one is no person's doing.
const MAX_EXTERNAL: usize = 2000;

/// Whether it is a link for another program than a browser, such as `mailto:`.
pub fn is_external(url: &str) -> bool {
    let Some((scheme, _)) = url.split_once(':') else {
        return false;
    };
    let is_scheme = scheme.starts_with(|first: char| first.is_ascii_alphabetic())
        && (scheme.bytes()).all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte));
    let is_own = OWN_SCHEMES
        .iter()
        .any(|own| scheme.eq_ignore_ascii_case(own));
    is_scheme && !is_own && url.len() <= MAX_EXTERNAL
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SEARCH: &str = "https://search.example/?q={}";

    fn opened(typed: &str) -> String {
        allowed(typed, SEARCH).unwrap().as_str().to_owned()
    }

    #[test]
    fn a_link_for_another_program_is_told_from_one_for_a_browser() {
        for url in [
            "mailto:a@b.example",
            "tel:+123",
            "vscode://file/x",
            "web+x:y",
        ] {
            assert!(is_external(url), "{url}");
        }
        for url in [
            "https://a.example/",
            "about:blank",
            "JavaScript:alert(1)",
            "data:text/html,x",
            "file:///etc/passwd",
            "/mailto:x",
            "1x:y",
            "",
            &format!("mailto:{}", "x".repeat(MAX_EXTERNAL)),
        ] {
            assert!(!is_external(url), "{url}");
        }
    }

    #[test]
    fn an_address_is_completed() {
        for (typed, url) in [
            ("https://example.com", "https://example.com/"),
            ("HTTP://Example.com/a?b#c", "http://example.com/a?b#c"),
            ("example.com/path", "https://example.com/path"),
            ("localhost:3000/x", "http://localhost:3000/x"),
            ("localhost", "http://localhost/"),
            ("127.0.0.1:8080", "http://127.0.0.1:8080/"),
            ("[::1]:8080", "http://[::1]:8080/"),
            ("example.com:8443", "https://example.com:8443/"),
            (" about:blank ", "about:blank"),
        ] {
            assert_eq!(opened(typed), url, "{typed}");
        }
    }

    #[test]
    fn words_are_searched() {
        assert_eq!(
            opened("rust & wayland"),
            "https://search.example/?q=rust+%26+wayland"
        );
        assert_eq!(opened("weather"), "https://search.example/?q=weather");
        assert_eq!(
            opened("what is 1.5 + 2"),
            "https://search.example/?q=what+is+1.5+%2B+2"
        );
        assert_eq!(
            opened("note: buy milk"),
            "https://search.example/?q=note%3A+buy+milk"
        );
    }

    #[test]
    fn what_is_not_the_web_is_refused_with_a_reason() {
        for typed in [
            "file:///etc/passwd",
            "FILE:/etc/passwd",
            "chrome://settings",
            "view-source:https://example.com",
            "javascript:alert(1)",
            "java\nscript:alert(1)",
            "data:text/html,hi",
            "data: text/html, hi there",
            "blob:https://x/1",
            "about:version",
            "magnet:?xt=1",
        ] {
            let refused = allowed(typed, SEARCH).unwrap_err();
            assert!(
                matches!(refused, RefusedAddress::Scheme(..)),
                "{typed}: {refused:?}"
            );
        }
        assert_eq!(allowed("  ", SEARCH), Err(RefusedAddress::Empty));
        assert!(allowed("http://", SEARCH).is_err());
    }

    proptest! {
        #[test]
        fn only_the_web_is_ever_opened(typed in ".{0,40}") {
            if let Ok(url) = allowed(&typed, SEARCH) {
                let web = url.as_str().starts_with("http://") || url.as_str().starts_with("https://");
                prop_assert!(web || url == AllowedUrl::blank());
            }
        }

        #[test]
        fn no_spelling_of_a_refused_scheme_gets_through(
            scheme in "([fF][iI][lL][eE]|[jJ]ava[sS]cript|DATA|data|[cC]hrome|[vV]iew-[sS]ource)", space in "[ \t]{0,2}", rest in "\\PC{0,20}",
        ) {
            let typed = format!("{space}{scheme}:{rest}");
            prop_assert!(allowed(&typed, SEARCH).is_err());
        }
    }
}
