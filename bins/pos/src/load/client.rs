//! A till's HTTP client: one connection, kept open, and opened again when it has broken.

use std::{fmt, net::IpAddr, sync::Arc, time::Duration};

use anyhow::{Context, ensure};
use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::{
    Method, Request, Uri,
    client::conn::http1::{self, SendRequest},
    header::{AUTHORIZATION, CONTENT_TYPE, HOST, HeaderName, HeaderValue, RETRY_AFTER},
};
use hyper_util::rt::TokioIo;
use serde::de::DeserializeOwned;
use tokio::{net::TcpStream, time::timeout};
use uuid::Uuid;

/// More than a page of anything that the edge serves. A longer body counts as a fault.
const MAX_BODY_BYTES: usize = 16 << 20;

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const PREFER: HeaderName = HeaderName::from_static("prefer");

/// A server and who speaks to it. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Target(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    host: String,
    port: u16,
    host_header: HeaderValue,
    path: String,
    /// Marked as sensitive, so that it does not show in logs.
    bearer: Option<HeaderValue>,
}

impl Target {
    /// The server at `url` (`http://host:port`, perhaps with a path), addressed with a bearer token if there is one.
    ///
    /// # Errors
    /// When the URL is not an `http` one, or the token can't be sent in a header.
    pub fn new(url: &str, token: Option<&str>) -> anyhow::Result<Self> {
        let uri: Uri = url.parse().with_context(|| format!("read the URL {url:?}"))?;
        ensure!(uri.scheme_str() == Some("http"), "{url:?} does not begin with http://");
        let host = uri.host().with_context(|| format!("{url:?} names no host"))?;
        let authority = uri.authority().map_or(host, |authority| authority.as_str());
        let bearer = token.map(|token| {
            HeaderValue::try_from(format!("Bearer {token}")).map(|mut bearer| {
                bearer.set_sensitive(true);
                bearer
            })
        });
        Ok(Self(Arc::new(Inner {
            host: host.trim_start_matches('[').trim_end_matches(']').to_owned(),
            port: uri.port_u16().unwrap_or(80),
            host_header: HeaderValue::try_from(authority).with_context(|| format!("{url:?} names no usable host"))?,
            path: uri.path().trim_end_matches('/').to_owned(),
            bearer: bearer.transpose().context("the token holds characters that no header can hold")?,
        })))
    }

    /// Whether it is this machine, by its address. Names other than `localhost` are not looked up.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        self.0.host == "localhost" || self.0.host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inner = &self.0;
        write!(f, "http://{}{}", String::from_utf8_lossy(inner.host_header.as_bytes()), inner.path)
    }
}

/// Why there was no answer. Whether the request had an effect is then unknown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The server could not be reached.
    Connect,
    /// The connection broke before the answer was complete.
    Broken,
    /// The answer did not come in time.
    TimedOut,
    /// The answer was longer than any should be.
    TooLong,
}

impl Failure {
    /// A short name, to count by.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Connect => "no connection",
            Self::Broken => "broken connection",
            Self::TimedOut => "time-out",
            Self::TooLong => "answer too long",
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl std::error::Error for Failure {}

/// A complete answer.
#[derive(Clone, Debug)]
pub struct Response {
    /// The HTTP status.
    pub status: u16,
    /// The header `Retry-After`, if it gives seconds.
    pub retry_after: Option<Duration>,
    /// The body.
    pub body: Bytes,
}

/// Another answer than the one that was asked for.
#[derive(Clone, Debug)]
pub(crate) struct NotFine {
    path: String,
    status: u16,
    body: Bytes,
}

impl NotFine {
    /// Whether the same request would be answered the same again. Not found is what is not there yet; 429 asks for patience.
    pub(crate) fn is_final(&self) -> bool {
        (400..500).contains(&self.status) && !matches!(self.status, 404 | 429)
    }
}

impl fmt::Display for NotFine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} answers {}: {}", self.path, self.status, String::from_utf8_lossy(&self.body))
    }
}

impl std::error::Error for NotFine {}

/// What is posted.
#[derive(Clone, Debug)]
pub struct Post {
    /// The header `Idempotency-Key`.
    pub key: Uuid,
    /// The header `Prefer`, for example `wait=10`.
    pub prefer: Option<&'static str>,
    /// JSON.
    pub body: Bytes,
}

/// One till's connection.
#[derive(Debug)]
pub struct Client {
    target: Target,
    time_out: Duration,
    connection: Option<SendRequest<Full<Bytes>>>,
}

impl Client {
    /// A client that connects when it is first used and waits `time_out` for each answer.
    #[must_use]
    pub const fn new(target: Target, time_out: Duration) -> Self {
        Self { target, time_out, connection: None }
    }

    /// Reads what is at `path`, below the path of the target.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn get(&mut self, path: &str) -> Result<Response, Failure> {
        let request = self.request(Method::GET, path, Bytes::new());
        self.send(request).await
    }

    /// Reads the JSON at `path`.
    ///
    /// # Errors
    /// When there is no answer, or [`NotFine`], or the body is something else.
    pub(crate) async fn json<T: DeserializeOwned>(&mut self, path: &str) -> anyhow::Result<T> {
        let Response { status, body, .. } = self.get(path).await.with_context(|| format!("read {path}"))?;
        ensure!(status == 200, NotFine { path: path.to_owned(), status, body });
        serde_json::from_slice(&body).with_context(|| format!("understand the answer of {path}"))
    }

    /// Posts to `path`.
    ///
    /// # Errors
    /// When there is no answer.
    ///
    /// # Panics
    /// Never: a UUID fits into a header.
    pub async fn post(&mut self, path: &str, post: Post) -> Result<Response, Failure> {
        let mut request = self.request(Method::POST, path, post.body);
        let headers = request.headers_mut();
        let mut text = [0; uuid::fmt::Hyphenated::LENGTH];
        let key = HeaderValue::from_str(post.key.hyphenated().encode_lower(&mut text)).expect("a UUID is ASCII");
        headers.insert(IDEMPOTENCY_KEY, key);
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if let Some(prefer) = post.prefer {
            headers.insert(PREFER, HeaderValue::from_static(prefer));
        }
        self.send(request).await
    }

    /// A request without the headers of its kind.
    ///
    /// # Panics
    /// When the path is none, which is a fault of the program.
    fn request(&self, method: Method, path: &str, body: Bytes) -> Request<Full<Bytes>> {
        let target = &self.target.0;
        let path = match (target.path.as_str(), path) {
            ("", "") => "/".parse(),
            ("", path) => path.parse(),
            (base, path) => format!("{base}{path}").parse(),
        };
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = method;
        *request.uri_mut() = path.expect("paths are made by the program");
        request.headers_mut().insert(HOST, target.host_header.clone());
        if let Some(bearer) = &target.bearer {
            request.headers_mut().insert(AUTHORIZATION, bearer.clone());
        }
        request
    }

    async fn send(&mut self, request: Request<Full<Bytes>>) -> Result<Response, Failure> {
        // The connection is kept only after a complete answer: given up half way it is dropped, and closed.
        let kept = self.connection.take();
        let (response, connection) =
            timeout(self.time_out, exchange(&self.target, kept, request)).await.unwrap_or(Err(Failure::TimedOut))?;
        self.connection = Some(connection);
        Ok(response)
    }
}

type Connection = SendRequest<Full<Bytes>>;

async fn exchange(
    target: &Target,
    kept: Option<Connection>,
    mut request: Request<Full<Bytes>>,
) -> Result<(Response, Connection), Failure> {
    if let Some(mut connection) = kept
        && connection.ready().await.is_ok()
    {
        match connection.try_send_request(request).await {
            Ok(response) => return Ok((read(response).await?, connection)),
            // The server closed the idle connection at this moment, and the request was not sent.
            Err(mut error) => request = error.take_message().ok_or(Failure::Broken)?,
        }
    }
    let mut connection = connect(target).await?;
    let response = connection.send_request(request).await.map_err(|_| Failure::Broken)?;
    Ok((read(response).await?, connection))
}

async fn connect(target: &Target) -> Result<Connection, Failure> {
    let stream = TcpStream::connect((target.0.host.as_str(), target.0.port)).await.map_err(|_| Failure::Connect)?;
    stream.set_nodelay(true).map_err(|_| Failure::Connect)?;
    let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(|_| Failure::Connect)?;
    tokio::spawn(async move {
        // The request that was under way hears of it too.
        if let Err(error) = connection.await {
            tracing::debug!(%error, "connection ended");
        }
    });
    Ok(sender)
}

async fn read(response: hyper::Response<hyper::body::Incoming>) -> Result<Response, Failure> {
    let status = response.status().as_u16();
    let retry_after = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
    let collected = Limited::new(response.into_body(), MAX_BODY_BYTES).collect().await;
    let body = collected.map_err(|error| match error.downcast_ref::<hyper::Error>() {
        Some(_) => Failure::Broken,
        None => Failure::TooLong,
    })?;
    Ok(Response { status, retry_after: retry_after.map(Duration::from_secs), body: body.to_bytes() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_this_machine_is_loopback() {
        let is_loopback = |url: &str| Target::new(url, None).unwrap().is_loopback();
        for url in ["http://127.0.0.1:8080", "http://127.3.2.1", "http://localhost:1/", "http://[::1]:8080/shop"] {
            assert!(is_loopback(url), "{url}");
        }
        for url in ["http://10.0.0.1:8080", "http://localhost.example.com", "http://example.com", "http://[::2]:80"] {
            assert!(!is_loopback(url), "{url}");
        }
    }

    #[test]
    fn what_is_no_http_url_is_refused_and_tokens_stay_hidden() {
        for url in ["", "127.0.0.1:8080", "https://127.0.0.1", "/v1"] {
            assert!(Target::new(url, None).is_err(), "{url}");
        }
        let target = Target::new("http://127.0.0.1:8080/", Some("s3cret")).unwrap();
        assert!(!format!("{target:?}").contains("s3cret"));
        assert_eq!(target.to_string(), "http://127.0.0.1:8080");
    }
}
