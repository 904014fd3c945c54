//! Trimming messages that every worker has taken.
//!
//! A stream is read by several consumers, and events by clients that resume besides, so the broker can't know when a
//! message is done with. A limit by age or size would one day forget one that a stopped worker has not seen. So nothing
//! is forgotten by limits: what all consumers have acknowledged is trimmed once the stream holds more than is to be kept.

use std::collections::BTreeMap;

use async_nats::jetstream::stream::Stream;
use serde::Deserialize;
use tracing::info;

use crate::{
    Bus,
    subject::Class,
    topology::{CONSUMERS, TopologyError},
};

/// The contexts whose commands hold personal data.
const PERSONAL: [&str; 2] = ["identity", "customer"];

/// What stays in a stream though every worker has taken it.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Keep {
    /// About so many bytes of the last messages, but no more than half of what the stream may hold.
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
        let mut purged = match class {
            Class::Command => self.forget_people(&stream, partition).await?,
            Class::Event => 0,
        };
        let (state, room) = (&stream.cached_info().state, stream.cached_info().config.max_bytes);
        // A stream that may hold less than is to be kept would fill up and stay full.
        let room = u64::try_from(room).unwrap_or(u64::MAX);
        let bytes = keep.bytes.min(room / 2);
        if state.bytes <= bytes {
            return Ok(purged);
        }
        // The oldest go: as many as bring it down to what is to be kept, taking messages to be of a size.
        let too_many = u128::from(state.messages) * u128::from(state.bytes - bytes) / u128::from(state.bytes);
        let excess = state.first_sequence + u64::try_from(too_many).unwrap_or(u64::MAX);
        let last = state.last_sequence;
        let reach = excess.min(last).min(last.saturating_sub(keep.messages));
        let mut taken: BTreeMap<String, u64> = BTreeMap::new();
        for (consumer, _, context) in CONSUMERS.iter().filter(|(_, of, _)| *of == class) {
            let lag = self.lag(&name, consumer).await?;
            // A consumer's floor moves with what it takes only, and most messages are not for it.
            let done = if lag.pending + lag.in_hand == 0 { last } else { lag.done };
            let by_all = taken.entry(class.subject(context, partition)).or_insert(done);
            *by_all = done.min(*by_all);
        }
        let by_all = taken.values().copied().min().unwrap_or(last).min(reach);
        // Brokers before 2.14.3 take a purge below the first message for a purge of all.
        if by_all >= state.first_sequence {
            // Messages below this sequence go.
            purged += stream.purge().sequence(by_all + 1).await.map_err(|error| failed(error.into()))?.purged;
        }
        // A consumer that stands still must not fill the stream with what is another's, and done. One by one, they are
        // dearer to forget.
        for (subject, done) in taken {
            let done = done.min(reach);
            if state.bytes > room / 4 * 3 && done > by_all {
                let purge = stream.purge().filter(subject).sequence(done + 1);
                purged += purge.await.map_err(|error| failed(error.into()))?.purged;
            }
        }
        if purged > 0 {
            info!(stream = name, messages = purged, "trimmed what all workers have taken");
        }
        Ok(purged)
    }

    /// Purges commands about people as soon as they are done: they hold names, addresses and hashes, which are to be
    /// nowhere once a person is erased. Returns how many messages went.
    async fn forget_people(&self, stream: &Stream, partition: u16) -> Result<u64, TrimError> {
        let state = &stream.cached_info().state;
        let name = Class::Command.stream(partition);
        let failed = |source| TrimError::Stream { stream: name.clone(), source };
        let mut purged = 0;
        for context in PERSONAL {
            let subject = Class::Command.subject(context, partition);
            let consumers = CONSUMERS.iter().filter(|(_, of, taken)| *of == Class::Command && *taken == context);
            let mut done = state.last_sequence;
            for (consumer, ..) in consumers {
                let lag = self.lag(&name, consumer).await?;
                done = if lag.pending + lag.in_hand == 0 { done } else { done.min(lag.done) };
            }
            // Brokers before 2.14.3 take a purge below the first message for a purge of all.
            if done >= state.first_sequence && state.messages > 0 {
                let purge = stream.purge().filter(subject).sequence(done + 1);
                purged += purge.await.map_err(|error| failed(error.into()))?.purged;
            }
        }
        Ok(purged)
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
