//! Authentication, by the token as a cookie (pages) or a bearer (scripts); protection against cross-site requests and DNS
//! rebinding.

mod rules;

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header::{
    AUTHORIZATION, CACHE_CONTROL, COOKIE, HOST, LOCATION, ORIGIN, SET_COOKIE, UPGRADE,
};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{Html, IntoResponse, Response};
use subtle::ConstantTimeEq;

use crate::config::Auth;
use rules::{is_loopback_host, is_same_origin, without_token};

/// Who has access to this server.
#[derive(Clone)]
pub struct Access {
    auth: Arc<Auth>,
    /// The cookie's name, with the port: browsers send a cookie to every port of its host.
    cookie: Arc<str>,
    /// Pages of other sites may show ours in a frame.
    embeds: bool,
}

/// Why a request is refused; each has a status and a sentence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// 401: no token, or a wrong one.
    NoToken,
    /// 403: sent by another site's page (cross-site request forgery).
    CrossOrigin,
    /// 403: sent to a host name that is not this machine's (DNS rebinding).
    ForeignHost,
}

impl Access {
    /// `port` is the one of HTTP; `embeds`: pages of other sites may show ours in a frame.
    pub fn new(auth: Auth, port: u16, embeds: bool) -> Access {
        Access {
            auth: Arc::new(auth),
            cookie: format!("farpane_{port}").into(),
            embeds,
        }
    }

    /// The token, if one is required.
    pub fn token(&self) -> Option<&str> {
        match &*self.auth {
            Auth::Token(token) => Some(token),
            Auth::None => None,
        }
    }

    /// In constant time, so that a response's delay does not reveal how much of a guess is right.
    fn is_token(&self, given: &str) -> bool {
        self.token()
            .is_some_and(|token| token.as_bytes().ct_eq(given.as_bytes()).into())
    }

    /// Every cookie of the name counts: another host of the same domain can set one too.
    fn has_token(&self, headers: &HeaderMap) -> bool {
        let text = |name| {
            headers
                .get_all(name)
                .iter()
                .filter_map(|value| value.to_str().ok())
        };
        let bearer = text(AUTHORIZATION).any(|value| {
            value
                .strip_prefix("Bearer ")
                .is_some_and(|token| self.is_token(token.trim()))
        });
        let mut cookies = text(COOKIE).flat_map(|value| value.split(';'));
        bearer
            || cookies.any(|cookie| {
                let named = cookie.trim().split_once('=');
                named.is_some_and(|(name, value)| name == &*self.cookie && self.is_token(value))
            })
    }

    fn check(&self, request: &Request) -> Result<(), Refused> {
        let headers = request.headers();
        let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
        let host = text(HOST).or_else(|| {
            request
                .uri()
                .authority()
                .map(|authority| authority.as_str())
        });
        match &*self.auth {
            Auth::Token(_) if !self.has_token(headers) => return Err(Refused::NoToken),
            Auth::None if !host.is_some_and(is_loopback_host) => return Err(Refused::ForeignHost),
            _ => {}
        }
        // The handshake of a web socket is a GET, and browsers apply no same-origin policy to it.
        let has_effect = !matches!(*request.method(), Method::GET | Method::HEAD)
            || headers.contains_key(UPGRADE);
        let fetch_site = headers
            .get("sec-fetch-site")
            .and_then(|value| value.to_str().ok());
        if has_effect && !is_same_origin(text(ORIGIN), fetch_site, host) {
            return Err(Refused::CrossOrigin);
        }
        Ok(())
    }
}

/// Middleware of everything but `/healthz`: refuses a request, or exchanges `?token=…` for a cookie.
pub async fn require_access(
    State(access): State<Access>,
    request: Request,
    next: Next,
) -> Response {
    if *request.method() == Method::GET
        && let Some((token, location)) = without_token(request.uri())
    {
        let is_framed = access.embeds && is_frame(request.headers());
        return match access.token().is_none() || access.is_token(&token) {
            true => set_cookie(&access, &token, &location, is_framed),
            false => refuse(Refused::NoToken, &request),
        };
    }
    match access.check(&request) {
        Ok(()) => next.run(request).await,
        Err(refused) => refuse(refused, &request),
    }
}

/// Whether a browser loads this as the page of a frame.
fn is_frame(headers: &HeaderMap) -> bool {
    headers
        .get("sec-fetch-dest")
        .is_some_and(|dest| dest == "iframe")
}

/// Redirects to `location` with the token in a cookie, which a page's scripts cannot read.
fn set_cookie(access: &Access, token: &str, location: &str, is_framed: bool) -> Response {
    let scope = match is_framed {
        // For that frame on that site alone; the only kind that every browser takes there.
        true => "SameSite=None; Secure; Partitioned",
        // Lax, not Strict: the URL may be opened from a chat in the browser.
        false => "SameSite=Lax",
    };
    let cookie = format!("{}={token}; Path=/; HttpOnly; {scope}", access.cookie);
    let mut response = StatusCode::SEE_OTHER.into_response();
    let headers = response.headers_mut();
    let value = |text: &str| HeaderValue::from_str(text).ok();
    if access.token().is_some()
        && let Some(cookie) = value(&cookie)
    {
        headers.insert(SET_COOKIE, cookie);
    }
    headers.insert(
        LOCATION,
        value(location).unwrap_or(HeaderValue::from_static("/")),
    );
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

fn refuse(refused: Refused, request: &Request) -> Response {
    let (status, kind, sentence) = match refused {
        Refused::NoToken => (
            StatusCode::UNAUTHORIZED,
            "unauthorized",
            "Open the URL that the server printed when it started: it contains the token.",
        ),
        Refused::CrossOrigin => (
            StatusCode::FORBIDDEN,
            "forbidden",
            "The request was refused because another site's page sent it (cross-origin).",
        ),
        Refused::ForeignHost => (
            StatusCode::FORBIDDEN,
            "forbidden",
            "Without authentication, only requests to localhost are accepted.",
        ),
    };
    tracing::debug!(kind, path = request.uri().path(), "request refused");
    if request.uri().path().starts_with("/api/") {
        let body = serde_json::json!({ "error": kind, "message": sentence });
        return (status, axum::Json(body)).into_response();
    }
    let page = format!(
        "<!doctype html><html lang=en><meta charset=utf-8><title>Farpane</title>\
         <style>body{{font:1rem system-ui;margin:20vh auto;max-width:32rem;padding:0 1rem;color-scheme:light dark}}</style>\
         <h1>No access</h1><p>{sentence}</p></html>"
    );
    (status, Html(page)).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn access(token: &str) -> Access {
        Access::new(Auth::Token(token.to_owned()), 8080, false)
    }

    #[test]
    fn a_token_must_be_equal_to_its_last_byte() {
        let access = access("secret");
        assert!(access.is_token("secret"));
        for wrong in ["", "secre", "secreT", "secrets"] {
            assert!(!access.is_token(wrong), "{wrong}");
        }
    }

    #[test]
    fn every_cookie_of_the_name_counts_and_no_other() {
        let access = access("secret");
        let has_token = |cookies: &str| {
            let value = HeaderValue::from_str(cookies).unwrap();
            access.has_token(&HeaderMap::from_iter([(COOKIE, value)]))
        };
        assert!(has_token("a=b; farpane_8080=secret"));
        assert!(has_token("farpane_8080=secret; farpane_8080=planted"));
        assert!(has_token("farpane_8080=planted; farpane_8080=secret"));
        assert!(!has_token("farpane_8081=secret"));
        assert!(!has_token("farpane_8080=planted"));
    }
}
