//! Metrics, in Prometheus' text format.
//!
//! What a sale passes only counts; a counter with labels is looked up once per request or batch. What can be read from memory is read when
//! somebody scrapes ([`Metrics::at_scrape`]). What somebody else must be asked for is asked for now and then
//! ([`crate::sample`]).

use std::{
    any::{Any, TypeId},
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use prometheus::{
    Encoder, Histogram, HistogramOpts, HistogramVec, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry, TextEncoder,
    core::Collector,
};
use tillstream_store::PgPool;

/// Buckets for what takes from a millisecond to ten seconds.
pub const SECONDS: [f64; 12] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0];
/// Buckets for the way of a sale, which may take as long as an outage.
const STAGE_SECONDS: [f64; 15] =
    [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0, 60.0, 300.0, 1800.0];

/// The metrics of one process. Cheap to clone; clones share them.
#[derive(Clone, Debug, Default)]
pub struct Metrics(Arc<Inner>);

#[derive(Default)]
struct Inner {
    registry: Registry,
    shared: Mutex<HashMap<TypeId, Box<dyn Any + Send + Sync>>>,
    at_scrape: Mutex<Vec<Box<dyn Fn() + Send + Sync>>>,
}

impl fmt::Debug for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").finish_non_exhaustive()
    }
}

impl Metrics {
    /// Metrics with those of the process itself: its version, and memory, CPU and file descriptors, where the platform
    /// shows them.
    #[must_use]
    pub fn of_process() -> Self {
        let metrics = Self::default();
        #[cfg(target_os = "linux")]
        metrics.add(prometheus::process_collector::ProcessCollector::for_self());
        let build = metrics.gauge("tillstream_build_info", "Always 1; its label is the version", &["version"]);
        build.with_label_values(&[env!("CARGO_PKG_VERSION")]).set(1);
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

    /// Adds a histogram with labels.
    #[must_use]
    pub fn histograms(&self, name: &str, help: &str, labels: &[&str], buckets: &[f64]) -> HistogramVec {
        let options = HistogramOpts::new(name, help).buckets(buckets.to_vec());
        let histograms = HistogramVec::new(options, labels).expect("metric names, labels and buckets are valid");
        self.add(histograms.clone());
        histograms
    }

    /// Adds a gauge that `read` reads when somebody scrapes. It must be quick, and must not hold these metrics.
    pub fn at_scrape(&self, name: &str, help: &str, read: impl Fn() -> usize + Send + Sync + 'static) {
        let gauge = IntGauge::new(name, help).expect("metric names are valid");
        self.add(gauge.clone());
        self.set_at_scrape(move || gauge.set(level(read())));
    }

    /// Sets gauges when somebody scrapes. It must be quick, and must not hold these metrics.
    pub fn set_at_scrape(&self, set: impl Fn() + Send + Sync + 'static) {
        self.0.at_scrape.lock().unwrap_or_else(PoisonError::into_inner).push(Box::new(set));
    }

    /// How far sales have come, in seconds since the edge took them: the histogram of one stage.
    #[must_use]
    pub fn stage(&self, stage: &str) -> Histogram {
        self.shared(|metrics| {
            Stages(metrics.histograms(
                "tillstream_sale_stage_duration_seconds",
                "From the moment in which the edge took a sale until it is durable, recorded, stocked, receipted",
                &["stage"],
                &STAGE_SECONDS,
            ))
        })
        .0
        .with_label_values(&[stage])
    }

    /// Shows how many connections of `pool` are used.
    pub fn watch_pool(&self, pool: &PgPool) {
        let gauge =
            self.gauge("tillstream_database_connections", "Connections by state: idle, in_use, max", &["state"]);
        let [idle, in_use, max] = ["idle", "in_use", "max"].map(|state| gauge.with_label_values(&[state]));
        let pool = pool.clone();
        self.set_at_scrape(move || {
            let unused = pool.num_idle();
            idle.set(level(unused));
            in_use.set(i64::from(pool.size()) - level(unused));
            max.set(i64::from(pool.options().get_max_connections()));
        });
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
        for set in self.0.at_scrape.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            set();
        }
        let encoder = TextEncoder::new();
        let mut text = Vec::new();
        encoder.encode(&self.0.registry.gather(), &mut text).expect("writing to memory cannot fail");
        ([(CONTENT_TYPE, encoder.format_type().to_owned())], text)
    }
}

#[derive(Clone)]
struct Stages(HistogramVec);

/// A count as a gauge holds it.
#[must_use]
pub fn level(count: impl TryInto<i64>) -> i64 {
    count.try_into().unwrap_or(i64::MAX)
}
