//! What happens around every request: an id, where it comes from, a measurement, and moving clients on when the edge is
//! about to stop.

use axum::{
    extract::{MatchedPath, Request, State},
    http::{HeaderName, HeaderValue, Method, header},
    middleware::Next,
    response::Response,
};
use prometheus::{HistogramVec, IntCounterVec};
use tillstream_runtime::{
    metrics::Metrics,
    trace::{Span, Traceparent},
};
use tokio::time::Instant;
use tracing::{Instrument, error_span, field::Empty, info};

use crate::{ClientAddress, Edge, security};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// What is measured of requests.
#[derive(Debug)]
pub(crate) struct Observed {
    requests: IntCounterVec,
    seconds: HistogramVec,
}

impl Observed {
    pub(crate) fn new(metrics: &Metrics) -> Self {
        let requests =
            metrics.counter("http_requests_total", "Requests by route and status", &["method", "route", "status"]);
        let seconds = metrics.histograms(
            "http_request_duration_seconds",
            "From the request's head to the answer's",
            &["method", "route"],
            &[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0],
        );
        Self { requests, seconds }
    }
}

pub(crate) async fn observe(State(edge): State<Edge>, mut request: Request, next: Next) -> Response {
    let started = Instant::now();
    let id = request_id(&edge, &request);
    let client = ClientAddress::of(request.extensions(), request.headers(), edge.0.http.trusted_proxies);
    request.extensions_mut().insert(client);
    let method = known(request.method());
    // The pattern and not the path, so that there are as many series as routes.
    let route = request.extensions().get::<MatchedPath>().cloned();
    let route = route.as_ref().map_or("none", MatchedPath::as_str);
    // Whatever is logged on the way carries the request's id.
    let span = error_span!("request", http.request.id = id.to_str().unwrap_or(""), trace.id = Empty, span.id = Empty);
    let mut traced = trace(&edge, method, route, &mut request, &span);
    let path = request.uri().path().to_owned();
    let mut response = next.run(request).instrument(span.clone()).await;
    let status = response.status();
    let observed = &edge.0.observed;
    observed.requests.with_label_values(&[method, route, status.as_str()]).inc();
    observed.seconds.with_label_values(&[method, route]).observe(started.elapsed().as_secs_f64());
    traced.set("http.response.status_code", i64::from(status.as_u16()));
    if status.is_server_error() {
        traced.fail("server error");
        span.in_scope(|| info!(method, route, status = status.as_u16(), "request failed"));
    }
    response.headers_mut().insert(REQUEST_ID, id);
    security::protect(response.headers_mut(), &path, edge.0.tls.is_some());
    if edge.0.process.health.is_draining() {
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

/// Begins the request's span, if its trace is recorded, and leaves it in the header `traceparent`, from where it goes
/// into commands; what a client sent there that is none goes no further. Nor does the wish of a client that is not
/// trusted to have its trace recorded.
fn trace(edge: &Edge, method: &str, route: &str, request: &mut Request, log: &tracing::Span) -> Span {
    let headers = request.headers_mut();
    let client = headers.remove(TRACEPARENT).and_then(|value| value.to_str().ok()?.parse::<Traceparent>().ok());
    let trusted = edge.0.trust_clients;
    // Health checks and pages of documentation are no part of anybody's story.
    let traced = if route.starts_with("/v1/") {
        edge.0.process.tracing.request(method, route, client.as_ref(), trusted)
    } else {
        Span::default()
    };
    let ours = traced.traceparent();
    let theirs = client.map(|client| if trusted { client } else { client.unrecorded() });
    if let Some(known) = ours.or(theirs) {
        log.record("trace.id", known.trace_id());
        headers.insert(TRACEPARENT, HeaderValue::from_str(&known.to_string()).expect("it is plain ASCII"));
    }
    if let Some(ours) = ours {
        log.record("span.id", ours.span_id());
    }
    traced
}

/// The method's name, one of a few, so that clients cannot make up series.
fn known(method: &Method) -> &'static str {
    const KNOWN: [&str; 7] = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"];
    KNOWN.into_iter().find(|known| *known == method.as_str()).unwrap_or("other")
}

/// The client's, if it is short and plain; otherwise a new one.
fn request_id(edge: &Edge, request: &Request) -> HeaderValue {
    let given = request.headers().get(REQUEST_ID).filter(|id| {
        id.len() <= 64
            && id.as_bytes().iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'-' || *byte == b'_')
    });
    given.cloned().unwrap_or_else(|| {
        HeaderValue::from_str(&edge.0.process.ids.next().to_string()).expect("a UUID is plain ASCII")
    })
}
