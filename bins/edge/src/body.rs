//! Bodies and keys of requests, read strictly: what is not understood is refused, with the place where it stands.

use std::time::Duration;

use axum::{
    body::to_bytes,
    extract::{FromRequest, FromRequestParts, Request},
    http::{header, request::Parts},
};
use ed25519_dalek::VerifyingKey;
use serde::de::DeserializeOwned;
use tokio::time::timeout;
use uuid::Uuid;

use crate::{Edge, problem::Problem, proof::prove};

/// A JSON body without unknown fields.
#[derive(Debug)]
pub(crate) struct Strict<T>(pub(crate) T);

impl<T: DeserializeOwned> FromRequest<Edge> for Strict<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, edge: &Edge) -> Result<Self, Problem> {
        let kind = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("");
        let kind = kind.split(';').next().unwrap_or("").trim();
        if !kind.eq_ignore_ascii_case("application/json") {
            return Err(Problem::NotJson);
        }
        let limit = edge.0.http.max_body_bytes;
        let within = Duration::from_millis(edge.0.http.body_ms);
        match timeout(within, to_bytes(request.into_body(), limit)).await {
            Ok(Ok(bytes)) => parse(&bytes).map(Self),
            Ok(Err(_)) => Err(Problem::TooLarge(limit)),
            Err(_) => Err(Problem::BodyTooSlow),
        }
    }
}

fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    let mut unknown = None;
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let mut track = serde_path_to_error::Track::new();
    let parsed = {
        let tracked = serde_path_to_error::Deserializer::new(&mut json, &mut track);
        serde_ignored::deserialize(tracked, |path| {
            unknown.get_or_insert_with(|| format!("/{}", path.to_string().replace('.', "/")));
        })
    };
    let parsed: T = parsed.map_err(|error: serde_json::Error| {
        let why = error.to_string();
        if error.is_data() {
            Problem::InvalidBody(pointer(&track.path()), plain(&why))
        } else {
            Problem::MalformedJson(why)
        }
    })?;
    json.end().map_err(|error| Problem::MalformedJson(error.to_string()))?;
    match unknown {
        Some(path) => Err(Problem::InvalidBody(path, "there is no such field".to_owned())),
        None => Ok(parsed),
    }
}

fn pointer(path: &serde_path_to_error::Path) -> String {
    use serde_path_to_error::Segment;
    path.iter()
        .map(|segment| match segment {
            Segment::Seq { index } => format!("/{index}"),
            Segment::Map { key } => format!("/{}", key.replace('~', "~0").replace('/', "~1")),
            Segment::Enum { .. } | Segment::Unknown => String::new(),
        })
        .collect()
}

/// Without the place in the text, which says nothing once there is a pointer.
fn plain(why: &str) -> String {
    why.split(" at line ").next().unwrap_or(why).to_owned()
}

/// A JSON body without unknown fields, and the key with which the request is signed.
#[derive(Debug)]
pub(crate) struct Signed<T> {
    pub(crate) key: VerifyingKey,
    pub(crate) body: T,
}

impl<T: DeserializeOwned> FromRequest<Edge> for Signed<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, edge: &Edge) -> Result<Self, Problem> {
        let (request, key) = prove(edge, request, None).await?;
        let Strict(body) = Strict::from_request(request, edge).await?;
        Ok(Self { key, body })
    }
}

/// The `Idempotency-Key`: the command's id, chosen by the client.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Key(pub(crate) Uuid);

impl FromRequestParts<Edge> for Key {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _edge: &Edge) -> Result<Self, Problem> {
        let value = parts
            .headers
            .get("idempotency-key")
            .ok_or(Problem::BadKey("send a header Idempotency-Key with a new UUID"))?;
        let text = value.to_str().map_err(|_| Problem::BadKey("the Idempotency-Key must be a UUID"))?;
        // The draft standard quotes it; most clients don't.
        let key = Uuid::try_parse(text.trim().trim_matches('"'))
            .map_err(|_| Problem::BadKey("the Idempotency-Key must be a UUID"))?;
        if key.is_nil() {
            return Err(Problem::BadKey("the Idempotency-Key must not be the nil UUID"));
        }
        Ok(Self(key))
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, PartialEq, Deserialize)]
    struct Basket {
        lines: Vec<Line>,
    }

    #[derive(Debug, PartialEq, Deserialize)]
    struct Line {
        amount: i64,
    }

    #[test]
    fn what_is_wrong_is_named_with_its_place() {
        let invalid = |pointer: &str, why: &str| Problem::InvalidBody(pointer.to_owned(), why.to_owned());
        assert_eq!(parse(br#"{"lines":[{"amount":1}]}"#), Ok(Basket { lines: vec![Line { amount: 1 }] }));
        assert_eq!(
            parse::<Basket>(br#"{"lines":[{"amount":1},{"amount":"2"}]}"#).unwrap_err(),
            invalid("/lines/1/amount", "invalid type: string \"2\", expected i64")
        );
        assert_eq!(
            parse::<Basket>(br#"{"lines":[{"amount":1,"amonut":2}]}"#).unwrap_err(),
            invalid("/lines/0/amonut", "there is no such field")
        );
        assert!(matches!(parse::<Basket>(br#"{"lines":["#), Err(Problem::MalformedJson(_))));
        assert!(matches!(parse::<Basket>(br#"{"lines":[]} x"#), Err(Problem::MalformedJson(_))));
    }

    #[test]
    fn what_is_nested_too_deeply_is_refused() {
        let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
        assert!(parse::<serde_json::Value>(nested(127).as_bytes()).is_ok());
        let why = parse::<serde_json::Value>(nested(128).as_bytes()).unwrap_err();
        assert!(matches!(&why, Problem::MalformedJson(why) if why.contains("recursion limit")), "{why:?}");
        assert!(matches!(
            parse::<Basket>(format!("{{\"lines\":[],\"other\":{}}}", nested(100_000)).as_bytes()),
            Err(Problem::MalformedJson(_) | Problem::InvalidBody(..))
        ));
    }
}
