//! Signed tokens: compact JWS (RFC 7515) with EdDSA (RFC 8037) and nothing else.
//!
//! There is one header, compared byte for byte, so no token can name another algorithm, key address or type. What a token
//! is for is its audience, so that none is taken for another.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use tillstream_domain::{
    id::{MerchantId, RegisterId, SessionId, UserId},
    identity::{Actor, Grant},
};

/// `{"alg":"EdDSA","typ":"JWT"}`
const HEADER: &str = "eyJhbGciOiJFZERTQSIsInR5cCI6IkpXVCJ9";
/// Longer tokens are refused unread.
const MAX_BYTES: usize = 4096;

/// What a kind of token says.
pub trait Claims: Serialize + DeserializeOwned {
    /// What `aud` says: what the token is for.
    const AUDIENCE: &'static str;
}

/// Who calls: what an access token says (registered claims of RFC 7519, and ours).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Access {
    /// Who.
    pub sub: Actor,
    /// The merchant to whom the caller is confined.
    pub merchant: MerchantId,
    /// Seconds since the Unix epoch at which it was issued.
    #[serde(default)]
    pub iat: i64,
    /// The session that it is of, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sid: Option<SessionId>,
    /// The till that it is for, if it is for one alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub till: Option<RegisterId>,
    /// What the user is. The operator and tills have none: what they may follows from what they are.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub grants: Vec<Grant>,
}

impl Claims for Access {
    const AUDIENCE: &'static str = "tillstream";
}

impl Access {
    /// For the operator, in the name of `merchant`.
    #[must_use]
    pub fn operator(merchant: MerchantId, iat: i64) -> Self {
        Self { sub: Actor::Operator, merchant, iat, sid: None, till: None, grants: Vec::new() }
    }
}

/// Which session may go on: what a refresh token says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refresh {
    /// Whose session.
    pub sub: UserId,
    /// At which merchant.
    pub merchant: MerchantId,
    /// The session.
    pub sid: SessionId,
    /// Counts the refresh tokens of the session from 1; only the last is good.
    pub generation: u32,
}

impl Claims for Refresh {
    const AUDIENCE: &'static str = "tillstream-refresh";
}

/// A token's claims and those that every token has.
#[derive(Serialize, Deserialize)]
struct Signed<T> {
    aud: String,
    /// Seconds since the Unix epoch from which on it is no longer taken.
    exp: i64,
    #[serde(flatten)]
    claims: T,
}

/// Why a token is not taken. Told apart for the log; callers learn only that it is bad or expired.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// Not three parts, not our header, not base64url, or not these claims.
    #[error("token is malformed")]
    Malformed,
    /// Signed by another key, or changed.
    #[error("token signature does not verify")]
    Signature,
    /// Its time is over.
    #[error("token has expired")]
    Expired,
}

/// Signs `claims`, which hold until `exp` (seconds since the Unix epoch). The same claims give the same token.
#[must_use]
pub fn sign<T: Claims>(claims: &T, exp: i64, key: &SigningKey) -> String {
    let body = Signed { aud: T::AUDIENCE.to_owned(), exp, claims };
    let body = serde_json::to_vec(&body).expect("claims are named strings, integers and lists of such");
    let signed = format!("{HEADER}.{}", URL_SAFE_NO_PAD.encode(body));
    let signature = key.sign(signed.as_bytes()).to_bytes();
    format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
}

/// Verifies a token at `now` (seconds since the Unix epoch) with one of `keys`: what it says, and until when.
///
/// # Errors
/// [`TokenError`] says why it is not taken.
pub fn verify<T: Claims>(token: &str, keys: &[VerifyingKey], now: i64) -> Result<(T, i64), TokenError> {
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
    if !keys.iter().any(|key| key.verify_strict(signed.as_bytes(), &signature).is_ok()) {
        return Err(TokenError::Signature);
    }
    let body = URL_SAFE_NO_PAD.decode(body).map_err(|_| TokenError::Malformed)?;
    let body: Signed<T> = serde_json::from_slice(&body).map_err(|_| TokenError::Malformed)?;
    if body.aud != T::AUDIENCE {
        return Err(TokenError::Malformed);
    }
    if now >= body.exp {
        return Err(TokenError::Expired);
    }
    Ok((body.claims, body.exp))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Elsewhere {
        sub: String,
        merchant: MerchantId,
    }

    impl Claims for Elsewhere {
        const AUDIENCE: &'static str = "elsewhere";
    }

    fn key(seed: u8) -> SigningKey {
        SigningKey::from_bytes(&[seed; 32])
    }

    fn keys(seeds: &[u8]) -> Vec<VerifyingKey> {
        seeds.iter().map(|seed| key(*seed).verifying_key()).collect()
    }

    fn claims() -> Access {
        Access::operator("018f0000-0000-7000-8000-000000000001".parse().unwrap(), 10)
    }

    #[test]
    fn a_signed_token_is_taken_until_it_expires() {
        let token = sign(&claims(), 1_000, &key(1));
        assert_eq!(verify(&token, &keys(&[1]), 999), Ok((claims(), 1_000)));
        assert_eq!(verify(&token, &keys(&[2, 1]), 999), Ok((claims(), 1_000)));
        assert_eq!(verify::<Access>(&token, &keys(&[1]), 1_000), Err(TokenError::Expired));
    }

    #[test]
    fn another_key_or_a_changed_claim_is_refused() {
        let token = sign(&claims(), 1_000, &key(1));
        assert_eq!(verify::<Access>(&token, &keys(&[2]), 0), Err(TokenError::Signature));
        assert_eq!(verify::<Access>(&token, &[], 0), Err(TokenError::Signature));
        let forged = sign(&claims(), 2_000, &key(2));
        let (_, stolen) = token.rsplit_once('.').unwrap();
        let (body, _) = forged.rsplit_once('.').unwrap();
        assert_eq!(verify::<Access>(&format!("{body}.{stolen}"), &keys(&[1]), 0), Err(TokenError::Signature));
    }

    #[test]
    fn no_other_algorithm_can_be_named() {
        let token = sign(&claims(), 1_000, &key(1));
        let (signed, _) = token.rsplit_once('.').unwrap();
        let (_, body) = signed.split_once('.').unwrap();
        let mut tokens = vec![format!("{HEADER}.{body}."), "a.b".to_owned(), String::new()];
        for header in [r#"{"alg":"none","typ":"JWT"}"#, r#"{"alg":"HS256","typ":"JWT"}"#, r#"{"alg":"EdDSA","jwk":{}}"#]
        {
            let header = URL_SAFE_NO_PAD.encode(header);
            let resigned = key(1).sign(format!("{header}.{body}").as_bytes()).to_bytes();
            tokens.push(format!("{header}.{body}.{}", URL_SAFE_NO_PAD.encode(resigned)));
            tokens.push(format!("{header}.{body}."));
        }
        for token in tokens {
            assert_eq!(verify::<Access>(&token, &keys(&[1]), 0), Err(TokenError::Malformed), "{token}");
        }
    }

    #[test]
    fn a_token_for_another_audience_is_refused() {
        let other = Elsewhere { sub: "operator".to_owned(), merchant: claims().merchant };
        let token = sign(&other, 1_000, &key(1));
        assert_eq!(verify::<Access>(&token, &keys(&[1]), 0), Err(TokenError::Malformed));
        assert_eq!(verify(&token, &keys(&[1]), 0), Ok((other, 1_000)));
    }
}
