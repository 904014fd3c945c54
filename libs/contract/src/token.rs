//! Bearer tokens: compact JWS (RFC 7515) with EdDSA (RFC 8037) and nothing else.
//!
//! There is one header, compared byte for byte, so no token can name another algorithm, key address or type.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use serde::{Deserialize, Serialize};
use tillstream_domain::id::MerchantId;

/// `{"alg":"EdDSA","typ":"JWT"}`
const HEADER: &str = "eyJhbGciOiJFZERTQSIsInR5cCI6IkpXVCJ9";
/// What `aud` must say.
const AUDIENCE: &str = "tillstream";
/// Longer tokens are refused unread.
const MAX_BYTES: usize = 4096;

/// Who the bearer is (registered claims of RFC 7519, and the merchant).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// Always `tillstream`.
    pub aud: String,
    /// The caller's name in the books: a user or device.
    pub sub: String,
    /// The merchant to whom the caller is confined.
    pub merchant: MerchantId,
    /// Seconds since the Unix epoch from which on the token is no longer taken.
    pub exp: i64,
}

impl Claims {
    /// Claims for `sub` of `merchant` until `exp` (seconds since the Unix epoch).
    #[must_use]
    pub fn new(sub: impl Into<String>, merchant: MerchantId, exp: i64) -> Self {
        Self { aud: AUDIENCE.to_owned(), sub: sub.into(), merchant, exp }
    }
}

/// Why a token is not taken. Told apart for the log; callers learn only that it is bad or expired.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// Not three parts, not our header, not base64url, or not our claims.
    #[error("token is malformed")]
    Malformed,
    /// Signed by another key, or changed.
    #[error("token signature does not verify")]
    Signature,
    /// Its time is over.
    #[error("token has expired")]
    Expired,
}

/// Signs `claims`.
#[must_use]
pub fn sign(claims: &Claims, key: &SigningKey) -> String {
    let body = serde_json::to_vec(claims).expect("claims are strings and an integer");
    let signed = format!("{HEADER}.{}", URL_SAFE_NO_PAD.encode(body));
    let signature = key.sign(signed.as_bytes()).to_bytes();
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
}

/// Verifies a token at `now` (seconds since the Unix epoch).
///
/// # Errors
/// [`TokenError`] says why it is not taken.
pub fn verify(token: &str, key: &VerifyingKey, now: i64) -> Result<Claims, TokenError> {
    if token.len() > MAX_BYTES {
        return Err(TokenError::Malformed);
    }
    let (signed, signature) = token.rsplit_once('.').ok_or(TokenError::Malformed)?;
    let (header, body) = signed.split_once('.').ok_or(TokenError::Malformed)?;
    if header != HEADER {
        return Err(TokenError::Malformed);
    }
    let signature = URL_SAFE_NO_PAD.decode(signature).map_err(|_| TokenError::Malformed)?;
    let signature = Signature::from_slice(&signature).map_err(|_| TokenError::Malformed)?;
    key.verify_strict(signed.as_bytes(), &signature).map_err(|_| TokenError::Signature)?;
    let body = URL_SAFE_NO_PAD.decode(body).map_err(|_| TokenError::Malformed)?;
    let claims: Claims = serde_json::from_slice(&body).map_err(|_| TokenError::Malformed)?;
    if claims.aud != AUDIENCE {
        return Err(TokenError::Malformed);
    }
    if now >= claims.exp {
        return Err(TokenError::Expired);
    }
    Ok(claims)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(seed: u8) -> SigningKey {
        SigningKey::from_bytes(&[seed; 32])
    }

    fn claims() -> Claims {
        Claims::new("till-1", "018f0000-0000-7000-8000-000000000001".parse().unwrap(), 1_000)
    }

    #[test]
    fn a_signed_token_is_taken_until_it_expires() {
        let token = sign(&claims(), &key(1));
        assert_eq!(verify(&token, &key(1).verifying_key(), 999), Ok(claims()));
        assert_eq!(verify(&token, &key(1).verifying_key(), 1_000), Err(TokenError::Expired));
    }

    #[test]
    fn another_key_or_a_changed_claim_is_refused() {
        let token = sign(&claims(), &key(1));
        assert_eq!(verify(&token, &key(2).verifying_key(), 0), Err(TokenError::Signature));
        let forged = sign(&Claims { exp: 2_000, ..claims() }, &key(2));
        let (_, stolen) = token.rsplit_once('.').unwrap();
        let (body, _) = forged.rsplit_once('.').unwrap();
        assert_eq!(verify(&format!("{body}.{stolen}"), &key(1).verifying_key(), 0), Err(TokenError::Signature));
    }

    #[test]
    fn no_other_algorithm_can_be_named() {
        let header = URL_SAFE_NO_PAD.encode(br#"{"alg":"none","typ":"JWT"}"#);
        let body = URL_SAFE_NO_PAD.encode(serde_json::to_vec(&claims()).unwrap());
        for token in [format!("{header}.{body}."), format!("{HEADER}.{body}."), "a.b".to_owned(), String::new()] {
            assert_eq!(verify(&token, &key(1).verifying_key(), 0), Err(TokenError::Malformed), "{token}");
        }
    }

    #[test]
    fn a_token_for_another_audience_is_refused() {
        let token = sign(&Claims { aud: "elsewhere".to_owned(), ..claims() }, &key(1));
        assert_eq!(verify(&token, &key(1).verifying_key(), 0), Err(TokenError::Malformed));
    }
}
