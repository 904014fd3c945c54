//! `Prefer` (RFC 7240): for what, and how long, the client waits.

use std::{convert::Infallible, time::Duration};

use axum::{extract::FromRequestParts, http::request::Parts};
use tillstream_contract::Stage;

use crate::Edge;

/// What the client prefers. What is not understood is ignored, as RFC 7240 asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Prefer {
    /// `respond-async`: 202 as soon as the command is durable.
    pub(crate) asynchronous: bool,
    /// `wait=N`: seconds to wait for the outcome.
    pub(crate) wait: Option<Duration>,
    /// `until=receipt`: wait until the receipt is issued, not only until the sale is recorded.
    pub(crate) until: Stage,
}

impl Prefer {
    fn parse<'a>(values: impl Iterator<Item = &'a str>) -> Self {
        let mut prefer = Self { asynchronous: false, wait: None, until: Stage::Recorded };
        for preference in values.flat_map(|value| value.split([',', ';'])) {
            let (name, value) = preference.split_once('=').unwrap_or((preference, ""));
            let value = value.trim().trim_matches('"');
            match name.trim().to_ascii_lowercase().as_str() {
                "respond-async" => prefer.asynchronous = true,
                "wait" => prefer.wait = value.parse().ok().map(Duration::from_secs),
                "until" if value.eq_ignore_ascii_case("receipt") => prefer.until = Stage::Receipted,
                _ => {}
            }
        }
        prefer
    }
}

impl FromRequestParts<Edge> for Prefer {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _edge: &Edge) -> Result<Self, Infallible> {
        Ok(Self::parse(parts.headers.get_all("prefer").iter().filter_map(|value| value.to_str().ok())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn preferences_are_read_and_others_ignored() {
        let read = |text: &str| Prefer::parse(std::iter::once(text));
        let nothing = Prefer { asynchronous: false, wait: None, until: Stage::Recorded };
        assert_eq!(read("handling=lenient, wait=soon"), nothing);
        assert_eq!(read("Respond-Async"), Prefer { asynchronous: true, ..nothing });
        let receipt = Prefer { wait: Some(Duration::from_secs(10)), until: Stage::Receipted, ..nothing };
        assert_eq!(read("wait=10, until=receipt"), receipt);
        assert_eq!(read("until=\"receipt\"; wait=10"), receipt);
    }
}
