//! An enrolled till, as a device of a shop is one.

use std::sync::atomic::{AtomicU32, Ordering};

use axum::http::StatusCode;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use ed25519_dalek::SigningKey;
use serde_json::json;
use tillstream_contract::signature::{Headers, Request, content_digest};

use crate::{Answer, SHOP, Shop, http::Call};

/// A till: its key, and the certificate that it was given.
#[derive(Debug)]
pub struct Till {
    /// The key that never leaves the device.
    pub key: SigningKey,
    /// The certificate, with which it acts by itself.
    pub certificate: String,
    nonces: AtomicU32,
}

impl Till {
    /// A device that is not enrolled yet.
    #[must_use]
    pub fn new(seed: u8) -> Self {
        Self { key: SigningKey::from_bytes(&[seed; 32]), certificate: String::new(), nonces: AtomicU32::new(0) }
    }

    /// A nonce that this till has not used yet.
    pub fn nonce(&self) -> String {
        format!("nonce-{:010}", self.nonces.fetch_add(1, Ordering::Relaxed))
    }
}

impl Shop {
    /// The till of register 1 or 2 of [`SHOP`], enrolled.
    ///
    /// # Panics
    /// When it is not taken.
    pub async fn enrolled(&self, register: u8) -> Till {
        let code = self.enrolment_code(register).await;
        let mut till = Till::new(register);
        let answer = self.enrol(&till, &code).send().await;
        assert_eq!(answer.status, StatusCode::CREATED, "{answer:?}");
        answer.json()["token"].as_str().expect("a certificate has a token").clone_into(&mut till.certificate);
        till
    }

    /// A new code for the enrolment of the till of register 1 or 2 of [`SHOP`].
    ///
    /// # Panics
    /// When none is given out.
    pub async fn enrolment_code(&self, register: u8) -> String {
        let path = format!("/v1/registers/{}/enrolment", SHOP.register(register));
        let answer = self.call("POST", &path).header("idempotency-key", &self.ids.next().to_string()).send().await;
        assert_eq!(answer.status, StatusCode::CREATED, "{answer:?}");
        answer.json()["code"].as_str().expect("the answer shows the code").to_owned()
    }

    /// The request that enrols a device, signed.
    #[must_use]
    pub fn enrol(&self, till: &Till, code: &str) -> Call<'_> {
        let public = URL_SAFE_NO_PAD.encode(till.key.verifying_key().as_bytes());
        self.anonymous("POST", "/v1/tills")
            .header("idempotency-key", &self.ids.next().to_string())
            .json(&json!({"code": code, "public_key": public}))
            .signed(till)
    }

    /// A request of a till by itself, to be signed when it is whole.
    #[must_use]
    pub fn at(&self, till: &Till, method: &str, path: &str) -> Call<'_> {
        self.anonymous(method, path).bearer(&till.certificate)
    }

    /// Signs somebody in at a till.
    pub async fn sign_in(&self, till: &Till, user: impl ToString, pin: &str) -> Answer {
        let body = json!({"user": user.to_string(), "pin": pin});
        self.at(till, "POST", "/v1/till/sessions").json(&body).signed(till).send().await
    }
}

impl Call<'_> {
    /// Signed by a till, now.
    #[must_use]
    pub fn signed(self, till: &Till) -> Self {
        let now = self.shop().clock.now().micros() / 1_000_000;
        self.signed_at(till, now, &till.nonce())
    }

    /// Signed by a till at `created` (seconds since the Unix epoch) with a nonce of one's own.
    #[must_use]
    pub fn signed_at(self, till: &Till, created: i64, nonce: &str) -> Self {
        let (signed, digest) = self.signature(till, created, nonce);
        let signed_call = self.header("signature-input", &signed.input).header("signature", &signed.signature);
        match digest {
            Some(digest) => signed_call.header("content-digest", &digest),
            None => signed_call,
        }
    }

    /// The header fields of a signature of this request, and `Content-Digest` if it has a body.
    ///
    /// # Panics
    /// When the request is malformed.
    #[must_use]
    pub fn signature(&self, till: &Till, created: i64, nonce: &str) -> (Headers, Option<String>) {
        let well_formed = "the test's request is well-formed";
        let (method, uri, headers, body) = self.parts().expect(well_formed);
        let digest = (!body.is_empty()).then(|| content_digest(body.as_bytes()));
        let header = |name: &str| headers.get(name).map(|value| value.to_str().expect(well_formed));
        let request = Request {
            method: method.as_str(),
            path: uri.path(),
            query: uri.query(),
            authorization: header("authorization"),
            content_digest: digest.as_deref(),
            idempotency_key: header("idempotency-key"),
            approval: header("approval"),
        };
        (request.sign(created, nonce, &till.key), digest)
    }
}
