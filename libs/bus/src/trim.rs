//! Trimming events that every worker has taken.
//!
//! The stream of events is read by several consumers and by clients that resume, so the broker can't know when a message
//! is done with. A limit by age or size would one day forget an event that a stopped worker has not seen. So nothing is
//! forgotten by limits: what all consumers have acknowledged is trimmed once the stream holds more than `keep_bytes`.

use tracing::info;

use crate::{
    Bus,
    subject::Class,
    topology::{CONSUMERS, TopologyError},
};

/// Why events could not be trimmed.
#[derive(Debug, thiserror::Error)]
pub enum TrimError {
    /// The consumers could not be asked.
    #[error(transparent)]
    Lag(#[from] TopologyError),
    /// The stream could not be asked or trimmed.
    #[error("events of partition {partition} could not be trimmed")]
    Stream {
        /// Which.
        partition: u16,
        /// Why not.
        #[source]
        source: async_nats::Error,
    },
}

impl Bus {
    /// Trims a partition's events if they take more than `keep_bytes`, but for the last `keep_messages`, which stay for
    /// clients that resume; returns how many messages went.
    ///
    /// # Errors
    /// When the broker does not answer.
    pub async fn trim(&self, partition: u16, keep_bytes: u64, keep_messages: u64) -> Result<u64, TrimError> {
        let name = Class::Event.stream(partition);
        let stream = self
            .jetstream
            .get_stream(&name)
            .await
            .map_err(|source| TrimError::Stream { partition, source: source.into() })?;
        let state = &stream.cached_info().state;
        if state.bytes <= keep_bytes {
            return Ok(0);
        }
        let last = state.last_sequence;
        let mut done = last.saturating_sub(keep_messages);
        for (consumer, ..) in CONSUMERS.iter().filter(|(_, class, _)| *class == Class::Event) {
            let lag = self.lag(&name, consumer).await?;
            // A consumer's floor moves with what it takes only, and most events are not for it.
            done = done.min(if lag.pending + lag.in_hand == 0 { last } else { lag.done });
        }
        // Brokers before 2.14.3 take a purge below the first message for a purge of all.
        if done < state.first_sequence {
            return Ok(0);
        }
        // Messages below this sequence go.
        let purged = stream
            .purge()
            .sequence(done + 1)
            .await
            .map_err(|source| TrimError::Stream { partition, source: source.into() })?;
        if purged.purged > 0 {
            info!(stream = name, messages = purged.purged, "trimmed events that all workers have taken");
        }
        Ok(purged.purged)
    }

    /// Forgets all events of a partition, taken or not. For tests of what happens then.
    ///
    /// # Errors
    /// When the broker does not answer.
    #[cfg(debug_assertions)]
    pub async fn purge_events(&self, partition: u16) -> Result<(), TrimError> {
        let failed = |source| TrimError::Stream { partition, source };
        let stream =
            self.jetstream.get_stream(Class::Event.stream(partition)).await.map_err(|error| failed(error.into()))?;
        stream.purge().await.map_err(|error| failed(error.into()))?;
        Ok(())
    }
}
