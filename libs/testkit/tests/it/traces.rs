//! One trace from the till's request to the receipt, as a collector receives it.

use std::sync::{Arc, Mutex};

use axum::{Router, body::Bytes, extract::State, http::StatusCode, routing::post};
use opentelemetry_proto::tonic::{
    collector::trace::v1::ExportTraceServiceRequest,
    common::v1::{KeyValue, any_value::Value},
    trace::v1::{Span, span::SpanKind, status::StatusCode as Outcome},
};
use prost::Message;
use tillstream_testkit::{Shop, ShopOptions};

/// A span, and the service that has recorded it.
type Recorded = (String, Span);

/// A collector that keeps what it receives.
#[derive(Clone, Debug, Default)]
struct Collector(Arc<Mutex<Vec<Recorded>>>);

impl Collector {
    /// Receives from now on; where.
    async fn open(&self) -> String {
        let routes = Router::new().route("/v1/traces", post(receive)).with_state(self.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, routes).await });
        url
    }

    fn spans(&self) -> Vec<Recorded> {
        self.0.lock().unwrap().clone()
    }
}

async fn receive(State(collector): State<Collector>, body: Bytes) -> StatusCode {
    let Ok(export) = ExportTraceServiceRequest::decode(body) else { return StatusCode::BAD_REQUEST };
    for of_process in export.resource_spans {
        let service = text(&of_process.resource.unwrap_or_default().attributes, "service.name");
        let spans = of_process.scope_spans.into_iter().flat_map(|scope| scope.spans);
        collector.0.lock().unwrap().extend(spans.map(|span| (service.clone(), span)));
    }
    StatusCode::OK
}

fn text(attributes: &[KeyValue], key: &str) -> String {
    let value = attributes.iter().find(|attribute| attribute.key == key).and_then(|found| found.value.clone());
    match value.and_then(|value| value.value) {
        Some(Value::StringValue(text)) => text,
        Some(Value::IntValue(number)) => number.to_string(),
        other => format!("{other:?}"),
    }
}

/// The way of a sale: who does what, as what, and after which of the others.
const WAY: [(&str, &str, SpanKind, Option<usize>); 5] = [
    ("edge", "POST /v1/sales", SpanKind::Server, None),
    ("edge", "send sale.submit.v1", SpanKind::Producer, Some(0)),
    ("sales-worker", "process sale.submit.v1", SpanKind::Consumer, Some(1)),
    ("stock-worker", "process sale.recorded.v1", SpanKind::Consumer, Some(2)),
    ("receipts-worker", "process sale.recorded.v1", SpanKind::Consumer, Some(2)),
];

/// What is missing from `spans` for the way of one sale in the trace `trace`, which a till began with its span `till`.
fn check(spans: &[Recorded], trace: &str, till: &str) -> Result<(), String> {
    let mut way: Vec<&Span> = Vec::new();
    for (service, name, kind, after) in WAY {
        let mut found = spans.iter().filter(|(by, span)| by == service && span.name == name);
        let (Some((_, span)), None) = (found.next(), found.next()) else {
            return Err(format!("{service} has not recorded {name} once"));
        };
        if span.kind != kind as i32 {
            return Err(format!("{name} of {service} is of kind {}", span.kind));
        }
        if hex::encode(&span.trace_id) != trace {
            return Err(format!("{name} of {service} is in another trace"));
        }
        let parent = after.map_or(till.to_owned(), |after| hex::encode(&way[after].span_id));
        if hex::encode(&span.parent_span_id) != parent {
            return Err(format!("{name} of {service} has another parent"));
        }
        if span.status.as_ref().is_some_and(|status| status.code == Outcome::Error as i32) {
            return Err(format!("{name} of {service} failed"));
        }
        way.push(span);
    }
    for ((service, name, ..), span) in WAY.iter().zip(&way).skip(2) {
        let batch = format!("{} batch", service.trim_end_matches("-worker"));
        let Some((_, batch)) = spans.iter().find(|(by, span)| by == service && span.name == batch) else {
            return Err(format!("{service} has not recorded its batch"));
        };
        if !batch.links.iter().any(|link| link.trace_id == span.trace_id && link.span_id == span.parent_span_id) {
            return Err(format!("the batch of {service} is not linked to its message"));
        }
        if !span.links.iter().any(|link| link.span_id == batch.span_id) {
            return Err(format!("{name} of {service} is not linked to its batch"));
        }
    }
    Ok(())
}

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const TILL: &str = "00f067aa0ba902b7";

/// A sale through a whole shop that records this share of traces; what the collector received.
async fn sell(recorded: bool, trust_clients: bool, sample_ratio: f64) -> Vec<Recorded> {
    let collector = Collector::default();
    let options = ShopOptions {
        collector: collector.open().await,
        sample_ratio,
        edge: format!("[tracing]\ntrust_clients = {trust_clients}"),
        ..ShopOptions::default()
    };
    let mut shop = Box::pin(Shop::with(options)).await;
    let flags = u8::from(recorded);
    let call = shop
        .selling(shop.ids.next(), &shop.basket(&[("tea", "1")]))
        .header("traceparent", &format!("00-{TRACE}-{TILL}-{flags:02x}"))
        .header("prefer", "wait=20, until=receipt");
    assert_eq!(call.send().await.status, StatusCode::CREATED);
    // Nobody has begun a trace for this one: it has its own.
    assert_eq!(shop.get("/v1/registers").await.status, StatusCode::OK);
    shop.drain().await;
    shop.stop_workers().await;
    shop.stop_tracing().await;
    collector.spans()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sale_is_one_trace_from_the_request_to_the_receipt() {
    let spans = sell(true, true, 1.0).await;
    assert_eq!(check(&spans, TRACE, TILL), Ok(()), "{spans:#?}");
    let (_, request) = spans.iter().find(|(_, span)| span.name == "POST /v1/sales").unwrap();
    assert_eq!(text(&request.attributes, "http.response.status_code"), "201");
    let (_, other) = spans.iter().find(|(_, span)| span.name == "GET /v1/registers").unwrap();
    assert_ne!(hex::encode(&other.trace_id), TRACE);

    // Wherever the trace breaks, it is noticed.
    for (at, (service, name, ..)) in WAY.iter().enumerate() {
        let broken = |change: fn(&mut Span)| {
            let mut spans = spans.clone();
            let (_, span) = spans.iter_mut().find(|(by, span)| by == service && span.name == *name).unwrap();
            change(span);
            check(&spans, TRACE, TILL)
        };
        assert!(broken(|span| span.trace_id = vec![1; 16]).is_err(), "{service}: another trace");
        assert!(broken(|span| span.parent_span_id = vec![1; 8]).is_err(), "{service}: another parent");
        assert!(broken(|span| "lost".clone_into(&mut span.name)).is_err(), "{service}: lost");
        assert_eq!(broken(|span| span.links.clear()).is_err(), at >= 2, "{service}: no link");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_trusted_till_does_not_want_recorded_is_not() {
    let spans = sell(false, true, 1.0).await;
    let names: Vec<_> = spans.iter().map(|(_, span)| span.name.as_str()).collect();
    assert_eq!(names, ["GET /v1/registers"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_another_till_wants_decides_nothing() {
    let spans = sell(false, false, 1.0).await;
    assert_eq!(check(&spans, TRACE, TILL), Ok(()), "its trace goes on all the same: {spans:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wish_that_the_edge_does_not_follow_reaches_no_worker() {
    assert_eq!(sell(true, false, 0.0).await, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn sales_go_on_without_the_collector() {
    // Nothing listens on the discard port.
    let options = ShopOptions { collector: "http://127.0.0.1:9".to_owned(), ..ShopOptions::default() };
    let mut shop = Box::pin(Shop::with(options)).await;
    for _ in 0..20 {
        let sold = shop.sell(shop.ids.next(), &shop.basket(&[("tea", "1")])).await;
        assert_eq!(sold.status, StatusCode::CREATED);
    }
    shop.drain().await;
    assert_eq!(shop.count("select count(*) from receipts.receipts").await, 20);
    shop.stop_workers().await;
    shop.stop_tracing().await;
}
