//! Messages that could not take effect, kept with their evidence.

use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;
use tillstream_domain::time::Timestamp;
use utoipa::ToSchema;

use crate::pack;

/// A dead letter: what was set aside, why, and where it goes when it is redriven.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct DeadLetter {
    /// The worker that gave up, for example `sales`.
    pub worker: String,
    /// The subject from which it came and to which a redrive publishes it.
    pub subject: String,
    /// What went wrong, with its causes, the last attempt's.
    pub reason: String,
    /// How often it was tried alone.
    pub attempts: u32,
    /// When it was set aside.
    pub at: Timestamp,
    /// The payload to publish again: a batch of this one envelope, or the bytes as they came when they are no batch.
    #[schema(value_type = String, format = Binary)]
    pub payload: ByteBuf,
}

impl DeadLetter {
    /// The payload of its message.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        pack(self)
    }

    /// Reads the payload of its message.
    ///
    /// # Errors
    /// When it is none.
    pub fn decode(payload: &[u8]) -> Result<Self, rmp_serde::decode::Error> {
        rmp_serde::from_slice(payload)
    }
}
