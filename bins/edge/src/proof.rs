//! Proof that whoever sends a request has the key that its token names: signatures of requests, their bodies, and that none
//! is sent twice.
//!
//! Nothing of it needs the database: the key is in the token.

use std::{
    collections::HashSet,
    sync::{Mutex, PoisonError},
};

use axum::{
    body::{Body, to_bytes},
    extract::Request,
    http::{HeaderMap, Method, header, request::Parts},
};
use ed25519_dalek::VerifyingKey;
use tillstream_contract::{
    signature::{self, Proof},
    token::Confirmation,
};
use tracing::info;

use crate::{Edge, config::ProofSettings, problem::Problem};

/// What this edge remembers of signatures.
#[derive(Debug)]
pub(crate) struct Proofs {
    skew_max_s: i64,
    remember: usize,
    seen: Mutex<Seen>,
}

/// Nonces by their keys, in two generations of which each is as long as a signature may be good.
#[derive(Debug, Default)]
struct Seen {
    newer: HashSet<([u8; 32], String)>,
    older: HashSet<([u8; 32], String)>,
    /// Seconds since the Unix epoch at which the newer ones began to be kept.
    since: i64,
}

impl Proofs {
    pub(crate) fn new(settings: &ProofSettings) -> Self {
        Self { skew_max_s: settings.skew_max_s.into(), remember: settings.remember, seen: Mutex::default() }
    }

    /// Checks that a signature was made just now, by the clock of who signed.
    fn check_time(&self, created: i64, now: i64) -> Result<(), Problem> {
        if (created - now).abs() <= self.skew_max_s {
            return Ok(());
        }
        Err(Problem::SignatureInvalid("it was not created just now; set the till's clock, and sign each request anew"))
    }

    /// Remembers a signature.
    ///
    /// # Errors
    /// When it is known already, or when so many are that it could not be told apart from those.
    fn remember(&self, proof: Proof, now: i64) -> Result<(), Problem> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        // A signature is good from `skew` before its time to `skew` after it.
        if now - seen.since > 2 * self.skew_max_s {
            seen.older = std::mem::take(&mut seen.newer);
            if now - seen.since > 4 * self.skew_max_s {
                seen.older.clear();
            }
            seen.since = now;
        }
        let nonce = (proof.key.to_bytes(), proof.nonce);
        if seen.older.contains(&nonce) || seen.newer.contains(&nonce) {
            return Err(Problem::SignatureReplayed);
        }
        if seen.newer.len() >= self.remember {
            return Err(Problem::TooManySignatures);
        }
        seen.newer.insert(nonce);
        Ok(())
    }
}

/// Takes a signed request in, with its body: it is signed just now, by the key that `cnf` names if it is given, and was not
/// seen before. Returns the key too.
///
/// # Errors
/// [`Problem::SignatureMissing`], [`Problem::SignatureInvalid`] or [`Problem::SignatureReplayed`].
pub(crate) async fn prove(
    edge: &Edge,
    request: Request,
    cnf: Option<&Confirmation>,
) -> Result<(Request, VerifyingKey), Problem> {
    let (parts, body) = request.into_parts();
    let proof = verify(&parts)?;
    if cnf.is_some_and(|cnf| !cnf.is(&proof.key)) {
        return Err(Problem::SignatureInvalid("it is not made with the key that the token names"));
    }
    let now = edge.0.clock.now().micros() / 1_000_000;
    edge.0.proofs.check_time(proof.created, now)?;
    let limit = edge.0.http.max_body_bytes;
    let bytes = to_bytes(body, limit).await.map_err(|_| Problem::TooLarge(limit))?;
    match only(&parts.headers, "content-digest")? {
        None if bytes.is_empty() => {}
        None => return Err(Problem::SignatureInvalid("a body needs the header Content-Digest, signed with the rest")),
        Some(digest) if digest == signature::content_digest(&bytes) => {}
        Some(_) => return Err(Problem::SignatureInvalid("the body is not the one that Content-Digest is of")),
    }
    let key = proof.key;
    // Who repeats a command is answered what it was answered first: that is the inbox's to do, and a till that was answered
    // nothing must be able to ask again. Nor is anything remembered of keys that no token names, for anybody can make those.
    let is_command = parts.method != Method::GET && parts.headers.contains_key("idempotency-key");
    if cnf.is_some() && !is_command {
        edge.0.proofs.remember(proof, now)?;
    }
    Ok((Request::from_parts(parts, Body::from(bytes)), key))
}

fn verify(parts: &Parts) -> Result<Proof, Problem> {
    let headers = &parts.headers;
    let (Some(input), Some(signature)) = (only(headers, "signature-input")?, only(headers, "signature")?) else {
        return Err(Problem::SignatureMissing);
    };
    let signed = signature::Request {
        method: parts.method.as_str(),
        path: parts.uri.path(),
        query: parts.uri.query(),
        authorization: only(headers, header::AUTHORIZATION.as_str())?,
        content_digest: only(headers, "content-digest")?,
        idempotency_key: only(headers, "idempotency-key")?,
        approval: only(headers, "approval")?,
    };
    signed.verify(input, signature).map_err(|error| {
        info!(%error, "signature is not taken; answering 401");
        Problem::SignatureInvalid(match error {
            signature::SignatureError::Input => {
                "Signature-Input must name exactly what this request has of @method, @path, @query, authorization, \
                 content-digest, idempotency-key and approval, in this order, then created, nonce and keyid"
            }
            signature::SignatureError::Key => "keyid must be the Ed25519 public key in base64url",
            signature::SignatureError::Signature => "it does not verify: another key, or something was changed",
        })
    })
}

/// The only value of a header, if there is one. With two, nobody knows which of them counts.
fn only<'a>(headers: &'a HeaderMap, name: &str) -> Result<Option<&'a str>, Problem> {
    let mut values = headers.get_all(name).iter();
    let first = values.next();
    if values.next().is_some() {
        return Err(Problem::SignatureInvalid("a signed header is sent twice"));
    }
    let text = first.map(|value| value.to_str()).transpose();
    text.map_err(|_| Problem::SignatureInvalid("a signed header is not plain ASCII"))
}

#[cfg(test)]
mod tests {
    use ed25519_dalek::SigningKey;

    use super::*;

    fn proof(seed: u8, nonce: &str) -> Proof {
        Proof { key: SigningKey::from_bytes(&[seed; 32]).verifying_key(), created: 0, nonce: nonce.to_owned() }
    }

    #[test]
    fn a_nonce_counts_once_for_as_long_as_its_signature_may_be_good() {
        let proofs = Proofs::new(&ProofSettings { skew_max_s: 60, remember: 3 });
        assert_eq!(proofs.remember(proof(1, "a"), 1_000), Ok(()));
        assert_eq!(proofs.remember(proof(2, "a"), 1_000), Ok(()), "another key's");
        for later in [1_000, 1_060, 1_120] {
            assert_eq!(proofs.remember(proof(1, "a"), later), Err(Problem::SignatureReplayed), "{later}");
        }
        assert_eq!(proofs.remember(proof(1, "b"), 1_120), Ok(()));
        assert_eq!(proofs.remember(proof(1, "c"), 1_120), Err(Problem::TooManySignatures));
        assert_eq!(proofs.remember(proof(1, "c"), 1_121), Ok(()), "a new generation has begun");
        assert_eq!(proofs.remember(proof(1, "b"), 1_240), Err(Problem::SignatureReplayed), "and the one before counts");
        assert_eq!(proofs.remember(proof(1, "b"), 1_500), Ok(()), "it is long not good any more");
    }

    #[test]
    fn a_signature_is_made_just_now() {
        let proofs = Proofs::new(&ProofSettings { skew_max_s: 60, remember: 3 });
        for near in [940, 1_000, 1_060] {
            assert_eq!(proofs.check_time(near, 1_000), Ok(()), "{near}");
        }
        for far in [0, 939, 1_061, i64::from(u32::MAX)] {
            assert!(matches!(proofs.check_time(far, 1_000), Err(Problem::SignatureInvalid(_))), "{far}");
        }
    }
}
