//! What every answer tells browsers not to do.

use axum::http::{HeaderMap, HeaderValue, header};

/// An API's answers are no pages: nothing in them is run, loaded or framed.
const NOTHING: &str = "default-src 'none'; frame-ancestors 'none'";
/// The documentation runs its own scripts, sets styles and draws as it needs, and asks this edge alone.
const DOCUMENTATION: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
     img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
/// For a year, as RFC 6797 and browsers have it.
const TLS_ONLY: &str = "max-age=31536000";

/// Adds the headers to the answer of a request to `path`, which came over TLS or not.
pub(crate) fn protect(headers: &mut HeaderMap, path: &str, tls: bool) {
    let policy = if path == "/docs" || path.starts_with("/docs/") { DOCUMENTATION } else { NOTHING };
    let always = [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CONTENT_SECURITY_POLICY, policy),
    ];
    for (name, value) in always {
        headers.insert(name, HeaderValue::from_static(value));
    }
    // A merchant's books are nobody's to keep on the way.
    if path.starts_with("/v1/") {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    // Over plain HTTP browsers ignore it, as they must: anybody could have written it.
    if tls {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, HeaderValue::from_static(TLS_ONLY));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_over_tls_is_tls_asked_for() {
        let strict = |tls| {
            let mut headers = HeaderMap::new();
            protect(&mut headers, "/v1/sales", tls);
            headers.get(header::STRICT_TRANSPORT_SECURITY).cloned()
        };
        assert_eq!(strict(false), None);
        assert_eq!(strict(true), Some(HeaderValue::from_static(TLS_ONLY)));
    }
}
