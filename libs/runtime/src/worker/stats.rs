//! What a worker counts.

use prometheus::{Histogram, IntCounterVec, IntGaugeVec};
use tillstream_bus::topology::{Lag, TopologyError};
use tracing::warn;

use crate::{health::describe, metrics::Metrics};

#[derive(Clone, Debug)]
pub(super) struct Stats {
    messages: IntCounterVec,
    consumer: IntGaugeVec,
    pub(super) batches: Histogram,
    pub(super) committing: Histogram,
    pub(super) publishing: Histogram,
}

impl Stats {
    /// The metrics of the process's workers: made once per process, shared by its stations.
    pub(super) fn shared(metrics: &Metrics) -> Self {
        const SECONDS: [f64; 12] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0];
        metrics.shared(|metrics| Self {
            messages: metrics.counter(
                "tillstream_worker_messages_total",
                "Messages settled, by outcome: accepted, rejected, repeated, conflict, dead",
                &["worker", "outcome"],
            ),
            consumer: metrics.gauge(
                "tillstream_consumer_messages",
                "Bus messages of a consumer, by state: pending, in_hand, redelivered",
                &["consumer", "stream", "state"],
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
        })
    }

    pub(super) fn count(&self, worker: &str, outcome: &str, messages: u64) {
        self.messages.with_label_values(&[worker, outcome]).inc_by(messages);
    }

    pub(super) fn sample(&self, worker: &str, stream: &str, lag: Result<Lag, TopologyError>) {
        match lag {
            Ok(lag) => {
                let states = [("pending", lag.pending), ("in_hand", lag.in_hand), ("redelivered", lag.redelivered)];
                for (state, count) in states {
                    self.consumer
                        .with_label_values(&[worker, stream, state])
                        .set(i64::try_from(count).unwrap_or(i64::MAX));
                }
            }
            Err(error) => warn!(error = describe(&error), worker, stream, "lag cannot be measured"),
        }
    }
}
