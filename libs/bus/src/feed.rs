//! Events for clients that watch: in order, from any point that is still kept, without being a worker.

use async_nats::jetstream::consumer::{DeliverPolicy, pull};
use futures_util::{Stream, StreamExt};
use tillstream_contract::{Batch, Envelope};
use tracing::warn;

use crate::{Bus, subject::Class};

/// Where a feed starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// With what comes from now on.
    Now,
    /// With the message of this sequence in the stream, or the first after it that is still kept.
    At(u64),
}

/// Events of one message.
#[derive(Clone, Debug)]
pub struct Events {
    /// The message's sequence in its stream.
    pub sequence: u64,
    /// What it carries.
    pub envelopes: Vec<Envelope>,
}

/// Why a feed could not start or broke off.
#[derive(Debug, thiserror::Error)]
#[error("events of partition {partition} cannot be read")]
pub struct FeedError {
    partition: u16,
    #[source]
    source: async_nats::Error,
}

impl Bus {
    /// The events of a partition, in order. Messages that can't be read are logged and left out.
    ///
    /// # Errors
    /// When the broker does not answer; the stream of events ends with an error when it breaks off.
    pub async fn feed(
        &self,
        partition: u16,
        start: Start,
    ) -> Result<impl Stream<Item = Result<Events, FeedError>> + Send + Unpin + use<>, FeedError> {
        let failed = move |source: async_nats::Error| FeedError { partition, source };
        let deliver_policy = match start {
            Start::Now => DeliverPolicy::New,
            Start::At(start_sequence) => DeliverPolicy::ByStartSequence { start_sequence: start_sequence.max(1) },
        };
        let config = pull::OrderedConfig { deliver_policy, ..pull::OrderedConfig::default() };
        let consumer = self
            .jetstream
            .create_consumer_on_stream(config, Class::Event.stream(partition))
            .await
            .map_err(|error| failed(error.into()))?;
        let messages = consumer.messages().await.map_err(|error| failed(error.into()))?;
        Ok(messages
            .filter_map(move |message| async move {
                let message = match message {
                    Ok(message) => message,
                    Err(error) => return Some(Err(failed(error.into()))),
                };
                let sequence = message.info().map_or(0, |info| info.stream_sequence);
                match Batch::decode(&message.payload) {
                    Ok(batch) => Some(Ok(Events { sequence, envelopes: batch.envelopes })),
                    Err(error) => {
                        warn!(%error, sequence, "events cannot be read and are left out of the feed");
                        None
                    }
                }
            })
            .boxed())
    }

    /// The first and last sequence that a partition's events have now.
    ///
    /// # Errors
    /// When the broker does not answer.
    pub async fn feed_range(&self, partition: u16) -> Result<(u64, u64), FeedError> {
        let stream = self
            .jetstream
            .get_stream(Class::Event.stream(partition))
            .await
            .map_err(|source| FeedError { partition, source: source.into() })?;
        let state = &stream.cached_info().state;
        Ok((state.first_sequence, state.last_sequence))
    }
}
