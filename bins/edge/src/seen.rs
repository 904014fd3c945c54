//! Versions of things: told as `ETag`, and asked for as `If-Match` (RFC 9110, 8.8.3 and 13.1.1) before they are changed.

use axum::{
    extract::FromRequestParts,
    http::{HeaderValue, header, request::Parts},
};

use crate::{Edge, problem::Problem};

/// The version that the client has seen of what it changes, from `If-Match`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seen(pub(crate) u32);

impl FromRequestParts<Edge> for Seen {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _edge: &Edge) -> Result<Self, Problem> {
        let tag = parts.headers.get(header::IF_MATCH).ok_or(Problem::IfMatchMissing)?;
        let version = tag.to_str().ok().and_then(parse);
        let wrong =
            || Problem::BadParameter("If-Match must be the ETag of what you have read, such as \"3\"".to_owned());
        version.map(Self).ok_or_else(wrong)
    }
}

/// The same, of what may be new: then there is none.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MaybeSeen(pub(crate) Option<u32>);

impl FromRequestParts<Edge> for MaybeSeen {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, edge: &Edge) -> Result<Self, Problem> {
        match Seen::from_request_parts(parts, edge).await {
            Ok(Seen(version)) => Ok(Self(Some(version))),
            Err(Problem::IfMatchMissing) => Ok(Self(None)),
            Err(problem) => Err(problem),
        }
    }
}

fn parse(tag: &str) -> Option<u32> {
    let digits = tag.trim().strip_prefix('"')?.strip_suffix('"')?;
    let plain = digits.bytes().all(|byte| byte.is_ascii_digit());
    digits.parse().ok().filter(|_| plain)
}

/// The `ETag` of a version.
pub(crate) fn tag(version: u32) -> HeaderValue {
    HeaderValue::from_str(&format!("\"{version}\"")).expect("digits in quotes are plain ASCII")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_a_version_in_quotes() {
        assert_eq!(parse(tag(17).to_str().unwrap()), Some(17));
        for text in ["", "17", "\"", "\"\"", "*", "W/\"17\"", "\"+17\"", "\"17\", \"18\"", "\"99999999999\""] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
