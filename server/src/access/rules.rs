//! Pure: what a request's headers and URL say about where it comes from.

use std::net::IpAddr;

use axum::http::Uri;

/// Sent by this site's own page, or by no page at all (a script, the address bar). `Origin`, `Sec-Fetch-Site`, `Host`.
pub fn is_same_origin(origin: Option<&str>, fetch_site: Option<&str>, host: Option<&str>) -> bool {
    match (origin, fetch_site) {
        (Some(origin), _) => {
            let authority = origin.split_once("://").map(|(_, authority)| authority);
            // "null" has no authority, and no origin equals a missing Host.
            authority.is_some() && authority == host
        }
        (None, Some(site)) => matches!(site, "same-origin" | "none"),
        (None, None) => true,
    }
}

/// Whether `Host` is `localhost` or a loopback address: no foreign DNS can have resolved it.
pub fn is_loopback_host(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    name.eq_ignore_ascii_case("localhost") || name.parse().is_ok_and(|ip: IpAddr| ip.is_loopback())
}

/// The token in the query, and the path with the rest of the query; `None` without a token.
pub fn without_token(uri: &Uri) -> Option<(String, String)> {
    let pairs = url::form_urlencoded::parse(uri.query()?.as_bytes());
    let (tokens, rest): (Vec<_>, Vec<_>) = pairs.partition(|(name, _)| name == "token");
    let token = tokens.into_iter().next()?.1.into_owned();
    // A redirect to `//host` leads to another site.
    let path = format!("/{}", uri.path().trim_start_matches('/'));
    if rest.is_empty() {
        return Some((token, path));
    }
    let query = url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs(rest)
        .finish();
    Some((token, format!("{path}?{query}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_sites_are_refused_and_scripts_are_not() {
        let host = Some("127.0.0.1:8080");
        assert!(is_same_origin(Some("http://127.0.0.1:8080"), None, host));
        assert!(is_same_origin(None, None, host));
        assert!(!is_same_origin(Some("https://evil.example"), None, host));
        assert!(!is_same_origin(Some("http://127.0.0.1:9999"), None, host));
        assert!(!is_same_origin(Some("null"), None, host));
        assert!(!is_same_origin(Some("null"), None, None));
        assert!(!is_same_origin(None, Some("cross-site"), host));
    }

    #[test]
    fn only_this_machine_is_loopback() {
        for host in ["localhost", "LOCALHOST:80", "127.0.0.1:8080", "[::1]:8080"] {
            assert!(is_loopback_host(host), "{host}");
        }
        for host in ["evil.example", "127.0.0.1.evil.example", "10.0.0.1:80", ""] {
            assert!(!is_loopback_host(host), "{host}");
        }
    }

    #[test]
    fn the_token_is_removed_from_the_url() {
        let split = |uri: &str| without_token(&uri.parse().unwrap());
        assert_eq!(split("/?token=t"), Some(("t".to_owned(), "/".to_owned())));
        assert_eq!(
            split("/s/1?a=b&token=t"),
            Some(("t".to_owned(), "/s/1?a=b".to_owned()))
        );
        assert_eq!(split("//evil.example?token=t").unwrap().1, "/evil.example");
        assert_eq!(split("/?a=b"), None);
    }
}
