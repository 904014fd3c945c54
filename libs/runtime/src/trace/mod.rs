//! Traces (OpenTelemetry): a request and all that follows from it, in one trace across processes.
//!
//! A trace is begun or continued at the edge and travels in the envelopes' `trace` (W3C `traceparent`). Whether it is
//! recorded is decided once, where it begins: whoever comes later follows the flag. What is not recorded costs a look at
//! that flag. Spans are exported by a thread of their own, from a bounded queue: when the collector is slow or away,
//! spans are lost and nothing else.

mod export;
mod parent;

use std::{fmt, sync::Arc, time::Duration};

use anyhow::Context as _;
use opentelemetry::{
    Context, KeyValue,
    trace::{
        Link, Span as _, SpanBuilder, SpanContext, SpanKind, Status, TraceContextExt, Tracer as _, TracerProvider,
    },
};
use opentelemetry_otlp::{WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::{
    Resource,
    trace::{BatchConfigBuilder, BatchSpanProcessor, Sampler, SdkTracer, SdkTracerProvider},
};
use tokio::task::spawn_blocking;
use tracing::warn;

use crate::{Ids, host_name, settings::TracingSettings};
pub use parent::Traceparent;

/// Spans that wait to be exported; what is more is lost.
const QUEUE: usize = 8_192;
/// Spans in one export.
const BATCH: usize = 512;
/// How long spans are gathered for an export.
const GATHER: Duration = Duration::from_secs(1);
/// How long the collector may take for an export, and for the last one before the process ends.
const EXPORT_TIMEOUT: Duration = Duration::from_secs(3);
/// Links of a batch to its messages; what is more is left out.
const MAX_LINKS: usize = 128;

/// Records traces, or does nothing. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Tracing(Option<Arc<Recorder>>);

struct Recorder {
    provider: SdkTracerProvider,
    tracer: SdkTracer,
    ids: Ids,
    /// A new trace is recorded if a random number is below.
    below: u64,
}

impl fmt::Debug for Recorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recorder").finish_non_exhaustive()
    }
}

/// A part of a trace, until it is dropped; or nothing, when the trace is not recorded.
#[derive(Debug, Default)]
pub struct Span(Option<opentelemetry_sdk::trace::Span>);

impl Tracing {
    /// Exports what the process `name` does to the collector of the settings; does nothing if they name none. Must be
    /// called within the asynchronous runtime.
    ///
    /// # Errors
    /// When the settings are unusable.
    pub fn start(name: &'static str, settings: &TracingSettings) -> anyhow::Result<Self> {
        if settings.endpoint.is_empty() {
            return Ok(Self::default());
        }
        let setting = || format!("setting tracing.endpoint {:?}", settings.endpoint);
        anyhow::ensure!(
            (0.0..=1.0).contains(&settings.sample_ratio),
            "setting tracing.sample_ratio must be 0.0 to 1.0, not {}",
            settings.sample_ratio
        );
        let client = export::Client::new(&settings.endpoint).with_context(setting)?;
        let exporter = opentelemetry_otlp::SpanExporter::builder()
            .with_http()
            .with_http_client(client)
            .with_endpoint(format!("{}/v1/traces", settings.endpoint.trim_end_matches('/')))
            .with_timeout(EXPORT_TIMEOUT)
            .build()
            .with_context(setting)?;
        let config = BatchConfigBuilder::default()
            .with_max_queue_size(QUEUE)
            .with_max_export_batch_size(BATCH)
            .with_scheduled_delay(GATHER)
            .build();
        let resource = Resource::builder_empty().with_service_name(name).with_attributes([
            KeyValue::new("service.namespace", "tillstream"),
            KeyValue::new("service.version", env!("CARGO_PKG_VERSION")),
            KeyValue::new("service.instance.id", host_name()),
        ]);
        let provider = SdkTracerProvider::builder()
            .with_span_processor(BatchSpanProcessor::builder(exporter).with_batch_config(config).build())
            // Whether to record is decided before a span is made.
            .with_sampler(Sampler::AlwaysOn)
            .with_resource(resource.build())
            .build();
        let tracer = provider.tracer("tillstream");
        Ok(Self(Some(Arc::new(Recorder { provider, tracer, ids: Ids::random(), below: below(settings.sample_ratio) }))))
    }

    /// A request that the process serves: a part of the trace that the client has begun, if it has, or of a new one.
    /// Whether it is recorded a trusted client decides that has begun the trace, else the ratio of the settings.
    #[must_use]
    pub fn request(&self, method: &str, route: &str, client: Option<&Traceparent>, trusted: bool) -> Span {
        let Some(recorder) = &self.0 else { return Span::default() };
        let wanted = match client {
            Some(client) if trusted => client.is_recorded(),
            _ => recorder.ids.next().as_u64_pair().1 << 2 < recorder.below,
        };
        if !wanted {
            return Span::default();
        }
        let attributes =
            [KeyValue::new("http.request.method", method.to_owned()), KeyValue::new("http.route", route.to_owned())];
        let builder =
            SpanBuilder::from_name(format!("{method} {route}")).with_kind(SpanKind::Server).with_attributes(attributes);
        recorder.begin(builder, client.map(Traceparent::context))
    }

    /// The sending of a message, as a part of the trace `parent`, if that is recorded.
    #[must_use]
    pub fn send(&self, kind: &str, parent: Option<&str>) -> Span {
        self.message("send", SpanKind::Producer, kind, parent, None)
    }

    /// The processing of a message that carries the trace `parent`, if that is recorded; linked to the batch with which
    /// it is processed.
    #[must_use]
    pub fn process(&self, kind: &str, parent: Option<&str>, batch: &Span) -> Span {
        self.message("process", SpanKind::Consumer, kind, parent, Some(batch))
    }

    /// The processing of a batch of messages, linked to those of them whose traces are recorded; nothing if none is. It
    /// is a trace of its own, for it belongs to many.
    #[must_use]
    pub fn batch<'a>(&self, worker: &str, messages: usize, parents: impl Iterator<Item = Option<&'a str>>) -> Span {
        let Some(recorder) = &self.0 else { return Span::default() };
        let links: Vec<_> = parents
            .flatten()
            .filter_map(recorded)
            .take(MAX_LINKS)
            .map(|context| Link::new(context, vec![], 0))
            .collect();
        if links.is_empty() {
            return Span::default();
        }
        let attributes = [
            KeyValue::new("messaging.system", "nats"),
            KeyValue::new("messaging.batch.message_count", i64::try_from(messages).unwrap_or(i64::MAX)),
        ];
        let builder = SpanBuilder::from_name(format!("{worker} batch"))
            .with_kind(SpanKind::Internal)
            .with_attributes(attributes)
            .with_links(links);
        recorder.begin(builder, None)
    }

    fn message(&self, does: &str, kind: SpanKind, what: &str, parent: Option<&str>, batch: Option<&Span>) -> Span {
        let Some(recorder) = &self.0 else { return Span::default() };
        let Some(parent) = parent.and_then(recorded) else { return Span::default() };
        let attributes = [
            KeyValue::new("messaging.system", "nats"),
            KeyValue::new("messaging.operation.type", does.to_owned()),
            KeyValue::new("tillstream.kind", what.to_owned()),
        ];
        let batch = batch.and_then(|batch| batch.0.as_ref());
        let links = batch.map(|batch| Link::new(batch.span_context().clone(), vec![], 0));
        let builder = SpanBuilder::from_name(format!("{does} {what}"))
            .with_kind(kind)
            .with_attributes(attributes)
            .with_links(links.into_iter().collect());
        recorder.begin(builder, Some(parent))
    }

    /// Exports what is left. Afterwards nothing is recorded any more.
    pub async fn stop(&self) {
        let Some(recorder) = self.0.clone() else { return };
        let stopped = spawn_blocking(move || recorder.provider.shutdown_with_timeout(EXPORT_TIMEOUT)).await;
        let fault = match stopped {
            Ok(Ok(())) => return,
            Ok(Err(error)) => error.to_string(),
            Err(error) => error.to_string(),
        };
        warn!(error = fault, "the last spans could not be exported and are lost");
    }
}

impl Recorder {
    fn begin(&self, builder: SpanBuilder, parent: Option<SpanContext>) -> Span {
        let parent = parent.map_or_else(Context::new, |parent| Context::new().with_remote_span_context(parent));
        Span(Some(self.tracer.build_with_context(builder, &parent)))
    }
}

impl Span {
    /// Whether there is anything to it.
    #[must_use]
    pub fn is_recorded(&self) -> bool {
        self.0.is_some()
    }

    /// The trace with this span as the parent of what follows; nothing if it is not recorded.
    #[must_use]
    pub fn traceparent(&self) -> Option<Traceparent> {
        self.0.as_ref().map(|span| Traceparent::of(span.span_context()))
    }

    /// Adds how it went.
    pub fn set(&mut self, key: &'static str, value: impl Into<opentelemetry::Value>) {
        if let Some(span) = &mut self.0 {
            span.set_attribute(KeyValue::new(key, value));
        }
    }

    /// It failed.
    pub fn fail(&mut self, why: &'static str) {
        if let Some(span) = &mut self.0 {
            span.set_status(Status::error(why));
        }
    }
}

fn recorded(parent: &str) -> Option<SpanContext> {
    parent.parse::<Traceparent>().ok().filter(Traceparent::is_recorded).map(|parent| parent.context())
}

/// The share of all 64-bit numbers that lie below.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "casts to integers saturate, and a share needs no more precision than a double has"
)]
fn below(ratio: f64) -> u64 {
    (ratio * u64::MAX as f64) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_of_all_numbers_lies_below() {
        assert_eq!((below(0.0), below(1.0)), (0, u64::MAX));
        assert!((below(0.25) >> 54).abs_diff(256) <= 1);
    }

    #[tokio::test]
    async fn without_a_collector_there_are_no_spans() {
        let settings = TracingSettings { endpoint: String::new(), sample_ratio: 1.0 };
        let tracing = Tracing::start("test", &settings).unwrap();
        assert!(tracing.request("GET", "/", None, true).traceparent().is_none());
        tracing.stop().await;
    }

    #[tokio::test]
    async fn settings_that_make_no_sense_are_refused() {
        for (endpoint, sample_ratio) in [("collector:4318", 1.0), ("https://collector", 1.0), ("http://collector", 1.5)]
        {
            let settings = TracingSettings { endpoint: endpoint.to_owned(), sample_ratio };
            assert!(Tracing::start("test", &settings).is_err(), "{settings:?}");
        }
    }

    #[tokio::test]
    async fn a_collector_that_is_away_costs_nothing_but_the_spans() {
        // Nothing listens on the discard port.
        let settings = TracingSettings { endpoint: "http://127.0.0.1:9".to_owned(), sample_ratio: 1.0 };
        let tracing = Tracing::start("test", &settings).unwrap();
        let began = std::time::Instant::now();
        for _ in 0..3 * QUEUE {
            assert!(tracing.request("GET", "/", None, true).traceparent().is_some());
        }
        assert!(began.elapsed() < Duration::from_secs(30), "who is traced does not wait");
        tracing.stop().await;
    }

    fn at(sample_ratio: f64) -> Tracing {
        let settings = TracingSettings { endpoint: "http://127.0.0.1:9".to_owned(), sample_ratio };
        Tracing::start("test", &settings).unwrap()
    }

    const RECORDED: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[tokio::test]
    async fn a_trusted_client_that_begins_a_trace_decides_whether_it_is_recorded() {
        let (never, always) = (at(0.0), at(1.0));
        let recorded: Traceparent = RECORDED.parse().unwrap();
        let unrecorded = recorded.unrecorded();
        let follows = |tracing: &Tracing, client| tracing.request("GET", "/", client, true).traceparent();
        assert_eq!(follows(&never, None), None);
        assert_eq!(follows(&always, Some(&unrecorded)), None);
        let span = follows(&never, Some(&recorded)).unwrap();
        assert_eq!(span.trace_id(), recorded.trace_id());
        assert_ne!(span.span_id(), recorded.span_id());
        assert!(follows(&always, None).is_some());
        assert!(always.send("sale.submit.v1", Some(&unrecorded.to_string())).traceparent().is_none());
        assert!(always.send("sale.submit.v1", None).traceparent().is_none());
        tokio::join!(never.stop(), always.stop());
    }

    #[tokio::test]
    async fn the_ratio_decides_about_the_traces_of_others() {
        let (never, always) = (at(0.0), at(1.0));
        let recorded: Traceparent = RECORDED.parse().unwrap();
        let follows = |tracing: &Tracing, client| tracing.request("GET", "/", Some(client), false).traceparent();
        assert_eq!(follows(&never, &recorded), None);
        let span = follows(&always, &recorded.unrecorded()).unwrap();
        assert!(span.is_recorded());
        assert_eq!(span.trace_id(), recorded.trace_id());
        tokio::join!(never.stop(), always.stop());
    }
}
