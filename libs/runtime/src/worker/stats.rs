//! What a worker counts.

use prometheus::{Histogram, IntCounterVec, IntGauge, IntGaugeVec};
use tillstream_bus::topology::Lag;
use tillstream_domain::time::Timestamp;

use super::{Item, Worker};
use crate::metrics::{Metrics, SECONDS, level};

/// The metrics of the process's workers: made once per process, shared by its stations.
#[derive(Clone, Debug)]
struct Shared {
    messages: IntCounterVec,
    redeliveries: IntCounterVec,
    consumer: IntGaugeVec,
    oldest: IntGaugeVec,
    batches: Histogram,
    committing: Histogram,
    publishing: Histogram,
}

/// The metrics of one station, with what it observes for every message at hand.
#[derive(Clone, Debug)]
pub(super) struct Stats {
    shared: Shared,
    pub(super) batches: Histogram,
    pub(super) committing: Histogram,
    pub(super) publishing: Histogram,
    stage: Option<Histogram>,
}

/// What is shown of one consumer.
#[derive(Debug)]
pub(super) struct ConsumerStats {
    pending: IntGauge,
    in_hand: IntGauge,
    redelivered: IntGauge,
    oldest: IntGauge,
}

impl Stats {
    pub(super) fn of<W: Worker>(metrics: &Metrics) -> Self {
        let shared = metrics.shared(Shared::new);
        // What has never happened is 0, not unknown.
        for outcome in ["accepted", "rejected", "repeated", "conflict", "dead"] {
            shared.messages.with_label_values(&[W::NAME, outcome]);
        }
        shared.redeliveries.with_label_values(&[W::NAME]);
        Self {
            batches: shared.batches.clone(),
            committing: shared.committing.clone(),
            publishing: shared.publishing.clone(),
            stage: W::STAGE.map(|stage| metrics.stage(stage)),
            shared,
        }
    }

    pub(super) fn count(&self, worker: &str, outcome: &str, messages: u64) {
        self.shared.messages.with_label_values(&[worker, outcome]).inc_by(messages);
    }

    pub(super) fn count_redeliveries(&self, worker: &str, messages: u64) {
        self.shared.redeliveries.with_label_values(&[worker]).inc_by(messages);
    }

    /// The messages of `accepted` have come as far as this worker brings them.
    pub(super) fn reached<M>(&self, accepted: &[&Item<M>], now: Timestamp) {
        let Some(stage) = &self.stage else { return };
        for item in accepted {
            stage.observe(seconds(item.envelope.taken_at(), now));
        }
    }

    pub(super) fn consumer(&self, worker: &str, stream: &str) -> ConsumerStats {
        let state = |state| self.shared.consumer.with_label_values(&[worker, stream, state]);
        ConsumerStats {
            pending: state("pending"),
            in_hand: state("in_hand"),
            redelivered: state("redelivered"),
            oldest: self.shared.oldest.with_label_values(&[worker, stream]),
        }
    }
}

impl ConsumerStats {
    /// How the consumer stands, and since when its oldest message has been there.
    pub(super) fn show(&self, lag: &Lag, oldest: Option<Timestamp>, now: Timestamp) {
        self.pending.set(level(lag.pending));
        self.in_hand.set(level(lag.in_hand));
        self.redelivered.set(level(lag.redelivered));
        self.oldest.set(oldest.map_or(0, |oldest| (now.micros() - oldest.micros()).max(0) / 1_000_000));
    }
}

impl Shared {
    fn new(metrics: &Metrics) -> Self {
        Self {
            messages: metrics.counter(
                "tillstream_worker_messages_total",
                "Messages settled, by outcome: accepted, rejected, repeated, conflict, dead",
                &["worker", "outcome"],
            ),
            redeliveries: metrics.counter(
                "tillstream_worker_redeliveries_total",
                "Bus messages that came again",
                &["worker"],
            ),
            consumer: metrics.gauge(
                "tillstream_consumer_messages",
                "Bus messages of a consumer, by state: pending, in_hand, redelivered",
                &["consumer", "stream", "state"],
            ),
            oldest: metrics.gauge(
                "tillstream_consumer_oldest_pending_seconds",
                "How long the oldest bus message that a consumer has not settled has been on the broker; 0 if there is none",
                &["consumer", "stream"],
            ),
            batches: metrics.histogram(
                "tillstream_worker_batch_messages",
                "Messages committed together",
                &[1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0],
            ),
            committing: metrics.histogram(
                "tillstream_worker_commit_duration_seconds",
                "From the start of a transaction to its commit",
                &SECONDS,
            ),
            publishing: metrics.histogram(
                "tillstream_worker_publish_duration_seconds",
                "From a commit until its events are durable and its answers sent",
                &SECONDS,
            ),
        }
    }
}

/// From one moment to another; clocks of several machines may differ, but time does not run backwards.
#[expect(clippy::cast_precision_loss, reason = "microseconds of a century are exact in a double")]
fn seconds(from: Timestamp, to: Timestamp) -> f64 {
    (to.micros() - from.micros()).max(0) as f64 / 1e6
}
