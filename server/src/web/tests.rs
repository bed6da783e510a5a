//! What the router answers, asked without a socket.

use std::path::Path;
use std::sync::LazyLock;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::header::{
    ACCEPT_ENCODING, AUTHORIZATION, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, COOKIE, HOST,
    LOCATION, ORIGIN, REFERRER_POLICY, SET_COOKIE, UPGRADE, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::request::Builder;
use axum::http::{HeaderMap, HeaderName, Method, Request, StatusCode};
use clap::Parser;
use leptos::server_fn::axum::server_fn_paths;
use metrics_exporter_prometheus::PrometheusHandle;
use serde_json::{Value, json};
use tempfile::TempDir;
use tower::ServiceExt;

use super::MAX_BODY;
use crate::access::Access;
use crate::config::{Auth, Cli, Command, Config};
use crate::session::Services;
use crate::sessions::Sessions;
use crate::transport::{Hub, HubOptions};

const TOKEN: &str = "a-token-of-the-tests";
const HERE: &str = "127.0.0.1:8080";

/// One recorder serves the whole process.
static METRICS: LazyLock<PrometheusHandle> =
    LazyLock::new(|| crate::metrics::install().expect("nobody else installs one here"));

/// A server without a socket for pages, a client that was built of two words, and no Chrome.
struct Server {
    router: Router,
    _site: TempDir,
}

struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: String,
}

impl Server {
    async fn start() -> Server {
        Server::with(|_| {}).await
    }

    async fn with(change: impl FnOnce(&mut Config)) -> Server {
        let site = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| std::fs::write(site.path().join(name), text).unwrap();
        std::fs::create_dir(site.path().join("pkg")).unwrap();
        write("pkg/farpane.js", "script");
        write("pkg/farpane.js.gz", "compressed");
        write("secret", "not for the web");
        let mut config = config(site.path());
        change(&mut config);
        let hub = Hub::start(HubOptions {
            bind: config.listen.ip(),
            port: 0,
            public_ips: Vec::new(),
        });
        let access = Access::new(
            config.auth.clone(),
            config.listen.port(),
            !config.embed_origins.is_empty(),
        );
        let sessions = Sessions::new(Services {
            config,
            hub: hub.await.unwrap(),
            chrome: "/nonexistent/chrome".into(),
            runtime_dir: site.path().to_owned(),
            files_dir: site.path().to_owned(),
        });
        Server {
            router: super::router(sessions, access, METRICS.clone()),
            _site: site,
        }
    }

    async fn answer(&self, request: Request<Body>) -> Answer {
        let answer = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = answer.into_parts();
        let body = to_bytes(body, usize::MAX).await.unwrap();
        Answer {
            status: parts.status,
            headers: parts.headers,
            body: String::from_utf8(body.to_vec()).unwrap(),
        }
    }

    async fn get(&self, path: &str) -> Answer {
        self.answer(from_script(get(path))).await
    }

    async fn call(&self, function: &str, body: impl Into<Body>) -> Answer {
        self.answer(with_body(from_script(post(function)), body))
            .await
    }
}

impl Answer {
    fn header(&self, name: HeaderName) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }

    /// The kind of a server function's error, which says so in JSON and in words.
    fn error(&self) -> String {
        assert_eq!(self.header(CONTENT_TYPE), "application/json");
        let error: Value = serde_json::from_str(&self.body).unwrap();
        assert!(
            error["message"]
                .as_str()
                .is_some_and(|words| words.len() > 10)
        );
        error["error"].as_str().unwrap().to_owned()
    }
}

fn config(site: &Path) -> Config {
    let flags = ["farpane", "serve", "--listen", HERE, "--token", TOKEN];
    let Command::Serve(settings) = Cli::parse_from(flags).command;
    let mut config = settings.validate(String::new).unwrap();
    config.site_root = site.to_owned();
    config
}

fn get(path: &str) -> Builder {
    Request::get(path).header(HOST, HERE)
}

fn post(function: &str) -> Builder {
    Request::post(format!("/api/{function}"))
        .header(HOST, HERE)
        .header(CONTENT_TYPE, "application/json")
}

fn from_script(request: Builder) -> Request<Body> {
    empty(request.header(AUTHORIZATION, format!("Bearer {TOKEN}")))
}

fn empty(request: Builder) -> Request<Body> {
    request.body(Body::empty()).unwrap()
}

fn with_body(request: Request<Body>, body: impl Into<Body>) -> Request<Body> {
    request.map(|_| body.into())
}

#[test]
fn every_server_function_has_its_stable_path() {
    super::register_server_functions();
    let mut paths: Vec<_> = server_fn_paths().map(|(path, _)| path).collect();
    paths.sort_unstable();
    paths.dedup();
    assert_eq!(
        paths,
        [
            "/api/activate_tab",
            "/api/answer_dialog",
            "/api/answer_notification",
            "/api/authenticate",
            "/api/back",
            "/api/choose_files",
            "/api/clipboard",
            "/api/close_tab",
            "/api/drag_files",
            "/api/drop_files",
            "/api/end",
            "/api/exit_fullscreen",
            "/api/find",
            "/api/forward",
            "/api/image",
            "/api/join",
            "/api/leave",
            "/api/move_tab",
            "/api/navigate",
            "/api/new_tab",
            "/api/offer",
            "/api/open",
            "/api/permissions",
            "/api/reload",
            "/api/remove_download",
            "/api/restart",
            "/api/send_input",
            "/api/sessions",
            "/api/set_clipboard",
            "/api/set_location",
            "/api/set_permission",
            "/api/stop",
            "/api/updates",
        ]
    );
}

#[tokio::test]
async fn without_the_token_nobody_sees_more_than_that_the_server_lives() {
    let server = Server::start().await;
    for path in ["/", "/s/abc", "/metrics", "/pkg/farpane.js", "/nowhere"] {
        let answer = server.answer(empty(get(path))).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{path}");
        assert_eq!(answer.header(CONTENT_TYPE), "text/html; charset=utf-8");
    }
    let socket = get("/api/socket?session=a&viewer=b").header(UPGRADE, "websocket");
    let wrong = post("sessions").header(AUTHORIZATION, "Bearer some-other-token");
    let thumbnail = get("/api/thumbnail?session=a");
    let download = get("/api/download?session=a&download=b");
    let upload = get("/api/upload?session=a&chooser=1&path=b").method(Method::PUT);
    let print = get("/api/print?session=a");
    let files = [download, upload, print];
    let others = [socket, thumbnail, post("open"), post("nothing"), wrong];
    for request in others.into_iter().chain(files) {
        let answer = server.answer(empty(request)).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
        assert_eq!(answer.error(), "unauthorized");
    }
    let health = server.answer(empty(get("/healthz"))).await;
    assert_eq!((health.status, &*health.body), (StatusCode::OK, "ok\n"));
}

#[tokio::test]
async fn the_printed_link_becomes_a_cookie_that_opens_everything() {
    let server = Server::start().await;
    let link = get(&format!("/s/abc?a=b&token={TOKEN}"));
    let answer = server.answer(empty(link)).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER);
    assert_eq!(answer.header(LOCATION), "/s/abc?a=b");
    assert_eq!(answer.header(CACHE_CONTROL), "no-store");
    let (cookie, flags) = answer.header(SET_COOKIE).split_once("; ").unwrap();
    assert_eq!(cookie, format!("farpane_8080={TOKEN}"));
    assert_eq!(flags, "Path=/; HttpOnly; SameSite=Lax");

    for path in ["/", "/metrics", "/pkg/farpane.js"] {
        let with_others = format!("theme=dark; {cookie}");
        let answer = server
            .answer(empty(get(path).header(COOKIE, with_others)))
            .await;
        assert_eq!(answer.status, StatusCode::OK, "{path}");
    }
    let other_port = get("/").header(COOKIE, format!("farpane_8081={TOKEN}"));
    let wrong_link = get("/?token=some-other-token");
    for request in [other_port, wrong_link] {
        let answer = server.answer(empty(request)).await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED);
        assert_eq!(answer.header(SET_COOKIE), "");
    }
}

#[tokio::test]
async fn another_sites_page_changes_nothing() {
    let server = Server::start().await;
    let cookie = format!("farpane_8080={TOKEN}");
    let with_cookie = |request: Builder| request.header(COOKIE, &cookie);
    let socket = || with_cookie(get("/api/socket?session=a&viewer=b")).header(UPGRADE, "websocket");
    for refused in [
        with_cookie(post("sessions")).header(ORIGIN, "https://evil.example"),
        with_cookie(post("sessions")).header(ORIGIN, "null"),
        with_cookie(post("sessions")).header("sec-fetch-site", "cross-site"),
        socket().header(ORIGIN, "https://evil.example"),
    ] {
        let answer = server.answer(with_body(empty(refused), "{}")).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN);
        assert_eq!(answer.error(), "forbidden");
    }
    let own = with_cookie(post("sessions")).header(ORIGIN, format!("http://{HERE}"));
    let answer = server.answer(with_body(empty(own), "{}")).await;
    assert_eq!(answer.status, StatusCode::OK);
    // A link on another site may lead here.
    let link = with_cookie(get("/")).header("sec-fetch-site", "cross-site");
    assert_eq!(server.answer(empty(link)).await.status, StatusCode::OK);
}

#[tokio::test]
async fn without_authentication_only_a_loopback_name_is_answered() {
    let server = Server::with(|config| config.auth = Auth::None).await;
    let at = |host: &str| empty(Request::get("/").header(HOST, host));
    for host in ["localhost:8080", "127.0.0.1:8080", "[::1]:8080"] {
        assert_eq!(
            server.answer(at(host)).await.status,
            StatusCode::OK,
            "{host}"
        );
    }
    let rebound = server.answer(at("evil.example:8080")).await;
    assert_eq!(rebound.status, StatusCode::FORBIDDEN);
    let nameless = server.answer(empty(Request::get("/"))).await;
    assert_eq!(nameless.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn every_function_refuses_a_body_that_is_no_object() {
    let server = Server::start().await;
    for (path, _) in server_fn_paths() {
        let function = path.strip_prefix("/api/").unwrap();
        for body in ["[]", r#" ["", null]"#, "null", "7", r#""{}""#, "", "\n"] {
            let answer = server.call(function, body).await;
            assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{path} {body}");
            assert_eq!(answer.error(), "bad_request");
            assert!(answer.body.contains("JSON object"), "{}", answer.body);
        }
    }
    let answer = server.call("sessions", "\r\n\t {}").await;
    assert_eq!((answer.status, &*answer.body), (StatusCode::OK, "[]"));
}

#[tokio::test]
async fn a_refused_call_says_why_in_its_status_and_in_a_sentence() {
    let full = Server::with(|config| config.max_sessions = 0).await;
    for (function, body, status, kind) in [
        (
            "open",
            json!({"url": "file:///etc/passwd"}),
            422,
            "refused_address",
        ),
        ("open", json!({"url": "https://example.com"}), 503, "full"),
        (
            "open",
            json!({"size": {"width": 1, "height": 1}}),
            400,
            "bad_request",
        ),
        ("open", json!({"url": 7}), 400, "bad_request"),
        (
            "navigate",
            json!({"session": "abc", "url": "x"}),
            404,
            "not_found",
        ),
        (
            "navigate",
            json!({"session": "../abc", "url": "x"}),
            400,
            "bad_request",
        ),
        ("navigate", json!({"session": "abc"}), 400, "bad_request"),
        ("end", json!({"session": "abc"}), 404, "not_found"),
    ] {
        let answer = full.call(function, body.to_string()).await;
        assert_eq!(answer.status.as_u16(), status, "{function} {body}");
        assert_eq!(answer.error(), kind, "{function} {body}");
    }
}

#[tokio::test]
async fn what_is_not_there_is_not_found() {
    let server = Server::start().await;
    for path in ["/nowhere", "/api/nothing", "/pkg/nothing.js", "/s/"] {
        let answer = server.get(path).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path}");
    }
    for body in ["{}", "[]"] {
        let answer = server.call("nothing", body).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND);
    }
    // A function is called, not looked at.
    let answer = server.get("/api/sessions").await;
    assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED);
    let socket = server.get("/api/socket").await;
    assert_eq!(socket.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_body_that_is_too_long_is_refused_whether_it_says_so_or_not() {
    let server = Server::start().await;
    let long = format!(r#"{{"url": "{}"}}"#, "x".repeat(MAX_BODY));
    let said = server.call("open", long.clone()).await;
    assert_eq!(said.status, StatusCode::PAYLOAD_TOO_LARGE);
    let pieces = futures::stream::iter([Ok::<_, std::io::Error>(long)]);
    let unsaid = server.call("open", Body::from_stream(pieces)).await;
    assert_eq!(unsaid.status, StatusCode::PAYLOAD_TOO_LARGE);
}

#[tokio::test]
async fn the_home_page_is_rendered_by_the_server_and_never_kept() {
    a_page_is_rendered("/").await;
}

#[tokio::test]
async fn a_sessions_page_is_rendered_by_the_server_and_never_kept() {
    a_page_is_rendered("/s/abc").await;
}

async fn a_page_is_rendered(path: &str) {
    let server = Server::start().await;
    let answer = server.get(path).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.header(CONTENT_TYPE), "text/html; charset=utf-8");
    assert_eq!(answer.header(CACHE_CONTROL), "no-store");
    assert!(
        answer.body.contains("<title>Farpane</title>"),
        "{}",
        answer.body
    );
}

#[tokio::test]
async fn files_are_asked_for_anew_and_come_compressed() {
    let server = Server::start().await;
    let plain = server.get("/pkg/farpane.js").await;
    assert_eq!((plain.status, &*plain.body), (StatusCode::OK, "script"));
    assert_eq!(plain.header(CONTENT_TYPE), "text/javascript");
    assert_eq!(plain.header(CACHE_CONTROL), "no-cache");
    let request = from_script(get("/pkg/farpane.js").header(ACCEPT_ENCODING, "gzip, br"));
    let compressed = server.answer(request).await;
    assert_eq!(compressed.header(CONTENT_ENCODING), "gzip");
    assert_eq!(compressed.body, "compressed");
}

#[tokio::test]
async fn nothing_outside_the_client_is_served() {
    let server = Server::start().await;
    for path in [
        "/pkg/../secret",
        "/pkg/%2e%2e/secret",
        "/pkg/..%2fsecret",
        "/secret",
    ] {
        let answer = server.get(path).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path}");
        assert!(!answer.body.contains("not for the web"));
    }
}

#[tokio::test]
async fn metrics_are_prometheus_text() {
    let server = Server::start().await;
    let answer = server.get("/metrics").await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.header(CONTENT_TYPE), "text/plain; version=0.0.4");
    assert!(
        answer.body.contains("\nfarpane_sessions 0\n"),
        "{}",
        answer.body
    );
}

#[tokio::test]
async fn who_may_embed_gets_a_cookie_of_its_own() {
    let origin = "https://app.example";
    let server = Server::with(|config| config.embed_origins = vec![origin.to_owned()]).await;
    let policy = server.get("/").await;
    let policy = policy.header(super::CONTENT_SECURITY_POLICY);
    assert!(policy.starts_with("frame-ancestors 'self' https://app.example;"));
    let link = || get(&format!("/s/abc?token={TOKEN}"));
    let framed = link().header("sec-fetch-dest", "iframe");
    let answer = server.answer(empty(framed)).await;
    let flags = "; HttpOnly; SameSite=None; Secure; Partitioned";
    assert!(answer.header(SET_COOKIE).ends_with(flags));
    let answer = server.answer(empty(link())).await;
    assert!(answer.header(SET_COOKIE).ends_with("; SameSite=Lax"));

    let server = Server::start().await;
    let framed = link().header("sec-fetch-dest", "iframe");
    let answer = server.answer(empty(framed)).await;
    assert!(
        answer.header(SET_COOKIE).ends_with("; SameSite=Lax"),
        "nobody may embed this one"
    );
}

#[tokio::test]
async fn no_answer_lets_itself_be_framed_sniffed_or_told_on() {
    let server = Server::start().await;
    for path in [
        "/",
        "/healthz",
        "/metrics",
        "/pkg/farpane.js",
        "/nowhere",
        "/?token=x",
    ] {
        let answer = server.get(path).await;
        assert_eq!(answer.header(X_CONTENT_TYPE_OPTIONS), "nosniff", "{path}");
        assert_eq!(answer.header(REFERRER_POLICY), "no-referrer", "{path}");
        let policy = answer.header(super::CONTENT_SECURITY_POLICY);
        assert!(policy.contains("frame-ancestors 'self'"), "{path}");
    }
}
