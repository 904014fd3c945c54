//! What happens around every request: an id, a measurement, and moving clients on when the edge is about to stop.

use axum::{
    extract::{MatchedPath, Request, State},
    http::{HeaderName, HeaderValue, header},
    middleware::Next,
    response::Response,
};
use prometheus::{HistogramVec, IntCounterVec};
use tillstream_runtime::metrics::Metrics;
use tokio::time::Instant;
use tracing::{Instrument, error_span, info};

use crate::Edge;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

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

pub(crate) async fn observe(State(edge): State<Edge>, request: Request, next: Next) -> Response {
    let started = Instant::now();
    let id = request_id(&edge, &request);
    let method = request.method().clone();
    // The pattern and not the path, so that there are as many series as routes.
    let route = request.extensions().get::<MatchedPath>().cloned();
    // Whatever is logged on the way carries the request's id.
    let span = error_span!("request", id = id.to_str().unwrap_or(""));
    let mut response = next.run(request).instrument(span).await;
    let route = route.as_ref().map_or("none", MatchedPath::as_str);
    let observed = &edge.0.observed;
    observed.requests.with_label_values(&[method.as_str(), route, response.status().as_str()]).inc();
    observed.seconds.with_label_values(&[method.as_str(), route]).observe(started.elapsed().as_secs_f64());
    if response.status().is_server_error() {
        info!(request_id = id.to_str().unwrap_or(""), %method, route, status = response.status().as_u16(), "request failed");
    }
    response.headers_mut().insert(REQUEST_ID, id);
    if edge.0.process.health.is_draining() {
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    response
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
