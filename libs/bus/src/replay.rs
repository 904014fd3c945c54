//! Taking again what was taken before: after the database was restored to an earlier moment.
//!
//! Commands and events are kept for a while after they were taken. Delivered again, those that the database knows find
//! themselves in the inbox and change nothing; the others are worked on as if for the first time.

use std::time::Duration;

use async_nats::jetstream::consumer::{DeliverPolicy, pull};
use futures_util::StreamExt;
use tillstream_domain::time::Timestamp;
use tokio::time::timeout;

use crate::{
    Bus,
    topology::{Topology, TopologyError, failed},
};

/// A broker that says nothing for so long has nothing more: what was to come was trimmed meanwhile.
const SILENCE: Duration = Duration::from_secs(10);

/// Why nothing was replayed.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// What came between is forgotten.
    #[error("{stream} keeps messages from {kept} on, and those between {since} and then are gone")]
    Forgotten {
        /// In which stream.
        stream: String,
        /// What was asked for.
        since: Timestamp,
        /// The first that is there.
        kept: Timestamp,
    },
    /// The broker did not do as asked.
    #[error(transparent)]
    Broker(#[from] TopologyError),
}

/// A message as it is in a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kept {
    /// Its subject.
    pub subject: String,
    /// Its bytes.
    pub payload: Vec<u8>,
}

impl Topology {
    /// Has every consumer take again what was published at `since` or later: each is removed and made anew to begin there.
    /// Returns how many messages each now has before it.
    ///
    /// # Errors
    /// Before anything is changed, when messages of that time are gone; later, when the broker refuses.
    pub async fn replay(&self, bus: &Bus, since: Timestamp) -> Result<Vec<(String, u64)>, ReplayError> {
        for (stream, _) in &self.consumers {
            let found = bus.jetstream.get_stream(stream).await;
            let found = found.map_err(|error| failed(format!("look at stream {stream}"), error))?;
            let state = &found.cached_info().state;
            let kept =
                Timestamp::from_micros(i64::try_from(state.first_timestamp.unix_timestamp_nanos() / 1000).unwrap_or(0));
            if let Ok(kept) = kept
                && state.first_sequence > 1
                && kept > since
            {
                return Err(ReplayError::Forgotten { stream: stream.clone(), since, kept });
            }
        }
        let start_time = async_nats::datetime::from_nanos(i128::from(since.micros()) * 1000)
            .map_err(|error| failed("read the moment".to_owned(), error))?;
        let mut before = Vec::new();
        for (stream, config) in &self.consumers {
            let name = config.durable_name.as_deref().unwrap_or_default();
            let what = format!("{stream}/{name}");
            let found = bus.jetstream.get_stream(stream).await;
            let found = found.map_err(|error| failed(format!("look at stream {stream}"), error))?;
            found.delete_consumer(name).await.map_err(|error| failed(format!("remove consumer {what}"), error))?;
            let config = pull::Config { deliver_policy: DeliverPolicy::ByStartTime { start_time }, ..config.clone() };
            let consumer = found.create_consumer(config).await;
            let consumer = consumer.map_err(|error| failed(format!("make consumer {what} anew"), error))?;
            before.push((what, consumer.cached_info().num_pending));
        }
        Ok(before)
    }

    /// The names of the streams.
    pub fn streams(&self) -> impl Iterator<Item = &str> {
        self.streams.iter().map(|config| config.name.as_str())
    }
}

impl Bus {
    /// Hands over all that a stream holds at this moment, in order. Returns how many messages that were.
    ///
    /// # Errors
    /// When the broker does not answer, or `each` fails.
    pub async fn each_kept<E: From<TopologyError>>(
        &self,
        stream: &str,
        mut each: impl FnMut(Kept) -> Result<(), E>,
    ) -> Result<u64, E> {
        let failing = |error: async_nats::Error| failed(format!("read stream {stream}"), error);
        let found = self.jetstream.get_stream(stream).await.map_err(|error| failing(error.into()))?;
        let state = &found.cached_info().state;
        // An empty stream would be waited at for ever.
        let (mut left, mut count) = (state.messages > 0, 0);
        let consumer = found.create_consumer(pull::OrderedConfig::default()).await;
        let consumer = consumer.map_err(|error| failing(error.into()))?;
        let mut messages = consumer.messages().await.map_err(|error| failing(error.into()))?;
        while left {
            let next = timeout(SILENCE, messages.next()).await.map_err(|error| failing(error.into()))?;
            let Some(message) = next else { break };
            let message = message.map_err(|error| failing(error.into()))?;
            let sequence = message.info().map_err(failing)?.stream_sequence;
            left = sequence < state.last_sequence;
            count += 1;
            each(Kept { subject: message.subject.to_string(), payload: message.payload.to_vec() })?;
        }
        Ok(count)
    }
}
