//! Taking again what was taken before: after the database was restored to an earlier moment.
//!
//! Commands and events are kept for a while after they were taken. Delivered again, those that the database knows find
//! themselves in the inbox and change nothing; the others are worked on as if for the first time.

use std::time::Duration;

use async_nats::jetstream::{
    consumer::{DeliverPolicy, pull},
    context::ConsumerInfoErrorKind,
    stream::{self, RawMessageErrorKind},
};
use futures_util::StreamExt;
use tillstream_domain::time::Timestamp;
use tokio::time::timeout;

use crate::{
    Bus,
    topology::{Lag, Topology, TopologyError, failed},
};

/// A broker that says nothing for so long is asked whether there is more: what was to come may have been trimmed.
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
    /// All that was ever in it is forgotten.
    #[error("{stream} keeps nothing of what was in it")]
    Empty {
        /// Which stream.
        stream: String,
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
    /// Has every consumer take again what was published at `since` or later, and what it has not taken yet, however old:
    /// each is removed and made anew to begin there. Returns how many messages each now has before it.
    ///
    /// # Errors
    /// Before anything is changed, when messages of that time are gone; later, when the broker refuses.
    pub async fn replay(&self, bus: &Bus, since: Timestamp) -> Result<Vec<(String, u64)>, ReplayError> {
        let mut planned = Vec::new();
        for (stream, declared) in &self.consumers {
            let name = declared.durable_name.as_deref().unwrap_or_default();
            let what = format!("{stream}/{name}");
            let looking = |error: async_nats::Error| failed(format!("look at consumer {what}"), error);
            let found = bus.jetstream.get_stream(stream).await.map_err(|error| looking(error.into()))?;
            all_is_kept(&found.cached_info().state, stream, &declared.filter_subject, since)?;
            let mut config = declared.clone();
            // One that an interrupted replay has removed begins with all that is kept.
            config.deliver_policy = match found.consumer_info(name).await {
                Err(error) if error.kind() == ConsumerInfoErrorKind::NotFound => DeliverPolicy::All,
                Err(error) => return Err(looking(error.into()).into()),
                Ok(info) => {
                    let is = &info.config;
                    (config.ack_wait, config.max_ack_pending) = (is.ack_wait, is.max_ack_pending);
                    (config.max_waiting, config.num_replicas) = (is.max_waiting, is.num_replicas);
                    let lag = Lag::from(&info);
                    let oldest = bus.oldest_pending(stream, &config.filter_subject, &lag).await?;
                    match oldest {
                        Some(oldest) if oldest < since => {
                            DeliverPolicy::ByStartSequence { start_sequence: lag.done + 1 }
                        }
                        _ => DeliverPolicy::ByStartTime {
                            start_time: async_nats::datetime::from_nanos(i128::from(since.micros()) * 1000)
                                .map_err(looking)?,
                        },
                    }
                }
            };
            planned.push((what, name, found, config));
        }
        let mut before = Vec::new();
        for (what, name, stream, config) in planned {
            match stream.delete_consumer(name).await {
                Ok(_) => {}
                Err(_) if config.deliver_policy == DeliverPolicy::All => {}
                Err(error) => return Err(failed(format!("remove consumer {what}"), error).into()),
            }
            let consumer = stream.create_consumer(config).await;
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

/// Whether nothing is gone that was published at `since` or later, to a stream of which a consumer takes `subject`.
fn all_is_kept(state: &stream::State, stream: &str, subject: &str, since: Timestamp) -> Result<(), ReplayError> {
    let first = Timestamp::from_micros(i64::try_from(state.first_timestamp.unix_timestamp_nanos() / 1000).unwrap_or(0));
    match first {
        // Nothing was ever removed from it.
        _ if state.first_sequence <= 1 => Ok(()),
        Ok(kept) if state.messages > 0 && kept <= since => Ok(()),
        // Commands about people are purged once they are done, so that there may be none at all.
        _ if state.messages == 0 && subject.starts_with("cmd.") => Ok(()),
        Ok(kept) if state.messages > 0 => Err(ReplayError::Forgotten { stream: stream.to_owned(), since, kept }),
        _ => Err(ReplayError::Empty { stream: stream.to_owned() }),
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
        let (mut left, mut count, mut next) = (state.messages > 0, 0, state.first_sequence);
        let consumer = found.create_consumer(pull::OrderedConfig::default()).await;
        let consumer = consumer.map_err(|error| failing(error.into()))?;
        let mut messages = consumer.messages().await.map_err(|error| failing(error.into()))?;
        while left {
            let Ok(Some(message)) = timeout(SILENCE, messages.next()).await else {
                match found.raw_message_builder().sequence(next).next_by_subject(">").send().await {
                    Err(error) if error.kind() == RawMessageErrorKind::NoMessageFound => break,
                    Err(error) => return Err(failing(error.into()).into()),
                    Ok(_) => return Err(failing("it stopped in the middle".into()).into()),
                }
            };
            let message = message.map_err(|error| failing(error.into()))?;
            let info = message.info().map_err(failing)?;
            left = info.pending > 0 && info.stream_sequence < state.last_sequence;
            next = info.stream_sequence + 1;
            count += 1;
            each(Kept { subject: message.subject.to_string(), payload: message.payload.to_vec() })?;
        }
        Ok(count)
    }
}
