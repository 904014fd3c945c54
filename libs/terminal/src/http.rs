//! The protocol's client.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::{
    Method, Request, StatusCode, Uri,
    header::{AUTHORIZATION, CONTENT_TYPE, HOST, HeaderValue, InvalidHeaderValue},
};
use hyper_util::rt::TokioIo;
use serde::{Deserialize, de::DeserializeOwned};
use tokio::{net::TcpStream, time::timeout};

use crate::{Failure, Key, Order, Page, Payment, Provider};

/// No answer is longer.
const MAX_BODY_BYTES: usize = 1 << 20;
/// Of what a provider gives as its reason, so much is kept.
const MAX_REASON_CHARS: usize = 120;

/// A provider reached by the protocol, in plain HTTP: it stands beside whoever asks it, or behind a proxy that encrypts.
#[derive(Clone)]
pub struct Http {
    /// `host:port`.
    authority: String,
    /// What every path begins with.
    base: String,
    token: Option<HeaderValue>,
    within: Duration,
}

impl std::fmt::Debug for Http {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { authority, base, within, .. } = self;
        f.debug_struct("Http").field("authority", authority).field("base", base).field("within", within).finish()
    }
}

/// Why a provider cannot be reached by what is set.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// Not an address.
    #[error("{0} is no address such as http://127.0.0.1:8090")]
    Url(String),
    /// Not a token that could be sent.
    #[error("the token holds characters that a header cannot")]
    Token(#[from] InvalidHeaderValue),
}

impl Http {
    /// A provider at `url` (`http://host:port`, and a path if there is one), who is shown `token` and must answer `within`
    /// a time.
    ///
    /// # Errors
    /// When `url` is no such address, or the token cannot be sent.
    pub fn new(url: &str, token: Option<&str>, within: Duration) -> Result<Self, HttpError> {
        let wrong = || HttpError::Url(url.to_owned());
        let uri: Uri = url.parse().map_err(|_| wrong())?;
        if uri.scheme_str() != Some("http") || uri.query().is_some() {
            return Err(wrong());
        }
        let host = uri.authority().ok_or_else(wrong)?;
        let authority = host.port_u16().map_or_else(|| format!("{}:80", host.as_str()), |_| host.as_str().to_owned());
        let token = token.map(|token| HeaderValue::try_from(format!("Bearer {token}"))).transpose()?;
        Ok(Self { authority, base: uri.path().trim_end_matches('/').to_owned(), token, within })
    }

    /// Sends a request and reads the answer, in time.
    async fn call(&self, method: Method, path: &str, body: Vec<u8>) -> Result<(StatusCode, Bytes), Failure> {
        match timeout(self.within, self.exchange(method, path, body)).await {
            Ok(answer) => answer.map_err(|error| Failure::NoAnswer(error.to_string())),
            Err(_) => Err(Failure::NoAnswer(format!("nothing within {} ms", self.within.as_millis()))),
        }
    }

    async fn exchange(
        &self,
        method: Method,
        path: &str,
        body: Vec<u8>,
    ) -> Result<(StatusCode, Bytes), Box<dyn std::error::Error + Send + Sync>> {
        let stream = TcpStream::connect(&self.authority).await?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.base))
            .header(HOST, &self.authority)
            .header(CONTENT_TYPE, "application/json");
        if let Some(token) = &self.token {
            request = request.header(AUTHORIZATION, token);
        }
        let request = request.body(Full::new(Bytes::from(body)))?;
        let answer = async {
            let answer = sender.send_request(request).await?;
            let status = answer.status();
            let body = Limited::new(answer.into_body(), MAX_BODY_BYTES).collect().await?.to_bytes();
            Ok((status, body))
        };
        // The connection ends by itself only after the answer: whichever of the two fails says why.
        tokio::pin!(answer);
        tokio::select! {
            answer = &mut answer => answer,
            ended = connection => { ended?; answer.await }
        }
    }

    async fn payment(&self, method: Method, path: &str, body: Vec<u8>) -> Result<Payment, Failure> {
        let (status, body) = self.call(method, path, body).await?;
        read(status, &body)
    }
}

/// What a provider that refuses says.
#[derive(Debug, Default, Deserialize)]
struct Why {
    #[serde(default)]
    reason: String,
}

/// A page whose items are read one by one: one that makes no sense must not hide the others.
#[derive(Debug, Deserialize)]
struct Items {
    items: Vec<serde_json::Value>,
    next: String,
}

fn excerpt(text: &str) -> String {
    text.chars().take(MAX_REASON_CHARS).collect()
}

fn read<T: DeserializeOwned>(status: StatusCode, body: &[u8]) -> Result<T, Failure> {
    if status.is_success() {
        return serde_json::from_slice(body).map_err(|error| Failure::NoAnswer(format!("it makes no sense: {error}")));
    }
    // A refusal may come from something on the way, which says nothing or something else.
    let why: Why = serde_json::from_slice(body).unwrap_or_default();
    let why = excerpt(&why.reason);
    if status == StatusCode::UNPROCESSABLE_ENTITY {
        return Err(Failure::Refused(why));
    }
    Err(Failure::NoAnswer(format!("{status} {why}")))
}

fn path(key: Key, action: &str) -> String {
    format!("/payments/{key}{action}")
}

impl Provider for Http {
    async fn start(&self, key: Key, order: &Order) -> Result<Payment, Failure> {
        let body = serde_json::to_vec(order).expect("it holds only strings and integers");
        self.payment(Method::PUT, &path(key, ""), body).await
    }

    async fn ask(&self, key: Key) -> Result<Option<Payment>, Failure> {
        let (status, body) = self.call(Method::GET, &path(key, ""), Vec::new()).await?;
        // Not every 404 is the provider's: only one that says so.
        if status == StatusCode::NOT_FOUND
            && serde_json::from_slice::<Why>(&body).is_ok_and(|why| !why.reason.is_empty())
        {
            return Ok(None);
        }
        read(status, &body).map(Some)
    }

    async fn cancel(&self, key: Key) -> Result<Payment, Failure> {
        self.payment(Method::POST, &path(key, "/cancel"), Vec::new()).await
    }

    async fn refund(&self, key: Key) -> Result<Payment, Failure> {
        self.payment(Method::POST, &path(key, "/refund"), Vec::new()).await
    }

    async fn captured_since(&self, cursor: Option<&str>) -> Result<Page, Failure> {
        let query = cursor.map_or_else(String::new, |cursor| format!("?since={}", encoded(cursor)));
        let (status, body) = self.call(Method::GET, &format!("/payments{query}"), Vec::new()).await?;
        let Items { items, next } = read(status, &body)?;
        let mut page = Page { items: Vec::new(), unreadable: Vec::new(), next };
        for item in items {
            match Payment::deserialize(&item) {
                Ok(payment) => page.items.push(payment),
                Err(error) => page.unreadable.push(excerpt(&format!("{}: {error}", item["key"]))),
            }
        }
        Ok(page)
    }
}

/// A value in a query: all but unreserved characters in hexadecimal (RFC 3986 2.1).
fn encoded(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
            _ => format!("%{byte:02X}"),
        })
        .collect()
}
