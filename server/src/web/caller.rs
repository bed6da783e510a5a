//! Pure: an admitted request's headers → who calls.

use axum::http::header::{AUTHORIZATION, COOKIE, ORIGIN};
use axum::http::{HeaderMap, HeaderName};
use client::api::Caller;

/// What only browsers send with a page's call. `Origin` goes with every POST, the cookie wherever a token is needed.
const OF_PAGES: [HeaderName; 3] = [COOKIE, ORIGIN, HeaderName::from_static("sec-fetch-site")];

/// The name of the server's one token.
const TOKEN: &str = "token";

/// The name of whoever needs no credential, where none is asked for.
const NOBODY: &str = "anonymous";

/// Whether these are of a page or a script; [`crate::access`] has admitted both. No page sends `Authorization`.
pub fn caller(headers: &HeaderMap) -> Caller {
    if headers.contains_key(AUTHORIZATION) {
        Caller::Script(TOKEN.into())
    } else if OF_PAGES.iter().any(|name| headers.contains_key(name)) {
        Caller::Page
    } else {
        Caller::Script(NOBODY.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn called_with(name: HeaderName, value: &'static str) -> Caller {
        caller(&HeaderMap::from_iter([(
            name,
            axum::http::HeaderValue::from_static(value),
        )]))
    }

    #[test]
    fn a_bearer_is_a_script() {
        let script = Caller::Script("token".into());
        assert_eq!(called_with(AUTHORIZATION, "Bearer abc"), script);
    }

    #[test]
    fn a_cookie_or_an_origin_is_a_page() {
        assert_eq!(called_with(COOKIE, "farpane_8080=abc"), Caller::Page);
        assert_eq!(called_with(ORIGIN, "http://localhost:8080"), Caller::Page);
    }

    #[test]
    fn without_authentication_a_bare_call_is_a_script() {
        assert_eq!(
            caller(&HeaderMap::new()),
            Caller::Script("anonymous".into())
        );
    }
}
