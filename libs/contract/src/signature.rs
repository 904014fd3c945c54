//! Signatures of requests: HTTP Message Signatures (RFC 9421) with Ed25519, in one form.
//!
//! There is one list of components in one order, of which only those are left out that a request has not, and one order of
//! parameters. Both sides build the text to sign from the request by the same function, and compare what the sender says
//! about it byte for byte. So a sender cannot leave anything out of the signature, name an algorithm, or say a thing in two
//! ways.
//!
//! `Signature-Input: till=("@method" "@path" "@query" "authorization" "content-digest" "idempotency-key" "approval");`
//! `created=1772359200;nonce="…";keyid="…"`, in which `keyid` is the public key itself in base64url, and
//! `Signature: till=:…:`.

use base64::{
    Engine,
    engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD},
};
use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use sha2::{Digest, Sha256};

/// What both header fields begin with: the label of the signature.
const LABEL: &str = "till=";
/// Characters of a nonce: 96 bits of chance in base64url at the least.
const NONCE_CHARS: std::ops::RangeInclusive<usize> = 16..=64;

/// What is signed of a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Request<'a> {
    /// The method, in upper case.
    pub method: &'a str,
    /// The path as sent, with its leading `/`.
    pub path: &'a str,
    /// The query as sent, without the `?`, if there is one.
    pub query: Option<&'a str>,
    /// The header `Authorization`, if it is sent.
    pub authorization: Option<&'a str>,
    /// The header `Content-Digest`, which goes with every body; see [`content_digest`].
    pub content_digest: Option<&'a str>,
    /// The header `Idempotency-Key`, if it is sent.
    pub idempotency_key: Option<&'a str>,
    /// The header `Approval`, if it is sent.
    pub approval: Option<&'a str>,
}

/// The two header fields of a signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Headers {
    /// The value of `Signature-Input`.
    pub input: String,
    /// The value of `Signature`.
    pub signature: String,
}

/// What a signature proves: who signed a request, and which request of theirs it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proof {
    /// The key that signed.
    pub key: VerifyingKey,
    /// When, in seconds since the Unix epoch, by the signer's clock.
    pub created: i64,
    /// The signer's own text, new for each request: 16 to 64 characters of base64url.
    pub nonce: String,
}

/// Why a signature is not taken. Told apart for the log and for who builds a till.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// The header fields are not of the form that this request must have.
    #[error("Signature-Input does not name exactly what this request must have signed, in order")]
    Input,
    /// No key of which one can be sure.
    #[error("keyid is not an Ed25519 public key in base64url")]
    Key,
    /// Signed by another key, or something was changed.
    #[error("signature does not verify")]
    Signature,
}

impl Request<'_> {
    /// The components in their order, each with its value.
    fn components(&self) -> Vec<(&'static str, String)> {
        let query = format!("?{}", self.query.unwrap_or_default());
        let mut components =
            vec![("@method", self.method.to_owned()), ("@path", self.path.to_owned()), ("@query", query)];
        let fields = [
            ("authorization", self.authorization),
            ("content-digest", self.content_digest),
            ("idempotency-key", self.idempotency_key),
            ("approval", self.approval),
        ];
        components.extend(fields.into_iter().filter_map(|(name, value)| Some((name, value?.trim().to_owned()))));
        components
    }

    /// Signs the request at `created` (seconds since the Unix epoch). `nonce` is new for each request: 16 to 64 characters of
    /// base64url.
    #[must_use]
    pub fn sign(&self, created: i64, nonce: &str, key: &SigningKey) -> Headers {
        let keyid = URL_SAFE_NO_PAD.encode(key.verifying_key().as_bytes());
        let components = self.components();
        let params = format!("{};created={created};nonce=\"{nonce}\";keyid=\"{keyid}\"", list(&components));
        let signature = key.sign(base(&components, &params).as_bytes()).to_bytes();
        Headers { input: format!("{LABEL}{params}"), signature: format!("{LABEL}:{}:", STANDARD.encode(signature)) }
    }

    /// Verifies the signature of the request. Whether the key is the right one, the time near and the nonce new is for who
    /// asks to say.
    ///
    /// # Errors
    /// [`SignatureError`] says why it is not taken.
    pub fn verify(&self, input: &str, signature: &str) -> Result<Proof, SignatureError> {
        let components = self.components();
        let params = input.strip_prefix(LABEL).ok_or(SignatureError::Input)?;
        let (created, nonce, keyid) = read(params, &list(&components)).ok_or(SignatureError::Input)?;
        let key: [u8; 32] =
            URL_SAFE_NO_PAD.decode(keyid).ok().and_then(|key| key.try_into().ok()).ok_or(SignatureError::Key)?;
        let key = VerifyingKey::from_bytes(&key).ok().filter(|key| !key.is_weak()).ok_or(SignatureError::Key)?;
        let signature = signature.strip_prefix(LABEL).and_then(|text| text.strip_prefix(':')?.strip_suffix(':'));
        let signature = signature.and_then(|text| STANDARD.decode(text).ok()).ok_or(SignatureError::Signature)?;
        let signature = Signature::from_slice(&signature).map_err(|_| SignatureError::Signature)?;
        key.verify_strict(base(&components, params).as_bytes(), &signature).map_err(|_| SignatureError::Signature)?;
        Ok(Proof { key, created, nonce: nonce.to_owned() })
    }
}

/// `created`, `nonce` and `keyid` of parameters that begin with exactly this list of components.
fn read<'a>(params: &'a str, list: &str) -> Option<(i64, &'a str, &'a str)> {
    let rest = params.strip_prefix(list)?.strip_prefix(";created=")?;
    let (created, rest) = rest.split_once(";nonce=\"")?;
    let (nonce, rest) = rest.split_once("\";keyid=\"")?;
    let keyid = rest.strip_suffix('"')?;
    let digits = (1..=12).contains(&created.len()) && created.bytes().all(|byte| byte.is_ascii_digit());
    let plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_');
    let fits = digits && NONCE_CHARS.contains(&nonce.len()) && plain(nonce) && plain(keyid);
    fits.then_some(())?;
    Some((created.parse().ok()?, nonce, keyid))
}

/// The names of components, as `Signature-Input` lists them.
fn list(components: &[(&str, String)]) -> String {
    let names: Vec<_> = components.iter().map(|(name, _)| format!("\"{name}\"")).collect();
    format!("({})", names.join(" "))
}

/// The text that is signed (RFC 9421, 2.5).
fn base(components: &[(&str, String)], params: &str) -> String {
    let mut base = String::new();
    for (name, value) in components {
        base.extend(["\"", name, "\": ", value, "\n"]);
    }
    base.extend(["\"@signature-params\": ", params]);
    base
}

/// The value of the header `Content-Digest` (RFC 9530) for a body.
#[must_use]
pub fn content_digest(body: &[u8]) -> String {
    format!("sha-256=:{}:", STANDARD.encode(Sha256::digest(body)))
}

#[cfg(test)]
mod tests;
