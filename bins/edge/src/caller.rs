//! Who calls.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use axum::{
    extract::FromRequestParts,
    http::{header, request::Parts},
};
use ed25519_dalek::VerifyingKey;
use tillstream_contract::token::{self, Claims, TokenError};
use tillstream_domain::id::MerchantId;

use crate::{Edge, problem::Problem};

/// The caller, authenticated by a bearer token.
#[derive(Clone, Debug)]
pub(crate) struct Caller(Arc<Claims>);

impl Caller {
    /// The merchant to whom the caller is confined.
    pub(crate) fn merchant(&self) -> MerchantId {
        self.0.merchant
    }

    /// The caller's name in the books.
    pub(crate) fn subject(&self) -> &str {
        &self.0.sub
    }
}

impl FromRequestParts<Edge> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, edge: &Edge) -> Result<Self, Problem> {
        let header = parts
            .headers
            .get(header::AUTHORIZATION)
            .ok_or(Problem::Unauthorized("send a token: Authorization: Bearer …"))?;
        let token = header.to_str().ok().and_then(|value| value.split_once(' '));
        let token = token.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer")).map(|(_, token)| token.trim());
        let token =
            token.ok_or(Problem::Unauthorized("the Authorization header must be: Bearer, a space, and a token"))?;
        edge.0.tokens.verify(token, edge.0.clock.now().micros() / 1_000_000).map(Self)
    }
}

/// Verifies tokens, each once: verifying costs more than everything else that the edge does for a sale.
#[derive(Debug)]
pub(crate) struct Tokens {
    key: VerifyingKey,
    remember: usize,
    known: Mutex<HashMap<String, Arc<Claims>>>,
}

impl Tokens {
    pub(crate) fn new(key: VerifyingKey, remember: usize) -> Self {
        Self { key, remember, known: Mutex::default() }
    }

    fn verify(&self, token: &str, now: i64) -> Result<Arc<Claims>, Problem> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner).get(token).cloned();
        let claims = match known {
            Some(claims) if now < claims.exp => return Ok(claims),
            Some(_) => Err(TokenError::Expired),
            None => token::verify(token, &self.key, now),
        };
        let claims = Arc::new(claims.map_err(|error| match error {
            TokenError::Expired => Problem::Unauthorized("the token has expired; get a new one"),
            TokenError::Malformed | TokenError::Signature => Problem::Unauthorized("the token is not one of ours"),
        })?);
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= self.remember {
            // Starting over costs one verification each; it needs no bookkeeping and happens once in `remember` callers.
            known.clear();
        }
        known.insert(token.to_owned(), claims.clone());
        Ok(claims)
    }
}
