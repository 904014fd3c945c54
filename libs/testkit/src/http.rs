//! Requests, as a till sends them, and what comes back.

use axum::{
    Router,
    body::Body,
    http::{HeaderMap, Request, StatusCode},
};
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tower::ServiceExt;
use uuid::Uuid;

use crate::{Fixture, SHOP, Shop};

/// An HTTP answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub text: String,
}

impl Answer {
    /// The body as JSON.
    ///
    /// # Panics
    /// When it is none.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error} in {:?}", self.text))
    }

    /// A header as text, empty when there is none.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or("")
    }

    /// The code of the problem that it reports: the last part of its type.
    #[must_use]
    pub fn problem(&self) -> String {
        assert_eq!(self.header("content-type"), "application/problem+json", "{self:?}");
        self.json()["type"].as_str().and_then(|kind| kind.strip_prefix("/problems/")).unwrap_or("").to_owned()
    }
}

/// What a test sends: a method, a path, headers and a body.
#[derive(Debug)]
pub struct Call<'a> {
    shop: &'a Shop,
    request: axum::http::request::Builder,
    body: String,
}

impl Shop {
    /// A request of a caller of [`SHOP`].
    #[must_use]
    pub fn call(&self, method: &str, path: &str) -> Call<'_> {
        self.anonymous(method, path).header("authorization", &format!("Bearer {}", self.token(SHOP)))
    }

    /// A request without a token.
    #[must_use]
    pub fn anonymous(&self, method: &str, path: &str) -> Call<'_> {
        Call { shop: self, request: Request::builder().method(method).uri(path), body: String::new() }
    }

    /// `GET` of a caller of [`SHOP`].
    pub async fn get(&self, path: &str) -> Answer {
        self.call("GET", path).send().await
    }

    /// `GET` of a caller of another merchant.
    pub async fn get_as(&self, merchant: Fixture, path: &str) -> Answer {
        self.anonymous("GET", path).header("authorization", &format!("Bearer {}", self.token(merchant))).send().await
    }

    /// Submits a sale of [`SHOP`] under `key`.
    pub async fn sell(&self, key: Uuid, sale: &Value) -> Answer {
        self.selling(key, sale).send().await
    }

    /// The request that [`Shop::sell`] sends, to be changed.
    #[must_use]
    pub fn selling(&self, key: Uuid, sale: &Value) -> Call<'_> {
        self.call("POST", "/v1/sales").header("idempotency-key", &key.to_string()).json(sale)
    }

    /// A sale at register 1: SKUs and quantities, paid in cash with 100 euros.
    #[must_use]
    pub fn basket(&self, lines: &[(&str, &str)]) -> Value {
        let lines: Vec<_> =
            lines.iter().map(|(sku, quantity)| json!({"product": SHOP.product(sku), "quantity": quantity})).collect();
        json!({
            "store": SHOP.store(),
            "register": SHOP.register(1),
            "currency": "EUR",
            "lines": lines,
            "payments": [{"method": "cash", "tendered": 10_000}],
        })
    }
}

impl Call<'_> {
    /// With a header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.request = self.request.header(name, value);
        self
    }

    /// With a body.
    #[must_use]
    pub fn body(mut self, body: impl Into<String>) -> Self {
        self.body = body.into();
        self
    }

    /// With a JSON body.
    #[must_use]
    pub fn json(self, body: &Value) -> Self {
        self.header("content-type", "application/json").body(body.to_string())
    }

    /// As the bearer of this token.
    #[must_use]
    pub fn bearer(self, token: &str) -> Self {
        self.header("authorization", &format!("Bearer {token}"))
    }

    /// Sends it and leaves the answer's body, which may have no end, unread.
    ///
    /// # Panics
    /// When the request is malformed.
    pub async fn status(self) -> StatusCode {
        let request = self.request.body(Body::from(self.body)).expect("the test's request is well-formed");
        self.shop.router().oneshot(request).await.expect("the router answers every request").status()
    }

    /// Sends it and reads the answer to its end.
    ///
    /// # Panics
    /// When the request is malformed.
    pub async fn send(self) -> Answer {
        let router = self.shop.router();
        self.send_to(router).await
    }

    /// Sends it to another edge and reads the answer to its end.
    ///
    /// # Panics
    /// When the request is malformed.
    pub async fn send_to(self, router: Router) -> Answer {
        let request = self.request.body(Body::from(self.body)).expect("the test's request is well-formed");
        let response = router.oneshot(request).await.expect("the router answers every request");
        let (parts, body) = response.into_parts();
        let bytes = body.collect().await.expect("the body comes whole").to_bytes();
        let text = String::from_utf8(bytes.to_vec()).expect("answers are UTF-8");
        Answer { status: parts.status, headers: parts.headers, text }
    }
}
