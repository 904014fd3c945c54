//! Trimming messages that every worker has taken.
//!
//! A stream is read by several consumers, and events by clients that resume besides, so the broker can't know when a
//! message is done with. A limit by age or size would one day forget one that a stopped worker has not seen. So nothing
//! is forgotten by limits: what all consumers have acknowledged is trimmed once the stream holds more than is to be kept.

use serde::Deserialize;
use tracing::info;

use crate::{
    Bus,
    subject::Class,
    topology::{CONSUMERS, TopologyError},
};

/// What stays in a stream though every worker has taken it.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Keep {
    /// Nothing is trimmed while the stream takes no more than this, or than half of what it may.
    pub bytes: u64,
    /// This many of the last messages are never trimmed.
    pub messages: u64,
}

/// Why a stream could not be trimmed.
#[derive(Debug, thiserror::Error)]
pub enum TrimError {
    /// The consumers could not be asked.
    #[error(transparent)]
    Lag(#[from] TopologyError),
    /// The stream could not be asked or trimmed.
    #[error("stream {stream} could not be trimmed")]
    Stream {
        /// Which.
        stream: String,
        /// Why not.
        #[source]
        source: async_nats::Error,
    },
}

impl Bus {
    /// Trims a partition's commands or events to what is to be kept; returns how many messages went.
    ///
    /// # Errors
    /// When the broker does not answer.
    pub async fn trim(&self, class: Class, partition: u16, keep: Keep) -> Result<u64, TrimError> {
        let name = class.stream(partition);
        let failed = |source| TrimError::Stream { stream: name.clone(), source };
        let stream = self.jetstream.get_stream(&name).await.map_err(|error| failed(error.into()))?;
        let (state, room) = (&stream.cached_info().state, stream.cached_info().config.max_bytes);
        // A stream that may hold less than is to be kept would fill up and stay full.
        let room = u64::try_from(room).unwrap_or(u64::MAX);
        if state.bytes <= keep.bytes.min(room / 2) {
            return Ok(0);
        }
        let last = state.last_sequence;
        let mut done = last.saturating_sub(keep.messages);
        for (consumer, ..) in CONSUMERS.iter().filter(|(_, of, _)| *of == class) {
            let lag = self.lag(&name, consumer).await?;
            // A consumer's floor moves with what it takes only, and most messages are not for it.
            done = done.min(if lag.pending + lag.in_hand == 0 { last } else { lag.done });
        }
        // Brokers before 2.14.3 take a purge below the first message for a purge of all.
        if done < state.first_sequence {
            return Ok(0);
        }
        // Messages below this sequence go.
        let purged = stream.purge().sequence(done + 1).await.map_err(|error| failed(error.into()))?;
        if purged.purged > 0 {
            info!(stream = name, messages = purged.purged, "trimmed what all workers have taken");
        }
        Ok(purged.purged)
    }

    /// Forgets all events of a partition, taken or not. For tests of what happens then.
    ///
    /// # Errors
    /// When the broker does not answer.
    #[cfg(debug_assertions)]
    pub async fn purge_events(&self, partition: u16) -> Result<(), TrimError> {
        let name = Class::Event.stream(partition);
        let failed = |source| TrimError::Stream { stream: name.clone(), source };
        let stream = self.jetstream.get_stream(&name).await.map_err(|error| failed(error.into()))?;
        stream.purge().await.map_err(|error| failed(error.into()))?;
        Ok(())
    }
}
