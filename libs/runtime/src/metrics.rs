//! Metrics, in Prometheus' text format.

use std::{
    any::{Any, TypeId},
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use prometheus::{
    Encoder, Histogram, HistogramOpts, IntCounterVec, IntGaugeVec, Opts, Registry, TextEncoder, core::Collector,
};

/// The metrics of one process. Cheap to clone; clones share them.
#[derive(Clone, Debug, Default)]
pub struct Metrics(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    registry: Registry,
    shared: Mutex<HashMap<TypeId, Box<dyn Any + Send + Sync>>>,
}

impl Metrics {
    /// Metrics with those of the process itself (memory, CPU, file descriptors), where the platform shows them.
    #[must_use]
    pub fn of_process() -> Self {
        let metrics = Self::default();
        #[cfg(target_os = "linux")]
        metrics.add(prometheus::process_collector::ProcessCollector::for_self());
        metrics
    }

    /// Adds a metric.
    ///
    /// # Panics
    /// When there is one of that name already, which is a fault of the program.
    pub fn add<C: Collector + 'static>(&self, collector: C) {
        self.0.registry.register(Box::new(collector)).expect("metric names are unique in the program");
    }

    /// Adds a counter with labels.
    #[must_use]
    pub fn counter(&self, name: &str, help: &str, labels: &[&str]) -> IntCounterVec {
        let counter = IntCounterVec::new(Opts::new(name, help), labels).expect("metric names and labels are valid");
        self.add(counter.clone());
        counter
    }

    /// Adds a gauge with labels.
    #[must_use]
    pub fn gauge(&self, name: &str, help: &str, labels: &[&str]) -> IntGaugeVec {
        let gauge = IntGaugeVec::new(Opts::new(name, help), labels).expect("metric names and labels are valid");
        self.add(gauge.clone());
        gauge
    }

    /// Adds a histogram.
    #[must_use]
    pub fn histogram(&self, name: &str, help: &str, buckets: &[f64]) -> Histogram {
        let options = HistogramOpts::new(name, help).buckets(buckets.to_vec());
        let histogram = Histogram::with_opts(options).expect("metric names and buckets are valid");
        self.add(histogram.clone());
        histogram
    }

    /// What `make` makes the first time; the same again for later callers in the process.
    #[must_use]
    pub fn shared<T: Clone + Send + Sync + 'static>(&self, make: impl FnOnce(&Self) -> T) -> T {
        let mut shared = self.0.shared.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = shared.entry(TypeId::of::<T>()).or_insert_with(|| Box::new(make(self)));
        entry.downcast_ref::<T>().expect("the key is the type").clone()
    }

    /// All metrics as text.
    #[must_use]
    pub fn render(&self) -> impl IntoResponse + use<> {
        let encoder = TextEncoder::new();
        let mut text = Vec::new();
        encoder.encode(&self.0.registry.gather(), &mut text).expect("writing to memory cannot fail");
        ([(CONTENT_TYPE, encoder.format_type().to_owned())], text)
    }
}
