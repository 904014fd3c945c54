//! Looking at a worker's consumers now and then: also while its database is away, for then it matters.

use tillstream_bus::topology::TopologyError;
use tracing::warn;

use super::{Station, Worker, stats::ConsumerStats};
use crate::{
    health::describe,
    sample::{EVERY, every},
};

impl<W: Worker> Station<W> {
    /// Shows how the consumers of all partitions stand, until the process stops.
    pub(super) async fn sample(&self) {
        let (class, _) = W::SOURCE;
        let consumers: Vec<_> = (0..self.bus.partitions())
            .map(|partition| (partition, self.stats.consumer(W::CONSUMER, &class.stream(partition))))
            .collect();
        every(&self.process.stop, EVERY, || async {
            for (partition, consumer) in &consumers {
                if let Err(error) = self.look(*partition, consumer).await {
                    warn!(error = describe(&error), worker = W::NAME, partition, "lag cannot be measured");
                }
            }
        })
        .await;
    }

    async fn look(&self, partition: u16, consumer: &ConsumerStats) -> Result<(), TopologyError> {
        let (class, context) = W::SOURCE;
        let stream = class.stream(partition);
        let lag = self.bus.lag(&stream, W::CONSUMER).await?;
        let oldest = self.bus.oldest_pending(&stream, &class.subject(context, partition), &lag).await?;
        consumer.show(&lag, oldest, self.process.clock.now());
        Ok(())
    }
}
