//! Dead letters: what could not take effect, kept until somebody decides.

use async_nats::jetstream::stream::{RawMessageErrorKind, Stream};
use bytes::Bytes;
use tillstream_contract::dead::DeadLetter;

use crate::{
    Bus, PublishError,
    subject::{DEAD_STREAM, dead},
};

/// Why dead letters could not be read or settled.
#[derive(Debug, thiserror::Error)]
pub enum DeadError {
    /// There is none of this number.
    #[error("there is no dead letter {0}; `pos deadletters list` shows those there are")]
    Missing(u64),
    /// The broker did not do as asked.
    #[error("dead letters could not be {action}")]
    Broker {
        /// What was asked.
        action: &'static str,
        /// Why not.
        #[source]
        source: async_nats::Error,
    },
    /// A letter's bytes are none.
    #[error("dead letter {sequence} cannot be read")]
    Unreadable {
        /// Its number.
        sequence: u64,
        /// Why not.
        #[source]
        source: async_nats::Error,
    },
    /// The stream to which it goes back did not take it. The letter is still there.
    #[error("dead letter {sequence} could not be published again; it is kept")]
    Redrive {
        /// Its number.
        sequence: u64,
        /// Why not.
        #[source]
        source: PublishError,
    },
}

impl Bus {
    /// Sets a message aside, durably.
    ///
    /// # Errors
    /// When the stream of dead letters does not take it; the message must then stay where it is.
    pub async fn bury(&self, letter: &DeadLetter) -> Result<(), PublishError> {
        self.publish(dead(&letter.worker), Bytes::from(letter.encode())).await
    }

    /// Up to `limit` dead letters from number `from` on, with their numbers.
    ///
    /// # Errors
    /// When the broker does not answer or a letter can't be read.
    pub async fn dead_letters(&self, from: u64, limit: usize) -> Result<Vec<(u64, DeadLetter)>, DeadError> {
        let stream = self.dead_stream().await?;
        let mut letters = Vec::new();
        let mut next = from.max(1);
        while letters.len() < limit {
            let message = match stream.raw_message_builder().sequence(next).next_by_subject(dead("*")).send().await {
                Ok(message) => message,
                Err(error) if error.kind() == RawMessageErrorKind::NoMessageFound => break,
                Err(source) => return Err(DeadError::Broker { action: "read", source: source.into() }),
            };
            letters.push((message.sequence, read(message.sequence, &message.payload)?));
            next = message.sequence + 1;
        }
        Ok(letters)
    }

    /// The dead letter of that number.
    ///
    /// # Errors
    /// When there is none, the broker does not answer or the letter can't be read.
    pub async fn dead_letter(&self, sequence: u64) -> Result<DeadLetter, DeadError> {
        let found = self.dead_letters(sequence, 1).await?;
        found
            .into_iter()
            .find(|(number, _)| *number == sequence)
            .map(|(_, letter)| letter)
            .ok_or(DeadError::Missing(sequence))
    }

    /// Publishes a dead letter's payload (or `mended` in its place) to where it came from, then drops the letter. Should
    /// the second step fail, doing it again is safe: the inbox knows what has taken effect.
    ///
    /// # Errors
    /// When there is none, or the broker refuses.
    pub async fn redrive(&self, sequence: u64, mended: Option<Bytes>) -> Result<(), DeadError> {
        let letter = self.dead_letter(sequence).await?;
        let payload = mended.unwrap_or_else(|| Bytes::from(letter.payload.into_vec()));
        self.publish(letter.subject, payload).await.map_err(|source| DeadError::Redrive { sequence, source })?;
        self.drop_letter(sequence).await
    }

    /// Drops a dead letter for good.
    ///
    /// # Errors
    /// When there is none, or the broker refuses.
    pub async fn drop_letter(&self, sequence: u64) -> Result<(), DeadError> {
        self.dead_letter(sequence).await?;
        let stream = self.dead_stream().await?;
        stream
            .delete_message(sequence)
            .await
            .map_err(|source| DeadError::Broker { action: "dropped", source: source.into() })?;
        Ok(())
    }

    async fn dead_stream(&self) -> Result<Stream, DeadError> {
        self.jetstream
            .get_stream(DEAD_STREAM)
            .await
            .map_err(|source| DeadError::Broker { action: "found", source: source.into() })
    }
}

fn read(sequence: u64, payload: &[u8]) -> Result<DeadLetter, DeadError> {
    DeadLetter::decode(payload).map_err(|source| DeadError::Unreadable { sequence, source: source.into() })
}
