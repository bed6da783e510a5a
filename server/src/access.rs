//! Who may come in: the token, as a cookie for people and as a bearer for scripts, and the same origin for whatever changes
//! something.

mod rules;

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header::{
    AUTHORIZATION, CACHE_CONTROL, COOKIE, HOST, LOCATION, ORIGIN, SET_COOKIE, UPGRADE,
};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{Html, IntoResponse, Response};

use crate::config::Auth;
use rules::{equal_in_constant_time, is_loopback_host, same_origin, without_token};

/// The rules of one server.
#[derive(Clone)]
pub struct Access {
    auth: Arc<Auth>,
    /// Cookies ignore ports, and several servers may share a host.
    cookie: Arc<str>,
}

/// Each way to be refused, with its status and a sentence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// 401
    NoToken,
    /// 403: another site's page asks in this person's name.
    OtherOrigin,
    /// 403: a name that was made to point here (DNS rebinding).
    OtherHost,
}

impl Access {
    pub fn new(auth: Auth, port: u16) -> Access {
        Access {
            auth: Arc::new(auth),
            cookie: format!("farpane_{port}").into(),
        }
    }

    /// The token, where one is needed.
    pub fn token(&self) -> Option<&str> {
        match &*self.auth {
            Auth::Token(token) => Some(token),
            Auth::None => None,
        }
    }

    fn is_token(&self, given: &str) -> bool {
        self.token()
            .is_some_and(|token| equal_in_constant_time(token.as_bytes(), given.as_bytes()))
    }

    fn knows_token(&self, headers: &HeaderMap) -> bool {
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
            Auth::Token(_) if !self.knows_token(headers) => return Err(Refused::NoToken),
            Auth::None if !host.is_some_and(is_loopback_host) => return Err(Refused::OtherHost),
            _ => {}
        }
        // A web socket begins with a GET, takes input, and is open to every site's page unless its origin is looked at.
        let changes = !matches!(*request.method(), Method::GET | Method::HEAD)
            || headers.contains_key(UPGRADE);
        let fetch_site = headers
            .get("sec-fetch-site")
            .and_then(|value| value.to_str().ok());
        if changes && !same_origin(text(ORIGIN), fetch_site, host) {
            return Err(Refused::OtherOrigin);
        }
        Ok(())
    }
}

/// The layer in front of everything but `/healthz`.
pub async fn guard(State(access): State<Access>, request: Request, next: Next) -> Response {
    if *request.method() == Method::GET
        && let Some((token, clean)) = without_token(request.uri())
    {
        return match access.token().is_none() || access.is_token(&token) {
            true => admit(&access, &token, &clean),
            false => refuse(Refused::NoToken, &request),
        };
    }
    match access.check(&request) {
        Ok(()) => next.run(request).await,
        Err(refused) => refuse(refused, &request),
    }
}

/// The token moves from the URL into a cookie that scripts of a page cannot read.
fn admit(access: &Access, token: &str, clean: &str) -> Response {
    // Lax, not Strict: the link is opened from a terminal or a chat.
    let cookie = format!("{}={token}; Path=/; HttpOnly; SameSite=Lax", access.cookie);
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
        value(clean).unwrap_or(HeaderValue::from_static("/")),
    );
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

fn refuse(refused: Refused, request: &Request) -> Response {
    let (status, kind, sentence) = match refused {
        Refused::NoToken => (
            StatusCode::UNAUTHORIZED,
            "unauthorized",
            "Open the address with its token that the server printed when it started.",
        ),
        Refused::OtherOrigin => (
            StatusCode::FORBIDDEN,
            "forbidden",
            "Another site's page asked for this, so it was refused.",
        ),
        Refused::OtherHost => (
            StatusCode::FORBIDDEN,
            "forbidden",
            "Without authentication this server answers to localhost only.",
        ),
    };
    tracing::debug!(kind, path = request.uri().path(), "refused");
    if request.uri().path().starts_with("/api/") {
        let body = serde_json::json!({ "error": kind, "message": sentence });
        return (status, axum::Json(body)).into_response();
    }
    let page = format!(
        "<!doctype html><html lang=en><meta charset=utf-8><title>Farpane</title>\
         <style>body{{font:1rem system-ui;margin:20vh auto;max-width:32rem;padding:0 1rem;color-scheme:light dark}}</style>\
         <h1>Not yet</h1><p>{sentence}</p></html>"
    );
    (status, Html(page)).into_response()
}
