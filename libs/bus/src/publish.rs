//! Publishing with the stream's durable acknowledgement.

use std::error::Error as _;

use async_nats::jetstream::{self, ErrorCode, context::PublishErrorKind};
use bytes::Bytes;
use futures_util::future::try_join_all;
use tillstream_contract::{Batch, Envelope};

use crate::{
    Bus,
    subject::{Class, context, partition},
};

/// Bytes of envelopes that go into one message; the broker takes messages of up to 1 MiB, and this one may hold one more
/// envelope than fits.
pub const MAX_MESSAGE_BYTES: usize = 512 * 1024;
/// Bytes of one envelope at the most, so that a batch and its envelope stay below the broker's limit.
pub const MAX_ENVELOPE_BYTES: usize = 384 * 1024;

/// Why a message was not acknowledged by its stream.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PublishError {
    /// Too many messages wait for this one's turn. Nothing was sent.
    #[error("too many messages wait to be published")]
    Busy,
    /// NATS is not connected. Nothing was sent.
    #[error("NATS is not connected")]
    Disconnected,
    /// The stream is full or missing and has refused it.
    #[error("stream refused the message: {0}")]
    Refused(String),
    /// The envelope is larger than a message may be. Nothing was sent.
    #[error("message is too large")]
    TooLarge,
    /// No answer in time: the stream may have stored it, or not.
    #[error("NATS did not acknowledge in time: {0}")]
    Unknown(String),
}

impl Bus {
    /// Publishes `payload` and waits until its stream has stored it.
    ///
    /// # Errors
    /// [`PublishError`]; only after [`PublishError::Unknown`] may it have been stored.
    pub async fn publish(&self, subject: String, payload: Bytes) -> Result<(), PublishError> {
        if !self.is_connected() {
            return Err(PublishError::Disconnected);
        }
        let acknowledgement = self.jetstream.publish(subject, payload).await.map_err(|error| classify(&error))?;
        acknowledgement.await.map_err(|error| classify(&error))?;
        Ok(())
    }

    /// Publishes events to their contexts' subjects, as few messages as may be, and waits until all are stored.
    ///
    /// # Errors
    /// [`PublishError`] of the first message that failed; others may have been stored. Publishing all again is safe, for
    /// consumers know what they have seen.
    pub async fn publish_events(&self, events: Vec<Envelope>) -> Result<(), PublishError> {
        let mut publishing = Vec::new();
        for (subject, payload) in pack(Class::Event, self.partitions(), events) {
            publishing.push(self.publish(subject, payload));
        }
        try_join_all(publishing).await?;
        Ok(())
    }
}

/// The messages that carry `envelopes`, in order within each subject.
#[must_use]
pub fn pack(class: Class, partitions: u16, envelopes: Vec<Envelope>) -> Vec<(String, Bytes)> {
    let mut open: Vec<(String, usize, Batch)> = Vec::new();
    let mut messages = Vec::new();
    for envelope in envelopes {
        let subject = class.subject(context(&envelope.kind), partition(envelope.merchant, partitions));
        let size = envelope.size_bytes();
        let index = open.iter().position(|(name, ..)| *name == subject).unwrap_or_else(|| {
            open.push((subject, 0, Batch { envelopes: Vec::new() }));
            open.len() - 1
        });
        let (subject, bytes, batch) = &mut open[index];
        if *bytes + size > MAX_MESSAGE_BYTES && !batch.envelopes.is_empty() {
            messages.push((subject.clone(), batch.encode()));
            batch.envelopes.clear();
            *bytes = 0;
        }
        *bytes += size;
        batch.envelopes.push(envelope);
    }
    messages.extend(open.into_iter().map(|(subject, _, batch)| (subject, batch.encode())));
    messages
}

fn classify(error: &async_nats::jetstream::context::PublishError) -> PublishError {
    let refused = error.source().and_then(|source| source.downcast_ref::<jetstream::Error>());
    match (error.kind(), refused) {
        (_, Some(refused)) if refused.error_code() == ErrorCode::STREAM_NOT_FOUND => {
            PublishError::Refused(format!("{refused}; run `pos topology apply`"))
        }
        (_, Some(refused)) => PublishError::Refused(refused.to_string()),
        (PublishErrorKind::StreamNotFound, _) => {
            PublishError::Refused("no stream takes this subject; run `pos topology apply`".to_owned())
        }
        (PublishErrorKind::MaxPayloadExceeded, _) => PublishError::TooLarge,
        (PublishErrorKind::MaxAckPending, _) => PublishError::Busy,
        _ => PublishError::Unknown(error.to_string()),
    }
}
